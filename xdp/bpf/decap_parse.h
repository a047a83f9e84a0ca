/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decap_parse.h - recognises IP in IP and GUE, and finds the inner packet.
 */
#ifndef LB_BPF_DECAP_PARSE_H
#define LB_BPF_DECAP_PARSE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "addr.h"
#include "csum.h"
#include "ecn.h"
#include "eth.h"
#include "gue.h"

struct lb_tunnel {
	__u32 l3_off;	 /* of the outer IP header in the frame */
	__u32 inner_off; /* of the inner IP header in the frame */
	__u32 inner_end; /* where the outer header says that the packet ends */
	__u32 outer_tos;
	__u32 inner_tos;
	__u32 inner_af;	 /* LB_IPV4 or LB_IPV6 */
	__u32 inner_len; /* by its own header */
	__u32 is_udp;
	__u32 udp_off; /* of the UDP header in the frame; 0: IP in IP */
	struct lb_words inner_dst;
};

/* UDP destination port of GUE; 0: none. Written before loading. */
const volatile __be16 lb_decap_gue_port_be;

#define LB_TUNNEL_OFF_MASK 255u /* an inner packet begins at 22 + 60 + 12 + 124 at the most */

/* Both families number the tunnelled protocols alike. Returns 0 for any other. */
static __always_inline __u32 lb_tunnel_inner_af(__u32 proto)
{
	if (proto == IPPROTO_IPIP)
		return LB_IPV4;
	return proto == IPPROTO_IPV6 ? LB_IPV6 : 0;
}

/* Of UDP, the port has yet to be looked at. */
static __always_inline int lb_tunnel_is_known(__u32 proto, struct lb_tunnel *tunnel)
{
	tunnel->inner_af = lb_tunnel_inner_af(proto);
	tunnel->is_udp = lb_decap_gue_port_be && proto == IPPROTO_UDP;
	return tunnel->inner_af || tunnel->is_udp;
}

/* These return an enum lb_decap_counter; LB_DECAP_UNWRAPPED stands for "go on". */
static __always_inline int lb_tunnel_parse_outer_v4(const void *l3, const void *data_end,
						    struct lb_tunnel *tunnel)
{
	const struct iphdr *ip = l3;
	__u32 header_len;

	if (l3 + sizeof(*ip) > data_end || ip->version != 4)
		return LB_DECAP_NOT_TUNNEL;
	if (!lb_tunnel_is_known(ip->protocol, tunnel) ||
	    ip->frag_off & bpf_htons(0x3fff)) /* more fragments, offset */
		return LB_DECAP_NOT_TUNNEL;
	header_len = (*(const __u8 *)l3 & 0xf) * 4;
	if (header_len < sizeof(*ip))
		return LB_DECAP_MALFORMED;
	tunnel->outer_tos = ip->tos;
	tunnel->inner_off = tunnel->l3_off + header_len;
	tunnel->inner_end = tunnel->l3_off + bpf_ntohs(ip->tot_len);
	return LB_DECAP_UNWRAPPED;
}

static __always_inline int lb_tunnel_parse_outer_v6(const void *l3, const void *data_end,
						    struct lb_tunnel *tunnel)
{
	const struct ipv6hdr *ip = l3;

	if (l3 + sizeof(*ip) > data_end || ip->version != 6)
		return LB_DECAP_NOT_TUNNEL;
	if (!lb_tunnel_is_known(ip->nexthdr, tunnel))
		return LB_DECAP_NOT_TUNNEL;
	tunnel->outer_tos = bpf_ntohl(*(const __be32 *)l3) >> 20;
	tunnel->inner_off = tunnel->l3_off + sizeof(*ip);
	tunnel->inner_end = tunnel->inner_off + bpf_ntohs(ip->payload_len);
	return LB_DECAP_UNWRAPPED;
}

/* GUE's own header; `first` is the first byte of it, or in variant 1 of the inner packet. */
static __always_inline int lb_tunnel_parse_gue_header(const void *gue, const void *data_end,
						      struct lb_tunnel *tunnel)
{
	const __u32 first = *(const __u8 *)gue;

	if (first >> 6 == 1) {
		tunnel->inner_af = first >> 4;
		return tunnel->inner_af == LB_IPV4 || tunnel->inner_af == LB_IPV6
			   ? LB_DECAP_UNWRAPPED
			   : LB_DECAP_GUE_UNKNOWN;
	}
	if (gue + LB_GUE_LEN > data_end)
		return LB_DECAP_MALFORMED;
	tunnel->inner_af = lb_tunnel_inner_af(*(const __u8 *)(gue + 1));
	if (first >> 6 || first & LB_GUE_CONTROL || *(const __u16 *)(gue + 2) || !tunnel->inner_af)
		return LB_DECAP_GUE_UNKNOWN;
	/* Without flags, what follows is private data, which may be skipped. */
	tunnel->inner_off += LB_GUE_LEN + (first & LB_GUE_HLEN) * 4;
	return LB_DECAP_UNWRAPPED;
}

