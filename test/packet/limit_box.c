/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * limit_box.c - from a text to a running balancer, by lb-agent's own steps (see agent_apply.c).
 */
#include "limit_box.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "conf/conf.h"
#include "overrides.h"
#include "plan.h"
#include "runtime.h"
#include "tables.h"

static struct lb_config *load(const char *filters)
{
	struct lb_config *config = NULL;
	struct diag *diag = NULL;
	char text[4096];
	int r;

	snprintf(
	    text, sizeof(text),
	    "version: 1\nnode: {interfaces: [lo]}\n"
	    "pools: {p: {backends: [{address: 10.0.0.1}]}}\nvips:\n"
	    "- {name: www, address: %s, protocol: tcp, port: %d, forward: l2, pool: p}\n"
	    "- {name: dns, address: %s, protocol: udp, port: %d, forward: l2, pool: p}\n"
	    "- {name: dns6, address: \"%s\", protocol: udp, port: %d, forward: l2, pool: p}\n%s",
	    PACKET_VIP4, PACKET_PORT, PACKET_VIP4, PACKET_PORT, PACKET_VIP6, PACKET_PORT, filters);
	r = conf_load_text("t", text, strlen(text), &config, &diag);
	if (r)
		diag_print(diag, stderr, false);
	cr_assert_eq(r, 0, "the configuration does not load");
	diag_free(diag);
	return config;
}

static void write_pool(struct limit_box *box, const struct lb_config *config)
{
	const struct nexthop nexthop = {.status = NEXTHOP_RESOLVED,
					.ifindex = 1,
					.eth_dst = {2, 2},
					.eth_src = {2, 1},
					.mtu = 1500};
	const struct layout_pool *where = &box->layout->pools[0];
	uint16_t *slots = malloc(where->slot_count * sizeof(*slots));
	struct overrides *overrides = NULL;
	struct dataplane_target target;
	struct runtime *rt;
	struct lb_backend line;
	struct err err = {0};

	cr_assert_eq(overrides_load(NULL, &overrides, &err), 0);
	rt = runtime_new(config, box->layout, overrides);
	cr_assert(rt && slots);
	dataplane_target(box->dp, &target);
	runtime_fill_line(&rt->pools[0].backends[0], &nexthop, &config->node, &line);
	rt->pools[0].backends[0].ready = true;
	dataplane_write_backend(&target.backends[where->first_backend], &line);
	runtime_evaluate(&rt->pools[0]);
	cr_assert_eq(
	    runtime_build_slots(&rt->pools[0], config->node.seed, where->slot_count, slots), 0);
	tables_store_slots(&target, where->first_slot, where->slot_count, slots);
	cr_assert_eq(tables_write(box->layout, &target, &err), 0, "%s", err.text);
	free(slots);
	runtime_free(rt);
	overrides_free(overrides);
}

bool limit_box_change(struct limit_box *box, const char *filters)
{
	struct lb_config *config = load(filters);
	const uint32_t old_serial = box->layout->limit_serial;
	struct dataplane_target target;
	struct plan *plan = NULL;
	struct err err = {0};
	bool rebuild;

	layout_reap(box->layout);
	cr_assert_eq(plan_make(box->layout, box->config, config, &plan), 0);
	rebuild = plan->rebuild;
	layout_free(box->layout);
	box->layout = plan_take_layout(plan);
	if (rebuild)
		cr_assert_eq(dataplane_build(box->dp, &box->layout->caps, config->node.seed,
					     &box->layout->encap, &err),
			     0, "%s", err.text);
	dataplane_target(box->dp, &target);
	for (size_t i = 0; i < plan->n_new_limit_ids; i++)
		dataplane_reset_limit(box->dp, plan->new_limit_ids[i]);
	write_pool(box, config);
	cr_assert_eq(dataplane_switch(box->dp, &err), 0, "%s", err.text);
	for (size_t i = 0; rebuild && i < box->layout->n_limits; i++)
		if (box->layout->limits[i].serial <= old_serial)
			dataplane_carry_limit(box->dp, box->layout->limits[i].id);
	dataplane_drop_old(box->dp);
	plan_free(plan);
	conf_free(box->config);
	box->config = config;
	return rebuild;
}

void limit_box_open(struct limit_box *box, const char *filters)
{
	static const struct layout_caps none;
	struct err err = {0};

	*box = (struct limit_box){.layout = layout_new(&none)};
	cr_assert_eq(dataplane_open(NULL, &box->dp, &err), 0, "%s", err.text);
	limit_box_change(box, filters);
}

void limit_box_close(struct limit_box *box)
{
	dataplane_close(box->dp);
	layout_free(box->layout);
	conf_free(box->config);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* l2 rewrites MAC addresses alone, so that a frame may be run again as it came out. */
uint64_t limit_box_run(struct limit_box *box, const struct packet *packet, uint32_t n)
{
	const uint64_t begin = now_ns();
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)n);
	int r;

	packet_build(packet, &frame);
	opts.data_in = frame.data;
	opts.data_size_in = (uint32_t)frame.len;
	r = bpf_prog_test_run_opts(dataplane_program_fd(box->dp), &opts);
	cr_assert_eq(r, 0, "TEST_RUN: %s", strerror(errno));
	return now_ns() - begin;
}

static size_t vip_index(const struct limit_box *box, const char *vip)
{
	const struct conf_vip *conf = conf_find_vip(box->config, vip);

	cr_assert_not_null(conf);
	return (size_t)(conf - box->config->vips);
}

struct lb_limit_counter limit_box_counter(struct limit_box *box, const char *vip, uint32_t k)
{
	const struct layout_vip *where = &box->layout->vips[vip_index(box, vip)];
	struct lb_limit_counter total;

	cr_assert_lt(k, where->n_limits);
	cr_assert_eq(
	    dataplane_read_limit(box->dp, box->layout->limits[where->first_limit + k].id, &total),
	    0);
	return total;
}

struct lb_vip_counter limit_box_vip(struct limit_box *box, const char *vip)
{
	const uint32_t n = box->layout->caps.vips;
	struct lb_vip_counter *all = calloc(n, sizeof(*all)), total;

	cr_assert_eq(dataplane_read_vips(box->dp, all, n), 0);
	total = all[box->layout->vips[vip_index(box, vip)].vip_id];
	free(all);
	return total;
}
