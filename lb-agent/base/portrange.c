/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * portrange.c - see portrange.h.
 */
#include "base/portrange.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned int width(const struct portrange *r)
{
	return (unsigned int)r->last - r->first;
}

bool portrange_more_specific(const struct portrange *a, const struct portrange *b)
{
	return width(a) != width(b) ? width(a) < width(b) : a->first < b->first;
}

static int compare_port(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The most specific range that holds the port; NULL: none does. */
static const struct portrange *find_owner(const struct portrange *ranges, size_t n, uint32_t port)
{
	const struct portrange *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (ranges[i].first <= port && port <= ranges[i].last &&
		    (!best || portrange_more_specific(&ranges[i], best)))
			best = &ranges[i];
	return best;
}

size_t portrange_flatten(const struct portrange *ranges, size_t n, struct portrange *ret_parts)
{
	uint32_t cuts[2 * PORTRANGE_MAX]; /* where a range begins, or the one before has ended */
	size_t n_parts = 0;

	for (size_t i = 0; i < n; i++) {
		cuts[2 * i] = ranges[i].first;
		cuts[2 * i + 1] = ranges[i].last + 1u;
	}
	qsort(cuts, 2 * n, sizeof(*cuts), compare_port);
	for (size_t i = 0; i + 1 < 2 * n; i++) {
		const struct portrange *owner = find_owner(ranges, n, cuts[i]);
		struct portrange *part = n_parts ? &ret_parts[n_parts - 1] : NULL;

		if (!owner || cuts[i] == cuts[i + 1])
			continue;
		if (part && part->owner == owner->owner && part->last + 1u == cuts[i])
			part->last = (uint16_t)(cuts[i + 1] - 1);
		else
			ret_parts[n_parts++] =
			    (struct portrange){.first = (uint16_t)cuts[i],
					       .last = (uint16_t)(cuts[i + 1] - 1),
					       .owner = owner->owner};
	}
	return n_parts;
}

const char *portrange_format(uint16_t first, uint16_t last, char buf[PORTRANGE_TEXT_MAX])
{
	if (first == last)
		snprintf(buf, PORTRANGE_TEXT_MAX, "%u", first);
	else if (first <= PORTRANGE_FIRST && last == PORTRANGE_LAST)
		snprintf(buf, PORTRANGE_TEXT_MAX, "any");
	else
		snprintf(buf, PORTRANGE_TEXT_MAX, "%u-%u", first, last);
	return buf;
}
