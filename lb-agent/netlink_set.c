/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_set.c - a sorted array: 100,000 destinations are searched by halving, and those under a
 * prefix lie side by side.
 */
#include "netlink_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void destination_set_free(struct destination_set *set)
{
	free(set->items);
	set->items = NULL;
	set->n = 0;
}

/* Index of the first destination that is not before `address`. */
static size_t lower_bound(const struct destination_set *set, const struct lb_addr *address)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_cmp(&set->items[middle].address, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct destination *destination_set_find(const struct destination_set *set,
					 const struct lb_addr *address)
{
	size_t i = lower_bound(set, address);

	if (i == set->n || !addr_equal(&set->items[i].address, address))
		return NULL;
	return &set->items[i];
}

static int compare(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

int destination_set_make(const struct destination_set *old, const struct lb_addr *addresses,
			 size_t n, bool *kept, struct destination_set *ret_set)
{
	struct destination_set set = {0};
	struct lb_addr *sorted = malloc(n ? n * sizeof(*sorted) : 1);
	int ret = -ENOMEM;

	set.items = calloc(n ? n : 1, sizeof(*set.items));
	if (!sorted || !set.items)
		goto out;
	if (n)
		memcpy(sorted, addresses, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	for (size_t i = 0; i < n; i++) {
		const struct destination *known;
		struct destination *item = &set.items[set.n];

		if (i && addr_equal(&sorted[i], &sorted[i - 1]))
			continue;
		known = destination_set_find(old, &sorted[i]);
		if (known) {
			*item = *known;
			kept[known - old->items] = true;
		} else {
			*item = (struct destination){
			    .address = sorted[i],
			    .fresh = true,
			    .requery = true,
			};
		}
		set.n++;
	}
	*ret_set = set;
	set.items = NULL;
	ret = 0;
out:
	free(set.items);
	free(sorted);
	return ret;
}

void destination_set_requery_family(struct destination_set *set, int family)
{
	for (size_t i = 0; i < set->n; i++)
		if (family == AF_UNSPEC || addr_family(&set->items[i].address) == family)
			set->items[i].requery = true;
}

static bool covers(const struct route_event *event, const struct lb_addr *address)
{
	uint8_t bytes = event->prefix_len / 8, bits = event->prefix_len % 8;

	if (memcmp(event->prefix.b, address->b, bytes) != 0)
		return false;
	return bits == 0 || ((event->prefix.b[bytes] ^ address->b[bytes]) >> (8 - bits)) == 0;
}

bool destination_set_requery_prefix(struct destination_set *set, const struct route_event *event)
{
	size_t first = lower_bound(set, &event->prefix);
	bool any = false;

	for (size_t i = first; i < set->n && covers(event, &set->items[i].address); i++) {
		/* ::/0 covers the v4-mapped addresses in form only. */
		if (addr_family(&set->items[i].address) != event->family)
			continue;
		set->items[i].requery = true;
		any = true;
	}
	return any;
}
