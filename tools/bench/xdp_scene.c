/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_scene.c - a configuration on its way into the balancer's maps, by lb-agent's own code: text,
 * check, plan, generation, lines, slots, tables, switch. What is not real is the network: every
 * backend has the same next hop, out of the device that TEST_RUN's packets come from.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "conf/conf.h"
#include "dataplane.h"
#include "overrides.h"
#include "plan.h"
#include "root.skel.h"
#include "runtime.h"
#include "tables.h"
#include "xdp.h"
#include "xdp_packet.h"

#define POOL_BACKENDS 10u /* in a pool, where there are VIPs enough */
#define MTU	      1500u
#define VLAN_ID	      300u

struct xdp_scene {
	struct xdp_config config;
	struct dataplane *dp;
	struct root_bpf *root;
	struct dataplane_code root_code;
	struct layout *layout;
	uint32_t n_backend_lines;
};

bool xdp_config_equal(const struct xdp_config *a, const struct xdp_config *b)
{
	return a->af == b->af && a->proto == b->proto && a->ipip == b->ipip && a->gue == b->gue &&
	       a->prefix == b->prefix && a->outer_af == b->outer_af && a->redirect == b->redirect &&
	       a->tag == b->tag && a->source == b->source && a->quic == b->quic &&
	       a->range == b->range && a->limits == b->limits && a->vips == b->vips &&
	       a->backends == b->backends;
}

static size_t pools_of(const struct xdp_config *c)
{
	size_t pools = c->backends / POOL_BACKENDS;

	if (pools > c->vips)
		pools = c->vips;
	return pools ? pools : 1;
}

static void write_pools(const struct xdp_config *c, FILE *out)
{
	const size_t pools = pools_of(c);
	size_t next = 0;

	for (size_t pool = 0; pool < pools; pool++) {
		const size_t end = (pool + 1) * c->backends / pools;

		fprintf(out, "  pool-%zu:\n    backends:\n", pool);
		for (; next < end; next++) {
			if (c->outer_af == 4)
				fprintf(out, "      - {address: 10.%zu.%zu.%zu", (next >> 16) + 1,
					next >> 8 & 255, next & 255);
			else
				fprintf(out, "      - {address: \"2001:2:0:1::%zx:%zx\"",
					next >> 16, next & 0xffff);
			if (c->quic)
				fprintf(out, ", quic_id: %zu", next % LB_QUIC_ID_MAX + 1);
			fputs("}\n", out);
		}
	}
}

