/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model_parse.c - which packet is whole, and what it says: Ethernet, tags, IPv4, IPv6, TCP, UDP.
 *
 * Where a packet lies more than once, the first lie in the order of its headers, and within a
 * header in the order below, gives the reason.
 */
#include "model.h"

#include <netinet/in.h>
#include <string.h>

#define TYPE_IPV4      0x0800
#define TYPE_IPV6      0x86dd
#define TYPE_TAG       0x8100 /* IEEE 802.1Q, customer */
#define TYPE_SERVICE   0x88a8 /* IEEE 802.1Q, service */

#define PROTO_HIP      139
#define PROTO_SHIM6    140
#define EXTENSIONS_MAX 8
#define TAGS_MAX       2

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

int model_ethernet(struct model_packet *p)
{
	const struct model_frame *in = p->in;
	int tags = 0;

	if (in->len < 14)
		return LB_REASON_ETH_TRUNCATED;
	p->l3 = 14;
	p->ethertype = model_get16(in->bytes + 12);
	while (p->ethertype == TYPE_TAG || p->ethertype == TYPE_SERVICE) {
		if (++tags > TAGS_MAX)
			return LB_REASON_VLAN_DEPTH;
		if (in->len < p->l3 + 4)
			return LB_REASON_ETH_TRUNCATED;
		p->ethertype = model_get16(in->bytes + p->l3 + 2);
		p->l3 += 4;
	}
	if (p->ethertype != TYPE_IPV4 && p->ethertype != TYPE_IPV6)
		return LB_REASON_NOT_IP;
	p->af = p->ethertype == TYPE_IPV4 ? 4 : 6;
	return MODEL_NEXT;
}

/* RFC 791. A fragment (RFC 791, 3.2) is one by "more fragments" or by its offset. */
static int ipv4(struct model_packet *p, const uint8_t *ip, size_t avail)
{
	size_t header, total;

	if (avail < 20)
		return LB_REASON_IP_TRUNCATED;
	if (ip[0] >> 4 != 4)
		return LB_REASON_IP_VERSION;
	header = (ip[0] & 15) * 4;
	total = model_get16(ip + 2);
	if (header < 20)
		return LB_REASON_IP_HEADER_LENGTH;
	if (total > avail)
		return LB_REASON_IP_TRUNCATED;
	if (header > total)
		return LB_REASON_IP_HEADER_LENGTH;
	p->traffic_class = ip[1];
	p->proto = ip[9];
	memcpy(p->src, mapped, 12);
	memcpy(p->src + 12, ip + 12, 4);
	memcpy(p->dst, mapped, 12);
	memcpy(p->dst + 12, ip + 16, 4);
	p->l4 = p->l3 + header;
	p->end = p->l3 + total;
	if (model_get16(ip + 6) & 0x3fff)
		return LB_REASON_FRAGMENT;
	return MODEL_NEXT;
}

/* RFC 8200. */
static int ipv6(struct model_packet *p, const uint8_t *ip, size_t avail)
{
	size_t payload;

	if (avail < 40)
		return LB_REASON_IP_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return LB_REASON_IP_VERSION;
	payload = model_get16(ip + 4);
	p->proto = ip[6];
	if (payload == 0 && p->proto == IPPROTO_HOPOPTS)
		return LB_REASON_IPV6_JUMBOGRAM;
	if (payload + 40 > avail)
		return LB_REASON_IP_TRUNCATED;
	p->traffic_class = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	memcpy(p->src, ip + 8, 16);
	memcpy(p->dst, ip + 24, 16);
	p->l4 = p->l3 + 40;
	p->end = p->l4 + payload;
	return MODEL_NEXT;
}

int model_ip(struct model_packet *p)
{
	const uint8_t *ip = p->in->bytes + p->l3;
	const size_t avail = p->in->len - p->l3;

	return p->af == 4 ? ipv4(p, ip, avail) : ipv6(p, ip, avail);
}

/* Bytes of an extension header whose second byte is `length`; 0: the number is not one's. */
static size_t extension_length(uint8_t number, uint8_t length)
{
	switch (number) {
	case IPPROTO_FRAGMENT: /* RFC 8200, 4.5: the second byte is reserved */
		return 8;
	case IPPROTO_AH: /* RFC 4302, 2.2: words of four bytes, less two */
		return (length + 2) * 4;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:  /* RFC 6275, 6.1.1 */
	case PROTO_HIP:	  /* RFC 7401, 5.1 */
	case PROTO_SHIM6: /* RFC 5533, 5.1 */
		return (length + 1) * 8;
	default:
		return 0;
	}
}

/* RFC 6564, 4: all headers but fragment and AH have one form. RFC 6946: an atomic fragment is
 * whole. */
int model_extensions(struct model_packet *p)
{
	if (p->af == 4)
		return MODEL_NEXT;
	for (int seen = 0; extension_length(p->proto, 0); seen++) {
		const uint8_t *at = p->in->bytes + p->l4;
		const size_t left = p->end - p->l4;
		const uint8_t number = p->proto;

		if (seen == EXTENSIONS_MAX)
			return LB_REASON_IPV6_EXT_LIMIT;
		if (left < 8 || left < extension_length(number, at[1]))
			return LB_REASON_IPV6_EXT_TRUNCATED;
		/* Offset and "more fragments"; two bits between are reserved. */
		if (number == IPPROTO_FRAGMENT && model_get16(at + 2) & 0xfff9)
			return LB_REASON_FRAGMENT;
		p->proto = at[0];
		p->l4 += extension_length(number, at[1]);
	}
	return MODEL_NEXT;
}

int model_protocol(struct model_packet *p)
{
	if (p->proto == (p->af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return LB_REASON_ICMP;
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return LB_REASON_NOT_TCP_UDP;
	return MODEL_NEXT;
}

/* The ports, and as much as the shortest header has. The rest matters only for a VIP's packet. */
int model_ports(struct model_packet *p)
{
	return p->end - p->l4 < 8 ? LB_REASON_L4_TRUNCATED : MODEL_NEXT;
}

/* RFC 9293, 3.1. */
static int tcp(const uint8_t *header, size_t left)
{
	const size_t length = (header[12] >> 4) * 4;

	if (left < 20)
		return LB_REASON_L4_TRUNCATED;
	return length < 20 || length > left ? LB_REASON_TCP_HEADER_LENGTH : MODEL_NEXT;
}

/* RFC 768. */
static int udp(const uint8_t *header, size_t left)
{
	const size_t length = model_get16(header + 4);

	return length < 8 || length > left ? LB_REASON_UDP_LENGTH : MODEL_NEXT;
}

/* What a VIP's packet must be besides. A mapped source would alias an IPv4 client. */
int model_check(struct model_packet *p)
{
	const uint8_t *l4 = p->in->bytes + p->l4;
	const size_t left = p->end - p->l4;

	if (p->af == 6 && scene_is_v4(p->src))
		return LB_REASON_IP_MAPPED;
	return p->proto == IPPROTO_TCP ? tcp(l4, left) : udp(l4, left);
}
