/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slots.h - from a pool's backends and their states to its slots. Pure.
 *
 * The table over all backends by weight is built first; slots whose owner may not take new flows
 * (down, draining, unresolved) are then given to the owner in the table over the usable backends
 * alone. So a backend that goes down or drains moves no other backend's flows, one that comes back
 * gets exactly its own slots again, and the result depends on the arguments, never on history.
 */
#ifndef LB_SLOTS_H
#define LB_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "maglev.h"

struct slots_backend {
	struct maglev_backend maglev;
	bool usable; /* may take new flows */
};

/* As maglev_build(), and -EINVAL for an id >= LB_SLOT_NONE. With no usable backend every slot is
 * LB_SLOT_NONE. */
int slots_build(const struct slots_backend *backends, size_t n_backends, uint64_t seed,
		uint32_t n_slots, uint16_t *ret_slots);

/*
 * The share (0.0 .. 1.0) of the hash space that goes to another backend in the new table than in
 * the old. The tables may differ in size. `old_to_new[id]` translates the old table's ids to the
 * new one's (UINT16_MAX: no such backend any more); NULL: ids are the same. Ids at or above
 * `n_old_ids` count as moved. LB_SLOT_DIRTY bits are ignored. A slot that gets
 * a backend or loses it (LB_SLOT_NONE) counts as moved.
 */
double slots_moved_share(const uint16_t *old_slots, uint32_t n_old, const uint16_t *new_slots,
			 uint32_t n_new, const uint16_t *old_to_new, size_t n_old_ids);

#endif
