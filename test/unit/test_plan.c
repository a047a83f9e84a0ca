/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan: what an operator is told, and which ids stay. */
#include <arpa/inet.h>
#include <errno.h>

#include "maglev.h"
#include "plan_fixture.h"

/* Two pools, three VIPs. */
static struct lb_config *small(void)
{
	struct lb_config *config = fixture_new(8, 8);

	fixture_pool(config, "api", 1, 3);
	fixture_pool(config, "web", 101, 10);
	fixture_vip(config, 1, 1);
	fixture_vip(config, 2, 0);
	fixture_vip(config, 3, 1);
	return config;
}

struct change {
	struct lb_config *before, *after;
	struct layout *layout; /* of before */
	struct plan *plan;     /* to after */
};

static struct change change_open(void)
{
	struct change c = {.before = small(), .after = small()};

	c.layout = fixture_apply(fixture_empty(), NULL, c.before);
	return c;
}

static void change_plan(struct change *c)
{
	c->plan = fixture_plan(c->layout, c->before, c->after);
}

static void change_close(struct change *c)
{
	plan_free(c->plan);
	layout_free(c->layout);
	fixture_free(c->before);
	fixture_free(c->after);
}

Test(plan, first_apply_makes_maps_with_a_quarter_to_spare)
{
	struct lb_config *config = small();
	struct layout *empty = fixture_empty();
	struct plan *plan = fixture_plan(empty, NULL, config);
	const struct layout *layout = plan->layout;

	cr_expect(plan->rebuild);
	cr_expect_str_eq(plan->rebuild_reason, "there are no maps yet");
	cr_expect_eq(plan->n_changes, 5);
	/* 2042 and 8168 slots in whole lines: (2048 + 8192) * 1.25 in steps of 4096 */
	cr_expect_eq(layout->pools[0].slot_count, 4084 / 2);
	cr_expect_eq(layout->pools[1].slot_count, 8168);
	cr_expect_eq(layout->pools[1].first_slot % LB_SLOTS_PER_LINE, 0);
	cr_expect_eq(layout->caps.slots, 16384);
	cr_expect_eq(layout->pools[0].backend_cap, 8);
	cr_expect_eq(layout->pools[1].backend_cap, 16);
	cr_expect_eq(layout->caps.backends, 32);
	cr_expect_eq(layout->caps.vips, 16);
	cr_expect_eq(layout->caps.pools, 16);
	cr_expect_eq(layout->caps.service_lines, 64);
	cr_expect_eq(layout->caps.buckets, 16);
	cr_expect_eq(plan->n_new_backend_ids, 13);
	cr_expect_eq(plan->n_new_vip_ids, 3);
	cr_expect_eq(plan->n_backend_moves, 0);
	cr_expect_eq(plan->n_vip_moves, 0);
	cr_expect_eq(plan->pools[1].kind, PLAN_ADD);
	cr_expect(plan->pools[1].new_slot_run && plan->pools[1].new_backend_run);
	cr_expect_eq(plan->pools[1].n_backends, 10);
	cr_expect_str_eq(plan->pools[1].backends[0].detail, "weight 100");
	cr_expect_eq(plan->vips[0].kind, PLAN_ADD);
	cr_expect_eq(plan->vips[0].old_index, SIZE_MAX);
	plan_free(plan);
	plan_free(NULL);
	layout_free(empty);
	fixture_free(config);
}

Test(plan, names_every_kind)
{
	cr_expect_str_eq(plan_kind_name(PLAN_KEEP), "keep");
	cr_expect_str_eq(plan_kind_name(PLAN_ADD), "add");
	cr_expect_str_eq(plan_kind_name(PLAN_REMOVE), "remove");
	cr_expect_str_eq(plan_kind_name(PLAN_CHANGE), "change");
}

Test(plan, the_same_config_changes_nothing)
{
	struct change c = change_open();

	change_plan(&c);
	cr_expect_eq(c.plan->n_changes, 0);
	cr_expect_not(c.plan->rebuild);
	cr_expect_not(c.plan->node_changed);
	cr_expect_eq(c.plan->n_backend_moves + c.plan->n_vip_moves + c.plan->n_new_backend_ids +
			 c.plan->n_new_vip_ids,
		     0);
	cr_expect_not(layout_has_quarantine(c.plan->layout));
	for (size_t i = 0; i < 2; i++) {
		cr_expect_eq(c.plan->pools[i].kind, PLAN_KEEP);
		cr_expect_eq(c.plan->pools[i].n_backends, 0);
		cr_expect_eq(c.plan->layout->pools[i].first_slot, c.layout->pools[i].first_slot);
		cr_expect_eq(c.plan->layout->pools[i].first_backend,
			     c.layout->pools[i].first_backend);
	}
	for (size_t i = 0; i < 3; i++)
		cr_expect_eq(c.plan->layout->vips[i].vip_id, c.layout->vips[i].vip_id);
	change_close(&c);
}

