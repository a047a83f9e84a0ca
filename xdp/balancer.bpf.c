/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balancer.bpf.c - the L4 balancer: the order of its stages, each of which is a header in bpf/.
 *
 * A stage returns LB_NEXT or the reason that ends the packet's way; the verdict counts the reason
 * and acts on it, once.
 */
#include "bpf/compiler.h"

#include "bpf/pkt.h"
#include "bpf/parse.h"
#include "bpf/service.h"
#include "bpf/check.h"
#include "bpf/limit.h"
#include "bpf/slot.h"
#include "bpf/backend.h"
#include "bpf/fwd_l2.h"
#include "bpf/fwd_ipip.h"
#include "bpf/fwd_gue.h"
#include "bpf/verdict.h"

/* Told apart when it is none of the two: otherwise these would be told by more comparisons. */
static __always_inline int lb_forward_rarer(const struct lb_pkt *pkt,
					    const struct lb_service *service, const int af)
{
	__u32 forward = service->forward;

	asm("" : "+r"(forward));
	if (forward == LB_FORWARD_GUE)
		return lb_forward_gue(pkt, af);
	return lb_stop(LB_REASON_TABLE_FAULT);
}

static __always_inline int lb_forward(struct lb_pkt *pkt, const struct lb_service *service,
				      struct lb_hop *hop, const int af, const int plain)
{
	switch (service->forward) {
	case LB_FORWARD_L2:
		return lb_forward_l2(pkt, hop, af, plain);
	case LB_FORWARD_IPIP:
		return lb_forward_ipip(pkt, hop, af, plain);
	default:
		return lb_forward_rarer(pkt, service, af);
	}
}

/* `af` and `plain` are constants: the compiler makes one body for each pair out of this one. */
static __always_inline int lb_balance(struct lb_pkt *pkt, const int af, const int plain)
{
	const struct lb_service *service = NULL;
	struct lb_hop hop = {};
	int verdict;

	verdict = lb_parse_ip(pkt, af, plain);
	if (lb_unlikely(verdict != LB_NEXT))
		return verdict;
	verdict = lb_service_find(pkt, af, &service);
	if (lb_unlikely(verdict != LB_NEXT))
		return verdict;
	verdict = lb_check(pkt, af, plain);
	if (lb_unlikely(verdict != LB_NEXT))
		return verdict;
	verdict = lb_limit(pkt, service, af);
	if (lb_unlikely(verdict != LB_NEXT))
		return verdict;
	verdict = lb_slot_find(pkt, service, af);
	if (lb_unlikely(verdict != LB_NEXT))
		return verdict;
	verdict = lb_backend_find(pkt, &hop);
	if (lb_unlikely(verdict != LB_NEXT))
		return verdict;
	return lb_forward(pkt, service, &hop, af, plain);
}

SEC("sluice_xdp") /* an XDP program, loaded by lb-agent/balancer.c */
int sluice_balancer(struct xdp_md *ctx)
{
	struct lb_pkt pkt;
	int verdict;

	lb_pkt_init(&pkt, ctx);
	switch (lb_parse_eth(&pkt, &verdict)) {
	case LB_PLAIN_IPV4:
		return lb_verdict(&pkt, lb_balance(&pkt, LB_IPV4, 1));
	case LB_PLAIN_IPV6:
		return lb_verdict(&pkt, lb_balance(&pkt, LB_IPV6, 1));
	case LB_OTHER_IPV4:
		return lb_verdict(&pkt, lb_balance(&pkt, LB_IPV4, 0));
	case LB_OTHER_IPV6:
		return lb_verdict(&pkt, lb_balance(&pkt, LB_IPV6, 0));
	default:
		return lb_verdict(&pkt, verdict);
	}
}

char LICENSE[] SEC("license") = "GPL";
