/* SPDX-License-Identifier: GPL-2.0-only */
/* Slots: who moves when a backend goes down, and how much a change moves. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lb/abi.h"
#include "lb/hash.h"
#include "slots.h"

#define SEED 7
#define N    10
#define SIZE 8168

static void make(struct slots_backend *backends, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t be4[4] = {192, 0, 2, (uint8_t)i};

		backends[i] = (struct slots_backend){
		    .maglev = {.address = addr_from_v4(be4), .weight = 100, .id = (uint16_t)i},
		    .usable = true,
		};
	}
}

Test(slots, equals_the_plain_table_while_all_are_usable)
{
	struct slots_backend backends[N];
	struct maglev_backend plain[N];
	uint16_t got[SIZE], want[SIZE];

	make(backends, N);
	for (int i = 0; i < N; i++)
		plain[i] = backends[i].maglev;
	cr_assert_eq(slots_build(backends, N, SEED, SIZE, got), 0);
	cr_assert_eq(maglev_build(plain, N, SEED, SIZE, want), 0);
	cr_expect_arr_eq(got, want, sizeof(got));
}

Test(slots, a_backend_that_goes_down_moves_nobody_else)
{
	struct slots_backend backends[N];
	uint16_t before[SIZE], after[SIZE];
	uint32_t gained[N] = {0};

	make(backends, N);
	cr_assert_eq(slots_build(backends, N, SEED, SIZE, before), 0);
	backends[3].usable = false;
	cr_assert_eq(slots_build(backends, N, SEED, SIZE, after), 0);
	for (int i = 0; i < SIZE; i++) {
		cr_assert_neq(after[i], 3);
		if (before[i] != 3)
			cr_assert_eq(after[i], before[i]);
		else
			gained[after[i]]++;
	}
	/* Its slots are spread over all others, near to evenly: 817 / 9 = 91 each. */
	for (int i = 0; i < N; i++)
		cr_expect(i == 3 || (gained[i] > 45 && gained[i] < 140), "%d: %u", i, gained[i]);

	backends[3].usable = true;
	cr_assert_eq(slots_build(backends, N, SEED, SIZE, after), 0);
	cr_expect_arr_eq(before, after, sizeof(before));
}

Test(slots, the_result_does_not_depend_on_the_order_of_events)
{
	struct slots_backend a[N], b[N];
	uint16_t x[SIZE], y[SIZE];

	make(a, N);
	a[2].usable = a[8].usable = false;
	for (int i = 0; i < N; i++)
		b[(i * 3 + 1) % N] = a[i];
	cr_assert_eq(slots_build(a, N, SEED, SIZE, x), 0);
	cr_assert_eq(slots_build(b, N, SEED, SIZE, y), 0);
	cr_expect_arr_eq(x, y, sizeof(x));
}

Test(slots, with_nothing_usable_every_slot_is_none)
{
	struct slots_backend backends[N];
	uint16_t slots[SIZE];

	make(backends, N);
	for (int i = 0; i < N; i++)
		backends[i].usable = false;
	cr_assert_eq(slots_build(backends, N, SEED, SIZE, slots), 0);
	for (int i = 0; i < SIZE; i++)
		cr_assert_eq(slots[i], LB_SLOT_NONE);

	/* Usable, but of weight 0: it may not take new flows either. */
	backends[0].usable = true;
	backends[0].maglev.weight = 0;
	cr_assert_eq(slots_build(backends, N, SEED, SIZE, slots), 0);
	for (int i = 0; i < SIZE; i++)
		cr_assert_eq(slots[i], LB_SLOT_NONE);
	cr_assert_eq(slots_build(NULL, 0, SEED, SIZE, slots), 0);
	cr_expect_eq(slots[0], LB_SLOT_NONE);
}

Test(slots, refuses_an_id_that_no_slot_can_hold)
{
	struct slots_backend backends[2];
	uint16_t slots[16];

	make(backends, 2);
	backends[1].maglev.id = LB_SLOT_NONE;
	cr_expect_eq(slots_build(backends, 2, SEED, 16, slots), -EINVAL);
}

Test(slots_moved_share, is_the_share_of_unequal_slots_where_sizes_are_equal)
{
	uint16_t a[4] = {0, 1, 2, 3}, b[4] = {0, 1, 2, 0};

	cr_expect_float_eq(slots_moved_share(a, 4, a, 4, NULL, 0), 0.0, 1e-12);
	cr_expect_float_eq(slots_moved_share(a, 4, b, 4, NULL, 0), 0.25, 1e-12);
	b[0] |= LB_SLOT_DIRTY;
	cr_expect_float_eq(slots_moved_share(a, 4, b, 4, NULL, 0), 0.25, 1e-12);
}

Test(slots_moved_share, counts_slots_without_a_backend)
{
	uint16_t none[2] = {LB_SLOT_NONE, LB_SLOT_NONE}, one[2] = {0, LB_SLOT_NONE};

	cr_expect_float_eq(slots_moved_share(none, 2, none, 2, NULL, 0), 0.0, 1e-12);
	cr_expect_float_eq(slots_moved_share(one, 2, none, 2, NULL, 0), 0.5, 1e-12);
	cr_expect_float_eq(slots_moved_share(none, 2, one, 2, NULL, 0), 0.5, 1e-12);
}

Test(slots_moved_share, translates_ids)
{
	uint16_t a[4] = {0, 1, 2, 5}, b[4] = {1, 0, 0, 5};
	uint16_t old_to_new[3] = {1, 0, UINT16_MAX};

	/* 0 → 1 and 1 → 0 stay; 2 is gone; 5 is not in the table of ids. */
	cr_expect_float_eq(slots_moved_share(a, 4, b, 4, old_to_new, 3), 0.5, 1e-12);
}

Test(slots_moved_share, agrees_with_sampling_where_sizes_differ)
{
	static const uint32_t sizes[][2] = {
	    {8168, 4084}, {1021, 2042}, {7, 5}, {1, 13}, {997, 8168}};
	struct slots_backend backends[N];
	uint16_t a[SIZE], b[SIZE];

	make(backends, N);
	for (size_t n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
		uint32_t na = sizes[n][0], nb = sizes[n][1], moved = 0, samples = 1u << 20;
		double want, got;

		cr_assert_eq(slots_build(backends, N, SEED, na, a), 0);
		cr_assert_eq(slots_build(backends, N - 1, SEED, nb, b), 0);
		for (uint32_t i = 0; i < samples; i++) {
			uint32_t hash = i << 12;

			moved += a[lb_hash_slot(hash, na)] != b[lb_hash_slot(hash, nb)];
		}
		want = (double)moved / samples;
		got = slots_moved_share(a, na, b, nb, NULL, 0);
		cr_expect_lt(fabs(got - want), 0.005, "%u/%u: %f, sampled %f", na, nb, got, want);
	}
}
