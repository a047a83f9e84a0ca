/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_layout.c - reading the live maps back into a layout, for the agent that adopts them.
 *
 * Nothing read here is believed unchecked: a run outside its map, or claimed twice, is an error.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane_internal.h"
#include "ratelimit.h"

/* The backend's address is the destination of its outer header. */
static struct lb_addr line_address(const struct lb_backend *line)
{
	return line->flags & LB_BACKEND_IPV6 ? addr_from_v6(line->outer + 24)
					     : addr_from_v4(line->outer + 16);
}

static int read_pool(const struct lb_pool_record *record, const struct lb_backend *lines,
		     struct layout *layout, struct layout_pool *pool, struct err *err)
{
	memcpy(pool->name, record->name, sizeof(pool->name));
	if (pool->name[sizeof(pool->name) - 1])
		return err_set(err, -EBADMSG, "a pool's name does not end");
	pool->first_slot = record->first_slot;
	pool->slot_count = record->slot_count;
	pool->first_backend = record->first_backend;
	pool->backend_cap = record->backend_cap;
	if (!pool->slot_count || pool->slot_count > LB_SLOTS_MAX ||
	    pool->backend_cap > LB_SLOT_NONE || pool->first_slot % LB_SLOTS_PER_LINE)
		return err_set(err, -EBADMSG, "pool %s has impossible sizes", pool->name);
	if (extent_claim(layout->slot_runs, pool->first_slot, pool->slot_count) ||
	    extent_claim(layout->backend_runs, pool->first_backend, pool->backend_cap))
		return err_set(err, -EBADMSG, "pool %s overlaps another, or its map's end",
			       pool->name);
	pool->backends = calloc(pool->backend_cap, sizeof(*pool->backends));
	if (!pool->backends)
		return err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < pool->backend_cap; i++) {
		const struct lb_backend *line = &lines[pool->first_backend + i];

		if (!(line->flags & LB_BACKEND_USED))
			continue;
		pool->backends[i].address = line_address(line);
		pool->backends[i].state = LAYOUT_ID_USED;
	}
	return 0;
}

static int read_vip(const struct lb_service *line, struct layout *layout, struct layout_vip *vip,
		    struct err *err)
{
	memcpy(vip->address.b, line->addr, sizeof(vip->address.b));
	vip->port = ntohs(line->port_be);
	vip->port_last = line->port_last ? line->port_last : vip->port;
	vip->proto = line->proto;
	vip->forward = line->forward;
	vip->flags = line->flags & ~(uint32_t)LB_SERVICE_LIMITED;
	vip->source_skip = line->source_skip;
	vip->vip_id = line->vip_id;
	vip->pool_id = line->pool_id;
	if (vip->pool_id >= layout->n_pools)
		return err_set(err, -EBADMSG, "a VIP uses pool %u of %zu", vip->pool_id,
			       layout->n_pools);
	if (extent_claim(layout->vip_ids, vip->vip_id, 1))
		return err_set(err, -EBADMSG, "VIP id %u is used twice", vip->vip_id);
	return 0;
}

/* A service's run of limits, in the half that is live. */
static int read_limits(const struct dp_generation *gen, const struct lb_service *line,
		       struct layout *layout, struct layout_vip *vip, struct err *err)
{
	const struct lb_limit *lines = gen->memory[BALANCER_LIMITS];
	const uint32_t first = LB_LIMITS_FIRST(line->limits);

	if (!(line->flags & LB_SERVICE_LIMITED))
		return 0;
	vip->first_limit = (uint32_t)layout->n_limits;
	vip->n_limits = LB_LIMITS_N(line->limits);
	if (first + vip->n_limits > 2 * (uint64_t)gen->caps.limits ||
	    layout->n_limits + vip->n_limits > gen->caps.limits)
		return err_set(err, -EBADMSG, "a VIP's rate limits lie outside their table");
	for (uint32_t i = 0; i < vip->n_limits; i++) {
		struct layout_limit *limit = &layout->limits[layout->n_limits++];

		if (limits_read_line(&lines[first + i], limit))
			return err_set(err, -EBADMSG, "a rate limit contradicts itself");
		if (extent_claim(layout->limit_ids, limit->id, 1))
			return err_set(err, -EBADMSG, "rate limit id %u is used twice", limit->id);
	}
	return 0;
}

/* A line that only leads to ranges is no VIP, and one that goes on where the VIP's former line
 * stopped is no other. */