Test(plan, an_adopting_agent_sees_that_the_maps_have_another_seed)
{
	struct change c = change_open();

	c.after->node.seed = 99;
	c.plan = fixture_plan(c.layout, NULL, c.after);
	cr_expect_eq(c.plan->n_changes, 1);
	cr_expect(c.plan->rebuild);
	cr_expect_eq(c.plan->layout->seed, 99);
	change_close(&c);
}

Test(plan, an_adopting_agent_compares_layouts_alone)
{
	struct change c = change_open();

	c.after->pools[0].backends[0].weight = 7;
	c.plan = fixture_plan(c.layout, NULL, c.after);
	cr_expect_eq(c.plan->n_changes, 0);
	cr_expect_not(c.plan->rebuild);
	plan_free(c.plan);

	fixture_drop_backend(&c.after->pools[0], 0);
	c.plan = fixture_plan(c.layout, NULL, c.after);
	cr_expect_eq(c.plan->n_changes, 1);
	cr_expect_eq(c.plan->pools[0].backends[0].kind, PLAN_REMOVE);
	change_close(&c);
}

Test(plan, adds_and_removes_vips_and_keeps_the_others_ids)
{
	struct change c = change_open();
	uint32_t gone = c.layout->vips[0].vip_id;

	memmove(&c.after->vips[0], &c.after->vips[1], 2 * sizeof(*c.after->vips));
	c.after->n_vips--;
	fixture_vip(c.after, 9, 1);
	change_plan(&c);

	cr_expect_eq(c.plan->n_vips, 4);
	cr_expect_eq(c.plan->vips[0].kind, PLAN_KEEP);
	cr_expect_eq(c.plan->vips[0].old_index, 1);
	cr_expect_eq(c.plan->vips[2].kind, PLAN_ADD);
	cr_expect_eq(c.plan->vips[3].kind, PLAN_REMOVE);
	cr_expect_eq(c.plan->vips[3].old_index, 0);
	cr_expect_eq(c.plan->vips[3].new_index, SIZE_MAX);
	cr_expect_eq(c.plan->n_changes, 2);
	cr_expect_eq(c.plan->layout->vips[0].vip_id, c.layout->vips[1].vip_id);
	cr_expect_eq(c.plan->n_new_vip_ids, 1);
	cr_expect_eq(c.plan->new_vip_ids[0], c.plan->layout->vips[2].vip_id);
	cr_expect_neq(c.plan->new_vip_ids[0], gone, "an id in quarantine is handed out");
	cr_expect(layout_has_quarantine(c.plan->layout));
	cr_expect_not(layout_has_quarantine(c.layout), "the old layout is touched");
	change_close(&c);
}

Test(plan, another_range_of_ports_is_another_vip_and_the_first_range_wants_maps_for_it)
{
	struct change c = change_open();

	c.after->vips[0].port_last = 89;
	change_plan(&c);
	cr_expect_eq(c.plan->vips[0].kind, PLAN_ADD);
	cr_expect_eq(c.plan->vips[0].port_last, 89);
	cr_expect_eq(c.plan->vips[1].kind, PLAN_KEEP);
	cr_expect(c.plan->rebuild);
	cr_expect_str_eq(c.plan->rebuild_reason, "no room for the port ranges");
	cr_expect_geq(c.plan->layout->caps.ranges, 2);
	cr_expect_eq(c.layout->caps.ranges, 0, "maps for nothing");
	change_close(&c);
}

Test(plan, a_vip_is_known_by_address_port_and_protocol)
{
	struct change c = change_open();

	c.after->vips[0].port = c.after->vips[0].port_last = 81;
	c.after->vips[1].protocol = CONF_UDP;
	change_plan(&c);
	cr_expect_eq(c.plan->vips[0].kind, PLAN_ADD);
	cr_expect_eq(c.plan->vips[1].kind, PLAN_ADD);
	cr_expect_eq(c.plan->vips[2].kind, PLAN_KEEP);
	cr_expect_eq(c.plan->n_changes, 4);
	change_close(&c);
}

