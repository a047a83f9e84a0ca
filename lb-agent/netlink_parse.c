/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_parse.c - the one place that knows rtnetlink attributes, apart from the sockets, so that
 * messages of devices that the test machine cannot make (VLAN) are tested too.
 */
#include "netlink_parse.h"

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

/* Offset of IPv4 in the v4-mapped form, in bits. */
#define V4_PREFIX_OFFSET 96

static bool read_addr(const struct nlattr *attr, int family, struct lb_addr *ret_addr)
{
	if (family == AF_INET && nla_len(attr) == 4)
		*ret_addr = addr_from_v4(nla_data(attr));
	else if (family == AF_INET6 && nla_len(attr) == 16)
		*ret_addr = addr_from_v6(nla_data(attr));
	else
		return false;
	return true;
}

static void read_mac(struct nlattr *attr, uint8_t ret_mac[6])
{
	if (attr && nla_len(attr) == 6)
		memcpy(ret_mac, nla_data(attr), 6);
	else
		memset(ret_mac, 0, 6);
}

static uint32_t read_u32(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

static int parse(const struct nlmsghdr *message, size_t header, struct nlattr **attrs, int max)
{
	/* libnl's parser takes no const, and changes nothing. */
	struct nlmsghdr *nlh = (struct nlmsghdr *)message;

	if (!nlmsg_valid_hdr(nlh, (int)header))
		return -EBADMSG;
	return nlmsg_parse(nlh, (int)header, attrs, max, NULL) < 0 ? -EBADMSG : 0;
}

static void parse_link_info(struct nlattr *info, struct nexthop_link *link)
{
	struct nlattr *attrs[IFLA_INFO_MAX + 1], *data[IFLA_VLAN_MAX + 1];

	if (nla_parse_nested(attrs, IFLA_INFO_MAX, info, NULL) < 0 || !attrs[IFLA_INFO_KIND])
		return;
	if (nla_strcmp(attrs[IFLA_INFO_KIND], "vlan") != 0)
		return;
	link->is_vlan = true;
	if (!attrs[IFLA_INFO_DATA] ||
	    nla_parse_nested(data, IFLA_VLAN_MAX, attrs[IFLA_INFO_DATA], NULL) < 0)
		return;
	if (data[IFLA_VLAN_ID] && nla_len(data[IFLA_VLAN_ID]) >= 2)
		link->vlan_id = nla_get_u16(data[IFLA_VLAN_ID]);
	/* Kernels before 3.10 did not say; they had 802.1Q alone. */
	link->vlan_is_8021q = !data[IFLA_VLAN_PROTOCOL] ||
			      (nla_len(data[IFLA_VLAN_PROTOCOL]) >= 2 &&
			       nla_get_u16(data[IFLA_VLAN_PROTOCOL]) == htons(ETH_P_8021Q));
}

int netlink_parse_link(const struct nlmsghdr *message, struct nexthop_link *ret_link)
{
	struct nlattr *attrs[IFLA_MAX + 1];
	const struct ifinfomsg *info;
	struct nexthop_link link = {.known = true};
	int ret;

	ret = parse(message, sizeof(*info), attrs, IFLA_MAX);
	if (ret < 0)
		return ret;
	info = nlmsg_data(message);
	/* A wireless event is an RTM_NEWLINK that says nothing else of the device. */
	if (info->ifi_family != AF_UNSPEC || attrs[IFLA_WIRELESS])
		return -ENOENT;
	if (!attrs[IFLA_IFNAME])
		return -EBADMSG;
	link.ifindex = info->ifi_index;
	nla_strlcpy(link.ifname, attrs[IFLA_IFNAME], sizeof(link.ifname));
	/* IFF_LOWER_UP is the carrier (kernel's networking/operstates). */
	link.up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_LOWER_UP);
	link.ethernet = info->ifi_type == ARPHRD_ETHER;
	link.loopback = info->ifi_flags & IFF_LOOPBACK;
	read_mac(attrs[IFLA_ADDRESS], link.mac);
	link.mtu = read_u32(attrs[IFLA_MTU]);
	if (attrs[IFLA_LINKINFO])
		parse_link_info(attrs[IFLA_LINKINFO], &link);
	/* The index of a device in another namespace would name a stranger here. */
	if (attrs[IFLA_LINK] && !attrs[IFLA_LINK_NETNSID])
		link.lower_ifindex = (int)read_u32(attrs[IFLA_LINK]);
	*ret_link = link;
	return 0;
}

