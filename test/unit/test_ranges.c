/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_ranges.c - the lines that VIPs of more than one port are made into, searched as abi.h says.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/portrange.h"
#include "ranges.h"

static struct lb_service make(const char *address, uint8_t proto, uint16_t first, uint16_t last,
			      uint32_t vip_id)
{
	struct lb_service s = {.proto = proto,
			       .port_be = htons(first),
			       .port_last = first == last ? 0 : last,
			       .vip_id = vip_id};
	struct lb_addr addr;

	addr_parse(address, &addr);
	memcpy(s.addr, addr.b, sizeof(s.addr));
	return s;
}

Test(ranges, leaves_single_ports_where_they_are)
{
	struct lb_service s[] = {make("192.0.2.1", 6, 80, 80, 0), make("192.0.2.1", 6, 81, 81, 1)};
	struct lb_service before[2], lines[4];
	size_t n = 2;

	memcpy(before, s, sizeof(s));
	cr_assert_eq(ranges_build(s, &n, lines, 4), 0);
	cr_expect_eq(n, 2);
	cr_expect_arr_eq(s, before, sizeof(s));
	for (int i = 0; i < 4; i++)
		cr_expect_eq(lines[i].proto, 0);
}

Test(ranges, puts_a_run_for_each_address_and_protocol_behind_a_line_that_leads_to_it)
{
	struct lb_service s[] = {make("192.0.2.1", 6, 1, 65535, 10),
				 make("192.0.2.1", 6, 80, 80, 11),
				 make("192.0.2.1", 6, 100, 199, 12),
				 make("192.0.2.1", 17, 5, 6, 13), make("2001:db8::1", 6, 5, 6, 14)};
	struct lb_service lines[8];
	size_t n = 5;

	cr_assert_eq(ranges_build(s, &n, lines, 8), 0);
	cr_assert_eq(n, 4);
	cr_expect_eq(s[0].vip_id, 11);
	for (size_t i = 1; i < n; i++) {
		const struct lb_service *line = &lines[s[i].first_slot];

		cr_expect_eq(s[i].port_be, 0);
		cr_expect_eq(s[i].proto, line->proto | LB_SERVICE_RANGES);
		cr_expect_arr_eq(s[i].addr, line->addr, 16);
		cr_expect_eq(s[i].slot_count, line->vip_id < 13 ? 3 : 1);
		for (uint32_t k = 1; k < s[i].slot_count; k++)
			cr_expect_gt(line[k].from, line[k - 1].to);
	}
	cr_expect_eq(lines[5].proto, 0);
}

Test(ranges, keeps_a_vip_of_which_nothing_is_left_behind_all_runs)
{
	struct lb_service s[] = {make("192.0.2.1", 6, 10, 13, 0), make("192.0.2.1", 6, 10, 11, 1),
				 make("192.0.2.1", 6, 12, 13, 2), make("192.0.2.2", 6, 1, 2, 3)};
	struct lb_service lines[8];
	size_t n = 4;

	cr_assert_eq(ranges_build(s, &n, lines, 8), 0);
	cr_expect_eq(n, 2);
	cr_expect_eq(lines[3].vip_id, 0);
	cr_expect_gt(lines[3].from, lines[3].to);
	for (size_t i = 0; i < n; i++)
		cr_expect_leq(s[i].first_slot + s[i].slot_count, 3);
}

/* As layout_caps.ranges is worked out. */
Test(ranges, never_needs_more_than_two_lines_a_range)
{
	for (uint32_t round = 0; round < 200; round++) {
		struct lb_service s[PORTRANGE_MAX], lines[2 * PORTRANGE_MAX];
		size_t n = 0;

		for (uint32_t i = 0; i < PORTRANGE_MAX; i++) {
			uint16_t first = (uint16_t)(1 + (i * 7919 + round * 104729) % 50);
			uint16_t last = (uint16_t)(first + 1 + (i * 31 + round * 17) % 40);
			bool known = false;

			for (size_t k = 0; k < n; k++)
				known |= s[k].port_be == htons(first) && s[k].port_last == last;
			if (!known)
				s[n++] = make("192.0.2.1", 6, first, last, i);
		}
		cr_assert_eq(ranges_build(s, &n, lines, (uint32_t)(2 * n)), 0, "round %u", round);
		cr_assert_eq(n, 1);
	}
}

Test(ranges, says_what_it_cannot_build)
{
	struct lb_service same[] = {make("192.0.2.1", 6, 1, 2, 0), make("192.0.2.1", 6, 1, 2, 1)};
	struct lb_service many[PORTRANGE_MAX + 1], lines[4 * PORTRANGE_MAX];
	size_t n = 2;

	cr_expect_eq(ranges_build(same, &n, lines, 4), -EEXIST);
	for (uint16_t i = 0; i <= PORTRANGE_MAX; i++)
		many[i] = make("192.0.2.1", 6, 1, (uint16_t)(2 + i), i);
	n = PORTRANGE_MAX + 1;
	cr_expect_eq(ranges_build(many, &n, lines, 4 * PORTRANGE_MAX), -E2BIG);
	n = 2;
	same[0] = make("192.0.2.1", 6, 1, 2, 0);
	same[1] = make("192.0.2.1", 6, 2, 4, 1);
	cr_expect_eq(ranges_build(same, &n, lines, 1), -ENOSPC);
}
