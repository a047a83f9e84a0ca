/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * service.h - which VIP is it? The one with the packet's port, else the narrowest range with it.
 */
#ifndef LB_BPF_SERVICE_H
#define LB_BPF_SERVICE_H

#include "range.h"
#include "svctable.h"

/*
 * lb_control.active_mask is read once, so that a packet sees the displacements and the services of
 * one half even while the agent switches to the other.
 */
static __always_inline int lb_service_find(struct lb_pkt *pkt, const int af,
					   const struct lb_service **ret_service)
{
	const struct lb_control *control = lb_table(lb_control, struct lb_control);
	const __u32 half = LB_READ_ONCE(control->active_mask);
	const __be16 port_be = pkt->ports >> 16;
	const struct lb_service *service;
	const __u64 tail = lb_service_tail(pkt->dst.last, port_be, pkt->proto, af);
	const __u64 hash = lb_service_hash(tail, pkt->dst.hi, pkt->dst.lo, af == LB_IPV4);

	service = lb_service_at(half, hash, tail, &pkt->dst, af);
	if (lb_unlikely(!service)) {
		lb_stop_if(!lb_setting(ranges), LB_REASON_NOT_A_VIP);
		service = lb_range_find(tail, &pkt->dst, af);
		lb_stop_if(!service, LB_REASON_NOT_A_VIP);
	}
	/* The packet's own, also in a range: a flow stays where it is when the range changes. */
	pkt->service_hash = hash;
	pkt->vip_id = service->vip_id;
	*ret_service = service;
	return LB_NEXT;
}

#endif