static char *config_text(const struct xdp_config *c, size_t *ret_len)
{
	const size_t pools = pools_of(c);
	char address[LB_ADDR_TEXT_MAX], ports[16], *text = NULL;
	FILE *out = open_memstream(&text, ret_len);
	struct lb_addr addr;

	if (!out)
		return NULL;
	fputs("version: 1\nnode:\n  interfaces: [lo]\n", out);
	if (c->prefix)
		fputs("  tunnel_source: {ipv4: 10.99.0.0/16, ipv6: \"2001:2:0:99::/64\"}\n", out);
	fputs("pools:\n", out);
	write_pools(c, out);
	fputs("vips:\n", out);
	snprintf(ports, sizeof(ports), c->range ? "%u-%u" : "%u", XDP_PORT - XDP_RANGE * c->range,
		 XDP_PORT);
	for (size_t i = 0; i < c->vips; i++) {
		xdp_packet_vip(c->af, i, &addr);
		fprintf(out,
			"  - {name: vip-%zu, address: \"%s\", protocol: %s, port: %s, forward: %s, "
			"pool: pool-%zu%s}\n",
			i, addr_format(&addr, address), c->proto == CONF_TCP ? "tcp" : "udp", ports,
			c->gue	  ? "gue"
			: c->ipip ? "ipip"
				  : "l2",
			i % pools,
			c->source ? ", affinity: source"
			: c->quic ? ", affinity: quic"
				  : "");
	}
	if (c->limits)
		fprintf(out, "filters: {rate_limits: [%s]}\n", c->limits);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static int load_config(const struct xdp_config *c, struct lb_config **ret_config, struct err *err)
{
	struct diag *diag = NULL;
	size_t len = 0;
	char *text = config_text(c, &len);
	int r;

	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	r = conf_load_text("generated", text, len, ret_config, &diag);
	if (r) {
		if (diag)
			diag_print(diag, stderr, false);
		err_set(err, r, "the generated configuration does not load");
	}
	diag_free(diag);
	free(text);
	return r;
}

static void make_nexthop(const struct xdp_config *c, struct nexthop *ret_nexthop)
{
	*ret_nexthop = (struct nexthop){
	    .status = NEXTHOP_RESOLVED,
	    .ifindex = c->redirect ? XDP_IFINDEX_OTHER : XDP_IFINDEX_IN,
	    .eth_dst = {0x02, 0, 0, 0, 0, 2},
	    .eth_src = {0x02, 0, 0, 0, 0, 1},
	    .vlan_id = c->tag ? VLAN_ID : 0,
	    .mtu = MTU,
	};
	addr_parse(c->outer_af == 4 ? "192.0.2.1" : "2001:db8::1", &ret_nexthop->source);
}

static int write_pool(const struct xdp_config *c, const struct lb_config *config,
		      struct runtime_pool *pool, const struct layout_pool *where,
		      const struct dataplane_target *target)
{
	uint16_t *slots = malloc(where->slot_count * sizeof(*slots));
	struct nexthop nexthop;
	struct lb_backend line;
	int r;

	if (!slots)
		return -ENOMEM;
	make_nexthop(c, &nexthop);
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		struct runtime_backend *b = &pool->backends[i];

		runtime_fill_line(b, &nexthop, &config->node, &line);
		b->ready = true;
		dataplane_write_backend(&target->backends[where->first_backend + b->local_id],
					&line);
	}
	runtime_evaluate(pool);
	r = runtime_build_slots(pool, config->node.seed, where->slot_count, slots);
	if (!r)
		tables_store_slots(target, where->first_slot, where->slot_count, slots);
	free(slots);
	return r;
}

static int write_maps(struct xdp_scene *scene, const struct lb_config *config, struct err *err)
{
	struct overrides *overrides = NULL;
	struct dataplane_target target;
	struct runtime *rt = NULL;
	int r = overrides_load(NULL, &overrides, err);

	if (r)
		return r;
	dataplane_target(scene->dp, &target);
	scene->n_backend_lines = target.caps.backends;
	rt = runtime_new(config, scene->layout, overrides);
	r = rt ? 0 : err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < scene->layout->n_pools && !r; i++) {
		r = write_pool(&scene->config, config, &rt->pools[i], &scene->layout->pools[i],
			       &target);
		if (r)
			err_set(err, r, "building the slots: %s", strerror(-r));
	}
	if (!r)
		r = tables_write(scene->layout, &target, err);
	if (!r)
		r = dataplane_switch(scene->dp, err);
	runtime_free(rt);
	overrides_free(overrides);
	return r;
}

static int load_root(struct xdp_scene *scene, struct err *err)
{
	int r;

	scene->root = root_bpf__open();
	if (!scene->root)
		return err_set(err, -ENOMEM, "cannot open the root object");
	r = bpf_map__reuse_fd(scene->root->maps.lb_programs,
			      dataplane_map_fd(scene->dp, "lb_programs"));
	/* As lb-agent loads it: a tail call wants the same expected attach type on both sides. */
	if (!r)
		r = bpf_program__set_expected_attach_type(scene->root->progs.sluice_root, 0);
	if (!r)
		r = root_bpf__load(scene->root);
	if (!r)
		r = dataplane_copy_code(scene->root->progs.sluice_root, &scene->root_code);
	return r ? err_set(err, r, "the kernel does not take the root program: %s", strerror(-r))
		 : 0;
}

int xdp_scene_open(const struct xdp_config *config, struct xdp_scene **ret_scene, struct err *err)
{
	static const struct layout_caps no_caps;
	struct xdp_scene *scene = calloc(1, sizeof(*scene));
	struct layout *empty = layout_new(&no_caps);
	struct lb_config *conf = NULL;
	struct plan *plan = NULL;
	int r;

	*ret_scene = NULL;
	if (!scene || !empty) {
		r = err_set(err, -ENOMEM, "out of memory");
		goto out;
	}
	scene->config = *config;
	r = load_config(config, &conf, err);
	if (r)
		goto out;
	r = plan_make(empty, NULL, conf, &plan);
	if (r) {
		err_set(err, r, "planning: %s", strerror(-r));
		goto out;
	}
	scene->layout = plan_take_layout(plan);
	r = dataplane_open(NULL, &scene->dp, err);
	if (!r)
		r = dataplane_build(scene->dp, &scene->layout->caps, conf->node.seed,
				    &scene->layout->encap, err);
	if (!r)
		r = write_maps(scene, conf, err);
	if (!r)
		r = load_root(scene, err);
out:
	plan_free(plan);
	layout_free(empty);
	conf_free(conf);
	if (r) {
		xdp_scene_close(scene);
		return r;
	}
	*ret_scene = scene;
	return 0;
}

