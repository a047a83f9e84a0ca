/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_apply.c - from a checked config to the maps.
 *
 * Everything that can fail (memory, the new program, devices, netlink) comes before the switch and
 * is undone on failure; what comes after it is stores to memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "agent_internal.h"
#include "base/log.h"
#include "tables.h"

/* Where an apply stands; whatever is in it when it fails is undone. */
struct apply {
	struct agent *agent;
	struct lb_config *config; /* the new one */
	struct plan *plan;
	struct runtime *rt;
	struct agent_interface *interfaces;
	uint16_t **tables; /* by pool: tables to be written in place after the switch */
	struct probe_target *targets;
	size_t n_targets;
	bool destinations_set;
	struct dataplane_target target;
	struct lb_backend *live_lines;	  /* NULL: nothing is live yet */
	const struct plan_pool **changes; /* by the new pool's index */
	struct lb_config *old_config;	  /* while the new one stands in agent->config */
};

static int set_destinations(struct agent *agent, const struct lb_config *config)
{
	struct lb_addr *list;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_backends;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < config->n_pools; i++)
		for (size_t k = 0; k < config->pools[i].n_backends; k++)
			list[n++] = config->pools[i].backends[k].address;
	r = netlink_set_destinations(agent->netlink, list, n);
	free(list);
	return r;
}

/* A predecessor's lines say who was down; its backends that were up start as up. */
static enum health_state initial_health(const struct apply *apply, const struct layout_pool *old,
					int old_id)
{
	if (old_id < 0 || !apply->live_lines)
		return HEALTH_UNKNOWN;
	return apply->live_lines[old->first_backend + (uint32_t)old_id].flags & LB_BACKEND_DOWN
		   ? HEALTH_DOWN
		   : HEALTH_UP;
}

/* Targets of one pool. Once the probes run, they know the states themselves. */
static int collect_pool(struct apply *apply, size_t i)
{
	const struct conf_pool *pool = &apply->config->pools[i];
	size_t was = apply->changes[i]->old_index, n_index = 0;
	const struct layout_pool *old = NULL;
	struct layout_index *index = NULL;

	if (was != SIZE_MAX && !apply->agent->config) {
		old = &apply->agent->layout->pools[was];
		index = layout_index_backends(old, &n_index);
		if (!index)
			return -ENOMEM;
	}
	for (size_t k = 0; k < pool->n_backends; k++) {
		const struct lb_addr *address = &pool->backends[k].address;
		int id = index ? layout_index_find(index, n_index, address) : -1;

		apply->targets[apply->n_targets++] = (struct probe_target){
		    .pool = pool->name,
		    .address = *address,
		    .health = pool->health,
		    .initial = initial_health(apply, old, id),
		};
	}
	free(index);
	return 0;
}

static int collect_targets(struct apply *apply)
{
	const struct lb_config *config = apply->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		if (config->pools[i].health.type != CONF_HEALTH_NONE)
			n += config->pools[i].n_backends;
	apply->targets = calloc(n + 1, sizeof(*apply->targets));
	if (!apply->targets)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_pools; i++)
		if (config->pools[i].health.type != CONF_HEALTH_NONE && collect_pool(apply, i))
			return -ENOMEM;
	return 0;
}

/* What the runtime knows before the probes are told: the state in the set, or the first one. */
static void set_health(struct apply *apply)
{
	for (size_t i = 0; i < apply->n_targets; i++) {
		struct runtime_pool *pool;
		struct runtime_backend *b = runtime_backend(apply->rt, apply->targets[i].pool,
							    &apply->targets[i].address, &pool);

		if (b)
			b->health = apply->targets[i].initial;
	}
	for (size_t i = 0; i < apply->config->n_pools; i++)
		agent_update_pool(apply->agent, apply->rt, (uint32_t)i);
}

/*
 * Lines of backends that leave a pool just when it moves to another run: its slots hold their local
 * ids until they are stored after the switch, and packets go by them.
 */
