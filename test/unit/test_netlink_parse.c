/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_netlink_parse.c - rtnetlink messages, built here byte by byte: also those of devices that a
 * test machine's kernel may not have (VLAN), and broken ones.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "netlink_link.h"
#include "netlink_parse.h"
#include "netlink_set.h"

static struct lb_addr address(const char *text)
{
	struct lb_addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0);
	return addr;
}

static struct nl_msg *begin(int type, const void *header, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc();

	nlmsg_put(msg, 0, 0, type, (int)len, 0);
	memcpy(nlmsg_data(nlmsg_hdr(msg)), header, len);
	return msg;
}

static void put_addr(struct nl_msg *msg, int type, const char *text)
{
	struct lb_addr addr = address(text);
	size_t len;
	const void *raw = addr_raw(&addr, &len);

	nla_put(msg, type, (int)len, raw);
}

static struct nl_msg *link_message(const char *name, unsigned flags)
{
	struct ifinfomsg info = {.ifi_index = 7, .ifi_type = ARPHRD_ETHER, .ifi_flags = flags};
	struct nl_msg *msg = begin(RTM_NEWLINK, &info, sizeof(info));

	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put(msg, IFLA_ADDRESS, 6, "\x02\0\0\0\0\x07");
	nla_put_u32(msg, IFLA_MTU, 1496);
	return msg;
}

static void put_vlan(struct nl_msg *msg, uint16_t id, uint16_t protocol)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO), *data;

	nla_put_string(msg, IFLA_INFO_KIND, "vlan");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	nla_put_u16(msg, IFLA_VLAN_ID, id);
	nla_put_u16(msg, IFLA_VLAN_PROTOCOL, htons(protocol));
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
}

Test(netlink_parse, reads_an_ethernet_device)
{
	struct nl_msg *msg = link_message("eth0", IFF_UP | IFF_LOWER_UP);
	struct nexthop_link link;

	cr_assert_eq(netlink_parse_link(nlmsg_hdr(msg), &link), 0);
	cr_assert(link.known && link.up && link.ethernet);
	cr_assert(!link.is_vlan && !link.loopback);
	cr_assert_eq(link.ifindex, 7);
	cr_assert_str_eq(link.ifname, "eth0");
	cr_assert_eq(link.mac[5], 7);
	cr_assert_eq(link.mtu, 1496);
	cr_assert_eq(link.lower_ifindex, 0);
	nlmsg_free(msg);
}

Test(netlink_parse, a_device_is_up_with_both_the_flag_and_the_carrier)
{
	static const unsigned flags[] = {0, IFF_UP, IFF_LOWER_UP, IFF_UP | IFF_LOWER_UP};

	for (int i = 0; i < 4; i++) {
		struct nl_msg *msg = link_message("eth0", flags[i]);
		struct nexthop_link link;

		cr_assert_eq(netlink_parse_link(nlmsg_hdr(msg), &link), 0);
		cr_assert_eq(link.up, i == 3);
		nlmsg_free(msg);
	}
}

Test(netlink_parse, reads_a_vlan_device)
{
	struct nl_msg *msg = link_message("eth0.42", IFF_UP | IFF_LOWER_UP);
	struct nexthop_link link;

	nla_put_u32(msg, IFLA_LINK, 2);
	put_vlan(msg, 42, ETH_P_8021Q);
	cr_assert_eq(netlink_parse_link(nlmsg_hdr(msg), &link), 0);
	cr_assert(link.is_vlan && link.vlan_is_8021q);
	cr_assert_eq(link.vlan_id, 42);
	cr_assert_eq(link.lower_ifindex, 2);
	nlmsg_free(msg);
}

Test(netlink_parse, tells_8021ad_from_8021q)
{
	struct nl_msg *msg = link_message("eth0.42", IFF_UP);
	struct nexthop_link link;

	put_vlan(msg, 42, ETH_P_8021AD);
	cr_assert_eq(netlink_parse_link(nlmsg_hdr(msg), &link), 0);
	cr_assert(link.is_vlan && !link.vlan_is_8021q);
	nlmsg_free(msg);
}

Test(netlink_parse, a_lower_device_of_another_namespace_is_none)
{
	struct nl_msg *msg = link_message("v0", IFF_UP);
	struct nexthop_link link;

	nla_put_u32(msg, IFLA_LINK, 2);
	nla_put_u32(msg, IFLA_LINK_NETNSID, 0);
	cr_assert_eq(netlink_parse_link(nlmsg_hdr(msg), &link), 0);
	cr_assert_eq(link.lower_ifindex, 0);
	nlmsg_free(msg);
}

