/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_parse.h - rtnetlink(7) messages as plain structs. Pure: a message in, a struct out.
 */
#ifndef LB_NETLINK_PARSE_H
#define LB_NETLINK_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "nexthop.h"

struct nlmsghdr;

/* A neighbour entry is known by its device and address. */
struct neigh_key {
	int ifindex;
	struct lb_addr address;
};

struct neigh_message {
	struct neigh_key key;
	struct nexthop_neigh neigh; /* mac is zero where the entry has none */
	uint8_t protocol;	    /* NDA_PROTOCOL, 0: none */
	bool managed;		    /* NTF_EXT_MANAGED */
	bool ext_learned;	    /* NTF_EXT_LEARNED: a control plane owns the entry */
};

/* The part of a route event that says which destinations it may concern. */
struct route_event {
	int family;
	struct lb_addr prefix;
	uint8_t prefix_len; /* of the 16-byte form: 96 more than the kernel's for IPv4 */
};

/* All return 0; -ENOENT: a message of no interest here (a bridge's own view of its ports, a
 * wireless event, an IP family that we do not route, a proxy entry); -EBADMSG: it is cut short or
 * lacks what it must have. */
int netlink_parse_link(const struct nlmsghdr *message, struct nexthop_link *ret_link);
int netlink_parse_neigh(const struct nlmsghdr *message, struct neigh_message *ret_neigh);
/* The answer to RTM_GETROUTE. */
int netlink_parse_route(const struct nlmsghdr *message, struct nexthop_route *ret_route);
/* A notification: RTM_NEWROUTE or RTM_DELROUTE. */
int netlink_parse_route_event(const struct nlmsghdr *message, struct route_event *ret_event);
bool route_event_is_default(const struct route_event *event);
/* The family that an address, rule or next-hop-object event concerns: AF_INET, AF_INET6, or
 * AF_UNSPEC for both. */
int netlink_parse_family(const struct nlmsghdr *message);

#endif
