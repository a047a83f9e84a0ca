/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables.c - VIPs into lines of services, pools into slots, backends into lines with the template
 * of their outer header. The half that is not live holds the same keys with other contents: used,
 * it would show.
 */
#include "tables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <lb/abi.h>

#include "ranges.h"
#include "svctable.h"

struct layout_caps tables_caps(const struct scene *scene)
{
	return (struct layout_caps){
	    .slots = scene->cap_slots,
	    .backends = scene->cap_backends,
	    .vips = scene->cap_vips,
	    .pools = SCENE_POOLS,
	    .service_lines = scene->service_lines,
	    .buckets = scene->buckets,
	    .ranges = scene->cap_ranges,
	};
}

static void put_service(const struct scene *scene, const struct scene_vip *vip,
			struct lb_service *service)
{
	const struct scene_pool *pool = &scene->pools[vip->pool];

	*service = (struct lb_service){
	    .proto = vip->proto,
	    .family = scene_is_v4(vip->addr) ? 4 : 6,
	    .port_be = htons(vip->port),
	    .port_last = vip->port_last == vip->port ? 0 : vip->port_last,
	    .vip_id = vip->id,
	    .first_slot = pool->first_slot,
	    .slot_count = pool->slot_count,
	    .first_backend = pool->first_backend,
	    .forward = vip->forward,
	    .flags = vip->source ? LB_SERVICE_HASH_SOURCE : 0,
	    .source_skip = vip->source_skip,
	    .pool_id = vip->pool,
	};
	memcpy(service->addr, vip->addr, 16);
	memcpy(service->addr_tail, vip->addr + 12, 4);
}

static int put_services(const struct scene *scene, struct lb_service *lines,
			struct lb_service *ranges, uint32_t *disp)
{
	struct lb_service services[SCENE_VIPS];
	size_t n;
	int r = 0;

	for (uint32_t half = 0; half < 2 && !r; half++) {
		for (uint32_t i = 0; i < scene->n_vips; i++) {
			put_service(scene, &scene->vips[i], &services[i]);
			if (half != scene->second_half) {
				services[i].vip_id = (services[i].vip_id + 1) % scene->cap_vips;
				services[i].forward ^= LB_FORWARD_L2 ^ LB_FORWARD_IPIP;
			}
		}
		n = half == scene->second_half ? scene->n_vips : 1;
		r = ranges_build(services, &n, ranges + half * scene->cap_ranges,
				 scene->cap_ranges);
		if (r)
			return r;
		r = svctable_build(services, n, lines + half * scene->service_lines,
				   scene->service_lines, disp + half * scene->buckets,
				   scene->buckets);
	}
	return r;
}

/* See struct lb_backend: the sum is of the words as they lie in memory. */
static void put_template(const struct scene_backend *backend, struct lb_backend *line)
{
	uint32_t sum = 0;

	if (!scene_is_v4(backend->outer_dst)) {
		line->outer[0] = 0x60;
		line->outer[7] = 64;
		memcpy(line->outer + 8, backend->outer_src, 16);
		memcpy(line->outer + 24, backend->outer_dst, 16);
		return;
	}
	line->outer[0] = 0x45;
	line->outer[6] = 0x40;
	line->outer[8] = 64;
	memcpy(line->outer + 12, backend->outer_src + 12, 4);
	memcpy(line->outer + 16, backend->outer_dst + 12, 4);
	for (int i = 0; i < 20; i += 2)
		sum += line->outer[i] | (uint32_t)line->outer[i + 1] << 8;
	line->outer_sum = (uint16_t)(sum % 0xffff);
}

static void put_backend(const struct scene_backend *backend, struct lb_backend *line)
{
	*line = (struct lb_backend){
	    .vlan_tci_be = htons(backend->tci),
	    .flags = (uint16_t)(LB_BACKEND_USED | (backend->ready ? LB_BACKEND_READY : 0) |
				(backend->down ? LB_BACKEND_DOWN : 0) |
				(scene_is_v4(backend->outer_dst) ? 0 : LB_BACKEND_IPV6)),
	    .ifindex = backend->ifindex,
	    .mtu = backend->mtu,
	};
	memcpy(line->eth_dst, backend->eth_dst, 6);
	memcpy(line->eth_src, backend->eth_src, 6);
	put_template(backend, line);
}

static void put_pool(const struct scene *scene, const struct scene_pool *pool, uint16_t *slots,
		     struct lb_backend *lines)
{
	for (uint32_t i = 0; i < pool->slot_count; i++)
		if (pool->first_slot + i < scene->cap_slots)
			slots[pool->first_slot + i] = scene_slot(pool, i);
	for (uint32_t i = 0; i < pool->n_backends; i++)
		if (pool->first_backend + i < scene->cap_backends)
			put_backend(&pool->backends[i], &lines[pool->first_backend + i]);
}

int tables_write(const struct scene *scene, void *const memory[BALANCER_TABLES])
{
	struct lb_control *control = memory[BALANCER_CONTROL];
	uint16_t *slots = memory[BALANCER_SLOTS];
	struct lb_backend *lines = memory[BALANCER_BACKENDS];

	if (!scene->n_vips || scene->n_vips > SCENE_VIPS)
		return -EINVAL;
	/* What no run owns: no slot may lead there. */
	memset(lines, 0xff, scene->cap_backends * sizeof(*lines));
	memset(slots, 0, scene->cap_slots * sizeof(*slots));
	for (uint32_t i = 0; i < scene->n_pools; i++)
		put_pool(scene, &scene->pools[i], slots, lines);
	*control = (struct lb_control){
	    .magic = LB_ABI_MAGIC,
	    .abi = LB_ABI_VERSION,
	    .active_mask = scene->second_half ? ~0u : 0,
	    .generation = 1,
	    .seed = scene->seed,
	};
	return put_services(scene, memory[BALANCER_SERVICES], memory[BALANCER_RANGES],
			    memory[BALANCER_DISP]);
}
