/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan as JSON; see plan_report.h. Pure but for the caller's moved_share(). */
#include "plan_report.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct report {
	const struct plan *plan;
	const struct layout *old;
	const struct lb_config *old_config;
	const struct lb_config *config;
	plan_moved_share moved_share;
	void *ctx;
	struct cached_share *cache; /* [config->n_pools]: thousands of VIPs may share a pool */
};

struct cached_share {
	bool known;
	bool kept; /* the pool is what it was: nothing moves from kept_index to it */
	size_t kept_index;
	size_t old_index;
	double share;
};

/* NaN and rounding must not get into a JSON document. */
static double clamp_share(double share)
{
	if (!(share > 0))
		return 0;
	return share < 1 ? share : 1;
}

static bool reseeded(const struct report *report)
{
	return report->old->caps.slots && report->old->seed != report->config->node.seed;
}

static double pool_share(const struct report *report, size_t old_index, size_t new_index)
{
	struct cached_share *cached = &report->cache[new_index];

	if (reseeded(report))
		return 1;
	if (cached->kept && cached->kept_index == old_index)
		return 0;
	if (cached->known && cached->old_index == old_index)
		return cached->share;
	cached->share = clamp_share(report->moved_share(report->ctx, old_index, new_index));
	cached->old_index = old_index;
	cached->known = true;
	return cached->share;
}

static double vip_share(const struct report *report, const struct plan_vip *vip)
{
	const struct layout_vip *before, *after;

	if (vip->kind == PLAN_ADD)
		return 0;
	if (vip->kind == PLAN_REMOVE)
		return 1;
	before = &report->old->vips[vip->old_index];
	after = &report->plan->layout->vips[vip->new_index];
	if ((before->flags ^ after->flags) & LB_SERVICE_HASH_SOURCE ||
	    before->source_skip != after->source_skip)
		return 1;
	return pool_share(report, before->pool_id, after->pool_id);
}

/*
 * Spares moved_share() the pools that stay as they are, and with them most of the work on a large
 * configuration. Without the old config, "keep" does not say that the weights are the same.
 */
static void mark_kept_pools(struct report *report)
{
	for (size_t i = 0; report->old_config && i < report->plan->n_pools; i++) {
		const struct plan_pool *pool = &report->plan->pools[i];

		if (pool->kind != PLAN_KEEP)
			continue;
		report->cache[pool->new_index].kept = true;
		report->cache[pool->new_index].kept_index = pool->old_index;
	}
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

/* The name of a VIP that the new config does not have. */
static const char *old_vip_name(const struct report *report, const struct plan_vip *vip)
{
	const struct lb_config *config = report->old_config;
	size_t n = config ? config->n_vips : 0;

	/* The layout's order is the config's, unless an adopting agent read it from the maps. */
	for (size_t i = 0; i < n; i++) {
		const struct conf_vip *v = &config->vips[(vip->old_index + i) % n];

		if (v->port == vip->port && v->port_last == vip->port_last &&
		    (uint8_t)v->protocol == vip->proto && addr_equal(&v->address, &vip->address))
			return v->name;
	}
	return NULL;
}

static json_t *report_vip(const struct report *report, const struct plan_vip *vip)
{
	const char *name = vip->kind == PLAN_REMOVE ? old_vip_name(report, vip)
						    : report->config->vips[vip->new_index].name;
	char address[LB_ADDR_TEXT_MAX];

	return json_pack("{s:s, s:s?, s:s, s:i, s:i, s:s, s:o, s:f}", "change",
			 plan_kind_name(vip->kind), "name", name, "address",
			 addr_format(&vip->address, address), "port", (int)vip->port, "port_last",
			 (int)vip->port_last, "protocol",
			 conf_protocol_name((enum conf_protocol)vip->proto), "detail",
			 text_or_null(vip->detail), "moved_share", vip_share(report, vip));
}

static json_t *report_backend(const struct plan_backend *backend)
{
	char address[LB_ADDR_TEXT_MAX];

	return json_pack("{s:s, s:s, s:o}", "change", plan_kind_name(backend->kind), "address",
			 addr_format(&backend->address, address), "detail",
			 text_or_null(backend->detail));
}

/* What changes about a pool besides its backends. */
static void pool_detail(const struct plan_pool *pool, char *buf, size_t size)
{
	bool resized = pool->kind == PLAN_CHANGE && pool->new_slot_run;

	snprintf(buf, size, "%s%s%s",
		 pool->kind == PLAN_CHANGE && pool->settings_changed ? "settings changed" : "",
		 resized && pool->settings_changed ? ", " : "",
		 resized ? "slots laid out anew" : "");
}

static json_t *report_pool(const struct report *report, const struct plan_pool *pool)
{
	json_t *backends = json_array();
	double share = pool->kind == PLAN_REMOVE ? 1 : 0;
	char detail[64];

	if (!backends)
		return NULL;
	for (size_t i = 0; i < pool->n_backends; i++) {
		if (json_array_append_new(backends, report_backend(&pool->backends[i])) < 0) {
			json_decref(backends);
			return NULL;
		}
	}
	if (pool->kind == PLAN_KEEP || pool->kind == PLAN_CHANGE)
		share = pool_share(report, pool->old_index, pool->new_index);
	pool_detail(pool, detail, sizeof(detail));
	return json_pack("{s:s, s:s, s:o, s:f, s:o}", "change", plan_kind_name(pool->kind), "name",
			 pool->name, "detail", text_or_null(detail), "moved_share", share,
			 "backends", backends);
}

static const char *mode_name(enum conf_xdp_mode mode)
{
	static const char *const names[] = {"auto", "native", "generic"};

	return names[mode];
}

static void print_interfaces(FILE *out, const struct conf_node *node)
{
	for (size_t i = 0; i < node->n_interfaces; i++)
		fprintf(out, "%s%s", i ? " " : "", node->interfaces[i]);
}

static bool same_interfaces(const struct conf_node *a, const struct conf_node *b)
{
	if (a->n_interfaces != b->n_interfaces)
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++) {
		if (strcmp(a->interfaces[i], b->interfaces[i]))
			return false;
	}
	return true;
}

