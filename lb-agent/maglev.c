/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maglev.c - weighted Maglev tables, fast enough to build thousands of them in a reload.
 *
 * The paper fills the table in turns: each backend in its turn takes the next free slot of its own
 * permutation. Three things are added, none of which depends on anything but the arguments:
 *
 * - Weights. A backend's k-th turn comes at time (2k + 1) / (2 * weight), and it takes no more than
 *   its quota: its exact share rounded down, or up for those with the largest remainders. Backends
 *   of one weight form a class, whose members' turns come together, so that equal weights, the
 * usual case, cost no ordering at all.
 * - A bitmap of the taken slots, which stays in the first-level cache where the table would not.
 * - The end game. Half of all probes of the paper's loop look for the last sqrt(n) slots. There
 * each turn looks at the free slots instead, and computes which of them its permutation reaches
 * first. The result is the same.
 */
#include "maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lb/abi.h"
#include "lb/hash.h"

#define BASE_SLOTS 1021u /* a prime */
#define PROBES	   4u
#define LIST_END   UINT32_MAX
#define WHEEL_MIN  64u

struct member {
	uint32_t pos;  /* the next slot of the permutation to try */
	uint32_t skip; /* 1 .. n_slots - 1, coprime to n_slots; 1 where n_slots is 1 */
	uint32_t left; /* slots still due to it */
	uint16_t id;
	/* End game: 2^64 * (1 / skip mod n_slots) / n_slots, rounded up; 0: not computed yet. */
	uint64_t rank_factor;
	/* For setting up. */
	uint32_t weight;
	uint64_t hash;
	uint64_t remainder;
};

/* Backends of equal weight. */
struct class
{
	uint32_t first, count; /* members */
	uint32_t weight;
	uint32_t next;	/* in its list of the wheel */
	uint64_t round; /* of its next turn: the heaviest class has one a round */
	uint64_t rest;	/* what rounding has left of it, in 1 / (2 * weight) of a round */
};

/* Classes whose next turn is in the same round, or whole revolutions later, in order of arrival. */
struct list {
	uint32_t first, last; /* LIST_END: empty */
};

struct build {
	struct member *members;	  /* those of weight > 0, heaviest first, then by address */
	struct member **by_quota; /* room to sort */
	const struct maglev_backend **sorted;
	size_t n_members;
	struct class *classes; /* heaviest first */
	size_t n_classes;
	struct list *wheel; /* [wheel_mask + 1], by round */
	uint32_t wheel_mask;
	uint64_t *taken; /* bitmap of slots */
	uint32_t *free_slots;
	uint32_t n_free;
	uint32_t n_slots;
	uint16_t *slots;
};

uint32_t maglev_slot_count(size_t n_backends)
{
	uint32_t count = BASE_SLOTS;

	while (count / MAGLEV_SLOTS_PER_BACKEND < n_backends && count * 2 <= LB_SLOTS_MAX)
		count *= 2;
	return count;
}

