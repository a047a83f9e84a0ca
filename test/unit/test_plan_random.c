/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thousands of random configs one after the other, with a reap now and then: whatever happens, ids
 * and runs belong to one owner, and none changes hands before it has been reaped.
 */
#include "maglev.h"
#include "plan_fixture.h"
#include "svctable.h"

#define POOLS	 12
#define BACKENDS 64
#define VIPS	 40
#define LINES	 65536 /* of slots or backends; more than these configs need */

/* What is to be in the config. */
struct world {
	bool pool[POOLS], backend[POOLS][BACKENDS], vip[VIPS];
	uint32_t slots[POOLS], vip_pool[VIPS];
	uint64_t random;
};

/* Who used what since the last reap; 0: nobody. */
struct memory {
	uint64_t slot_line[LINES], backend_line[LINES], vip[LINES];
	uint64_t local[POOLS][0x8000];
};

static uint32_t pick(struct world *world, uint32_t below)
{
	world->random = world->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((world->random >> 33) % below);
}

static void mutate(struct world *world)
{
	static const uint32_t slots[] = {0, 1, 33, 100, 1000};
	uint32_t n = pick(world, 8), pool = pick(world, POOLS);

	for (uint32_t i = 0; i < n; i++) {
		switch (pick(world, 5)) {
		case 0:
			world->pool[pick(world, POOLS)] ^= true;
			break;
		case 1:
			world->slots[pick(world, POOLS)] = slots[pick(world, 5)];
			break;
		case 2:
			world->vip[pick(world, VIPS)] ^= true;
			break;
		case 3:
			world->vip_pool[pick(world, VIPS)] = pick(world, POOLS);
			break;
		default:
			for (uint32_t k = pick(world, 12); k > 0; k--)
				world->backend[pool][pick(world, BACKENDS)] ^= true;
		}
	}
}

static struct lb_config *config_of(struct world *world)
{
	struct lb_config *config = fixture_new(POOLS, VIPS);
	size_t index[POOLS];

	for (uint32_t p = 0; p < POOLS; p++) {
		struct conf_pool *pool;
		char name[8];

		if (!world->pool[p])
			continue;
		snprintf(name, sizeof(name), "p%02u", p);
		index[p] = config->n_pools;
		pool = fixture_pool(config, name, 0, BACKENDS);
		pool->slots = world->slots[p];
		world->backend[p][p] = true; /* at least one */
		for (uint32_t k = BACKENDS; k-- > 0;)
			if (!world->backend[p][k])
				fixture_drop_backend(pool, k);
	}
	for (uint32_t v = 0; v < VIPS; v++)
		if (world->vip[v] && world->pool[world->vip_pool[v]])
			fixture_vip(config, v, index[world->vip_pool[v]]);
	return config;
}

static uint32_t pool_number(const struct layout_pool *pool)
{
	return (uint32_t)atoi(pool->name + 1);
}

/* `unique` is the map of this step alone: nobody else may have the id now. */
static void own(uint64_t *memory, bool *unique, uint32_t id, uint64_t owner)
{
	cr_assert_lt(id, LINES);
	cr_assert_not(unique[id], "an id has two owners");
	unique[id] = true;
	cr_assert(memory[id] == 0 || memory[id] == owner, "an id changed hands before its reap");
	memory[id] = owner;
}

static void check_pool(const struct layout *layout, const struct layout_pool *pool,
		       const struct conf_pool *conf, struct memory *memory, bool *slot_seen,
		       bool *backend_seen, bool *run_seen)
{
	uint32_t number = pool_number(pool);
	uint32_t want = conf->slots ? conf->slots : maglev_slot_count(conf->n_backends);

	cr_assert_str_eq(pool->name, conf->name);
	cr_assert_eq(pool->slot_count, want);
	cr_assert_eq(pool->first_slot % LB_SLOTS_PER_LINE, 0);
	cr_assert_leq(pool->first_slot + pool->slot_count, layout->caps.slots);
	cr_assert_leq(pool->first_backend + pool->backend_cap, layout->caps.backends);
	cr_assert_leq(pool->backend_cap, LB_SLOT_NONE);
	for (uint32_t s = 0; s < want; s += LB_SLOTS_PER_LINE)
		own(memory->slot_line, slot_seen, (pool->first_slot + s) / LB_SLOTS_PER_LINE,
		    ((uint64_t)number + 1) << 32 | want);
	cr_assert_eq(layout_count_backends(pool), conf->n_backends);
	for (size_t j = 0; j < conf->n_backends; j++)
		cr_assert_geq(layout_find_backend(pool, &conf->backends[j].address), 0);
	for (uint32_t id = 0; id < pool->backend_cap; id++) {
		const struct layout_backend *backend = &pool->backends[id];
		uint64_t owner = ((uint64_t)number + 1) << 32 | backend->address.w[3];

		cr_assert_not(run_seen[pool->first_backend + id], "runs overlap");
		run_seen[pool->first_backend + id] = true;
		if (backend->state != LAYOUT_ID_USED)
			continue;
		own(memory->backend_line, backend_seen, pool->first_backend + id, owner);
		cr_assert(memory->local[number][id] == 0 || memory->local[number][id] == owner,
			  "a local id changed hands before its reap");
		memory->local[number][id] = owner;
	}
}

