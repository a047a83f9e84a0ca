/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink.c - follows routes, devices and neighbours, and keeps the next hop of every destination.
 *
 * The kernel's routing is asked for the answer (RTM_GETROUTE) rather than copied: rules, multipath,
 * source selection and next-hop objects stay the kernel's business. An event says only that an
 * answer may have changed. Events that wait together are worked off together: first all are read,
 * then the destinations concerned are asked for again, then whoever changed is reported.
 *
 * When the kernel had to drop events (ENOBUFS), everything is read anew.
 */
#include "netlink.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink_link.h"
#include "netlink_neigh.h"
#include "netlink_parse.h"
#include "netlink_request.h"
#include "netlink_route.h"
#include "netlink_set.h"

/* About ten thousand events; more than that and it is better to read everything anew. */
#define EVENT_RECEIVE_BYTES (16u << 20)
#define EVENT_BUFFER_BYTES  (64u << 10)
/* Events come in bursts (a route, its address, the rule …): wait for the rest of a burst. */
#define BATCH_US 5000
/* Packets read at one go, so that a flood of events cannot hold the loop forever. */
#define PACKETS_MAX	65536
#define RETRY_S		1   /* after a failed request */
#define NEIGH_RETRY_S	5   /* after the kernel refused neighbour entries (table full) */
#define NEIGH_RETRY_MAX 256 /* entries at a time: a full table may stay full */
#define DUMP_ATTEMPTS	5

struct netlink {
	const struct netlink_ops *ops;
	void *ctx;
	struct netlink_requester *requester;
	struct nl_sock *events;
	struct event *readable, *batch, *neigh_retry;
	char *buffer;
	struct link_table links;
	struct neigh_table *neighbours;
	struct destination_set set;
	size_t neigh_errors; /* entries that the kernel refused, at the last look */
	size_t *asking;	     /* indices of the destinations that are being asked for */
	bool resync;	     /* events were lost, or could not be taken in */
	bool link_changed;
	bool marked;		     /* some destination is marked to be asked for or decided */
	bool reports;		     /* some destination is marked to be reported */
	bool eventful;		     /* an event that matters was read */
	bool requery_v4, requery_v6; /* every destination of the family */
};

static const int groups[] = {
    RTNLGRP_LINK,	RTNLGRP_NEIGH,	     RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV4_RULE,	RTNLGRP_IPV6_RULE,   RTNLGRP_NEXTHOP,
};

/* Devices */

static void take_link(void *ctx, const struct nlmsghdr *message)
{
	struct netlink *netlink = ctx;
	struct nexthop_link link;
	int ret;

	if (netlink_parse_link(message, &link) < 0)
		return;
	if (message->nlmsg_type == RTM_DELLINK)
		ret = link_table_remove(&netlink->links, link.ifindex);
	else
		ret = link_table_put(&netlink->links, &link);
	if (ret > 0)
		netlink->link_changed = true;
	else if (ret < 0)
		netlink->resync = true;
}

static int build_link_dump(struct nl_msg *message)
{
	const struct ifinfomsg info = {.ifi_family = AF_UNSPEC};

	if (!nlmsg_put(message, 0, 0, RTM_GETLINK, sizeof(info), 0))
		return -ENOMEM;
	memcpy(nlmsg_data(nlmsg_hdr(message)), &info, sizeof(info));
	return nla_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) < 0 ? -ENOMEM : 0;
}

static int read_links(struct netlink *netlink)
{
	int ret = -EAGAIN;

	for (int i = 0; i < DUMP_ATTEMPTS && ret == -EAGAIN; i++) {
		struct nl_msg *message = nlmsg_alloc_size(NETLINK_REQUEST_BYTES);

		if (!message)
			return -ENOMEM;
		link_table_begin(&netlink->links);
		ret = build_link_dump(message);
		if (ret == 0)
			ret = netlink_request_dump(netlink->requester, message, take_link, netlink);
		nlmsg_free(message);
	}
	if (ret == -EAGAIN) /* never at rest: the events bring what is missing */
		return 0;
	return ret < 0 ? ret : link_table_end(&netlink->links);
}

int netlink_ifindex(struct netlink *netlink, const char *ifname)
{
	const struct nexthop_link *link = link_table_find_name(&netlink->links, ifname);

	return link ? link->ifindex : -ENODEV;
}

/* Destinations */

