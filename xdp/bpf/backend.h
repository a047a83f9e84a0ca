/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backend.h - the chosen backend's line: next hop, tag, prepared outer header.
 */
#ifndef LB_BPF_BACKEND_H
#define LB_BPF_BACKEND_H

#include "eth.h"
#include "maps.h"
#include "pkt.h"

/* What a backend's second word says. The agent rewrites each of the first two words by one store,
 * so each is read by one load: a packet never goes to half of an old next hop. */
struct lb_hop {
	struct lb_eth eth; /* without word0 and type: see lb_backend_eth() */
	__u32 flags;	   /* enum lb_backend_flag */
};

_Static_assert(__builtin_offsetof(struct lb_backend, eth_dst) == 0 &&
		   __builtin_offsetof(struct lb_backend, eth_src) == 6 &&
		   __builtin_offsetof(struct lb_backend, vlan_tci_be) == 12 &&
		   __builtin_offsetof(struct lb_backend, flags) == 14,
	       "the two words");
_Static_assert(LB_BACKEND_READY == 0x8000, "the sign of the second word");

static __always_inline int lb_backend_find(struct lb_pkt *pkt, struct lb_hop *ret_hop)
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
	pkt->backend = backend;
	return LB_NEXT;
}

/* Completes the Ethernet header where it is written: what is read late need not be kept. */
static __always_inline const struct lb_eth *lb_backend_eth(const struct lb_pkt *pkt,
							   struct lb_hop *hop, __be16 type)
{
	hop->eth.word0 = LB_READ_ONCE(*(const __u64 *)pkt->backend);
	hop->eth.type = type;
	return &hop->eth;
}

#endif
