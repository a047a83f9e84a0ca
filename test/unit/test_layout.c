/* SPDX-License-Identifier: GPL-2.0-only */
/* The bookkeeping of ids and runs. */
#include "plan_fixture.h"

static struct layout *make(void)
{
	struct lb_config *config = fixture_new(2, 2);
	struct layout *layout;

	fixture_pool(config, "a", 1, 3);
	fixture_pool(config, "b", 10, 1);
	fixture_vip(config, 1, 0);
	fixture_vip(config, 2, 1);
	layout = fixture_apply(fixture_empty(), NULL, config);
	fixture_free(config);
	return layout;
}

Test(layout, finds_pools_vips_and_backends_by_their_keys)
{
	struct layout *layout = make();
	struct lb_addr vip = fixture_addr(VIP_NET + 2), backend = fixture_addr(BACKEND_NET + 2);

	cr_expect_eq(layout_find_pool(layout, "b"), &layout->pools[1]);
	cr_expect_null(layout_find_pool(layout, "c"));
	cr_expect_eq(layout_find_vip(layout, &vip, 80, 80, CONF_TCP), &layout->vips[1]);
	cr_expect_null(layout_find_vip(layout, &vip, 81, 81, CONF_TCP));
	cr_expect_null(layout_find_vip(layout, &vip, 80, 80, CONF_UDP));
	cr_expect_null(layout_find_vip(layout, &backend, 80, 80, CONF_TCP));
	cr_expect_eq(layout_find_backend(&layout->pools[0], &backend), 1);
	cr_expect_eq(layout_find_backend(&layout->pools[1], &backend), -1);
	cr_expect_eq(layout_count_backends(&layout->pools[0]), 3);
	layout_free(layout);
	layout_free(NULL);
}

Test(layout, a_backend_in_quarantine_is_not_found_and_free_after_reap)
{
	struct layout *layout = make();
	struct layout_pool *pool = &layout->pools[0];
	struct lb_addr backend = fixture_addr(BACKEND_NET + 2);

	cr_expect_not(layout_has_quarantine(layout));
	pool->backends[1].state = LAYOUT_ID_QUARANTINE;
	cr_expect(layout_has_quarantine(layout));
	cr_expect_eq(layout_find_backend(pool, &backend), -1);
	cr_expect_eq(layout_count_backends(pool), 2);
	layout_reap(layout);
	cr_expect_eq(pool->backends[1].state, LAYOUT_ID_FREE);
	cr_expect_not(layout_has_quarantine(layout));

	cr_assert_eq(extent_release(layout->vip_ids, layout->vips[0].vip_id, 1), 0);
	cr_expect(layout_has_quarantine(layout));
	layout_reap(layout);
	cr_expect_not(layout_has_quarantine(layout));
	layout_free(layout);
}
