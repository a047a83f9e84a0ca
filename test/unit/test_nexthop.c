/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_nexthop.c - the decision about a next hop, every way that it can end.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nexthop.h"

static struct lb_addr address(const char *text)
{
	struct lb_addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0);
	return addr;
}

/* What resolves; the tests change one thing. */
struct input {
	struct lb_addr destination;
	struct nexthop_route route;
	struct nexthop_link link, lower;
	struct nexthop_neigh neigh;
};

static struct input good(void)
{
	struct input in = {
	    .destination = address("10.0.1.2"),
	    .route = {.type = RTN_UNICAST, .oif = 3, .source = address("10.0.1.1")},
	    .link = {.known = true,
		     .ifindex = 3,
		     .ifname = "eth1",
		     .up = true,
		     .ethernet = true,
		     .mac = {2, 0, 0, 0, 0, 1},
		     .mtu = 1500},
	    .neigh = {.known = true, .state = NUD_REACHABLE, .mac = {2, 0, 0, 0, 0, 2}},
	};
	return in;
}

static struct input good_vlan(void)
{
	struct input in = good();

	in.lower = in.link;
	in.lower.ifindex = 2;
	memcpy(in.lower.ifname, "eth0", 5);
	in.lower.mac[5] = 9;
	memcpy(in.link.ifname, "eth0.42", 8);
	in.link.is_vlan = in.link.vlan_is_8021q = true;
	in.link.vlan_id = 42;
	in.link.lower_ifindex = 2;
	return in;
}

static struct nexthop decide(const struct input *in)
{
	struct nexthop nexthop;

	memset(&nexthop, 0xa5, sizeof(nexthop));
	nexthop_decide(&in->destination, &in->route, &in->link, in->lower.known ? &in->lower : NULL,
		       &in->neigh, &nexthop);
	return nexthop;
}

static void expect(const struct input *in, enum nexthop_status status, const char *detail)
{
	struct nexthop nexthop = decide(in);

	cr_expect_eq(nexthop.status, status, "%s, not %s", nexthop_status_name(nexthop.status),
		     nexthop_status_name(status));
	cr_expect_str_eq(nexthop.detail, detail);
}

Test(nexthop, resolves_on_the_link)
{
	struct input in = good();
	struct nexthop nexthop = decide(&in);

	expect(&in, NEXTHOP_RESOLVED, "on eth1");
	cr_assert(addr_equal(&nexthop.via, &in.destination));
	cr_assert(addr_equal(&nexthop.source, &in.route.source));
	cr_assert_eq(nexthop.ifindex, 3);
	cr_assert_eq(nexthop.route_ifindex, 3);
	cr_assert_str_eq(nexthop.route_ifname, "eth1");
	cr_assert_arr_eq(nexthop.eth_dst, in.neigh.mac, 6);
	cr_assert_arr_eq(nexthop.eth_src, in.link.mac, 6);
	cr_assert_eq(nexthop.vlan_id, 0);
	cr_assert_eq(nexthop.mtu, 1500);
}

Test(nexthop, resolves_by_a_gateway_of_either_family)
{
	struct input in = good();
	struct nexthop nexthop;

	in.route.has_gateway = true;
	in.route.gateway = address("10.0.1.254");
	expect(&in, NEXTHOP_RESOLVED, "via 10.0.1.254 on eth1");
	in.route.gateway = address("fe80::1");
	expect(&in, NEXTHOP_RESOLVED, "via fe80::1 on eth1");
	nexthop = decide(&in);
	cr_assert(addr_equal(&nexthop.via, &in.route.gateway));
}

Test(nexthop, a_vlan_device_gives_its_own_mac_and_the_device_below)
{
	struct input in = good_vlan();
	struct nexthop nexthop = decide(&in);

	expect(&in, NEXTHOP_RESOLVED, "on eth0.42");
	cr_assert_eq(nexthop.vlan_id, 42);
	cr_assert_eq(nexthop.ifindex, 2);
	cr_assert_eq(nexthop.route_ifindex, 3);
	cr_assert_arr_eq(nexthop.eth_src, in.link.mac, 6);
}

