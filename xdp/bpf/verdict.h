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
static const __u64 lb_reasons_passed =
#define LB_REASON(id, name, action, help) LB_ACTION_##action << LB_REASON_##id |
#include <lb/reasons.def>
#undef LB_REASON
    0;
_Static_assert(LB_REASON_MAX <= 64, "one bit a reason");

/* Per CPU and never preempted by another packet, so plain additions do. */
static __always_inline void lb_count(struct lb_counter *counter, const struct lb_pkt *pkt)
{
	counter->packets++;
	counter->bytes += pkt->frame_len;
}

static __always_inline int lb_verdict_forward(const struct lb_pkt *pkt)
{
	struct lb_vip_counter *vip;
	struct lb_counter *backend;
	__u32 key = pkt->vip_id;

	vip = bpf_map_lookup_elem(&lb_vip_ctr, &key);
	if (vip)
		lb_count(&vip->forwarded, pkt);
	key = pkt->backend_id;
	backend = bpf_map_lookup_elem(&lb_be_ctr, &key);
	if (backend)
		lb_count(backend, pkt);

	if (pkt->ifindex == pkt->ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect(pkt->ifindex, 0);
}

static __always_inline int lb_verdict(const struct lb_pkt *pkt, int reason)
{
	struct lb_vip_counter *vip;
	struct lb_counter *counter;
	__u32 key = reason;

	if (reason == LB_REASON_FORWARDED)
		return lb_verdict_forward(pkt);

	counter = bpf_map_lookup_elem(&lb_reason_ctr, &key);
	if (counter)
		lb_count(counter, pkt);
	if (pkt->vip_id != LB_NO_VIP) {
		key = pkt->vip_id;
		vip = bpf_map_lookup_elem(&lb_vip_ctr, &key);
		if (vip)
			lb_count(&vip->dropped, pkt);
	}
	return (lb_reasons_passed >> reason) & 1 ? XDP_PASS : XDP_DROP;
}

#endif
