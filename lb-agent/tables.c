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

static void fill_service(const struct layout *layout, const struct layout_vip *vip,
			 uint32_t first_line, struct lb_service *s)
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
	size_t n = layout->n_vips;
	int r;

	if (!services)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < layout->n_vips; i++)
		fill_service(layout, &layout->vips[i], target->limit_first, &services[i]);
	for (size_t i = 0; i < layout->n_limits; i++)
		limits_fill_line(&layout->limits[i], &target->limits[i]);
	/* Before the switch: that a serial was given must be known wherever it is in use. */
	target->control->limit_serial = layout->limit_serial;
	r = ranges_build(services, &n, target->ranges, target->caps.ranges);
	if (!r)
		r = svctable_build(services, n, target->services, target->caps.service_lines,
				   target->disp, target->caps.buckets);
	free(services);
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
