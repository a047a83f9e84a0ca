/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fast table against the paper's own loop (figure 3 of the Maglev paper), slot by slot. It
 * needs the permutations and quotas, hence the module's inside.
 */
#include <criterion/criterion.h>

#include "../../lb-agent/maglev.c"

/* Equal weights: everyone in turn takes the next free slot of its permutation, up to its quota. */
static void reference(const struct maglev_backend *backends, size_t n, uint64_t seed,
		      uint32_t n_slots, uint16_t *slots)
{
	struct build build = {.n_slots = n_slots};
	uint32_t filled = 0;

	cr_assert_eq(build_open(&build, n), 0);
	cr_assert_eq(sort_members(&build, backends, n, seed), 0);
	assign_quotas(&build);
	for (uint32_t i = 0; i < n_slots; i++)
		slots[i] = LB_SLOT_NONE;
	while (filled < n_slots) {
		for (size_t i = 0; i < n; i++) {
			struct member *member = &build.members[i];
			uint64_t pos = member->pos;

			if (member->left == 0)
				continue;
			while (slots[pos] != LB_SLOT_NONE)
				pos = (pos + member->skip) % n_slots;
			slots[pos] = member->id;
			member->left--;
			filled++;
		}
	}
	build_close(&build);
}

Test(maglev_reference, the_fast_table_is_the_papers)
{
	static const uint32_t sizes[] = {1, 2, 3, 30, 64, 997, 1000, 1021, 2042, 8168, 16384};
	uint16_t *want = malloc(16384 * sizeof(*want)), *got = malloc(16384 * sizeof(*got));
	struct maglev_backend all[60];

	for (uint32_t i = 0; i < 60; i++) {
		uint8_t be16[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)i};

		all[i] = (struct maglev_backend){
		    .address = addr_from_v6(be16), .weight = 3, .id = (uint16_t)i};
	}
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		for (size_t n = 1; n <= 60; n += 7) {
			cr_assert_eq(maglev_build(all, n, s, sizes[s], got), 0);
			reference(all, n, s, sizes[s], want);
			cr_assert_arr_eq(got, want, sizes[s] * sizeof(*got), "%zu in %u", n,
					 sizes[s]);
		}
	}
	free(want);
	free(got);
}

Test(maglev_reference, every_skip_is_coprime_to_the_number_of_slots)
{
	for (uint32_t n_slots = 1; n_slots < 3000; n_slots++) {
		uint8_t be4[4] = {10, 0, (uint8_t)(n_slots >> 8), (uint8_t)n_slots};
		struct maglev_backend backend = {.address = addr_from_v4(be4), .weight = 1};
		struct member member;

		member_init(&member, &backend, n_slots, n_slots);
		cr_assert_lt(member.pos, n_slots);
		cr_assert(member.skip < n_slots || n_slots == 1);
		cr_assert_eq(gcd(n_slots, member.skip), 1);
		cr_assert_eq((uint64_t)member.skip * inverse_mod(member.skip, n_slots) % n_slots,
			     1 % n_slots);
	}
}
