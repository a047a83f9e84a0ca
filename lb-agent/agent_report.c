/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_report.c - what the agent knows, as JSON (ctl.h says the shapes).
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_internal.h"

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *interface_json(const struct agent_interface *interface)
{
	const struct dataplane_attachment *a = &interface->attachment;

	return json_pack("{s:s, s:b, s:b, s:o, s:b, s:o}", "name", interface->name, "present",
			 interface->present, "attached", a->attached, "mode",
			 text_or_null(!a->attached		     ? NULL
				      : a->mode == DATAPLANE_GENERIC ? "generic"
								     : "native"),
			 "dispatcher", a->dispatcher, "error", text_or_null(interface->error));
}

static json_t *last_reload_json(const struct agent *agent)
{
	struct tm utc;
	char at[32];

	gmtime_r(&agent->last_reload.at, &utc);
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_pack("{s:s, s:b, s:o, s:f, s:f}", "at", at, "ok", agent->last_reload.ok,
			 "error", text_or_null(agent->last_reload.error), "took_ms",
			 agent->last_reload.took_ms, "check_ms", agent->last_reload.check_ms);
}

static bool uses(const struct lb_config *config, enum conf_forward forward)
{
	for (size_t i = 0; i < config->n_vips; i++)
		if (config->vips[i].forward == forward)
			return true;
	return false;
}

/* How tunnels are made, where a VIP uses any; else null. */
static json_t *tunnels_json(const struct lb_config *config)
{
	const bool gue = uses(config, CONF_FORWARD_GUE);
	char v4[CONF_SOURCE_TEXT_MAX], v6[CONF_SOURCE_TEXT_MAX];
	const struct conf_node *node = &config->node;

	if (!gue && !uses(config, CONF_FORWARD_IPIP))
		return json_null();
	return json_pack(
	    "{s:s, s:s, s:o}", "source_ipv4", conf_format_source(&node->tunnel_source_v4, v4),
	    "source_ipv6", conf_format_source(&node->tunnel_source_v6, v6), "gue",
	    gue ? json_pack("{s:i, s:i, s:s}", "port", node->gue.port, "variant", node->gue.variant,
			    "ipv6_checksum", conf_checksum6_name(node->gue.checksum6))
		: json_null());
}

json_t *agent_report_status(struct agent *agent)
{
	json_t *interfaces = json_array(), *status;
	size_t backends = 0, usable = 0;

	for (size_t i = 0; i < agent->config->node.n_interfaces; i++)
		json_array_append_new(interfaces, interface_json(&agent->interfaces[i]));
	for (size_t i = 0; i < agent->config->n_pools; i++) {
		backends += agent->config->pools[i].n_backends;
		usable += agent->rt->pools[i].n_usable;
	}
	status = json_pack(
	    "{s:s, s:i, s:s, s:f, s:o, s:I, s:i, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
	    "version", SLUICE_VERSION, "pid", (int)getpid(), "config_file",
	    agent->options.config_path, "uptime_s",
	    agent_now_ms() / 1e3 - (double)agent->started.tv_sec -
		(double)agent->started.tv_nsec / 1e9,
	    "last_reload", last_reload_json(agent), "generation",
	    (json_int_t)dataplane_generation(agent->dp), "abi", (int)LB_ABI_VERSION, "adopted",
	    agent->adopted, "interfaces", interfaces, "vips", (json_int_t)agent->config->n_vips,
	    "pools", (json_int_t)agent->config->n_pools, "backends", (json_int_t)backends,
	    "backends_usable", (json_int_t)usable, "overrides",
	    (json_int_t)overrides_count(agent->overrides), "map_memory_bytes",
	    (json_int_t)dataplane_map_memory(agent->dp), "tunnels", tunnels_json(agent->config));
	return status;
}

static json_t *affinity_prefix_json(const struct conf_vip *vip)
{
	if (vip->affinity != CONF_AFFINITY_SOURCE)
		return json_null();
	return json_integer(vip->affinity_prefix ? vip->affinity_prefix : addr_bits(&vip->address));
}

