/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_alloc.c - ids and runs for a config: where they were wherever possible, and never where a
 * packet in flight may still look for something else.
 */
#include "plan_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/portrange.h"
#include "svctable.h"

#define RUN_TOTAL_MAX	   (1ull << 31)
#define SLOT_CAP_STEP	   4096u
#define ID_CAP_STEP	   16u
#define BACKEND_RUN_STEP   8u
#define BACKEND_SPARE_MIN  2u
#define BACKEND_SPARE_PART 8u /* an eighth of the lines of a pool is spare */

static uint64_t round_up(uint64_t n, uint64_t step)
{
	return (n + step - 1) / step * step;
}

/* Lines for a pool of n backends, so that some can be added where it lies. */
static uint32_t backend_cap_for(uint64_t n)
{
	uint64_t spare = n / BACKEND_SPARE_PART;

	if (spare < BACKEND_SPARE_MIN)
		spare = BACKEND_SPARE_MIN;
	return (uint32_t)round_up(n + spare, BACKEND_RUN_STEP);
}

static uint64_t with_a_quarter(uint64_t n)
{
	return n + (n + 3) / 4;
}

static struct layout *layout_for(const struct plan_work *work, const struct layout_caps *caps)
{
	struct layout *layout = layout_new(caps);

	if (!layout)
		return NULL;
	layout->pools = calloc(work->config->n_pools + 1, sizeof(*layout->pools));
	layout->vips = calloc(work->config->n_vips + 1, sizeof(*layout->vips));
	if (!layout->pools || !layout->vips) {
		layout_free(layout);
		return NULL;
	}
	layout->n_pools = work->config->n_pools;
	layout->n_vips = work->config->n_vips;
	for (size_t i = 0; i < layout->n_pools; i++)
		strncpy(layout->pools[i].name, work->config->pools[i].name, LB_NAME_MAX - 1);
	return layout;
}

static const struct layout_pool *old_pool_of(const struct plan_work *work, size_t i)
{
	return work->pool_old[i] == PLAN_NONE ? NULL : &work->old->pools[work->pool_old[i]];
}

static void describe_vip(const struct conf_vip *conf, struct layout_vip *vip)
{
	static const uint8_t forwards[] = {
	    [CONF_FORWARD_L2] = LB_FORWARD_L2,
	    [CONF_FORWARD_IPIP] = LB_FORWARD_IPIP,
	    [CONF_FORWARD_GUE] = LB_FORWARD_GUE,
	};

	vip->address = conf->address;
	vip->port = conf->port;
	vip->port_last = conf->port_last;
	vip->proto = (uint8_t)conf->protocol;
	vip->forward = forwards[conf->forward];
	if (conf->affinity == CONF_AFFINITY_SOURCE) {
		vip->flags = LB_SERVICE_HASH_SOURCE;
		if (conf->affinity_prefix)
			vip->source_skip = addr_bits(&conf->address) - conf->affinity_prefix;
	}
	if (conf->affinity == CONF_AFFINITY_QUIC)
		vip->flags = LB_SERVICE_QUIC;
	vip->pool_id = (uint32_t)conf->pool;
}

static void note_quic_ids(struct plan_work *work, size_t i, const uint32_t *local)
{
	const struct conf_pool *conf = &work->config->pools[i];
	struct layout_pool *pool = &work->plan->layout->pools[i];

	for (size_t j = 0; j < conf->n_backends; j++)
		pool->backends[local[j]].quic_id = conf->quic ? conf->backends[j].quic_id : 0;
}

/* Notes which global ids a pool's backends have now, and which they had. `local` is by the config's
 * backend. */
static void note_backend_ids(struct plan_work *work, size_t i, const uint32_t *local)
{
	struct plan *plan = work->plan;
	const struct layout_pool *pool = &plan->layout->pools[i], *old = old_pool_of(work, i);

	for (size_t j = 0; j < work->config->pools[i].n_backends; j++) {
		int32_t old_local = work->backend_old[work->backend_at[i] + j];
		uint32_t to = pool->first_backend + local[j], from;

		if (old_local < 0) {
			plan->new_backend_ids[plan->n_new_backend_ids++] = to;
			continue;
		}
		from = old->first_backend + (uint32_t)old_local;
		if (plan->rebuild || from != to)
			plan->backend_moves[plan->n_backend_moves++] =
			    (struct plan_id_move){.from = from, .to = to};
	}
}