static void decide(const struct netlink *netlink, const struct destination *item,
		   const struct nexthop_neigh *neigh, struct nexthop *ret_nexthop)
{
	const struct nexthop_link *link = NULL, *lower = NULL;

	if (!item->route.error)
		link = link_table_find(&netlink->links, item->route.oif);
	if (link && link->is_vlan && link->lower_ifindex)
		lower = link_table_find(&netlink->links, link->lower_ifindex);
	nexthop_decide(&item->address, &item->route, link, lower, neigh, ret_nexthop);
}

/* A destination needs a neighbour when that is the only thing it lacks. */
static int choose_neighbour(struct netlink *netlink, struct destination *item)
{
	struct neigh_entry *before = item->neigh;
	struct nexthop nexthop;

	decide(netlink, item, NULL, &nexthop);
	item->neigh = NULL;
	if (nexthop.status == NEXTHOP_NEIGH_PENDING) {
		struct neigh_key key = {.ifindex = nexthop.route_ifindex, .address = nexthop.via};

		item->neigh = neigh_want(netlink->neighbours, &key);
		if (!item->neigh) {
			item->neigh = before;
			return -ENOMEM;
		}
	}
	neigh_unwant(netlink->neighbours, before);
	return 0;
}

static void decide_changed(struct netlink *netlink)
{
	for (size_t i = 0; i < netlink->set.n; i++) {
		struct destination *item = &netlink->set.items[i];
		struct nexthop nexthop;

		if (!item->redecide && !(item->neigh && item->neigh->changed))
			continue;
		decide(netlink, item, item->neigh ? &item->neigh->last.neigh : NULL, &nexthop);
		if (!item->fresh && !nexthop_equal(&item->nexthop, &nexthop))
			item->report = netlink->reports = true;
		item->nexthop = nexthop;
		item->redecide = item->fresh = false;
	}
	neigh_table_clear_changes(netlink->neighbours);
}

/* Brings every destination that is marked up to date. What fails stays marked. */
static int update(struct netlink *netlink)
{
	int ret = 0;

	/* With very many destinations even looking at each is not for every event. */
	if (netlink->marked)
		ret = netlink_ask_routes(netlink->requester, &netlink->set);
	for (size_t i = 0; i < netlink->set.n && ret == 0 && netlink->marked; i++)
		if (netlink->set.items[i].redecide)
			ret = choose_neighbour(netlink, &netlink->set.items[i]);
	if (ret == 0)
		ret = neigh_table_settle(netlink->neighbours);
	if (ret < 0)
		return ret;
	if (netlink->marked || neigh_table_has_changes(netlink->neighbours))
		decide_changed(netlink);
	netlink->marked = false;
	return 0;
}

/* Any change of a device may change routes without an event of their own: the kernel is silent
 * about the IPv4 routes that go with a device that goes down (fib_sync_down_dev()). */
static void requery_all(struct netlink *netlink)
{
	netlink->requery_v4 = netlink->requery_v6 = true;
	for (size_t i = 0; i < netlink->set.n; i++)
		netlink->set.items[i].redecide = true;
	netlink->link_changed = false;
	netlink->marked = true;
}

/* Marked once for any number of events. */
static void mark_families(struct netlink *netlink)
{
	if (netlink->requery_v4)
		destination_set_requery_family(&netlink->set, AF_INET);
	if (netlink->requery_v6)
		destination_set_requery_family(&netlink->set, AF_INET6);
	netlink->marked |= netlink->requery_v4 || netlink->requery_v6;
	netlink->requery_v4 = netlink->requery_v6 = false;
}

static int read_all(struct netlink *netlink)
{
	int ret;

	netlink->resync = false;
	ret = read_links(netlink);
	if (ret == 0)
		ret = neigh_table_read(netlink->neighbours);
	if (ret < 0)
		netlink->resync = true;
	return ret;
}

/* Events */

static void schedule(struct event *timer, long seconds, long microseconds)
{
	const struct timeval delay = {.tv_sec = seconds, .tv_usec = microseconds};

	if (!event_pending(timer, EV_TIMEOUT, NULL))
		event_add(timer, &delay);
}

static void want_family(struct netlink *netlink, int family)
{
	netlink->requery_v4 |= family != AF_INET6;
	netlink->requery_v6 |= family != AF_INET;
	netlink->eventful = true;
}