static void take_leaving_lines(const struct apply *apply, const struct layout_pool *before,
			       const struct layout_pool *where)
{
	for (uint32_t id = 0; id < before->backend_cap; id++) {
		struct lb_backend line;

		if (where->backends[id].state != LAYOUT_ID_QUARANTINE)
			continue;
		line = apply->live_lines[before->first_backend + id];
		line.flags &= (uint16_t)~LB_BACKEND_USED;
		apply->target.backends[where->first_backend + id] = line;
	}
}

/*
 * Lines of one pool in the target: all of a new run (free ones as zeros), else those of new
 * backends. A line in use is left to the refresh after the switch, unless it could not be used so
 * far.
 */
static int write_new_lines(struct apply *apply, const struct plan_pool *change,
			   struct runtime_pool *pool)
{
	const struct layout_pool *where = &apply->plan->layout->pools[pool->id], *before = NULL;
	struct lb_backend *lines = apply->target.backends + where->first_backend;
	bool fresh = apply->plan->rebuild || change->new_backend_run;
	struct layout_index *index = NULL;
	size_t n_index = 0;

	if (change->old_index == SIZE_MAX) {
		fresh = true;
	} else {
		before = &apply->agent->layout->pools[change->old_index];
		index = layout_index_backends(before, &n_index);
		if (!index)
			return -ENOMEM;
	}
	if (fresh)
		memset(lines, 0, where->backend_cap * sizeof(*lines));
	if (before && change->new_backend_run && !apply->plan->rebuild)
		take_leaving_lines(apply, before, where);
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		struct runtime_backend *b = &pool->backends[i];
		int old_id = index ? layout_index_find(index, n_index, &b->conf->address) : -1;
		struct lb_backend line, current = {0};

		/* The line that it has now says whether it is ready already. */
		if (old_id >= 0 && apply->live_lines)
			current = apply->live_lines[before->first_backend + (uint32_t)old_id];
		agent_wanted_line(apply->agent, b, &current, &line);
		if (fresh || old_id < 0 || !(current.flags & LB_BACKEND_READY))
			dataplane_write_backend(&lines[b->local_id], &line);
	}
	free(index);
	return 0;
}

/* Whether lines and slots of a pool are all new and written before the switch, so that nothing is
 * left to the refresh after it. */
static bool written_whole(const struct plan *plan, const struct plan_pool *change)
{
	return plan->rebuild || change->kind == PLAN_ADD;
}

static int prepare_pool(struct apply *apply, const struct plan_pool *change)
{
	struct runtime_pool *pool = &apply->rt->pools[change->new_index];
	const struct layout_pool *where = &apply->plan->layout->pools[pool->id];
	bool fresh = apply->plan->rebuild || change->new_slot_run || change->kind == PLAN_ADD;
	uint16_t *table;
	int r = write_new_lines(apply, change, pool);

	if (r)
		return r;
	runtime_evaluate(pool);
	table = malloc(where->slot_count * sizeof(*table));
	if (!table)
		return -ENOMEM;
	r = runtime_build_slots(pool, apply->config->node.seed, where->slot_count, table);
	if (r || fresh) {
		if (!r)
			tables_store_slots(&apply->target, where->first_slot, where->slot_count,
					   table);
		free(table);
		return r;
	}
	apply->tables[pool->id] = table;
	return 0;
}

static int zero_new_totals(struct apply *apply)
{
	static const struct lb_vip_counter no_vip;
	static const struct lb_counter none;
	const struct plan *plan = apply->plan;
	int r = 0;

	for (size_t i = 0; i < plan->n_new_limit_ids; i++)
		dataplane_reset_limit(apply->agent->dp, plan->new_limit_ids[i]);
	if (plan->rebuild)
		return 0; /* fresh maps are zero */
	for (size_t i = 0; i < plan->n_new_vip_ids && !r; i++)
		r = dataplane_set_vip_total(apply->agent->dp, plan->new_vip_ids[i], &no_vip);
	for (size_t i = 0; i < plan->n_new_backend_ids && !r; i++)
		r = dataplane_set_backend_total(apply->agent->dp, plan->new_backend_ids[i], &none);
	for (size_t i = 0; i < plan->n_backend_moves && !r; i++)
		r = dataplane_set_backend_total(apply->agent->dp, plan->backend_moves[i].to, &none);
	return r;
}

