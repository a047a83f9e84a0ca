/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_link.h - the table of network devices, and what is to be said about its changes. Pure.
 */
#ifndef LB_NETLINK_LINK_H
#define LB_NETLINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nexthop.h"

struct link_entry {
	struct nexthop_link link;
	uint32_t stamp;
};

struct link_notice {
	char ifname[16];
	int ifindex;
	bool present, up;
};

struct link_table {
	struct link_entry *entries; /* in order of ifindex */
	size_t n, capacity;
	uint32_t stamp; /* of the dump that is being read */
	struct link_notice *notices;
	size_t n_notices, notices_capacity;
};

void link_table_free(struct link_table *table);
const struct nexthop_link *link_table_find(const struct link_table *table, int ifindex);
const struct nexthop_link *link_table_find_name(const struct link_table *table, const char *ifname);

/* Takes a device's state in. 1: it is new or differs in something that a next hop depends on;
 * 0: nothing new; -ENOMEM. A device that appears, changes its name, or goes up or down leaves a
 * notice. */
int link_table_put(struct link_table *table, const struct nexthop_link *link);
/* 1: it was there; 0: not; -ENOMEM. */
int link_table_remove(struct link_table *table, int ifindex);

/* Around a dump: what was not put between the two is removed. */
void link_table_begin(struct link_table *table);
int link_table_end(struct link_table *table);

/* The notices so far; the caller owns them. */
struct link_notice *link_table_take_notices(struct link_table *table, size_t *ret_n);

#endif
