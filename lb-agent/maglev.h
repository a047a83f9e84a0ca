/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maglev.h - weighted Maglev tables (Eisenbud et al., "Maglev: A Fast and Reliable Software Network
 * Load Balancer", NSDI 2016, section 3.4). Pure: the result depends on the arguments alone.
 */
#ifndef LB_MAGLEV_H
#define LB_MAGLEV_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct maglev_backend {
	struct lb_addr
	    address;	 /* the backend's identity: its permutation comes from it and the seed */
	uint32_t weight; /* 0: gets no slot */
	uint16_t id;	 /* what is written into its slots, < LB_SLOT_NONE */
};

#define MAGLEV_SLOTS_PER_BACKEND 600

/*
 * The slot count for a pool of `n_backends` (> 0): the smallest 1021 * 2^k with at least
 * MAGLEV_SLOTS_PER_BACKEND slots a backend, at most LB_SLOTS_MAX. Each size divides the next, so
 * that every slot of a grown table lies within one slot of the old (a flow's old backend stays
 * known through a resize); see lb-agent/README.md.
 */
uint32_t maglev_slot_count(size_t n_backends);

/*
 * Fills `ret_slots[0 .. n_slots)`. The order of `backends` does not matter. A backend's number of
 * slots is within one of its share by weight. With no backend of weight > 0 every slot is
 * LB_SLOT_NONE. -ENOMEM; -EINVAL: n_slots is 0 or above LB_SLOTS_MAX, or two addresses are equal.
 * `n_slots` may be any number, prime or not: skips are made coprime to it.
 */
int maglev_build(const struct maglev_backend *backends, size_t n_backends, uint64_t seed,
		 uint32_t n_slots, uint16_t *ret_slots);

#endif
