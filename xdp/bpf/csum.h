/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * csum.h - the Internet checksum (RFC 1071), on words as they lie in memory.
 *
 * A ones' complement sum does not depend on byte order as long as all its words share one, so
 * nothing is swapped.
 */
#ifndef LB_BPF_CSUM_H
#define LB_BPF_CSUM_H

#include "compiler.h"

/* Two folds reduce any 32-bit sum of 16-bit words to 16 bits. */
static __always_inline __u16 lb_csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* A checksum after one 16-bit word of what it covers changed (RFC 1624, equation 3). */
static __always_inline __u16 lb_csum_replace(__u16 check, __u16 was, __u16 is)
{
	return lb_csum_fold((__u16)~check + (__u32)(__u16)~was + is);
}

#endif
