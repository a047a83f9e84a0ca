/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_report.h - a plan as JSON ("plan" in ctl.h). The agent and lbctl share it, so that a plan
 * looks the same whether the agent or `lbctl plan --from` made it.
 */
#ifndef LB_PLAN_REPORT_H
#define LB_PLAN_REPORT_H

#include <stddef.h>
#include <jansson.h>

#include "conf/conf.h"
#include "layout.h"
#include "plan.h"

/*
 * The share (0.0 .. 1.0) of slots that would go to another backend, from a pool of the old layout
 * to one of the new (indices into plan.h's layouts). The two may be different pools: a VIP may
 * change its pool.
 */
typedef double (*plan_moved_share)(void *ctx, size_t old_pool_index, size_t new_pool_index);

/*
 * A new reference, or NULL when memory ran out. `old` and `old_config` are what plan_make() was
 * given; where `old_config` is NULL, the names of removed VIPs are not known and become null.
 *
 * moved_share of what is added is 0 (nothing that existed moves), of what is removed 1. It is 1,
 * too, where every flow is hashed anew: the VIP's affinity or the node's seed differs.
 */
json_t *plan_report(const struct plan *plan, const struct layout *old,
		    const struct lb_config *old_config, const struct lb_config *config,
		    plan_moved_share moved_share, void *ctx);

#endif
