/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * index.h - a hash table from a run of bytes to a number: what finds duplicates and names without
 * comparing everything with everything.
 */
#ifndef LB_CONF_INDEX_H
#define LB_CONF_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct index; /* opaque */

/* NULL when memory ran out. */
struct index *index_new(void);
void index_free(struct index *index);
/*
 * Keeps `value` under the key, which is kept by reference. 0; -EEXIST where the key is there
 * already, whose value is then in *ret_first (may be NULL) and stays; -ENOMEM.
 */
int index_add(struct index *index, const void *key, size_t len, size_t value, size_t *ret_first);
bool index_find(const struct index *index, const void *key, size_t len, size_t *ret_value);

#endif
