/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_packet.c - see xdp_packet.h.
 */
#include "xdp_packet.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <string.h>

#define MACS_LEN     12u
#define TYPE_LEN     2u
#define TAG_LEN	     4u
#define EXT_LEN	     8u
#define EXT_TOO_MANY 9u
#define MIN_FRAME    64u /* without the FCS, which XDP does not see */

#define V4_VIPS	     0xc6120000u	   /* 198.18.0.0 */
#define V4_CLIENTS   0x64400001u	   /* 100.64.0.1: RFC 6598, room for 4 M clients */
#define V6_HIGH	     0x200100020000000full /* 2001:2:0:f::/64 */
#define V6_CLIENTS   0x2001000200000002ull /* 2001:2:0:2::/64 */
#define V6_FIRST     1ull
#define V6_MAPPED    0xffff00000000ull
#define SOURCE_PORT  40000u

void xdp_packet_vip(int af, size_t i, struct lb_addr *ret_addr)
{
	const uint32_t v4 = htonl(V4_VIPS + (uint32_t)i);
	const uint64_t v6[2] = {htobe64(V6_HIGH), htobe64(V6_FIRST + i)};

	*ret_addr = af == 4 ? addr_from_v4(&v4) : addr_from_v6(v6);
}

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

/* MACs, tags (the outer one of a service provider where there are two), type. */
static uint8_t *write_ethernet(const struct xdp_packet *p, uint8_t *frame)
{
	uint8_t *at = frame + MACS_LEN;

	frame[0] = frame[6] = 0x02; /* locally administered */
	frame[5] = 0xfe;
	frame[11] = 0xfd;
	for (unsigned int left = p->tags; left; left--) {
		at = put16(at, left == 2 ? ETH_P_8021AD : ETH_P_8021Q);
		at = put16(at, (uint16_t)(100 * left));
	}
	if (p->shape == XDP_SHAPE_ARP)
		return put16(at, ETH_P_ARP);
	return put16(at, p->af == 4 ? ETH_P_IP : ETH_P_IPV6);
}

/* Extension headers that do nothing: PadN over all of each. */
static size_t write_extensions(uint8_t *at, const uint8_t *chain, size_t n, uint8_t last)
{
	for (size_t i = 0; i < n; i++, at += EXT_LEN) {
		at[0] = i + 1 < n ? chain[i + 1] : last;
		at[2] = 1; /* PadN, RFC 8200, section 4.2 */
		at[3] = 4;
	}
	return n * EXT_LEN;
}

/* What stands between the fixed header and the upper layer's; *ret_first is the first one's type.
 */
static size_t write_between(const struct xdp_packet *p, uint8_t *at, uint8_t *ret_first)
{
	static const uint8_t two[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS},
			     many[EXT_TOO_MANY] = {
				 IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS,
				 IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS,
				 IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS};
	static const uint8_t router_alert[XDP_OPTIONS_LEN] = {0x94, 4, 0, 0}; /* RFC 2113 */
	uint8_t next = p->proto;
	size_t len;

	if (p->shape == XDP_SHAPE_ICMP)
		next = p->af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	*ret_first = next;
	if (p->af == 4) {
		if (p->shape != XDP_SHAPE_OPTIONS)
			return 0;
		memcpy(at, router_alert, sizeof(router_alert));
		return sizeof(router_alert);
	}
	switch (p->shape) {
	case XDP_SHAPE_OPTIONS:
	case XDP_SHAPE_JUMBOGRAM:
		*ret_first = two[0];
		return write_extensions(at, two, 2, next);
	case XDP_SHAPE_EXT_TRUNCATED:
		*ret_first = two[0];
		len = write_extensions(at, two, 2, next);
		at[EXT_LEN + 1] = 255; /* 2 KiB more */
		return len;
	case XDP_SHAPE_EXT_LIMIT:
		*ret_first = many[0];
		return write_extensions(at, many, EXT_TOO_MANY, next);
	case XDP_SHAPE_FRAGMENT:
		*ret_first = IPPROTO_FRAGMENT;
		at[0] = next;
		put16(at + 2, 1); /* offset 0, more to come */
		return EXT_LEN;
	default:
		return 0;
	}
}