void xdp_scene_close(struct xdp_scene *scene)
{
	if (!scene)
		return;
	root_bpf__destroy(scene->root);
	dataplane_code_free(&scene->root_code);
	dataplane_close(scene->dp);
	layout_free(scene->layout);
	free(scene);
}

int xdp_scene_root_fd(const struct xdp_scene *scene)
{
	return bpf_program__fd(scene->root->progs.sluice_root);
}

int xdp_scene_balancer_fd(const struct xdp_scene *scene)
{
	return dataplane_program_fd(scene->dp);
}

const struct dataplane_code *xdp_scene_root_code(const struct xdp_scene *scene)
{
	return &scene->root_code;
}

const struct dataplane_code *xdp_scene_balancer_code(const struct xdp_scene *scene)
{
	return dataplane_program_code(scene->dp);
}

uint64_t xdp_scene_map_memory(const struct xdp_scene *scene)
{
	return dataplane_map_memory(scene->dp);
}

void xdp_scene_spoil(struct xdp_scene *scene)
{
	struct dataplane_target target;

	dataplane_target(scene->dp, &target);
	for (uint32_t i = 0; i < target.caps.backends; i++)
		target.backends[i].flags &= (uint16_t)~LB_BACKEND_READY;
}

void xdp_scene_exchange_vips(struct xdp_scene *scene)
{
	struct layout_vip *vips = scene->layout->vips;
	const uint32_t first = vips[0].vip_id;

	vips[0].vip_id = vips[1].vip_id;
	vips[1].vip_id = first;
}

void xdp_scene_empty_root(struct xdp_scene *scene)
{
	const uint32_t slot = LB_PROGRAM_BALANCER;

	bpf_map_delete_elem(dataplane_map_fd(scene->dp, "lb_programs"), &slot);
}

int xdp_counts_read(const struct xdp_scene *scene, struct xdp_counts *ret_counts, struct err *err)
{
	const struct layout *layout = scene->layout;
	const uint32_t n_ids = layout->caps.vips;
	struct lb_vip_counter *by_id = calloc(n_ids, sizeof(*by_id));
	int r;

	ret_counts->n_vips = layout->n_vips;
	ret_counts->vips = calloc(layout->n_vips, sizeof(*ret_counts->vips));
	r = by_id && ret_counts->vips ? 0 : -ENOMEM;
	if (!r)
		r = dataplane_read_vips(scene->dp, by_id, n_ids);
	for (size_t i = 0; i < layout->n_vips && !r; i++)
		ret_counts->vips[i] = by_id[layout->vips[i].vip_id];
	if (!r)
		r = dataplane_read_reasons(scene->dp, ret_counts->reasons);
	free(by_id);
	return r ? err_set(err, r, "reading the counters: %s", strerror(-r)) : 0;
}

void xdp_counts_free(struct xdp_counts *counts)
{
	free(counts->vips);
	counts->vips = NULL;
}

int xdp_scene_backend_packets(const struct xdp_scene *scene, uint64_t *ret_packets,
			      size_t *ret_used, struct err *err)
{
	struct lb_counter *totals = calloc(scene->n_backend_lines, sizeof(*totals));
	int r =
	    totals ? dataplane_read_backends(scene->dp, totals, scene->n_backend_lines) : -ENOMEM;

	*ret_packets = *ret_used = 0;
	for (uint32_t i = 0; i < scene->n_backend_lines && !r; i++) {
		*ret_packets += totals[i].packets;
		*ret_used += totals[i].packets != 0;
	}
	free(totals);
	return r ? err_set(err, r, "reading the backends' counters: %s", strerror(-r)) : 0;
}
