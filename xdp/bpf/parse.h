/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parse.h - Ethernet, VLAN, IPv4, IPv6, TCP, UDP: addresses and ports out, every lie by its name.
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

/* The family of the frame's network header in *ret_af, LB_IPV4 or LB_IPV6. */
static __always_inline int lb_parse_eth(struct lb_pkt *pkt, int *ret_af)
{
	__be16 type = 0;
	int verdict;

	verdict = lb_eth_parse(pkt->data, pkt->data_end, &pkt->l3_off, &type);
	if (verdict != LB_NEXT)
		return verdict;
	if (type == LB_ETH_P_IP_BE)
		*ret_af = LB_IPV4;
	else if (type == LB_ETH_P_IPV6_BE)
		*ret_af = LB_IPV6;
	else
		return lb_eth_is_vlan(type) ? LB_REASON_VLAN_DEPTH : LB_REASON_NOT_IP;
	return LB_NEXT;
}

static __always_inline int lb_parse_ipv4(struct lb_pkt *pkt, __u32 *ret_l4_off)
{
	const void *l3 = pkt->data + pkt->l3_off;
	const struct iphdr *ip = l3;
	__u32 first, header_len;

	if (l3 + LB_IPV4_MIN > pkt->data_end)
		return LB_REASON_IP_TRUNCATED;
	first = *(const __u32 *)l3; /* version and header length, tos, total length */
	header_len = (first & 0xf) * 4;
	pkt->tos = first >> 8;
	pkt->ip_len = bpf_ntohs(first >> 16);
	if ((first & 0xf0) != 0x40)
		return LB_REASON_IP_VERSION;
	if (header_len < LB_IPV4_MIN || header_len > pkt->ip_len)
		return LB_REASON_IP_HEADER_LENGTH;
	if (pkt->l3_off + pkt->ip_len > pkt->frame_len)
		return LB_REASON_IP_TRUNCATED;
	if (lb_unlikely(ip->frag_off & LB_IPV4_FRAG_MASK))
		return LB_REASON_FRAGMENT;

	pkt->proto = ip->protocol;
	pkt->src = lb_words_from_v4(ip->saddr);
	pkt->dst = lb_words_from_v4(ip->daddr);
	*ret_l4_off = header_len;
	return pkt->proto == IPPROTO_ICMP ? LB_REASON_ICMP : LB_NEXT;
}

static __always_inline int lb_parse_ipv6(struct lb_pkt *pkt, __u32 *ret_l4_off)
{
	const void *l3 = pkt->data + pkt->l3_off;
	const struct ipv6hdr *ip = l3;
	__u32 first, payload_len, result;

	if (l3 + LB_IPV6_LEN > pkt->data_end)
		return LB_REASON_IP_TRUNCATED;
	first = bpf_ntohl(*(const __be32 *)l3);
	payload_len = bpf_ntohs(ip->payload_len);
	pkt->ip_len = LB_IPV6_LEN + payload_len;
	if (first >> 28 != 6)
		return LB_REASON_IP_VERSION;
	if (pkt->l3_off + pkt->ip_len > pkt->frame_len)
		return LB_REASON_IP_TRUNCATED;
	if (payload_len == 0 && ip->nexthdr == IPPROTO_HOPOPTS) /* RFC 2675 */
		return LB_REASON_IPV6_JUMBOGRAM;

	pkt->tos = first >> 20;
	pkt->proto = ip->nexthdr;
	pkt->src = lb_words_from_v6(&ip->saddr);
	pkt->dst = lb_words_from_v6(&ip->daddr);
	if (lb_words_are_mapped(&pkt->src) || lb_words_are_mapped(&pkt->dst))
		return LB_REASON_IP_MAPPED;

	*ret_l4_off = LB_IPV6_LEN;
	if (lb_unlikely(pkt->proto != IPPROTO_TCP && pkt->proto != IPPROTO_UDP)) {
		result = lb_ext6_skip(pkt->ctx, pkt->l3_off, pkt->proto, pkt->ip_len);
		if (LB_EXT6_NEXT_OR_STOP(result) != LB_NEXT)
			return LB_EXT6_NEXT_OR_STOP(result);
		*ret_l4_off = LB_EXT6_OFF(result);
		pkt->proto = LB_EXT6_PROTO(result);
	}
	return pkt->proto == IPPROTO_ICMPV6 ? LB_REASON_ICMP : LB_NEXT;
}

static __always_inline int lb_parse_tcp(const struct lb_pkt *pkt, const void *l4, __u32 l4_len)
{
	__u32 header_len;

	if (l4_len < LB_TCP_MIN || l4 + LB_TCP_MIN > pkt->data_end)
		return LB_REASON_L4_TRUNCATED;
	header_len = (*(const __u8 *)(l4 + 12) >> 4) * 4;
	if (header_len < LB_TCP_MIN || header_len > l4_len)
		return LB_REASON_TCP_HEADER_LENGTH;
	return LB_NEXT;
}

static __always_inline int lb_parse_udp(const struct lb_pkt *pkt, const void *l4, __u32 l4_len)
{
	__u32 udp_len;

	if (l4_len < LB_UDP_LEN || l4 + LB_UDP_LEN > pkt->data_end)
		return LB_REASON_L4_TRUNCATED;
	udp_len = bpf_ntohs(*(const __be16 *)(l4 + 4));
	if (udp_len < LB_UDP_LEN || udp_len > l4_len)
		return LB_REASON_UDP_LENGTH;
	return LB_NEXT;
}

/* Addresses, protocol and ports of a packet of the family `af`, a constant. */
static __always_inline int lb_parse_ip(struct lb_pkt *pkt, const int af)
{
	__u32 l4_off = 0, l4_len;
	const void *l4;
	int verdict;

	verdict = af == LB_IPV4 ? lb_parse_ipv4(pkt, &l4_off) : lb_parse_ipv6(pkt, &l4_off);
	if (verdict != LB_NEXT)
		return verdict;

	l4 = pkt->data + pkt->l3_off + l4_off;
	l4_len = pkt->ip_len - l4_off;
	if (pkt->proto == IPPROTO_TCP)
		verdict = lb_parse_tcp(pkt, l4, l4_len);
	else if (pkt->proto == IPPROTO_UDP)
		verdict = lb_parse_udp(pkt, l4, l4_len);
	else
		return LB_REASON_NOT_TCP_UDP;
	if (verdict == LB_NEXT)
		pkt->ports = *(const __u32 *)l4;
	return verdict;
}

#endif
