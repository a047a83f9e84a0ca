/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * service.h - which VIP is it? A perfect hash: one displacement, one line, one full compare.
 */
#ifndef LB_BPF_SERVICE_H
#define LB_BPF_SERVICE_H

#include <lb/hash.h>

#include "maps.h"
#include "pkt.h"
#include "settings.h"

_Static_assert(__builtin_offsetof(struct lb_service, addr) == 0 &&
		   __builtin_offsetof(struct lb_service, addr_tail) == 16 &&
		   __builtin_offsetof(struct lb_service, proto) == 20 &&
		   __builtin_offsetof(struct lb_service, family) == 21 &&
		   __builtin_offsetof(struct lb_service, port_be) == 22,
	       "the key is three 64-bit words, the last as lb_service_tail() makes it");

/* The full key; of an IPv4 key, the first twelve bytes of the address are implied by the family. */
static __always_inline int lb_service_matches(const struct lb_service *service, __u64 tail,
					      const struct lb_words *dst, const int af)
{
	const __u64 *words = (const __u64 *)service;

	if (words[2] != tail)
		return 0;
	return af == LB_IPV4 || (words[0] == dst->hi && words[1] == dst->lo);
}

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
	__u32 bucket, line, disp;

	bucket = lb_shift_by_setting(hash, bucket_shift);
	bucket += lb_and_setting(half, bucket_half);
	disp = lb_table(lb_disp, __u32)[bucket];
	lb_stop_if(disp == LB_DISP_EMPTY, LB_REASON_NOT_A_VIP);
	line = lb_shift_by_setting(lb_service_place(hash, disp), service_shift);
	line += lb_and_setting(half, service_half);
	service = &lb_table(lb_services, struct lb_service)[line];
	lb_computed(service);
	lb_stop_if(!lb_service_matches(service, tail, &pkt->dst, af), LB_REASON_NOT_A_VIP);

	pkt->service_hash = hash;
	pkt->vip_id = service->vip_id;
	*ret_service = service;
	return LB_NEXT;
}

#endif
