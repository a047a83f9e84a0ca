/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_health.c - rise and fall.
 */
#include <criterion/criterion.h>

#include "health.h"

static bool feed(struct health *health, const char *results, uint16_t rise, uint16_t fall)
{
	bool changed = false;

	for (; *results; results++)
		changed = health_result(health, *results == '+', rise, fall);
	return changed; /* by the last one */
}

Test(health, the_first_result_decides_at_once)
{
	struct health a = {.state = HEALTH_UNKNOWN}, b = a;

	cr_assert(feed(&a, "+", 5, 5));
	cr_assert_eq(a.state, HEALTH_UP);
	cr_assert(feed(&b, "-", 5, 5));
	cr_assert_eq(b.state, HEALTH_DOWN);
}

Test(health, falls_after_fall_failures_in_a_row)
{
	struct health h = {.state = HEALTH_UP};

	cr_assert_not(feed(&h, "--", 2, 3));
	cr_assert_eq(h.state, HEALTH_UP);
	cr_assert(feed(&h, "-", 2, 3));
	cr_assert_eq(h.state, HEALTH_DOWN);
	cr_assert_eq(h.streak, 0);
}

Test(health, a_success_between_starts_the_count_anew)
{
	struct health h = {.state = HEALTH_UP};

	cr_assert_not(feed(&h, "--+--+--", 2, 3));
	cr_assert_eq(h.state, HEALTH_UP);
	cr_assert_eq(h.streak, 2);
}

Test(health, rises_after_rise_successes_in_a_row)
{
	struct health h = {.state = HEALTH_DOWN};

	cr_assert_not(feed(&h, "+-+", 2, 3));
	cr_assert_eq(h.state, HEALTH_DOWN);
	cr_assert(feed(&h, "+", 2, 3));
	cr_assert_eq(h.state, HEALTH_UP);
}

Test(health, rise_and_fall_of_one_change_at_once)
{
	struct health h = {.state = HEALTH_UP};

	cr_assert(feed(&h, "-", 1, 1));
	cr_assert(feed(&h, "+", 1, 1));
	cr_assert_not(feed(&h, "+", 1, 1));
}

Test(health, an_unchecked_backend_stays_so)
{
	struct health h = {.state = HEALTH_UNCHECKED};

	cr_assert_not(feed(&h, "-----", 1, 1));
	cr_assert_eq(h.state, HEALTH_UNCHECKED);
}

Test(health, only_down_keeps_a_backend_from_use)
{
	cr_assert(health_usable(HEALTH_UNCHECKED));
	cr_assert(health_usable(HEALTH_UNKNOWN));
	cr_assert(health_usable(HEALTH_UP));
	cr_assert_not(health_usable(HEALTH_DOWN));
}

Test(health, states_have_names)
{
	cr_assert_str_eq(health_state_name(HEALTH_UNCHECKED), "unchecked");
	cr_assert_str_eq(health_state_name(HEALTH_UNKNOWN), "unknown");
	cr_assert_str_eq(health_state_name(HEALTH_UP), "up");
	cr_assert_str_eq(health_state_name(HEALTH_DOWN), "down");
}