static int new_slot_run(struct plan_work *work, size_t i)
{
	struct layout *layout = work->plan->layout;
	struct layout_pool *pool = &layout->pools[i];

	work->plan->pools[i].new_slot_run = true;
	pool->slot_count = work->slot_counts[i];
	return extent_alloc(layout->slot_runs, pool->slot_count, LB_SLOTS_PER_LINE,
			    &pool->first_slot);
}

static int new_backend_run(struct plan_work *work, size_t i, uint32_t cap)
{
	struct layout *layout = work->plan->layout;
	struct layout_pool *pool = &layout->pools[i];

	work->plan->pools[i].new_backend_run = true;
	pool->backend_cap = cap;
	return extent_alloc(layout->backend_runs, cap, 1, &pool->first_backend);
}

static int release_run(struct extent_pool *runs, uint32_t first, uint32_t count)
{
	return count ? extent_release(runs, first, count) : 0;
}

static int keep_or_move_slots(struct plan_work *work, size_t i, const struct layout_pool *old)
{
	struct layout *layout = work->plan->layout;
	int rc;

	if (old && old->slot_count == work->slot_counts[i]) {
		layout->pools[i].first_slot = old->first_slot;
		layout->pools[i].slot_count = old->slot_count;
		return 0;
	}
	if (old) {
		rc = release_run(layout->slot_runs, old->first_slot, old->slot_count);
		if (rc)
			return rc;
	}
	return new_slot_run(work, i);
}

/*
 * A pool's run of backends stays while it has enough lines. A new one keeps the old local ids,
 * those in quarantine too: the pool's slots hold local ids, and a packet may be between reading its
 * slot and its backend.
 */
static int keep_or_move_backends(struct plan_work *work, size_t i, const struct layout_pool *old)
{
	struct layout *layout = work->plan->layout;
	struct layout_pool *pool = &layout->pools[i];
	const int32_t *old_local = &work->backend_old[work->backend_at[i]];
	size_t n = work->config->pools[i].n_backends, kept = 0, held = 0, cap;
	int rc;

	for (uint32_t id = 0; old && id < old->backend_cap; id++)
		held += old->backends[id].state != LAYOUT_ID_FREE;
	for (size_t j = 0; j < n; j++)
		kept += old_local[j] >= 0;
	if (old && old->backend_cap >= held + n - kept) {
		pool->first_backend = old->first_backend;
		pool->backend_cap = old->backend_cap;
		return 0;
	}
	if (old) {
		rc = release_run(layout->backend_runs, old->first_backend, old->backend_cap);
		if (rc)
			return rc;
	}
	/* More lines than the old run has, so that every old local id is in it. */
	cap = backend_cap_for(held + n - kept);
	if (cap > LB_SLOT_NONE)
		return -ENOSPC; /* a slot could not hold the ids; a rebuild makes them compact */
	return new_backend_run(work, i, (uint32_t)cap);
}

static int assign_backends_in_place(struct plan_work *work, size_t i, const struct layout_pool *old,
				    uint32_t *local)
{
	struct layout_pool *pool = &work->plan->layout->pools[i];
	const struct conf_pool *conf = &work->config->pools[i];
	const int32_t *old_local = &work->backend_old[work->backend_at[i]];
	uint32_t next = 0;

	pool->backends = calloc(pool->backend_cap, sizeof(*pool->backends));
	if (!pool->backends)
		return -ENOMEM;
	for (uint32_t id = 0; old && id < old->backend_cap; id++) {
		if (old->backends[id].state == LAYOUT_ID_FREE)
			continue;
		pool->backends[id] = old->backends[id];
		pool->backends[id].state = LAYOUT_ID_QUARANTINE; /* unless found below */
	}
	for (size_t j = 0; j < conf->n_backends; j++)
		if (old_local[j] >= 0)
			pool->backends[old_local[j]].state = LAYOUT_ID_USED;
	for (size_t j = 0; j < conf->n_backends; j++) {
		if (old_local[j] >= 0) {
			local[j] = (uint32_t)old_local[j];
			continue;
		}
		while (pool->backends[next].state != LAYOUT_ID_FREE)
			next++;
		local[j] = next;
		pool->backends[next] = (struct layout_backend){
		    .address = conf->backends[j].address,
		    .state = LAYOUT_ID_USED,
		};
	}
	return 0;
}

