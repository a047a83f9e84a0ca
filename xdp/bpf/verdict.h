/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verdict.h - the only place that counts, and that turns a reason into an action.
 *
 * A forwarded packet counts in its VIP's line and its backend's, and nowhere else: the reader has
 * the total by adding up the VIPs. Every other packet counts by its reason, and in its VIP's
 * `dropped` where it got that far.
 */
#ifndef LB_BPF_VERDICT_H
#define LB_BPF_VERDICT_H

#include "maps.h"
#include "pkt.h"

/* Bit r is set if reason r is passed on to the kernel: the action column of reasons.def. */
#define LB_ACTION_FORWARD 0ull
#define LB_ACTION_PASS	  1ull
#define LB_ACTION_DROP	  0ull
enum lb_passed {
	LB_PASSED =
#define LB_REASON(id, name, action, help) LB_ACTION_##action << LB_REASON_##id |
#include <lb/reasons.def>
#undef LB_REASON
	    0
};
_Static_assert(LB_REASON_MAX <= 64, "one bit a reason");
/* They come first in reasons.def, so that one comparison tells. */
#define LB_REASON_LAST_PASSED (63 - __builtin_clzll(LB_PASSED))
_Static_assert(!((LB_PASSED | 1) & ((LB_PASSED | 1) + 1)), "no reason to drop before one to pass");
_Static_assert(LB_REASON_MAX <= LB_REASON_ROW, "a counter for each");

/* Each CPU has its own row, and a packet is never preempted by another, so plain additions do. */
static __always_inline void lb_count(struct lb_counter *counter, const struct lb_pkt *pkt)
{
	counter->packets++;
	counter->bytes += pkt->frame_len;
}

/* Where the row of CPU `cpu` begins; with the numbers below compared with the settings of their
 * name, the verifier sees that what the functions return is in the table. */
static __always_inline void *lb_counter_row(__u32 cpu)
{
	return lb_table(lb_counters, void) + cpu * lb_setting(counter_row);
}

static __always_inline struct lb_vip_counter *lb_vip_counter(void *row, __u32 vip_id)
{
	return row + vip_id * sizeof(struct lb_vip_counter);
}

static __always_inline struct lb_counter *lb_backend_counter(void *row, __u32 backend_id)
{
	return row + lb_setting(backend_column) + backend_id * sizeof(struct lb_counter);
}

static __always_inline void lb_count_forwarded(const struct lb_pkt *pkt)
{
	const __u32 cpu = bpf_get_smp_processor_id();
	void *row;

	if (lb_unlikely(cpu >= lb_setting(cpus) || pkt->vip_id >= lb_setting(vips) ||
			pkt->backend_id >= lb_setting(backends)))
		return;
	row = lb_counter_row(cpu);
	lb_count(&lb_vip_counter(row, pkt->vip_id)->forwarded, pkt);
	lb_count(lb_backend_counter(row, pkt->backend_id), pkt);
}

static __always_inline void lb_count_reason(const struct lb_pkt *pkt, __u32 reason)
{
	const __u32 cpu = bpf_get_smp_processor_id();

	if (lb_unlikely(cpu >= lb_setting(cpus) || reason >= LB_REASON_MAX))
		return;
	lb_count(&lb_table(lb_reason_ctr, struct lb_counter)[cpu * LB_REASON_ROW + reason], pkt);
	if (pkt->vip_id < lb_setting(vips)) /* LB_NO_VIP is not */
		lb_count(&lb_vip_counter(lb_counter_row(cpu), pkt->vip_id)->dropped, pkt);
}

static __always_inline int lb_verdict_forward(const struct lb_pkt *pkt)
{
	const __u32 ifindex = pkt->backend->ifindex;

	lb_count_forwarded(pkt);
	if (ifindex == pkt->ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect(ifindex, 0);
}

static __always_inline int lb_verdict(const struct lb_pkt *pkt, int reason)
{
	if (reason == LB_REASON_FORWARDED)
		return lb_verdict_forward(pkt);
	asm volatile(""); /* or what both ways begin with is merged, and with it the ways */
	lb_count_reason(pkt, reason);
	return reason <= LB_REASON_LAST_PASSED ? XDP_PASS : XDP_DROP;
}

#endif
