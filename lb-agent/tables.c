/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables.c - see tables.h. Stores to memory and nothing else.
 */
#include "tables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ranges.h"
#include "ratelimit.h"
#include "svctable.h"

/* Entries of lb_quic that the pool takes; 0 where it has no ids. */
static uint32_t quic_entries(const struct layout_pool *pool)
{
	uint32_t largest = 0;

	for (uint32_t id = 0; id < pool->backend_cap; id++)
		if (pool->backends[id].state == LAYOUT_ID_USED &&
		    pool->backends[id].quic_id > largest)
			largest = pool->backends[id].quic_id;
	return largest ? largest + 1 : 0;
}

/* The runs of lb_quic, one behind the other; says of each pool where its own begins. */
static int write_quic(const struct layout *layout, const struct dataplane_target *t,
		      uint32_t *ret_runs)
{
	uint32_t next = 0;

	for (size_t i = 0; i < layout->n_pools; i++) {
		const struct layout_pool *pool = &layout->pools[i];
		const uint32_t entries = quic_entries(pool);
		uint16_t *run = t->quic + next;

		ret_runs[i] = t->quic_first + next;
		if (!entries)
			continue;
		if (entries > t->caps.quic - next)
			return -ENOSPC;
		run[0] = (uint16_t)(entries - 1);
		for (uint32_t id = 1; id < entries; id++)
			run[id] = LB_SLOT_NONE;
		for (uint32_t id = 0; id < pool->backend_cap; id++)
			if (pool->backends[id].state == LAYOUT_ID_USED &&
			    pool->backends[id].quic_id)
				run[pool->backends[id].quic_id] = (uint16_t)id;
		next += entries;
	}
	return 0;
}

static void fill_service(const struct layout *layout, const struct layout_vip *vip,
			 const uint32_t *quic_runs, uint32_t first_line, struct lb_service *s)
{
	const struct layout_pool *pool = &layout->pools[vip->pool_id];

	memcpy(s->addr, vip->address.b, sizeof(s->addr));
	s->port_be = htons(vip->port);
	s->port_last = vip->port_last != vip->port ? vip->port_last : 0;
	s->proto = vip->proto;
	s->forward = vip->forward;
	s->vip_id = vip->vip_id;
	s->first_slot = pool->first_slot;
	s->slot_count = pool->slot_count;
	s->first_backend = pool->first_backend;
	s->pool_id = vip->pool_id;
	s->source_skip = vip->source_skip;
	if (vip->flags & LB_SERVICE_QUIC)
		s->quic_run = quic_runs[vip->pool_id];
	s->flags = (uint8_t)(vip->flags | (vip->n_limits ? LB_SERVICE_LIMITED : 0));
	if (vip->n_limits)
		s->limits = LB_LIMITS_RUN(first_line + vip->first_limit, vip->n_limits);
}

static void write_directory(const struct layout *layout, const struct dataplane_target *t)
{
	memset(t->pools, 0, (size_t)t->caps.pools * sizeof(*t->pools));
	for (size_t i = 0; i < layout->n_pools; i++) {
		const struct layout_pool *pool = &layout->pools[i];

		memcpy(t->pools[i].name, pool->name, sizeof(t->pools[i].name));
		t->pools[i].first_slot = pool->first_slot;
		t->pools[i].slot_count = pool->slot_count;
		t->pools[i].first_backend = pool->first_backend;
		t->pools[i].backend_cap = pool->backend_cap;
	}
}

int tables_write(const struct layout *layout, const struct dataplane_target *target,
		 struct err *err)
{
	struct lb_service *services = calloc(layout->n_vips + 1, sizeof(*services));
	uint32_t *quic_runs = calloc(layout->n_pools + 1, sizeof(*quic_runs));
	size_t n = layout->n_vips;
	int r = -ENOMEM;

	if (!services || !quic_runs)
		goto out;
	r = write_quic(layout, target, quic_runs);
	if (r)
		goto out;
	for (size_t i = 0; i < layout->n_vips; i++)
		fill_service(layout, &layout->vips[i], quic_runs, target->limit_first,
			     &services[i]);
	for (size_t i = 0; i < layout->n_limits; i++)
		limits_fill_line(&layout->limits[i], &target->limits[i]);
	/* Before the switch: that a serial was given must be known wherever it is in use. */
	target->control->limit_serial = layout->limit_serial;
	r = ranges_build(services, &n, target->ranges, target->caps.ranges);
	if (!r)
		r = svctable_build(services, n, target->services, target->caps.service_lines,
				   target->disp, target->caps.buckets);
out:
	free(services);
	free(quic_runs);
	if (r)
		return err_set(err, r, "the service table cannot be built: %s", strerror(-r));
	write_directory(layout, target);
	return 0;
}

void tables_store_slots(const struct dataplane_target *target, uint32_t first, uint32_t count,
			const uint16_t *slots)
{
	for (uint32_t i = 0; i < count; i++) {
		/* Every slot is clean: base is what cur is. */
		if (target->slot_base[first + i] != slots[i])
			__atomic_store_n(&target->slot_base[first + i], slots[i], __ATOMIC_RELAXED);
		if (target->slots[first + i] != slots[i])
			__atomic_store_n(&target->slots[first + i], slots[i], __ATOMIC_RELEASE);
	}
}
