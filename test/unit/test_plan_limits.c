/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_plan_limits.c - rate limits through the plan: order, ids that stay, serials that are given
 * once, what a plan says.
 */
#include <errno.h>

#include "plan_fixture.h"
#include "ratelimit.h"

static struct lb_config *two_vips(void)
{
	struct lb_config *config = fixture_new(1, 2);

	fixture_pool(config, "web", 1, 3);
	fixture_vip(config, 1, 0);
	fixture_vip(config, 2, 0);
	config->limits = calloc(16, sizeof(*config->limits));
	config->limit_sources = 1024;
	return config;
}

static void end(struct lb_config *config)
{
	free(config->limits);
	fixture_free(config);
}

static struct conf_limit *limit(struct lb_config *config, size_t vip, enum conf_limit_per per,
				uint64_t rate)
{
	struct conf_limit *l = &config->limits[config->n_limits++];

	*l = (struct conf_limit){
	    .vip = vip, .per = per, .rate = rate, .burst = rate, .prefix4 = 32, .prefix6 = 64};
	return l;
}

#define SOURCE CONF_LIMIT_PER_SOURCE
#define VIP    CONF_LIMIT_PER_VIP

static const struct layout_limit *limit_of(const struct layout *layout, size_t vip, uint32_t k)
{
	cr_assert_lt(k, layout->vips[vip].n_limits);
	return &layout->limits[layout->vips[vip].first_limit + k];
}

Test(plan_limits, puts_those_per_source_first_and_all_in_the_files_order)
{
	static const uint64_t order[] = {2, 3, 1, 4};
	struct lb_config *config = two_vips();
	struct layout *layout;

	limit(config, 0, VIP, 1);
	limit(config, SIZE_MAX, SOURCE, 2);
	limit(config, 0, SOURCE, 3);
	limit(config, SIZE_MAX, VIP, 4);
	layout = fixture_apply(fixture_empty(), NULL, config);
	cr_assert_eq(layout->vips[0].n_limits, 4);
	cr_assert_eq(layout->vips[1].n_limits, 2);
	for (uint32_t k = 0; k < 4; k++)
		cr_expect_eq(limit_of(layout, 0, k)->rate, order[k]);
	cr_expect_eq(limit_of(layout, 1, 0)->rate, 2);
	cr_expect_eq(limit_of(layout, 1, 1)->rate, 4);
	cr_expect_eq(layout->caps.limit_sources, 1024);
	layout_free(layout);
	end(config);
}

Test(plan_limits, without_limits_makes_the_least_of_maps)
{
	struct lb_config *config = two_vips();
	struct layout *layout = fixture_apply(fixture_empty(), NULL, config);

	cr_expect_eq(layout->caps.limits, 0);
	cr_expect_eq(layout->caps.limit_sources, 1);
	layout_free(layout);
	end(config);
}

Test(plan_limits, leaves_connections_to_tcp_vips)
{
	struct lb_config *config = two_vips();
	struct layout *layout;

	config->vips[1].protocol = CONF_UDP;
	limit(config, SIZE_MAX, VIP, 5)->count = CONF_LIMIT_CONNECTIONS;
	layout = fixture_apply(fixture_empty(), NULL, config);
	cr_expect_eq(layout->vips[0].n_limits, 1);
	cr_expect_eq(layout->vips[1].n_limits, 0);
	layout_free(layout);
	end(config);
}

Test(plan_limits, a_changed_rate_keeps_id_and_serial_and_builds_nothing_anew)
{
	struct lb_config *config = two_vips(), *then = two_vips();
	struct layout *layout;
	struct plan *plan;

	limit(config, 0, SOURCE, 10000)->burst = 20000;
	limit(config, 1, VIP, 20);
	layout = fixture_apply(fixture_empty(), NULL, config);
	limit(then, 0, SOURCE, 50000)->burst = 20000;
	limit(then, 1, VIP, 20)->action = CONF_LIMIT_COUNT_ONLY;
	plan = fixture_plan(layout, config, then);
	cr_expect_not(plan->rebuild);
	cr_expect_eq(plan->n_new_limit_ids, 0);
	cr_expect_eq(limit_of(plan->layout, 0, 0)->id, limit_of(layout, 0, 0)->id);
	cr_expect_eq(limit_of(plan->layout, 0, 0)->serial, limit_of(layout, 0, 0)->serial);
	cr_expect_eq(plan->vips[0].kind, PLAN_CHANGE);
	cr_expect_str_eq(plan->vips[0].detail, "limit packets per source 10k/s, burst 20k → "
					       "50k/s, burst 20k");
	cr_expect_str_eq(plan->vips[1].detail,
			 "limit packets per vip 20/s, burst 20, action drop → count");
	plan_free(plan);
	layout_free(layout);
	end(config);
	end(then);
}

Test(plan_limits, the_same_limits_are_no_change)
{
	struct lb_config *config = two_vips();
	struct layout *layout;
	struct plan *plan;

	limit(config, SIZE_MAX, SOURCE, 10);
	limit(config, 0, SOURCE, 10);
	layout = fixture_apply(fixture_empty(), NULL, config);
	plan = fixture_plan(layout, config, config);
	cr_expect_eq(plan->n_changes, 0);
	plan_free(plan);
	layout_free(layout);
	end(config);
}