static int place_pools(struct plan_work *work, uint32_t *local, const char **ret_reason)
{
	for (size_t i = 0; i < work->config->n_pools; i++) {
		const struct layout_pool *old = old_pool_of(work, i);
		int rc = keep_or_move_slots(work, i, old);

		*ret_reason = "no room for the slots";
		if (rc)
			return rc;
		*ret_reason = "no room for the backends";
		rc = keep_or_move_backends(work, i, old);
		if (rc)
			return rc;
		rc = assign_backends_in_place(work, i, old, local);
		if (rc)
			return rc;
		note_quic_ids(work, i, local);
		note_backend_ids(work, i, local);
	}
	return 0;
}

static int place_vips(struct plan_work *work, const char **ret_reason)
{
	struct plan *plan = work->plan;

	*ret_reason = "no room for the VIPs";
	for (size_t i = 0; i < work->config->n_vips; i++) {
		struct layout_vip *vip = &plan->layout->vips[i];
		size_t old = work->vip_old[i];
		int rc;

		describe_vip(&work->config->vips[i], vip);
		if (old != PLAN_NONE) {
			vip->vip_id = work->old->vips[old].vip_id;
			continue;
		}
		rc = extent_alloc(plan->layout->vip_ids, 1, 1, &vip->vip_id);
		if (rc)
			return rc;
		plan->new_vip_ids[plan->n_new_vip_ids++] = vip->vip_id;
	}
	return 0;
}

static int release_gone(struct plan_work *work)
{
	const struct layout *old = work->old;
	struct layout *layout = work->plan->layout;
	int rc = 0;

	for (size_t i = 0; i < old->n_pools && rc == 0; i++) {
		const struct layout_pool *pool = &old->pools[i];

		if (work->pool_new[i] != PLAN_NONE)
			continue;
		rc = release_run(layout->slot_runs, pool->first_slot, pool->slot_count);
		if (rc == 0)
			rc = release_run(layout->backend_runs, pool->first_backend,
					 pool->backend_cap);
	}
	for (size_t i = 0; i < old->n_vips && rc == 0; i++)
		if (work->vip_new[i] == PLAN_NONE)
			rc = extent_release(layout->vip_ids, old->vips[i].vip_id, 1);
	return rc;
}

/* The extents of the old layout, to go on from. */
static int take_over_extents(struct layout *layout, const struct layout *old)
{
	extent_free(layout->slot_runs);
	extent_free(layout->backend_runs);
	extent_free(layout->vip_ids);
	extent_free(layout->limit_ids);
	layout->slot_runs = extent_clone(old->slot_runs);
	layout->backend_runs = extent_clone(old->backend_runs);
	layout->vip_ids = extent_clone(old->vip_ids);
	layout->limit_ids = extent_clone(old->limit_ids);
	return layout->slot_runs && layout->backend_runs && layout->vip_ids && layout->limit_ids
		   ? 0
		   : -ENOMEM;
}

/* Entries of lb_quic for the pools that VIPs with affinity: quic use: ids from 0 to the largest. */
static uint32_t quic_entries(const struct lb_config *config)
{
	uint32_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct conf_pool *pool = &config->pools[i];
		uint32_t largest = 0;

		for (size_t j = 0; pool->quic && j < pool->n_backends; j++)
			if (pool->backends[j].quic_id > largest)
				largest = pool->backends[j].quic_id;
		n += largest ? largest + 1 : 0;
	}
	return n;
}

/* Lines of lb_ranges that the VIPs of several ports can take: see portrange_flatten(), and one for
 * each of which nothing is left. */
