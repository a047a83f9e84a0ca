/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_refresh.c - between two configs: health, next hops and overrides change which backends are
 * used. Only in-place writes: nothing here can fail but for lack of memory, and then it is tried
 * again.
 *
 * Order matters to packets in flight. A backend that becomes usable gets its line before its slots;
 * one that stops being usable loses its slots before its line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "agent_internal.h"
#include "base/log.h"
#include "tables.h"

#define REFRESH_DELAY_US  2000 /* gathers events that come together */
#define REFRESH_BUDGET_MS 50   /* then other events get their turn */

void agent_schedule_refresh(struct agent *agent)
{
	const struct timeval soon = {0, REFRESH_DELAY_US};

	if (!agent->building && !event_pending(agent->refresh, EV_TIMEOUT, NULL))
		event_add(agent->refresh, &soon);
}

/* Whether two lines are the same backend's: by the destinations of their outer headers. */
static bool same_destination(const struct lb_backend *a, const struct lb_backend *b)
{
	if ((a->flags ^ b->flags) & LB_BACKEND_IPV6)
		return false;
	return a->flags & LB_BACKEND_IPV6 ? !memcmp(a->outer + 24, b->outer + 24, 16)
					  : !memcmp(a->outer + 16, b->outer + 16, 4);
}

void agent_wanted_line(struct agent *agent, struct runtime_backend *backend,
		       const struct lb_backend *current, struct lb_backend *ret_line)
{
	const struct nexthop *nexthop = netlink_nexthop(agent->netlink, &backend->conf->address);
	const struct conf_node *node = &agent->config->node;
	bool held = nexthop && nexthop->status == NEXTHOP_NEIGH_PENDING &&
		    (current->flags & LB_BACKEND_USED) && (current->flags & LB_BACKEND_READY);

	runtime_fill_line(backend, nexthop, node, ret_line);
	/* While a new next hop is being resolved the old one serves, with the source address that
	 * goes with it: make before break. */
	if (held && same_destination(ret_line, current)) {
		const uint16_t of_health = LB_BACKEND_DOWN | LB_BACKEND_ALIVE;
		uint16_t now = ret_line->flags & of_health;

		*ret_line = *current;
		ret_line->flags = (uint16_t)((current->flags & ~of_health) | now);
	}
	backend->ready = ret_line->flags & LB_BACKEND_READY;
}

void agent_update_pool(struct agent *agent, struct runtime *rt, uint32_t index)
{
	struct runtime_pool *pool = &rt->pools[index];

	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		struct runtime_backend *b = &pool->backends[i];
		const struct probe_status *status =
		    probe_set_status(agent->probes, pool->conf->name, &b->conf->address);

		if (pool->conf->health.type == CONF_HEALTH_NONE)
			b->health = HEALTH_UNCHECKED;
		else if (status)
			b->health = status->health.state;
	}
	runtime_judge_health(pool);
}

static void log_pool_state(const struct runtime_pool *pool, size_t usable_before)
{
	if (usable_before && !pool->n_usable)
		log_warning("pool %s: no usable backend; its VIPs drop packets", pool->conf->name);
	else if (!usable_before && pool->n_usable)
		log_notice("pool %s: %zu of %zu backends usable%s", pool->conf->name,
			   pool->n_usable, pool->conf->n_backends,
			   pool->all_down ? "; none is healthy, and when_all_down is use_all" : "");
}

int agent_refresh_pool(struct agent *agent, struct runtime_pool *pool)
{
	const struct layout_pool *where = &agent->layout->pools[pool->id];
	size_t n = pool->conf->n_backends, usable_before = pool->n_usable;
	struct lb_backend *wanted = calloc(n, sizeof(*wanted));
	uint16_t *slots = malloc(where->slot_count * sizeof(*slots));
	struct dataplane_target target;
	int r = wanted && slots ? 0 : -ENOMEM;
	bool rebuild;

	if (r)
		goto out;
	dataplane_target(agent->dp, &target);
	agent_update_pool(agent, agent->rt, pool->id);
	for (size_t i = 0; i < n; i++) {
		struct runtime_backend *b = &pool->backends[i];

		agent_wanted_line(agent, b, &target.backends[where->first_backend + b->local_id],
				  &wanted[i]);
	}
	runtime_evaluate(pool);
	rebuild = !runtime_slots_current(pool);
	if (rebuild)
		r = runtime_build_slots(pool, agent->config->node.seed, where->slot_count, slots);
	if (r)
		goto out;
	for (int lines_of_ready = 1; lines_of_ready >= 0; lines_of_ready--) {
		for (size_t i = 0; i < n; i++) {
			struct lb_backend *line =
			    &target.backends[where->first_backend + pool->backends[i].local_id];

			if (pool->backends[i].ready == lines_of_ready &&
			    memcmp(line, &wanted[i], sizeof(*line)) != 0)
				dataplane_write_backend(line, &wanted[i]);
		}
		if (lines_of_ready && rebuild)
			tables_store_slots(&target, where->first_slot, where->slot_count, slots);
	}
	pool->dirty = false;
	log_pool_state(pool, usable_before);
out:
	free(wanted);
	free(slots);
	return r;
}

void agent_refresh_dirty(struct agent *agent)
{
	double until = agent_now_ms() + REFRESH_BUDGET_MS;

	for (size_t i = 0; agent->rt && i < agent->config->n_pools; i++) {
		if (!agent->rt->pools[i].dirty)
			continue;
		if (agent_refresh_pool(agent, &agent->rt->pools[i]) || agent_now_ms() > until) {
			agent_schedule_refresh(agent);
			return;
		}
	}
}

void agent_on_nexthops(void *ctx, const struct lb_addr *destinations, size_t n)
{
	struct agent *agent = ctx;

	if (!agent->rt)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct nexthop *nexthop = netlink_nexthop(agent->netlink, &destinations[i]);
		size_t n_refs;
		const struct runtime_ref *refs = runtime_find(agent->rt, &destinations[i], &n_refs);
		char text[LB_ADDR_TEXT_MAX];

		if (!n_refs)
			continue;
		for (size_t k = 0; k < n_refs; k++)
			agent->rt->pools[refs[k].pool].dirty = true;
		if (nexthop)
			log_info("next hop of %s: %s", addr_format(&destinations[i], text),
				 nexthop->detail);
	}
	agent_schedule_refresh(agent);
}

void agent_on_health(void *ctx, const char *name, const struct lb_addr *address,
		     const struct probe_status *status)
{
	struct agent *agent = ctx;
	struct runtime_pool *pool;
	struct runtime_backend *backend;
	char text[LB_ADDR_TEXT_MAX];

	if (!agent->rt)
		return;
	backend = runtime_backend(agent->rt, name, address, &pool);
	if (!backend)
		return;
	pool->dirty = true;
	if (status->health.state == HEALTH_DOWN)
		log_warning("pool %s: backend %s is down: %s", name, addr_format(address, text),
			    status->last_error);
	else
		log_notice("pool %s: backend %s is up", name, addr_format(address, text));
	agent_schedule_refresh(agent);
}
