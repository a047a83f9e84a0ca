/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fwd_l2.h - forward: l2. New MAC addresses and tags; the IP packet is not touched.
 */
#ifndef LB_BPF_FWD_L2_H
#define LB_BPF_FWD_L2_H

#include "backend.h"
#include "eth.h"
#include "pkt.h"

/* A tag more or less than the packet came with, or another one. */
static __always_inline int lb_l2_retag(struct lb_pkt *pkt, struct lb_hop *hop, __be16 type)
{
	const int delta = (int)pkt->l3_off - (int)lb_eth_length(hop->eth.tci);

	if (delta) {
		lb_stop_if(bpf_xdp_adjust_head(pkt->ctx, delta), LB_REASON_NO_HEADROOM);
		lb_pkt_reload(pkt);
	}
	/* For the verifier: an IP packet with a TCP or UDP header follows, so it is longer. */
	lb_stop_if(pkt->data + LB_ETH_LEN + LB_VLAN_LEN > pkt->data_end, LB_REASON_NO_HEADROOM);
	lb_eth_write(pkt->data, lb_backend_eth(pkt, hop, type));
	return LB_REASON_FORWARDED;
}

static __always_inline int lb_forward_l2(struct lb_pkt *pkt, struct lb_hop *hop, const int af,
					 const int plain)
{
	const __be16 type = af == LB_IPV4 ? LB_ETH_P_IP_BE : LB_ETH_P_IPV6_BE;
	const struct lb_eth *eth;

	lb_stop_if(pkt->ip_len > pkt->backend->mtu, LB_REASON_TOO_BIG);
	if (!plain || lb_unlikely(hop->eth.tci))
		return lb_l2_retag(pkt, hop, type);
	/* The type stays, and the parser has seen that there are 12 bytes before it. */
	eth = lb_backend_eth(pkt, hop, type);
	*(__u64 *)pkt->data = eth->word0;
	*(__u32 *)(pkt->data + 8) = eth->word8;
	return LB_REASON_FORWARDED;
}

#endif
