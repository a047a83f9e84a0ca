/* SPDX-License-Identifier: GPL-2.0-only */
/* The service table: every key at the one place where the data plane looks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "svctable.h"

static struct lb_service service(uint32_t n, bool v6)
{
	struct lb_service s = {
	    .proto = n & 1 ? 17 : 6, .vip_id = n, .port_be = (__be16)(n % 7 * 256 + 80)};

	if (v6) {
		memcpy(s.addr, "\x20\x01\x0d\xb8", 4);
		s.addr[7] = (uint8_t)(n & 3); /* the same interface id in several networks */
		s.addr[14] = (uint8_t)(n >> 10);
		s.addr[15] = (uint8_t)(n >> 2);
	} else {
		memset(s.addr + 10, 0xff, 2);
		s.addr[12] = 192;
		s.addr[13] = (uint8_t)(n >> 16);
		s.addr[14] = (uint8_t)(n >> 8);
		s.addr[15] = (uint8_t)n;
	}
	/* What the builder fills in. */
	memcpy(s.addr_tail, s.addr + 12, 4);
	s.family = v6 ? 6 : 4;
	return s;
}

static void expect_table(size_t n, int families)
{
	uint32_t n_lines = svctable_lines(n), n_buckets = svctable_buckets(n);
	struct lb_service *lines = malloc(n_lines * sizeof(*lines));
	struct lb_service *services = calloc(n + 1, sizeof(*services));
	uint32_t *disp = malloc(n_buckets * sizeof(*disp));
	size_t used = 0;

	memset(lines, 0xa5, n_lines * sizeof(*lines));
	memset(disp, 0xa5, n_buckets * sizeof(*disp));
	for (size_t i = 0; i < n; i++)
		services[i] = service((uint32_t)i, families == 6 || (families == 46 && i % 2));
	cr_assert_eq(svctable_build(services, n, lines, n_lines, disp, n_buckets), 0);

	for (size_t i = 0; i < n; i++) {
		const struct lb_service *line =
		    svctable_find(lines, n_lines, disp, n_buckets, services[i].addr,
				  services[i].port_be, services[i].proto);

		cr_assert_not_null(line, "%zu of %zu is not found", i, n);
		cr_assert_arr_eq(line, &services[i], sizeof(*line));
		/* The same address, another port or protocol. */
		cr_assert_null(svctable_find(lines, n_lines, disp, n_buckets, services[i].addr,
					     (__be16)(services[i].port_be + 1), services[i].proto));
		cr_assert_null(svctable_find(lines, n_lines, disp, n_buckets, services[i].addr,
					     services[i].port_be, 1));
	}
	for (uint32_t i = 0; i < n_lines; i++) {
		static const struct lb_service empty;

		if (lines[i].proto)
			used++;
		else
			cr_assert_arr_eq(&lines[i], &empty, sizeof(empty));
	}
	cr_expect_eq(used, n);
	for (uint32_t i = 0; i < 1000; i++) {
		struct lb_service absent = service((uint32_t)n + 4096 + i, false);

		absent.addr[12] = 10;
		cr_assert_null(svctable_find(lines, n_lines, disp, n_buckets, absent.addr,
					     absent.port_be, absent.proto));
	}
	free(lines);
	free(services);
	free(disp);
}

Test(svctable, sizes_are_powers_of_two_with_room)
{
	cr_expect_eq(svctable_lines(0), 64);
	cr_expect_eq(svctable_buckets(0), 16);
	cr_expect_eq(svctable_lines(32), 64);
	cr_expect_eq(svctable_lines(33), 128);
	cr_expect_eq(svctable_buckets(33), 32);
	cr_expect_eq(svctable_lines(10000), 32768);
	cr_expect_eq(svctable_buckets(10000), 8192);
}

Test(svctable, finds_nothing_in_a_table_of_nothing)
{
	expect_table(0, 4);
}

Test(svctable, finds_each_ipv4_service_at_its_line)
{
	expect_table(1, 4);
	expect_table(10, 4);
	expect_table(1000, 4);
	expect_table(10000, 4);
}

Test(svctable, finds_each_ipv6_service_at_its_line)
{
	expect_table(1, 6);
	expect_table(10, 6);
	expect_table(1000, 6);
	expect_table(10000, 6);
}

Test(svctable, finds_both_families_in_one_table)
{
	expect_table(1000, 46);
	expect_table(10000, 46);
	/* as full as a table gets */
	expect_table(32, 46);
	expect_table(16384, 46);
}

Test(svctable, does_not_depend_on_the_order_of_the_services)
{
	struct lb_service a[100], b[100], x[256], y[256];
	uint32_t dx[64], dy[64];

	for (uint32_t i = 0; i < 100; i++) {
		a[i] = service(i, i % 2);
		b[(i * 37 + 5) % 100] = a[i];
	}
	cr_assert_eq(svctable_build(a, 100, x, 256, dx, 64), 0);
	cr_assert_eq(svctable_build(b, 100, y, 256, dy, 64), 0);
	cr_expect_arr_eq(x, y, sizeof(x));
	cr_expect_arr_eq(dx, dy, sizeof(dx));
}

Test(svctable, says_when_the_lines_do_not_suffice)
{
	struct lb_service services[9], lines[16];
	uint32_t disp[4];

	for (uint32_t i = 0; i < 9; i++)
		services[i] = service(i, false);
	cr_expect_eq(svctable_build(services, 9, lines, 8, disp, 4), -ENOSPC);
	cr_expect_eq(svctable_build(services, 9, lines, 16, disp, 4), 0);
}

Test(svctable, refuses_two_services_of_one_key)
{
	struct lb_service services[3] = {service(1, false), service(2, false), service(1, false)};
	struct lb_service lines[64];
	uint32_t disp[16];

	services[2].vip_id = 99;
	cr_expect_eq(svctable_build(services, 3, lines, 64, disp, 16), -EEXIST);
}

Test(svctable, refuses_sizes_that_are_no_power_of_two_and_empty_services)
{
	struct lb_service s = service(1, false), lines[64];
	uint32_t disp[16];

	cr_expect_eq(svctable_build(&s, 1, lines, 63, disp, 16), -EINVAL);
	cr_expect_eq(svctable_build(&s, 1, lines, 64, disp, 0), -EINVAL);
	s.proto = 0;
	cr_expect_eq(svctable_build(&s, 1, lines, 64, disp, 16), -EINVAL);
}
