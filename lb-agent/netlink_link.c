/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_link.c - a box has few devices, or a few thousand: a sorted array serves.
 */
#include "netlink_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void link_table_free(struct link_table *table)
{
	free(table->entries);
	free(table->notices);
	memset(table, 0, sizeof(*table));
}

static size_t lower_bound(const struct link_table *table, int ifindex)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->entries[middle].link.ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct link_entry *find(const struct link_table *table, int ifindex)
{
	size_t i = lower_bound(table, ifindex);

	return i < table->n && table->entries[i].link.ifindex == ifindex ? &table->entries[i]
									 : NULL;
}

const struct nexthop_link *link_table_find(const struct link_table *table, int ifindex)
{
	const struct link_entry *entry = find(table, ifindex);

	return entry ? &entry->link : NULL;
}

const struct nexthop_link *link_table_find_name(const struct link_table *table, const char *ifname)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->entries[i].link.ifname, ifname) == 0)
			return &table->entries[i].link;
	return NULL;
}

/* Makes room for one more in an array. */
static int reserve(void **array, size_t n, size_t *capacity, size_t size)
{
	size_t more = *capacity ? 2 * *capacity : 16;
	void *grown;

	if (n < *capacity)
		return 0;
	grown = reallocarray(*array, more, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = more;
	return 0;
}

static int notice(struct link_table *table, const struct nexthop_link *link, bool present)
{
	int ret = reserve((void **)&table->notices, table->n_notices, &table->notices_capacity,
			  sizeof(*table->notices));

	if (ret < 0)
		return ret;
	table->notices[table->n_notices] = (struct link_notice){
	    .ifindex = link->ifindex,
	    .present = present,
	    .up = present && link->up,
	};
	memcpy(table->notices[table->n_notices].ifname, link->ifname, sizeof(link->ifname));
	table->n_notices++;
	return 0;
}

static bool link_equal(const struct nexthop_link *a, const struct nexthop_link *b)
{
	return strcmp(a->ifname, b->ifname) == 0 && a->up == b->up && a->ethernet == b->ethernet &&
	       a->loopback == b->loopback && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       a->mtu == b->mtu && a->is_vlan == b->is_vlan && a->vlan_id == b->vlan_id &&
	       a->vlan_is_8021q == b->vlan_is_8021q && a->lower_ifindex == b->lower_ifindex;
}

static int insert(struct link_table *table, const struct nexthop_link *link)
{
	size_t i = lower_bound(table, link->ifindex);
	int ret =
	    reserve((void **)&table->entries, table->n, &table->capacity, sizeof(*table->entries));

	if (ret < 0)
		return ret;
	memmove(&table->entries[i + 1], &table->entries[i],
		(table->n - i) * sizeof(*table->entries));
	table->entries[i] = (struct link_entry){.link = *link, .stamp = table->stamp};
	table->n++;
	ret = notice(table, link, true);
	return ret < 0 ? ret : 1;
}

int link_table_put(struct link_table *table, const struct nexthop_link *link)
{
	struct link_entry *entry = find(table, link->ifindex);
	int ret = 0;

	if (!entry)
		return insert(table, link);
	entry->stamp = table->stamp;
	if (link_equal(&entry->link, link))
		return 0;
	if (strcmp(entry->link.ifname, link->ifname) != 0) {
		ret = notice(table, &entry->link, false);
		if (ret == 0)
			ret = notice(table, link, true);
	} else if (entry->link.up != link->up) {
		ret = notice(table, link, true);
	}
	entry->link = *link;
	return ret < 0 ? ret : 1;
}

int link_table_remove(struct link_table *table, int ifindex)
{
	struct link_entry *entry = find(table, ifindex);
	int ret;

	if (!entry)
		return 0;
	ret = notice(table, &entry->link, false);
	table->n--;
	memmove(entry, entry + 1,
		(size_t)(table->entries + table->n - entry) * sizeof(*table->entries));
	return ret < 0 ? ret : 1;
}

void link_table_begin(struct link_table *table)
{
	table->stamp++;
}

int link_table_end(struct link_table *table)
{
	int ret = 0;

	for (size_t i = table->n; i-- > 0;)
		if (table->entries[i].stamp != table->stamp &&
		    link_table_remove(table, table->entries[i].link.ifindex) < 0)
			ret = -ENOMEM;
	return ret;
}

struct link_notice *link_table_take_notices(struct link_table *table, size_t *ret_n)
{
	struct link_notice *notices = table->notices;

	*ret_n = table->n_notices;
	table->notices = NULL;
	table->n_notices = table->notices_capacity = 0;
	return notices;
}