static void take_route_event(struct netlink *netlink, const struct nlmsghdr *message)
{
	struct route_event route;

	if (netlink_parse_route_event(message, &route) < 0)
		return;
	if (route_event_is_default(&route))
		want_family(netlink, route.family);
	else if (destination_set_requery_prefix(&netlink->set, &route))
		netlink->marked = netlink->eventful = true;
}

static void take_event(struct netlink *netlink, const struct nlmsghdr *message)
{

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		take_link(netlink, message);
		netlink->eventful |= netlink->link_changed;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		netlink->eventful |= neigh_table_event(netlink->neighbours, message);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		take_route_event(netlink, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		want_family(netlink, netlink_parse_family(message));
		break;
	}
}

/* Reads the events that wait. */
static void read_events(struct netlink *netlink)
{
	int fd = nl_socket_get_fd(netlink->events);

	for (int packets = 0; packets < PACKETS_MAX; packets++) {
		struct nlmsghdr *message = (struct nlmsghdr *)netlink->buffer;
		ssize_t len =
		    recv(fd, netlink->buffer, EVENT_BUFFER_BYTES, MSG_DONTWAIT | MSG_TRUNC);
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return;
		if (len < 0 || (size_t)len > EVENT_BUFFER_BYTES) {
			/* ENOBUFS: events were lost. No other error is known; all are met alike. */
			netlink->resync = true;
			if (len < 0 && errno != ENOBUFS)
				return;
			continue;
		}
		for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left))
			take_event(netlink, message);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct netlink *netlink = ctx;

	read_events(netlink);
	if (netlink->eventful || netlink->resync)
		schedule(netlink->batch, 0, BATCH_US);
}

static int work_off(struct netlink *netlink)
{
	bool everything = netlink->resync;
	int ret;

	netlink->eventful = false;
	ret = everything ? read_all(netlink) : 0;

	if (ret < 0)
		return ret;
	if (everything || netlink->link_changed) {
		requery_all(netlink);
		neigh_table_retry(netlink->neighbours, NEIGH_RETRY_MAX);
	}
	if (everything)
		neigh_table_sweep(netlink->neighbours);
	mark_families(netlink);
	return update(netlink);
}

static struct lb_addr *take_reports(struct netlink *netlink, size_t *ret_n)
{
	struct lb_addr *changed;
	size_t n = 0;

	for (size_t i = 0; i < netlink->set.n && netlink->reports; i++)
		n += netlink->set.items[i].report;
	*ret_n = 0;
	changed = n ? malloc(n * sizeof(*changed)) : NULL;
	netlink->reports = n && !changed; /* out of memory: they are reported next time */
	if (!changed)
		return NULL;
	for (size_t i = 0; i < netlink->set.n; i++) {
		if (!netlink->set.items[i].report)
			continue;
		changed[(*ret_n)++] = netlink->set.items[i].address;
		netlink->set.items[i].report = false;
	}
	return changed;
}

/* The callbacks may call back, so they see no list of ours that could change under them. */
static void report(struct netlink *netlink)
{
	size_t n_notices, n_changed;
	struct link_notice *notices = link_table_take_notices(&netlink->links, &n_notices);
	struct lb_addr *changed = take_reports(netlink, &n_changed);

	for (size_t i = 0; i < n_notices; i++)
		netlink->ops->on_link(netlink->ctx, notices[i].ifname, notices[i].ifindex,
				      notices[i].present, notices[i].up);
	if (n_changed)
		netlink->ops->on_nexthops(netlink->ctx, changed, n_changed);
	free(notices);
	free(changed);
}

/* As long as that helps, the next ones follow at once. */
static void schedule_neigh_retry(struct netlink *netlink)
{
	size_t errors = neigh_table_errors(netlink->neighbours);

	if (errors && errors < netlink->neigh_errors)
		schedule(netlink->neigh_retry, 0, BATCH_US);
	else if (errors)
		schedule(netlink->neigh_retry, NEIGH_RETRY_S, 0);
	netlink->neigh_errors = errors;
}

static void on_batch(evutil_socket_t fd, short what, void *ctx)
{
	struct netlink *netlink = ctx;

	read_events(netlink);
	if (work_off(netlink) < 0) {
		netlink->resync = true;
		schedule(netlink->batch, RETRY_S, 0);
	}
	schedule_neigh_retry(netlink);
	report(netlink);
}

