/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ratelimit.h - rate limits between the config, the layout and the lines of lb_limits. Pure.
 */
#ifndef LB_RATELIMIT_H
#define LB_RATELIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "layout.h"

/* The limits that hold for each VIP of a config, in the order in which packets meet them: those per
 * source first, so that what a source sends too much does not use up the VIP's rate. */
struct limits {
	struct layout_limit *limits; /* id and serial are not set; VIP i's are from at[i] on */
	size_t *at;		     /* [n_vips + 1] */
};

/* -ENOMEM. limits_free() in any case. */
int limits_of_config(const struct lb_config *config, struct limits *ret_limits);
void limits_free(struct limits *limits);
/* Entries that lb_limit_src must have for them: 1 where no limit is per source. */
uint32_t limits_sources(const struct lb_config *config);

/* Whether they are the same but for rate, burst and action, so that cells and counts go on. */
bool limits_match(const struct layout_limit *a, const struct layout_limit *b);
bool limits_equal_settings(const struct layout_limit *a, const struct layout_limit *b);

/* What the data plane reads. */
void limits_fill_line(const struct layout_limit *limit, struct lb_limit *ret_line);
/* Back from it. -EBADMSG: no limit has such settings. */
int limits_read_line(const struct lb_limit *line, struct layout_limit *ret_limit);

#define LIMITS_TEXT_MAX 96
const char *limits_per_name(const struct layout_limit *limit);	 /* "source", "vip" */
const char *limits_count_name(const struct layout_limit *limit); /* "packets" … */
/* "10k/s, burst 20k" */
const char *limits_format_rate(const struct layout_limit *limit, char buf[LIMITS_TEXT_MAX]);
/* "per source 10k/s, burst 20k" */
const char *limits_format(const struct layout_limit *limit, char buf[LIMITS_TEXT_MAX]);

#endif