static uint32_t range_lines(const struct lb_config *config)
{
	uint32_t n = 0;

	for (size_t i = 0; i < config->n_vips; i++)
		if (config->vips[i].port != config->vips[i].port_last)
			n += PORTRANGE_PARTS(1);
	return n;
}

/* -ENOSPC and a reason: there is no room. */
static int alloc_in_place(struct plan_work *work, uint32_t *local, const char **ret_reason)
{
	const struct lb_config *config = work->config;
	const struct layout_caps *caps = &work->old->caps;
	int rc;

	*ret_reason = "no room for the pools";
	if (config->n_pools > caps->pools)
		return -ENOSPC;
	*ret_reason = "no room for the VIPs";
	if (svctable_lines(config->n_vips) > caps->service_lines ||
	    svctable_buckets(config->n_vips) > caps->buckets)
		return -ENOSPC;

	*ret_reason = "no room for the port ranges";
	if (range_lines(config) > caps->ranges)
		return -ENOSPC;
	*ret_reason = "no room for the QUIC ids";
	if (quic_entries(config) > caps->quic)
		return -ENOSPC;

	work->plan->layout = layout_for(work, caps);
	if (!work->plan->layout)
		return -ENOMEM;
	rc = take_over_extents(work->plan->layout, work->old);
	if (rc)
		return rc;
	rc = release_gone(work);
	if (rc)
		return rc;
	rc = place_pools(work, local, ret_reason);
	if (rc)
		return rc;
	rc = place_vips(work, ret_reason);
	return rc ? rc : plan_limits_in_place(work, ret_reason);
}

/* Sizes for the config and a quarter more. */
static int new_caps(const struct plan_work *work, struct layout_caps *ret_caps)
{
	const struct lb_config *config = work->config;
	uint64_t slots = 0, backends = 0, vips = with_a_quarter(config->n_vips);

	for (size_t i = 0; i < config->n_pools; i++) {
		slots += round_up(work->slot_counts[i], LB_SLOTS_PER_LINE);
		backends += backend_cap_for(config->pools[i].n_backends);
	}
	if (slots > RUN_TOTAL_MAX || backends > RUN_TOTAL_MAX || vips > RUN_TOTAL_MAX / 4)
		return -E2BIG;
	slots = round_up(with_a_quarter(slots), SLOT_CAP_STEP);
	backends = round_up(with_a_quarter(backends), ID_CAP_STEP);
	*ret_caps = (struct layout_caps){
	    .slots = (uint32_t)(slots < RUN_TOTAL_MAX ? slots : RUN_TOTAL_MAX),
	    .backends = (uint32_t)(backends < RUN_TOTAL_MAX ? backends : RUN_TOTAL_MAX),
	    .vips = (uint32_t)round_up(vips, ID_CAP_STEP),
	    .pools = (uint32_t)round_up(with_a_quarter(config->n_pools), ID_CAP_STEP),
	    .service_lines = svctable_lines(vips),
	    .buckets = svctable_buckets(vips),
	    .quic = (uint32_t)round_up(with_a_quarter(quic_entries(config)), ID_CAP_STEP),
	    .ranges = (uint32_t)round_up(with_a_quarter(range_lines(config)), ID_CAP_STEP),
	};
	/* An empty config still makes maps, which cannot have no entry. */
	if (!ret_caps->slots)
		ret_caps->slots = SLOT_CAP_STEP;
	if (!ret_caps->backends)
		ret_caps->backends = ID_CAP_STEP;
	if (!ret_caps->vips)
		ret_caps->vips = ID_CAP_STEP;
	if (!ret_caps->pools)
		ret_caps->pools = ID_CAP_STEP;
	return plan_limits_caps(work, ret_caps);
}

