/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan.c - what differs between the maps and a config, in an operator's words and in indices that
 * the agent applies. Where things lie is plan_alloc.c's.
 */
#include "plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_work.h"

const char *plan_kind_name(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_KEEP:
		return "keep";
	case PLAN_ADD:
		return "add";
	case PLAN_REMOVE:
		return "remove";
	case PLAN_CHANGE:
		return "change";
	}
	return "?";
}

/* Appends ", what old → new" (the first without the comma). */
__attribute__((format(printf, 3, 4))) static void append(char *buf, size_t size, const char *format,
							 ...)
{
	size_t len = strlen(buf);
	va_list args;

	if (len && len + 2 < size) {
		memcpy(buf + len, ", ", 3);
		len += 2;
	}
	va_start(args, format);
	vsnprintf(buf + len, size - len, format, args);
	va_end(args);
}

/* The old config, whose pools are in name order and whose backends in address order (conf.h). */

static int cmp_conf_pool(const void *key, const void *element)
{
	return strcmp(key, ((const struct conf_pool *)element)->name);
}

static const struct conf_pool *find_old_conf(const struct plan_work *work, const char *name,
					     size_t hint)
{
	const struct lb_config *old = work->old_config;

	if (!old || old->n_pools == 0)
		return NULL;
	if (hint < old->n_pools && strcmp(old->pools[hint].name, name) == 0)
		return &old->pools[hint];
	return bsearch(name, old->pools, old->n_pools, sizeof(struct conf_pool), cmp_conf_pool);
}

static int cmp_conf_backend(const void *key, const void *element)
{
	return addr_cmp(key, &((const struct conf_backend *)element)->address);
}

