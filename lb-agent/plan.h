/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan.h - the difference between what is in the maps and what a config wants. Pure: nothing is
 * touched, and a plan may be thrown away.
 */
#ifndef LB_PLAN_H
#define LB_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "layout.h"

enum plan_kind {
	PLAN_KEEP,
	PLAN_ADD,
	PLAN_REMOVE,
	PLAN_CHANGE,
};

const char *plan_kind_name(enum plan_kind kind); /* "keep" "add" "remove" "change" */

struct plan_vip {
	enum plan_kind kind;
	struct lb_addr address;
	uint16_t port, port_last;
	uint8_t proto;
	size_t old_index; /* into the old layout's vips; SIZE_MAX for PLAN_ADD */
	size_t new_index; /* into the new layout's (and the config's) vips; SIZE_MAX for REMOVE */
	char detail[160]; /* PLAN_CHANGE: "forward l2 → ipip, pool web → web2" */
};

struct plan_backend {
	enum plan_kind kind; /* never KEEP: unchanged backends are not listed */
	struct lb_addr address;
	char detail[96]; /* "weight 100 → 50", "state active → drain"; ADD: "weight 100" */
};

struct plan_pool {
	enum plan_kind kind;
	char name[LB_NAME_MAX];
	size_t old_index; /* into the old layout's pools; SIZE_MAX for ADD */
	size_t new_index; /* into the new layout's (and the config's) pools; SIZE_MAX for REMOVE */
	bool
	    new_slot_run; /* its slots lie elsewhere than before: written whole before the switch */
	bool new_backend_run;  /* local ids keep their numbers where the pool is kept, unless
				* plan.rebuild. Without new_slot_run, a slot may get the local id
				* of a new backend only after the switch and a grace period: until
				* then a packet may add it to the old run's first line. */
	bool quic_changed;     /* its ids in lb_quic are others: the tables are to be written */
	bool settings_changed; /* health, when_all_down: no slot need move */
	struct plan_backend *backends;
	size_t n_backends;
};

/* A backend that has another global id (a line of lb_backends) than before: its counters follow. */
struct plan_id_move {
	uint32_t from, to;
};

struct plan {
	struct layout
	    *layout;  /* the new one: pools and vips in the config's order, so that
		       * layout.pools[i] is config.pools[i], layout.vips[i] config.vips[i] */
	bool rebuild; /* a new generation of maps is needed: sizes or program settings changed */
	const char *rebuild_reason; /* static text; NULL unless rebuild */
	struct plan_vip *vips;
	size_t n_vips;
	struct plan_pool *pools;
	size_t n_pools;
	/* With rebuild: every object that is kept, even where the number is the same; else the
	 * backends whose pool has a new run. */
	struct plan_id_move *backend_moves;
	size_t n_backend_moves;
	struct plan_id_move *vip_moves; /* only with rebuild */
	size_t n_vip_moves;
	uint32_t *new_backend_ids; /* global ids of the backends that are new: counts start at 0 */
	size_t n_new_backend_ids;
	uint32_t *new_vip_ids;
	size_t n_new_vip_ids;
	uint32_t *new_limit_ids; /* of rate limits; those of others are what they were, with rebuild
				  * too */
	size_t n_new_limit_ids;
	bool node_changed; /* interfaces, XDP mode or tunnel sources differ from the old config; new
			    * tunnel sources need no more than the backend lines rewritten, unless
			    * the length of a prefix differs (rebuild) */
	size_t n_changes;  /* VIPs and pools that are not KEEP, and one for the node's settings,
			    * the seed among them; 1 where a rebuild is all; 0: nothing to do */
};

/* What of the node's settings goes into the program. An outer source that is a prefix has the
 * flow's bits between it and the last two bits, which are 01: so it is never an address that a
 * network keeps for itself (none, all, any). */
void plan_encap(const struct conf_node *node, struct lb_encap *ret_encap);

/*
 * Plans `config` on top of `old` (never NULL; an empty layout with all sizes 0 before the first
 * apply). `old_config` may be NULL (an adopting agent does not know it): then weights and settings
 * count as unchanged, and pools and VIPs are compared by layout alone.
 *
 * Ids are kept where their object is: a VIP is known by (address, ports, protocol), a pool by name,
 * a backend by (pool, address). Ids given up go into quarantine in the new layout. `old` is not
 * changed. Without enough room in old's sizes, or when the seed or the settings of
 * encapsulation differ, `rebuild` is set and the
 * new layout has its own sizes (what is needed and a quarter more) and compact ids.
 *
 * -ENOMEM; -E2BIG: more slots or backends than the ABI can hold (LB_SLOTS_MAX a pool, 2^31 in all).
 */
int plan_make(const struct layout *old, const struct lb_config *old_config,
	      const struct lb_config *config, struct plan **ret_plan);
void plan_free(struct plan *plan);
/* Takes the new layout out of the plan; the caller owns it. */
struct layout *plan_take_layout(struct plan *plan);

#endif
