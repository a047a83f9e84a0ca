/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scene.h - what the data plane has been told, in the terms of DESIGN.md: VIPs, pools, backends.
 *
 * The model reads a scene; tables.c writes the same scene into the balancer's tables. A scene comes
 * from a seed, or from the text of a kept case (scene_text.c).
 */
#ifndef MODEL_SCENE_H
#define MODEL_SCENE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "random.h"

#define SCENE_VIPS     64
#define SCENE_POOLS    4
#define SCENE_BACKENDS 16 /* of one pool */

#define SCENE_IFINDEX  1 /* where TEST_RUN's packets arrive: lo */

struct scene_backend {
	uint8_t eth_dst[6], eth_src[6];
	uint16_t tci; /* host byte order; 0: no tag */
	uint8_t ready, down;
	uint32_t ifindex;
	uint16_t mtu;
	uint8_t outer_src[16], outer_dst[16]; /* one family; IPv4 is v4-mapped */
};

/* Slot i of the run holds what scene_slot() says. */
struct scene_pool {
	uint32_t first_slot, slot_count, first_backend;
	uint32_t fill;	     /* by which backends are spread over the slots */
	uint8_t none, dirty; /* of 256 slots, about how many */
	struct scene_backend backends[SCENE_BACKENDS];
	uint32_t n_backends;
};

struct scene_vip {
	uint8_t addr[16];
	uint8_t proto;		  /* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t port, port_last; /* host byte order; the same: one port */
	uint8_t forward;	  /* enum lb_forward, or a number that is none */
	uint8_t source;		  /* affinity: source */
	uint8_t source_skip;	  /* bits at the end of the source that are not hashed */
	uint32_t pool, id;
};

struct scene {
	/* Fixed for a program's life; see scene_same_program(). */
	uint64_t seed;
	uint32_t cap_slots, cap_backends, cap_vips, service_lines, buckets;
	uint32_t cap_ranges; /* of one half; 0: no VIP has more than one port */
	/* The rest is in tables that can change. */
	uint8_t second_half; /* is live */
	uint8_t no_headroom; /* the driver left next to none */
	struct scene_pool pools[SCENE_POOLS];
	uint32_t n_pools;
	struct scene_vip vips[SCENE_VIPS];
	uint32_t n_vips;
};

bool scene_is_v4(const uint8_t addr[16]);
/* What lb_slots holds for slot `i` of the run: LB_SLOT_NONE or an index of a backend, and perhaps
 * LB_SLOT_DIRTY. */
uint16_t scene_slot(const struct scene_pool *pool, uint32_t i);

/* A scene from chance. With `same_program` only what a loaded program can change is new. */
void scene_random(struct scene *scene, struct random *r, bool same_program);
bool scene_same_program(const struct scene *a, const struct scene *b);

/* One line a scene, pool, backend and VIP: its kind, then key=value pairs of what is not zero. */
void scene_write(const struct scene *scene, FILE *out);
/* Takes one such line into a scene that was all zero before the first. NULL, or what is wrong. */
const char *scene_read_line(struct scene *scene, char *line);

#endif