Test(plan, another_affinity_prefix_is_a_change_of_the_vip)
{
	struct change c = change_open();

	c.after->vips[2].affinity = CONF_AFFINITY_SOURCE;
	c.after->vips[2].affinity_prefix = 24;
	change_plan(&c);
	cr_expect_str_eq(c.plan->vips[2].detail, "affinity flow → source/24");
	cr_expect_eq(c.plan->layout->vips[2].source_skip, 8);
	change_close(&c);
}

Test(plan, says_what_changes_in_a_vip)
{
	struct change c = change_open();

	c.after->vips[0].forward = CONF_FORWARD_IPIP;
	c.after->vips[0].pool = 0;
	c.after->vips[2].affinity = CONF_AFFINITY_SOURCE;
	change_plan(&c);
	cr_expect_eq(c.plan->vips[0].kind, PLAN_CHANGE);
	cr_expect_str_eq(c.plan->vips[0].detail, "forward l2 → ipip, pool web → api");
	cr_expect_str_eq(c.plan->vips[2].detail, "affinity flow → source");
	cr_expect_eq(c.plan->layout->vips[0].forward, LB_FORWARD_IPIP);
	cr_expect_eq(c.plan->layout->vips[0].pool_id, 0);
	cr_expect_eq(c.plan->layout->vips[2].flags, LB_SERVICE_HASH_SOURCE);
	cr_expect_eq(c.plan->layout->vips[0].vip_id, c.layout->vips[0].vip_id);
	cr_expect_eq(c.plan->n_changes, 2);
	change_close(&c);
}

Test(plan, says_what_changes_in_a_pool)
{
	struct change c = change_open();
	struct conf_pool *web = &c.after->pools[1];
	const struct plan_pool *pool;

	web->backends[1].weight = 50;
	web->backends[2].state = CONF_BACKEND_DRAIN;
	web->backends[3].weight = 65535;
	web->backends[3].state = CONF_BACKEND_DRAIN;
	fixture_drop_backend(web, 0);
	web->backends[9] = web->backends[8];
	web->backends[9].address = fixture_addr(BACKEND_NET + 200);
	web->backends[9].state = CONF_BACKEND_DRAIN;
	web->n_backends = 10;
	change_plan(&c);
	pool = &c.plan->pools[1];

	cr_expect_eq(pool->kind, PLAN_CHANGE);
	cr_expect_eq(c.plan->pools[0].kind, PLAN_KEEP);
	cr_assert_eq(pool->n_backends, 5);
	cr_expect_str_eq(pool->backends[0].detail, "weight 100 → 50");
	cr_expect_str_eq(pool->backends[1].detail, "state active → drain");
	cr_expect_str_eq(pool->backends[2].detail, "weight 100 → 65535, state active → drain");
	cr_expect_eq(pool->backends[3].kind, PLAN_ADD);
	cr_expect_str_eq(pool->backends[3].detail, "weight 100, state drain");
	cr_expect_eq(pool->backends[4].kind, PLAN_REMOVE);
	cr_expect_not(pool->new_slot_run);
	cr_expect_not(pool->new_backend_run);
	cr_expect_not(pool->settings_changed);
	/* The removed one's local id, 0, waits; the new one's is the first free. */
	cr_expect_eq(c.plan->layout->pools[1].backends[0].state, LAYOUT_ID_QUARANTINE);
	cr_expect_eq(c.plan->layout->pools[1].backends[10].state, LAYOUT_ID_USED);
	cr_expect_eq(c.plan->n_new_backend_ids, 1);
	cr_expect_eq(c.plan->new_backend_ids[0], c.layout->pools[1].first_backend + 10);
	change_close(&c);
}

Test(plan, sees_changed_health_settings_and_policy)
{
	struct change c = change_open();

	c.before->pools[0].health.path = "/a";
	c.after->pools[0].health.path = "/b";
	c.after->pools[1].when_all_down = CONF_ALL_DOWN_USE_ALL;
	change_plan(&c);
	cr_expect(c.plan->pools[0].settings_changed && c.plan->pools[1].settings_changed);
	cr_expect_eq(c.plan->n_changes, 2);
	plan_free(c.plan);

	c.after->pools[0].health.path = NULL;
	c.after->pools[1].when_all_down = CONF_ALL_DOWN_DROP;
	change_plan(&c);
	cr_expect(c.plan->pools[0].settings_changed);
	cr_expect_not(c.plan->pools[1].settings_changed);
	change_close(&c);
}

