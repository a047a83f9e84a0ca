/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parse.h - Ethernet, VLAN, IPv4, IPv6: addresses and ports out, every lie on the way by its name.
 *
 * The end of a packet is where its IP header says, never where the frame ends: a frame may carry
 * padding (60-byte minimum of Ethernet). That the IP packet lies within the frame is checked once;
 * the later comparisons with data_end are what the verifier needs to see the same.
 */
#ifndef LB_BPF_PARSE_H
#define LB_BPF_PARSE_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "eth.h"
#include "ext6.h"
#include "pkt.h"

#define LB_IPV4_MIN	  20u
#define LB_IPV4_FRAG_MASK bpf_htons(0x3fff) /* more fragments, offset (RFC 791) */
#define LB_TCP_MIN	  20u
#define LB_UDP_LEN	  8u
#define LB_L4_MIN	  8u /* of a TCP header, these tell the ports and the sequence */

/*
 * What most packets are is plain: no VLAN tag, no IPv4 options, no IPv6 extension headers. It is
 * told by one load, and every offset in it is a constant.
 */
enum lb_kind {
	LB_NOT_OURS,
	LB_PLAIN_IPV4,
	LB_PLAIN_IPV6,
	LB_OTHER_IPV4,
	LB_OTHER_IPV6,
};

/* Shorter ones are not: what the parser needs of a TCP (IPv4) or UDP header (IPv6) is there. */
#define LB_PLAIN_V4_LEN (LB_ETH_LEN + LB_IPV4_MIN + LB_TCP_MIN)
#define LB_PLAIN_V6_LEN (LB_ETH_LEN + LB_IPV6_LEN + LB_UDP_LEN)

/* Says what the frame holds; of LB_NOT_OURS, *ret_verdict is the reason. */
static __always_inline enum lb_kind lb_parse_eth(struct lb_pkt *pkt, int *ret_verdict)
{
	__be16 type = 0;

	if (lb_likely(pkt->data + LB_PLAIN_V4_LEN <= pkt->data_end)) {
		/* EtherType, version and header length (IPv4) or traffic class (IPv6) */
		const __u32 word = *(const __u32 *)(pkt->data + 12);

		pkt->l3_off = LB_ETH_LEN;
		if ((word & 0x00ffffff) == (LB_ETH_P_IP_BE | 0x450000))
			return LB_PLAIN_IPV4;
		if ((word & 0x00f0ffff) == (LB_ETH_P_IPV6_BE | 0x600000) &&
		    pkt->data + LB_PLAIN_V6_LEN <= pkt->data_end) {
			const __u8 nexthdr = *(const __u8 *)(pkt->data + LB_ETH_LEN + 6);

			if (nexthdr == IPPROTO_TCP || nexthdr == IPPROTO_UDP)
				return LB_PLAIN_IPV6;
		}
	}
	*ret_verdict = lb_eth_parse(pkt->data, pkt->data_end, &pkt->l3_off, &type);
	if (*ret_verdict != LB_NEXT)
		return LB_NOT_OURS;
	if (type == LB_ETH_P_IP_BE)
		return LB_OTHER_IPV4;
	if (type == LB_ETH_P_IPV6_BE)
		return LB_OTHER_IPV6;
	*ret_verdict = lb_eth_is_vlan(type) ? LB_REASON_VLAN_DEPTH : LB_REASON_NOT_IP;
	return LB_NOT_OURS;
}

static __always_inline int lb_parse_ipv4(struct lb_pkt *pkt, const int plain)
{
	const void *l3 = pkt->data + pkt->l3_off;
	const struct iphdr *ip = l3;
	__u32 header_len;

	lb_stop_if(!plain && l3 + LB_IPV4_MIN > pkt->data_end, LB_REASON_IP_TRUNCATED);
	pkt->ip_len = bpf_ntohs(ip->tot_len);
	header_len = plain ? LB_IPV4_MIN : (*(const __u8 *)l3 & 0xf) * 4;
	lb_stop_if(!plain && *(const __u8 *)l3 >> 4 != 4, LB_REASON_IP_VERSION);
	lb_stop_if(header_len < LB_IPV4_MIN, LB_REASON_IP_HEADER_LENGTH);
	lb_stop_if(pkt->l3_off + pkt->ip_len > pkt->frame_len, LB_REASON_IP_TRUNCATED);
	if (lb_unlikely(ip->frag_off & LB_IPV4_FRAG_MASK)) {
		lb_stop_if(pkt->ip_len < header_len, LB_REASON_IP_HEADER_LENGTH);
		return lb_stop(LB_REASON_FRAGMENT);
	}

	pkt->proto = ip->protocol;
	pkt->dst = lb_words_from_v4(ip->daddr);
	pkt->l4_off = header_len;
	return LB_NEXT;
}