Test(plan_limits, a_serial_is_never_given_twice)
{
	struct lb_config *with = two_vips(), *without = two_vips();
	struct layout *layout;
	uint32_t serial = 0;

	limit(with, 0, SOURCE, 10);
	layout = fixture_apply(fixture_empty(), NULL, with);
	for (int i = 0; i < 5; i++) {
		cr_expect_gt(limit_of(layout, 0, 0)->serial, serial);
		serial = limit_of(layout, 0, 0)->serial;
		layout_reap(layout);
		layout = fixture_apply(layout, NULL, without);
		cr_expect_eq(layout->n_limits, 0);
		cr_expect_eq(layout->limit_serial, serial);
		layout_reap(layout);
		layout = fixture_apply(layout, NULL, with);
	}
	layout_free(layout);
	end(with);
	end(without);
}

Test(plan_limits, new_maps_keep_the_ids)
{
	struct lb_config *config = two_vips(), *then = two_vips();
	struct layout *layout;
	struct plan *plan;

	limit(config, 0, VIP, 10);
	limit(config, 1, VIP, 10);
	limit(config, 1, SOURCE, 10);
	layout = fixture_apply(fixture_empty(), NULL, config);
	limit(then, 1, VIP, 10);
	limit(then, 1, SOURCE, 10);
	limit(then, 0, SOURCE, 10);
	then->node.seed = 2;
	plan = fixture_plan(layout, config, then);
	cr_expect(plan->rebuild);
	cr_expect_eq(limit_of(plan->layout, 1, 0)->id, limit_of(layout, 1, 0)->id);
	cr_expect_eq(limit_of(plan->layout, 1, 1)->id, limit_of(layout, 1, 1)->id);
	cr_expect_eq(plan->n_new_limit_ids, 1);
	cr_expect_gt(limit_of(plan->layout, 0, 0)->serial, layout->limit_serial);
	plan_free(plan);
	layout_free(layout);
	end(config);
	end(then);
}

Test(plan_limits, another_number_of_sources_builds_anew)
{
	struct lb_config *config = two_vips(), *then = two_vips();
	struct layout *layout;
	struct plan *plan;

	limit(config, 0, SOURCE, 10);
	limit(then, 0, SOURCE, 10);
	then->limit_sources = 2048;
	layout = fixture_apply(fixture_empty(), NULL, config);
	plan = fixture_plan(layout, config, then);
	cr_expect(plan->rebuild);
	cr_expect_str_eq(plan->rebuild_reason, "another number of sources is remembered");
	cr_expect_eq(plan->layout->caps.limit_sources, 2048);
	plan_free(plan);
	layout_free(layout);
	end(config);
	end(then);
}

/* Random configs: ids unique, kept where the limit is, room found, old ids reused after the reap.
 */
Test(plan_limits, ids_stay_unique_through_random_changes)
{
	struct layout *layout = fixture_empty();
	struct lb_config *before = NULL;
	unsigned int seed = 3;

	for (int round = 0; round < 500; round++) {
		struct lb_config *config = two_vips();
		const int n = rand_r(&seed) % 8;

		for (int i = 0; i < n; i++)
			limit(config, (const size_t[]){0, 1, SIZE_MAX}[rand_r(&seed) % 3],
			      rand_r(&seed) % 2 ? SOURCE : VIP, 1 + (uint64_t)rand_r(&seed) % 3);
		if (rand_r(&seed) % 10 == 0)
			config->node.seed = 2;
		layout_reap(layout);
		layout = fixture_apply(layout, before, config);
		for (size_t i = 0; i < layout->n_limits; i++) {
			cr_assert_lt(layout->limits[i].id, layout->caps.limits);
			for (size_t k = 0; k < i; k++)
				cr_assert(layout->limits[i].id != layout->limits[k].id &&
					  layout->limits[i].serial != layout->limits[k].serial);
		}
		cr_assert_leq(layout->caps.limits, 32);
		if (before)
			end(before);
		before = config;
	}
	end(before);
	layout_free(layout);
}

Test(plan_limits, a_line_says_all_that_the_next_agent_must_know)
{
	const struct layout_limit limit = {.rate = 1250000,
					   .burst = 65536,
					   .id = 7,
					   .serial = 9,
					   .prefix4 = 23,
					   .prefix6 = 49,
					   .ordinal = 2,
					   .flags = LB_LIMIT_SOURCE | LB_LIMIT_BYTES};
	struct layout_limit again;
	struct lb_limit line;

	limits_fill_line(&limit, &line);
	cr_expect_eq(line.mask4, 0x00feffff, "as it lies on the wire");
	cr_expect_eq(line.mask6_hi, 0x0080ffffffffffffull);
	cr_expect_eq(line.mask6_lo, 0);
	cr_expect_eq(limits_read_line(&line, &again), 0);
	cr_expect(limits_match(&limit, &again) && limits_equal_settings(&limit, &again));
	cr_expect_eq(again.id, 7);
	cr_expect_eq(again.serial, 9);
	line.depth++;
	cr_expect_eq(limits_read_line(&line, &again), -EBADMSG);
}
