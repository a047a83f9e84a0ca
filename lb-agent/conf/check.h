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
};

/* Adds errors and warnings to `diag`; 0 and arrays in `arena`, or -ENOMEM. */
int check_rules(struct arena *arena, const struct object *root, struct diag *diag,
		struct checked *ret_checked);

/* Copies what was bound and checked without an error into a config of its own. 0 or -ENOMEM. */
int build_config(const struct object *root, const struct checked *checked,
		 struct lb_config **ret_config);

#endif
