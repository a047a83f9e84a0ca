/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slots.c - which backend each slot of a pool belongs to now, and what a change of it moves.
 */
#include "slots.h"

#include <errno.h>
#include <stdlib.h>

#include "lb/abi.h"

/* Overwrites the slots of backends that may not take new flows. `by_id` marks these. */
static int give_away(const struct slots_backend *backends, size_t n_backends, const bool *by_id,
		     uint64_t seed, uint32_t n_slots, uint16_t *slots)
{
	struct maglev_backend *usable = calloc(n_backends, sizeof(*usable));
	uint16_t *second = malloc(n_slots * sizeof(*second));
	size_t n_usable = 0;
	int rc = -ENOMEM;

	if (!usable || !second)
		goto out;
	for (size_t i = 0; i < n_backends; i++)
		if (backends[i].usable)
			usable[n_usable++] = backends[i].maglev;
	rc = maglev_build(usable, n_usable, seed, n_slots, second);
	if (rc)
		goto out;
	for (uint32_t i = 0; i < n_slots; i++)
		if (slots[i] < LB_SLOT_NONE && by_id[slots[i]])
			slots[i] = second[i];
out:
	free(second);
	free(usable);
	return rc;
}

int slots_build(const struct slots_backend *backends, size_t n_backends, uint64_t seed,
		uint32_t n_slots, uint16_t *ret_slots)
{
	struct maglev_backend *all = calloc(n_backends ? n_backends : 1, sizeof(*all));
	bool *unusable = calloc(LB_SLOT_NONE, sizeof(*unusable));
	bool any = false;
	int rc = -ENOMEM;

	if (!all || !unusable)
		goto out;
	for (size_t i = 0; i < n_backends; i++) {
		all[i] = backends[i].maglev;
		rc = -EINVAL;
		if (all[i].id >= LB_SLOT_NONE)
			goto out;
		if (!backends[i].usable && all[i].weight > 0) {
			unusable[all[i].id] = true;
			any = true;
		}
	}
	rc = maglev_build(all, n_backends, seed, n_slots, ret_slots);
	if (rc == 0 && any)
		rc = give_away(backends, n_backends, unusable, seed, n_slots, ret_slots);
out:
	free(unusable);
	free(all);
	return rc;
}

static bool moved(uint16_t old_slot, uint16_t new_slot, const uint16_t *old_to_new,
		  size_t n_old_ids)
{
	uint16_t old_id = old_slot & LB_SLOT_BACKEND, new_id = new_slot & LB_SLOT_BACKEND;

	if (!old_to_new || old_id == LB_SLOT_NONE)
		return old_id != new_id;
	if (old_id >= n_old_ids || old_to_new[old_id] == UINT16_MAX)
		return true;
	return old_to_new[old_id] != new_id;
}

double slots_moved_share(const uint16_t *old_slots, uint32_t n_old, const uint16_t *new_slots,
			 uint32_t n_new, const uint16_t *old_to_new, size_t n_old_ids)
{
	/* Slot i of n spans [i / n, (i + 1) / n) of the hash space; in units of 1 / (n_old * n_new)
	 * every border is a whole number (2^48 at the most). */
	uint64_t total = (uint64_t)n_old * n_new, at = 0, sum = 0;
	uint32_t i = 0, j = 0;

	if (total == 0)
		return n_old == n_new ? 0.0 : 1.0;
	while (at < total) {
		uint64_t old_end = (uint64_t)(i + 1) * n_new, new_end = (uint64_t)(j + 1) * n_old;
		uint64_t end = old_end < new_end ? old_end : new_end;

		if (moved(old_slots[i], new_slots[j], old_to_new, n_old_ids))
			sum += end - at;
		i += end == old_end;
		j += end == new_end;
		at = end;
	}
	return (double)sum / (double)total;
}
