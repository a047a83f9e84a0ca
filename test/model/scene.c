/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scene.c - scenes from chance: neighbouring addresses and ports, pools that touch each other and
 * the tables' ends, backends of both families that are not all ready.
 */
#include "scene.h"

#include <netinet/in.h>
#include <string.h>

#include <lb/abi.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool scene_is_v4(const uint8_t addr[16])
{
	return !memcmp(addr, mapped, sizeof(mapped));
}

uint16_t scene_slot(const struct scene_pool *pool, uint32_t i)
{
	const uint64_t chance = random_mix((uint64_t)pool->fill << 32 | i);
	uint16_t slot = LB_SLOT_NONE;

	if (pool->n_backends && (chance & 255) >= pool->none)
		slot = (uint16_t)((chance >> 32) % pool->n_backends);
	if ((chance >> 8 & 255) < pool->dirty)
		slot |= LB_SLOT_DIRTY;
	return slot;
}

bool scene_same_program(const struct scene *a, const struct scene *b)
{
	return a->seed == b->seed && a->cap_slots == b->cap_slots &&
	       a->cap_backends == b->cap_backends && a->cap_vips == b->cap_vips &&
	       a->cap_ranges == b->cap_ranges && a->service_lines == b->service_lines &&
	       a->buckets == b->buckets;
}

static void random_bytes(struct random *r, uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)random_next(r);
}

static void random_program(struct scene *scene, struct random *r)
{
	static const uint32_t lines[] = {128, 256, 1024}, buckets[] = {16, 32, 128};
	const uint32_t size = random_below(r, 3);

	scene->seed = random_percent(r, 10) ? 0 : random_next(r);
	scene->cap_slots = 32 * (128 + random_below(r, 64));
	scene->cap_backends = SCENE_POOLS * SCENE_BACKENDS + random_below(r, 64);
	scene->cap_vips = SCENE_VIPS + random_below(r, 64);
	scene->service_lines = lines[size];
	scene->buckets = buckets[size];
	scene->cap_ranges = random_percent(r, 50) ? 0 : 2 * SCENE_VIPS;
}

static void random_v4(struct random *r, uint8_t a, uint8_t b, uint8_t addr[16])
{
	memcpy(addr, mapped, 12);
	addr[12] = a;
	addr[13] = b;
	random_bytes(r, addr + 14, 2);
}

static void random_v6(struct random *r, uint8_t fifth, uint8_t addr[16])
{
	static const uint8_t prefix[4] = {0x20, 0x01, 0x0d, 0xb8};

	memset(addr, 0, 16);
	memcpy(addr, prefix, 4);
	addr[5] = fifth;
	random_bytes(r, addr + 14, 2);
}

static void random_backend(struct scene_backend *backend, struct random *r, bool v6)
{
	static const uint16_t mtus[] = {68, 576, 1280, 1400, 1500, 1500, 1500, 9000, 65535};

	random_bytes(r, backend->eth_dst, 6);
	random_bytes(r, backend->eth_src, 6);
	backend->eth_dst[0] &= 0xfe;
	backend->eth_src[0] &= 0xfe;
	backend->tci = random_percent(r, 60) ? 0 : (uint16_t)random_next(r);
	backend->ready = random_percent(r, 90);
	backend->down = random_percent(r, 20);
	backend->ifindex = random_percent(r, 70) ? SCENE_IFINDEX : 2 + random_below(r, 1000);
	backend->mtu = random_of(r, mtus);
	if (v6) {
		random_v6(r, 0x0a, backend->outer_src);
		random_v6(r, 0x0b, backend->outer_dst);
	} else {
		random_v4(r, 10, 0, backend->outer_src);
		random_v4(r, 10, 1, backend->outer_dst);
	}
}

static void random_pool(struct scene_pool *pool, struct random *r)
{
	static const uint32_t slots[] = {1, 2, 3, 7, 31, 32, 33, 101, 601, 1009};
	const bool mixed = random_percent(r, 50), v6 = random_percent(r, 50);

	pool->slot_count = random_of(r, slots);
	pool->fill = (uint32_t)random_next(r);
	if (random_percent(r, 20))
		pool->none = (uint8_t)random_next(r);
	if (random_percent(r, 50))
		pool->dirty = (uint8_t)random_next(r);
	pool->n_backends = random_below(r, random_percent(r, 50) ? 4 : SCENE_BACKENDS + 1);
	for (uint32_t i = 0; i < pool->n_backends; i++)
		random_backend(&pool->backends[i], r, mixed ? random_percent(r, 50) : v6);
}

/* Runs as the agent gives them: slots from a whole line on, nothing twice. The last run may end
 * where the table does. Rarely a run lies outside, which only a bug could do. */
