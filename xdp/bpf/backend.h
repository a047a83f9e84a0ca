/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backend.h - the chosen backend's line: next hop, tag, prepared outer header.
 */
#ifndef LB_BPF_BACKEND_H
#define LB_BPF_BACKEND_H

#include "eth.h"
#include "maps.h"
#include "pkt.h"

/* The two words of a backend that the agent rewrites by one store each, each read by one load: a
 * packet never goes to half of an old next hop. */
struct lb_hop {
	struct lb_eth eth; /* all but its type */
	__u32 flags;	   /* enum lb_backend_flag */
	__u32 mtu;	   /* largest IP packet, bytes */
};

_Static_assert(__builtin_offsetof(struct lb_backend, eth_dst) == 0 &&
		   __builtin_offsetof(struct lb_backend, eth_src) == 6 &&
		   __builtin_offsetof(struct lb_backend, vlan_tci_be) == 12 &&
		   __builtin_offsetof(struct lb_backend, flags) == 14,
	       "the two words");
_Static_assert(LB_BACKEND_READY == 0x8000, "the sign of the second word");

static __always_inline int lb_backend_find(struct lb_pkt *pkt, struct lb_hop *ret_hop,
					   const struct lb_backend **ret_backend)
{
	const struct lb_backend *backend;
	__u64 word;

	lb_stop_if(pkt->backend_id >= lb_setting(backends), LB_REASON_TABLE_FAULT);
	backend = &lb_table(lb_backends, struct lb_backend)[pkt->backend_id];
	lb_computed(backend);
	word = LB_READ_ONCE(((const __u64 *)backend)[1]);
	lb_stop_if((__s64)word >= 0, LB_REASON_BACKEND_NOT_READY);
	ret_hop->flags = word >> 48;
	ret_hop->eth.tci = word >> 32;
	ret_hop->eth.word8 = word;
	ret_hop->eth.word0 = LB_READ_ONCE(((const __u64 *)backend)[0]);
	ret_hop->mtu = backend->mtu;
	pkt->ifindex = backend->ifindex;
	*ret_backend = backend;
	return LB_NEXT;
}

#endif
