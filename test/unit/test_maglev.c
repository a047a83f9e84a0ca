/* SPDX-License-Identifier: GPL-2.0-only */
/* Maglev tables: fair to the weights, the same on every box, and steady under change. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lb/abi.h"
#include "maglev.h"

#define SEED 0x5eed

static struct maglev_backend backend(uint32_t n, uint32_t weight)
{
	uint8_t be4[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return (struct maglev_backend){
	    .address = addr_from_v4(be4), .weight = weight, .id = (uint16_t)n};
}

static uint16_t *build(const struct maglev_backend *backends, size_t n, uint32_t n_slots)
{
	uint16_t *slots = malloc(n_slots * sizeof(*slots));

	memset(slots, 0xa5, n_slots * sizeof(*slots));
	cr_assert_eq(maglev_build(backends, n, SEED, n_slots, slots), 0);
	return slots;
}

/* Checks every backend's number of slots; `tolerance` is a share of the right number. */
static void expect_balance(const uint32_t *weights, size_t n, uint32_t n_slots, double tolerance)
{
	struct maglev_backend *backends = calloc(n, sizeof(*backends));
	uint32_t *count = calloc(LB_SLOT_NONE + 1, sizeof(*count));
	double total = 0;
	uint16_t *slots;

	for (size_t i = 0; i < n; i++) {
		backends[i] = backend((uint32_t)i, weights[i]);
		total += weights[i];
	}
	slots = build(backends, n, n_slots);
	for (uint32_t i = 0; i < n_slots; i++) {
		cr_assert_lt(slots[i], n);
		count[slots[i]]++;
	}
	for (size_t i = 0; i < n; i++) {
		double share = n_slots * (weights[i] / total);

		cr_expect_lt(fabs(count[i] - share), 1.0, "%zu: %u of %f", i, count[i], share);
		cr_expect_leq(fabs(count[i] - share), tolerance * share + 1e-6, "%zu: %u of %f", i,
			      count[i], share);
	}
	free(slots);
	free(count);
	free(backends);
}

Test(maglev, chooses_sizes_that_divide_each_other)
{
	uint32_t last = 0;

	cr_expect_eq(maglev_slot_count(1), 1021);
	cr_expect_eq(maglev_slot_count(2), 2042);
	cr_expect_eq(maglev_slot_count(10), 8168);
	cr_expect_eq(maglev_slot_count(100), 65344);
	for (size_t n = 1; n <= LB_POOL_BACKENDS_MAX; n++) {
		uint32_t count = maglev_slot_count(n);

		cr_assert_geq(count, n * MAGLEV_SLOTS_PER_BACKEND);
		cr_assert_leq(count, LB_SLOTS_MAX);
		cr_assert(last == 0 || count % last == 0);
		last = count;
	}
	cr_expect_leq(maglev_slot_count(1000000), LB_SLOTS_MAX);
}

Test(maglev, gives_each_backend_its_share_by_weight)
{
	static const uint32_t two[] = {100, 50}, skewed[] = {1, 1, 1, 7}, odd[] = {100, 100, 33};
	static const uint32_t zeroes[] = {0, 100, 0, 50, 100};
	uint32_t equal[100], mixed[100];

	for (uint32_t i = 0; i < 100; i++) {
		equal[i] = 1;
		mixed[i] = 50 + i;
	}
	expect_balance(two, 2, maglev_slot_count(2), 0.01);
	expect_balance(skewed, 4, maglev_slot_count(4), 0.01);
	expect_balance(odd, 3, maglev_slot_count(3), 0.01);
	expect_balance(zeroes, 5, maglev_slot_count(5), 0.01);
	expect_balance(equal, 100, maglev_slot_count(100), 0.01);
	expect_balance(mixed, 100, maglev_slot_count(100), 0.01);
}

Test(maglev, stays_within_one_slot_of_the_share_whatever_the_weights)
{
	uint64_t x = 42;

	for (int round = 0; round < 300; round++) {
		uint32_t weights[40], n_slots;
		size_t n;

		for (size_t i = 0; i < 40; i++) {
			x = x * 6364136223846793005ull + 1442695040888963407ull;
			/* from nearly equal to wildly skewed */
			weights[i] = 1 + (uint32_t)(x >> 33) % (1u << (round % 17));
		}
		n = 1 + (size_t)round % 40;
		n_slots = 1 + (uint32_t)(x >> 40) % 5000;
		expect_balance(weights, n, n_slots, INFINITY);
	}
}

Test(maglev, holds_the_largest_weights)
{
	uint32_t weights[3] = {UINT32_MAX, UINT32_MAX, 1};

	expect_balance(weights, 3, 4084, INFINITY);
}

Test(maglev, depends_on_ratios_of_weights_alone)
{
	struct maglev_backend a[3] = {backend(1, 100), backend(2, 50), backend(3, 150)};
	struct maglev_backend b[3] = {backend(1, 2), backend(2, 1), backend(3, 3)};
	uint16_t *x = build(a, 3, 2042), *y = build(b, 3, 2042);

	cr_expect_arr_eq(x, y, 2042 * sizeof(*x));
	free(x);
	free(y);
}

Test(maglev, does_not_depend_on_the_order_of_the_backends)
{
	struct maglev_backend a[50], b[50];
	uint16_t *x, *y;

	for (uint32_t i = 0; i < 50; i++) {
		a[i] = backend(i, 1 + i % 4);
		b[(i * 37 + 11) % 50] = a[i];
	}
	x = build(a, 50, maglev_slot_count(50));
	y = build(b, 50, maglev_slot_count(50));
	cr_expect_arr_eq(x, y, maglev_slot_count(50) * sizeof(*x));
	free(x);
	free(y);
}