/* Whether services or the directory differ, so that the other half must become live. */
static bool tables_change(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_vips; i++)
		if (plan->vips[i].kind != PLAN_KEEP)
			return true;
	for (size_t i = 0; i < plan->n_pools; i++) {
		const struct plan_pool *p = &plan->pools[i];

		if (p->kind == PLAN_ADD || p->kind == PLAN_REMOVE || p->new_slot_run ||
		    p->new_backend_run || p->quic_changed)
			return true;
	}
	return plan->rebuild;
}

/* Whether a pool's lines and slots are made in this apply; else it stays as it is. */
static bool is_prepared(const struct plan *plan, const struct plan_pool *change)
{
	return plan->rebuild || change->kind != PLAN_KEEP || change->new_slot_run ||
	       change->new_backend_run;
}

/* Whether netlink must be told of other backends than before; to sort 100,000 costs more than the
 * rest of a small change. */
static bool destinations_change(const struct apply *apply)
{
	for (size_t i = 0; i < apply->plan->n_pools; i++) {
		const struct plan_pool *p = &apply->plan->pools[i];

		if (p->kind == PLAN_ADD || p->kind == PLAN_REMOVE)
			return true;
		for (size_t k = 0; k < p->n_backends; k++)
			if (p->backends[k].kind != PLAN_CHANGE)
				return true;
	}
	/* What a first config finds in adopted maps, netlink has not heard of. */
	return !apply->agent->config;
}

static void wait_grace(struct agent *agent)
{
	dataplane_wait_grace();
	agent->half_busy = false;
}

static int prepare(struct apply *apply, struct err *err)
{
	struct agent *agent = apply->agent;
	struct plan *plan = apply->plan;
	int r = 0;

	if (destinations_change(apply)) {
		/* Where it fails half way, netlink may have the new set already. */
		apply->destinations_set = true;
		r = set_destinations(agent, apply->config);
		if (r)
			return err_set(err, r, "asking for routes and neighbours: %s",
				       strerror(-r));
	}
	if (dataplane_generation(agent->dp)) {
		dataplane_target(agent->dp, &apply->target);
		apply->live_lines = apply->target.backends;
	}
	if (plan->rebuild) {
		r = dataplane_build(agent->dp, &plan->layout->caps, apply->config->node.seed,
				    &plan->layout->encap, err);
		if (r)
			return r;
	}
	r = agent_attach_all(agent, apply->config, &apply->interfaces, err);
	if (r)
		return r;
	apply->rt = runtime_new(apply->config, plan->layout, agent->overrides);
	apply->tables = calloc(plan->layout->n_pools + 1, sizeof(*apply->tables));
	apply->changes = calloc(plan->layout->n_pools + 1, sizeof(*apply->changes));
	if (!apply->rt || !apply->tables || !apply->changes)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < plan->n_pools; i++)
		if (plan->pools[i].new_index != SIZE_MAX)
			apply->changes[plan->pools[i].new_index] = &plan->pools[i];
	if (collect_targets(apply))
		return err_set(err, -ENOMEM, "out of memory");
	set_health(apply);
	dataplane_target(agent->dp, &apply->target);
	/* agent_wanted_line() reads node settings from the config that is to be. */
	apply->old_config = agent->config;
	agent->config = apply->config;
	for (size_t i = 0; i < plan->layout->n_pools && !r; i++)
		if (is_prepared(plan, apply->changes[i]))
			r = prepare_pool(apply, apply->changes[i]);
	agent->config = apply->old_config;
	if (r)
		return err_set(err, r, "building the slots: %s", strerror(-r));
	if (tables_change(plan)) {
		if (agent->half_busy && !plan->rebuild)
			wait_grace(agent);
		r = tables_write(plan->layout, &apply->target, err);
	}
	if (!r)
		r = zero_new_totals(apply);
	if (r && !*err->text)
		err_set(err, r, "writing the maps: %s", strerror(-r));
	if (!r && tables_change(plan))
		r = dataplane_switch(agent->dp, err);
	return r;
}