static __always_inline int lb_tunnel_parse_gue(const void *data, const void *data_end,
					       struct lb_tunnel *tunnel)
{
	const __u32 off = tunnel->inner_off & LB_TUNNEL_OFF_MASK;
	const void *udp = data + off;
	__u32 end;

	if (udp + LB_UDP_LEN + 1 > data_end)
		return LB_DECAP_NOT_TUNNEL;
	if (*(const __be16 *)(udp + 2) != lb_decap_gue_port_be)
		return LB_DECAP_NOT_TUNNEL;
	end = off + bpf_ntohs(*(const __be16 *)(udp + 4));
	if (end <= off + LB_UDP_LEN || end > tunnel->inner_end)
		return LB_DECAP_MALFORMED;
	tunnel->inner_end = end;
	tunnel->udp_off = off;
	tunnel->inner_off = off + LB_UDP_LEN;
	return lb_tunnel_parse_gue_header(udp + LB_UDP_LEN, data_end, tunnel);
}

static __always_inline int lb_tunnel_parse_inner_v4(const void *inner, const void *data_end,
						    struct lb_tunnel *tunnel)
{
	const struct iphdr *ip = inner;
	__u32 len;

	if (inner + sizeof(*ip) > data_end || ip->version != 4 || ip->ihl < 5)
		return LB_DECAP_MALFORMED;
	len = bpf_ntohs(ip->tot_len);
	if (len < sizeof(*ip) || tunnel->inner_off + len > tunnel->inner_end)
		return LB_DECAP_MALFORMED;
	tunnel->inner_tos = ip->tos;
	tunnel->inner_len = len;
	tunnel->inner_dst = lb_words_from_v4(ip->daddr);
	return LB_DECAP_UNWRAPPED;
}

static __always_inline int lb_tunnel_parse_inner_v6(const void *inner, const void *data_end,
						    struct lb_tunnel *tunnel)
{
	const struct ipv6hdr *ip = inner;
	__u32 len;

	if (inner + sizeof(*ip) > data_end || ip->version != 6)
		return LB_DECAP_MALFORMED;
	len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (tunnel->inner_off + len > tunnel->inner_end)
		return LB_DECAP_MALFORMED;
	tunnel->inner_tos = bpf_ntohl(*(const __be32 *)inner) >> 20;
	tunnel->inner_len = len;
	tunnel->inner_dst = lb_words_from_v6(&ip->daddr);
	if (lb_words_are_mapped(&tunnel->inner_dst)) /* would alias an IPv4 address */
		return LB_DECAP_MALFORMED;
	return LB_DECAP_UNWRAPPED;
}

static __always_inline int lb_tunnel_parse(const void *data, const void *data_end,
					   struct lb_tunnel *tunnel)
{
	const __u64 frame_len = data_end - data;
	const void *inner;
	__be16 type = 0;
	int counter;

	if (lb_eth_parse(data, data_end, &tunnel->l3_off, &type) != LB_NEXT)
		return LB_DECAP_NOT_TUNNEL;
	if (type == LB_ETH_P_IP_BE)
		counter = lb_tunnel_parse_outer_v4(data + tunnel->l3_off, data_end, tunnel);
	else if (type == LB_ETH_P_IPV6_BE)
		counter = lb_tunnel_parse_outer_v6(data + tunnel->l3_off, data_end, tunnel);
	else
		return LB_DECAP_NOT_TUNNEL;
	if (counter != LB_DECAP_UNWRAPPED)
		return counter;
	if (tunnel->inner_end > frame_len)
		return LB_DECAP_MALFORMED;

	if (tunnel->is_udp) {
		counter = lb_tunnel_parse_gue(data, data_end, tunnel);
		if (counter != LB_DECAP_UNWRAPPED)
			return counter;
	}
	tunnel->inner_off &= LB_TUNNEL_OFF_MASK; /* for the verifier */
	inner = data + tunnel->inner_off;
	if (tunnel->inner_af == LB_IPV4)
		return lb_tunnel_parse_inner_v4(inner, data_end, tunnel);
	return lb_tunnel_parse_inner_v6(inner, data_end, tunnel);
}

/* Brings the outer header's congestion mark into the inner one. */
static __always_inline void lb_tunnel_mark(void *data, const void *data_end,
					   const struct lb_tunnel *tunnel)
{
	const __u32 ecn = lb_ecn_decapsulate(tunnel->outer_tos, tunnel->inner_tos);
	const __u32 tos = (tunnel->inner_tos & 0xff & ~LB_ECN_MASK) | ecn;
	void *inner = data + tunnel->inner_off;
	__u16 was, is;

	if (tos == (tunnel->inner_tos & 0xff) || inner + sizeof(struct iphdr) > data_end)
		return;
	was = *(__u16 *)inner;
	if (tunnel->inner_af == LB_IPV4) {
		is = (was & 0x00ff) | (tos << 8);
		*(__u16 *)(inner + 10) = lb_csum_replace(*(__u16 *)(inner + 10), was, is);
	} else {
		is = bpf_htons(0x6000 | (tos << 4) | (bpf_ntohs(was) & 0xf));
	}
	*(__u16 *)inner = is;
}

#endif
