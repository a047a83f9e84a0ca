/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_command.c - lbctl's commands, as they arrive over the control socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent_internal.h"
#include "base/log.h"
#include "plan_report.h"
#include "slots.h"

static json_t *refuse(char **ret_error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static json_t *refuse(char **ret_error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(ret_error, format, args) < 0)
		*ret_error = NULL;
	va_end(args);
	return NULL;
}

/* How much of each pool's hash space a plan moves, given today's health. */
struct shares {
	struct agent *agent;
	const struct plan *plan;
	struct runtime *rt;		  /* as it would be */
	const struct plan_pool **changes; /* by new index */
};

/* New backends count as healthy and reachable; others are as they are now. */
static void foresee(struct shares *s, struct runtime_pool *pool)
{
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		struct runtime_backend *b = &pool->backends[i];
		struct runtime_pool *now_pool;
		const struct runtime_backend *now =
		    s->agent->rt ? runtime_backend(s->agent->rt, pool->conf->name,
						   &b->conf->address, &now_pool)
				 : NULL;

		b->ready = now ? now->ready : true;
		if (now && pool->conf->health.type != CONF_HEALTH_NONE)
			b->health = now->health;
	}
	runtime_evaluate(pool);
}

/* From an old pool's local ids to those of the same backends in a new one. */
static uint16_t *id_translation(const struct layout_pool *from, const struct runtime_pool *to)
{
	uint16_t *ids = malloc((from->backend_cap + 1) * sizeof(*ids));

	for (uint32_t i = 0; ids && i < from->backend_cap; i++) {
		const struct conf_backend *conf =
		    from->backends[i].state == LAYOUT_ID_USED
			? conf_find_backend(to->conf, &from->backends[i].address)
			: NULL;

		ids[i] = conf ? to->backends[conf - to->conf->backends].local_id : UINT16_MAX;
	}
	return ids;
}

static double moved_share(void *ctx, size_t old_index, size_t new_index)
{
	struct shares *s = ctx;
	const struct layout_pool *old = &s->agent->layout->pools[old_index];
	const struct layout_pool *new = &s->plan->layout->pools[new_index];
	struct dataplane_target live;
	uint16_t *table, *ids;
	double share = 1.0;

	if (s->changes[new_index]->kind == PLAN_KEEP &&
	    s->changes[new_index]->old_index == old_index && !s->plan->rebuild)
		return 0.0;
	dataplane_target(s->agent->dp, &live);
	foresee(s, &s->rt->pools[new_index]);
	table = malloc(new->slot_count * sizeof(*table));
	ids = id_translation(old, &s->rt->pools[new_index]);
	if (table && ids &&
	    !runtime_build_slots(&s->rt->pools[new_index], s->rt->config->node.seed,
				 new->slot_count, table))
		share = slots_moved_share(live.slots + old->first_slot, old->slot_count, table,
					  new->slot_count, ids, old->backend_cap);
	free(table);
	free(ids);
	return share;
}

json_t *agent_plan_report(struct agent *agent, const struct plan *plan,
			  const struct lb_config *config)
{
	struct shares s = {.agent = agent, .plan = plan};
	json_t *report = NULL;

	s.rt = runtime_new(config, plan->layout, agent->overrides);
	s.changes = calloc(config->n_pools + 1, sizeof(*s.changes));
	if (s.rt && s.changes) {
		for (size_t i = 0; i < plan->n_pools; i++)
			if (plan->pools[i].new_index != SIZE_MAX)
				s.changes[plan->pools[i].new_index] = &plan->pools[i];
		report = plan_report(plan, agent->layout, agent->config, config, moved_share, &s);
	}
	runtime_free(s.rt);
	free(s.changes);
	return report;
}

static json_t *command_plan(struct agent *agent, const json_t *args, char **ret_error,
			    char **ret_diagnostics)
{
	const char *name = json_string_value(json_object_get(args, "file"));
	const char *text = json_string_value(json_object_get(args, "text"));
	struct lb_config *config = NULL;
	struct plan *plan = NULL;
	struct diag *diag = NULL;
	json_t *report = NULL;
	int r;

	if (!text)
		return refuse(ret_error, "plan wants \"text\", the configuration");
	r = conf_load_text(name ? name : "config", text,
			   json_string_length(json_object_get(args, "text")), &config, &diag);
	if (r) {
		if (diag)
			*ret_diagnostics = diag_text(diag);
		refuse(ret_error, "%s: %zu error%s", name ? name : "config",
		       diag ? diag_errors(diag) : 0, diag && diag_errors(diag) == 1 ? "" : "s");
		goto out;
	}
	r = plan_make(agent->layout, agent->config, config, &plan);
	if (!r)
		report = agent_plan_report(agent, plan, config);
	if (!report)
		refuse(ret_error, "planning: %s", strerror(r ? -r : ENOMEM));
out:
	plan_free(plan);
	conf_free(config);
	diag_free(diag);
	return report;
}

