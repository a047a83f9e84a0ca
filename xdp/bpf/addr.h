/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * addr.h - an address in the data plane: four words as they lie on the wire, IPv4 v4-mapped.
 *
 * Filled once by the parser; every later stage is blind to the family. The words are cut from two
 * 64-bit loads, which the compiler joins again where a hash wants them whole.
 */
#ifndef LB_BPF_ADDR_H
#define LB_BPF_ADDR_H

#include "compiler.h"

#define LB_MAPPED_WORD bpf_htonl(0x0000ffff) /* third word of ::ffff:0:0/96 */

struct lb_words {
	__u32 w[4];
};

static __always_inline struct lb_words lb_words_from_v4(__be32 addr)
{
	return (struct lb_words){{0, 0, LB_MAPPED_WORD, addr}};
}

static __always_inline struct lb_words lb_words_from_v6(const void *addr)
{
	const __u64 *half = addr;
	__u64 high = half[0], low = half[1];

	return (struct lb_words){{(__u32)high, high >> 32, (__u32)low, low >> 32}};
}

static __always_inline int lb_words_are_mapped(const struct lb_words *a)
{
	return !(a->w[0] | a->w[1]) && a->w[2] == LB_MAPPED_WORD;
}

#endif