static void place_pools(struct scene *scene, struct random *r)
{
	uint32_t slot = 0, line = 0;

	for (uint32_t i = 0; i < scene->n_pools; i++) {
		struct scene_pool *pool = &scene->pools[i];
		const uint32_t slots =
		    (pool->slot_count + LB_SLOTS_PER_LINE - 1) / LB_SLOTS_PER_LINE;

		slot += random_below(r, 3) * LB_SLOTS_PER_LINE;
		line += random_below(r, 3);
		if (line + pool->n_backends > scene->cap_backends)
			line = scene->cap_backends - pool->n_backends;
		pool->first_slot = slot;
		pool->first_backend = line;
		slot += slots * LB_SLOTS_PER_LINE;
		line += pool->n_backends;
		if (i + 1 < scene->n_pools || !random_percent(r, 30))
			continue;
		if (random_percent(r, 80)) {
			pool->first_slot = scene->cap_slots - slots * LB_SLOTS_PER_LINE;
			pool->first_backend = scene->cap_backends - pool->n_backends;
		} else if (random_percent(r, 50)) {
			pool->first_slot = scene->cap_slots << random_below(r, 8);
		} else {
			pool->first_backend = scene->cap_backends << random_below(r, 8);
		}
	}
}

/* Few addresses, near each other, so that VIPs share all but one field of their keys. */
static void random_vip_key(struct scene_vip *vip, struct random *r, bool ranges)
{
	static const uint16_t ports[] = {80, 443, 53, 81, 0x5000, 65535, 1, 256};
	const uint8_t last = (uint8_t)(80 + random_below(r, 4));

	memset(vip->addr, 0, sizeof(vip->addr));
	switch (random_below(r, 4)) {
	case 0:
		memcpy(vip->addr, "\x20\x01\x0d\xb8", 4);
		vip->addr[random_below(r, 11) + 4] = (uint8_t)random_below(r, 3);
		vip->addr[15] = last;
		break;
	case 1:
		/* An IPv6 address with an IPv4 VIP's last four bytes. */
		memcpy(vip->addr + 12, "\xc0\x00\x02", 3);
		vip->addr[0] = (uint8_t)(0x20 + random_below(r, 2));
		vip->addr[15] = last;
		break;
	default:
		memcpy(vip->addr, mapped, 12);
		memcpy(vip->addr + 12, "\xc0\x00\x02", 3);
		vip->addr[15] = last;
		break;
	}
	vip->proto = random_percent(r, 50) ? IPPROTO_TCP : IPPROTO_UDP;
	vip->port = vip->port_last = random_of(r, ports);
	if (!ranges || random_percent(r, 50))
		return;
	if (random_percent(r, 20)) { /* any */
		vip->port = 1;
		vip->port_last = 65535;
	} else if (random_percent(r, 50)) {
		vip->port = (uint16_t)(70 + random_below(r, 20));
		vip->port_last = (uint16_t)(vip->port + random_below(r, 20));
	} else {
		vip->port = random_of(r, ports);
		vip->port_last = random_of(r, ports);
	}
	if (vip->port_last < vip->port)
		vip->port_last = vip->port;
}

static bool key_taken(const struct scene *scene, const struct scene_vip *vip)
{
	for (uint32_t i = 0; i < scene->n_vips; i++) {
		const struct scene_vip *other = &scene->vips[i];

		if (other->port == vip->port && other->port_last == vip->port_last &&
		    other->proto == vip->proto && !memcmp(other->addr, vip->addr, 16))
			return true;
	}
	return false;
}

static void random_vips(struct scene *scene, struct random *r)
{
	static const uint8_t no_mode[] = {0, 99, 255};
	const uint32_t want = 1 + random_below(r, random_percent(r, 50) ? 4 : SCENE_VIPS);
	const uint32_t first_id = random_below(r, scene->cap_vips - SCENE_VIPS + 1);

	for (uint32_t i = 0; i < want; i++) {
		struct scene_vip vip = {.pool = random_below(r, scene->n_pools),
					.id = first_id + i};

		random_vip_key(&vip, r, scene->cap_ranges);
		vip.forward = random_percent(r, 50) ? LB_FORWARD_L2 : LB_FORWARD_IPIP;
		if (random_percent(r, 1))
			vip.forward = random_of(r, no_mode);
		vip.source = random_percent(r, 30);
		if (vip.source && random_percent(r, 50))
			vip.source_skip =
			    (uint8_t)random_below(r, scene_is_v4(vip.addr) ? 32 : 128);
		if (!key_taken(scene, &vip))
			scene->vips[scene->n_vips++] = vip;
	}
}

void scene_random(struct scene *scene, struct random *r, bool same_program)
{
	const struct scene was = *scene;

	memset(scene, 0, sizeof(*scene));
	random_program(scene, r);
	if (same_program) {
		scene->seed = was.seed;
		scene->cap_slots = was.cap_slots;
		scene->cap_backends = was.cap_backends;
		scene->cap_vips = was.cap_vips;
		scene->service_lines = was.service_lines;
		scene->buckets = was.buckets;
		scene->cap_ranges = was.cap_ranges;
	}
	scene->second_half = random_percent(r, 50);
	scene->no_headroom = random_percent(r, 8);
	scene->n_pools = 1 + random_below(r, SCENE_POOLS);
	for (uint32_t i = 0; i < scene->n_pools; i++)
		random_pool(&scene->pools[i], r);
	place_pools(scene, r);
	random_vips(scene, r);
}