static void print_source(FILE *out, const char *family, const struct conf_source *before,
			 const struct conf_source *after)
{
	char a[CONF_SOURCE_TEXT_MAX], b[CONF_SOURCE_TEXT_MAX];

	conf_format_source(before, a);
	conf_format_source(after, b);
	if (strcmp(a, b) != 0)
		fprintf(out, ", tunnel source %s %s → %s", family, a, b);
}

static void print_gue(FILE *out, const struct conf_gue *before, const struct conf_gue *after)
{
	if (before->port != after->port)
		fprintf(out, ", gue port %u → %u", before->port, after->port);
	if (before->variant != after->variant)
		fprintf(out, ", gue variant %u → %u", before->variant, after->variant);
	if (before->checksum6 != after->checksum6)
		fprintf(out, ", gue ipv6_checksum %s → %s", conf_checksum6_name(before->checksum6),
			conf_checksum6_name(after->checksum6));
}

/* ", interfaces eth0 → eth0 eth1, xdp_mode auto → native"; nothing where nothing differs. */
static void print_node_changes(FILE *out, const struct conf_node *before,
			       const struct conf_node *after)
{
	if (!same_interfaces(before, after)) {
		fputs(", interfaces ", out);
		print_interfaces(out, before);
		fputs(" → ", out);
		print_interfaces(out, after);
	}
	if (before->xdp_mode != after->xdp_mode)
		fprintf(out, ", xdp_mode %s → %s", mode_name(before->xdp_mode),
			mode_name(after->xdp_mode));
	if (before->seed != after->seed)
		fprintf(out, ", seed %llu → %llu", (unsigned long long)before->seed,
			(unsigned long long)after->seed);
	print_source(out, "IPv4", &before->tunnel_source_v4, &after->tunnel_source_v4);
	print_source(out, "IPv6", &before->tunnel_source_v6, &after->tunnel_source_v6);
	print_gue(out, &before->gue, &after->gue);
}

static void print_node(FILE *out, const struct conf_node *node)
{
	fputs(", interfaces ", out);
	print_interfaces(out, node);
	fprintf(out, ", xdp_mode %s", mode_name(node->xdp_mode));
}

static json_t *report_node(const struct report *report)
{
	const struct conf_node *after = &report->config->node;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *node;

	if (!out)
		return NULL;
	if (report->old_config)
		print_node_changes(out, &report->old_config->node, after);
	else if (report->plan->node_changed)
		print_node(out, after);
	if (fclose(out))
		node = NULL;
	else
		node = size > 2 ? json_string(text + 2) : json_null(); /* after the first ", " */
	free(text);
	return node;
}

static json_t *report_vips(const struct report *report)
{
	json_t *vips = json_array();

	for (size_t i = 0; vips && i < report->plan->n_vips; i++) {
		if (json_array_append_new(vips, report_vip(report, &report->plan->vips[i])) < 0) {
			json_decref(vips);
			return NULL;
		}
	}
	return vips;
}

static json_t *report_pools(const struct report *report)
{
	json_t *pools = json_array();

	for (size_t i = 0; pools && i < report->plan->n_pools; i++) {
		if (json_array_append_new(pools, report_pool(report, &report->plan->pools[i])) <
		    0) {
			json_decref(pools);
			return NULL;
		}
	}
	return pools;
}

json_t *plan_report(const struct plan *plan, const struct layout *old,
		    const struct lb_config *old_config, const struct lb_config *config,
		    plan_moved_share moved_share, void *ctx)
{
	struct report report = {
	    .plan = plan,
	    .old = old,
	    .old_config = old_config,
	    .config = config,
	    .moved_share = moved_share,
	    .ctx = ctx,
	    .cache = calloc(config->n_pools + 1, sizeof(struct cached_share)),
	};
	json_t *result;

	if (!report.cache)
		return NULL;
	mark_kept_pools(&report);
	/* json_pack() takes the references that are left when one of them is NULL. */
	result = json_pack("{s:b, s:s?, s:I, s:o, s:o, s:o}", "rebuild", (int)plan->rebuild,
			   "rebuild_reason", plan->rebuild_reason, "n_changes",
			   (json_int_t)plan->n_changes, "vips", report_vips(&report), "pools",
			   report_pools(&report), "node", report_node(&report));
	free(report.cache);
	return result;
}
