/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * runtime.h - what becomes of each backend now: config, overrides, health and next hop in one
 * place, and from it the backend's line and the pool's slots.
 */
#ifndef LB_RUNTIME_H
#define LB_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "dataplane.h"
#include "health.h"
#include "layout.h"
#include "nexthop.h"
#include "overrides.h"

enum runtime_why {
	RUNTIME_IN_USE,
	RUNTIME_DRAINING,
	RUNTIME_WEIGHT_0,
	RUNTIME_DOWN,
	RUNTIME_NO_NEXT_HOP,
};

struct runtime_backend {
	const struct conf_backend *conf; /* borrowed from the config */
	uint16_t local_id;
	uint32_t weight;	       /* with the override, if any */
	enum conf_backend_state state; /* the same */
	bool overridden;
	enum health_state health;
	bool ready;  /* the line in the map is, or is about to be, READY */
	bool usable; /* gets slots */
	bool alive;  /* health says nothing against it, or is ignored: keeps what is its own */
	enum runtime_why why;
	uint32_t slots; /* how many it has */
	/* What the pool's slots were last built from. */
	uint32_t built_weight;
	bool built_usable;
};

struct runtime_pool {
	const struct conf_pool *conf;
	uint32_t id;			  /* index into config.pools and layout.pools */
	struct runtime_backend *backends; /* as conf->backends */
	size_t n_usable;
	bool all_down; /* none is healthy: when_all_down applies */
	bool dirty;    /* something changed since its lines and slots were written */
	bool built;    /* its slots were built at least once */
};

struct runtime {
	const struct lb_config *config;
	const struct layout *layout;
	struct runtime_pool *pools;
	struct runtime_ref *refs; /* every backend; see runtime_find() */
	size_t n_refs;
	bool refs_sorted;
};

struct runtime_ref {
	struct lb_addr address;
	uint32_t pool, backend;
};

/* `layout.pools[i]` is `config.pools[i]`; both are borrowed. NULL when memory ran out. Health is
 * UNKNOWN (UNCHECKED without a check) and nothing is ready until the caller says so. */
struct runtime *runtime_new(const struct lb_config *config, const struct layout *layout,
			    const struct overrides *overrides);
void runtime_free(struct runtime *rt);

/* The first of `*ret_n` references to backends with this address. The first call sorts them: a
 * change of the configuration need not. */
const struct runtime_ref *runtime_find(struct runtime *rt, const struct lb_addr *address,
				       size_t *ret_n);
struct runtime_backend *runtime_backend(struct runtime *rt, const char *pool,
					const struct lb_addr *address,
					struct runtime_pool **ret_pool);

/* Takes the override in. */
void runtime_apply_override(struct runtime_backend *backend, const struct override *override);

/* Takes over the states of a pool that the config kept as it was. */
void runtime_inherit(struct runtime_pool *pool, const struct runtime_pool *before);

/* Decides `alive` of each backend of a pool and the pool's `all_down` from its health: before
 * runtime_fill_line(). */
void runtime_judge_health(struct runtime_pool *pool);
/* Decides `usable` and `why` of each backend of a pool from the other fields. */
void runtime_evaluate(struct runtime_pool *pool);

/*
 * The pool's slots as they should be, into `ret_slots[slot_count]`; counts each backend's. Call
 * after runtime_evaluate(). -ENOMEM.
 */
int runtime_build_slots(struct runtime_pool *pool, uint64_t seed, uint32_t slot_count,
			uint16_t *ret_slots);

/* Whether runtime_build_slots() would give what it gave last time: the address, the seed and the
 * slot count are fixed for the life of a struct runtime_pool. */
bool runtime_slots_current(const struct runtime_pool *pool);

/*
 * The line of a backend. Without a resolved next hop it has USED, the address and no READY.
 * `node` gives the outer source address; where it is unset, the next hop's.
 */
void runtime_fill_line(const struct runtime_backend *backend, const struct nexthop *nexthop,
		       const struct conf_node *node, struct lb_backend *ret_line);

const char *runtime_why_name(enum runtime_why why);

#endif
