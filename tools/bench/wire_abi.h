/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_abi.h - what lb-bench and its programs in the kernel (wire.bpf.c) share.
 */
#ifndef LB_BENCH_WIRE_ABI_H
#define LB_BENCH_WIRE_ABI_H

#include <linux/types.h>

/* Ethernet, IP and UDP, rounded up to words: 42 bytes of IPv4, 62 of IPv6. Frames are at least
 * that long. */
#define WIRE_HEADER_WORDS 8
#define WIRE_FRAME_MIN	  (WIRE_HEADER_WORDS * 8)
/* A power of two. CPUs beyond share counters, and no CPU but one is busy. */
#define WIRE_CPUS 256

enum wire_end {
	WIRE_NEAR, /* the generator's own end of the pair to the box: what the box sends back */
	WIRE_FAR,  /* the end of the box's second pair */
	WIRE_ENDS,
};

/* What the generator writes and the receivers look for; network byte order where it is a header's.
 */
struct wire_setup {
	__u64 header[WIRE_HEADER_WORDS];
	__u32 ifindex;	/* where the generator's frames go */
	__u32 flows;	/* 1 or more */
	__u32 vips;	/* 1 or more */
	__u32 vip_low;	/* low 16 bits of the first VIP's address, host order */
	__u32 csum;	/* IPv4: sum of the header without what is written per frame */
	__u32 want_off; /* a received frame is counted if the word there, masked, is `want` */
	__u32 want_mask;
	__u32 want;
};

struct wire_count {
	__u64 packets;
	__u64 bytes;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct wire_setup) == 96, "wire_setup");
_Static_assert(sizeof(struct wire_count) == 64, "wire_count: a cache line a CPU");

#endif
