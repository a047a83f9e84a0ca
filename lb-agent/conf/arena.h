/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * arena.h - memory that is freed all at once: a parsed file is many small objects of one lifetime.
 */
#ifndef LB_CONF_ARENA_H
#define LB_CONF_ARENA_H

#include <stddef.h>

struct arena; /* opaque */

/* NULL when memory ran out. */
struct arena *arena_new(void);
void arena_free(struct arena *arena);
/* Zeroed and aligned for any type; NULL when memory ran out. `size` may be 0. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same for `n` elements of `size`; NULL on overflow, too. */
void *arena_array(struct arena *arena, size_t n, size_t size);
/* A zero-terminated copy of `len` bytes. NULL when memory ran out. */
char *arena_text(struct arena *arena, const char *text, size_t len);

#endif