Test(maglev, identity_is_the_address_and_ids_are_only_written)
{
	struct maglev_backend a[3] = {backend(1, 1), backend(2, 1), backend(3, 1)};
	struct maglev_backend b[3] = {a[0], a[1], a[2]};
	uint16_t *x, *y;

	b[0].id = 30;
	b[1].id = 20;
	b[2].id = 10;
	x = build(a, 3, 2042);
	y = build(b, 3, 2042);
	for (int i = 0; i < 2042; i++)
		cr_assert_eq(y[i], (4 - x[i]) * 10);
	free(x);
	free(y);
}

Test(maglev, another_seed_gives_another_table)
{
	struct maglev_backend a[3] = {backend(1, 1), backend(2, 1), backend(3, 1)};
	uint16_t x[2042], y[2042];
	int same = 0;

	cr_assert_eq(maglev_build(a, 3, 1, 2042, x), 0);
	cr_assert_eq(maglev_build(a, 3, 2, 2042, y), 0);
	for (int i = 0; i < 2042; i++)
		same += x[i] == y[i];
	/* Independent tables agree on a third. */
	cr_expect_lt(same, 2042 * 0.45);
	cr_expect_gt(same, 2042 * 0.22);
}

/* Share of the survivors' slots that change their owner when one of `n` goes. */
static double disruption(uint32_t n, uint32_t n_slots, uint32_t gone)
{
	struct maglev_backend *all = calloc(n, sizeof(*all));
	uint32_t moved = 0, survivors = 0;
	uint16_t *before, *after;

	for (uint32_t i = 0; i < n; i++)
		all[i] = backend(i, 1);
	before = build(all, n, n_slots);
	all[gone] = all[n - 1];
	after = build(all, n - 1, n_slots);
	for (uint32_t i = 0; i < n_slots; i++) {
		if (before[i] == gone)
			continue;
		survivors++;
		moved += before[i] != after[i];
	}
	free(before);
	free(after);
	free(all);
	return (double)moved / survivors;
}

Test(maglev, moves_well_under_one_percent_of_the_survivors_when_one_of_100_goes)
{
	double sum = 0;

	for (uint32_t gone = 0; gone < 100; gone += 10) {
		double share = disruption(100, maglev_slot_count(100), gone);

		cr_expect_lt(share, 0.008, "%f", share);
		sum += share;
	}
	/* The classic table of 65537 slots moves 0.59 %. */
	cr_expect_lt(sum / 10, 0.0062, "%f", sum / 10);
	/* 0 would mean that the count is broken: Maglev is not that good. */
	cr_expect_gt(sum, 0.0);
}

Test(maglev, a_single_backend_gets_every_slot)
{
	struct maglev_backend one = backend(7, 3);
	uint16_t *slots = build(&one, 1, 1021);

	for (int i = 0; i < 1021; i++)
		cr_assert_eq(slots[i], 7);
	free(slots);
}

Test(maglev, works_with_any_number_of_slots)
{
	struct maglev_backend all[7];

	for (uint32_t i = 0; i < 7; i++)
		all[i] = backend(i, 1);
	for (uint32_t n_slots = 1; n_slots <= 700; n_slots++) {
		uint16_t *slots = build(all, 7, n_slots);
		uint32_t count[7] = {0};

		for (uint32_t i = 0; i < n_slots; i++) {
			cr_assert_lt(slots[i], 7);
			count[slots[i]]++;
		}
		for (int i = 0; i < 7; i++)
			cr_assert(count[i] == n_slots / 7 || count[i] == n_slots / 7 + 1);
		free(slots);
	}
}

Test(maglev, gives_fewer_slots_than_backends_to_different_backends)
{
	struct maglev_backend all[100];
	bool seen[100] = {false};
	uint16_t *slots;

	for (uint32_t i = 0; i < 100; i++)
		all[i] = backend(i, 1);
	slots = build(all, 100, 30);
	for (int i = 0; i < 30; i++) {
		cr_assert_lt(slots[i], 100);
		cr_expect_not(seen[slots[i]]);
		seen[slots[i]] = true;
	}
	free(slots);
}

Test(maglev, without_a_weight_every_slot_is_none)
{
	struct maglev_backend all[2] = {backend(1, 0), backend(2, 0)};
	uint16_t *slots = build(all, 2, 100);

	for (int i = 0; i < 100; i++)
		cr_assert_eq(slots[i], LB_SLOT_NONE);
	free(slots);
	slots = build(NULL, 0, 100);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(slots[i], LB_SLOT_NONE);
	free(slots);
}

Test(maglev, refuses_equal_addresses_and_impossible_sizes)
{
	struct maglev_backend all[3] = {backend(1, 1), backend(2, 1), backend(1, 0)};
	uint16_t slots[8];

	cr_expect_eq(maglev_build(all, 3, SEED, 8, slots), -EINVAL);
	cr_expect_eq(maglev_build(all, 2, SEED, 8, slots), 0);
	cr_expect_eq(maglev_build(all, 2, SEED, 0, slots), -EINVAL);
	cr_expect_eq(maglev_build(all, 2, SEED, LB_SLOTS_MAX + 1, slots), -EINVAL);
}
