/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ranges.h - the VIPs of more than one port as the data plane finds them: lines of lb_ranges in
 * which nothing overlaps, and for each address and protocol the line of lb_services that says where
 * they are (abi.h). Pure.
 */
#ifndef LB_RANGES_H
#define LB_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "lb/abi.h"

/*
 * Takes the lines whose port_last is not 0 out of `services[*n_services]`, puts them into
 * `ret_ranges[n_ranges]`, cut as is needed, and lines that lead to them into `services` instead,
 * whose number *n_services then is; never more than before. All else of ret_ranges is zeroed.
 *
 * -E2BIG: more than PORTRANGE_MAX of one address and protocol; -EEXIST: two are the same; -ENOSPC:
 * n_ranges is less than twice as many as there are ranges, and they need more; -ENOMEM.
 */
int ranges_build(struct lb_service *services, size_t *n_services, struct lb_service *ret_ranges,
		 uint32_t n_ranges);

#endif