static void write_v4(const struct xdp_packet *p, uint8_t proto, size_t len, size_t options,
		     uint8_t *l3)
{
	struct iphdr ip = {.version = p->shape == XDP_SHAPE_VERSION ? 6 : 4,
			   .ihl = (unsigned int)(sizeof(ip) + options) / 4 & 0xf,
			   .tot_len = htons((uint16_t)len),
			   .frag_off = htons(0x4000),
			   .ttl = 64,
			   .protocol = proto,
			   .saddr = htonl(V4_CLIENTS),
			   .daddr = htonl(V4_VIPS)};

	if (p->shape == XDP_SHAPE_HEADER_LENGTH)
		ip.ihl = 4;
	if (p->shape == XDP_SHAPE_FRAGMENT)
		ip.frag_off = htons(0x2000);
	/* No checksum: addresses change with every packet, and nobody looks. */
	memcpy(l3, &ip, sizeof(ip));
}

static void write_v6(const struct xdp_packet *p, uint8_t next, size_t len, uint8_t *l3)
{
	struct ipv6hdr ip = {.version = p->shape == XDP_SHAPE_VERSION ? 4 : 6,
			     .payload_len = htons((uint16_t)(len - sizeof(ip))),
			     .nexthdr = next,
			     .hop_limit = 64};
	uint64_t addresses[4] = {htobe64(V6_CLIENTS), htobe64(V6_FIRST), htobe64(V6_HIGH),
				 htobe64(V6_FIRST)};

	if (p->shape == XDP_SHAPE_JUMBOGRAM)
		ip.payload_len = 0;
	if (p->shape == XDP_SHAPE_MAPPED) {
		addresses[0] = 0;
		addresses[1] = htobe64(V6_MAPPED + V4_CLIENTS);
	}
	memcpy(&ip.saddr, addresses, sizeof(addresses));
	memcpy(l3, &ip, sizeof(ip));
}

#define QUIC_CID_LEN 8u
#define QUIC_PAYLOAD 32u

/* A connection id of backend 1 in abi.h's layout behind a header of QUIC 1; the rest is zero. */
static void write_quic(const struct xdp_packet *p, uint8_t *at)
{
	if (p->shape == XDP_SHAPE_QUIC_LONG) {
		at[0] = 0xe0; /* Handshake (RFC 9000, section 17.2.4) */
		at[4] = 1;
		at[5] = QUIC_CID_LEN;
		at += 6;
	} else {
		at[0] = 0x40;
		at += 1;
	}
	at[0] = QUIC_CID_LEN - 1;
	at[2] = 1;
}

static bool is_quic(const struct xdp_packet *p)
{
	return p->shape == XDP_SHAPE_QUIC_SHORT || p->shape == XDP_SHAPE_QUIC_LONG;
}

static void write_l4(const struct xdp_packet *p, size_t len, uint8_t *l4)
{
	const bool short_header = p->shape == XDP_SHAPE_L4_LENGTH;
	const struct tcphdr tcp = {.source = htons(SOURCE_PORT),
				   .dest = htons(p->port),
				   .doff = short_header ? 4 : 5,
				   .syn = p->syn,
				   .ack = !p->syn,
				   .window = htons(65535)};
	const struct udphdr udp = {.source = htons(SOURCE_PORT),
				   .dest = htons(p->port),
				   .len = htons((uint16_t)(short_header ? 4 : len))};

	if (p->shape == XDP_SHAPE_ICMP)
		l4[0] = p->af == 4 ? 8 : 128; /* echo request */
	else if (p->proto == IPPROTO_TCP)
		memcpy(l4, &tcp, sizeof(tcp));
	else
		memcpy(l4, &udp, sizeof(udp));
	if (is_quic(p))
		write_quic(p, l4 + sizeof(udp));
}

