/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fwd_gue.h - forward: gue. IP in UDP, all four combinations of families, in both variants of
 * Generic UDP Encapsulation. The inner packet is not changed in a single bit.
 *
 * The UDP checksum is zero in IPv4 (RFC 768). In IPv6 it is computed (RFC 8200, section 8.1) from
 * headers alone, or zero where that cannot be or is wanted (RFC 6935 and 6936).
 */
#ifndef LB_BPF_FWD_GUE_H
#define LB_BPF_FWD_GUE_H

#include "backend.h"
#include "eth.h"
#include "gue.h"
#include "outer.h"

/* What follows the outer header, as it lies in memory. */
struct lb_gue {
	__u32 ports;
	__u32 len_be;
	__u32 header; /* of variant 0 */
	__u16 check;
};

/* The source port is the flow's, so that whatever spreads by ports sees flows (RFC 8085, section
 * 5.1.1). */
static __always_inline void lb_gue_prepare(const struct lb_pkt *pkt, struct lb_gue *ret,
					   const int af)
{
	const __u32 source = LB_GUE_SOURCE_MIN | (pkt->hash & LB_GUE_SOURCE_SPREAD);

	ret->ports = bpf_htons(source) | (__u32)lb_setting(gue_port_be) << 16;
	ret->len_be = bpf_htons(pkt->ip_len + LB_UDP_LEN + lb_setting(gue_header));
	ret->header = (af == LB_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6) << 8;
	ret->check = 0;
}

/* Of an outer IPv6 packet. 0: none, or where it would come out as 0 its other form. */
static __always_inline __u16 lb_gue_checksum(const struct lb_pkt *pkt, const struct lb_gue *gue,
					     const int af)
{
	__u64 sum = lb_gue_inner_sum(pkt->data + pkt->l3_off, pkt->data_end, pkt->ip_len, af);
	__u16 check;

	if (!sum)
		return 0;
	sum += pkt->backend->outer_sum;
	if (lb_setting(source6_mask))
		sum += lb_outer_host(pkt, lb_setting(source6_mask));
	sum += gue->len_be * 2; /* in the pseudo-header, too */
	sum += bpf_htons(IPPROTO_UDP) + (__u64)gue->ports;
	if (lb_setting(gue_header))
		sum += gue->header;
	check = lb_csum_fold_wide(sum);
	return check ? check : 0xffff;
}

/* `outer_af` is a constant, too. */
static __always_inline int lb_gue_push(struct lb_pkt *pkt, struct lb_hop *hop, const int af,
				       const int outer_af)
{
	const struct lb_outer with = {
	    .proto = IPPROTO_UDP,
	    .extra = LB_UDP_LEN + lb_setting(gue_header),
	    .tos = lb_outer_tos(pkt, af),
	};
	const __u32 outer_len = lb_outer_length(outer_af) + with.extra;
	const int delta = (int)(pkt->l3_off - lb_eth_length(hop->eth.tci) - outer_len);
	const __be16 type = outer_af == LB_IPV4 ? LB_ETH_P_IP_BE : LB_ETH_P_IPV6_BE;
	struct lb_gue gue;
	void *outer, *udp;

	lb_stop_if(pkt->ip_len + outer_len > pkt->backend->mtu, LB_REASON_TOO_BIG);
	lb_gue_prepare(pkt, &gue, af);
	if (outer_af == LB_IPV6 && !lb_setting(gue_zero6))
		gue.check = lb_gue_checksum(pkt, &gue, af);
	lb_stop_if(bpf_xdp_adjust_head(pkt->ctx, delta), LB_REASON_NO_HEADROOM);
	lb_pkt_reload(pkt);
	/* For the verifier: 28 bytes more, the inner packet's, are there. */
	lb_stop_if(pkt->data + LB_ETH_LEN + LB_VLAN_LEN + lb_outer_length(outer_af) + LB_UDP_LEN +
			   LB_GUE_LEN >
		       pkt->data_end,
		   LB_REASON_NO_HEADROOM);

	outer = lb_eth_write(pkt->data, lb_backend_eth(pkt, hop, type));
	lb_outer_write(pkt, outer, &with, outer_af);
	udp = outer + lb_outer_length(outer_af);
	*(__u32 *)udp = gue.ports;
	*(__u32 *)(udp + 4) = gue.len_be | (__u32)gue.check << 16;
	if (lb_setting(gue_header))
		*(__u32 *)(udp + LB_UDP_LEN) = gue.header;
	return LB_REASON_FORWARDED;
}

static __always_inline int lb_gue_send(struct lb_pkt *pkt, const int af)
{
	const __u64 word = LB_READ_ONCE(((const __u64 *)pkt->backend)[1]);
	struct lb_hop hop = {
	    .eth = {.tci = word >> 32, .word8 = word},
	    .flags = word >> 48,
	};
	const int outer_v6 = hop.flags & LB_BACKEND_IPV6;

	/* It was, a moment ago. */
	lb_stop_if((__s64)word >= 0, LB_REASON_BACKEND_NOT_READY);
	lb_pkt_reload(pkt);
	/* For the verifier: the parser has seen as much. */
	lb_stop_if(pkt->data + pkt->l3_off + (af == LB_IPV4 ? LB_IPV4_MIN : LB_IPV6_LEN) +
			   LB_UDP_LEN >
		       pkt->data_end,
		   LB_REASON_IP_TRUNCATED);
	if (lb_likely(!hop.eth.tci)) { /* the usual: the lengths are constants */
		hop.eth.tci = 0;
		return outer_v6 ? lb_gue_push(pkt, &hop, af, LB_IPV6)
				: lb_gue_push(pkt, &hop, af, LB_IPV4);
	}
	return outer_v6 ? lb_gue_push(pkt, &hop, af, LB_IPV6) : lb_gue_push(pkt, &hop, af, LB_IPV4);
}

/*
 * Functions of their own, one a family: what they need of registers and stack slots would be taken
 * from the packets of all other VIPs. They read the backend's second word once more, since there
 * are five parameters at the most.
 */
static __noinline int lb_gue_send_v4(struct xdp_md *ctx, const struct lb_backend *backend,
				     __u32 l3_off, __u32 ip_len, __u32 hash)
{
	struct lb_pkt pkt = {
	    .ctx = ctx, .backend = backend, .l3_off = l3_off, .ip_len = ip_len, .hash = hash};

	return lb_gue_send(&pkt, LB_IPV4);
}

static __noinline int lb_gue_send_v6(struct xdp_md *ctx, const struct lb_backend *backend,
				     __u32 l3_off, __u32 ip_len, __u32 hash)
{
	struct lb_pkt pkt = {
	    .ctx = ctx, .backend = backend, .l3_off = l3_off, .ip_len = ip_len, .hash = hash};

	return lb_gue_send(&pkt, LB_IPV6);
}

static __always_inline int lb_forward_gue(const struct lb_pkt *pkt, const int af)
{
	int verdict;

	if (af == LB_IPV4)
		verdict =
		    lb_gue_send_v4(pkt->ctx, pkt->backend, pkt->l3_off, pkt->ip_len, pkt->hash);
	else
		verdict =
		    lb_gue_send_v6(pkt->ctx, pkt->backend, pkt->l3_off, pkt->ip_len, pkt->hash);
	lb_stop_if(verdict, verdict); /* so that the compiler sees which it is */
	return LB_REASON_FORWARDED;
}

#endif