static void on_neigh_retry(evutil_socket_t fd, short what, void *ctx)
{
	struct netlink *netlink = ctx;

	neigh_table_retry(netlink->neighbours, NEIGH_RETRY_MAX);
	schedule(netlink->batch, 0, BATCH_US);
}

/* The object */

static int open_events(struct netlink *netlink)
{
	int ret = netlink_socket_open(EVENT_RECEIVE_BYTES, &netlink->events);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		ret = netlink_errno(nl_socket_add_membership(netlink->events, groups[i]));
		if (ret < 0)
			return ret;
	}
	ret = netlink_errno(nl_socket_set_nonblocking(netlink->events));
	if (ret < 0)
		return ret;
	netlink->buffer = malloc(EVENT_BUFFER_BYTES);
	return netlink->buffer ? 0 : -ENOMEM;
}

static int watch(struct netlink *netlink, struct event_base *base)
{
	netlink->readable = event_new(base, nl_socket_get_fd(netlink->events), EV_READ | EV_PERSIST,
				      on_readable, netlink);
	netlink->batch = evtimer_new(base, on_batch, netlink);
	netlink->neigh_retry = evtimer_new(base, on_neigh_retry, netlink);
	if (!netlink->readable || !netlink->batch || !netlink->neigh_retry)
		return -ENOMEM;
	return event_add(netlink->readable, NULL) < 0 ? -EIO : 0;
}

int netlink_new(struct event_base *base, const struct netlink_ops *ops, void *ctx,
		struct netlink **ret_netlink)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	size_t n_notices;
	int ret;

	if (!netlink)
		return -ENOMEM;
	netlink->ops = ops;
	netlink->ctx = ctx;
	ret = netlink_requester_new(&netlink->requester);
	if (ret < 0)
		goto out;
	ret = -ENOMEM;
	netlink->neighbours = neigh_table_new(netlink->requester);
	if (!netlink->neighbours)
		goto out;
	/* Events first, so that nothing happens unseen after the tables were read. */
	ret = open_events(netlink);
	if (ret == 0)
		ret = read_all(netlink);
	if (ret == 0)
		ret = watch(netlink, base);
	if (ret < 0)
		goto out;
	free(link_table_take_notices(&netlink->links, &n_notices));
	netlink->link_changed = false;
	*ret_netlink = netlink;
	return 0;
out:
	netlink_free(netlink);
	return ret;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	free_event(netlink->readable);
	free_event(netlink->batch);
	free_event(netlink->neigh_retry);
	neigh_table_free(netlink->neighbours);
	netlink_requester_free(netlink->requester);
	nl_socket_free(netlink->events);
	destination_set_free(&netlink->set);
	link_table_free(&netlink->links);
	free(netlink->buffer);
	free(netlink);
}

static int replace_set(struct netlink *netlink, const struct lb_addr *destinations, size_t n)
{
	struct destination_set set = {0};
	bool *kept = calloc(netlink->set.n + 1, sizeof(*kept));
	int ret = -ENOMEM;

	if (kept)
		ret = destination_set_make(&netlink->set, destinations, n, kept, &set);
	if (ret < 0)
		goto out;
	for (size_t i = 0; i < netlink->set.n; i++)
		if (!kept[i])
			neigh_unwant(netlink->neighbours, netlink->set.items[i].neigh);
	destination_set_free(&netlink->set);
	netlink->set = set;
	netlink->marked = true;
out:
	free(kept);
	return ret;
}

int netlink_set_destinations(struct netlink *netlink, const struct lb_addr *destinations, size_t n)
{
	int ret = replace_set(netlink, destinations, n);

	if (ret < 0)
		return ret;
	neigh_table_sweep(netlink->neighbours);
	ret = update(netlink);
	/* What else changed on the way is reported from the loop; what failed is tried again. */
	schedule(netlink->batch, ret < 0 ? RETRY_S : 0, BATCH_US);
	return ret;
}

const struct nexthop *netlink_nexthop(struct netlink *netlink, const struct lb_addr *destination)
{
	const struct destination *item = destination_set_find(&netlink->set, destination);

	return item ? &item->nexthop : NULL;
}

int netlink_teardown(void)
{
	struct netlink_requester *requester;
	int ret = netlink_requester_new(&requester);

	if (ret < 0)
		return ret;
	ret = neigh_teardown(requester);
	netlink_requester_free(requester);
	return ret;
}
