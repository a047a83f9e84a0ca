/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ratelimit.c - rate limits: which hold for a VIP, and what they are in the data plane's
 * arithmetic.
 */
#include "ratelimit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lb/gcra.h>

#include "conf/scalar.h"

static bool holds_for(const struct conf_limit *limit, const struct conf_vip *vip)
{
	return limit->count != CONF_LIMIT_CONNECTIONS || vip->protocol == CONF_TCP;
}

static struct layout_limit describe(const struct conf_limit *conf)
{
	struct layout_limit limit = {
	    .rate = conf->rate,
	    .burst = conf->burst,
	    .flags = (uint8_t)((conf->count == CONF_LIMIT_BYTES		? LB_LIMIT_BYTES
				: conf->count == CONF_LIMIT_CONNECTIONS ? LB_LIMIT_CONNECTIONS
									: 0) |
			       (conf->action == CONF_LIMIT_COUNT_ONLY ? LB_LIMIT_COUNT_ONLY : 0)),
	};

	if (conf->per == CONF_LIMIT_PER_SOURCE) {
		limit.flags |= LB_LIMIT_SOURCE;
		limit.prefix4 = conf->prefix4;
		limit.prefix6 = conf->prefix6;
	}
	return limit;
}

bool limits_match(const struct layout_limit *a, const struct layout_limit *b)
{
	const uint8_t kind = LB_LIMIT_SOURCE | LB_LIMIT_BYTES | LB_LIMIT_CONNECTIONS;

	return (a->flags & kind) == (b->flags & kind) && a->prefix4 == b->prefix4 &&
	       a->prefix6 == b->prefix6 && a->ordinal == b->ordinal;
}

bool limits_equal_settings(const struct layout_limit *a, const struct layout_limit *b)
{
	return a->rate == b->rate && a->burst == b->burst && a->flags == b->flags;
}

/* Appends those of a list whose `per` is wanted. */
static void take(struct limits *l, size_t first, size_t *n, const struct lb_config *config,
		 const size_t *list, size_t n_list, const struct conf_vip *vip,
		 enum conf_limit_per per)
{
	for (size_t i = 0; i < n_list; i++) {
		const struct conf_limit *conf = &config->limits[list[i]];
		struct layout_limit limit;

		if (conf->per != per || !holds_for(conf, vip))
			continue;
		limit = describe(conf);
		for (size_t k = first; k < *n; k++)
			limit.ordinal =
			    (uint8_t)(limit.ordinal + limits_match(&l->limits[k], &limit));
		l->limits[(*n)++] = limit;
	}
}

/* Both lists ascend; the result is the file's order. */
static size_t merge(const size_t *a, size_t n_a, const size_t *b, size_t n_b, size_t *ret_list)
{
	size_t n = 0;

	while (n_a + n_b) {
		if (!n_b || (n_a && *a < *b)) {
			ret_list[n++] = *a++;
			n_a--;
		} else {
			ret_list[n++] = *b++;
			n_b--;
		}
	}
	return n;
}

/* The limits of each VIP by name, as runs of indices, and of all VIPs at the end. */
static int sort_by_vip(const struct lb_config *config, size_t **ret_list, size_t **ret_at)
{
	size_t *at = calloc(config->n_vips + 3, sizeof(*at));
	size_t *list = calloc(config->n_limits + 1, sizeof(*list));

	*ret_list = list;
	*ret_at = at;
	if (!at || !list)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_limits; i++) {
		const size_t vip = config->limits[i].vip;

		at[(vip == SIZE_MAX ? config->n_vips : vip) + 2]++;
	}
	for (size_t i = 2; i < config->n_vips + 3; i++)
		at[i] += at[i - 1];
	for (size_t i = 0; i < config->n_limits; i++) {
		const size_t vip = config->limits[i].vip;

		list[at[(vip == SIZE_MAX ? config->n_vips : vip) + 1]++] = i;
	}
	return 0;
}

int limits_of_config(const struct lb_config *config, struct limits *ret_limits)
{
	size_t *list = NULL, *at = NULL, *both = NULL, n = 0, n_all;
	int r = sort_by_vip(config, &list, &at);

	*ret_limits = (struct limits){0};
	if (r)
		goto out;
	r = -ENOMEM;
	n_all = at[config->n_vips + 1] - at[config->n_vips];
	both = calloc(config->n_limits + 1, sizeof(*both));
	ret_limits->at = calloc(config->n_vips + 1, sizeof(*ret_limits->at));
	ret_limits->limits =
	    calloc(config->n_vips * n_all + config->n_limits + 1, sizeof(*ret_limits->limits));
	if (!both || !ret_limits->at || !ret_limits->limits)
		goto out;
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct conf_vip *vip = &config->vips[i];
		const size_t n_list =
		    merge(list + at[i], at[i + 1] - at[i], list + at[config->n_vips], n_all, both);

		ret_limits->at[i] = n;
		take(ret_limits, ret_limits->at[i], &n, config, both, n_list, vip,
		     CONF_LIMIT_PER_SOURCE);
		take(ret_limits, ret_limits->at[i], &n, config, both, n_list, vip,
		     CONF_LIMIT_PER_VIP);
	}
	ret_limits->at[config->n_vips] = n;
	r = 0;
