/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_match.c - which pool, VIP and backend of the config is which of the old layout.
 *
 * Keys are sorted once and found by bisection. Most often nothing has moved, so what is
 * in order already is not sorted, and the neighbour of the last match is looked at first.
 */
#include "plan_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maglev.h"

typedef int compare_fn(const void *a, const void *b);

static void sort_if_needed(const void **items, size_t n, compare_fn *compare)
{
	for (size_t i = 1; i < n; i++) {
		if (compare(&items[i - 1], &items[i]) > 0) {
			qsort(items, n, sizeof(*items), compare);
			return;
		}
	}
}

/* Index of `key` in items, or PLAN_NONE; *hint is where to look first, and moves on. */
static size_t find_sorted(const void **items, size_t n, const void *key, compare_fn *compare,
			  size_t *hint)
{
	const void **found = NULL;

	if (*hint < n && compare(&key, &items[*hint]) == 0)
		return (*hint)++;
	if (n)
		found = bsearch(&key, items, n, sizeof(*items), compare);
	if (!found)
		return PLAN_NONE;
	*hint = (size_t)(found - items) + 1;
	return *hint - 1;
}

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
	if (x->port != y->port)
		return x->port - y->port;
	if (x->port_last != y->port_last)
		return x->port_last - y->port_last;
	return x->proto - y->proto;
}

static int match_pools(struct plan_work *work)
{
	const struct layout *old = work->old;
	const void **sorted = calloc(old->n_pools + 1, sizeof(*sorted));
	size_t hint = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < old->n_pools; i++) {
		sorted[i] = &old->pools[i];
		work->pool_new[i] = PLAN_NONE;
	}
	sort_if_needed(sorted, old->n_pools, cmp_pool_name);
	for (size_t i = 0; i < work->config->n_pools; i++) {
		struct layout_pool key = {0};
		size_t found;

		strncpy(key.name, work->config->pools[i].name, LB_NAME_MAX - 1);
		found = find_sorted(sorted, old->n_pools, &key, cmp_pool_name, &hint);
		work->pool_old[i] = PLAN_NONE;
		if (found == PLAN_NONE)
			continue;
		work->pool_old[i] =
		    (size_t)((const struct layout_pool *)sorted[found] - old->pools);
		work->pool_new[work->pool_old[i]] = i;
	}
	free(sorted);
	return 0;
}

static int match_vips(struct plan_work *work)
{
	const struct layout *old = work->old;
	const void **sorted = calloc(old->n_vips + 1, sizeof(*sorted));
	size_t hint = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < old->n_vips; i++) {
		sorted[i] = &old->vips[i];
		work->vip_new[i] = PLAN_NONE;
	}
	sort_if_needed(sorted, old->n_vips, cmp_vip_key);
	for (size_t i = 0; i < work->config->n_vips; i++) {
		const struct conf_vip *conf = &work->config->vips[i];
		const struct layout_vip key = {.address = conf->address,
					       .port = conf->port,
					       .port_last = conf->port_last,
					       .proto = (uint8_t)conf->protocol};
		size_t found = find_sorted(sorted, old->n_vips, &key, cmp_vip_key, &hint);

		work->vip_old[i] = PLAN_NONE;
		if (found == PLAN_NONE)
			continue;
		work->vip_old[i] = (size_t)((const struct layout_vip *)sorted[found] - old->vips);
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

/* Where local ids follow the addresses, as after a rebuild. */
static bool match_backends_in_order(const struct conf_pool *conf, const struct layout_pool *old,
				    int32_t *backend_old)
{
	uint32_t id = 0;

	for (size_t j = 0; j < conf->n_backends; j++, id++) {
		while (id < old->backend_cap &&
		       (old->backends[id].state != LAYOUT_ID_USED ||
			!addr_equal(&old->backends[id].address, &conf->backends[j].address)))
			id++;
		if (id >= old->backend_cap)
			return false;
		backend_old[j] = (int32_t)id;
	}
	return true;
}

static int match_backends(struct plan_work *work, size_t i)
{
	const struct conf_pool *conf = &work->config->pools[i];
	int32_t *backend_old = &work->backend_old[work->backend_at[i]];
	const struct layout_pool *old = NULL;
	const void **sorted;
	size_t n = 0, hint = 0;

	if (work->pool_old[i] != PLAN_NONE)
		old = &work->old->pools[work->pool_old[i]];
	if (old && match_backends_in_order(conf, old, backend_old))
		return 0;
	for (size_t j = 0; j < conf->n_backends; j++)
		backend_old[j] = -1;
	if (!old)
		return 0;
	sorted = calloc(old->backend_cap + 1u, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (uint32_t id = 0; id < old->backend_cap; id++)
		if (old->backends[id].state == LAYOUT_ID_USED)
			sorted[n++] = &old->backends[id];
	sort_if_needed(sorted, n, cmp_backend_address);
	for (size_t j = 0; j < conf->n_backends; j++) {
		const struct layout_backend key = {.address = conf->backends[j].address};
		size_t found = find_sorted(sorted, n, &key, cmp_backend_address, &hint);

		if (found != PLAN_NONE)
			backend_old[j] =
			    (int32_t)((const struct layout_backend *)sorted[found] - old->backends);
	}
	free(sorted);
	return 0;
}

void plan_work_close(struct plan_work *work)
{
	free(work->pool_old);
	free(work->pool_new);
	free(work->vip_old);
	free(work->vip_new);
	free(work->slot_counts);
	free(work->backend_at);
	free(work->backend_old);
	limits_free(&work->limits);
}

int plan_work_open(struct plan_work *work)
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
	if (rc == 0)
		rc = limits_of_config(config, &work->limits);
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
