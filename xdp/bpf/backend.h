/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backend.h - the chosen backend's line: next hop, tag, prepared outer header.
 */
#ifndef LB_BPF_BACKEND_H
#define LB_BPF_BACKEND_H

#include "maps.h"
#include "pkt.h"

/* The two Ethernet words of a backend, each read by one load because the agent rewrites each by
 * one store: a packet never leaves with half of an old MAC address. */
struct lb_hop {
	__u64 dst;   /* bits 0-47: next hop's MAC, 48-63: VLAN tag or 0 */
	__u64 src;   /* bits 0-47: our MAC, 48-63: flags */
	__u32 mtu;   /* largest IP packet, bytes */
	__u32 flags; /* enum lb_backend_flag */
};

_Static_assert(__builtin_offsetof(struct lb_backend, eth_dst) == 0 &&
		   __builtin_offsetof(struct lb_backend, vlan_tci_be) == 6 &&
		   __builtin_offsetof(struct lb_backend, eth_src) == 8 &&
		   __builtin_offsetof(struct lb_backend, flags) == 14,
	       "the two Ethernet words");

static __always_inline int lb_backend_find(struct lb_pkt *pkt, struct lb_hop *ret_hop,
					   const struct lb_backend **ret_backend)
{
	const struct lb_backend *backend;
	__u32 key = pkt->backend_id;

	backend = bpf_map_lookup_elem(&lb_backends, &key);
	if (!backend)
		return LB_REASON_TABLE_FAULT;

	ret_hop->src = LB_READ_ONCE(((const __u64 *)backend)[1]);
	ret_hop->flags = ret_hop->src >> 48;
	if (!(ret_hop->flags & LB_BACKEND_READY))
		return LB_REASON_BACKEND_NOT_READY;
	ret_hop->dst = LB_READ_ONCE(((const __u64 *)backend)[0]);
	ret_hop->mtu = backend->mtu;
	pkt->ifindex = backend->ifindex;
	*ret_backend = backend;
	return LB_NEXT;
}

#endif
