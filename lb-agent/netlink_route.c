/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_route.c - RTM_GETROUTE for one address is the kernel's own routing decision: rules,
 * metrics, multipath and the preferred source are all in the answer.
 */
#include "netlink_route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

struct asking {
	struct destination_set *set;
	size_t *indices; /* of the destinations that are asked for, in the order of the requests */
};

static int build_route_request(void *ctx, size_t i, struct nl_msg *message)
{
	const struct asking *asking = ctx;
	const struct lb_addr *address = &asking->set->items[asking->indices[i]].address;
	size_t len;
	const void *raw = addr_raw(address, &len);
	struct rtmsg rtm = {
	    .rtm_family = (unsigned char)addr_family(address),
	    .rtm_dst_len = (unsigned char)(8 * len),
	};

	if (!nlmsg_put(message, 0, 0, RTM_GETROUTE, sizeof(rtm), 0))
		return -ENOMEM;
	memcpy(nlmsg_data(nlmsg_hdr(message)), &rtm, sizeof(rtm));
	return nla_put(message, RTA_DST, (int)len, raw) < 0 ? -ENOMEM : 0;
}

static bool route_equal(const struct nexthop_route *a, const struct nexthop_route *b)
{
	return a->error == b->error && a->type == b->type && a->oif == b->oif &&
	       a->has_gateway == b->has_gateway && addr_equal(&a->gateway, &b->gateway) &&
	       addr_equal(&a->source, &b->source) && a->mtu == b->mtu;
}

static void take_route(void *ctx, size_t i, int error, const struct nlmsghdr *answer)
{
	struct asking *asking = ctx;
	struct destination *item = &asking->set->items[asking->indices[i]];
	struct nexthop_route route = {.error = error};

	if (!error && (!answer || netlink_parse_route(answer, &route) < 0))
		route.error = EBADMSG;
	item->requery = false;
	if (item->fresh || !route_equal(&item->route, &route)) {
		item->route = route;
		item->redecide = true;
	}
}

int netlink_ask_routes(struct netlink_requester *requester, struct destination_set *set)
{
	struct asking asking = {.set = set};
	size_t n = 0;
	int ret;

	asking.indices = malloc((set->n + 1) * sizeof(*asking.indices));
	if (!asking.indices)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		if (set->items[i].requery)
			asking.indices[n++] = i;
	ret = netlink_request_many(requester, n, build_route_request, take_route, &asking);
	free(asking.indices);
	return ret;
}
