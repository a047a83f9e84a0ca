/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_portrange.c - which range a port belongs to: by examples, and for random sets of ranges port
 * by port against a search that knows nothing of intervals.
 */
#include <string.h>

#include <criterion/criterion.h>

#include "base/portrange.h"

#define NOBODY	   UINT32_MAX
#define ROUNDS	   300
#define SMALL_PORT 40u /* ranges over few ports overlap in every way */

static uint64_t state = 0x243f6a8885a308d3ull;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % below;
}

static uint32_t owner_by_hand(const struct portrange *ranges, size_t n, uint32_t port)
{
	uint32_t best_ports = UINT32_MAX, best_first = 0, owner = NOBODY;

	for (size_t i = 0; i < n; i++) {
		const uint32_t ports = ranges[i].last - ranges[i].first + 1u;

		if (port < ranges[i].first || port > ranges[i].last)
			continue;
		if (ports > best_ports || (ports == best_ports && ranges[i].first > best_first))
			continue;
		best_ports = ports;
		best_first = ranges[i].first;
		owner = ranges[i].owner;
	}
	return owner;
}

static uint32_t owner_by_parts(const struct portrange *parts, size_t n, uint32_t port)
{
	uint32_t owner = NOBODY;

	for (size_t i = 0; i < n; i++)
		if (parts[i].first <= port && port <= parts[i].last) {
			cr_assert_eq(owner, NOBODY, "port %u is in two intervals", port);
			owner = parts[i].owner;
		}
	return owner;
}

/* Different ranges, whose owners are their places. */
static size_t random_ranges(struct portrange *ranges, uint32_t wanted, uint32_t last_port)
{
	size_t n = 0;

	for (uint32_t tries = 0; tries < wanted; tries++) {
		uint32_t a = draw(last_port) + 1, b = draw(last_port) + 1;
		struct portrange range = {.first = (uint16_t)(a < b ? a : b),
					  .last = (uint16_t)(a < b ? b : a),
					  .owner = (uint32_t)n};
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= ranges[i].first == range.first && ranges[i].last == range.last;
		if (!known)
			ranges[n++] = range;
	}
	return n;
}

static void expect_parts_in_order(const struct portrange *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_expect_leq(parts[i].first, parts[i].last);
	for (size_t i = 1; i < n; i++) {
		cr_expect_lt(parts[i - 1].last, parts[i].first);
		cr_expect(parts[i - 1].owner != parts[i].owner ||
			      parts[i - 1].last + 1u < parts[i].first,
			  "two intervals of one owner touch");
	}
}

static void check_random(uint32_t wanted, uint32_t last_port, uint32_t step)
{
	struct portrange ranges[PORTRANGE_MAX], parts[PORTRANGE_PARTS(PORTRANGE_MAX)];
	size_t n = random_ranges(ranges, wanted, last_port);
	size_t n_parts = portrange_flatten(ranges, n, parts);

	cr_assert_leq(n_parts, PORTRANGE_PARTS(n));
	expect_parts_in_order(parts, n_parts);
	for (uint32_t port = 0; port <= last_port; port += step)
		cr_assert_eq(owner_by_parts(parts, n_parts, port), owner_by_hand(ranges, n, port),
			     "port %u of %zu ranges", port, n);
}

Test(portrange, gives_every_port_of_random_ranges_to_the_most_specific_one)
{
	for (int i = 0; i < ROUNDS; i++)
		check_random(draw(PORTRANGE_MAX + 1), SMALL_PORT, 1);
	for (int i = 0; i < ROUNDS; i++)
		check_random(draw(PORTRANGE_MAX + 1), PORTRANGE_LAST, 61);
}

Test(portrange, does_not_depend_on_the_order_of_the_ranges)
{
	struct portrange ranges[PORTRANGE_MAX], turned[PORTRANGE_MAX];
	struct portrange a[PORTRANGE_PARTS(PORTRANGE_MAX)], b[PORTRANGE_PARTS(PORTRANGE_MAX)];

	for (int round = 0; round < ROUNDS; round++) {
		size_t n = random_ranges(ranges, PORTRANGE_MAX, SMALL_PORT), n_parts;

		for (size_t i = 0; i < n; i++)
			turned[i] = ranges[n - 1 - i];
		n_parts = portrange_flatten(ranges, n, a);
		cr_assert_eq(portrange_flatten(turned, n, b), n_parts);
		for (size_t i = 0; i < n_parts; i++)
			cr_assert(a[i].first == b[i].first && a[i].last == b[i].last &&
				  a[i].owner == b[i].owner);
	}
}

Test(portrange, cuts_a_hole_into_the_wider_range)
{
	const struct portrange ranges[] = {{1, 65535, 7}, {8000, 8099, 8}};
	struct portrange parts[PORTRANGE_PARTS(2)];

	cr_assert_eq(portrange_flatten(ranges, 2, parts), 3);
	cr_expect(parts[0].first == 1 && parts[0].last == 7999 && parts[0].owner == 7);
	cr_expect(parts[1].first == 8000 && parts[1].last == 8099 && parts[1].owner == 8);
	cr_expect(parts[2].first == 8100 && parts[2].last == 65535 && parts[2].owner == 7);
}

Test(portrange, leaves_nothing_of_a_range_that_narrower_ones_cover)
{
	const struct portrange ranges[] = {{10, 19, 0}, {10, 14, 1}, {15, 19, 2}};
	struct portrange parts[PORTRANGE_PARTS(3)];

	cr_assert_eq(portrange_flatten(ranges, 3, parts), 2);
	cr_expect_eq(parts[0].owner, 1);
	cr_expect_eq(parts[1].owner, 2);
	cr_expect_eq(portrange_flatten(ranges, 0, parts), 0);
}

Test(portrange, prefers_of_two_as_wide_the_one_that_begins_first)
{
	const struct portrange a = {10, 19, 0}, b = {15, 24, 1};

	cr_expect(portrange_more_specific(&a, &b));
	cr_expect_not(portrange_more_specific(&b, &a));
	cr_expect_not(portrange_more_specific(&a, &a));
}

Test(portrange, is_written_as_the_configuration_has_it)
{
	char buf[PORTRANGE_TEXT_MAX];

	cr_expect_str_eq(portrange_format(443, 443, buf), "443");
	cr_expect_str_eq(portrange_format(8000, 8099, buf), "8000-8099");
	cr_expect_str_eq(portrange_format(1, 65535, buf), "any");
	cr_expect_str_eq(portrange_format(65534, 65535, buf), "65534-65535");
}