json_t *agent_report_vips(struct agent *agent)
{
	uint32_t cap = agent->layout->caps.vips;
	struct lb_vip_counter *totals = calloc(cap + 1, sizeof(*totals));
	json_t *list = json_array();

	if (!totals || dataplane_read_vips(agent->dp, totals, cap)) {
		free(totals);
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < agent->config->n_vips; i++) {
		const struct conf_vip *vip = &agent->config->vips[i];
		const struct lb_vip_counter *t = &totals[agent->layout->vips[i].vip_id];
		const struct runtime_pool *pool = &agent->rt->pools[vip->pool];
		char text[LB_ADDR_TEXT_MAX];

		json_array_append_new(
		    list,
		    json_pack(
			"{s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, "
			"s:I, s:I}",
			"name", vip->name, "address", addr_format(&vip->address, text), "port",
			(int)vip->port, "port_last", (int)vip->port_last, "protocol",
			conf_protocol_name(vip->protocol), "forward",
			conf_forward_name(vip->forward), "affinity",
			conf_affinity_name(vip->affinity), "affinity_prefix",
			affinity_prefix_json(vip), "pool", pool->conf->name, "backends",
			(json_int_t)pool->conf->n_backends, "backends_usable",
			(json_int_t)pool->n_usable, "slots",
			(json_int_t)agent->layout->pools[vip->pool].slot_count, "packets",
			(json_int_t)t->forwarded.packets, "bytes", (json_int_t)t->forwarded.bytes,
			"dropped_packets", (json_int_t)t->dropped.packets, "dropped_bytes",
			(json_int_t)t->dropped.bytes));
	}
	free(totals);
	return list;
}

static const char *state_name(enum conf_backend_state state)
{
	return state == CONF_BACKEND_DRAIN ? "drain" : "active";
}

static json_t *next_hop_json(const struct nexthop *nexthop)
{
	char via[LB_ADDR_TEXT_MAX], mac[18];

	if (!nexthop)
		return json_null();
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", nexthop->eth_dst[0],
		 nexthop->eth_dst[1], nexthop->eth_dst[2], nexthop->eth_dst[3], nexthop->eth_dst[4],
		 nexthop->eth_dst[5]);
	return json_pack("{s:s, s:s, s:o, s:s, s:o, s:i, s:I}", "status",
			 nexthop_status_name(nexthop->status), "detail", nexthop->detail, "device",
			 text_or_null(nexthop->route_ifname), "via",
			 addr_format(&nexthop->via, via), "mac",
			 nexthop->status == NEXTHOP_RESOLVED ? json_string(mac) : json_null(),
			 "vlan", (int)nexthop->vlan_id, "mtu", (json_int_t)nexthop->mtu);
}

static json_t *why_json(const struct runtime_backend *b, const struct nexthop *nexthop,
			const struct probe_status *status)
{
	const char *detail = NULL;

	if (b->why == RUNTIME_DOWN && status)
		detail = status->last_error;
	if (b->why == RUNTIME_NO_NEXT_HOP && nexthop)
		detail = nexthop->detail;
	if (detail && *detail)
		return json_sprintf("%s: %s", runtime_why_name(b->why), detail);
	return json_string(runtime_why_name(b->why));
}

