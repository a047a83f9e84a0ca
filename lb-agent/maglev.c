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
 *   usual case, cost no ordering at all.
 * - Looking ahead. A member looks at 32 or 64 slots of its permutation in one go, in a bitmap that
 *   stays in the first-level cache, and notes the free ones; its turns take them from there. Slots
 *   are never freed, so all that can go wrong is that another has been there since: the next one
 *   noted, then. What cost most in a loop that tries slot by slot was a branch that nobody can
 *   foretell in each turn; now there are a few in a hundred turns.
 * - The end game. Half of all probes of the paper's loop look for the last sqrt(n) slots. There
 *   each turn looks at the free slots instead, and computes which of them its permutation reaches
 *   first. The result is the same.
 */
#include "maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lb/abi.h"
#include "lb/hash.h"

#define BASE_SLOTS 1021u /* a prime */
#define LANES	   4u
#define AHEAD_MIN  32u /* steps of a permutation looked at in one go, multiples of 2 * LANES */
#define AHEAD_MAX  64u
#define SLOTS_NEAR (1u << 20) /* a table of so many slots is still in the second-level cache */
#define PREFETCH   16u	      /* members ahead of their turn */
#define LIST_END   UINT32_MAX
#define WHEEL_MIN  64u

/* LB_SLOTS_MAX is 2^24: sums of two slots are positive. */
typedef int32_t lanes __attribute__((vector_size(LANES * sizeof(int32_t))));

/* What a turn touches comes first. */
struct member {
	lanes ahead;	/* the next slots of the permutation to look at */
	int32_t stride; /* LANES * skip mod n_slots */
	uint32_t left;	/* slots still due to it */
	uint16_t id;
	uint8_t next, n_found; /* of the slots found: the next to take; all */
	uint32_t skip;	       /* 1 .. n_slots - 1, coprime to n_slots; 1 where n_slots is 1 */
	/* End game: 2^64 * (1 / skip mod n_slots) / n_slots, rounded up; 0: not computed yet. */
	uint64_t rank_factor;
	uint32_t pos; /* the permutation's first slot; in the end game the next to try */
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
	uint32_t next;		  /* in its list of the wheel */
	uint64_t round;		  /* of its next turn: the heaviest class has one a round */
	uint64_t rest;		  /* what rounding has left of it, in 1 / (2 * weight) of a round */
	uint64_t step, step_rest; /* from one turn to the next, likewise */
};