int netlink_parse_neigh(const struct nlmsghdr *message, struct neigh_message *ret_neigh)
{
	struct nlattr *attrs[NDA_MAX + 1];
	const struct ndmsg *ndm;
	struct neigh_message neigh = {.neigh.known = true};
	int ret;

	ret = parse(message, sizeof(*ndm), attrs, NDA_MAX);
	if (ret < 0)
		return ret;
	ndm = nlmsg_data(message);
	if ((ndm->ndm_family != AF_INET && ndm->ndm_family != AF_INET6) ||
	    ndm->ndm_flags & NTF_PROXY)
		return -ENOENT;
	if (!attrs[NDA_DST] || !read_addr(attrs[NDA_DST], ndm->ndm_family, &neigh.key.address))
		return -EBADMSG;
	neigh.key.ifindex = ndm->ndm_ifindex;
	neigh.neigh.state = ndm->ndm_state;
	read_mac(attrs[NDA_LLADDR], neigh.neigh.mac);
	if (attrs[NDA_PROTOCOL] && nla_len(attrs[NDA_PROTOCOL]) >= 1)
		neigh.protocol = nla_get_u8(attrs[NDA_PROTOCOL]);
	neigh.managed = read_u32(attrs[NDA_FLAGS_EXT]) & NTF_EXT_MANAGED;
	neigh.ext_learned = ndm->ndm_flags & NTF_EXT_LEARNED;
	*ret_neigh = neigh;
	return 0;
}

static bool read_via(struct nlattr *attr, struct lb_addr *ret_addr)
{
	const struct rtvia *via = nla_data(attr);
	int len = nla_len(attr) - (int)sizeof(*via);

	if (len == 4 && via->rtvia_family == AF_INET)
		*ret_addr = addr_from_v4(via->rtvia_addr);
	else if (len == 16 && via->rtvia_family == AF_INET6)
		*ret_addr = addr_from_v6(via->rtvia_addr);
	else
		return false;
	return true;
}

int netlink_parse_route(const struct nlmsghdr *message, struct nexthop_route *ret_route)
{
	struct nlattr *attrs[RTA_MAX + 1], *metrics[RTAX_MAX + 1];
	const struct rtmsg *rtm;
	struct nexthop_route route = {0};
	int ret;

	ret = parse(message, sizeof(*rtm), attrs, RTA_MAX);
	if (ret < 0)
		return ret;
	rtm = nlmsg_data(message);
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return -ENOENT;
	route.type = rtm->rtm_type;
	route.oif = (int)read_u32(attrs[RTA_OIF]);
	if (attrs[RTA_GATEWAY]) {
		route.has_gateway = true;
		if (!read_addr(attrs[RTA_GATEWAY], rtm->rtm_family, &route.gateway))
			return -EBADMSG;
	} else if (attrs[RTA_VIA]) {
		route.has_gateway = true;
		if (!read_via(attrs[RTA_VIA], &route.gateway))
			return -EBADMSG;
	}
	if (attrs[RTA_PREFSRC] && !read_addr(attrs[RTA_PREFSRC], rtm->rtm_family, &route.source))
		return -EBADMSG;
	if (attrs[RTA_METRICS] &&
	    nla_parse_nested(metrics, RTAX_MAX, attrs[RTA_METRICS], NULL) == 0)
		route.mtu = read_u32(metrics[RTAX_MTU]);
	*ret_route = route;
	return 0;
}

int netlink_parse_route_event(const struct nlmsghdr *message, struct route_event *ret_event)
{
	struct nlattr *attrs[RTA_MAX + 1];
	const struct rtmsg *rtm;
	struct route_event event = {0};
	int ret;

	ret = parse(message, sizeof(*rtm), attrs, RTA_MAX);
	if (ret < 0)
		return ret;
	rtm = nlmsg_data(message);
	if (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6)
		return -ENOENT;
	event.family = rtm->rtm_family;
	event.prefix_len = rtm->rtm_dst_len;
	if (rtm->rtm_family == AF_INET) {
		event.prefix = addr_from_v4("\0\0\0\0");
		event.prefix_len += V4_PREFIX_OFFSET;
	}
	if (event.prefix_len > 128)
		return -EBADMSG;
	if (attrs[RTA_DST] && !read_addr(attrs[RTA_DST], rtm->rtm_family, &event.prefix))
		return -EBADMSG;
	*ret_event = event;
	return 0;
}

bool route_event_is_default(const struct route_event *event)
{
	return event->prefix_len == (event->family == AF_INET ? V4_PREFIX_OFFSET : 0);
}

int netlink_parse_family(const struct nlmsghdr *message)
{
	const struct rtgenmsg *generic = nlmsg_data(message);

	/* ifaddrmsg, fib_rule_hdr and nhmsg all begin with the family. */
	if (!nlmsg_valid_hdr(message, sizeof(*generic)))
		return AF_UNSPEC;
	if (generic->rtgen_family == AF_INET || generic->rtgen_family == AF_INET6)
		return generic->rtgen_family;
	return AF_UNSPEC;
}
