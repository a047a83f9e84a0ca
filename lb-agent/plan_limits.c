/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_limits.c - which rate limit of a config is which of the old layout, and which ids they have.
 *
 * An id is kept while its limit is, in new maps too: so what a source has sent before a change
 * still counts after it. A serial is given once, so that a new limit finds no cells of another's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "plan_work.h"

#define LIMIT_CAP_STEP 16u

/* The old limit of which `limit` is the continuation, among those of the same VIP; or NULL. */
static const struct layout_limit *old_limit(const struct plan_work *work, size_t vip,
					    const struct layout_limit *limit)
{
	const struct layout_vip *old;

	if (work->vip_old[vip] == PLAN_NONE)
		return NULL;
	old = &work->old->vips[work->vip_old[vip]];
	for (uint32_t i = 0; i < old->n_limits; i++)
		if (limits_match(&work->old->limits[old->first_limit + i], limit))
			return &work->old->limits[old->first_limit + i];
	return NULL;
}

static const struct layout_limit *new_limit(const struct layout *layout,
					    const struct layout_vip *vip,
					    const struct layout_limit *limit)
{
	for (uint32_t i = 0; i < vip->n_limits; i++)
		if (limits_match(&layout->limits[vip->first_limit + i], limit))
			return &layout->limits[vip->first_limit + i];
	return NULL;
}

/* The config's limits in the layout, those that are kept with their ids; *ret_new: how many have
 * none yet (serial 0). */
static int describe(struct plan_work *work, size_t *ret_new)
{
	struct layout *layout = work->plan->layout;
	const size_t n = work->limits.at[work->config->n_vips];

	*ret_new = 0;
	layout->limits = calloc(n + 1, sizeof(*layout->limits));
	if (!layout->limits)
		return -ENOMEM;
	layout->n_limits = n;
	layout->limit_serial = work->old->limit_serial;
	for (size_t i = 0; i < work->config->n_vips; i++) {
		const size_t at = work->limits.at[i], end = work->limits.at[i + 1];

		layout->vips[i].first_limit = (uint32_t)at;
		layout->vips[i].n_limits = (uint32_t)(end - at);
		for (size_t k = at; k < end; k++) {
			struct layout_limit *limit = &layout->limits[k];
			const struct layout_limit *old;

			*limit = work->limits.limits[k];
			old = old_limit(work, i, limit);
			*ret_new += !old;
			if (!old)
				continue;
			limit->id = old->id;
			limit->serial = old->serial;
		}
	}
	return 0;
}

static int give_ids(struct plan_work *work, size_t n_new)
{
	struct plan *plan = work->plan;
	struct layout *layout = plan->layout;
	int rc = 0;

	free(plan->new_limit_ids);
	plan->n_new_limit_ids = 0;
	plan->new_limit_ids = calloc(n_new + 1, sizeof(*plan->new_limit_ids));
	if (!plan->new_limit_ids)
		return -ENOMEM;
	for (size_t k = 0; k < layout->n_limits && rc == 0; k++) {
		struct layout_limit *limit = &layout->limits[k];

		if (limit->serial)
			continue;
		rc = extent_alloc(layout->limit_ids, 1, 1, &limit->id);
		if (++layout->limit_serial == 0) /* after 2^32 limits */
			layout->limit_serial = 1;
		limit->serial = layout->limit_serial;
		plan->new_limit_ids[plan->n_new_limit_ids++] = limit->id;
	}
	return rc;
}

static int release_gone(struct plan_work *work)
{
	const struct layout *old = work->old, *layout = work->plan->layout;
	int rc = 0;

	for (size_t i = 0; i < old->n_vips && rc == 0; i++) {
		const struct layout_vip *vip = &old->vips[i];
		const size_t now = work->vip_new[i];

		for (uint32_t k = 0; k < vip->n_limits && rc == 0; k++) {
			const struct layout_limit *limit = &old->limits[vip->first_limit + k];

			if (now == PLAN_NONE || !new_limit(layout, &layout->vips[now], limit))
				rc = extent_release(layout->limit_ids, limit->id, 1);
		}
	}
	return rc;
}

