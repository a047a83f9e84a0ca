/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_shared.h - what the BPF side of 'lb-bench xdp' and its user side share.
 */
#ifndef LB_BENCH_XDP_SHARED_H
#define LB_BENCH_XDP_SHARED_H

#include <linux/types.h>

/* Where a frame has what the wrapper restores: offsets are constants in each. */
enum xdp_layout {
	XDP_LAYOUT_V4,
	XDP_LAYOUT_V6,
	XDP_LAYOUT_V4_TAG, /* one VLAN tag */
	XDP_LAYOUT_V6_TAG,
	XDP_LAYOUT_V4_TAGS, /* two */
	XDP_LAYOUT_V6_TAGS,
	XDP_LAYOUT_V4_OPTIONS, /* XDP_OPTIONS_LEN bytes of options before the ports */
	XDP_LAYOUT_V6_OPTIONS, /* XDP_EXTENSIONS_LEN bytes of extension headers */
	XDP_LAYOUTS
};

#define XDP_OPTIONS_LEN	   4
#define XDP_EXTENSIONS_LEN 16

/*
 * What the wrapper puts into each packet before the program under test sees it, and what it saw of
 * the one before. Cache lines of their own; all that a packet needs is in the first two.
 *
 * Flow and VIP are indices that are added to a base. Which ones come is xdp_wrapper_next()'s
 * business.
 */
struct xdp_wrapper {
	__u32 frame_len; /* as the packet is to be seen by the program */
	__u32 layout;	 /* enum xdp_layout */
	__u32 flow;
	__u32 flow_mul;
	__u32 flow_add;
	__u32 flow_mask; /* flows - 1 */
	__u32 turn;	 /* VIP whose turn it is */
	__u32 step;	 /* 1: each VIP in turn; 0: `turn` stays */
	__u32 vips;
	__be16 sport_be;
	__be16 dport_be;
	__u64 spread; /* VIPs by flow: (flow * spread) >> 32 is added; 0: none */
	/* Low half of the IPv6 address, or the IPv4 address, in host order. */
	__u64 src_base;
	__u64 dst_base;
	/* Ethernet header, cut as it is restored: MACs, tags, type. */
	__u64 eth0;
	__u32 eth8;
	__u32 tag[2];
	__be16 type;
	__u16 reserved;
	/* Packets to come, and how many of them are timed: the first of these and the very last are
	 * stamped, because TEST_RUN tells its average in whole nanoseconds. */
	__u32 left;
	__u32 timed;
	/* Sums over iterations. */
	__s64 moved;  /* bytes by which the head stood off its place */
	__u64 failed; /* packets that could not be restored */
	__u64 begun;
	__u64 ended;
	__u64 reserved2[5];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct xdp_wrapper) == 192, "three cache lines");

/*
 * The next packet's flow, and by *ret_vip its VIP.
 *
 * Flows move on by (flow * flow_mul + flow_add) & flow_mask, which visits all of them in turn with
 * (1, 1) and in a fixed random-like order with a multiplier that is 1 modulo 4 (Knuth, The Art of
 * Computer Programming, volume 2, 3.2.1.2). A VIP comes by turn, or by its flow: the high bits of
 * the flow, which are the random ones of such a sequence, choose among them (Lemire, "Fast random
 * integer generation in an interval", 2019). No branch depends on which of these it is.
 */
static inline __attribute__((always_inline)) __u32 xdp_wrapper_next(struct xdp_wrapper *w,
								    __u32 *ret_vip)
{
	__u32 flow = (w->flow * w->flow_mul + w->flow_add) & w->flow_mask;
	__u32 turn = w->turn + w->step;

	if (turn >= w->vips)
		turn = 0;
	w->flow = flow;
	w->turn = turn;
	*ret_vip = turn + (__u32)((flow * w->spread) >> 32);
	return flow;
}

/* The floor's outer header with its Ethernet header, as words. */
struct xdp_floor {
	__u64 word[4];
	__u16 last;
	__u16 reserved[3];
} __attribute__((aligned(64)));

#define XDP_FLOOR_HEADER 20 /* bytes that the floor puts on */

#endif