static bool is_first_line(const struct lb_service *line, const bool *seen, uint32_t vips)
{
	if (!line->proto || line->proto & LB_SERVICE_RANGES)
		return false;
	return !line->port_last || line->vip_id >= vips || !seen[line->vip_id];
}

/* The ids of a pool that a VIP with affinity: quic uses; several VIPs may. */
static int read_quic_ids(const struct dp_generation *gen, uint32_t run, struct layout_pool *pool,
			 struct err *err)
{
	const uint16_t *ids = gen->memory[BALANCER_QUIC];
	const uint64_t n = 2ull * gen->caps.quic;

	if (run >= n || run + (uint64_t)ids[run] >= n)
		return err_set(err, -EBADMSG, "the QUIC ids of pool %s lie outside their map",
			       pool->name);
	for (uint32_t id = 1; id <= ids[run]; id++) {
		const uint16_t local = ids[run + id];

		if (local == LB_SLOT_NONE)
			continue;
		if (local >= pool->backend_cap)
			return err_set(err, -EBADMSG, "QUIC id %u is backend %u of pool %s's %u",
				       id, local, pool->name, pool->backend_cap);
		if (pool->backends[local].state == LAYOUT_ID_USED)
			pool->backends[local].quic_id = (uint16_t)id;
	}
	return 0;
}

static int read_vips(const struct dp_generation *gen, const struct lb_service *lines,
		     uint32_t n_lines, struct layout *layout, struct err *err)
{
	bool *seen = calloc(layout->caps.vips, sizeof(*seen));
	int r = seen ? 0 : err_set(err, -ENOMEM, "out of memory");

	for (uint32_t i = 0; i < n_lines && !r; i++) {
		if (!is_first_line(&lines[i], seen, layout->caps.vips))
			continue;
		if (layout->n_vips == layout->caps.vips)
			r = err_set(err, -EBADMSG, "more VIPs than ids");
		else
			r = read_vip(&lines[i], layout, &layout->vips[layout->n_vips], err);
		if (!r && lines[i].flags & LB_SERVICE_QUIC)
			r = read_quic_ids(gen, lines[i].quic_run, &layout->pools[lines[i].pool_id],
					  err);
		if (!r)
			r = read_limits(gen, &lines[i], layout, &layout->vips[layout->n_vips], err);
		if (!r)
			seen[layout->vips[layout->n_vips++].vip_id] = true;
	}
	free(seen);
	return r;
}

static int read_all(const struct dp_generation *gen, struct layout *layout, struct err *err)
{
	uint32_t half = dp_control(gen)->active_mask & 1;
	const struct lb_pool_record *records = gen->memory[BALANCER_POOLS];
	size_t n = 0;
	int r = 0;

	records += (size_t)half * gen->caps.pools;
	while (n < gen->caps.pools && records[n].name[0])
		n++;
	layout->pools = calloc(n ? n : 1, sizeof(*layout->pools));
	if (!layout->pools)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n && !r; i++) {
		layout->n_pools = i + 1;
		r = read_pool(&records[i], gen->memory[BALANCER_BACKENDS], layout,
			      &layout->pools[i], err);
	}
	layout->vips = r ? NULL : calloc(gen->caps.vips, sizeof(*layout->vips));
	layout->limits = calloc((size_t)gen->caps.limits + 1, sizeof(*layout->limits));
	layout->limit_serial = dp_control(gen)->limit_serial;
	if (!r && (!layout->vips || !layout->limits))
		return err_set(err, -ENOMEM, "out of memory");
	if (!r)
		r = read_vips(gen,
			      gen->memory[BALANCER_SERVICES] + (size_t)half *
								   gen->caps.service_lines *
								   sizeof(struct lb_service),
			      gen->caps.service_lines, layout, err);
	if (!r)
		r = read_vips(gen,
			      gen->memory[BALANCER_RANGES] +
				  (size_t)half * gen->caps.ranges * sizeof(struct lb_service),
			      gen->caps.ranges, layout, err);
	return r;
}

int dataplane_read_layout(struct dataplane *dp, struct layout **ret_layout, struct err *err)
{
	const struct layout_caps none = {0};
	struct layout *layout = layout_new(dp->live ? &dp->live->caps : &none);
	int r;

	if (!layout)
		return err_set(err, -ENOMEM, "out of memory");
	dataplane_seed(dp, &layout->seed);
	dataplane_encap(dp, &layout->encap);
	r = dp->live ? read_all(dp->live, layout, err) : 0;
	if (r) {
		layout_free(layout);
		return r;
	}
	*ret_layout = layout;
	return 0;
}
