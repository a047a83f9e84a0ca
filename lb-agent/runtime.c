/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * runtime.c - see runtime.h.
 */
#include "runtime.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>

#include "slots.h"

#define OUTER_TTL 64 /* RFC 1700's recommended default; loops end */

static int compare_refs(const void *a, const void *b)
{
	return addr_cmp(&((const struct runtime_ref *)a)->address,
			&((const struct runtime_ref *)b)->address);
}

static int fill_pool(struct runtime *rt, size_t index, const struct overrides *overrides)
{
	const struct layout_pool *where = &rt->layout->pools[index];
	struct runtime_pool *pool = &rt->pools[index];

	pool->conf = &rt->config->pools[index];
	pool->id = (uint32_t)index;
	pool->dirty = true;
	pool->backends = calloc(pool->conf->n_backends, sizeof(*pool->backends));
	if (!pool->backends)
		return -ENOMEM;
	for (uint32_t id = 0; id < where->backend_cap; id++) {
		const struct conf_backend *conf;

		if (where->backends[id].state != LAYOUT_ID_USED)
			continue;
		conf = conf_find_backend(pool->conf, &where->backends[id].address);
		if (conf)
			pool->backends[conf - pool->conf->backends].local_id = (uint16_t)id;
	}
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		struct runtime_backend *b = &pool->backends[i];

		b->conf = &pool->conf->backends[i];
		b->health =
		    pool->conf->health.type == CONF_HEALTH_NONE ? HEALTH_UNCHECKED : HEALTH_UNKNOWN;
		runtime_apply_override(
		    b, overrides_find(overrides, pool->conf->name, &b->conf->address));
		rt->refs[rt->n_refs++] =
		    (struct runtime_ref){b->conf->address, pool->id, (uint32_t)i};
	}
	runtime_judge_health(pool);
	return 0;
}

struct runtime *runtime_new(const struct lb_config *config, const struct layout *layout,
			    const struct overrides *overrides)
{
	struct runtime *rt = calloc(1, sizeof(*rt));
	size_t n = 0;
	int r = 0;

	if (!rt)
		return NULL;
	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_backends;
	rt->config = config;
	rt->layout = layout;
	rt->pools = calloc(config->n_pools + 1, sizeof(*rt->pools));
	rt->refs = calloc(n + 1, sizeof(*rt->refs));
	if (!rt->pools || !rt->refs)
		r = -ENOMEM;
	for (size_t i = 0; i < config->n_pools && !r; i++)
		r = fill_pool(rt, i, overrides);
	if (r) {
		runtime_free(rt);
		return NULL;
	}
	return rt;
}

void runtime_free(struct runtime *rt)
{
	if (!rt)
		return;
	for (size_t i = 0; rt->pools && i < rt->config->n_pools; i++)
		free(rt->pools[i].backends);
	free(rt->pools);
	free(rt->refs);
	free(rt);
}

const struct runtime_ref *runtime_find(struct runtime *rt, const struct lb_addr *address,
				       size_t *ret_n)
{
	size_t low = 0, high = rt->n_refs;

	if (!rt->refs_sorted)
		qsort(rt->refs, rt->n_refs, sizeof(*rt->refs), compare_refs);
	rt->refs_sorted = true;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (addr_cmp(&rt->refs[mid].address, address) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_n = 0;
	while (low + *ret_n < rt->n_refs && addr_equal(&rt->refs[low + *ret_n].address, address))
		++*ret_n;
	return rt->refs + low;
}

struct runtime_backend *runtime_backend(struct runtime *rt, const char *pool,
					const struct lb_addr *address,
					struct runtime_pool **ret_pool)
{
	const struct conf_pool *conf_pool = conf_find_pool(rt->config, pool);
	const struct conf_backend *conf;

	*ret_pool = NULL;
	if (!conf_pool)
		return NULL;
	*ret_pool = &rt->pools[conf_pool - rt->config->pools];
	conf = conf_find_backend(conf_pool, address);
	return conf ? &(*ret_pool)->backends[conf - conf_pool->backends] : NULL;
}

void runtime_apply_override(struct runtime_backend *backend, const struct override *override)
{
	backend->weight = backend->conf->weight;
	backend->state = backend->conf->state;
	backend->overridden = override;
	if (!override)
		return;
	if (override->has_weight)
		backend->weight = override->weight;
	if (override->drain)
		backend->state = CONF_BACKEND_DRAIN;
}

void runtime_inherit(struct runtime_pool *pool, const struct runtime_pool *before)
{
	pool->n_usable = before->n_usable;
	pool->all_down = before->all_down;
	pool->dirty = before->dirty;
	pool->built = before->built;
	/* The same backends in the same order: that is what "kept" means. */
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		const struct conf_backend *conf = pool->backends[i].conf;

		pool->backends[i] = before->backends[i];
		pool->backends[i].conf = conf;
	}
}

