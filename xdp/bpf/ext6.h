/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ext6.h - the walk along IPv6 extension headers (RFC 8200, section 4).
 *
 * It is a global function, not inlined: few packets need it, and the verifier then checks it once,
 * for itself, instead of once for each state in which a packet may arrive.
 */
#ifndef LB_BPF_EXT6_H
#define LB_BPF_EXT6_H

#include <linux/in.h>
#include <linux/in6.h>

#include "compiler.h"

#define LB_EXT6_MAX	 8
#define LB_IPPROTO_HIP	 139
#define LB_IPPROTO_SHIM6 140

#define LB_IPV6_LEN	 40u
#define LB_EXT6_MIN	 8u /* the shortest extension header */

/*
 * Offset from the IPv6 header (15 bits hold eight headers of 2048 bytes, and keep the packet
 * pointer within the range that the verifier tracks), protocol (8 bits), reason + 1 or 0 (8 bits).
 */
#define LB_EXT6_OFF_MASK	     0x7fff
#define LB_EXT6_RESULT(off, proto)   ((off) | (__u32)(proto) << 16)
#define LB_EXT6_STOP(reason)	     ((__u32)((reason) + 1) << 24)
#define LB_EXT6_OFF(result)	     ((result)&0x7fff)
#define LB_EXT6_PROTO(result)	     (((result) >> 16) & 0xff)
#define LB_EXT6_NEXT_OR_STOP(result) ((int)((result) >> 24) - 1) /* LB_NEXT or a reason */

/*
 * How long is the header: ((its length byte & mask) + add) << shift; shift 0: it is no extension
 * header. ESP hides what follows and No Next Header ends the packet: both count as upper layer. A
 * table, because the verifier follows every branch of every turn of the loop below: with branches
 * it processed 28,000 instructions here, with the table 2,000.
 */
struct lb_ext6_rule {
	__u8 mask;
	__u8 add;
	__u8 shift;
	__u8 reserved;
};

#define LB_EXT6_RULE_8                                                                             \
	{                                                                                          \
		.mask = 0xff, .add = 1, .shift = 3                                                 \
	}

static const struct lb_ext6_rule lb_ext6_rules[256] = {
    [IPPROTO_HOPOPTS] = LB_EXT6_RULE_8,
    [IPPROTO_ROUTING] = LB_EXT6_RULE_8,
    [IPPROTO_FRAGMENT] = {.mask = 0, .add = 1, .shift = 3}, /* the byte is reserved there */
    [IPPROTO_AH] = {.mask = 0xff, .add = 2, .shift = 2},    /* RFC 4302, section 2.2 */
    [IPPROTO_DSTOPTS] = LB_EXT6_RULE_8,
    [IPPROTO_MH] = LB_EXT6_RULE_8,
    [LB_IPPROTO_HIP] = LB_EXT6_RULE_8,
    [LB_IPPROTO_SHIM6] = LB_EXT6_RULE_8,
};

/*
 * Skips the extension headers of the IPv6 packet at `l3_off` whose fixed header names `nexthdr`
 * and which is `ip_len` bytes long. An atomic fragment (offset 0, no more to come; RFC 6946) is a
 * whole packet and its header is skipped like any other.
 */
__attribute__((noinline)) __u32 lb_ext6_skip(struct xdp_md *ctx, __u32 l3_off, __u32 nexthdr,
					     __u32 ip_len)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 off = LB_IPV6_LEN;

	data += l3_off & 31; /* the verifier knows no caller of this function */
	for (int i = 0; i <= LB_EXT6_MAX; i++) {
		const struct lb_ext6_rule *rule = &lb_ext6_rules[nexthdr & 0xff];
		const __u8 *header = data + off;

		if (!rule->shift)
			return LB_EXT6_RESULT(off, nexthdr & 0xff);
		if (i == LB_EXT6_MAX)
			break;
		if (off + LB_EXT6_MIN > ip_len || (const void *)(header + LB_EXT6_MIN) > data_end)
			return LB_EXT6_STOP(LB_REASON_IPV6_EXT_TRUNCATED);
		if (nexthdr == IPPROTO_FRAGMENT &&
		    *(const __be16 *)(header + 2) & bpf_htons(0xfff9)) /* offset, M */
			return LB_EXT6_STOP(LB_REASON_FRAGMENT);
		off += (__u32)((header[1] & rule->mask) + rule->add) << (rule->shift & 3);
		off &= LB_EXT6_OFF_MASK; /* changes nothing, but the verifier can't count */
		if (off > ip_len)
			return LB_EXT6_STOP(LB_REASON_IPV6_EXT_TRUNCATED);
		nexthdr = header[0];
	}
	return LB_EXT6_STOP(LB_REASON_IPV6_EXT_LIMIT);
}

#endif