Test(plan, adds_and_removes_pools)
{
	struct change c = change_open();
	struct lb_config *after = fixture_new(4, 4);

	fixture_pool(after, "new", 50, 2);
	fixture_pool(after, "web", 101, 10);
	fixture_vip(after, 1, 1);
	fixture_vip(after, 3, 0);
	fixture_free(c.after);
	c.after = after;
	change_plan(&c);

	cr_expect_eq(c.plan->n_pools, 3);
	cr_expect_eq(c.plan->pools[0].kind, PLAN_ADD);
	cr_expect_eq(c.plan->pools[1].kind, PLAN_KEEP);
	cr_expect_eq(c.plan->pools[1].old_index, 1);
	cr_expect_eq(c.plan->pools[2].kind, PLAN_REMOVE);
	cr_expect_str_eq(c.plan->pools[2].name, "api");
	cr_expect_eq(c.plan->pools[2].n_backends, 3);
	cr_expect_str_eq(c.plan->vips[1].detail, "pool web → new");
	/* "api" lay at 0 and is still in quarantine. */
	cr_expect_not(c.plan->rebuild);
	cr_expect_geq(c.plan->layout->pools[0].first_slot,
		      c.layout->pools[1].first_slot + c.layout->pools[1].slot_count);
	change_close(&c);
}

Test(plan, another_slot_count_gets_another_run)
{
	struct change c = change_open();
	const struct layout_pool *old = &c.layout->pools[0];

	c.after->pools[0].slots = 100;
	change_plan(&c);
	cr_expect_not(c.plan->rebuild);
	cr_expect_eq(c.plan->pools[0].kind, PLAN_CHANGE);
	cr_expect(c.plan->pools[0].new_slot_run);
	cr_expect_not(c.plan->pools[0].new_backend_run);
	cr_expect_eq(c.plan->layout->pools[0].slot_count, 100);
	cr_expect_geq(c.plan->layout->pools[0].first_slot, old->first_slot + old->slot_count);
	cr_expect_eq(c.plan->n_backend_moves, 0);
	change_close(&c);
}

Test(plan, a_longer_run_keeps_local_ids_and_lists_the_moves)
{
	struct change c = change_open();
	const struct layout_pool *old = &c.layout->pools[0], *new;

	/* 9 backends in place of 3: over the 8 lines, and into the next slot count. */
	free((void *)(uintptr_t)c.after->pools[0].name);
	free(c.after->pools[0].backends);
	c.after->n_pools = 0;
	fixture_pool(c.after, "api", 0, 9)->slots = 2042;
	c.after->n_pools = 2;
	change_plan(&c);
	new = &c.plan->layout->pools[0];

	cr_expect(c.plan->rebuild, "32 lines do not hold 8 + 16 + 16");
	plan_free(c.plan);

	/* With room it moves alone. */
	cr_assert_eq(extent_grow(c.layout->backend_runs, 64), 0);
	c.layout->caps.backends = 64;
	change_plan(&c);
	new = &c.plan->layout->pools[0];
	cr_expect_not(c.plan->rebuild);
	cr_expect(c.plan->pools[0].new_backend_run);
	cr_expect_not(c.plan->pools[0].new_slot_run);
	cr_expect_eq(new->backend_cap, 16);
	cr_expect_eq(new->first_backend, 24);
	cr_assert_eq(c.plan->n_backend_moves, 3);
	for (uint32_t i = 0; i < 3; i++) {
		cr_expect(addr_equal(&new->backends[i].address, &old->backends[i].address));
		cr_expect_eq(c.plan->backend_moves[i].from, old->first_backend + i);
		cr_expect_eq(c.plan->backend_moves[i].to, new->first_backend + i);
	}
	cr_expect_eq(c.plan->n_new_backend_ids, 6);
	change_close(&c);
}