static enum runtime_why judge(const struct runtime_backend *b, bool ignore_health)
{
	if (b->state == CONF_BACKEND_DRAIN)
		return RUNTIME_DRAINING;
	if (!b->weight)
		return RUNTIME_WEIGHT_0;
	if (!ignore_health && !health_usable(b->health))
		return RUNTIME_DOWN;
	return b->ready ? RUNTIME_IN_USE : RUNTIME_NO_NEXT_HOP;
}

static bool ignores_health(const struct runtime_pool *pool)
{
	return pool->all_down && pool->conf->when_all_down == CONF_ALL_DOWN_USE_ALL;
}

void runtime_judge_health(struct runtime_pool *pool)
{
	bool wanted = false, healthy = false;

	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		enum runtime_why why = judge(&pool->backends[i], false);

		wanted = wanted || why == RUNTIME_DOWN;
		healthy = healthy || why == RUNTIME_IN_USE || why == RUNTIME_NO_NEXT_HOP;
	}
	pool->all_down = wanted && !healthy;
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		struct runtime_backend *b = &pool->backends[i];

		b->alive = ignores_health(pool) || health_usable(b->health);
	}
}

void runtime_evaluate(struct runtime_pool *pool)
{
	runtime_judge_health(pool);
	pool->n_usable = 0;
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		struct runtime_backend *b = &pool->backends[i];

		b->why = judge(b, ignores_health(pool));
		b->usable = b->why == RUNTIME_IN_USE;
		pool->n_usable += b->usable;
	}
}

int runtime_build_slots(struct runtime_pool *pool, uint64_t seed, uint32_t slot_count,
			uint16_t *ret_slots)
{
	size_t n = pool->conf->n_backends;
	struct slots_backend *backends = calloc(n, sizeof(*backends));
	uint32_t *count = calloc(LB_SLOT_NONE + 1, sizeof(*count));
	int r = backends && count ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++) {
		const struct runtime_backend *b = &pool->backends[i];

		backends[i].maglev.address = b->conf->address;
		backends[i].maglev.weight = b->weight;
		backends[i].maglev.id = b->local_id;
		backends[i].usable = b->usable;
	}
	if (!r)
		r = slots_build(backends, n, seed, slot_count, ret_slots);
	if (!r) {
		for (uint32_t i = 0; i < slot_count; i++)
			count[ret_slots[i] & LB_SLOT_BACKEND]++;
		for (size_t i = 0; i < n; i++) {
			struct runtime_backend *b = &pool->backends[i];

			b->slots = count[b->local_id];
			b->built_weight = b->weight;
			b->built_usable = b->usable;
		}
		pool->built = true;
	}
	free(backends);
	free(count);
	return r;
}

bool runtime_slots_current(const struct runtime_pool *pool)
{
	for (size_t i = 0; pool->built && i < pool->conf->n_backends; i++) {
		const struct runtime_backend *b = &pool->backends[i];

		if (b->built_weight != b->weight || b->built_usable != b->usable)
			return false;
	}
	return pool->built;
}

