/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_packet.h - the frames of 'lb-bench xdp': addresses from the ranges that are set aside for
 * benchmarks (RFC 2544, RFC 5180) and 64 bytes or little more, as in every table of packet rates.
 */
#ifndef LB_BENCH_XDP_PACKET_H
#define LB_BENCH_XDP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "xdp_shared.h"

#define XDP_PORT	443u
#define XDP_PORT_NO_VIP 444u
#define XDP_RANGE	100u /* a range is so many ports below XDP_PORT, and it */
#define XDP_PACKET_MAX	1536u
#define XDP_TAGS_MAX	2u
#define XDP_LARGE	1400u /* bytes of payload of a large packet */

/* What is unusual about a packet. The last ones are malformed: each is well-formed but for what its
 * comment says. */
enum xdp_shape {
	XDP_PLAIN,
	XDP_SHAPE_LARGE,
	XDP_SHAPE_OPTIONS,	 /* IPv4: router alert; IPv6: hop-by-hop, destination options */
	XDP_SHAPE_ARP,		 /* no IP at all */
	XDP_SHAPE_ICMP,		 /* an echo request */
	XDP_SHAPE_FRAGMENT,	 /* the first of several */
	XDP_SHAPE_TRUNCATED,	 /* IP's length is past the end of the frame */
	XDP_SHAPE_VERSION,	 /* IP's version is not the EtherType's */
	XDP_SHAPE_HEADER_LENGTH, /* IPv4's header length is under 20 bytes */
	XDP_SHAPE_L4_TRUNCATED,	 /* IP's length ends within TCP's or UDP's header */
	XDP_SHAPE_L4_LENGTH,	 /* TCP's data offset or UDP's length is less than the header */
	XDP_SHAPE_EXT_TRUNCATED, /* an IPv6 extension header is longer than the packet */
	XDP_SHAPE_EXT_LIMIT,	 /* nine IPv6 extension headers */
	XDP_SHAPE_JUMBOGRAM,	 /* IPv6 payload length 0 and a hop-by-hop header */
	XDP_SHAPE_QUIC_SHORT,	 /* UDP: a short header with the id of backend 1 */
	XDP_SHAPE_QUIC_LONG,	 /* UDP: the same in a long header */
	XDP_SHAPE_MAPPED,	 /* from ::ffff:100.64.0.1 */
};

struct xdp_packet {
	int af; /* 4 or 6 */
	uint8_t proto;
	bool syn;
	uint16_t port;
	unsigned int tags; /* VLAN tags, 0 .. XDP_TAGS_MAX */
	enum xdp_shape shape;
};

/* The address of VIP `i`. */
void xdp_packet_vip(int af, size_t i, struct lb_addr *ret_addr);

/* Writes the frame of the first flow to the first VIP; returns its length. */
size_t xdp_packet_write(const struct xdp_packet *packet, uint8_t ret_frame[XDP_PACKET_MAX]);

/* What the wrapper needs to restore such a frame, for one flow and one VIP. */
void xdp_packet_wrapper(const struct xdp_packet *packet, const uint8_t *frame, size_t len,
			struct xdp_wrapper *ret_wrapper);

#endif
