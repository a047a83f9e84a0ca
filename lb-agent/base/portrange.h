/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * portrange.h - ranges of ports that may overlap, and which of them a port belongs to: the most
 * specific one. Pure. The data plane reads what portrange_flatten() makes, in which nothing
 * overlaps.
 */
#ifndef LB_BASE_PORTRANGE_H
#define LB_BASE_PORTRANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORTRANGE_FIRST 1u /* what "any port" means: port 0 is no port */
#define PORTRANGE_LAST	65535u

/* Ranges of one address and protocol, at the most: bounds the data plane's search. */
#define PORTRANGE_MAX 64u
/* Intervals that so many ranges can fall into: one more than there are ends within. */
#define PORTRANGE_PARTS(n) (2u * (n))

#define PORTRANGE_TEXT_MAX sizeof("65535-65535")

/* The ports from `first` to `last`, both included; host byte order; first <= last. */
struct portrange {
	uint16_t first, last;
	uint32_t owner; /* the caller's */
};

/*
 * Whether `a` wins over `b` where both hold: the one with fewer ports does, and of two with as many
 * the one that begins first. Of equal ranges neither wins.
 */
bool portrange_more_specific(const struct portrange *a, const struct portrange *b);

/*
 * Cuts `n` different ranges (at most PORTRANGE_MAX) into intervals that do not overlap, each with
 * the owner of the most specific range that holds it, ascending; neighbours of one owner are one
 * interval. Returns how many of `ret_parts[PORTRANGE_PARTS(n)]` it filled. The result does not
 * depend on the order of `ranges`.
 */
size_t portrange_flatten(const struct portrange *ranges, size_t n, struct portrange *ret_parts);

/* "443", "8000-8099" or "any". Returns `buf`. */
const char *portrange_format(uint16_t first, uint16_t last, char buf[PORTRANGE_TEXT_MAX]);

#endif