/* Takes USED off the lines that one layout uses and the other does not, in pools that keep their
 * run. */
static void forget_lines(struct apply *apply, const struct layout *used, const struct layout *kept)
{
	for (size_t i = 0; i < apply->plan->n_pools; i++) {
		const struct plan_pool *p = &apply->plan->pools[i];
		const struct layout_pool *from, *to;
		struct lb_backend *lines;
		bool is_old = used == apply->agent->layout;

		if (apply->plan->rebuild || p->old_index == SIZE_MAX || p->new_index == SIZE_MAX ||
		    p->new_backend_run)
			continue;
		from = &used->pools[is_old ? p->old_index : p->new_index];
		to = &kept->pools[is_old ? p->new_index : p->old_index];
		lines = apply->live_lines + from->first_backend;
		for (uint32_t id = 0; id < from->backend_cap; id++)
			if (from->backends[id].state == LAYOUT_ID_USED &&
			    to->backends[id].state != LAYOUT_ID_USED)
				__atomic_fetch_and(&lines[id].flags, (uint16_t)~LB_BACKEND_USED,
						   __ATOMIC_RELEASE);
	}
}

static void undo(struct apply *apply)
{
	struct agent *agent = apply->agent;

	dataplane_discard(agent->dp);
	if (apply->live_lines) /* else the next agent would take new backends for the pool's */
		forget_lines(apply, apply->plan->layout, agent->layout);
	if (apply->destinations_set && agent->config)
		set_destinations(agent, agent->config);
	if (apply->destinations_set && !agent->config && !agent->adopted)
		netlink_set_destinations(agent->netlink, NULL, 0);
	agent_detach_new(agent, apply->config, apply->interfaces);
}

/*
 * Whether packets that run since before the switch must be waited for: those that count at places
 * whose totals are to be carried on, and those that would add a slot's new content to the first
 * line of the run where their pool lay before.
 */
static bool needs_grace(const struct plan *plan)
{
	if (plan->rebuild && plan->layout->n_limits)
		return true;
	for (size_t i = 0; i < plan->n_vips; i++)
		if (plan->vips[i].kind == PLAN_REMOVE)
			return true;
	for (size_t i = 0; i < plan->n_pools; i++)
		if (plan->pools[i].new_backend_run && plan->pools[i].old_index != SIZE_MAX)
			return true;
	return plan->n_backend_moves || plan->n_vip_moves;
}

/* Totals follow their objects, once no packet counts at the old place any more. What a removed VIP
 * had forwarded stays in the box's sum, so that it never goes down. */
static void carry_totals(struct apply *apply)
{
	struct dataplane *dp = apply->agent->dp;
	const struct plan *plan = apply->plan;
	struct lb_vip_counter vip;
	struct lb_counter backend;

	for (size_t i = 0; i < plan->n_backend_moves; i++)
		if (!dataplane_read_old_backend(dp, plan->backend_moves[i].from, &backend))
			dataplane_add_backend_total(dp, plan->backend_moves[i].to, &backend);
	for (size_t i = 0; i < plan->n_vip_moves; i++)
		if (!dataplane_read_old_vip(dp, plan->vip_moves[i].from, &vip))
			dataplane_add_vip_total(dp, plan->vip_moves[i].to, &vip);
	/* A limit with a serial that was given before is one that is kept. */
	for (size_t i = 0; plan->rebuild && i < plan->layout->n_limits; i++)
		if (plan->layout->limits[i].serial <= apply->agent->layout->limit_serial)
			dataplane_carry_limit(dp, plan->layout->limits[i].id);
	for (size_t i = 0; i < plan->n_vips; i++) {
		const struct plan_vip *p = &plan->vips[i];

		if (p->kind == PLAN_REMOVE &&
		    !dataplane_read_old_vip(dp, apply->agent->layout->vips[p->old_index].vip_id,
					    &vip))
			dataplane_add_reason(dp, LB_REASON_FORWARDED, &vip.forwarded);
	}
}

