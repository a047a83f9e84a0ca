/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_set.h - the destinations of interest, in address order, so that a route event finds the
 * few that it concerns among very many. Pure.
 */
#ifndef LB_NETLINK_SET_H
#define LB_NETLINK_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "netlink_parse.h"
#include "nexthop.h"

struct neigh_entry;

struct destination {
	struct lb_addr address;
	bool fresh;   /* never decided: nobody is told of its first next hop */
	bool requery; /* its route is to be asked for */
	bool redecide;
	bool report; /* its next hop changed and nobody was told */
	struct nexthop_route route;
	struct neigh_entry *neigh; /* NULL: none is needed */
	struct nexthop nexthop;
};

struct destination_set {
	struct destination *items; /* in address order, no duplicates */
	size_t n;
};

void destination_set_free(struct destination_set *set);
struct destination *destination_set_find(const struct destination_set *set,
					 const struct lb_addr *address);
/*
 * A new set with these addresses; destinations that are in `old` too are copied from there with
 * `kept[index in old]` set true (an array of old->n, false before), others are fresh, to be asked
 * for. -ENOMEM.
 */
int destination_set_make(const struct destination_set *old, const struct lb_addr *addresses,
			 size_t n, bool *kept, struct destination_set *ret_set);
/* Marks the destinations of a family (AF_UNSPEC: both) to be asked for. */
void destination_set_requery_family(struct destination_set *set, int family);
/* Marks those that the prefix of a route event covers; true: there are some. */
bool destination_set_requery_prefix(struct destination_set *set, const struct route_event *event);

#endif
