/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ecn.h - congestion marks at a tunnel's end: RFC 6040, section 4.2, figure 4.
 */
#ifndef LB_BPF_ECN_H
#define LB_BPF_ECN_H

#include "compiler.h"

#define LB_ECN_MASK    3u
#define LB_ECN_NOT_ECT 0u
#define LB_ECN_ECT_1   1u
#define LB_ECN_ECT_0   2u
#define LB_ECN_CE      3u

/* Congestion was marked on the way, but the inner flow could not be told: the packet is dropped,
 * which is the only signal that its sender understands. */
static __always_inline int lb_ecn_is_illegal(__u32 outer_tos, __u32 inner_tos)
{
	return (outer_tos & LB_ECN_MASK) == LB_ECN_CE &&
	       (inner_tos & LB_ECN_MASK) == LB_ECN_NOT_ECT;
}

/* The mark that the unwrapped packet carries. */
static __always_inline __u32 lb_ecn_decapsulate(__u32 outer_tos, __u32 inner_tos)
{
	const __u32 outer = outer_tos & LB_ECN_MASK, inner = inner_tos & LB_ECN_MASK;

	if (inner == LB_ECN_NOT_ECT || inner == LB_ECN_CE)
		return inner;
	if (outer == LB_ECN_CE || (outer == LB_ECN_ECT_1 && inner == LB_ECN_ECT_0))
		return outer;
	return inner;
}

#endif
