/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.h - the rules that hold between keys, and build.h's way from there to struct lb_config.
 */
#ifndef LB_CONF_CHECK_H
#define LB_CONF_CHECK_H

#include "conf/arena.h"
#include "conf/bind.h"
#include "conf/conf.h"
#include "conf/diag.h"

/* What the check finds out on its way and the config needs. */
struct checked {
	size_t *vip_pool; /* of each VIP: its pool's place in the file; SIZE_MAX: unknown */
	struct pool_use {
		size_t n_vips;
		uint16_t port; /* the VIPs' common port; 0: they have none in common */
		bool any_tcp;
		const struct object *quic_vip; /* the first with affinity: quic; NULL: none */
		bool any_range;		       /* a VIP of it has more than one port */
		bool unsure; /* a VIP of it is bad, so nothing is concluded from the others */
	} * uses;	     /* of each pool */
	size_t *limit_vip;   /* of each rate limit: its VIP's place in the file; SIZE_MAX: none */
};

/* Adds errors and warnings to `diag`; 0 and arrays in `arena`, or -ENOMEM. */
int check_rules(struct arena *arena, const struct object *root, struct diag *diag,
		struct checked *ret_checked);

/* The rules of filters.rate_limits (check_limits.c), as a part of check_rules(). */
int check_limits(struct arena *arena, const struct object *root, struct diag *diag,
		 struct checked *ret_checked);
/* The limits of a file, an empty list where there is none. */
const struct value *check_limits_list(const struct object *root);
bool check_limit_counts_bytes(const struct object *limit);

/* A limit's burst, where it is not given: a second's worth. */
uint64_t check_limit_burst(const struct object *limit);

/* Copies what was bound and checked without an error into a config of its own. 0 or -ENOMEM. */
int build_config(const struct object *root, const struct checked *checked,
		 struct lb_config **ret_config);

/* The rate limits' part of it; `arena` owns what the config holds. 0 or -ENOMEM. */
int build_limits(struct arena *arena, const struct object *root, const struct checked *checked,
		 struct lb_config *config);

#endif
