/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink.h - the only user of libnl: routes, devices and neighbours, followed without polling.
 *
 * A neighbour that stops answering makes its destinations unusable (NEXTHOP_NEIGH_FAILED) as soon
 * as the kernel says so, and usable again with its first answer. With the kernel's defaults a
 * silent neighbour is noticed after 18 to 48 s (base_reachable_time_ms 30 s, times 0.5 to 1.5, and
 * three probes a second apart) and asked again every 5 s (interval_probe_time_ms); a health check
 * is quicker. A neighbour that announces another MAC (gratuitous ARP, unsolicited neighbour
 * advertisement) is followed at once.
 *
 * A permanent or noarp entry, one that a control plane put there (extern_learn) and one that
 * carries another protocol number are used as they are, and never changed or deleted.
 *
 * Each neighbour that is a next hop needs room in the kernel's table, whose limit is
 * net.ipv4.neigh.default.gc_thresh3 and net.ipv6.… (1024 entries by default, for all network
 * namespaces together); without room the next hop says so and is tried again every 5 s.
 */
#ifndef LB_NETLINK_H
#define LB_NETLINK_H

#include <stddef.h>
#include <stdbool.h>

#include "base/addr.h"
#include "nexthop.h"

struct event_base;
struct netlink; /* opaque */

/*
 * Our neighbour entries carry this value in NDA_PROTOCOL, so that teardown finds exactly them.
 * The number space is that of routing protocols; 0x53 (83, 'S') is assigned to nobody in
 * linux/rtnetlink.h, iproute2's rt_protos or FRR.
 */
#define NETLINK_PROTOCOL 0x53

/* Kept by reference: it must outlive the struct netlink. */
struct netlink_ops {
	/* The next hop of each of these destinations is another than before. Called from the event
	 * loop, batched (all events that were waiting give one call). */
	void (*on_nexthops)(void *ctx, const struct lb_addr *destinations, size_t n);
	/* A device of this name appeared, went up or down, or vanished. */
	void (*on_link)(void *ctx, const char *ifname, int ifindex, bool present, bool up);
};

/* Opens its sockets, reads links and neighbours, follows changes on `base`. -errno. */
int netlink_new(struct event_base *base, const struct netlink_ops *ops, void *ctx,
		struct netlink **ret_netlink);
/* Leaves the managed neighbour entries in the kernel: the data plane goes on. */
void netlink_free(struct netlink *netlink);

/*
 * Says which destinations are of interest (duplicates are allowed); replaces the last set. New ones
 * are looked up before it returns (routes are asked for, neighbour entries made managed); their
 * next hops may still be NEXTHOP_NEIGH_PENDING, and on_nexthops() follows. Neighbour entries that
 * nobody needs any more are given up. -ENOMEM or the error of a netlink request.
 */
int netlink_set_destinations(struct netlink *netlink, const struct lb_addr *destinations, size_t n);

/* The current next hop of a destination in the set; NULL: not in the set. Valid until the next call
 * or event. */
const struct nexthop *netlink_nexthop(struct netlink *netlink, const struct lb_addr *destination);

/* ifindex of a device, or -ENODEV. */
int netlink_ifindex(struct netlink *netlink, const char *ifname);

/*
 * Removes the neighbour entries that carry NETLINK_PROTOCOL in this network namespace, and nothing
 * else; needs no struct netlink. Returns how many, or -errno.
 */
int netlink_teardown(void);

#endif