Test(nexthop, the_smallest_mtu_counts)
{
	struct input in = good_vlan();

	in.route.mtu = 1400;
	cr_assert_eq(decide(&in).mtu, 1400);
	in.route.mtu = 9000;
	cr_assert_eq(decide(&in).mtu, 1500);
	in.lower.mtu = 1300;
	cr_assert_eq(decide(&in).mtu, 1300);
}

Test(nexthop, route_errors_are_told_apart)
{
	struct input in = good();

	in.route.error = ENETUNREACH;
	expect(&in, NEXTHOP_NO_ROUTE, "no route");
	in.route.error = EINVAL;
	expect(&in, NEXTHOP_ROUTE_REFUSED, "the route is a blackhole");
	in.route.error = EACCES;
	expect(&in, NEXTHOP_ROUTE_REFUSED, "the route says prohibit");
	in.route.error = EHOSTUNREACH;
	expect(&in, NEXTHOP_ROUTE_REFUSED, "the route says unreachable");
	in.route.error = EAGAIN;
	expect(&in, NEXTHOP_NO_ROUTE, "no route: Resource temporarily unavailable");
}

Test(nexthop, only_unicast_routes_lead_somewhere)
{
	struct input in = good();

	in.route.type = RTN_LOCAL;
	expect(&in, NEXTHOP_LOCAL, "the address is this machine's own");
	in.route.type = RTN_BROADCAST;
	expect(&in, NEXTHOP_NOT_UNICAST, "the address is a broadcast address");
	in.route.type = RTN_MULTICAST;
	expect(&in, NEXTHOP_NOT_UNICAST, "the address is a multicast address");
	in.route.type = RTN_ANYCAST;
	expect(&in, NEXTHOP_NOT_UNICAST, "the route is not unicast (type 4)");
	in.route.type = RTN_BLACKHOLE;
	expect(&in, NEXTHOP_ROUTE_REFUSED, "the route is a blackhole");
	in.route.type = RTN_UNREACHABLE;
	expect(&in, NEXTHOP_ROUTE_REFUSED, "the route says unreachable");
	in.route.type = RTN_PROHIBIT;
	expect(&in, NEXTHOP_ROUTE_REFUSED, "the route says prohibit");
}

Test(nexthop, refuses_devices_that_are_not_supported)
{
	struct input in = good();

	in.link.ethernet = false;
	expect(&in, NEXTHOP_DEVICE_KIND, "eth1 is not an Ethernet device");
	in = good();
	in.link.loopback = true;
	expect(&in, NEXTHOP_LOCAL, "the route leads to the loopback device eth1");
	in = good_vlan();
	in.link.vlan_is_8021q = false;
	expect(&in, NEXTHOP_DEVICE_KIND,
	       "eth0.42 is an 802.1ad VLAN device; only 802.1Q is supported");
	in = good_vlan();
	in.lower.is_vlan = true;
	expect(&in, NEXTHOP_DEVICE_KIND,
	       "eth0.42 is a VLAN on top of a VLAN, which is not supported");
	in = good_vlan();
	in.lower.ethernet = false;
	expect(&in, NEXTHOP_DEVICE_KIND, "eth0, below eth0.42, is not an Ethernet device");
	in = good_vlan();
	in.lower.known = false;
	expect(&in, NEXTHOP_DEVICE_KIND,
	       "the device below eth0.42 is not in this network namespace");
	in = good_vlan();
	in.link.vlan_id = 0;
	expect(&in, NEXTHOP_DEVICE_KIND,
	       "eth0.42 is a VLAN device with VLAN id 0, which is not supported");
}

Test(nexthop, a_device_that_is_down_or_gone_is_not_used)
{
	struct input in = good();

	in.link.up = false;
	expect(&in, NEXTHOP_DEVICE_DOWN, "eth1 is down or has no carrier");
	in.link.known = false;
	expect(&in, NEXTHOP_DEVICE_DOWN, "the route's device (index 3) is gone");
	in = good_vlan();
	in.lower.up = false;
	expect(&in, NEXTHOP_DEVICE_DOWN, "eth0, below eth0.42, is down or has no carrier");
}

