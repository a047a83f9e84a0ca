/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * limit.h - rate limits: is the packet more than its source, or its VIP, may send?
 *
 * Only packets of VIPs with limits come here, and only they pay for a clock and for look-ups. The
 * clock is the exact one: with one that ticks every few milliseconds, a burst would have to last
 * many ticks for the rate to be kept.
 */
#ifndef LB_BPF_LIMIT_H
#define LB_BPF_LIMIT_H

#include <lb/gcra.h>

#include "maps.h"
#include "parse.h"
#include "pkt.h"
#include "settings.h"

#define LB_LIMIT_TRIES	 8 /* at a cell that other CPUs write, too */

#define LB_LIMIT_SYN	 0x02 /* RFC 9293, section 3.1 */
#define LB_LIMIT_SYN_ACK 0x12

struct lb_limit_packet {
	__u64 src_hi;
	__u64 src_lo;
	__u64 now;
	__u32 len; /* of the frame as received */
	__u32 v4;
	__u32 opens; /* it is a TCP SYN without ACK */
	__u32 reserved;
};

/*
 * Takes the packet's cost from a cell. Where other CPUs are quicker each time, the packet is let
 * through but charged: the next ones find out.
 */
static __always_inline int lb_limit_take(__u64 *cell, __u64 now, __u64 cost, __u64 depth)
{
	for (int i = 0; i < LB_LIMIT_TRIES; i++) {
		const __u64 tat = LB_READ_ONCE(*cell);
		__u64 next;

		if (!gcra_take(tat, now, cost, depth, &next))
			return 0;
		if (__sync_val_compare_and_swap(cell, tat, next) == tat)
			return 1;
	}
	__sync_fetch_and_add(cell, cost);
	return 1;
}

/* A source that is seen for the first time, or that the map has forgotten, has all of its burst.
 * One for which there is no memory is let through. */
static __always_inline int lb_limit_take_source(const struct lb_limit *limit,
						const struct lb_limit_packet *packet, __u64 cost)
{
	struct lb_limit_key key = {
	    .src_hi = packet->v4 ? 0 : packet->src_hi & limit->mask6_hi,
	    .src_lo = packet->v4 ? packet->src_lo & ((__u64)limit->mask4 << 32 | 0xffffffff)
				 : packet->src_lo & limit->mask6_lo,
	    .serial = limit->serial,
	};
	__u64 *cell = bpf_map_lookup_elem(&lb_limit_src, &key), next;

	if (!cell) {
		if (!gcra_take(packet->now, packet->now, cost, limit->depth, &next))
			return 0;
		if (!bpf_map_update_elem(&lb_limit_src, &key, &next, BPF_NOEXIST))
			return 1;
		cell = bpf_map_lookup_elem(&lb_limit_src, &key); /* another CPU's */
		if (!cell)
			return 1;
	}
	return lb_limit_take(cell, packet->now, cost, limit->depth);
}

static __always_inline void lb_limit_count(const struct lb_limit *limit, __u32 id, __u32 len)
{
	const __u32 cpu = bpf_get_smp_processor_id();
	struct lb_limit_counter *counters;
	struct lb_counter *counter;

	if (cpu >= lb_setting(cpus))
		return;
	counters = lb_table(lb_limit_ctr, void) + cpu * lb_setting(limit_row);
	counter =
	    limit->flags & LB_LIMIT_COUNT_ONLY ? &counters[id].would_drop : &counters[id].dropped;
	counter->packets++;
	counter->bytes += len;
}

/*
 * The limit in one line of lb_limits: LB_NEXT, or the reason. A global function, so that the
 * verifier checks it once and not in each turn of the loop below.
 */
