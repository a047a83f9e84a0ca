/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pkt.h - what the stages know about the packet, and pass on.
 *
 * It is filled from top to bottom, each part by one stage. All stages are inlined, so the struct
 * never exists as a whole: its fields live in registers and stack slots.
 */
#ifndef LB_BPF_PKT_H
#define LB_BPF_PKT_H

#include "addr.h"
#include "compiler.h"

#define LB_NO_VIP 0xffffffffu

struct lb_pkt {
	struct xdp_md *ctx;
	void *data;
	void *data_end;
	__u32 frame_len; /* as received: what counters count */

	/* parse: Ethernet */
	__u32 l3_off; /* of the IP header in the frame: 14, 18 or 22 */

	/* parse: IP */
	__u32 ip_len; /* whole IP packet by its own header; the frame may be longer (padding) */
	__u8 proto;   /* IPPROTO_TCP or IPPROTO_UDP once parsed */
	__u32 l4_off; /* of the TCP or UDP header, from the IP header */
	struct lb_words src;
	struct lb_words dst;

	/* parse: TCP, UDP */
	__u32 ports; /* both, as on the wire: destination in the upper half */

	/* service */
	__u64 service_hash;

	/* slot */
	__u32 hash;

	/* for the verdict */
	__u32 vip_id; /* LB_NO_VIP until the service is known */
	__u32 backend_id;
	const struct lb_backend *backend; /* where it goes */
};

static __always_inline void lb_pkt_reload(struct lb_pkt *pkt)
{
	pkt->data = (void *)(long)pkt->ctx->data;
	pkt->data_end = (void *)(long)pkt->ctx->data_end;
}

static __always_inline void lb_pkt_init(struct lb_pkt *pkt, struct xdp_md *ctx)
{
	pkt->ctx = ctx;
	lb_pkt_reload(pkt);
	pkt->frame_len = pkt->data_end - pkt->data;
	pkt->vip_id = LB_NO_VIP;
	pkt->backend_id = 0;
	pkt->backend = NULL;
}

#endif
