/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables.h - from a layout to the maps: services, directory, slots. What lb-agent and lb-bench
 * write in the same way.
 */
#ifndef LB_TABLES_H
#define LB_TABLES_H

#include <stdint.h>

#include "base/err.h"
#include "dataplane.h"
#include "layout.h"

/* Writes the services, their displacements and the directory of pools into the half that is not
 * live, and what they need of lb_ranges and lb_quic. -ENOMEM, -ENOSPC, or an error of
 * ranges_build() or svctable_build(). */
int tables_write(const struct layout *layout, const struct dataplane_target *target,
		 struct err *err);

/* Writes a row of slots in place: cur and base. */
void tables_store_slots(const struct dataplane_target *target, uint32_t first, uint32_t count,
			const uint16_t *slots);

#endif