static __always_inline int lb_parse_ipv6(struct lb_pkt *pkt, const int plain)
{
	const void *l3 = pkt->data + pkt->l3_off;
	const struct ipv6hdr *ip = l3;
	__u32 payload_len, result;

	lb_stop_if(!plain && l3 + LB_IPV6_LEN > pkt->data_end, LB_REASON_IP_TRUNCATED);
	payload_len = bpf_ntohs(ip->payload_len);
	pkt->ip_len = LB_IPV6_LEN + payload_len;
	lb_stop_if(!plain && *(const __u8 *)l3 >> 4 != 6, LB_REASON_IP_VERSION);
	lb_stop_if(pkt->l3_off + pkt->ip_len > pkt->frame_len, LB_REASON_IP_TRUNCATED);
	/* RFC 2675 */
	lb_stop_if(!plain && payload_len == 0 && ip->nexthdr == IPPROTO_HOPOPTS,
		   LB_REASON_IPV6_JUMBOGRAM);

	pkt->proto = ip->nexthdr;
	pkt->dst = lb_words_from_v6(&ip->daddr);

	pkt->l4_off = LB_IPV6_LEN;
	if (!plain && pkt->proto != IPPROTO_TCP && pkt->proto != IPPROTO_UDP) {
		result = lb_ext6_skip(pkt->ctx, pkt->l3_off, pkt->proto, pkt->ip_len);
		if (LB_EXT6_NEXT_OR_STOP(result) != LB_NEXT)
			return lb_stop(LB_EXT6_NEXT_OR_STOP(result));
		pkt->l4_off = LB_EXT6_OFF(result);
		pkt->proto = LB_EXT6_PROTO(result);
	}
	return LB_NEXT;
}

/* The source address, which no look-up of a service needs. */
static __always_inline void lb_parse_source(struct lb_pkt *pkt, const int af)
{
	const void *l3 = pkt->data + pkt->l3_off;

	pkt->src = af == LB_IPV4 ? lb_words_from_v4(((const struct iphdr *)l3)->saddr)
				 : lb_words_from_v6(&((const struct ipv6hdr *)l3)->saddr);
}

/*
 * Destination, protocol and ports of a packet of the family `af`; it and `plain` are constants.
 * What lies behind the ports is looked at when the packet is known to be for a VIP (check.h).
 */
static __always_inline int lb_parse_ip(struct lb_pkt *pkt, const int af, const int plain)
{
	const void *l4;
	int verdict;

	verdict = af == LB_IPV4 ? lb_parse_ipv4(pkt, plain) : lb_parse_ipv6(pkt, plain);
	if (lb_unlikely(verdict != LB_NEXT))
		return verdict;
	if (lb_unlikely(pkt->proto != IPPROTO_TCP && pkt->proto != IPPROTO_UDP)) {
		lb_stop_if(pkt->ip_len < pkt->l4_off, LB_REASON_IP_HEADER_LENGTH);
		lb_stop_if(pkt->proto == (af == LB_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6),
			   LB_REASON_ICMP);
		return lb_stop(LB_REASON_NOT_TCP_UDP);
	}
	if (lb_unlikely(pkt->ip_len < pkt->l4_off + LB_L4_MIN)) {
		lb_stop_if(pkt->ip_len < pkt->l4_off, LB_REASON_IP_HEADER_LENGTH);
		return lb_stop(LB_REASON_L4_TRUNCATED);
	}
	l4 = pkt->data + pkt->l3_off + pkt->l4_off;
	lb_stop_if(!plain && l4 + LB_L4_MIN > pkt->data_end, LB_REASON_L4_TRUNCATED);
	pkt->ports = *(const __u32 *)l4;
	return LB_NEXT;
}

#endif