/* Ones' complement sum of the template as its bytes lie in memory (RFC 1071). */
static uint16_t sum_of(const void *header, size_t bytes)
{
	const uint16_t *words = header;
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void fill_outer(const struct lb_addr *to, const struct lb_addr *from,
		       struct lb_backend *line)
{
	size_t len;

	if (addr_is_v4(to)) {
		struct iphdr ip = {.version = 4, .ihl = 5, .ttl = OUTER_TTL};

		/* DF, hence an atomic datagram whose identification means nothing (RFC 6864). */
		ip.frag_off = htons(IP_DF);
		memcpy(&ip.daddr, addr_raw(to, &len), sizeof(ip.daddr));
		memcpy(&ip.saddr, addr_raw(from, &len), sizeof(ip.saddr));
		memcpy(line->outer, &ip, sizeof(ip));
		line->outer_sum = sum_of(&ip, sizeof(ip));
	} else {
		struct ip6_hdr ip6 = {.ip6_vfc = 0x60};

		ip6.ip6_vfc = 0x60;
		ip6.ip6_hlim = OUTER_TTL;
		memcpy(&ip6.ip6_dst, to->b, 16);
		memcpy(&ip6.ip6_src, from->b, 16);
		memcpy(line->outer, &ip6, sizeof(ip6));
		line->outer_sum = sum_of(&ip6.ip6_src, 2 * sizeof(ip6.ip6_src));
	}
}

void runtime_fill_line(const struct runtime_backend *backend, const struct nexthop *nexthop,
		       const struct conf_node *node, struct lb_backend *ret_line)
{
	const struct lb_addr *to = &backend->conf->address, *from = NULL;
	struct lb_addr none = addr_from_v4("\0\0\0\0"), lowest;
	bool v4 = addr_is_v4(to);
	const struct conf_source *source = v4 ? &node->tunnel_source_v4 : &node->tunnel_source_v6;

	memset(ret_line, 0, sizeof(*ret_line));
	ret_line->flags = LB_BACKEND_USED | (v4 ? 0 : LB_BACKEND_IPV6);
	if (backend->health == HEALTH_DOWN)
		ret_line->flags |= LB_BACKEND_DOWN;
	if (backend->alive)
		ret_line->flags |= LB_BACKEND_ALIVE;
	if (nexthop)
		from = &nexthop->source;
	if (source->set)
		from = &source->address;
	if (!from || addr_is_v4(from) != v4)
		from = v4 ? &none : NULL;
	if (!from) {
		memset(&none, 0, sizeof(none));
		from = &none;
	}
	if (source->set && source->prefix) { /* see plan_encap() */
		lowest = source->address;
		lowest.b[15] |= 1;
		from = &lowest;
	}
	fill_outer(to, from, ret_line);
	if (!nexthop || nexthop->status != NEXTHOP_RESOLVED)
		return;
	memcpy(ret_line->eth_dst, nexthop->eth_dst, sizeof(ret_line->eth_dst));
	memcpy(ret_line->eth_src, nexthop->eth_src, sizeof(ret_line->eth_src));
	ret_line->vlan_tci_be = htons(nexthop->vlan_id);
	ret_line->ifindex = (uint32_t)nexthop->ifindex;
	ret_line->mtu = nexthop->mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)nexthop->mtu;
	ret_line->flags |= LB_BACKEND_READY;
}

const char *runtime_why_name(enum runtime_why why)
{
	switch (why) {
	case RUNTIME_IN_USE:
		return "in use";
	case RUNTIME_DRAINING:
		return "draining";
	case RUNTIME_WEIGHT_0:
		return "weight 0";
	case RUNTIME_DOWN:
		return "health check";
	case RUNTIME_NO_NEXT_HOP:
		return "next hop";
	}
	return "?";
}
