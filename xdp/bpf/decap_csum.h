/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decap_csum.h - GUE's UDP checksum, by headers alone.
 *
 * It covers the inner packet, whose own checksums the stack verifies later. What they cover sums up
 * to what its headers tell, so that the outer checksum is right if it fits those headers and the
 * inner ones are right. Where they do not cover all of it, the outer one is left unverified.
 */
#ifndef LB_BPF_DECAP_CSUM_H
#define LB_BPF_DECAP_CSUM_H

#include "decap_parse.h"

/* Sum of the outer addresses, which lie before the UDP header: 8 bytes where it is IPv4's. */
static __always_inline __u64 lb_decap_sum_addresses(const void *data, const void *data_end,
						    const struct lb_tunnel *tunnel)
{
	const void *l3 = data + tunnel->l3_off;
	const __u32 *words;
	__u64 sum = 0;

	if (l3 + LB_IPV6_LEN > data_end)
		return 0;
	if (*(const __u8 *)l3 >> 4 == 4) {
		words = l3 + 12;
		return (__u64)words[0] + words[1];
	}
	words = l3 + 8;
	for (int i = 0; i < 8; i++)
		sum += words[i];
	return sum;
}

static __always_inline __u64 lb_decap_inner_sum(const void *data, const void *data_end,
						const struct lb_tunnel *tunnel)
{
	const void *inner = data + (tunnel->inner_off & LB_TUNNEL_OFF_MASK);

	if (tunnel->inner_off + tunnel->inner_len != tunnel->inner_end ||
	    inner + LB_IPV4_MIN + LB_UDP_LEN > data_end)
		return 0;
	if (tunnel->inner_af == LB_IPV4)
		return lb_gue_inner_sum(inner, data_end, tunnel->inner_len, LB_IPV4);
	if (inner + LB_IPV6_LEN + LB_UDP_LEN > data_end)
		return 0;
	return lb_gue_inner_sum(inner, data_end, tunnel->inner_len, LB_IPV6);
}

/* From the UDP header to the inner packet: 8 to 136 bytes, a multiple of 4. */
static __always_inline __u64 lb_decap_sum_headers(const void *data, const void *data_end,
						  const struct lb_tunnel *tunnel)
{
	const __u32 words = (tunnel->inner_off - tunnel->udp_off) / 4;
	const void *at = data + (tunnel->udp_off & LB_TUNNEL_OFF_MASK);
	__u64 sum = 0;

	for (__u32 i = 0; i < 34; i++) {
		if (i >= words || at + 4 > data_end)
			break;
		sum += *(const __u32 *)at;
		at += 4;
	}
	return sum;
}

/* RFC 1122, section 4.1.3.4; zero is none, in IPv6 too (RFC 6935). */
static __always_inline int lb_decap_checksum_is_wrong(const void *data, const void *data_end,
						      const struct lb_tunnel *tunnel)
{
	const void *udp = data + (tunnel->udp_off & LB_TUNNEL_OFF_MASK);
	__u64 sum;

	if (!tunnel->udp_off || udp + LB_UDP_LEN > data_end || !*(const __u16 *)(udp + 6))
		return 0;
	sum = lb_decap_inner_sum(data, data_end, tunnel);
	if (!sum)
		return 0;
	sum += lb_decap_sum_addresses(data, data_end, tunnel);
	sum += lb_decap_sum_headers(data, data_end, tunnel);
	sum += *(const __be16 *)(udp + 4) + bpf_htons(IPPROTO_UDP);
	return lb_csum_fold_wide(sum) != 0;
}

#endif
