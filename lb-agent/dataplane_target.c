/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_target.c - where the writers of tables write, and how a backend's line is stored.
 */
#include <string.h>

#include "dataplane_internal.h"

void dataplane_target(struct dataplane *dp, struct dataplane_target *ret_target)
{
	struct dp_generation *gen = dp_generation_target(dp);
	/* In a new generation nothing is live yet, so its first half serves. */
	uint32_t half = gen == dp->next ? 0 : !dp_control(gen)->active_mask;

	*ret_target = (struct dataplane_target){
	    .slots = gen->memory[BALANCER_SLOTS],
	    .slot_base = gen->memory[BALANCER_SLOT_BASE],
	    .backends = gen->memory[BALANCER_BACKENDS],
	    .services = (struct lb_service *)gen->memory[BALANCER_SERVICES] +
			(size_t)half * gen->caps.service_lines,
	    .quic = (uint16_t *)gen->memory[BALANCER_QUIC] + (size_t)half * gen->caps.quic,
	    .quic_first = half * gen->caps.quic,
	    .ranges =
		(struct lb_service *)gen->memory[BALANCER_RANGES] + (size_t)half * gen->caps.ranges,
	    .disp = (uint32_t *)gen->memory[BALANCER_DISP] + (size_t)half * gen->caps.buckets,
	    .pools = (struct lb_pool_record *)gen->memory[BALANCER_POOLS] +
		     (size_t)half * gen->caps.pools,
	    .limits =
		(struct lb_limit *)gen->memory[BALANCER_LIMITS] + (size_t)half * gen->caps.limits,
	    .limit_first = half * gen->caps.limits,
	    .control = dp_control(gen),
	    .caps = gen->caps,
	};
}

void dataplane_write_backend(struct lb_backend *line, const struct lb_backend *content)
{
	uint64_t words[sizeof(*content) / 8], *out = (uint64_t *)line;

	/* From the back: the outer header first, the Ethernet words with READY in them last. */
	memcpy(words, content, sizeof(words));
	for (int i = (int)(sizeof(words) / 8) - 1; i >= 0; i--)
		__atomic_store_n(&out[i], words[i], __ATOMIC_RELEASE);
}
