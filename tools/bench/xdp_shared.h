/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_shared.h - what the BPF side of 'lb-bench xdp' and its user side share.
 */
#ifndef LB_BENCH_XDP_SHARED_H
#define LB_BENCH_XDP_SHARED_H

#include <linux/types.h>

/*
 * What the wrapper puts into each packet before the program under test sees it, and what it saw of
 * the one before. Two cache lines of their own.
 *
 * Flow and VIP are indices that are added to a base: the flow's moves on by
 * (flow * flow_mul + flow_add) & flow_mask, which visits all of them in turn with (1, 1) and in a
 * fixed random-like order with a multiplier that is 1 modulo 4 (Knuth, The Art of Computer
 * Programming, volume 2, 3.2.1.2). The VIP's moves on by one.
 */
struct xdp_wrapper {
	__u32 frame_len; /* as the packet is to be seen by the program */
	__u32 flow;
	__u32 flow_mul;
	__u32 flow_add;
	__u32 flow_mask; /* flows - 1 */
	__u32 vip;
	__u32 vips;
	__be16 sport_be;
	__be16 dport_be;
	/* Low half of the IPv6 address, or the IPv4 address, in host order. */
	__u64 src_base;
	__u64 dst_base;
	/* Ethernet header, cut as it is restored. */
	__u64 eth0;
	__u32 eth8;
	__u16 eth12;
	__u16 reserved;
	/* Sums over iterations. */
	__u64 moved;  /* bytes by which the head stood off its place */
	__u64 failed; /* packets that could not be restored */
	/* Packets to come, and how many of them are timed: the first of these and the very last are
	 * stamped, because TEST_RUN tells its average in whole nanoseconds. */
	__u32 left;
	__u32 timed;
	__u64 begun;
	__u64 ended;
	__u64 reserved2[2];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct xdp_wrapper) == 128, "two cache lines");

/* The floor's outer header with its Ethernet header, as words. */
struct xdp_floor {
	__u64 word[4];
	__u16 last;
	__u16 reserved[3];
} __attribute__((aligned(64)));

#define XDP_FLOOR_HEADER 20 /* bytes that the floor puts on */

#endif