static json_t *command_reload(struct agent *agent, char **ret_error, char **ret_diagnostics)
{
	json_t *changes = NULL;
	struct err err = {0};

	if (agent_load(agent, &changes, ret_diagnostics, &err)) {
		log_error("reload: %s; the running configuration stays", err.text);
		return refuse(ret_error, "%s; the running configuration stays", err.text);
	}
	return json_pack("{s:o, s:f, s:f}", "changes", changes ? changes : json_null(), "took_ms",
			 agent->last_reload.took_ms, "check_ms", agent->last_reload.check_ms);
}

/* The backend that a command names; NULL with an error. */
static struct runtime_backend *named_backend(struct agent *agent, const json_t *args,
					     struct runtime_pool **ret_pool, char **ret_error)
{
	const char *pool = json_string_value(json_object_get(args, "pool"));
	const char *text = json_string_value(json_object_get(args, "address"));
	struct runtime_backend *backend;
	struct lb_addr address;

	if (!pool || !text) {
		refuse(ret_error, "the command wants \"pool\" and \"address\"");
		return NULL;
	}
	if (addr_parse(text, &address)) {
		refuse(ret_error, "'%s' is not an IP address", text);
		return NULL;
	}
	backend = runtime_backend(agent->rt, pool, &address, ret_pool);
	if (!*ret_pool)
		refuse(ret_error, "there is no pool '%s'; 'lbctl vips' shows the pools", pool);
	else if (!backend)
		refuse(ret_error, "pool %s has no backend %s; 'lbctl backends %s' shows them", pool,
		       text, pool);
	return backend;
}

/* Fills in what the command changes; false: it refused. */
static bool new_override(const char *command, const json_t *args, const struct runtime_pool *pool,
			 const struct runtime_backend *backend, struct override *o,
			 char **ret_error)
{
	const json_t *weight = json_object_get(args, "weight");
	json_int_t value = json_integer_value(weight);

	if (!strcmp(command, "drain")) {
		o->drain = true;
	} else if (!strcmp(command, "undrain")) {
		if (backend->conf->state == CONF_BACKEND_DRAIN && !o->drain && !o->has_weight) {
			refuse(ret_error,
			       "pool %s: the configuration file drains this backend (state: "
			       "drain); change it there and reload",
			       pool->conf->name);
			return false;
		}
		o->drain = o->has_weight = false;
	} else {
		if (!json_is_integer(weight) || value < 0 || value > 65535) {
			refuse(ret_error, "a weight is a number from 0 to 65535");
			return false;
		}
		o->weight = (uint32_t)value;
		o->has_weight = o->weight != backend->conf->weight;
	}
	return true;
}

static json_t *command_override(struct agent *agent, const char *command, const json_t *args,
				char **ret_error)
{
	struct runtime_pool *pool;
	struct runtime_backend *backend = named_backend(agent, args, &pool, ret_error);
	const struct override *now;
	struct override wanted = {0};
	struct err err;

	if (!backend)
		return NULL;
	now = overrides_find(agent->overrides, pool->conf->name, &backend->conf->address);
	if (now)
		wanted = *now;
	wanted.pool = (char *)pool->conf->name;
	wanted.address = backend->conf->address;
	if (!new_override(command, args, pool, backend, &wanted, ret_error))
		return NULL;
	if (overrides_set(agent->overrides, &wanted, &err))
		return refuse(ret_error, "%s", err.text);
	runtime_apply_override(
	    backend, overrides_find(agent->overrides, pool->conf->name, &backend->conf->address));
	pool->dirty = true;
	if (agent_refresh_pool(agent, pool))
		agent_schedule_refresh(agent);
	return agent_report_backend(agent, pool, backend);
}

json_t *agent_command(void *ctx, const char *command, const json_t *args, char **ret_error,
		      char **ret_diagnostics)
{
	const char *pool = json_string_value(json_object_get(args, "pool"));
	const char *vip = json_string_value(json_object_get(args, "vip"));
	struct agent *agent = ctx;
	json_t *data;

	if (!agent->config)
		return refuse(ret_error, "the agent is starting");
	if (!strcmp(command, "plan"))
		return command_plan(agent, args, ret_error, ret_diagnostics);
	if (!strcmp(command, "reload"))
		return command_reload(agent, ret_error, ret_diagnostics);
	if (!strcmp(command, "drain") || !strcmp(command, "undrain") || !strcmp(command, "weight"))
		return command_override(agent, command, args, ret_error);
	if (!strcmp(command, "status"))
		data = agent_report_status(agent);
	else if (!strcmp(command, "vips"))
		data = agent_report_vips(agent);
	else if (!strcmp(command, "counters"))
		data = agent_report_counters(agent);
	else if (!strcmp(command, "limits") && vip && !conf_find_vip(agent->config, vip))
		return refuse(ret_error, "there is no VIP '%s'; 'lbctl vips' shows them", vip);
	else if (!strcmp(command, "limits"))
		data = agent_report_limits(agent, vip);
	else if (!strcmp(command, "backends") && pool && !conf_find_pool(agent->config, pool))
		return refuse(ret_error, "there is no pool '%s'; 'lbctl vips' shows the pools",
			      pool);
	else if (!strcmp(command, "backends"))
		data = agent_report_backends(agent, pool);
	else
		return refuse(ret_error, "there is no command '%s'", command);
	return data ? data : refuse(ret_error, "the kernel's counters cannot be read");
}
