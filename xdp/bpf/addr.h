/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addr.h - an address in the data plane: words as they lie on the wire, IPv4 v4-mapped.
 *
 * Filled once by the parser; every later stage is blind to the family.
 */
#ifndef LB_BPF_ADDR_H
#define LB_BPF_ADDR_H

#include "compiler.h"

#define LB_MAPPED_WORD bpf_htonl(0x0000ffff) /* third 32-bit word of ::ffff:0:0/96 */

struct lb_words {
	__u64 hi;   /* the first eight bytes */
	__u64 lo;   /* the last eight */
	__u32 last; /* the last four again: all there is to an IPv4 address */
};

static __always_inline struct lb_words lb_words_from_v4(__be32 addr)
{
	return (struct lb_words){.lo = LB_MAPPED_WORD | (__u64)addr << 32, .last = addr};
}

static __always_inline struct lb_words lb_words_from_v6(const void *addr)
{
	const __u64 *half = addr;

	return (struct lb_words){.hi = half[0], .lo = half[1], .last = half[1] >> 32};
}

static __always_inline int lb_words_are_mapped(const struct lb_words *a)
{
	return !a->hi && (__u32)a->lo == LB_MAPPED_WORD;
}

#endif
