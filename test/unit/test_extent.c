/* SPDX-License-Identifier: GPL-2.0-only */
/* The id allocator: runs never overlap, and nothing freed comes back before its time. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/extent.h"

static uint32_t alloc(struct extent_pool *pool, uint32_t count, uint32_t align)
{
	uint32_t first = UINT32_MAX;

	cr_assert_eq(extent_alloc(pool, count, align, &first), 0);
	return first;
}

Test(extent, hands_out_the_first_run_that_fits)
{
	struct extent_pool *pool = extent_new(100);
	uint32_t first;

	cr_expect_eq(alloc(pool, 10, 1), 0);
	cr_expect_eq(alloc(pool, 10, 32), 32);
	cr_expect_eq(alloc(pool, 20, 1), 10);
	cr_expect_eq(alloc(pool, 2, 1), 30);
	cr_expect_eq(alloc(pool, 58, 2), 42);
	cr_expect_eq(extent_alloc(pool, 1, 1, &first), -ENOSPC);
	cr_expect_eq(extent_used(pool), 100);
	cr_expect_eq(extent_alloc(pool, 0, 1, &first), -EINVAL);
	cr_expect_eq(extent_alloc(pool, 1, 0, &first), -EINVAL);
	extent_free(pool);
	extent_free(NULL);
}

Test(extent, a_freed_run_is_not_handed_out_before_reap)
{
	struct extent_pool *pool = extent_new(10);
	uint32_t first;

	cr_expect_eq(alloc(pool, 10, 1), 0);
	cr_expect_eq(extent_release(pool, 2, 3), 0);
	cr_expect(extent_has_quarantine(pool));
	cr_expect_eq(extent_used(pool), 10);
	cr_expect_eq(extent_alloc(pool, 1, 1, &first), -ENOSPC);
	cr_expect_eq(extent_claim(pool, 2, 1), -EEXIST);
	cr_expect_eq(extent_release(pool, 4, 1), -EINVAL, "released twice");
	extent_reap(pool);
	cr_expect_not(extent_has_quarantine(pool));
	cr_expect_eq(extent_used(pool), 7);
	cr_expect_eq(extent_release(pool, 4, 2), -EINVAL, "half of it is free");
	cr_expect_eq(alloc(pool, 3, 1), 2);
	extent_free(pool);
}

Test(extent, claims_only_what_is_wholly_free)
{
	struct extent_pool *pool = extent_new(100);

	cr_expect_eq(extent_claim(pool, 10, 10), 0);
	cr_expect_eq(extent_claim(pool, 5, 6), -EEXIST);
	cr_expect_eq(extent_claim(pool, 19, 1), -EEXIST);
	cr_expect_eq(extent_claim(pool, 20, 1), 0);
	cr_expect_eq(extent_claim(pool, 0, 100), -EEXIST);
	cr_expect_eq(extent_claim(pool, 99, 2), -ERANGE);
	cr_expect_eq(extent_claim(pool, UINT32_MAX, UINT32_MAX), -ERANGE);
	cr_expect_eq(extent_claim(pool, 99, 1), 0);
	cr_expect_eq(extent_used(pool), 12);
	extent_free(pool);
}

Test(extent, melts_freed_neighbours_together)
{
	struct extent_pool *pool = extent_new(30);
	uint32_t first;

	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(alloc(pool, 10, 1), i * 10);
	cr_expect_eq(extent_release(pool, 0, 10), 0);
	cr_expect_eq(extent_release(pool, 20, 10), 0);
	extent_reap(pool);
	cr_expect_eq(extent_alloc(pool, 11, 1, &first), -ENOSPC);
	cr_expect_eq(extent_release(pool, 10, 10), 0);
	extent_reap(pool);
	cr_expect_eq(alloc(pool, 30, 1), 0);
	extent_free(pool);
}

Test(extent, grows_and_never_shrinks)
{
	struct extent_pool *pool = extent_new(0);
	uint32_t first;

	cr_expect_eq(extent_alloc(pool, 1, 1, &first), -ENOSPC);
	cr_expect_eq(extent_grow(pool, 8), 0);
	cr_expect_eq(alloc(pool, 6, 1), 0);
	cr_expect_eq(extent_alloc(pool, 4, 1, &first), -ENOSPC);
	cr_expect_eq(extent_grow(pool, 10), 0);
	cr_expect_eq(alloc(pool, 4, 1), 6);
	cr_expect_eq(extent_grow(pool, 9), -EINVAL);
	cr_expect_eq(extent_grow(pool, 10), 0);
	cr_expect_eq(extent_capacity(pool), 10);
	extent_free(pool);
}

Test(extent, a_clone_goes_its_own_way)
{
	struct extent_pool *pool = extent_new(100), *copy;

	cr_expect_eq(alloc(pool, 10, 1), 0);
	cr_expect_eq(extent_release(pool, 0, 5), 0);
	copy = extent_clone(pool);
	for (uint32_t i = 0; i < 40; i++)
		cr_expect_eq(alloc(copy, 2, 2), 10 + 2 * i);
	cr_expect(extent_has_quarantine(copy));
	extent_reap(copy);
	cr_expect_eq(extent_used(pool), 10);
	cr_expect_eq(alloc(pool, 1, 1), 10);
	extent_free(pool);
	cr_expect_eq(alloc(copy, 5, 1), 0);
	extent_free(copy);
}

Test(extent, holds_a_hundred_thousand_runs_with_gaps)
{
	uint32_t n = 100000, count = 1021 * 8;
	struct extent_pool *pool = extent_new(n * 8192);
	uint32_t first;

	/* The gaps that the alignment leaves must not make the search slow. */
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(alloc(pool, count, 32), i * 8192);
	cr_expect_eq(extent_alloc(pool, count, 32, &first), -ENOSPC);
	/* In an order far from sorted; 37 has no common factor with n. */
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(extent_release(pool, i * 37 % n * 8192, count), 0);
	extent_reap(pool);
	cr_expect_eq(extent_used(pool), 0);
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(extent_claim(pool, i * 37 % n * 8192, count), 0);
	cr_expect_eq(alloc(pool, 24, 1), count);
	cr_expect_eq(extent_alloc(pool, 1, 32, &first), -ENOSPC);
	extent_free(pool);
}