int plan_limits_in_place(struct plan_work *work, const char **ret_reason)
{
	const struct layout_caps *caps = &work->old->caps;
	const uint32_t sources = limits_sources(work->config);
	size_t n_new;
	int rc;

	*ret_reason = "no room for the rate limits";
	if (work->limits.at[work->config->n_vips] > caps->limits)
		return -ENOSPC;
	if (sources != 1 && sources != caps->limit_sources) {
		*ret_reason = "another number of sources is remembered";
		return -ENOSPC;
	}
	rc = describe(work, &n_new);
	if (rc == 0)
		rc = release_gone(work);
	return rc ? rc : give_ids(work, n_new);
}

/* Room for the limits and a quarter more, and never less than before while there are limits whose
 * ids are kept. */
int plan_limits_caps(const struct plan_work *work, struct layout_caps *caps)
{
	const size_t n = work->limits.at[work->config->n_vips];
	size_t want = n + (n + 3) / 4;

	caps->limit_sources = limits_sources(work->config);
	want = (want + LIMIT_CAP_STEP - 1) / LIMIT_CAP_STEP * LIMIT_CAP_STEP;
	if (n && want < work->old->caps.limits)
		want = work->old->caps.limits;
	if (want > LB_LIMIT_LINES_MAX / 2)
		return -E2BIG;
	caps->limits = (uint32_t)want;
	return 0;
}

int plan_limits_anew(struct plan_work *work)
{
	struct layout *layout = work->plan->layout;
	size_t n_new;
	int rc = describe(work, &n_new);

	for (size_t k = 0; k < layout->n_limits && rc == 0; k++)
		if (layout->limits[k].serial)
			rc = extent_claim(layout->limit_ids, layout->limits[k].id, 1);
	return rc ? rc : give_ids(work, n_new);
}

static void say_change(const struct layout_limit *old, const struct layout_limit *limit, char *text,
		       size_t size)
{
	const bool count_only = limit->flags & LB_LIMIT_COUNT_ONLY;
	char before[LIMITS_TEXT_MAX], after[LIMITS_TEXT_MAX];

	snprintf(text, size, "limit %s%s%s%s", limits_format(old, before),
		 old->rate != limit->rate || old->burst != limit->burst ? " → " : "",
		 old->rate != limit->rate || old->burst != limit->burst
		     ? limits_format_rate(limit, after)
		     : "",
		 old->flags == limit->flags ? ""
		 : count_only		    ? ", action drop → count"
					    : ", action count → drop");
}

/* What changes about a VIP's limits; "" where nothing does. Several changes are told by number. */
void plan_limits_detail(const struct plan_work *work, size_t vip, char *text, size_t size)
{
	const struct layout *layout = work->plan->layout;
	const struct layout_vip *new = &layout->vips[vip];
	const struct layout_vip *old = &work->old->vips[work->vip_old[vip]];
	char buf[LIMITS_TEXT_MAX];
	unsigned int n = 0;

	*text = '\0';
	for (uint32_t k = 0; k < new->n_limits; k++) {
		const struct layout_limit *limit = &layout->limits[new->first_limit + k];
		const struct layout_limit *was = old_limit(work, vip, limit);

		if (was && limits_equal_settings(was, limit))
			continue;
		n++;
		if (was)
			say_change(was, limit, text, size);
		else
			snprintf(text, size, "new limit %s", limits_format(limit, buf));
	}
	for (uint32_t k = 0; k < old->n_limits; k++) {
		const struct layout_limit *limit = &work->old->limits[old->first_limit + k];

		if (new_limit(layout, new, limit))
			continue;
		n++;
		snprintf(text, size, "without limit %s", limits_format(limit, buf));
	}
	if (n > 1)
		snprintf(text, size, "%u rate limits changed", n);
}
