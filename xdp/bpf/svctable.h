/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * svctable.h - the service table's look-up: one displacement, one line, one full compare.
 */
#ifndef LB_BPF_SVCTABLE_H
#define LB_BPF_SVCTABLE_H

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

/* The line of a key in the half that `half` (an active_mask) chooses; NULL: there is none. */
static __always_inline const struct lb_service *
lb_service_at(__u32 half, __u64 hash, __u64 tail, const struct lb_words *addr, const int af)
{
	const struct lb_service *service;
	__u32 bucket, line, disp;

	bucket = lb_shift_by_setting(hash, bucket_shift);
	bucket += lb_and_setting(half, bucket_half);
	disp = lb_table(lb_disp, __u32)[bucket];
	if (lb_unlikely(disp == LB_DISP_EMPTY))
		return NULL;
	line = lb_shift_by_setting(lb_service_place(hash, disp), service_shift);
	line += lb_and_setting(half, service_half);
	service = &lb_table(lb_services, struct lb_service)[line];
	lb_computed(service);
	return lb_likely(lb_service_matches(service, tail, addr, af)) ? service : NULL;
}

#endif
