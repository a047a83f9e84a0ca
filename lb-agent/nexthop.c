/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nexthop.c - the decision whether a backend can be reached and how its frames look, apart from the
 * asking, so that every case (VLAN devices, tunnels, odd routes) is tested on any kernel.
 *
 * What cannot get better by waiting (no route, a device of the wrong kind) is told before what can
 * (a device that is down, a neighbour that does not answer yet).
 */
#include "nexthop.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* States in which the kernel itself would send to the entry's MAC (NUD_VALID, net/neighbour.h).
 * With PROBE the old MAC is still the best known one. */
#define NUD_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

static void decide(struct nexthop *nexthop, enum nexthop_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void decide(struct nexthop *nexthop, enum nexthop_status status, const char *format, ...)
{
	va_list args;

	nexthop->status = status;
	va_start(args, format);
	vsnprintf(nexthop->detail, sizeof(nexthop->detail), format, args);
	va_end(args);
}

/* The kernel answers a look-up that ends in a blackhole, unreachable or prohibit route with an
 * error (fib_props, net/ipv4/fib_semantics.c; ip6_rt_type_to_error, net/ipv6/route.c). */
static void decide_route_error(int error, struct nexthop *nexthop)
{
	switch (error) {
	case ENETUNREACH:
		decide(nexthop, NEXTHOP_NO_ROUTE, "no route");
		break;
	case EINVAL:
		decide(nexthop, NEXTHOP_ROUTE_REFUSED, "the route is a blackhole");
		break;
	case EHOSTUNREACH:
		decide(nexthop, NEXTHOP_ROUTE_REFUSED, "the route says unreachable");
		break;
	case EACCES:
		decide(nexthop, NEXTHOP_ROUTE_REFUSED, "the route says prohibit");
		break;
	default:
		decide(nexthop, NEXTHOP_NO_ROUTE, "no route: %s", strerror(error));
	}
}

static bool decide_route(const struct nexthop_route *route, struct nexthop *nexthop)
{
	if (route->error) {
		decide_route_error(route->error, nexthop);
		return true;
	}
	switch (route->type) {
	case RTN_UNICAST:
		return false;
	case RTN_LOCAL:
		decide(nexthop, NEXTHOP_LOCAL, "the address is this machine's own");
		return true;
	case RTN_BLACKHOLE:
		decide_route_error(EINVAL, nexthop);
		return true;
	case RTN_UNREACHABLE:
		decide_route_error(EHOSTUNREACH, nexthop);
		return true;
	case RTN_PROHIBIT:
		decide_route_error(EACCES, nexthop);
		return true;
	case RTN_BROADCAST:
		decide(nexthop, NEXTHOP_NOT_UNICAST, "the address is a broadcast address");
		return true;
	case RTN_MULTICAST:
		decide(nexthop, NEXTHOP_NOT_UNICAST, "the address is a multicast address");
		return true;
	default:
		decide(nexthop, NEXTHOP_NOT_UNICAST, "the route is not unicast (type %d)",
		       route->type);
		return true;
	}
}

static bool decide_vlan(const struct nexthop_link *link, const struct nexthop_link *lower,
			struct nexthop *nexthop)
{
	if (!link->vlan_is_8021q)
		decide(nexthop, NEXTHOP_DEVICE_KIND,
		       "%s is an 802.1ad VLAN device; only 802.1Q is supported", link->ifname);
	else if (link->vlan_id == 0)
		decide(nexthop, NEXTHOP_DEVICE_KIND,
		       "%s is a VLAN device with VLAN id 0, which is not supported", link->ifname);
	else if (!lower || !lower->known)
		decide(nexthop, NEXTHOP_DEVICE_KIND,
		       "the device below %s is not in this network namespace", link->ifname);
	else if (lower->is_vlan)
		decide(nexthop, NEXTHOP_DEVICE_KIND,
		       "%s is a VLAN on top of a VLAN, which is not supported", link->ifname);
	else if (!lower->ethernet || lower->loopback)
		decide(nexthop, NEXTHOP_DEVICE_KIND, "%s, below %s, is not an Ethernet device",
		       lower->ifname, link->ifname);
	else
		return false;
	return true;
}

static bool decide_link(const struct nexthop_route *route, const struct nexthop_link *link,
			const struct nexthop_link *lower, struct nexthop *nexthop)
{
	if (!link || !link->known) {
		decide(nexthop, NEXTHOP_DEVICE_DOWN, "the route's device (index %d) is gone",
		       route->oif);
		return true;
	}
	if (link->loopback) {
		decide(nexthop, NEXTHOP_LOCAL, "the route leads to the loopback device %s",
		       link->ifname);
		return true;
	}
	if (!link->ethernet) {
		decide(nexthop, NEXTHOP_DEVICE_KIND, "%s is not an Ethernet device", link->ifname);
		return true;
	}
	if (link->is_vlan && decide_vlan(link, lower, nexthop))
		return true;
	if (link->is_vlan && !lower->up) {
		decide(nexthop, NEXTHOP_DEVICE_DOWN, "%s, below %s, is down or has no carrier",
		       lower->ifname, link->ifname);
		return true;
	}
	if (!link->up) {
		decide(nexthop, NEXTHOP_DEVICE_DOWN, "%s is down or has no carrier", link->ifname);
		return true;
	}
	return false;
}

static bool decide_neigh(const struct nexthop_link *link, const struct nexthop_neigh *neigh,
			 struct nexthop *nexthop)
{
	static const uint8_t no_mac[6];
	char via[LB_ADDR_TEXT_MAX];

	addr_format(&nexthop->via, via);
	if (neigh && neigh->error == ENOBUFS)
		decide(nexthop, NEXTHOP_NEIGH_FAILED,
		       "the neighbour table is full: raise %s.neigh.default.gc_thresh3",
		       addr_is_v4(&nexthop->via) ? "net.ipv4" : "net.ipv6");
	else if (neigh && neigh->error)
		decide(nexthop, NEXTHOP_NEIGH_FAILED, "no neighbour entry for %s: %s", via,
		       strerror(neigh->error));
	else if (neigh && neigh->known && neigh->state & NUD_FAILED)
		decide(nexthop, NEXTHOP_NEIGH_FAILED, "neighbour %s on %s does not answer", via,
		       link->ifname);
	else if (!neigh || !neigh->known || !(neigh->state & NUD_USABLE))
		decide(nexthop, NEXTHOP_NEIGH_PENDING, "neighbour %s on %s is being resolved", via,
		       link->ifname);
	else if (memcmp(neigh->mac, no_mac, sizeof(no_mac)) == 0)
		decide(nexthop, NEXTHOP_NEIGH_FAILED, "neighbour %s on %s has no MAC address", via,
		       link->ifname);
	else
		return false;
	return true;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return b && b < a ? b : a;
}

static void resolve(const struct nexthop_route *route, const struct nexthop_link *link,
		    const struct nexthop_link *lower, const struct nexthop_neigh *neigh,
		    struct nexthop *nexthop)
{
	char via[LB_ADDR_TEXT_MAX] = "";

	nexthop->ifindex = link->is_vlan ? lower->ifindex : link->ifindex;
	nexthop->vlan_id = link->is_vlan ? link->vlan_id : 0;
	memcpy(nexthop->eth_dst, neigh->mac, sizeof(nexthop->eth_dst));
	memcpy(nexthop->eth_src, link->mac, sizeof(nexthop->eth_src));
	nexthop->mtu = smaller(link->mtu, route->mtu);
	if (link->is_vlan)
		nexthop->mtu = smaller(nexthop->mtu, lower->mtu);
	if (route->has_gateway)
		addr_format(&nexthop->via, via);
	decide(nexthop, NEXTHOP_RESOLVED, "%s%s%s%s", route->has_gateway ? "via " : "", via,
	       route->has_gateway ? " on " : "on ", link->ifname);
}

void nexthop_decide(const struct lb_addr *destination, const struct nexthop_route *route,
		    const struct nexthop_link *link, const struct nexthop_link *lower,
		    const struct nexthop_neigh *neigh, struct nexthop *ret_nexthop)
{
	struct nexthop *nexthop = ret_nexthop;

	memset(nexthop, 0, sizeof(*nexthop));
	nexthop->via = *destination;
	if (decide_route(route, nexthop))
		return;
	if (route->has_gateway)
		nexthop->via = route->gateway;
	nexthop->source = route->source;
	nexthop->route_ifindex = route->oif;
	if (link && link->known)
		memcpy(nexthop->route_ifname, link->ifname, sizeof(nexthop->route_ifname));
	if (decide_link(route, link, lower, nexthop))
		return;
	if (decide_neigh(link, neigh, nexthop))
		return;
	resolve(route, link, lower, neigh, nexthop);
}

bool nexthop_equal(const struct nexthop *a, const struct nexthop *b)
{
	/* The fields are compared one by one: padding and the bytes after a text's end are not part
	 * of the value. What is valid only when resolved is zero otherwise. */
	return a->status == b->status && strcmp(a->detail, b->detail) == 0 &&
	       addr_equal(&a->via, &b->via) && addr_equal(&a->source, &b->source) &&
	       a->route_ifindex == b->route_ifindex &&
	       strcmp(a->route_ifname, b->route_ifname) == 0 && a->ifindex == b->ifindex &&
	       memcmp(a->eth_dst, b->eth_dst, sizeof(a->eth_dst)) == 0 &&
	       memcmp(a->eth_src, b->eth_src, sizeof(a->eth_src)) == 0 &&
	       a->vlan_id == b->vlan_id && a->mtu == b->mtu;
}

const char *nexthop_status_name(enum nexthop_status status)
{
	switch (status) {
	case NEXTHOP_RESOLVED:
		return "resolved";
	case NEXTHOP_NO_ROUTE:
		return "no-route";
	case NEXTHOP_ROUTE_REFUSED:
		return "route-refused";
	case NEXTHOP_LOCAL:
		return "local";
	case NEXTHOP_NOT_UNICAST:
		return "not-unicast";
	case NEXTHOP_DEVICE_DOWN:
		return "device-down";
	case NEXTHOP_DEVICE_KIND:
		return "device-kind";
	case NEXTHOP_NEIGH_PENDING:
		return "neigh-pending";
	case NEXTHOP_NEIGH_FAILED:
		return "neigh-failed";
	}
	return "invalid";
}
