/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.h - what a packet for a VIP must be beyond what its service is found by.
 *
 * It stands behind the service's look-up: the kernel judges what is for itself, and packets that
 * are for no VIP do not pay.
 */
#ifndef LB_BPF_CHECK_H
#define LB_BPF_CHECK_H

#include "parse.h"
#include "pkt.h"

/* `seen`, a constant: the parser has told the verifier that the frame holds the header. */
static __always_inline int lb_check_tcp(const struct lb_pkt *pkt, const void *l4, __u32 l4_len,
					const int seen)
{
	__u32 header_len;

	lb_stop_if(!seen && l4 + LB_TCP_MIN > pkt->data_end, LB_REASON_L4_TRUNCATED);
	header_len = (*(const __u8 *)(l4 + 12) >> 4) * 4;
	if (lb_unlikely(header_len < LB_TCP_MIN || header_len > l4_len)) {
		lb_stop_if(l4_len < LB_TCP_MIN, LB_REASON_L4_TRUNCATED);
		return lb_stop(LB_REASON_TCP_HEADER_LENGTH);
	}
	return LB_NEXT;
}

static __always_inline int lb_check_udp(const struct lb_pkt *pkt, const void *l4, __u32 l4_len,
					const int seen)
{
	__u32 udp_len;

	lb_stop_if(!seen && l4 + LB_UDP_LEN > pkt->data_end, LB_REASON_L4_TRUNCATED);
	udp_len = bpf_ntohs(*(const __be16 *)(l4 + 4));
	lb_stop_if(udp_len < LB_UDP_LEN || udp_len > l4_len, LB_REASON_UDP_LENGTH);
	return LB_NEXT;
}

static __always_inline int lb_check(struct lb_pkt *pkt, const int af, const int plain)
{
	const void *l4 = pkt->data + pkt->l3_off + pkt->l4_off;
	const __u32 l4_len = pkt->ip_len - pkt->l4_off;

	lb_parse_source(pkt, af);
	/* It would alias an IPv4 source; its destination is the VIP's own address. */
	lb_stop_if(af == LB_IPV6 && lb_words_are_mapped(&pkt->src), LB_REASON_IP_MAPPED);
	return lb_likely(pkt->proto == IPPROTO_TCP)
		   ? lb_check_tcp(pkt, l4, l4_len, plain && af == LB_IPV4)
		   : lb_check_udp(pkt, l4, l4_len, plain);
}

#endif
