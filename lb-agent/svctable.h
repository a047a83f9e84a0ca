/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * svctable.h - the collision-free service table that the data plane reads with one look-up.
 * Pure. Compress, hash and displace (Belazzougui, Botelho, Dietzfelbinger, ESA 2009): the keys
 * are put into buckets by hash; for each bucket, the largest first, a displacement is sought
 * that puts all its keys on free lines.
 */
#ifndef LB_SVCTABLE_H
#define LB_SVCTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lb/abi.h"

/* Sizes (powers of two) for up to `n` services: at least 2 lines a service, 4 lines a bucket. */
uint32_t svctable_lines(size_t n_services);   /* >= 64 */
uint32_t svctable_buckets(size_t n_services); /* >= 16 */

/*
 * Places `services` into `ret_lines[n_lines]` and fills `ret_disp[n_buckets]`; every other line is
 * zeroed. n_lines and n_buckets are powers of two. -ENOSPC: no placement was found, try more lines;
 * -EEXIST: two services have the same key; -EINVAL: a size that is no power of two, or a service
 * with proto 0; -ENOMEM. The result does not depend on the order of `services`.
 */
int svctable_build(const struct lb_service *services, size_t n_services,
		   struct lb_service *ret_lines, uint32_t n_lines, uint32_t *ret_disp,
		   uint32_t n_buckets);

/* As the data plane looks a key up; NULL: not there. */
const struct lb_service *svctable_find(const struct lb_service *lines, uint32_t n_lines,
				       const uint32_t *disp, uint32_t n_buckets,
				       const uint8_t addr[16], __be16 port_be, uint8_t proto);

#endif
