/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * layout.h - what lies where in the maps: which ids and runs belong to which pool, backend, VIP.
 *
 * A layout is pure bookkeeping. It is made by plan_make() from the one before, or read back from
 * the pinned maps by the agent that adopts them (dataplane_read_layout()).
 */
#ifndef LB_LAYOUT_H
#define LB_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/extent.h"
#include "lb/abi.h"

/* Sizes of one generation of maps. */
struct layout_caps {
	uint32_t slots;		/* lb_slots and lb_slot_base, in slots; a multiple of 32 */
	uint32_t backends;	/* lb_backends and its counters */
	uint32_t vips;		/* VIP ids: lb_counters */
	uint32_t pools;		/* one half of lb_pools */
	uint32_t service_lines; /* one half of lb_services, a power of two */
	uint32_t buckets;	/* one half of lb_disp, a power of two */
	uint32_t quic;		/* one half of lb_quic, more than 2; 0: no VIP has affinity: quic */
	uint32_t ranges;	/* one half of lb_ranges; 0: no VIP has more than one port */
	uint32_t limits;	/* one half of lb_limits, and limit ids; 0: there are none */
	uint32_t limit_sources; /* entries of lb_limit_src; 1 where no limit needs it */
};

enum layout_id_state {
	LAYOUT_ID_FREE,
	LAYOUT_ID_USED,
	LAYOUT_ID_QUARANTINE, /* was used; a packet in flight may still hold it */
};

struct layout_backend {
	struct lb_addr address;
	enum layout_id_state state;
	uint16_t quic_id; /* of a used one of a pool that a VIP with affinity: quic uses; else 0 */
};

/* The runs are taken in the extents exactly as they stand here: slot_count slots from first_slot,
 * backend_cap lines from first_backend. */
struct layout_pool {
	char name[LB_NAME_MAX];
	uint32_t first_slot, slot_count; /* slot_count 0: none yet */
	uint32_t first_backend, backend_cap;
	struct layout_backend *backends; /* [backend_cap], by local id */
};

struct layout_vip {
	struct lb_addr address;
	uint16_t port, port_last; /* host byte order; the same where it has one port */
	uint8_t proto;
	uint8_t forward;     /* enum lb_forward */
	uint32_t flags;	     /* enum lb_service_flag */
	uint8_t source_skip; /* as in struct lb_service */
	uint32_t vip_id;
	uint32_t pool_id;		/* index into pools */
	uint32_t first_limit, n_limits; /* in layout.limits */
};

/* A rate limit of one VIP; see struct lb_limit, whose fields these are. */
struct layout_limit {
	uint64_t rate, burst;
	uint32_t id, serial;
	uint8_t prefix4, prefix6, ordinal;
	uint8_t flags; /* enum lb_limit_flag */
};

struct layout {
	struct layout_caps caps;
	uint64_t seed;		   /* of the flow hash, fixed for a generation of maps */
	struct lb_encap encap;	   /* settings of encapsulation, likewise */
	struct layout_pool *pools; /* [n_pools]; the index is the pool's id */
	size_t n_pools;
	struct layout_vip *vips;
	size_t n_vips;
	struct layout_limit *limits; /* a VIP's lie together */
	size_t n_limits;
	uint32_t limit_serial;		  /* the last one given to a limit */
	struct extent_pool *slot_runs;	  /* over caps.slots */
	struct extent_pool *backend_runs; /* over caps.backends */
	struct extent_pool *vip_ids;	  /* over caps.vips */
	struct extent_pool *limit_ids;	  /* over caps.limits */
};

/* An empty layout with the given sizes; NULL when memory ran out. */
struct layout *layout_new(const struct layout_caps *caps);
void layout_free(struct layout *layout);

/* The find functions look at one entry after the other; plan_make() has its own index. */
const struct layout_pool *layout_find_pool(const struct layout *layout, const char *name);
/* The VIP with exactly these ports. */
const struct layout_vip *layout_find_vip(const struct layout *layout, const struct lb_addr *address,
					 uint16_t port, uint16_t port_last, uint8_t proto);
/* Local id of a used backend, or -1. */
int layout_find_backend(const struct layout_pool *pool, const struct lb_addr *address);
/* The used backends of a pool in address order, malloc'd, for many look-ups; NULL when memory ran
 * out. layout_index_find() gives a local id or -1. */
struct layout_index {
	struct lb_addr address;
	uint16_t local_id;
};
struct layout_index *layout_index_backends(const struct layout_pool *pool, size_t *ret_n);
int layout_index_find(const struct layout_index *index, size_t n, const struct lb_addr *address);
/* Number of backends in use. */
size_t layout_count_backends(const struct layout_pool *pool);
/* Everything in quarantine becomes free; call after a grace period. */
void layout_reap(struct layout *layout);
bool layout_has_quarantine(const struct layout *layout);

#endif