/* Classes whose next turn is in the same round, or whole revolutions later, in order of arrival. */
struct list {
	uint32_t first; /* LIST_END: empty */
	uint32_t
	    *tail; /* what the next to arrive is written to: `first`, or the last one's `next` */
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
	uint32_t *unused; /* bitmap of slots */
	uint32_t *found;  /* [n_members][AHEAD_MAX]: slots that were free when the member looked */
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

static uint32_t add_mod(uint32_t a, uint32_t b, uint32_t n)
{
	uint32_t sum = a + b;

	return sum >= n ? sum - n : sum;
}

static void member_init(struct member *member, const struct maglev_backend *backend, uint64_t seed,
			uint32_t n_slots)
{
	uint64_t hash = mix_address(&backend->address, seed);
	uint32_t pos, stride = 0;

	*member = (struct member){
	    .pos = (uint32_t)((hash >> 32) * n_slots >> 32),
	    .skip = 1,
	    .id = backend->id,
	    .weight = backend->weight,
	    .hash = hash,
	};
	if (n_slots > 1) /* n_slots - 1 is coprime to n_slots, so this ends in range */
		member->skip += (uint32_t)((uint64_t)(uint32_t)hash * (n_slots - 1) >> 32);
	while (gcd(n_slots, member->skip) != 1)
		member->skip++;
	pos = member->pos;
	for (uint32_t i = 0; i < LANES; i++) {
		member->ahead[i] = (int32_t)pos;
		stride = add_mod(stride, member->skip, n_slots);
		pos = add_mod(pos, member->skip, n_slots);
	}
	member->stride = (int32_t)stride;
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

static void list_empty(struct list *list)
{
	list->first = LIST_END;
	list->tail = &list->first;
}

/* A timing wheel (Varghese, Lauck, SOSP 1987): in a heap the unforeseeable branches of each turn
 * would cost more than the turn. */
static inline void wheel_put(struct build *build, uint32_t n)
{
	struct class *class = &build->classes[n];
	struct list *list = &build->wheel[class->round & build->wheel_mask];

	class->next = LIST_END;
	*list->tail = n;
	list->tail = &class->next;
}

/* The k-th turn is in round (2k + 1) * heaviest / (2 * weight), rounded down: ratios alone count.
 */
static void class_advance(struct class *class)
{
	uint64_t unit = 2ull * class->weight, rest = class->rest + class->step_rest;
	uint64_t carry = rest >= unit;

	class->round += class->step + carry;
	class->rest = rest - (unit & -carry); /* no branch: it could not be foretold */
}

static int make_classes(struct build *build)
{
	uint32_t size = WHEEL_MIN;

	for (size_t i = 0; i < build->n_members; i++) {
		struct class *last = &build->classes[build->n_classes];
		uint64_t heaviest = build->members[0].weight, weight = build->members[i].weight;

		if (i > 0 && last[-1].weight == weight) {
			last[-1].count++;
			continue;
		}
		*last =
		    (struct class){.first = (uint32_t)i, .count = 1, .weight = (uint32_t)weight};
		last->round = heaviest / (2 * weight);
		last->rest = heaviest % (2 * weight);
		last->step = heaviest / weight;
		last->step_rest = 2 * (heaviest % weight);
		build->n_classes++;
	}
	while (size < 2 * build->n_classes)
		size *= 2;
	build->wheel = malloc(size * sizeof(*build->wheel));
	if (!build->wheel)
		return -ENOMEM;
	build->wheel_mask = size - 1;
	for (uint32_t i = 0; i < size; i++)
		list_empty(&build->wheel[i]);
	for (size_t i = 0; i < build->n_classes; i++)
		wheel_put(build, (uint32_t)i);
	return 0;
}

/* Looks at the next `steps` slots of the member's permutation and notes in `found` those that are
 * free. No branch depends on one of them, and no lane waits for another. */
static inline void look_ahead(const uint32_t *unused, uint32_t n_slots, uint32_t steps,
			      struct member *member, uint32_t *found)
{
	const lanes size = (lanes){0} + (int32_t)n_slots, stride = (lanes){0} + member->stride;
	lanes at = member->ahead;
	uint32_t n = 0;

	for (; steps; steps -= 2 * LANES) {
#pragma GCC unroll 2
		for (uint32_t half = 0; half < 2; half++) {
#pragma GCC unroll 4
			for (uint32_t i = 0; i < LANES; i++) {
				uint32_t slot = (uint32_t)at[i];

				found[n] = slot;
				n += unused[slot >> 5] >> (slot & 31) & 1;
			}
			at += stride;
			at -= ~(size > at) & size;
		}
	}
	member->ahead = at;
	member->next = 0;
	member->n_found = (uint8_t)n;
}

/* The next free slot of the member's permutation, by trying. */
static inline uint32_t take_by_probing(uint32_t *unused, uint32_t n_slots, uint32_t steps,
				       struct member *member, uint32_t *found)
{
	uint32_t slot, *word, bit;

	do {
		while (member->next == member->n_found)
			look_ahead(unused, n_slots, steps, member, found);
		slot = found[member->next++];
		word = &unused[slot >> 5];
		bit = 1u << (slot & 31);
	} while (!(*word & bit));
	*word ^= bit;
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
	member->pos = add_mod(slot, member->skip, build->n_slots);
	return slot;
}

/* From looking ahead to the end game. */
static void begin_end_game(struct build *build)
{
	for (uint32_t i = 0; i <= build->n_slots / 32; i++)
		for (uint32_t rest = build->unused[i]; rest; rest &= rest - 1)
			build->free_slots[build->n_free++] = i * 32 + (uint32_t)__builtin_ctz(rest);
	for (size_t i = 0; i < build->n_members; i++) {
		struct member *member = &build->members[i];

		member->pos = member->next < member->n_found
				  ? build->found[i * AHEAD_MAX + member->next]
				  : (uint32_t)member->ahead[0];
	}
}

/* Where probing for a slot begins to cost more than looking at all the free ones. */
static uint32_t end_game(uint32_t n_slots)
{
	uint32_t root = 1;

	while (root * root < n_slots)
		root++;
	return root;
}

/* The turns of a class while there are free slots in plenty. Whether a member is still due a slot
 * after this turn. */
static bool take_early_turns(struct build *build, const struct class *class, uint32_t *missing)
{
	/* Local, since the compiler has to think that a store of a slot may change all else. */
	struct member *const members = build->members + class->first;
	uint32_t *const found = build->found + (size_t) class->first * AHEAD_MAX;
	uint32_t *const unused = build->unused;
	uint16_t *const slots = build->slots;
	const uint32_t n_slots = build->n_slots, count = class->count;
	/* Where few are free, few that were found will be taken by others before their turn. */
	const uint32_t steps = *missing > n_slots / 4 ? AHEAD_MIN : AHEAD_MAX;
	const uint32_t prefetched = n_slots > SLOTS_NEAR && count > PREFETCH ? count - PREFETCH : 0;
	uint32_t taken = 0;
	bool more = false;

	for (uint32_t i = 0; i < count; i++) {
		struct member *member = &members[i];
		uint32_t slot;

		if (i < prefetched) {
			size_t soon = i + PREFETCH;

			slot = found[soon * AHEAD_MAX + members[soon].next];
			__builtin_prefetch(&slots[slot], 1);
		}
		if (!member->left)
			continue;
		slot =
		    take_by_probing(unused, n_slots, steps, member, found + (size_t)i * AHEAD_MAX);
		slots[slot] = member->id;
		taken++;
		more |= --member->left > 0;
	}
	*missing -= taken;
	return more;
}

/* The same near to and in the end game, which begins at `end` missing slots. */
static bool take_late_turns(struct build *build, const struct class *class, uint32_t end,
			    uint32_t *missing)
{
	bool more = false;

	for (uint32_t i = 0; i < class->count; i++) {
		size_t n = class->first + i;
		struct member *member = &build->members[n];
		uint32_t slot;

		if (!member->left)
			continue;
		if (*missing == end)
			begin_end_game(build);
		if (*missing > end)
			slot = take_by_probing(build->unused, build->n_slots, AHEAD_MAX, member,
					       build->found + n * AHEAD_MAX);
		else
			slot = take_by_rank(build, member);
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

		list_empty(list);
		idle++;
		for (; n != LIST_END; n = next) {
			struct class *class = &build->classes[n];
			bool more;

			next = class->next;
			if (class->round == round) {
				idle = 0;
				more = missing > end + class->count
					   ? take_early_turns(build, class, &missing)
					   : take_late_turns(build, class, end, &missing);
				if (!more)
					continue;
				class_advance(class);
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
	free(build->unused);
	free(build->found);
	free(build->free_slots);
}

static int build_open(struct build *build, size_t n_backends)
{
	build->members = calloc(n_backends, sizeof(*build->members));
	build->by_quota = calloc(n_backends, sizeof(*build->by_quota));
	build->sorted = calloc(n_backends, sizeof(*build->sorted));
	build->classes = calloc(n_backends, sizeof(*build->classes));
	build->unused = malloc((build->n_slots / 32 + 1) * sizeof(*build->unused));
	/* One more: prefetching looks at a member's next one, be there one or not. */
	build->found = calloc(n_backends * AHEAD_MAX + 1, sizeof(*build->found));
	build->free_slots = calloc(end_game(build->n_slots), sizeof(*build->free_slots));
	if (!build->members || !build->by_quota || !build->sorted || !build->classes ||
	    !build->unused || !build->found || !build->free_slots)
		return -ENOMEM;
	memset(build->unused, 0xff, build->n_slots / 32 * sizeof(*build->unused));
	build->unused[build->n_slots / 32] = (1u << build->n_slots % 32) - 1;
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