__attribute__((noinline)) int lb_limit_ask(const struct lb_limit_packet *packet, __u32 line)
{
	const struct lb_limit *limit;
	__u32 flags, id;
	__u64 cost;
	int within;

	/* For the verifier of 6.1, which checks this function even where no VIP has a limit, and
	 * sees no bound in a comparison with no lines at all. */
	if (!lb_setting(limit_lines) || !lb_setting(limits))
		return lb_stop(LB_REASON_TABLE_FAULT);
	asm("" : "+r"(line)); /* what is compared is what is used, for the verifier */
	lb_stop_if(!packet || line >= lb_setting(limit_lines), LB_REASON_TABLE_FAULT);
	limit = &lb_table(lb_limits, struct lb_limit)[line];
	lb_computed(limit);
	flags = limit->flags;
	id = limit->id;
	asm("" : "+r"(id));
	if (flags & LB_LIMIT_CONNECTIONS && !packet->opens)
		return LB_NEXT;
	lb_stop_if(id >= lb_setting(limits), LB_REASON_TABLE_FAULT);
	cost = gcra_cost(limit->interval, flags & LB_LIMIT_BYTES ? packet->len : 1);
	if (flags & LB_LIMIT_SOURCE)
		within = lb_limit_take_source(limit, packet, cost);
	else
		within = lb_limit_take(&lb_table(lb_limit_cells, struct lb_limit_cell)[id].tat,
				       packet->now, cost, limit->depth);
	if (within)
		return LB_NEXT;
	lb_limit_count(limit, id, packet->len);
	return flags & LB_LIMIT_COUNT_ONLY ? LB_NEXT : lb_stop(LB_REASON_RATE_LIMITED);
}

/* Reads the source and the TCP flags again, so that nothing need be kept for it on other packets'
 * way. -1: the packet is not as it was parsed. */
static __always_inline int lb_limit_read(struct xdp_md *ctx, __u32 l3_off, __u32 l4_off, __u32 af,
					 struct lb_limit_packet *packet)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const void *l3 = data + (l3_off & 31); /* the verifier knows no caller of this function */
	const void *flags = l3 + (l4_off & LB_EXT6_OFF_MASK) + 13;
	struct lb_words src;

	if (af == LB_IPV4) {
		if (l3 + LB_IPV4_MIN > data_end)
			return -1;
		src = lb_words_from_v4(*(const __be32 *)(l3 + 12));
	} else {
		if (l3 + LB_IPV6_LEN > data_end)
			return -1;
		src = lb_words_from_v6(l3 + 8);
	}
	packet->src_hi = src.hi;
	packet->src_lo = src.lo;
	packet->v4 = af == LB_IPV4;
	packet->len = data_end - data;
	/* A UDP datagram may end here, and no limit on connections asks for it. */
	packet->opens =
	    flags + 1 <= data_end && (*(const __u8 *)flags & LB_LIMIT_SYN_ACK) == LB_LIMIT_SYN;
	return 0;
}

/* Asks the limits of a run one after the other: what one drops, those behind it never see. Global
 * for the same reason: there are four kinds of packets. */
__attribute__((noinline)) int lb_limits_ask(struct xdp_md *ctx, __u32 l3_off, __u32 l4_off,
					    __u32 af, __u32 run)
{
	struct lb_limit_packet packet = {};

	lb_stop_if(lb_limit_read(ctx, l3_off, l4_off, af, &packet), LB_REASON_TABLE_FAULT);
	packet.now = bpf_ktime_get_ns() << GCRA_UNIT_SHIFT;
	for (__u32 i = 0; i < LB_LIMITS_MAX && i < LB_LIMITS_N(run); i++) {
		const int verdict = lb_limit_ask(&packet, LB_LIMITS_FIRST(run) + i);

		if (verdict != LB_NEXT)
			return verdict;
	}
	return LB_NEXT;
}

static __always_inline int lb_limit(const struct lb_pkt *pkt, const struct lb_service *service,
				    const int af)
{
	if (lb_unlikely(service->flags) && service->flags & LB_SERVICE_LIMITED &&
	    lb_setting(limit_lines))
		return lb_limits_ask(pkt->ctx, pkt->l3_off, pkt->l4_off, af, service->limits);
	return LB_NEXT;
}

#endif