/* What the IP header says of the packet's length, `len` bytes in truth. */
static size_t claimed_length(const struct xdp_packet *p, size_t len, size_t headers)
{
	if (p->shape == XDP_SHAPE_TRUNCATED)
		return len + 1;
	return p->shape == XDP_SHAPE_L4_TRUNCATED ? headers - 1 : len;
}

size_t xdp_packet_write(const struct xdp_packet *p, uint8_t ret_frame[XDP_PACKET_MAX])
{
	const size_t fixed = p->af == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const size_t header =
	    p->proto == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	size_t l3_off, between, len;
	uint8_t *l3, first;

	memset(ret_frame, 0, XDP_PACKET_MAX);
	l3 = write_ethernet(p, ret_frame);
	l3_off = (size_t)(l3 - ret_frame);
	between = write_between(p, l3 + fixed, &first);
	len = l3_off + fixed + between + header;
	if (p->shape == XDP_SHAPE_LARGE)
		len += XDP_LARGE;
	if (is_quic(p))
		len += QUIC_PAYLOAD;
	if (len < MIN_FRAME)
		len = MIN_FRAME;
	write_l4(p, len - l3_off - fixed - between, l3 + fixed + between);

	if (p->shape == XDP_SHAPE_ARP)
		return len;
	if (p->af == 4)
		write_v4(p, first, claimed_length(p, len - l3_off, fixed + header), between, l3);
	else
		write_v6(p, first, claimed_length(p, len - l3_off, fixed + header), l3);
	return len;
}

static enum xdp_layout layout_of(const struct xdp_packet *p)
{
	static const enum xdp_layout by_tags[2][XDP_TAGS_MAX + 1] = {
	    {XDP_LAYOUT_V4, XDP_LAYOUT_V4_TAG, XDP_LAYOUT_V4_TAGS},
	    {XDP_LAYOUT_V6, XDP_LAYOUT_V6_TAG, XDP_LAYOUT_V6_TAGS},
	};

	if (p->shape == XDP_SHAPE_OPTIONS)
		return p->af == 4 ? XDP_LAYOUT_V4_OPTIONS : XDP_LAYOUT_V6_OPTIONS;
	return by_tags[p->af == 6][p->tags];
}

/* What stands in the place of ports is kept, whatever it is. */
void xdp_packet_wrapper(const struct xdp_packet *p, const uint8_t *frame, size_t len,
			struct xdp_wrapper *ret_wrapper)
{
	const uint8_t *l3 = frame + MACS_LEN + p->tags * TAG_LEN + TYPE_LEN;
	const uint8_t *ports = l3 + (p->af == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	uint64_t low[2];
	uint32_t v4[2];

	if (p->shape == XDP_SHAPE_OPTIONS)
		ports += p->af == 4 ? XDP_OPTIONS_LEN : XDP_EXTENSIONS_LEN;
	memset(ret_wrapper, 0, sizeof(*ret_wrapper));
	ret_wrapper->frame_len = (uint32_t)len;
	ret_wrapper->layout = layout_of(p);
	ret_wrapper->flow_mul = ret_wrapper->flow_add = 1;
	ret_wrapper->vips = 1;
	memcpy(&ret_wrapper->sport_be, ports, 2);
	memcpy(&ret_wrapper->dport_be, ports + 2, 2);
	if (p->af == 4) {
		memcpy(v4, l3 + 12, sizeof(v4));
		ret_wrapper->src_base = ntohl(v4[0]);
		ret_wrapper->dst_base = ntohl(v4[1]);
	} else {
		memcpy(&low[0], l3 + 16, sizeof(low[0]));
		memcpy(&low[1], l3 + 32, sizeof(low[1]));
		ret_wrapper->src_base = be64toh(low[0]);
		ret_wrapper->dst_base = be64toh(low[1]);
	}
	memcpy(&ret_wrapper->eth0, frame, 8);
	memcpy(&ret_wrapper->eth8, frame + 8, 4);
	memcpy(ret_wrapper->tag, frame + MACS_LEN, p->tags * TAG_LEN);
	memcpy(&ret_wrapper->type, l3 - TYPE_LEN, TYPE_LEN);
}