out:
	free(list);
	free(at);
	free(both);
	return r;
}

void limits_free(struct limits *limits)
{
	free(limits->limits);
	free(limits->at);
}

uint32_t limits_sources(const struct lb_config *config)
{
	for (size_t i = 0; i < config->n_limits; i++)
		if (config->limits[i].per == CONF_LIMIT_PER_SOURCE)
			return config->limit_sources;
	return 1;
}

/* The first `bits` of `len` bytes, as they lie in memory. */
static void make_mask(unsigned int bits, uint8_t *ret_mask, unsigned int len)
{
	for (unsigned int i = 0; i<len; i++, bits = bits> 8 ? bits - 8 : 0)
		ret_mask[i] = (uint8_t)(bits >= 8 ? 0xff : 0xff00u >> bits);
}

/* Of what is counted one by one, exactly `burst` of them, whatever one's cost is rounded to. */
static uint64_t depth_of(const struct layout_limit *limit)
{
	if (limit->flags & LB_LIMIT_BYTES)
		return gcra_depth(limit->rate, limit->burst);
	return limit->burst * gcra_cost(gcra_interval(limit->rate), 1);
}

void limits_fill_line(const struct layout_limit *limit, struct lb_limit *ret_line)
{
	uint8_t mask4[4], mask6[16];

	make_mask(limit->prefix4, mask4, sizeof(mask4));
	make_mask(limit->prefix6, mask6, sizeof(mask6));
	*ret_line = (struct lb_limit){
	    .interval = gcra_interval(limit->rate),
	    .depth = depth_of(limit),
	    .rate = limit->rate,
	    .burst = limit->burst,
	    .id = limit->id,
	    .serial = limit->serial,
	    .prefix4 = limit->prefix4,
	    .prefix6 = limit->prefix6,
	    .ordinal = limit->ordinal,
	    .flags = limit->flags,
	};
	memcpy(&ret_line->mask4, mask4, sizeof(mask4));
	memcpy(&ret_line->mask6_hi, mask6, 8);
	memcpy(&ret_line->mask6_lo, mask6 + 8, 8);
}

int limits_read_line(const struct lb_limit *line, struct layout_limit *ret_limit)
{
	struct lb_limit again;

	*ret_limit = (struct layout_limit){
	    .rate = line->rate,
	    .burst = line->burst,
	    .id = line->id,
	    .serial = line->serial,
	    .prefix4 = line->prefix4,
	    .prefix6 = line->prefix6,
	    .ordinal = line->ordinal,
	    .flags = line->flags,
	};
	if (!line->rate || !line->burst || line->burst / line->rate > 3600 || line->prefix4 > 32 ||
	    line->prefix6 > 128)
		return -EBADMSG;
	limits_fill_line(ret_limit, &again);
	return memcmp(&again, line, sizeof(again)) ? -EBADMSG : 0;
}

const char *limits_per_name(const struct layout_limit *limit)
{
	return limit->flags & LB_LIMIT_SOURCE ? "source" : "vip";
}

const char *limits_count_name(const struct layout_limit *limit)
{
	return limit->flags & LB_LIMIT_BYTES	     ? "bytes"
	       : limit->flags & LB_LIMIT_CONNECTIONS ? "connections"
						     : "packets";
}

const char *limits_format_rate(const struct layout_limit *limit, char buf[LIMITS_TEXT_MAX])
{
	const bool bytes = limit->flags & LB_LIMIT_BYTES;
	char rate[32], burst[32];

	snprintf(buf, LIMITS_TEXT_MAX, "%s/s, burst %s",
		 scalar_format_amount(limit->rate, bytes, rate, sizeof(rate)),
		 scalar_format_amount(limit->burst, bytes, burst, sizeof(burst)));
	return buf;
}

const char *limits_format(const struct layout_limit *limit, char buf[LIMITS_TEXT_MAX])
{
	char rate[LIMITS_TEXT_MAX];

	snprintf(buf, LIMITS_TEXT_MAX, "%s per %s %.60s", limits_count_name(limit),
		 limits_per_name(limit), limits_format_rate(limit, rate));
	return buf;
}
