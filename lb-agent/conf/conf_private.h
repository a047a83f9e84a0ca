/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conf_private.h - what lb_config.arena points at: its memory, and what finds a VIP by name.
 */
#ifndef LB_CONF_CONF_PRIVATE_H
#define LB_CONF_CONF_PRIVATE_H

#include "conf/arena.h"
#include "conf/conf.h"
#include "conf/index.h"

struct conf_private {
	struct arena *arena;
	struct index *vip_names; /* → place in lb_config.vips */
};

/* An empty config with its private part. NULL when memory ran out. */
struct lb_config *conf_new(void);

#endif