Test(plan, a_longer_run_does_not_reuse_local_ids_in_quarantine)
{
	struct change c = change_open();
	struct layout_backend *slot;

	cr_assert_eq(extent_grow(c.layout->backend_runs, 64), 0);
	c.layout->caps.backends = 64;
	slot = &c.layout->pools[0].backends[5];
	slot->state = LAYOUT_ID_QUARANTINE;
	slot->address = fixture_addr(BACKEND_NET + 77);
	free((void *)(uintptr_t)c.after->pools[0].name);
	free(c.after->pools[0].backends);
	c.after->n_pools = 0;
	fixture_pool(c.after, "api", 1, 9)->slots = 2042;
	c.after->n_pools = 2;
	change_plan(&c);
	cr_expect(c.plan->pools[0].new_backend_run);
	cr_expect_eq(c.plan->layout->pools[0].backends[5].state, LAYOUT_ID_QUARANTINE);
	cr_expect_eq(layout_count_backends(&c.plan->layout->pools[0]), 9);
	change_close(&c);
}

Test(plan, another_seed_rebuilds_and_lists_every_kept_object)
{
	struct change c = change_open();

	c.after->node.seed = 2;
	change_plan(&c);
	cr_expect(c.plan->rebuild);
	cr_expect_str_eq(c.plan->rebuild_reason, "the seed has changed");
	cr_expect_eq(c.plan->n_backend_moves, 13);
	cr_expect_eq(c.plan->n_vip_moves, 3);
	cr_expect_eq(c.plan->n_new_backend_ids, 0);
	cr_expect_eq(c.plan->n_new_vip_ids, 0);
	cr_expect_eq(c.plan->n_changes, 1);
	cr_expect_eq(c.plan->pools[0].kind, PLAN_KEEP);
	cr_expect(c.plan->pools[0].new_slot_run);
	change_close(&c);
}

Test(plan, outgrown_maps_are_rebuilt)
{
	struct change c = change_open();
	struct lb_config *after = fixture_new(30, 40);

	for (uint32_t i = 0; i < 30; i++) {
		char name[8];

		snprintf(name, sizeof(name), "p%02u", i);
		fixture_pool(after, name, i * 10, 1);
		fixture_vip(after, i, i);
	}
	fixture_free(c.after);
	c.after = after;
	change_plan(&c);
	cr_expect(c.plan->rebuild);
	cr_expect_str_eq(c.plan->rebuild_reason, "no room for the pools");
	cr_expect_not(layout_has_quarantine(c.plan->layout));
	cr_expect_eq(c.plan->layout->caps.pools, 48);
	cr_expect_eq(c.plan->layout->caps.service_lines, 128);
	cr_expect_eq(c.plan->n_vip_moves, 3);
	cr_expect_eq(c.plan->n_new_vip_ids, 27);
	change_close(&c);
}

Test(plan, sees_changed_node_settings)
{
	static const char *two[] = {"eth0", "eth1"}, *turned[] = {"eth1", "eth0"};
	struct change c = change_open();

	c.after->node.xdp_mode = CONF_XDP_GENERIC;
	change_plan(&c);
	cr_expect(c.plan->node_changed);
	cr_expect_eq(c.plan->n_changes, 1);
	cr_expect_not(c.plan->rebuild);
	plan_free(c.plan);

	c.after->node.xdp_mode = CONF_XDP_AUTO;
	c.after->node.tunnel_source_v4.set = true;
	c.after->node.tunnel_source_v4.address = fixture_addr(5);
	change_plan(&c);
	cr_expect(c.plan->node_changed);
	plan_free(c.plan);

	c.after->node.tunnel_source_v4.prefix = 16;
	change_plan(&c);
	cr_expect(c.plan->node_changed);
	cr_expect(c.plan->rebuild, "the program has the prefix");
	cr_expect_str_eq(c.plan->rebuild_reason, "the settings of encapsulation have changed");
	cr_expect_eq(c.plan->layout->encap.source4_mask_be, htonl(0xfffc));
	cr_expect_eq(c.plan->layout->encap.source6_mask_be, 0);
	plan_free(c.plan);

	c.after->node.tunnel_source_v4.set = false;
	c.after->node.tunnel_source_v4.prefix = 0;
	c.after->node.interfaces = two;
	c.after->node.n_interfaces = 2;
	change_plan(&c);
	cr_expect(c.plan->node_changed);
	plan_free(c.plan);

	c.before->node.interfaces = turned;
	c.before->node.n_interfaces = 2;
	change_plan(&c);
	cr_expect_not(c.plan->node_changed);
	cr_expect_eq(c.plan->n_changes, 0);
	change_close(&c);
}