#define MODEL 600

enum state {
	FREE,
	TAKEN,
	QUARANTINE
};

static bool model_is(const uint8_t *model, uint32_t first, uint32_t count, enum state state)
{
	for (uint32_t i = first; i < first + count; i++)
		if (model[i] != state)
			return false;
	return true;
}

static uint32_t model_first_fit(const uint8_t *model, uint32_t capacity, uint32_t count,
				uint32_t align)
{
	for (uint32_t at = 0; at + count <= capacity; at += align)
		if (model_is(model, at, count, FREE))
			return at;
	return UINT32_MAX;
}

static uint32_t pick(uint64_t *random, uint32_t below)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((*random >> 33) % below);
}

Test(extent, agrees_with_a_naive_bitmap_in_random_use)
{
	uint64_t random = 1;

	for (int run = 0; run < 30; run++) {
		uint32_t capacity = 1 + pick(&random, MODEL / 2);
		struct extent_pool *pool = extent_new(capacity);
		uint8_t model[MODEL + 64] = {FREE};

		for (int step = 0; step < 1500; step++) {
			uint32_t count = 1 + pick(&random, 24), align = 1u << pick(&random, 5);
			uint32_t first = pick(&random, capacity), got = UINT32_MAX, used = 0;
			bool quarantine = false;
			int rc;

			switch (pick(&random, 16)) {
			case 0:
				extent_reap(pool);
				for (uint32_t i = 0; i < capacity; i++)
					if (model[i] == QUARANTINE)
						model[i] = FREE;
				break;
			case 1:
				if (capacity + count <= MODEL && pick(&random, 8) == 0) {
					capacity += count;
					cr_assert_eq(extent_grow(pool, capacity), 0);
				}
				break;
			case 2: {
				struct extent_pool *copy = extent_clone(pool);

				extent_free(pool);
				pool = copy;
				break;
			}
			case 3 ... 5:
				rc = extent_claim(pool, first, count);
				if (first + count > capacity) {
					cr_assert_eq(rc, -ERANGE);
				} else if (model_is(model, first, count, FREE)) {
					cr_assert_eq(rc, 0);
					memset(model + first, TAKEN, count);
				} else {
					cr_assert_eq(rc, -EEXIST);
				}
				break;
			case 6 ... 10:
				count = 1 + pick(&random, 6);
				rc = extent_release(pool, first, count);
				if (first + count <= capacity &&
				    model_is(model, first, count, TAKEN)) {
					cr_assert_eq(rc, 0);
					memset(model + first, QUARANTINE, count);
				} else {
					cr_assert_eq(rc, -EINVAL);
				}
				break;
			default:
				rc = extent_alloc(pool, count, align, &got);
				first = model_first_fit(model, capacity, count, align);
				cr_assert_eq(rc, first == UINT32_MAX ? -ENOSPC : 0);
				cr_assert_eq(got, first);
				if (rc == 0)
					memset(model + first, TAKEN, count);
			}
			for (uint32_t i = 0; i < capacity; i++) {
				used += model[i] != FREE;
				quarantine |= model[i] == QUARANTINE;
			}
			cr_assert_eq(extent_used(pool), used);
			cr_assert_eq(extent_has_quarantine(pool), quarantine);
		}
		extent_free(pool);
	}
}
