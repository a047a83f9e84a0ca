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

_Static_assert(__builtin_offsetof(struct lb_service, port_be) == 16 &&
		   __builtin_offsetof(struct lb_service, proto) == 18,
	       "port and protocol are the low three bytes of the word behind the address");

/* The full key in three words and one branch. */
static __always_inline int lb_service_matches(const struct lb_service *service,
					      const struct lb_pkt *pkt)
{
	const __u64 *addr = (const __u64 *)service->addr;
	const __u32 port_proto = *(const __u32 *)&service->port_be & 0x00ffffff;
	const __u32 *dst = pkt->dst.w;
	__u64 differs;

	differs = addr[0] ^ (dst[0] | (__u64)dst[1] << 32);
	differs |= addr[1] ^ (dst[2] | (__u64)dst[3] << 32);
	differs |= port_proto ^ (pkt->ports >> 16 | (__u32)pkt->proto << 16);
	return !differs;
}

/*
 * lb_control.active is read once, so that a packet sees the displacements and the services of one
 * half even while the agent switches to the other.
 */
static __always_inline int lb_service_find(struct lb_pkt *pkt, const int af,
					   const struct lb_service **ret_service)
{
	const __be16 port_be = pkt->ports >> 16;
	const struct lb_disp_line *line;
	const struct lb_control *control;
	struct lb_service *service;
	__u32 key = 0, bucket, half, mask;
	__u64 hash;

	control = bpf_map_lookup_elem(&lb_control, &key);
	if (!control)
		return LB_REASON_TABLE_FAULT;
	half = -(LB_READ_ONCE(control->active) & 1); /* all ones in the second half */

	hash = lb_service_hash(pkt->dst.w, af == LB_IPV4, port_be, pkt->proto);
	mask = lb_settings.bucket_mask;
	bucket = lb_service_bucket(hash, mask) + (half & (mask + 1));
	key = bucket / LB_DISP_PER_LINE;
	line = bpf_map_lookup_elem(&lb_disp, &key);
	if (!line)
		return LB_REASON_TABLE_FAULT;

	mask = lb_settings.service_mask;
	key = lb_service_position(hash, line->disp[bucket % LB_DISP_PER_LINE], mask) +
	      (half & (mask + 1));
	service = bpf_map_lookup_elem(&lb_services, &key);
	if (!service)
		return LB_REASON_TABLE_FAULT;
	if (!lb_service_matches(service, pkt))
		return LB_REASON_NOT_A_VIP;

	pkt->vip_id = service->vip_id;
	*ret_service = service;
	return LB_NEXT;
}

#endif