Test(plan, refuses_what_the_abi_cannot_hold)
{
	struct lb_config *config = fixture_new(200, 0);
	struct layout *empty = fixture_empty();
	struct plan *plan;
	char name[8];

	fixture_pool(config, "a", 0, 1)->slots = LB_SLOTS_MAX + 1;
	cr_expect_eq(plan_make(empty, NULL, config, &plan), -E2BIG);
	config->pools[0].slots = LB_SLOTS_MAX;
	cr_expect_eq(plan_make(empty, NULL, config, &plan), 0);
	plan_free(plan);
	for (int i = 1; i <= 128; i++) {
		snprintf(name, sizeof(name), "b%03d", i);
		fixture_pool(config, name, 0, 1)->slots = LB_SLOTS_MAX;
	}
	cr_expect_eq(plan_make(empty, NULL, config, &plan), -E2BIG);
	fixture_free(config);

	config = fixture_new(1, 0);
	fixture_pool(config, "a", 0, LB_POOL_BACKENDS_MAX + 1);
	cr_expect_eq(plan_make(empty, NULL, config, &plan), -E2BIG);
	fixture_free(config);
	layout_free(empty);
}

Test(plan, an_empty_config_is_planned_too)
{
	struct change c = change_open();
	struct lb_config *none = fixture_new(0, 0);
	struct layout *empty = fixture_empty();

	fixture_free(c.after);
	c.after = none;
	change_plan(&c);
	cr_expect_eq(c.plan->n_changes, 5);
	plan_free(c.plan);
	c.plan = fixture_plan(empty, NULL, none);
	cr_expect(c.plan->rebuild);
	cr_expect_eq(c.plan->n_changes, 1);
	cr_expect_gt(c.plan->layout->caps.slots, 0);
	layout_free(empty);
	change_close(&c);
}

/* The first pool is used by a VIP with affinity: quic, before and after. */
static struct change change_open_quic(void)
{
	struct change c = {.before = small(), .after = small()};
	struct conf_pool *pools[] = {&c.before->pools[0], &c.after->pools[0]};

	for (int k = 0; k < 2; k++) {
		pools[k]->quic = true;
		for (size_t j = 0; j < pools[k]->n_backends; j++)
			pools[k]->backends[j].quic_id = (uint16_t)(10 + j);
	}
	c.layout = fixture_apply(fixture_empty(), NULL, c.before);
	return c;
}

Test(plan, another_quic_id_is_a_change_that_wants_the_tables_written)
{
	for (int adopting = 0; adopting <= 1; adopting++) {
		struct change c = change_open_quic();

		c.after->pools[0].backends[1].quic_id = 13;
		c.plan = fixture_plan(c.layout, adopting ? NULL : c.before, c.after);
		cr_expect_eq(c.plan->pools[0].kind, PLAN_CHANGE);
		cr_expect(c.plan->pools[0].quic_changed);
		cr_assert_eq(c.plan->pools[0].n_backends, 1);
		cr_expect_str_eq(c.plan->pools[0].backends[0].detail, "quic_id 11 → 13");
		cr_expect_not(c.plan->rebuild);
		change_close(&c);
	}
}

/* Else its id would lead to whoever gets its place. */
Test(plan, the_ids_of_a_quic_pool_change_with_its_backends)
{
	struct change c = change_open_quic();

	fixture_drop_backend(&c.after->pools[0], 1);
	change_plan(&c);
	cr_expect(c.plan->pools[0].quic_changed);
	change_close(&c);

	c = change_open_quic();
	c.before->pools[0].quic = c.after->pools[0].quic = false;
	fixture_drop_backend(&c.after->pools[0], 1);
	change_plan(&c);
	cr_expect_not(c.plan->pools[0].quic_changed);
	change_close(&c);
}

Test(plan, a_large_quic_id_wants_larger_maps)
{
	struct change c = change_open_quic();

	cr_expect_geq(c.layout->caps.quic, 13);
	c.after->pools[0].backends[1].quic_id = 60000;
	change_plan(&c);
	cr_expect(c.plan->rebuild);
	cr_expect_str_eq(c.plan->rebuild_reason, "no room for the QUIC ids");
	cr_expect_geq(c.plan->layout->caps.quic, 60001);
	cr_expect_eq(c.plan->layout->pools[0].backends[1].quic_id, 60000);
	change_close(&c);
}
