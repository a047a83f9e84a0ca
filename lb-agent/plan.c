/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan.c - what differs between the maps and a config, in an operator's words and in indices that
 * the agent applies. Where things lie is plan_alloc.c's.
 */
#include "plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maglev.h"
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

/* Matching: names and keys are sorted once and found by bisection. */

static int cmp_pool_name(const void *a, const void *b)
{
	return strcmp((*(const struct layout_pool *const *)a)->name,
		      (*(const struct layout_pool *const *)b)->name);
}

static int cmp_vip_key(const void *a, const void *b)
{
	const struct layout_vip *x = *(const struct layout_vip *const *)a;
	const struct layout_vip *y = *(const struct layout_vip *const *)b;
	int order = addr_cmp(&x->address, &y->address);

	if (order)
		return order;
	return x->port != y->port ? x->port - y->port : x->proto - y->proto;
}

static int match_pools(struct plan_work *work)
{
	const struct layout *old = work->old;
	const struct layout_pool **sorted = calloc(old->n_pools + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < old->n_pools; i++) {
		sorted[i] = &old->pools[i];
		work->pool_new[i] = PLAN_NONE;
	}
	qsort(sorted, old->n_pools, sizeof(*sorted), cmp_pool_name);
	for (size_t i = 0; i < work->config->n_pools; i++) {
		struct layout_pool key = {0};
		const struct layout_pool *key_ptr = &key, **found;

		strncpy(key.name, work->config->pools[i].name, LB_NAME_MAX - 1);
		found = bsearch(&key_ptr, sorted, old->n_pools, sizeof(*sorted), cmp_pool_name);
		work->pool_old[i] = found ? (size_t)(*found - old->pools) : PLAN_NONE;
		if (found)
			work->pool_new[work->pool_old[i]] = i;
	}
	free(sorted);
	return 0;
}

static int match_vips(struct plan_work *work)
{
	const struct layout *old = work->old;
	const struct layout_vip **sorted = calloc(old->n_vips + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < old->n_vips; i++) {
		sorted[i] = &old->vips[i];
		work->vip_new[i] = PLAN_NONE;
	}
	qsort(sorted, old->n_vips, sizeof(*sorted), cmp_vip_key);
	for (size_t i = 0; i < work->config->n_vips; i++) {
		const struct conf_vip *conf = &work->config->vips[i];
		const struct layout_vip key = {
		    .address = conf->address, .port = conf->port, .proto = (uint8_t)conf->protocol};
		const struct layout_vip *key_ptr = &key, **found;

		found = bsearch(&key_ptr, sorted, old->n_vips, sizeof(*sorted), cmp_vip_key);
		work->vip_old[i] = found ? (size_t)(*found - old->vips) : PLAN_NONE;
		if (found)
			work->vip_new[work->vip_old[i]] = i;
	}
	free(sorted);
	return 0;
}

static int cmp_backend_address(const void *a, const void *b)
{
	return addr_cmp(&(*(const struct layout_backend *const *)a)->address,
			&(*(const struct layout_backend *const *)b)->address);
}

