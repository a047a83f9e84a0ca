/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fwd_l2.h - forward: l2. New MAC addresses and tags; the IP packet is not touched.
 */
#ifndef LB_BPF_FWD_L2_H
#define LB_BPF_FWD_L2_H

#include "backend.h"
#include "eth.h"
#include "pkt.h"

static __always_inline int lb_forward_l2(struct lb_pkt *pkt, const struct lb_hop *hop, const int af)
{
	const int delta = (int)pkt->l3_off - (int)lb_eth_length(hop->dst);

	if (pkt->ip_len > hop->mtu)
		return LB_REASON_TOO_BIG;
	if (delta) { /* a tag more or less than the packet came with */
		if (bpf_xdp_adjust_head(pkt->ctx, delta))
			return LB_REASON_NO_HEADROOM;
		lb_pkt_reload(pkt);
	}
	/* For the verifier: an IP packet with a TCP or UDP header follows, so it is longer. */
	if (pkt->data + LB_ETH_LEN + LB_VLAN_LEN > pkt->data_end)
		return LB_REASON_NO_HEADROOM;

	lb_eth_write(pkt->data, hop->dst, hop->src,
		     af == LB_IPV4 ? LB_ETH_P_IP_BE : LB_ETH_P_IPV6_BE);
	return LB_REASON_FORWARDED;
}

#endif
