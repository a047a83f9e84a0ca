/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * range.h - the VIPs of more than one port: where no VIP has the packet's port for its only one, a
 * second look-up finds the ranges of its address, and bisection the one that holds the port.
 *
 * The verifier removes the call where the configuration has no ranges (service.h). It is a global
 * function, so that it is checked once and not for each body.
 */
#ifndef LB_BPF_RANGE_H
#define LB_BPF_RANGE_H

#include "svctable.h"

#define LB_NO_RANGE 0xffffffffu

/* The line of the ports that hold `port`, of the `count` lines from `first` on, or LB_NO_RANGE. */
static __always_inline __u32 lb_range_search(__u32 first, __u32 count, __u32 port)
{
	for (__u32 step = 0; step < LB_RANGE_STEPS && count; step++) {
		const __u32 half = count / 2, line = first + half;
		const struct lb_service *range;

		if (line >= 2 * lb_setting(ranges))
			break;
		range = &lb_table(lb_ranges, struct lb_service)[line];
		if (port < range->from) {
			count = half;
		} else if (port > range->to) {
			first = line + 1;
			count -= half + 1;
		} else {
			return line;
		}
	}
	return LB_NO_RANGE;
}

/*
 * The line in lb_ranges for a key whose tail is the packet's own, or LB_NO_RANGE; `hi` and `lo` are
 * the address. It reads active_mask once, as the look-up before did: if the agent has switched in
 * between, this one is of the new tables and as good.
 */
__attribute__((noinline)) __u32 lb_range_line(__u64 tail, __u64 hi, __u64 lo)
{
	const __u32 half = LB_READ_ONCE(lb_table(lb_control, struct lb_control)->active_mask);
	const struct lb_words addr = {.hi = hi, .lo = lo, .last = lo >> 32};
	const int v4 = (tail >> 40 & 0xff) == LB_IPV4;
	const __u64 key = (tail | (__u64)LB_SERVICE_RANGES << 32) & 0x0000ffffffffffff;
	const struct lb_service *found;

	/* For the verifier, which checks this function even where nothing calls it: in the
	 * comparison with no lines at all, 6.1 sees no bound. */
	if (!lb_setting(ranges))
		return LB_NO_RANGE;
	found = lb_service_at(half, lb_service_hash(key, hi, lo, v4), key, &addr, LB_IPV6);
	if (!found)
		return LB_NO_RANGE;
	return lb_range_search(found->first_slot + (half & (__u32)lb_setting(ranges)),
			       found->slot_count, bpf_ntohs(tail >> 48));
}

/* `last` is the address's last word: all that the caller keeps of an IPv4 one. */
static __always_inline const struct lb_service *
lb_range_find(__u64 tail, const struct lb_words *addr, const int af)
{
	const struct lb_words whole = af == LB_IPV4 ? lb_words_from_v4((__u32)tail) : *addr;
	const __u32 line = lb_range_line(tail, whole.hi, whole.lo);
	const struct lb_service *range;

	if (line >= 2 * lb_setting(ranges)) /* LB_NO_RANGE is */
		return NULL;
	range = &lb_table(lb_ranges, struct lb_service)[line];
	lb_computed(range);
	return range;
}

#endif
