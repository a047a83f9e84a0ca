/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gcra.h - the rate limits' arithmetic: the generic cell rate algorithm as virtual scheduling
 * (ITU-T I.371, annex A), in integers, for the data plane and whoever computes its parameters.
 *
 * All that a limit remembers is the theoretical arrival time (TAT): when a source that sends
 * exactly at the rate would send next. A packet moves it on by its cost, the time that the rate
 * allows it. Where that would bring it more than a burst's time ahead of the clock, the packet is
 * too much and leaves no trace. It is the same as a bucket of `burst` tokens that is filled at the
 * rate, and it needs no timer and one word.
 *
 * Times are in units of 1/64 ns of CLOCK_MONOTONIC, modulo 2^64: they wrap after nine years of
 * uptime, and are compared by their difference. A TAT lies ahead of the clock by about a burst's
 * time at the most; one that seems to be farther ahead than GCRA_HORIZON is one of long ago, and
 * counts as idle. A clock that is behind on one CPU only
 * makes the TAT look as much farther ahead.
 */
#ifndef LB_GCRA_H
#define LB_GCRA_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif

#define GCRA_UNIT_SHIFT	    6 /* 2^6 units are a nanosecond */
#define GCRA_SECOND	    (1000000000ull << GCRA_UNIT_SHIFT)
#define GCRA_INTERVAL_SHIFT 20 /* fraction bits of an interval, in units */
/* A burst may last an hour at the rate. Beyond two, a TAT is none of now: packets that were charged
 * without being asked, and clocks that differ, bring it a little over a burst's time. */
#define GCRA_DEPTH_MAX (3600ull * GCRA_SECOND)
#define GCRA_HORIZON   (2 * GCRA_DEPTH_MAX)
#define GCRA_RATE_MIN  1ull
#define GCRA_RATE_MAX  100000000ull /* packets or connections a second */
/* The lowest is such that `amount * interval` of the longest frame (2^17 bytes) has 64 bits. */
#define GCRA_BYTE_RATE_MIN 1000ull
#define GCRA_BYTE_RATE_MAX 100000000000ull

/* What `amount` packets, bytes or connections cost, in units; rounded to the nearest. */
static __always_inline __u64 gcra_cost(__u64 interval, __u32 amount)
{
	return (interval * amount + (1ull << (GCRA_INTERVAL_SHIFT - 1))) >> GCRA_INTERVAL_SHIFT;
}

/* 1: within the limit, and *ret_tat is the TAT from now on; 0: too much. */
static __always_inline int gcra_take(__u64 tat, __u64 now, __u64 cost, __u64 depth, __u64 *ret_tat)
{
	__u64 ahead = tat - now; /* of an idle source, below zero: huge */

	if (ahead > GCRA_HORIZON)
		ahead = 0;
	ahead += cost;
	*ret_tat = now + ahead;
	return ahead <= depth;
}

#ifndef __bpf__
/* A limit's parameters: see struct lb_limit. `burst` is at most an hour's worth. */
static inline __u64 gcra_interval(__u64 rate)
{
	return (__u64)((((unsigned __int128)GCRA_SECOND << GCRA_INTERVAL_SHIFT) + rate / 2) / rate);
}

static inline __u64 gcra_depth(__u64 rate, __u64 burst)
{
	return (__u64)(((unsigned __int128)GCRA_SECOND * burst + rate - 1) / rate);
}
#endif

#endif
