/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_work.h - what plan_match.c (what is what), plan_alloc.c (what lies where) and plan.c (what
 * differs) share. Nobody else includes it.
 */
#ifndef LB_PLAN_WORK_H
#define LB_PLAN_WORK_H

#include "ratelimit.h"
#include "plan.h"

#define PLAN_NONE SIZE_MAX

/* Which object of the config is which of the old layout. PLAN_NONE: it has no counterpart. */
struct plan_work {
	const struct layout *old;
	const struct lb_config *old_config; /* may be NULL */
	const struct lb_config *config;
	struct plan *plan;
	bool seed_changed, encap_changed;
	size_t *pool_old, *vip_old; /* by the config's index */
	size_t *pool_new, *vip_new; /* by the old layout's index */
	uint32_t *slot_counts;	    /* by the config's pool */
	size_t n_backends;	    /* of all pools of the config */
	size_t *backend_at;	    /* by the config's pool: its first entry in backend_old */
	int32_t *backend_old;	    /* old local id; -1: new */
	struct limits limits;	    /* of the config's VIPs */
};

/* Fills in what follows `encap_changed`; the rest is set. -ENOMEM; close in any case. */
int plan_work_open(struct plan_work *work);
void plan_work_close(struct plan_work *work);

/*
 * Makes plan->layout, in the old one's maps where there is room, else with sizes of its own
 * (plan->rebuild), and fills in the pools' new_slot_run and new_backend_run, the moves and the new
 * ids. -ENOMEM, -E2BIG.
 */
int plan_alloc(struct plan_work *work);

/* plan_limits.c: the same for the rate limits, once plan->layout has its VIPs. */
int plan_limits_in_place(struct plan_work *work, const char **ret_reason);
int plan_limits_caps(const struct plan_work *work, struct layout_caps *caps);
int plan_limits_anew(struct plan_work *work);
/* What changes about the limits of a VIP that was there before, in words; "": nothing. */
void plan_limits_detail(const struct plan_work *work, size_t vip, char *text, size_t size);

#endif