static int match_backends(struct plan_work *work, size_t i)
{
	const struct conf_pool *conf = &work->config->pools[i];
	int32_t *backend_old = &work->backend_old[work->backend_at[i]];
	const struct layout_backend **sorted;
	const struct layout_pool *old;
	size_t n = 0;

	for (size_t j = 0; j < conf->n_backends; j++)
		backend_old[j] = -1;
	if (work->pool_old[i] == PLAN_NONE)
		return 0;
	old = &work->old->pools[work->pool_old[i]];
	sorted = calloc(old->backend_cap + 1u, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (uint32_t id = 0; id < old->backend_cap; id++)
		if (old->backends[id].state == LAYOUT_ID_USED)
			sorted[n++] = &old->backends[id];
	qsort(sorted, n, sizeof(*sorted), cmp_backend_address);
	for (size_t j = 0; j < conf->n_backends; j++) {
		const struct layout_backend key = {.address = conf->backends[j].address};
		const struct layout_backend *key_ptr = &key, **found;

		found = bsearch(&key_ptr, sorted, n, sizeof(*sorted), cmp_backend_address);
		if (found)
			backend_old[j] = (int32_t)(*found - old->backends);
	}
	free(sorted);
	return 0;
}

static void work_close(struct plan_work *work)
{
	free(work->pool_old);
	free(work->pool_new);
	free(work->vip_old);
	free(work->vip_new);
	free(work->slot_counts);
	free(work->backend_at);
	free(work->backend_old);
}

static int work_open(struct plan_work *work)
{
	const struct lb_config *config = work->config;
	int rc;

	for (size_t i = 0; i < config->n_pools; i++)
		work->n_backends += config->pools[i].n_backends;
	work->pool_old = calloc(config->n_pools + 1, sizeof(*work->pool_old));
	work->vip_old = calloc(config->n_vips + 1, sizeof(*work->vip_old));
	work->pool_new = calloc(work->old->n_pools + 1, sizeof(*work->pool_new));
	work->vip_new = calloc(work->old->n_vips + 1, sizeof(*work->vip_new));
	work->slot_counts = calloc(config->n_pools + 1, sizeof(*work->slot_counts));
	work->backend_at = calloc(config->n_pools + 1, sizeof(*work->backend_at));
	work->backend_old = calloc(work->n_backends + 1, sizeof(*work->backend_old));
	if (!work->pool_old || !work->vip_old || !work->pool_new || !work->vip_new ||
	    !work->slot_counts || !work->backend_at || !work->backend_old)
		return -ENOMEM;
	rc = match_pools(work);
	if (rc == 0)
		rc = match_vips(work);
	for (size_t i = 0, at = 0; i < config->n_pools && rc == 0; i++) {
		const struct conf_pool *pool = &config->pools[i];

		work->slot_counts[i] =
		    pool->slots ? pool->slots : maglev_slot_count(pool->n_backends);
		work->backend_at[i] = at;
		at += pool->n_backends;
		rc = match_backends(work, i);
	}
	return rc;
}

/* The old config, whose pools are in name order and whose backends in address order (conf.h). */

static int cmp_conf_pool(const void *key, const void *element)
{
	return strcmp(key, ((const struct conf_pool *)element)->name);
}

static const struct conf_pool *find_old_conf(const struct plan_work *work, const char *name)
{
	if (!work->old_config || work->old_config->n_pools == 0)
		return NULL;
	return bsearch(name, work->old_config->pools, work->old_config->n_pools,
		       sizeof(struct conf_pool), cmp_conf_pool);
}

static int cmp_conf_backend(const void *key, const void *element)
{
	return addr_cmp(key, &((const struct conf_backend *)element)->address);
}

static const struct conf_backend *find_backend(const struct conf_pool *pool,
					       const struct lb_addr *address)
{
	if (!pool || pool->n_backends == 0)
		return NULL;
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

static struct plan_backend *list_backend(struct plan_pool *pool, enum plan_kind kind,
					 const struct lb_addr *address)
{
	struct plan_backend *entry = &pool->backends[pool->n_backends++];

	entry->kind = kind;
	entry->address = *address;
	return entry;
}

static void list_added(struct plan_pool *pool, const struct conf_backend *conf)
{
	struct plan_backend *entry = list_backend(pool, PLAN_ADD, &conf->address);

	append(entry->detail, sizeof(entry->detail), "weight %u", conf->weight);
	if (conf->state != CONF_BACKEND_ACTIVE)
		append(entry->detail, sizeof(entry->detail), "state %s", state_name(conf->state));
}

static void list_changed(struct plan_pool *pool, const struct conf_backend *old,
			 const struct conf_backend *conf)
{
	struct plan_backend *entry;

	if (!old || (old->weight == conf->weight && old->state == conf->state))
		return;
	entry = list_backend(pool, PLAN_CHANGE, &conf->address);
	if (old->weight != conf->weight)
		append(entry->detail, sizeof(entry->detail), "weight %u → %u", old->weight,
		       conf->weight);
	if (old->state != conf->state)
		append(entry->detail, sizeof(entry->detail), "state %s → %s",
		       state_name(old->state), state_name(conf->state));
}

static void list_removed(struct plan_pool *pool, const struct layout_pool *old,
			 const struct conf_pool *conf)
{
	for (uint32_t id = 0; id < old->backend_cap; id++)
		if (old->backends[id].state == LAYOUT_ID_USED &&
		    !find_backend(conf, &old->backends[id].address))
			list_backend(pool, PLAN_REMOVE, &old->backends[id].address);
}

/* Pools */

static int diff_pool(struct plan_work *work, size_t i)
{
	const struct conf_pool *conf = &work->config->pools[i];
	const struct conf_pool *old_conf = find_old_conf(work, conf->name);
	const int32_t *backend_old = &work->backend_old[work->backend_at[i]];
	struct plan_pool *pool = &work->plan->pools[i];
	const struct layout_pool *old = NULL;
	size_t most = conf->n_backends + 1;

	if (pool->old_index != PLAN_NONE) {
		old = &work->old->pools[pool->old_index];
		most += layout_count_backends(old);
	}
	pool->backends = calloc(most, sizeof(*pool->backends));
	if (!pool->backends)
		return -ENOMEM;
	for (size_t j = 0; j < conf->n_backends; j++) {
		const struct conf_backend *backend = &conf->backends[j];

		if (backend_old[j] < 0)
			list_added(pool, backend);
		else
			list_changed(pool, find_backend(old_conf, &backend->address), backend);
	}
	if (!old) {
		pool->kind = PLAN_ADD;
		return 0;
	}
	list_removed(pool, old, conf);
	pool->settings_changed = old_conf && !settings_equal(old_conf, conf);
	if (pool->n_backends || pool->settings_changed || old->slot_count != work->slot_counts[i])
		pool->kind = PLAN_CHANGE;
	return 0;
}

static int list_gone_pool(struct plan_work *work, size_t old_index)
{
	const struct layout_pool *old = &work->old->pools[old_index];
	struct plan_pool *pool = &work->plan->pools[work->plan->n_pools++];

	*pool =
	    (struct plan_pool){.kind = PLAN_REMOVE, .old_index = old_index, .new_index = PLAN_NONE};
	memcpy(pool->name, old->name, sizeof(pool->name));
	pool->backends = calloc(layout_count_backends(old) + 1, sizeof(*pool->backends));
	if (!pool->backends)
		return -ENOMEM;
	list_removed(pool, old, NULL);
	return 0;
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
	return forward == LB_FORWARD_IPIP ? "ipip" : "l2";
}

static const char *affinity_name(uint32_t flags)
{
	return flags & LB_SERVICE_HASH_SOURCE ? "source" : "flow";
}

static void diff_vip(const struct plan_work *work, size_t i, struct plan_vip *vip)
{
	const struct layout_vip *new = &work->plan->layout->vips[i], *old;
	const char *new_pool = work->plan->layout->pools[new->pool_id].name, *old_pool = "?";

	*vip = (struct plan_vip){
	    .kind = PLAN_ADD,
	    .address = new->address,
	    .port = new->port,
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
	if (old->flags != new->flags)
		append(vip->detail, sizeof(vip->detail), "affinity %s → %s",
		       affinity_name(old->flags), affinity_name(new->flags));
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
			    .proto = work->old->vips[i].proto,
			    .old_index = i,
			    .new_index = PLAN_NONE,
			};
	return 0;
}

/* The node */

static bool source_equal(bool has_a, const struct lb_addr *a, bool has_b, const struct lb_addr *b)
{
	return has_a == has_b && (!has_a || addr_equal(a, b));
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
	return source_equal(a->has_tunnel_source_v4, &a->tunnel_source_v4, b->has_tunnel_source_v4,
			    &b->tunnel_source_v4) &&
	       source_equal(a->has_tunnel_source_v6, &a->tunnel_source_v6, b->has_tunnel_source_v6,
			    &b->tunnel_source_v6);
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

int plan_make(const struct layout *old, const struct lb_config *old_config,
	      const struct lb_config *config, struct plan **ret_plan)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	struct plan_work work = {
	    .old = old, .old_config = old_config, .config = config, .plan = plan};
	int rc = -ENOMEM;

	if (!plan)
		goto out;
	if (old_config) {
		work.seed_changed = old_config->node.seed != config->node.seed;
		plan->node_changed = !node_equal(&old_config->node, &config->node);
	}
	rc = work_open(&work);
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
	plan->n_changes = count_changes(&work);
	*ret_plan = plan;
	plan = NULL;
out:
	work_close(&work);
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
	free(plan);
}

struct layout *plan_take_layout(struct plan *plan)
{
	struct layout *layout = plan->layout;

	plan->layout = NULL;
	return layout;
}
