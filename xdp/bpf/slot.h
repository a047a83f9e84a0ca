/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slot.h - which of the pool's backends? The flow's hash picks a slot, the slot holds the backend.
 */
#ifndef LB_BPF_SLOT_H
#define LB_BPF_SLOT_H

#include <lb/hash.h>

#include "maps.h"
#include "pkt.h"
#include "quic.h"
#include "settings.h"

/* The hash of the source without its last `skip` bits, fewer than an address of its family has. */
static __always_inline __u32 lb_slot_hash_source(const struct lb_pkt *pkt, __u32 skip, const int af)
{
	__u64 hi = pkt->src.hi, lo = pkt->src.lo;
	__u32 last = pkt->src.last;

	if (af == LB_IPV4) {
		last &= bpf_htonl((__u32)(0xffffffffull << (skip & 31)));
	} else if (skip >= 64) {
		hi &= bpf_cpu_to_be64(~0ull << (skip & 63));
		lo = 0;
	} else {
		lo &= bpf_cpu_to_be64(~0ull << skip);
	}
	return lb_flow_hash_source(lb_setting(seed), hi, lo, last, af == LB_IPV4);
}

static __always_inline __u32 lb_slot_hash_flow(const struct lb_pkt *pkt, const int af)
{
	return lb_flow_hash(lb_setting(seed), pkt->src.hi, pkt->src.lo, pkt->src.last,
			    af == LB_IPV4, pkt->ports, pkt->service_hash);
}

/* What a service with flags wants: another hash, or a backend that the packet itself names, whose
 * line is then in pkt->backend_id. */
static __always_inline int lb_slot_by_flags(struct lb_pkt *pkt, const struct lb_service *service,
					    const int af)
{
	if (service->flags & LB_SERVICE_HASH_SOURCE) {
		pkt->hash = lb_slot_hash_source(pkt, service->source_skip, af);
		return 0;
	}
	pkt->hash = lb_slot_hash_flow(pkt, af);
	if (!(service->flags & LB_SERVICE_QUIC) || !lb_setting(quic))
		return 0;
	pkt->backend_id = lb_quic_backend(pkt->ctx, pkt->l3_off + pkt->l4_off, service->quic_run,
					  service->first_backend);
	return pkt->backend_id != LB_QUIC_NO_BACKEND;
}

/*
 * The low 15 bits of a slot are its backend. LB_SLOT_DIRTY says that flows older than the last
 * change may live elsewhere (DESIGN, section 4); no writer sets it yet, so every slot is clean
 * and the bit is masked off here, where the flow table's stage will branch on it.
 */
static __always_inline int lb_slot_find(struct lb_pkt *pkt, const struct lb_service *service,
					const int af)
{
	__u32 index, backend;

	if (lb_unlikely(service->flags)) {
		if (lb_slot_by_flags(pkt, service, af))
			return LB_NEXT;
	} else {
		pkt->hash = lb_slot_hash_flow(pkt, af);
	}
	index = service->first_slot + lb_hash_slot(pkt->hash, service->slot_count);
	lb_stop_if(index >= lb_setting(slots), LB_REASON_TABLE_FAULT);
	backend = LB_READ_ONCE(lb_table(lb_slots, __u16)[index]) & LB_SLOT_BACKEND;
	lb_stop_if(backend == LB_SLOT_NONE, LB_REASON_NO_BACKEND);
	pkt->backend_id = service->first_backend + backend;
	return LB_NEXT;
}

#endif