static const struct conf_backend *find_backend(const struct conf_pool *pool,
					       const struct lb_addr *address, size_t hint)
{
	if (!pool || pool->n_backends == 0)
		return NULL;
	if (hint < pool->n_backends && addr_equal(&pool->backends[hint].address, address))
		return &pool->backends[hint];
	return bsearch(address, pool->backends, pool->n_backends, sizeof(struct conf_backend),
		       cmp_conf_backend);
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool settings_equal(const struct conf_pool *a, const struct conf_pool *b)
{
	const struct conf_health *x = &a->health, *y = &b->health;

	return a->when_all_down == b->when_all_down && x->type == y->type && x->port == y->port &&
	       text_equal(x->path, y->path) && text_equal(x->host, y->host) &&
	       x->expect_min == y->expect_min && x->expect_max == y->expect_max &&
	       x->interval_ms == y->interval_ms && x->timeout_ms == y->timeout_ms &&
	       x->rise == y->rise && x->fall == y->fall;
}

/* Backends */

static const char *state_name(enum conf_backend_state state)
{
	return state == CONF_BACKEND_DRAIN ? "drain" : "active";
}

/* The list's room is a power of two. NULL when memory ran out. */
static struct plan_backend *list_backend(struct plan_pool *pool, enum plan_kind kind,
					 const struct lb_addr *address)
{
	size_t n = pool->n_backends;

	if ((n & (n - 1)) == 0) {
		struct plan_backend *more =
		    realloc(pool->backends, (n ? 2 * n : 1) * sizeof(*more));

		if (!more)
			return NULL;
		pool->backends = more;
	}
	pool->backends[n] = (struct plan_backend){.kind = kind, .address = *address};
	pool->n_backends++;
	return &pool->backends[n];
}

static int list_added(struct plan_pool *pool, const struct conf_backend *conf)
{
	struct plan_backend *entry = list_backend(pool, PLAN_ADD, &conf->address);

	if (!entry)
		return -ENOMEM;
	append(entry->detail, sizeof(entry->detail), "weight %u", conf->weight);
	if (conf->state != CONF_BACKEND_ACTIVE)
		append(entry->detail, sizeof(entry->detail), "state %s", state_name(conf->state));
	return 0;
}

/* `old` may be NULL. The ids are the layouts', 0 where the pool was not, or is not, QUIC's: that is
 * the VIP's change. */
static int list_changed(struct plan_pool *pool, const struct conf_backend *old,
			const struct conf_backend *conf, uint16_t old_quic, uint16_t quic)
{
	struct plan_backend *entry;
	const bool renumbered = old_quic && quic && old_quic != quic;

	pool->quic_changed |= renumbered;
	if (!old)
		old = conf;
	if (old->weight == conf->weight && old->state == conf->state && !renumbered)
		return 0;
	entry = list_backend(pool, PLAN_CHANGE, &conf->address);
	if (!entry)
		return -ENOMEM;
	if (old->weight != conf->weight)
		append(entry->detail, sizeof(entry->detail), "weight %u → %u", old->weight,
		       conf->weight);
	if (old->state != conf->state)
		append(entry->detail, sizeof(entry->detail), "state %s → %s",
		       state_name(old->state), state_name(conf->state));
	if (renumbered)
		append(entry->detail, sizeof(entry->detail), "quic_id %u → %u", old_quic, quic);
	return 0;
}

static int list_removed(struct plan_pool *pool, const struct layout_pool *old,
			const struct conf_pool *conf)
{
	for (uint32_t id = 0; id < old->backend_cap; id++)
		if (old->backends[id].state == LAYOUT_ID_USED &&
		    !find_backend(conf, &old->backends[id].address, id) &&
		    !list_backend(pool, PLAN_REMOVE, &old->backends[id].address))
			return -ENOMEM;
	return 0;
}

/* Pools */

static int diff_pool(struct plan_work *work, size_t i)
{
	const struct conf_pool *conf = &work->config->pools[i];
	const struct conf_pool *old_conf = find_old_conf(work, conf->name, i);
	const int32_t *backend_old = &work->backend_old[work->backend_at[i]];
	struct plan_pool *pool = &work->plan->pools[i];
	const struct layout_backend *old_backends = NULL;
	const struct layout_pool *old;
	int rc = 0;

	if (pool->old_index != PLAN_NONE)
		old_backends = work->old->pools[pool->old_index].backends;
	for (size_t j = 0; j < conf->n_backends && rc == 0; j++) {
		const struct conf_backend *backend = &conf->backends[j];

		if (backend_old[j] < 0)
			rc = list_added(pool, backend);
		else
			rc = list_changed(pool, find_backend(old_conf, &backend->address, j),
					  backend, old_backends[backend_old[j]].quic_id,
					  conf->quic ? backend->quic_id : 0);
	}
	if (pool->old_index == PLAN_NONE) {
		pool->kind = PLAN_ADD;
		return rc;
	}
	old = &work->old->pools[pool->old_index];
	if (rc == 0)
		rc = list_removed(pool, old, conf);
	for (size_t j = 0; conf->quic && j < pool->n_backends; j++)
		pool->quic_changed |= pool->backends[j].kind != PLAN_CHANGE;
	pool->settings_changed = old_conf && !settings_equal(old_conf, conf);
	if (pool->n_backends || pool->settings_changed || old->slot_count != work->slot_counts[i])
		pool->kind = PLAN_CHANGE;
	return rc;
}

static int list_gone_pool(struct plan_work *work, size_t old_index)
{
	const struct layout_pool *old = &work->old->pools[old_index];
	struct plan_pool *pool = &work->plan->pools[work->plan->n_pools++];

	*pool =
	    (struct plan_pool){.kind = PLAN_REMOVE, .old_index = old_index, .new_index = PLAN_NONE};
	memcpy(pool->name, old->name, sizeof(pool->name));
	return list_removed(pool, old, NULL);
}

/* The config's pools as kept or added; before plan_alloc(), which notes their runs in them. */
static int open_pools(struct plan_work *work)
{
	struct plan *plan = work->plan;
	size_t n = work->config->n_pools;

	plan->pools = calloc(n + work->old->n_pools + 1, sizeof(*plan->pools));
	if (!plan->pools)
		return -ENOMEM;
	plan->n_pools = n;
	for (size_t i = 0; i < n; i++) {
		plan->pools[i].old_index = work->pool_old[i];
		plan->pools[i].new_index = i;
		strncpy(plan->pools[i].name, work->config->pools[i].name, LB_NAME_MAX - 1);
	}
	return 0;
}

static int diff_pools(struct plan_work *work)
{
	int rc = 0;

	for (size_t i = 0; i < work->config->n_pools && rc == 0; i++)
		rc = diff_pool(work, i);
	for (size_t i = 0; i < work->old->n_pools && rc == 0; i++)
		if (work->pool_new[i] == PLAN_NONE)
			rc = list_gone_pool(work, i);
	return rc;
}

/* VIPs */

static const char *forward_name(uint8_t forward)
{
	switch (forward) {
	case LB_FORWARD_IPIP:
		return "ipip";
	case LB_FORWARD_GUE:
		return "gue";
	default:
		return "l2";
	}
}

/* "flow", "quic", "source", "source/24". */
static const char *affinity_text(const struct layout_vip *vip, char buf[16])
{
	if (vip->flags & LB_SERVICE_QUIC)
		return "quic";
	if (!(vip->flags & LB_SERVICE_HASH_SOURCE))
		return "flow";
	if (!vip->source_skip)
		return "source";
	snprintf(buf, 16, "source/%u", addr_bits(&vip->address) - vip->source_skip);
	return buf;
}

static void diff_vip(const struct plan_work *work, size_t i, struct plan_vip *vip)
{
	const struct layout_vip *new = &work->plan->layout->vips[i], *old;
	const char *new_pool = work->plan->layout->pools[new->pool_id].name, *old_pool = "?";
	char from[16], to[16];
	char limits[sizeof(vip->detail)];

	*vip = (struct plan_vip){
	    .kind = PLAN_ADD,
	    .address = new->address,
	    .port = new->port,
	    .port_last = new->port_last,
	    .proto = new->proto,
	    .old_index = work->vip_old[i],
	    .new_index = i,
	};
	if (vip->old_index == PLAN_NONE)
		return;
	old = &work->old->vips[vip->old_index];
	if (old->pool_id < work->old->n_pools)
		old_pool = work->old->pools[old->pool_id].name;
	if (old->forward != new->forward)
		append(vip->detail, sizeof(vip->detail), "forward %s → %s",
		       forward_name(old->forward), forward_name(new->forward));
	if (old->flags != new->flags || old->source_skip != new->source_skip)
		append(vip->detail, sizeof(vip->detail), "affinity %s → %s",
		       affinity_text(old, from), affinity_text(new, to));
	plan_limits_detail(work, i, limits, sizeof(limits));
	if (*limits)
		append(vip->detail, sizeof(vip->detail), "%s", limits);
	/* Last, since two long names may not fit whole. */
	if (strcmp(old_pool, new_pool) != 0)
		append(vip->detail, sizeof(vip->detail), "pool %s → %s", old_pool, new_pool);
	vip->kind = vip->detail[0] ? PLAN_CHANGE : PLAN_KEEP;
}

static int diff_vips(struct plan_work *work)
{
	struct plan *plan = work->plan;

	plan->vips = calloc(work->config->n_vips + work->old->n_vips + 1, sizeof(*plan->vips));
	if (!plan->vips)
		return -ENOMEM;
	for (size_t i = 0; i < work->config->n_vips; i++)
		diff_vip(work, i, &plan->vips[plan->n_vips++]);
	for (size_t i = 0; i < work->old->n_vips; i++)
		if (work->vip_new[i] == PLAN_NONE)
			plan->vips[plan->n_vips++] = (struct plan_vip){
			    .kind = PLAN_REMOVE,
			    .address = work->old->vips[i].address,
			    .port = work->old->vips[i].port,
			    .port_last = work->old->vips[i].port_last,
			    .proto = work->old->vips[i].proto,
			    .old_index = i,
			    .new_index = PLAN_NONE,
			};
	return 0;
}

/* The node */

static bool source_equal(const struct conf_source *a, const struct conf_source *b)
{
	return a->set == b->set &&
	       (!a->set || (addr_equal(&a->address, &b->address) && a->prefix == b->prefix));
}

static bool gue_equal(const struct conf_gue *a, const struct conf_gue *b)
{
	return a->port == b->port && a->variant == b->variant && a->checksum6 == b->checksum6;
}

/* The interfaces are a set: their order in the file says nothing. */
static bool has_interface(const struct conf_node *node, const char *name)
{
	for (size_t i = 0; i < node->n_interfaces; i++)
		if (strcmp(node->interfaces[i], name) == 0)
			return true;
	return false;
}

static bool node_equal(const struct conf_node *a, const struct conf_node *b)
{
	if (a->xdp_mode != b->xdp_mode || a->n_interfaces != b->n_interfaces)
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++)
		if (!has_interface(b, a->interfaces[i]))
			return false;
	return source_equal(&a->tunnel_source_v4, &b->tunnel_source_v4) &&
	       source_equal(&a->tunnel_source_v6, &b->tunnel_source_v6) &&
	       gue_equal(&a->gue, &b->gue);
}