Test(netlink_parse, a_bridges_view_of_its_port_is_of_no_interest)
{
	struct ifinfomsg info = {.ifi_family = AF_BRIDGE, .ifi_index = 7};
	struct nl_msg *msg = begin(RTM_DELLINK, &info, sizeof(info));
	struct nexthop_link link;

	nla_put_string(msg, IFLA_IFNAME, "eth0");
	cr_assert_eq(netlink_parse_link(nlmsg_hdr(msg), &link), -ENOENT);
	nlmsg_free(msg);
}

Test(netlink_parse, a_wireless_event_says_nothing_of_the_device)
{
	struct ifinfomsg info = {.ifi_index = 7, .ifi_type = ARPHRD_ETHER};
	struct nl_msg *msg = begin(RTM_NEWLINK, &info, sizeof(info));
	struct nexthop_link link;

	nla_put_string(msg, IFLA_IFNAME, "wlan0");
	nla_put(msg, IFLA_WIRELESS, 4, "event");
	cr_assert_eq(netlink_parse_link(nlmsg_hdr(msg), &link), -ENOENT);
	nlmsg_free(msg);
}

static struct nl_msg *neigh_message(const char *text, int state, int flags)
{
	struct lb_addr addr = address(text);
	struct ndmsg ndm = {.ndm_family = (unsigned char)addr_family(&addr),
			    .ndm_ifindex = 3,
			    .ndm_state = (uint16_t)state,
			    .ndm_flags = (uint8_t)flags};
	struct nl_msg *msg = begin(RTM_NEWNEIGH, &ndm, sizeof(ndm));

	put_addr(msg, NDA_DST, text);
	return msg;
}

