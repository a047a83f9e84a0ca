/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_packet.c - see xdp_packet.h.
 */
#include "xdp_packet.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <string.h>

#define ETH_LEN	    14u
#define MIN_FRAME   64u /* without the FCS, which XDP does not see */

#define V4_VIPS	    0xc6120000u		  /* 198.18.0.0 */
#define V4_CLIENTS  0x64400001u		  /* 100.64.0.1: RFC 6598, room for 4 M clients */
#define V6_HIGH	    0x200100020000000full /* 2001:2:0:f::/64 */
#define V6_CLIENTS  0x2001000200000002ull /* 2001:2:0:2::/64 */
#define V6_FIRST    1ull
#define SOURCE_PORT 40000u

void xdp_packet_vip(int af, size_t i, struct lb_addr *ret_addr)
{
	const uint32_t v4 = htonl(V4_VIPS + (uint32_t)i);
	const uint64_t v6[2] = {htobe64(V6_HIGH), htobe64(V6_FIRST + i)};

	*ret_addr = af == 4 ? addr_from_v4(&v4) : addr_from_v6(v6);
}

static size_t write_l3(int af, uint8_t proto, size_t payload, uint8_t *l3)
{
	if (af == 4) {
		struct iphdr ip = {.version = 4,
				   .ihl = 5,
				   .tot_len = htons((uint16_t)(sizeof(ip) + payload)),
				   .frag_off = htons(0x4000),
				   .ttl = 64,
				   .protocol = proto,
				   .saddr = htonl(V4_CLIENTS),
				   .daddr = htonl(V4_VIPS)};

		/* No checksum: addresses change with every packet, and nobody looks. */
		memcpy(l3, &ip, sizeof(ip));
		return sizeof(ip);
	}
	struct ipv6hdr ip = {.version = 6,
			     .payload_len = htons((uint16_t)payload),
			     .nexthdr = proto,
			     .hop_limit = 64};
	const uint64_t addresses[4] = {htobe64(V6_CLIENTS), htobe64(V6_FIRST), htobe64(V6_HIGH),
				       htobe64(V6_FIRST)};

	memcpy(&ip.saddr, addresses, sizeof(addresses));
	memcpy(l3, &ip, sizeof(ip));
	return sizeof(ip);
}

size_t xdp_packet_write(int af, uint8_t proto, bool syn, uint16_t port,
			uint8_t ret_frame[XDP_PACKET_MAX])
{
	const size_t l3_len = af == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const size_t l4_len = proto == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	size_t len = ETH_LEN + l3_len + l4_len;
	uint8_t *l4;

	if (len < MIN_FRAME)
		len = MIN_FRAME;
	memset(ret_frame, 0, XDP_PACKET_MAX);
	ret_frame[0] = ret_frame[6] = 0x02; /* locally administered */
	ret_frame[5] = 0xfe;
	ret_frame[11] = 0xfd;
	ret_frame[12] = af == 4 ? 0x08 : 0x86;
	ret_frame[13] = af == 4 ? 0x00 : 0xdd;
	l4 = ret_frame + ETH_LEN + write_l3(af, proto, len - ETH_LEN - l3_len, ret_frame + ETH_LEN);
	if (proto == IPPROTO_TCP) {
		struct tcphdr tcp = {.source = htons(SOURCE_PORT),
				     .dest = htons(port),
				     .doff = 5,
				     .syn = syn,
				     .ack = !syn,
				     .window = htons(65535)};

		memcpy(l4, &tcp, sizeof(tcp));
	} else {
		struct udphdr udp = {.source = htons(SOURCE_PORT),
				     .dest = htons(port),
				     .len = htons((uint16_t)(len - ETH_LEN - l3_len))};

		memcpy(l4, &udp, sizeof(udp));
	}
	return len;
}

void xdp_packet_wrapper(int af, const uint8_t *frame, size_t len, struct xdp_wrapper *ret_wrapper)
{
	const uint8_t *l4 =
	    frame + ETH_LEN + (af == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));

	memset(ret_wrapper, 0, sizeof(*ret_wrapper));
	ret_wrapper->frame_len = (uint32_t)len;
	ret_wrapper->flow_mul = ret_wrapper->flow_add = 1;
	ret_wrapper->vips = 1;
	memcpy(&ret_wrapper->sport_be, l4, 2);
	memcpy(&ret_wrapper->dport_be, l4 + 2, 2);
	ret_wrapper->src_base = af == 4 ? V4_CLIENTS : V6_FIRST;
	ret_wrapper->dst_base = af == 4 ? V4_VIPS : V6_FIRST;
	memcpy(&ret_wrapper->eth0, frame, 8);
	memcpy(&ret_wrapper->eth8, frame + 8, 4);
	memcpy(&ret_wrapper->eth12, frame + 12, 2);
}
