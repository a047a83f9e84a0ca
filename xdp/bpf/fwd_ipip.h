/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fwd_ipip.h - forward: ipip. IP in IP, all four combinations (RFC 2003, 2473, 4213).
 *
 * The outer header is the backend's template with its length, protocol, traffic class and checksum
 * (IPv4) or flow label (IPv6) filled in. The inner packet is not changed in a single bit.
 */
#ifndef LB_BPF_FWD_IPIP_H
#define LB_BPF_FWD_IPIP_H

#include <linux/in.h>

#include "backend.h"
#include "csum.h"
#include "eth.h"
#include "parse.h"
#include "pkt.h"

/* DSCP and ECN of the inner packet, whose header is still where it came. */
static __always_inline __u32 lb_ipip_tos(const struct lb_pkt *pkt, const int af)
{
	const void *l3 = pkt->data + pkt->l3_off;

	return af == LB_IPV4 ? *(const __u8 *)(l3 + 1) : bpf_ntohs(*(const __be16 *)l3) >> 4 & 0xff;
}

/* The traffic class, congestion mark included, is the inner one's copy: RFC 6040, section 4.1,
 * normal mode. */
static __always_inline void lb_ipip_write_v4(const struct lb_pkt *pkt, __u32 *outer, __u32 proto,
					     __u32 tos)
{
	const struct lb_backend *backend = pkt->backend;
	const __u16 tot_len_be = bpf_htons(pkt->ip_len + LB_IPV4_MIN);
	const __u32 tos_word = tos << 8, proto_word = proto << 8;
	__u32 sum = backend->outer_sum;

	sum += tot_len_be;
	sum += tos_word;
	sum += proto_word;
	outer[0] = backend->outer_u32[0] | tos_word | ((__u32)tot_len_be << 16);
	outer[1] = backend->outer_u32[1];
	outer[2] = backend->outer_u32[2] | proto_word | ((__u32)lb_csum_fold(sum) << 16);
	*(__u64 *)(outer + 3) = *(const __u64 *)(backend->outer_u32 + 3);
}

/* The flow label carries the flow's entropy, so that routers and NICs which spread by it see
 * flows and not one tunnel (RFC 6438). */
static __always_inline void lb_ipip_write_v6(const struct lb_pkt *pkt, __u32 *outer, __u32 proto,
					     __u32 tos)
{
	const struct lb_backend *backend = pkt->backend;
	const __u32 first = tos << 20 | (pkt->hash & 0xfffff);

	outer[0] = backend->outer_u32[0] | bpf_htonl(first);
	outer[1] = backend->outer_u32[1] | bpf_htons(pkt->ip_len) | (proto << 16);
	for (int i = 2; i < 10; i += 2)
		*(__u64 *)(outer + i) = *(const __u64 *)(backend->outer_u32 + i);
}

/* `outer_af` is a constant, too. */
static __always_inline int lb_ipip_push(struct lb_pkt *pkt, struct lb_hop *hop, const int af,
					const int outer_af)
{
	const __u32 proto = af == LB_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	const __u32 outer_len = outer_af == LB_IPV4 ? LB_IPV4_MIN : LB_IPV6_LEN;
	const int delta = (int)(pkt->l3_off - lb_eth_length(hop->eth.tci) - outer_len);
	const __u32 tos = lb_ipip_tos(pkt, af);
	const __be16 type = outer_af == LB_IPV4 ? LB_ETH_P_IP_BE : LB_ETH_P_IPV6_BE;
	void *outer;

	lb_stop_if(pkt->ip_len + outer_len > pkt->backend->mtu, LB_REASON_TOO_BIG);
	lb_stop_if(bpf_xdp_adjust_head(pkt->ctx, delta), LB_REASON_NO_HEADROOM);
	lb_pkt_reload(pkt);
	/* For the verifier: 14 + 20 + 28 bytes at the least are there. */
	lb_stop_if(pkt->data + LB_ETH_LEN + LB_VLAN_LEN + LB_IPV6_LEN > pkt->data_end,
		   LB_REASON_NO_HEADROOM);

	outer = lb_eth_write(pkt->data, lb_backend_eth(pkt, hop, type));
	if (outer_af == LB_IPV4)
		lb_ipip_write_v4(pkt, outer, proto, tos);
	else
		lb_ipip_write_v6(pkt, outer, proto, tos);
	return LB_REASON_FORWARDED;
}

static __always_inline int lb_forward_ipip(struct lb_pkt *pkt, struct lb_hop *hop, const int af,
					   const int plain)
{
	const int outer_v6 = hop->flags & LB_BACKEND_IPV6;

	if (plain && lb_likely(!hop->eth.tci)) { /* the usual: all lengths are constants */
		hop->eth.tci = 0;
		return outer_v6 ? lb_ipip_push(pkt, hop, af, LB_IPV6)
				: lb_ipip_push(pkt, hop, af, LB_IPV4);
	}
	return outer_v6 ? lb_ipip_push(pkt, hop, af, LB_IPV6) : lb_ipip_push(pkt, hop, af, LB_IPV4);
}

#endif