/* Local ids in the config's order, which is the addresses'. */
static int rebuild_pool(struct plan_work *work, size_t i, uint32_t *local)
{
	struct layout_pool *pool = &work->plan->layout->pools[i];
	const struct conf_pool *conf = &work->config->pools[i];
	int rc;

	rc = new_slot_run(work, i);
	if (rc)
		return rc;
	rc = new_backend_run(work, i, backend_cap_for(conf->n_backends));
	if (rc)
		return rc;
	pool->backends = calloc(pool->backend_cap, sizeof(*pool->backends));
	if (!pool->backends)
		return -ENOMEM;
	for (size_t j = 0; j < conf->n_backends; j++) {
		local[j] = (uint32_t)j;
		pool->backends[j] = (struct layout_backend){
		    .address = conf->backends[j].address,
		    .state = LAYOUT_ID_USED,
		};
	}
	note_quic_ids(work, i, local);
	note_backend_ids(work, i, local);
	return 0;
}

static int alloc_anew(struct plan_work *work, uint32_t *local)
{
	struct plan *plan = work->plan;
	struct layout_caps caps;
	int rc;

	rc = new_caps(work, &caps);
	if (rc)
		return rc;
	plan->layout = layout_for(work, &caps);
	if (!plan->layout)
		return -ENOMEM;
	for (size_t i = 0; i < work->config->n_pools; i++) {
		rc = rebuild_pool(work, i, local);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < work->config->n_vips; i++) {
		struct layout_vip *vip = &plan->layout->vips[i];
		size_t old = work->vip_old[i];

		describe_vip(&work->config->vips[i], vip);
		rc = extent_alloc(plan->layout->vip_ids, 1, 1, &vip->vip_id);
		if (rc)
			return rc;
		if (old == PLAN_NONE)
			plan->new_vip_ids[plan->n_new_vip_ids++] = vip->vip_id;
		else
			plan->vip_moves[plan->n_vip_moves++] = (struct plan_id_move){
			    .from = work->old->vips[old].vip_id,
			    .to = vip->vip_id,
			};
	}
	return plan_limits_anew(work);
}

static int check_limits(const struct plan_work *work)
{
	for (size_t i = 0; i < work->config->n_pools; i++)
		if (work->slot_counts[i] > LB_SLOTS_MAX ||
		    work->config->pools[i].n_backends > LB_POOL_BACKENDS_MAX)
			return -E2BIG;
	return 0;
}

/* Forgets what an attempt in place has noted. */
static void start_anew(struct plan *plan, size_t n_pools)
{
	layout_free(plan->layout);
	plan->layout = NULL;
	plan->n_backend_moves = plan->n_new_backend_ids = plan->n_new_vip_ids = 0;
	plan->n_new_limit_ids = 0;
	for (size_t i = 0; i < n_pools; i++)
		plan->pools[i].new_slot_run = plan->pools[i].new_backend_run = false;
}

int plan_alloc(struct plan_work *work)
{
	const struct layout_caps *caps = &work->old->caps;
	struct plan *plan = work->plan;
	size_t most = work->n_backends + 1;
	const char *reason = NULL;
	uint32_t *local = NULL;
	int rc;

	rc = check_limits(work);
	if (rc)
		return rc;
	local = calloc(most, sizeof(*local));
	plan->backend_moves = calloc(most, sizeof(*plan->backend_moves));
	plan->new_backend_ids = calloc(most, sizeof(*plan->new_backend_ids));
	plan->vip_moves = calloc(work->config->n_vips + 1, sizeof(*plan->vip_moves));
	plan->new_vip_ids = calloc(work->config->n_vips + 1, sizeof(*plan->new_vip_ids));
	rc = -ENOMEM;
	if (!local || !plan->backend_moves || !plan->new_backend_ids || !plan->vip_moves ||
	    !plan->new_vip_ids)
		goto out;

	if (caps->slots == 0 && caps->backends == 0 && caps->vips == 0) {
		reason = "there are no maps yet";
		rc = -ENOSPC;
	} else if (work->seed_changed) {
		reason = "the seed has changed";
		rc = -ENOSPC;
	} else if (work->encap_changed) {
		reason = "the settings of encapsulation have changed";
		rc = -ENOSPC;
	} else {
		rc = alloc_in_place(work, local, &reason);
	}
	if (rc == -ENOSPC) {
		start_anew(plan, work->config->n_pools);
		plan->rebuild = true;
		plan->rebuild_reason = reason;
		rc = alloc_anew(work, local);
	}
out:
	free(local);
	return rc;
}
