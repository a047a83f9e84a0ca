/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gue.h - what the two ends of Generic UDP Encapsulation agree on (draft-ietf-intarea-gue-09).
 *
 * Variant 0 has a header of 4 bytes between UDP and the inner packet; in variant 1 the inner packet
 * follows the UDP header, and its own version tells what it is.
 */
#ifndef LB_BPF_GUE_H
#define LB_BPF_GUE_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "csum.h"
#include "parse.h"

#define LB_GUE_LEN	     4u
#define LB_GUE_CONTROL	     0x20u   /* first byte: a control message */
#define LB_GUE_HLEN	     0x1fu   /* first byte: length of what follows the 4 bytes, in words */
#define LB_GUE_SOURCE_MIN    0xc000u /* the dynamic ports (RFC 6335, section 6) */
#define LB_GUE_SOURCE_SPREAD 0x3fffu

#define LB_CSUM_MULTIPLE     0xffffffffffffull /* zero, as a sum of 16-bit words */

/* Reduces a sum of words of up to 32 bits to 16 bits, inverted. */
static __always_inline __u16 lb_csum_fold_wide(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/*
 * The sum of a whole IP packet, told by its headers: what the transport's checksum covers sums up
 * to the opposite of its pseudo-header, and an IPv4 header to zero. If a checksum of the packet is
 * wrong, so is the sum, which is as good: the packet is lost at the tunnel's end and not a moment
 * later. Returns 0 for a packet whose checksum does not cover all of it: UDP without one or shorter
 * than its packet, fragments, extension headers (which may change the pseudo-header).
 * `ip_len` is what the packet's header says. The caller has checked that 48 bytes (IPv6) or 28 are
 * there, which IPv4 options may move out of sight.
 */
static __always_inline __u64 lb_gue_inner_sum(const void *l3, const void *end, __u32 ip_len,
					      const int af)
{
	const __u32 proto = *(const __u8 *)(l3 + (af == LB_IPV4 ? 9 : 6));
	const __u32 header_len = af == LB_IPV4 ? (*(const __u8 *)l3 & 0xf) * 4 : LB_IPV6_LEN;
	const __u32 l4_len = ip_len - header_len;
	const void *l4 = l3 + header_len;
	const struct iphdr *ip = l3;

	if (proto == IPPROTO_UDP) {
		if (l4 + LB_UDP_LEN > end || !*(const __u16 *)(l4 + 6) ||
		    bpf_ntohs(*(const __be16 *)(l4 + 4)) != l4_len)
			return 0;
	} else if (proto != IPPROTO_TCP) {
		return 0;
	}
	if (af == LB_IPV4) {
		if (ip->frag_off & LB_IPV4_FRAG_MASK)
			return 0;
		return LB_CSUM_MULTIPLE - ip->saddr - ip->daddr - bpf_htons(proto) -
		       bpf_htons(l4_len);
	}
	/* Addresses and length are in the header and the pseudo-header; the rest is not. */
	return LB_CSUM_MULTIPLE - bpf_htons(proto) + *(const __u32 *)l3 + *(const __u16 *)(l3 + 6);
}

#endif
