/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random.h - reproducible chance: everything that a run does follows from one 64-bit seed.
 * The generator is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
 */
#ifndef MODEL_RANDOM_H
#define MODEL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static inline uint64_t random_next(struct random *r)
{
	return random_mix(r->state += 0x9e3779b97f4a7c15ull);
}

/* 0 .. n - 1; n is not 0. */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
	return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

static inline bool random_percent(struct random *r, unsigned int percent)
{
	return random_below(r, 100) < percent;
}

#define random_of(r, array) ((array)[random_below(r, sizeof(array) / sizeof((array)[0]))])

#endif