static size_t count_changes(const struct plan_work *work)
{
	const struct plan *plan = work->plan;
	size_t n = plan->node_changed || work->seed_changed;

	for (size_t i = 0; i < plan->n_vips; i++)
		n += plan->vips[i].kind != PLAN_KEEP;
	for (size_t i = 0; i < plan->n_pools; i++)
		n += plan->pools[i].kind != PLAN_KEEP;
	return n == 0 && plan->rebuild ? 1 : n;
}

/* The flow's bits of a prefix, as plan_encap() says. `length` is in bits of the word. */
static uint32_t host_mask_be(unsigned int length)
{
	return length ? htonl((uint32_t)((1ull << (32 - length)) - 1) & ~3u) : 0;
}

void plan_encap(const struct conf_node *node, struct lb_encap *ret_encap)
{
	const unsigned int prefix6 = node->tunnel_source_v6.prefix;

	*ret_encap = (struct lb_encap){
	    .source4_mask_be = host_mask_be(node->tunnel_source_v4.prefix),
	    .source6_mask_be = !prefix6	       ? 0
			       : prefix6 <= 96 ? htonl(~3u)
					       : host_mask_be(prefix6 - 96),
	    .gue_port_be = htons(node->gue.port),
	    .gue_header = node->gue.variant == 0 ? 4 : 0,
	    .gue_zero6 = node->gue.checksum6 == CONF_CHECKSUM6_ZERO,
	};
}

