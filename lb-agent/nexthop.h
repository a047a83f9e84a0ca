/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nexthop.h - from a route, a device and a neighbour to how a frame must look. Pure: netlink.c asks
 * the kernel, this decides.
 */
#ifndef LB_NEXTHOP_H
#define LB_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum nexthop_status {
	NEXTHOP_RESOLVED,
	NEXTHOP_NO_ROUTE,
	NEXTHOP_ROUTE_REFUSED, /* blackhole, unreachable, prohibit */
	NEXTHOP_LOCAL,	       /* the address is this box's own, or loopback */
	NEXTHOP_NOT_UNICAST,   /* the route is broadcast, multicast … */
	NEXTHOP_DEVICE_DOWN, /* the device, or the one below its VLAN, is down or has no carrier */
	NEXTHOP_DEVICE_KIND, /* not Ethernet, or stacked in a way that is not supported (VLAN on
			      * VLAN, tunnel) */
	NEXTHOP_NEIGH_PENDING, /* the neighbour is being resolved */
	NEXTHOP_NEIGH_FAILED,  /* the neighbour does not answer */
};

/* One line for people, without the address: "neighbour 10.0.1.1 on eth1 does not answer". */
struct nexthop {
	enum nexthop_status status;
	char detail[96];    /* for people, always set */
	struct lb_addr via; /* gateway or the destination itself; what the neighbour entry is for */
	struct lb_addr source; /* the kernel's preferred source for the destination */
	int route_ifindex;     /* device of the route (maybe a VLAN device) */
	char route_ifname[16];
	/* Valid with NEXTHOP_RESOLVED: */
	int ifindex; /* device that the frame leaves by (below a VLAN device) */
	uint8_t eth_dst[6];
	uint8_t eth_src[6];
	uint16_t vlan_id; /* 0: untagged */
	uint32_t mtu;	  /* bytes of IP: the smaller of the device's and the route's */
};

/* What the kernel said; see netlink.c. */
struct nexthop_link {
	bool known;
	int ifindex;
	char ifname[16];
	bool up;       /* IFF_UP and carrier */
	bool ethernet; /* ARPHRD_ETHER */
	bool loopback;
	uint8_t mac[6];
	uint32_t mtu;
	bool is_vlan;
	uint16_t vlan_id;
	bool vlan_is_8021q; /* false: 802.1ad */
	int lower_ifindex;  /* of a VLAN device; 0: none */
};

struct nexthop_route {
	int error; /* 0, or the kernel's errno (ENETUNREACH, EACCES, EINVAL …) */
	int type;  /* RTN_* */
	int oif;
	bool has_gateway;
	struct lb_addr gateway; /* may be of the other family (RTA_VIA, RFC 5549) */
	struct lb_addr source;
	uint32_t mtu; /* RTAX_MTU, 0: none */
};

struct nexthop_neigh {
	bool known;
	int error; /* 0, or the errno with which the kernel refused to make the entry */
	int state; /* NUD_* */
	uint8_t mac[6];
};

/* `lower` is the link below a VLAN device; NULL where there is none. */
void nexthop_decide(const struct lb_addr *destination, const struct nexthop_route *route,
		    const struct nexthop_link *link, const struct nexthop_link *lower,
		    const struct nexthop_neigh *neigh, struct nexthop *ret_nexthop);

bool nexthop_equal(const struct nexthop *a, const struct nexthop *b);
const char *nexthop_status_name(enum nexthop_status status); /* "resolved", "no-route" … */

#endif