Test(netlink_parse, reads_a_neighbour_of_either_family)
{
	static const char *const texts[] = {"10.0.1.2", "fe80::2"};

	for (int i = 0; i < 2; i++) {
		struct nl_msg *msg = neigh_message(texts[i], NUD_STALE, 0);
		struct lb_addr want = address(texts[i]);
		struct neigh_message neigh;

		nla_put(msg, NDA_LLADDR, 6, "\x02\0\0\0\0\x02");
		nla_put_u8(msg, NDA_PROTOCOL, 83);
		nla_put_u32(msg, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
		cr_assert_eq(netlink_parse_neigh(nlmsg_hdr(msg), &neigh), 0);
		cr_assert(addr_equal(&neigh.key.address, &want));
		cr_assert_eq(neigh.key.ifindex, 3);
		cr_assert(neigh.neigh.known);
		cr_assert_eq(neigh.neigh.state, NUD_STALE);
		cr_assert_eq(neigh.neigh.mac[5], 2);
		cr_assert_eq(neigh.protocol, 83);
		cr_assert(neigh.managed && !neigh.ext_learned);
		nlmsg_free(msg);
	}
}

Test(netlink_parse, a_neighbour_may_lack_a_mac_and_an_owner)
{
	struct nl_msg *msg = neigh_message("10.0.1.2", NUD_INCOMPLETE, NTF_EXT_LEARNED);
	static const uint8_t zero[6];
	struct neigh_message neigh;

	cr_assert_eq(netlink_parse_neigh(nlmsg_hdr(msg), &neigh), 0);
	cr_assert_arr_eq(neigh.neigh.mac, zero, 6);
	cr_assert_eq(neigh.protocol, 0);
	cr_assert(!neigh.managed && neigh.ext_learned);
	nlmsg_free(msg);
}

Test(netlink_parse, proxy_entries_are_of_no_interest)
{
	struct nl_msg *msg = neigh_message("10.0.1.2", NUD_PERMANENT, NTF_PROXY);
	struct neigh_message neigh;

	cr_assert_eq(netlink_parse_neigh(nlmsg_hdr(msg), &neigh), -ENOENT);
	nlmsg_free(msg);
}

static struct nl_msg *route_message(int family, int len, int type)
{
	struct rtmsg rtm = {.rtm_family = (unsigned char)family,
			    .rtm_dst_len = (unsigned char)len,
			    .rtm_type = (unsigned char)type};
	struct nl_msg *msg = begin(RTM_NEWROUTE, &rtm, sizeof(rtm));

	nla_put_u32(msg, RTA_OIF, 3);
	return msg;
}

Test(netlink_parse, reads_a_route_with_gateway_source_and_mtu)
{
	struct nl_msg *msg = route_message(AF_INET, 32, RTN_UNICAST);
	struct lb_addr gateway = address("10.0.1.254"), source = address("10.0.1.1");
	struct nexthop_route route;
	struct nlattr *metrics;

	put_addr(msg, RTA_GATEWAY, "10.0.1.254");
	put_addr(msg, RTA_PREFSRC, "10.0.1.1");
	metrics = nla_nest_start(msg, RTA_METRICS);
	nla_put_u32(msg, RTAX_MTU, 1400);
	nla_nest_end(msg, metrics);
	cr_assert_eq(netlink_parse_route(nlmsg_hdr(msg), &route), 0);
	cr_assert_eq(route.error, 0);
	cr_assert_eq(route.type, RTN_UNICAST);
	cr_assert_eq(route.oif, 3);
	cr_assert(route.has_gateway);
	cr_assert(addr_equal(&route.gateway, &gateway));
	cr_assert(addr_equal(&route.source, &source));
	cr_assert_eq(route.mtu, 1400);
	nlmsg_free(msg);
}

Test(netlink_parse, reads_an_ipv6_gateway_of_an_ipv4_route)
{
	struct nl_msg *msg = route_message(AF_INET, 32, RTN_UNICAST);
	struct lb_addr gateway = address("fe80::1");
	struct nexthop_route route;
	struct {
		uint16_t family;
		uint8_t addr[16];
	} via = {.family = AF_INET6};

	memcpy(via.addr, gateway.b, 16);
	nla_put(msg, RTA_VIA, sizeof(via), &via);
	cr_assert_eq(netlink_parse_route(nlmsg_hdr(msg), &route), 0);
	cr_assert(route.has_gateway);
	cr_assert(addr_equal(&route.gateway, &gateway));
	nlmsg_free(msg);
}

Test(netlink_parse, refuses_attributes_of_the_wrong_size)
{
	struct nl_msg *msg = route_message(AF_INET, 32, RTN_UNICAST);
	struct nexthop_route route;

	put_addr(msg, RTA_GATEWAY, "fe80::1");
	cr_assert_eq(netlink_parse_route(nlmsg_hdr(msg), &route), -EBADMSG);
	nlmsg_free(msg);
	msg = route_message(AF_INET, 32, RTN_UNICAST);
	nla_put(msg, RTA_VIA, 1, "x");
	cr_assert_eq(netlink_parse_route(nlmsg_hdr(msg), &route), -EBADMSG);
	nlmsg_free(msg);
}

Test(netlink_parse, refuses_messages_that_are_cut_short)
{
	struct nl_msg *msg = neigh_message("10.0.1.2", NUD_STALE, 0);
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct neigh_message neigh;
	struct nexthop_link link;
	struct nexthop_route route;
	struct route_event event;

	for (uint32_t len = NLMSG_HDRLEN; len < NLMSG_HDRLEN + sizeof(struct ndmsg) + 8; len++) {
		nlh->nlmsg_len = len;
		cr_expect_eq(netlink_parse_neigh(nlh, &neigh), -EBADMSG, "%u bytes", len);
	}
	nlh->nlmsg_len = NLMSG_HDRLEN + 4;
	cr_expect_eq(netlink_parse_link(nlh, &link), -EBADMSG);
	cr_expect_eq(netlink_parse_route(nlh, &route), -EBADMSG);
	cr_expect_eq(netlink_parse_route_event(nlh, &event), -EBADMSG);
	nlh->nlmsg_len = NLMSG_HDRLEN;
	cr_expect_eq(netlink_parse_family(nlh), AF_UNSPEC);
	nlmsg_free(msg);
}

static struct route_event event_of(const char *prefix, int len)
{
	struct lb_addr addr = address(prefix);
	struct nl_msg *msg = route_message(addr_family(&addr), len, RTN_UNICAST);
	struct route_event event;

	if (len)
		put_addr(msg, RTA_DST, prefix);
	cr_assert_eq(netlink_parse_route_event(nlmsg_hdr(msg), &event), 0);
	nlmsg_free(msg);
	return event;
}

Test(netlink_parse, knows_a_default_route)
{
	struct route_event event = event_of("0.0.0.0", 0);

	cr_assert(route_event_is_default(&event));
	cr_assert_eq(event.prefix_len, 96);
	event = event_of("::", 0);
	cr_assert(route_event_is_default(&event));
	event = event_of("128.0.0.0", 1);
	cr_assert_not(route_event_is_default(&event));
}

/* Which of the destinations a route event marks, as a text of 0 and 1 in address order. */
static const char *marked(const char *prefix, int len)
{
	static const char *const texts[] = {"10.0.0.1", "10.0.1.0", "10.0.1.255", "10.0.2.0",
					    "10.1.0.0", "fd00::1",  "fd00::8",	  "fd01::1"};
	static char result[9];
	struct destination_set set = {0}, empty = {0};
	struct lb_addr addresses[9];
	struct route_event event = event_of(prefix, len);
	bool any;

	/* Out of order, and one twice. */
	for (int i = 0; i < 8; i++)
		addresses[i] = address(texts[7 - i]);
	addresses[8] = addresses[3];
	cr_assert_eq(destination_set_make(&empty, addresses, 9, NULL, &set), 0);
	cr_assert_eq(set.n, 8);
	for (int i = 0; i < 8; i++)
		set.items[i].requery = false;
	any = destination_set_requery_prefix(&set, &event);
	for (size_t i = 0; i < 8; i++) {
		/* IPv4 lies before fd00::/8: ::ffff:0:0/96. */
		cr_assert_eq(destination_set_find(&set, &set.items[i].address), &set.items[i]);
		result[i] = set.items[i].requery ? '1' : '0';
	}
	cr_assert_eq(any, strchr(result, '1') != NULL);
	destination_set_free(&set);
	return result;
}

Test(netlink_parse, a_route_event_marks_what_its_prefix_covers)
{
	cr_expect_str_eq(marked("10.0.1.0", 24), "01100000");
	cr_expect_str_eq(marked("10.0.0.0", 16), "11110000");
	cr_expect_str_eq(marked("10.0.0.0", 23), "11100000");
	cr_expect_str_eq(marked("10.0.1.255", 32), "00100000");
	cr_expect_str_eq(marked("10.0.1.1", 32), "00000000");
	cr_expect_str_eq(marked("0.0.0.0", 0), "11111000");
	cr_expect_str_eq(marked("::", 0), "00000111");
	cr_expect_str_eq(marked("fd00::", 125), "00000100");
	cr_expect_str_eq(marked("fd00::", 16), "00000110");
	cr_expect_str_eq(marked("2001:db8::", 32), "00000000");
}

Test(netlink_parse, a_new_set_keeps_what_is_known)
{
	struct lb_addr a[] = {address("10.0.0.1"), address("10.0.0.2")};
	struct lb_addr b[] = {address("10.0.0.3"), address("10.0.0.2")};
	struct destination_set empty = {0}, first, second;
	bool kept[2] = {false, false};

	cr_assert_eq(destination_set_make(&empty, a, 2, NULL, &first), 0);
	first.items[1].fresh = first.items[1].requery = false;
	first.items[1].route.oif = 5;
	cr_assert_eq(destination_set_make(&first, b, 2, kept, &second), 0);
	cr_assert(!kept[0] && kept[1]);
	cr_assert_eq(second.n, 2);
	cr_assert_eq(second.items[0].route.oif, 5);
	cr_assert(!second.items[0].fresh && !second.items[0].requery);
	cr_assert(second.items[1].fresh && second.items[1].requery);
	destination_set_free(&first);
	destination_set_free(&second);
}

static struct nexthop_link a_link(int ifindex, const char *name, bool up)
{
	struct nexthop_link link = {.known = true, .ifindex = ifindex, .up = up};

	snprintf(link.ifname, sizeof(link.ifname), "%s", name);
	return link;
}

Test(netlink_parse, the_link_table_tells_what_changed)
{
	struct link_table table = {0};
	struct nexthop_link link;
	struct link_notice *notices;
	size_t n;

	for (int i = 40; i > 0; i--) {
		link = a_link(i, "eth", true);
		cr_assert_eq(link_table_put(&table, &link), 1);
	}
	link = a_link(20, "eth", true);
	cr_assert_eq(link_table_put(&table, &link), 0, "nothing new");
	link.mtu = 9000;
	cr_assert_eq(link_table_put(&table, &link), 1);
	free(link_table_take_notices(&table, &n));
	cr_assert_eq(n, 40, "a new MTU is no notice");
	link.up = false;
	cr_assert_eq(link_table_put(&table, &link), 1);
	link = a_link(20, "wan", false);
	link.mtu = 9000;
	cr_assert_eq(link_table_put(&table, &link), 1);
	cr_assert_eq(link_table_remove(&table, 99), 0);
	cr_assert_eq(link_table_remove(&table, 7), 1);
	notices = link_table_take_notices(&table, &n);
	cr_assert_eq(n, 4);
	cr_assert(notices[0].present && !notices[0].up);
	cr_assert(!notices[1].present && strcmp(notices[1].ifname, "eth") == 0);
	cr_assert(notices[2].present && strcmp(notices[2].ifname, "wan") == 0);
	cr_assert(!notices[3].present && notices[3].ifindex == 7);
	free(notices);
	cr_assert_eq(link_table_find_name(&table, "wan")->ifindex, 20);
	cr_assert_null(link_table_find(&table, 7));
	/* A dump that sees two of them. */
	link_table_begin(&table);
	link = a_link(20, "wan", true);
	cr_assert_geq(link_table_put(&table, &link), 0);
	link = a_link(1, "eth", true);
	cr_assert_geq(link_table_put(&table, &link), 0);
	cr_assert_eq(link_table_end(&table), 0);
	cr_assert_eq(table.n, 2);
	cr_assert_not_null(link_table_find(&table, 1));
	link_table_free(&table);
}