/* After the switch: stores to memory, and taking the new objects for the old ones. */
static void finish(struct apply *apply)
{
	struct agent *agent = apply->agent;
	bool first = !agent->config;

	agent->half_busy =
	    !apply->plan->rebuild && (agent->half_busy || tables_change(apply->plan));
	if (needs_grace(apply->plan))
		wait_grace(agent);
	for (size_t i = 0; i < apply->plan->layout->n_pools; i++)
		if (apply->tables[i])
			tables_store_slots(&apply->target, apply->plan->layout->pools[i].first_slot,
					   apply->plan->layout->pools[i].slot_count,
					   apply->tables[i]);
	/* Lines of backends that are gone: their slots point elsewhere by now. */
	forget_lines(apply, agent->layout, apply->plan->layout);
	carry_totals(apply);
	dataplane_drop_old(agent->dp);
	agent_detach_unlisted(agent, apply->config);
	/* A pool that is kept goes on as it is, unless node settings changed, or this agent adopted
	 * it and does not know its weights. */
	for (size_t i = 0; i < apply->config->n_pools; i++) {
		const struct plan_pool *change = apply->changes[i];

		if (!first && !is_prepared(apply->plan, change))
			runtime_inherit(&apply->rt->pools[i], &agent->rt->pools[change->old_index]);
		apply->rt->pools[i].dirty =
		    !written_whole(apply->plan, change) &&
		    (apply->rt->pools[i].dirty || first || apply->plan->node_changed ||
		     is_prepared(apply->plan, change));
	}
	layout_free(agent->layout);
	runtime_free(agent->rt);
	conf_free(agent->config);
	free(agent->interfaces);
	agent->layout = plan_take_layout(apply->plan);
	agent->rt = apply->rt;
	agent->rt->layout = agent->layout;
	agent->config = apply->config;
	agent->interfaces = apply->interfaces;
	apply->rt = NULL;
	apply->interfaces = NULL;
	if (probe_set_update(agent->probes, apply->targets, apply->n_targets))
		log_error("out of memory: health probes are as before");
}

int agent_apply(struct agent *agent, struct lb_config *config, json_t **ret_changes,
		struct err *err)
{
	struct apply apply = {.agent = agent, .config = config};
	int r;

	*err = (struct err){0};
	agent->building = true;
	if (layout_has_quarantine(agent->layout)) {
		wait_grace(agent);
		layout_reap(agent->layout);
	}
	r = plan_make(agent->layout, agent->config, config, &apply.plan);
	if (r) {
		err_set(err, r,
			r == -E2BIG ? "too many slots or backends for one box" : "out of memory");
		goto out;
	}
	if (ret_changes)
		*ret_changes = agent_plan_report(agent, apply.plan, config);
	r = prepare(&apply, err);
	if (r) {
		undo(&apply);
		goto out;
	}
	finish(&apply);
	config = NULL;
out:
	agent->building = false;
	if (r && ret_changes) {
		json_decref(*ret_changes);
		*ret_changes = NULL;
	}
	for (size_t i = 0; apply.tables && apply.plan && i < apply.config->n_pools; i++)
		free(apply.tables[i]);
	free(apply.tables);
	free(apply.changes);
	free(apply.targets);
	free(apply.interfaces);
	runtime_free(apply.rt);
	plan_free(apply.plan);
	conf_free(config);
	agent_refresh_dirty(agent);
	return r;
}