Test(nexthop, each_neighbour_state_counts_as_the_kernel_would_use_it)
{
	static const int usable[] = {NUD_REACHABLE, NUD_STALE,	   NUD_DELAY,
				     NUD_PROBE,	    NUD_PERMANENT, NUD_NOARP};
	struct input in = good();

	for (size_t i = 0; i < sizeof(usable) / sizeof(usable[0]); i++) {
		in.neigh.state = usable[i];
		cr_expect_eq(decide(&in).status, NEXTHOP_RESOLVED, "state %#x", usable[i]);
	}
	in.neigh.state = NUD_NONE;
	expect(&in, NEXTHOP_NEIGH_PENDING, "neighbour 10.0.1.2 on eth1 is being resolved");
	in.neigh.state = NUD_INCOMPLETE;
	expect(&in, NEXTHOP_NEIGH_PENDING, "neighbour 10.0.1.2 on eth1 is being resolved");
	in.neigh.state = NUD_FAILED;
	expect(&in, NEXTHOP_NEIGH_FAILED, "neighbour 10.0.1.2 on eth1 does not answer");
	in.neigh.known = false;
	expect(&in, NEXTHOP_NEIGH_PENDING, "neighbour 10.0.1.2 on eth1 is being resolved");
}

Test(nexthop, a_neighbour_without_a_mac_is_not_used)
{
	struct input in = good();

	memset(in.neigh.mac, 0, 6);
	in.neigh.state = NUD_NOARP;
	expect(&in, NEXTHOP_NEIGH_FAILED, "neighbour 10.0.1.2 on eth1 has no MAC address");
}

Test(nexthop, says_which_setting_to_raise_when_the_neighbour_table_is_full)
{
	struct input in = good();

	in.neigh.error = ENOBUFS;
	expect(&in, NEXTHOP_NEIGH_FAILED,
	       "the neighbour table is full: raise net.ipv4.neigh.default.gc_thresh3");
	in.neigh.error = EPERM;
	expect(&in, NEXTHOP_NEIGH_FAILED,
	       "no neighbour entry for 10.0.1.2: Operation not permitted");
}

Test(nexthop, the_longest_texts_fit)
{
	struct input in = good();

	in.route.has_gateway = true;
	in.route.gateway = address("2001:db8:1111:2222:3333:4444:5555:6666");
	memcpy(in.link.ifname, "abcdefghijklmno", 16);
	expect(&in, NEXTHOP_RESOLVED,
	       "via 2001:db8:1111:2222:3333:4444:5555:6666 on abcdefghijklmno");
	in.neigh.state = NUD_FAILED;
	expect(&in, NEXTHOP_NEIGH_FAILED,
	       "neighbour 2001:db8:1111:2222:3333:4444:5555:6666 on abcdefghijklmno does not "
	       "answer");
}

Test(nexthop, what_is_not_resolved_carries_no_frame)
{
	static const uint8_t zero[6];
	struct input in = good();
	struct nexthop nexthop;

	in.neigh.state = NUD_FAILED;
	nexthop = decide(&in);
	cr_assert_eq(nexthop.ifindex, 0);
	cr_assert_arr_eq(nexthop.eth_dst, zero, 6);
	cr_assert_arr_eq(nexthop.eth_src, zero, 6);
	cr_assert_eq(nexthop.mtu, 0);
}

Test(nexthop, equality_sees_every_field)
{
	struct input in = good_vlan();
	struct nexthop a = decide(&in), b = decide(&in);

	cr_assert(nexthop_equal(&a, &b));
#define DIFFERS(change)                                                                            \
	do {                                                                                       \
		b = a;                                                                             \
		change;                                                                            \
		cr_expect_not(nexthop_equal(&a, &b), #change);                                     \
	} while (0)
	DIFFERS(b.status = NEXTHOP_LOCAL);
	DIFFERS(b.detail[0]++);
	DIFFERS(b.via.b[15]++);
	DIFFERS(b.source.b[15]++);
	DIFFERS(b.route_ifindex++);
	DIFFERS(b.route_ifname[0]++);
	DIFFERS(b.ifindex++);
	DIFFERS(b.eth_dst[5]++);
	DIFFERS(b.eth_src[5]++);
	DIFFERS(b.vlan_id++);
	DIFFERS(b.mtu++);
}
