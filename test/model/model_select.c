/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model_select.c - whose packet it is and who gets it (DESIGN.md, section 4; hash.h).
 */
#include "model.h"

#include <string.h>

#include <lb/hash.h>

static uint64_t word64(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static uint32_t word32(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* The family is part of the key: an IPv6 packet to a mapped address is not for the IPv4 VIP. */
static bool is_for(const struct model_packet *p, const struct scene_vip *vip, uint16_t port)
{
	return vip->port <= port && port <= vip->port_last && vip->proto == p->proto &&
	       scene_is_v4(vip->addr) == (p->af == 4) && !memcmp(vip->addr, p->dst, 16);
}

/* Of two VIPs for a packet the one with fewer ports has it; of two as large, the one whose range
 * begins first. */
int model_service(struct model_packet *p)
{
	const uint16_t port = model_get16(p->in->bytes + p->l4 + 2);

	for (uint32_t i = 0; i < p->scene->n_vips; i++) {
		const struct scene_vip *vip = &p->scene->vips[i], *best = p->vip;
		const int ports = vip->port_last - vip->port;

		if (!is_for(p, vip, port))
			continue;
		if (!best || ports < best->port_last - best->port ||
		    (ports == best->port_last - best->port && vip->port < best->port))
			p->vip = vip;
	}
	return p->vip ? MODEL_NEXT : LB_REASON_NOT_A_VIP;
}

/* With affinity: source the clients of one prefix are one: the bits behind it count as zero. */
static void hashed_source(const struct model_packet *p, uint8_t src[16])
{
	memcpy(src, p->src, 16);
	for (int bit = 0; p->vip->source && bit < p->vip->source_skip; bit++)
		src[15 - bit / 8] &= (uint8_t) ~(1u << bit % 8);
}

static uint32_t flow_hash(const struct model_packet *p)
{
	uint8_t src[16];
	const uint8_t *ports = p->in->bytes + p->l4;
	const uint32_t dst_last = word32(p->dst + 12);
	const uint64_t seed = p->scene->seed;
	const int v4 = p->af == 4;
	uint64_t src_hi, src_lo, service;
	uint32_t src_last;
	uint16_t port_be;

	hashed_source(p, src);
	src_hi = word64(src);
	src_lo = word64(src + 8);
	src_last = word32(src + 12);
	if (p->vip->source)
		return lb_flow_hash_source(seed, src_hi, src_lo, src_last, v4);
	memcpy(&port_be, ports + 2, 2);
	service = lb_service_hash(lb_service_tail(dst_last, port_be, p->proto, p->af),
				  word64(p->dst), word64(p->dst + 8), v4);
	return lb_flow_hash(seed, src_hi, src_lo, src_last, v4, word32(ports), service);
}

int model_slot(struct model_packet *p)
{
	const struct scene_pool *pool = &p->scene->pools[p->vip->pool];
	uint32_t slot;

	p->hash = flow_hash(p);
	slot = (uint32_t)((uint64_t)p->hash * pool->slot_count >> 32);
	if (pool->first_slot + slot >= p->scene->cap_slots)
		return LB_REASON_TABLE_FAULT;
	/* There is no flow table yet: dirty slots are as clean ones. */
	p->slot = scene_slot(pool, slot) & LB_SLOT_BACKEND;
	return p->slot == LB_SLOT_NONE ? LB_REASON_NO_BACKEND : MODEL_NEXT;
}

int model_backend(struct model_packet *p)
{
	const struct scene_pool *pool = &p->scene->pools[p->vip->pool];

	p->line = pool->first_backend + p->slot;
	if (p->line >= p->scene->cap_backends)
		return LB_REASON_TABLE_FAULT;
	p->backend = &pool->backends[p->slot];
	return p->backend->ready ? MODEL_NEXT : LB_REASON_BACKEND_NOT_READY;
}