static void check(const struct layout *layout, const struct lb_config *config,
		  struct memory *memory)
{
	bool *seen = calloc(4 * LINES, sizeof(*seen));

	cr_assert_eq(layout->n_pools, config->n_pools);
	cr_assert_eq(layout->n_vips, config->n_vips);
	cr_assert_leq(config->n_pools, layout->caps.pools);
	cr_assert_leq(svctable_lines(config->n_vips), layout->caps.service_lines);
	/* A pool that goes and comes back is another one, with slots of its own. */
	for (uint32_t p = 0; p < POOLS; p++) {
		char name[8];

		snprintf(name, sizeof(name), "p%02u", p);
		if (!layout_find_pool(layout, name))
			memset(memory->local[p], 0, sizeof(memory->local[p]));
	}
	for (size_t i = 0; i < config->n_pools; i++)
		check_pool(layout, &layout->pools[i], &config->pools[i], memory, seen, seen + LINES,
			   seen + 2 * LINES);
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct layout_vip *vip = &layout->vips[i];

		cr_assert(addr_equal(&vip->address, &config->vips[i].address));
		cr_assert_eq(vip->pool_id, config->vips[i].pool);
		cr_assert_lt(vip->vip_id, layout->caps.vips);
		own(memory->vip, seen + 3 * LINES, vip->vip_id, vip->address.w[3]);
	}
	free(seen);
}

/* Every kept object is where the plan says it is. */
static void check_moves(const struct plan *plan, const struct layout *old,
			const struct lb_config *config)
{
	size_t n_backends = 0, kept_backends = 0, kept_vips = 0, moves = 0;

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct layout_pool *new = &plan->layout->pools[i];
		const struct layout_pool *was = layout_find_pool(old, new->name);

		cr_assert_eq(plan->pools[i].kind == PLAN_ADD, was == NULL);
		n_backends += config->pools[i].n_backends;
		for (size_t j = 0; was && j < config->pools[i].n_backends; j++) {
			const struct lb_addr *address = &config->pools[i].backends[j].address;
			int from = layout_find_backend(was, address);
			int to = layout_find_backend(new, address);

			if (from < 0)
				continue;
			kept_backends++;
			cr_assert(plan->rebuild || from == to, "a local id is not kept");
			if (!plan->rebuild && was->first_backend == new->first_backend)
				continue;
			cr_assert_lt(moves, plan->n_backend_moves);
			cr_assert_eq(plan->backend_moves[moves].from,
				     was->first_backend + (uint32_t)from);
			cr_assert_eq(plan->backend_moves[moves].to,
				     new->first_backend + (uint32_t)to);
			moves++;
		}
		if (was && was->slot_count == new->slot_count && !plan->rebuild)
			cr_assert_eq(was->first_slot, new->first_slot);
	}
	cr_assert_eq(moves, plan->n_backend_moves);
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct layout_vip *new = &plan->layout->vips[i];
		const struct layout_vip *was =
		    layout_find_vip(old, &new->address, new->port, new->port_last, new->proto);

		kept_vips += was != NULL;
		if (was && !plan->rebuild)
			cr_assert_eq(was->vip_id, new->vip_id);
	}
	cr_assert_eq(plan->n_vip_moves, plan->rebuild ? kept_vips : 0);
	cr_assert_eq(plan->n_new_vip_ids, config->n_vips - kept_vips);
	cr_assert_eq(plan->n_new_backend_ids + kept_backends, n_backends);
}

Test(plan_random, no_id_changes_hands_before_it_is_reaped)
{
	struct world *world = calloc(1, sizeof(*world));
	struct memory *memory = calloc(1, sizeof(*memory));
	struct layout *layout = fixture_empty();
	struct lb_config *last = fixture_new(0, 0);
	unsigned int rebuilds = 0, in_place = 0, moves = 0, quarantines = 0;

	world->random = 4711;
	for (int step = 0; step < 4000; step++) {
		struct lb_config *config;
		struct plan *plan, *again;

		mutate(world);
		config = config_of(world);
		plan = fixture_plan(layout, last, config);
		check_moves(plan, layout, config);
		if (plan->rebuild) {
			memset(memory, 0, sizeof(*memory));
			rebuilds++;
		} else {
			in_place++;
			moves += plan->n_backend_moves > 0;
		}
		check(plan->layout, config, memory);

		/* Planning it once more finds nothing to do. */
		again = fixture_plan(plan->layout, config, config);
		cr_assert_eq(again->n_changes, 0);
		cr_assert_not(again->rebuild);
		plan_free(again);

		layout_free(layout);
		layout = plan_take_layout(plan);
		plan_free(plan);
		quarantines += layout_has_quarantine(layout);
		if (pick(world, 4) == 0) {
			layout_reap(layout);
			cr_assert_not(layout_has_quarantine(layout));
			memset(memory, 0, sizeof(*memory));
			check(layout, config, memory);
		}
		fixture_free(last);
		last = config;
	}
	/* The run went through all of it, or it proves nothing. */
	cr_expect_gt(rebuilds, 10);
	cr_expect_gt(in_place, 1000);
	cr_expect_gt(moves, 50);
	cr_expect_gt(quarantines, 1000);
	layout_free(layout);
	fixture_free(last);
	free(memory);
	free(world);
}