int plan_make(const struct layout *old, const struct lb_config *old_config,
	      const struct lb_config *config, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	struct plan_work work = {
	    .old = old, .old_config = old_config, .config = config, .plan = plan};
	struct lb_encap encap;
	int rc = -ENOMEM;

	if (!plan)
		goto out;
	plan_encap(&config->node, &encap);
	work.seed_changed = old->caps.slots && old->seed != config->node.seed;
	work.encap_changed = old->caps.slots && memcmp(&old->encap, &encap, sizeof(encap)) != 0;
	if (old_config)
		plan->node_changed = !node_equal(&old_config->node, &config->node);
	rc = plan_work_open(&work);
	if (rc == 0)
		rc = open_pools(&work);
	if (rc == 0)
		rc = plan_alloc(&work);
	if (rc == 0)
		rc = diff_pools(&work);
	if (rc == 0)
		rc = diff_vips(&work);
	if (rc)
		goto out;
	plan->layout->seed = config->node.seed;
	plan->layout->encap = encap;
	plan->n_changes = count_changes(&work);
	*ret_plan = plan;
	plan = NULL;
out:
	plan_work_close(&work);
	plan_free(plan);
	return rc;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	layout_free(plan->layout);
	for (size_t i = 0; i < plan->n_pools; i++)
		free(plan->pools[i].backends);
	free(plan->pools);
	free(plan->vips);
	free(plan->backend_moves);
	free(plan->vip_moves);
	free(plan->new_backend_ids);
	free(plan->new_vip_ids);
	free(plan->new_limit_ids);
	free(plan);
}

struct layout *plan_take_layout(struct plan *plan)
{
	struct layout *layout = plan->layout;

	plan->layout = NULL;
	return layout;
}