static uint64_t mix_address(const struct lb_addr *addr, uint64_t seed)
{
	uint64_t lo, hi, h;

	memcpy(&hi, addr->b, sizeof(hi));
	memcpy(&lo, addr->b + 8, sizeof(lo));
	h = lb_hash_mix(seed + LB_HASH_K3);
	h = lb_hash_mix((h ^ hi) * LB_HASH_K2);
	h = lb_hash_mix((h ^ lo) * LB_HASH_K2);
	return lb_hash_mix(h * LB_HASH_K3);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* 1 / a mod n for coprime a and n (extended Euclid). */
static uint32_t inverse_mod(uint32_t a, uint32_t n)
{
	int64_t r0 = n, r1 = a, t0 = 0, t1 = 1;

	while (r1) {
		int64_t q = r0 / r1, next;

		next = r0 - q * r1;
		r0 = r1;
		r1 = next;
		next = t0 - q * t1;
		t0 = t1;
		t1 = next;
	}
	return (uint32_t)(t0 < 0 ? t0 + n : t0);
}

static void member_init(struct member *member, const struct maglev_backend *backend, uint64_t seed,
			uint32_t n_slots)
{
	uint64_t hash = mix_address(&backend->address, seed);

	*member = (struct member){
	    .pos = (uint32_t)((hash >> 32) * n_slots >> 32),
	    .skip = 1,
	    .id = backend->id,
	    .weight = backend->weight,
	    .hash = hash,
	};
	if (n_slots == 1)
		return;
	/* n_slots - 1 is coprime to n_slots, so this ends in range. */
	member->skip += (uint32_t)((uint64_t)(uint32_t)hash * (n_slots - 1) >> 32);
	while (gcd(n_slots, member->skip) != 1)
		member->skip++;
}

static int cmp_backend(const void *a, const void *b)
{
	const struct maglev_backend *x = *(const struct maglev_backend *const *)a;
	const struct maglev_backend *y = *(const struct maglev_backend *const *)b;

	return addr_cmp(&x->address, &y->address);
}

static int cmp_weight(const void *a, const void *b)
{
	const struct maglev_backend *x = *(const struct maglev_backend *const *)a;
	const struct maglev_backend *y = *(const struct maglev_backend *const *)b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return addr_cmp(&x->address, &y->address);
}

/* Largest remainder first; among equals an order that the seed shuffles, and that a change of the
 * pool leaves alone. */
static int cmp_remainder(const void *a, const void *b)
{
	const struct member *x = *(const struct member *const *)a;
	const struct member *y = *(const struct member *const *)b;

	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x < y ? -1 : 1; /* members lie in an order that does not depend on the caller's */
}

static int sort_members(struct build *build, const struct maglev_backend *backends,
			size_t n_backends, uint64_t seed)
{
	for (size_t i = 0; i < n_backends; i++)
		build->sorted[i] = &backends[i];
	qsort(build->sorted, n_backends, sizeof(*build->sorted), cmp_backend);
	for (size_t i = 1; i < n_backends; i++)
		if (addr_equal(&build->sorted[i - 1]->address, &build->sorted[i]->address))
			return -EINVAL;

	qsort(build->sorted, n_backends, sizeof(*build->sorted), cmp_weight);
	while (build->n_members < n_backends && build->sorted[build->n_members]->weight > 0) {
		size_t i = build->n_members++;

		member_init(&build->members[i], build->sorted[i], seed, build->n_slots);
	}
	return 0;
}

/* The method of the largest remainder: everyone within one slot of its share. */
static void assign_quotas(struct build *build)
{
	uint64_t total = 0;
	uint32_t given = 0;

	for (size_t i = 0; i < build->n_members; i++)
		total += build->members[i].weight;
	for (size_t i = 0; i < build->n_members; i++) {
		struct member *member = &build->members[i];
		uint64_t share = (uint64_t)build->n_slots * member->weight;

		member->left = (uint32_t)(share / total);
		member->remainder = share % total;
		given += member->left;
		build->by_quota[i] = member;
	}
	if (given == build->n_slots)
		return;
	qsort(build->by_quota, build->n_members, sizeof(*build->by_quota), cmp_remainder);
	for (size_t i = 0; given < build->n_slots; i++, given++)
		build->by_quota[i]->left++;
}

/* A timing wheel (Varghese, Lauck, SOSP 1987): in a heap the unforeseeable branches of each turn
 * would cost more than the turn. */
static void wheel_put(struct build *build, uint32_t n)
{
	struct list *list = &build->wheel[build->classes[n].round & build->wheel_mask];

	build->classes[n].next = LIST_END;
	if (list->first == LIST_END)
		list->first = n;
	else
		build->classes[list->last].next = n;
	list->last = n;
}

/* The k-th turn is in round (2k + 1) * heaviest / (2 * weight), rounded down: ratios alone count.
 */
static void class_advance(const struct build *build, struct class *class)
{
	uint64_t heaviest = build->classes[0].weight, unit = 2ull * class->weight;

	class->round += heaviest / class->weight;
	class->rest += 2 * (heaviest % class->weight);
	if (class->rest >= unit) {
		class->rest -= unit;
		class->round++;
	}
}

static int make_classes(struct build *build)
{
	uint32_t size = WHEEL_MIN;

	for (size_t i = 0; i < build->n_members; i++) {
		struct class *last = &build->classes[build->n_classes];
		uint32_t weight = build->members[i].weight;

		if (i > 0 && last[-1].weight == weight) {
			last[-1].count++;
			continue;
		}
		*last = (struct class){.first = (uint32_t)i, .count = 1, .weight = weight};
		last->round = build->members[0].weight / (2ull * weight);
		last->rest = build->members[0].weight % (2ull * weight);
		build->n_classes++;
	}
	while (size < 2 * build->n_classes)
		size *= 2;
	build->wheel = malloc(size * sizeof(*build->wheel));
	if (!build->wheel)
		return -ENOMEM;
	build->wheel_mask = size - 1;
	for (uint32_t i = 0; i < size; i++)
		build->wheel[i] = (struct list){LIST_END, LIST_END};
	for (size_t i = 0; i < build->n_classes; i++)
		wheel_put(build, (uint32_t)i);
	return 0;
}

static uint32_t add_mod(uint32_t a, uint32_t b, uint32_t n)
{
	uint32_t sum = a + b;

	return sum >= n ? sum - n : sum;
}

/*
 * The next free slot of the member's permutation, by trying: PROBES slots at a time, since what
 * costs is neither the loads nor the additions but the branch that is taken at an odd moment.
 */
static uint32_t take_by_probing(struct build *build, struct member *member)
{
	const uint64_t *taken = build->taken;
	const uint32_t n_slots = build->n_slots, skip = member->skip;
	uint32_t pos[PROBES + 1], unused, found, slot;

	pos[PROBES] = member->pos;
	do {
		pos[0] = pos[PROBES];
		unused = 0;
#pragma GCC unroll 4
		for (uint32_t i = 0; i < PROBES; i++) {
			pos[i + 1] = add_mod(pos[i], skip, n_slots);
			unused |= (uint32_t)(~taken[pos[i] >> 6] >> (pos[i] & 63) & 1) << i;
		}
	} while (!unused);
	found = (uint32_t)__builtin_ctz(unused);
	slot = pos[found];
	member->pos = pos[found + 1];
	build->taken[slot >> 6] |= 1ull << (slot & 63);
	return slot;
}

/*
 * The same by comparing all free slots. The permutation reaches slot c after
 * (c - pos) / skip mod n_slots steps. Only the order of these matters, so they are compared as
 * fractions of n_slots in 64 bits, where the modulus comes for free: the error is below n_slots
 * (2^24), and different numbers of steps are 2^64 / n_slots (2^40) apart.
 */
static uint32_t take_by_rank(struct build *build, struct member *member)
{
	uint64_t factor = member->rank_factor, best_rank = UINT64_MAX;
	uint32_t best = 0, slot;

	if (!factor) {
		uint32_t inverse = inverse_mod(member->skip, build->n_slots);

		factor = (uint64_t)((((unsigned __int128)inverse << 64) + build->n_slots - 1) /
				    build->n_slots);
		member->rank_factor = factor;
	}
	for (uint32_t i = 0; i < build->n_free; i++) {
		uint64_t rank = factor * ((uint64_t)build->free_slots[i] - member->pos);

		if (rank < best_rank) {
			best_rank = rank;
			best = i;
		}
	}
	slot = build->free_slots[best];
	build->free_slots[best] = build->free_slots[--build->n_free];
	member->pos = slot + member->skip;
	if (member->pos >= build->n_slots)
		member->pos -= build->n_slots;
	return slot;
}

static void list_free_slots(struct build *build)
{
	for (uint32_t slot = 0; slot < build->n_slots; slot++)
		if (!(build->taken[slot >> 6] >> (slot & 63) & 1))
			build->free_slots[build->n_free++] = slot;
}

/* Where probing for a slot begins to cost more than looking at all the free ones. */
static uint32_t end_game(uint32_t n_slots)
{
	uint32_t root = 1;

	while (root * root < 2 * n_slots)
		root++;
	return root < n_slots ? root : n_slots;
}

/* Whether a member of the class is still due a slot after this turn. */
static bool take_turns(struct build *build, const struct class *class, uint32_t end,
		       uint32_t *missing)
{
	bool more = false;

	for (uint32_t i = 0; i < class->count; i++) {
		struct member *member = &build->members[class->first + i];
		uint32_t slot;

		if (!member->left)
			continue;
		if (*missing == end)
			list_free_slots(build);
		slot =
		    *missing > end ? take_by_probing(build, member) : take_by_rank(build, member);
		build->slots[slot] = member->id;
		--*missing;
		more |= --member->left > 0;
	}
	return more;
}

/* The earliest round of any class in the wheel. */
static uint64_t next_round(const struct build *build)
{
	uint64_t round = UINT64_MAX;

	for (uint32_t i = 0; i <= build->wheel_mask; i++)
		for (uint32_t n = build->wheel[i].first; n != LIST_END; n = build->classes[n].next)
			if (build->classes[n].round < round)
				round = build->classes[n].round;
	return round;
}

static void fill(struct build *build)
{
	uint32_t missing = build->n_slots, end = end_game(build->n_slots), idle = 0;
	uint64_t round = 0;

	while (missing) {
		struct list *list = &build->wheel[round & build->wheel_mask];
		uint32_t n = list->first, next;

		list->first = LIST_END;
		idle++;
		for (; n != LIST_END; n = next) {
			struct class *class = &build->classes[n];

			next = class->next;
			if (class->round == round) {
				idle = 0;
				if (!take_turns(build, class, end, &missing))
					continue;
				class_advance(build, class);
			}
			wheel_put(build, n);
		}
		/* The heaviest have had their share, and the others' turns are far apart. */
		round = idle > build->wheel_mask ? next_round(build) : round + 1;
	}
}

static void build_close(struct build *build)
{
	free(build->members);
	free(build->by_quota);
	free(build->sorted);
	free(build->classes);
	free(build->wheel);
	free(build->taken);
	free(build->free_slots);
}

static int build_open(struct build *build, size_t n_backends)
{
	build->members = calloc(n_backends, sizeof(*build->members));
	build->by_quota = calloc(n_backends, sizeof(*build->by_quota));
	build->sorted = calloc(n_backends, sizeof(*build->sorted));
	build->classes = calloc(n_backends, sizeof(*build->classes));
	build->taken = calloc(build->n_slots / 64 + 1, sizeof(*build->taken));
	build->free_slots = calloc(end_game(build->n_slots), sizeof(*build->free_slots));
	if (!build->members || !build->by_quota || !build->sorted || !build->classes ||
	    !build->taken || !build->free_slots)
		return -ENOMEM;
	return 0;
}

int maglev_build(const struct maglev_backend *backends, size_t n_backends, uint64_t seed,
		 uint32_t n_slots, uint16_t *ret_slots)
{
	struct build build = {.n_slots = n_slots, .slots = ret_slots};
	int rc = 0;

	if (n_slots == 0 || n_slots > LB_SLOTS_MAX)
		return -EINVAL;
	if (n_backends) {
		rc = build_open(&build, n_backends);
		if (rc)
			goto out;
		rc = sort_members(&build, backends, n_backends, seed);
		if (rc)
			goto out;
	}
	if (!build.n_members) {
		for (uint32_t i = 0; i < n_slots; i++)
			ret_slots[i] = LB_SLOT_NONE;
		goto out;
	}
	assign_quotas(&build);
	rc = make_classes(&build);
	if (rc == 0)
		fill(&build);
out:
	build_close(&build);
	return rc;
}
