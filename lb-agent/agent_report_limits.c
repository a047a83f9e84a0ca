/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_report_limits.c - rate limits as JSON: what they found, and which sources they remember.
 */
#include <stdlib.h>
#include <string.h>

#include <lb/gcra.h>

#include "agent_internal.h"
#include "ratelimit.h"

#define SCAN_MAX 262144u /* sources that are looked at; some 30 ms */
#define TOP_MAX	 10u

struct by_serial {
	uint32_t serial;
	size_t limit; /* in layout.limits */
};

/* What a source has used up of its burst. */
struct top {
	struct lb_limit_key key;
	size_t limit;
	double used;
};

struct scan {
	struct agent *agent;
	size_t only_vip; /* SIZE_MAX: all */
	struct by_serial *sorted;
	uint32_t *n_sources; /* by limit */
	size_t *vip_of;	     /* by limit */
	uint64_t seen;
	struct top top[TOP_MAX];
	size_t n_top;
};

static int serial_order(const void *a, const void *b)
{
	const uint32_t x = ((const struct by_serial *)a)->serial,
		       y = ((const struct by_serial *)b)->serial;

	return (x > y) - (x < y);
}

static double used_of(const struct layout_limit *limit, uint64_t ahead)
{
	struct lb_limit line;
	double used;

	limits_fill_line(limit, &line);
	used = (double)ahead / (double)line.depth;
	return used < 1 ? used : 1;
}

static void note_top(struct scan *s, const struct top *source)
{
	size_t at = s->n_top;

	while (at > 0 && s->top[at - 1].used < source->used)
		at--;
	if (at == TOP_MAX)
		return;
	if (s->n_top < TOP_MAX)
		s->n_top++;
	memmove(&s->top[at + 1], &s->top[at], (s->n_top - at - 1) * sizeof(s->top[0]));
	s->top[at] = *source;
}

static void see(void *ctx, const struct lb_limit_key *key, uint64_t ahead)
{
	struct scan *s = ctx;
	const struct layout *layout = s->agent->layout;
	const struct by_serial wanted = {.serial = key->serial};
	const struct by_serial *found =
	    bsearch(&wanted, s->sorted, layout->n_limits, sizeof(wanted), serial_order);
	struct top source;

	s->seen++;
	if (!found) /* of a limit that is gone */
		return;
	s->n_sources[found->limit]++;
	if (!ahead || (s->only_vip != SIZE_MAX && s->vip_of[found->limit] != s->only_vip))
		return;
	source = (struct top){
	    .key = *key,
	    .limit = found->limit,
	    .used = used_of(&layout->limits[found->limit], ahead),
	};
	note_top(s, &source);
}

static int scan_open(struct scan *s)
{
	const struct layout *layout = s->agent->layout;

	s->sorted = calloc(layout->n_limits + 1, sizeof(*s->sorted));
	s->n_sources = calloc(layout->n_limits + 1, sizeof(*s->n_sources));
	s->vip_of = calloc(layout->n_limits + 1, sizeof(*s->vip_of));
	if (!s->sorted || !s->n_sources || !s->vip_of)
		return -1;
	for (size_t i = 0; i < layout->n_vips; i++)
		for (uint32_t k = 0; k < layout->vips[i].n_limits; k++)
			s->vip_of[layout->vips[i].first_limit + k] = i;
	for (size_t i = 0; i < layout->n_limits; i++)
		s->sorted[i] = (struct by_serial){layout->limits[i].serial, i};
	qsort(s->sorted, layout->n_limits, sizeof(*s->sorted), serial_order);
	return dataplane_each_source(s->agent->dp, SCAN_MAX, see, s);
}

static json_t *limit_json(const struct scan *s, size_t i)
{
	struct agent *agent = s->agent;
	const struct layout_limit *limit = &agent->layout->limits[i];
	const bool source = limit->flags & LB_LIMIT_SOURCE;
	struct lb_limit_counter total = {0};

	dataplane_read_limit(agent->dp, limit->id, &total);
	return json_pack(
	    "{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "vip",
	    agent->config->vips[s->vip_of[i]].name, "per", limits_per_name(limit), "count",
	    limits_count_name(limit), "action",
	    limit->flags & LB_LIMIT_COUNT_ONLY ? "count" : "drop", "rate", (json_int_t)limit->rate,
	    "burst", (json_int_t)limit->burst, "prefix_ipv4",
	    source ? json_integer(limit->prefix4) : json_null(), "prefix_ipv6",
	    source ? json_integer(limit->prefix6) : json_null(), "sources",
	    source ? json_integer(s->n_sources[i]) : json_null(), "used",
	    source ? json_null()
		   : json_real(used_of(limit, dataplane_limit_ahead(agent->dp, limit->id))),
	    "dropped_packets", (json_int_t)total.dropped.packets, "dropped_bytes",
	    (json_int_t)total.dropped.bytes, "would_drop_packets",
	    (json_int_t)total.would_drop.packets, "would_drop_bytes",
	    (json_int_t)total.would_drop.bytes);
}

static json_t *source_json(const struct scan *s, const struct top *source)
{
	const struct layout_limit *limit = &s->agent->layout->limits[source->limit];
	char text[LB_ADDR_TEXT_MAX], rate[LIMITS_TEXT_MAX];
	struct lb_addr addr;

	memcpy(addr.b, &source->key.src_hi, 8);
	memcpy(addr.b + 8, &source->key.src_lo, 8);
	return json_pack("{s:o, s:s, s:s, s:f}", "source",
			 json_sprintf("%s/%u", addr_format(&addr, text),
				      addr_is_v4(&addr) ? limit->prefix4 : limit->prefix6),
			 "vip", s->agent->config->vips[s->vip_of[source->limit]].name, "limit",
			 limits_format(limit, rate), "used", source->used);
}

json_t *agent_report_limits(struct agent *agent, const char *only_vip)
{
	const struct conf_vip *vip = only_vip ? conf_find_vip(agent->config, only_vip) : NULL;
	struct scan s = {.agent = agent,
			 .only_vip = vip ? (size_t)(vip - agent->config->vips) : SIZE_MAX};
	json_t *limits = json_array(), *top = json_array(), *report = NULL;

	if (scan_open(&s))
		goto out;
	for (size_t i = 0; i < agent->layout->n_limits; i++)
		if (s.only_vip == SIZE_MAX || s.vip_of[i] == s.only_vip)
			json_array_append_new(limits, limit_json(&s, i));
	for (size_t i = 0; i < s.n_top; i++)
		json_array_append_new(top, source_json(&s, &s.top[i]));
	report = json_pack("{s:O, s:O, s:I, s:I}", "limits", limits, "top", top, "sources",
			   (json_int_t)s.seen, "sources_max",
			   (json_int_t)agent->layout->caps.limit_sources);
out:
	json_decref(limits);
	json_decref(top);
	free(s.sorted);
	free(s.n_sources);
	free(s.vip_of);
	return report;
}