static json_t *backend_json(struct agent *agent, const struct runtime_pool *pool,
			    const struct runtime_backend *b, const struct lb_counter *total)
{
	const struct lb_addr *address = &b->conf->address;
	const struct nexthop *nexthop = netlink_nexthop(agent->netlink, address);
	const struct probe_status *status =
	    probe_set_status(agent->probes, pool->conf->name, address);
	uint32_t slots = agent->layout->pools[pool->id].slot_count;
	bool since = status && status->since_ms;
	char text[LB_ADDR_TEXT_MAX];

	return json_pack(
	    "{s:s, s:s, s:I, s:I, s:s, s:s, s:b, s:b, s:o, s:f, s:s, s:o, s:o, s:o, s:o, s:I, s:I}",
	    "pool", pool->conf->name, "address", addr_format(address, text), "weight",
	    (json_int_t)b->weight, "configured_weight", (json_int_t)b->conf->weight, "state",
	    state_name(b->state), "configured_state", state_name(b->conf->state), "override",
	    b->overridden, "usable", b->usable, "why", why_json(b, nexthop, status), "share",
	    (double)b->slots / slots, "health", health_state_name(b->health), "health_error",
	    text_or_null(status ? status->last_error : NULL), "health_since_s",
	    since ? json_real((agent_now_ms() - (double)status->since_ms) / 1e3) : json_null(),
	    "quic_id", b->conf->quic_id ? json_integer(b->conf->quic_id) : json_null(), "next_hop",
	    next_hop_json(nexthop), "packets", (json_int_t)total->packets, "bytes",
	    (json_int_t)total->bytes);
}

json_t *agent_report_backend(struct agent *agent, struct runtime_pool *pool,
			     struct runtime_backend *backend)
{
	uint32_t id = agent->layout->pools[pool->id].first_backend + backend->local_id;
	struct lb_counter total;

	if (dataplane_read_backend(agent->dp, id, &total))
		return NULL;
	return backend_json(agent, pool, backend, &total);
}

json_t *agent_report_backends(struct agent *agent, const char *only_pool)
{
	uint32_t cap = agent->layout->caps.backends;
	struct lb_counter *totals = calloc(cap + 1, sizeof(*totals));
	json_t *list = json_array();

	if (!totals || dataplane_read_backends(agent->dp, totals, cap)) {
		free(totals);
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < agent->config->n_pools; i++) {
		const struct runtime_pool *pool = &agent->rt->pools[i];
		uint32_t first = agent->layout->pools[i].first_backend;

		if (only_pool && strcmp(only_pool, pool->conf->name) != 0)
			continue;
		for (size_t k = 0; k < pool->conf->n_backends; k++)
			json_array_append_new(
			    list, backend_json(agent, pool, &pool->backends[k],
					       &totals[first + pool->backends[k].local_id]));
	}
	free(totals);
	return list;
}

static const struct {
	const char *name, *action, *help;
} reasons[LB_REASON_MAX] = {
#define FORWARD				  "forward"
#define PASS				  "pass"
#define DROP				  "drop"
#define LB_REASON(id, name, action, help) {name, action, help},
#include "lb/reasons.def"
#undef LB_REASON
#undef FORWARD
#undef PASS
#undef DROP
};

json_t *agent_report_counters(struct agent *agent)
{
	struct lb_counter totals[LB_REASON_MAX];
	uint32_t cap = agent->layout->caps.vips;
	struct lb_vip_counter *vips = calloc(cap + 1, sizeof(*vips));
	json_t *list = json_array();

	if (!vips || dataplane_read_reasons(agent->dp, totals) ||
	    dataplane_read_vips(agent->dp, vips, cap)) {
		free(vips);
		json_decref(list);
		return NULL;
	}
	/* What is forwarded is counted by VIP alone (abi.h). VIPs that are gone have left the sum.
	 */
	for (size_t i = 0; i < agent->layout->n_vips; i++) {
		const struct lb_vip_counter *v = &vips[agent->layout->vips[i].vip_id];

		totals[LB_REASON_FORWARDED].packets += v->forwarded.packets;
		totals[LB_REASON_FORWARDED].bytes += v->forwarded.bytes;
	}
	free(vips);
	for (int i = 0; i < LB_REASON_MAX; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I}", "name",
						      reasons[i].name, "action", reasons[i].action,
						      "help", reasons[i].help, "packets",
						      (json_int_t)totals[i].packets, "bytes",
						      (json_int_t)totals[i].bytes));
	return json_pack("{s:o}", "reasons", list);
}
