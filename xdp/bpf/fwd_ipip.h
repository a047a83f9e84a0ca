/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fwd_ipip.h - forward: ipip. IP in IP, all four combinations (RFC 2003, 2473, 4213).
 *
 * The inner packet is not changed in a single bit.
 */
#ifndef LB_BPF_FWD_IPIP_H
#define LB_BPF_FWD_IPIP_H

#include <linux/in.h>

#include "backend.h"
#include "eth.h"
#include "outer.h"

/* `outer_af` is a constant, too. */
static __always_inline int lb_ipip_push(struct lb_pkt *pkt, struct lb_hop *hop, const int af,
					const int outer_af)
{
	const struct lb_outer with = {
	    .proto = af == LB_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6,
	    .tos = lb_outer_tos(pkt, af),
	};
	const __u32 outer_len = lb_outer_length(outer_af);
	const int delta = (int)(pkt->l3_off - lb_eth_length(hop->eth.tci) - outer_len);
	const __be16 type = outer_af == LB_IPV4 ? LB_ETH_P_IP_BE : LB_ETH_P_IPV6_BE;
	void *outer;

	lb_stop_if(pkt->ip_len + outer_len > pkt->backend->mtu, LB_REASON_TOO_BIG);
	lb_stop_if(bpf_xdp_adjust_head(pkt->ctx, delta), LB_REASON_NO_HEADROOM);
	lb_pkt_reload(pkt);
	/* For the verifier: 14 + 20 + 28 bytes at the least are there. */
	lb_stop_if(pkt->data + LB_ETH_LEN + LB_VLAN_LEN + LB_IPV6_LEN > pkt->data_end,
		   LB_REASON_NO_HEADROOM);

	outer = lb_eth_write(pkt->data, lb_backend_eth(pkt, hop, type));
	lb_outer_write(pkt, outer, &with, outer_af);
	return LB_REASON_FORWARDED;
}

static __always_inline int lb_forward_ipip(struct lb_pkt *pkt, struct lb_hop *hop, const int af,
					   const int plain)
{
	const int outer_v6 = hop->flags & LB_BACKEND_IPV6;

	if (plain && lb_likely(!hop->eth.tci)) { /* the usual: all lengths are constants */
		hop->eth.tci = 0;
		return outer_v6 ? lb_ipip_push(pkt, hop, af, LB_IPV6)
				: lb_ipip_push(pkt, hop, af, LB_IPV4);
	}
	return outer_v6 ? lb_ipip_push(pkt, hop, af, LB_IPV6) : lb_ipip_push(pkt, hop, af, LB_IPV4);
}

#endif
