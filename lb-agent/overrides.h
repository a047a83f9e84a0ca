/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * overrides.h - what an operator changed by hand (lbctl drain, weight): kept over reloads and
 * restarts in a file, and shown as overrides wherever a backend is shown.
 *
 * An override of a backend that the config no longer has is kept: a machine that was drained
 * because it was broken must not get traffic again because it was removed from the file and put
 * back.
 */
#ifndef LB_OVERRIDES_H
#define LB_OVERRIDES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct override {
	char *pool;
	struct lb_addr address;
	bool drain;
	bool has_weight;
	uint32_t weight;
};

struct overrides; /* opaque */

/* Reads `dir`/overrides.json; a missing file is an empty set. NULL `dir`: kept in memory alone.
 * -EBADMSG: the file is damaged (said in `err`), nothing is overwritten. */
int overrides_load(const char *dir, struct overrides **ret_overrides, struct err *err);
void overrides_free(struct overrides *overrides);

/* NULL: none. Valid until the next change. */
const struct override *overrides_find(const struct overrides *overrides, const char *pool,
				      const struct lb_addr *address);
size_t overrides_count(const struct overrides *overrides);

/*
 * Replaces the override of a backend and writes the file (atomically: a temporary file, fsync,
 * rename) before it returns. One with neither drain nor weight removes it. On an error the set is
 * as it was.
 */
int overrides_set(struct overrides *overrides, const struct override *override, struct err *err);

#endif
