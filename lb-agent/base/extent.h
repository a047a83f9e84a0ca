/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * extent.h - allocator of runs of ids from [0, capacity): first fit, pure.
 *
 * It hands out runs of slots, runs of backend lines and single VIP ids. A freed run is not handed
 * out again before extent_reap(), so that an id is never reused while a packet in flight may still
 * hold it: the caller waits for a grace period first.
 */
#ifndef LB_BASE_EXTENT_H
#define LB_BASE_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

struct extent_pool; /* opaque */

/* NULL when memory ran out. */
struct extent_pool *extent_new(uint32_t capacity);
void extent_free(struct extent_pool *pool);
/* A deep copy, so that a plan can allocate and be thrown away. NULL when memory ran out. */
struct extent_pool *extent_clone(const struct extent_pool *pool);

/* First free run of `count` (> 0) ids that starts at a multiple of `align` (> 0).
 * -ENOSPC: none; -EINVAL: count or align is 0; -ENOMEM. */
int extent_alloc(struct extent_pool *pool, uint32_t count, uint32_t align, uint32_t *ret_first);
/* Takes a given run. -EEXIST: part of it is taken; -ERANGE: outside the capacity; -ENOMEM. */
int extent_claim(struct extent_pool *pool, uint32_t first, uint32_t count);
/* Gives a run back, into quarantine. -EINVAL: it is not wholly taken; -ENOMEM. */
int extent_release(struct extent_pool *pool, uint32_t first, uint32_t count);
/* Makes what is in quarantine free. */
void extent_reap(struct extent_pool *pool);
bool extent_has_quarantine(const struct extent_pool *pool);
/* Raises the capacity; ids keep their numbers. -EINVAL: it would shrink. */
int extent_grow(struct extent_pool *pool, uint32_t capacity);
uint32_t extent_capacity(const struct extent_pool *pool);
/* Ids taken, quarantine included. */
uint32_t extent_used(const struct extent_pool *pool);

#endif
