/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counters.h - lb-decap's counters, read from the kernel without stopping anything.
 */
#ifndef LB_DECAP_COUNTERS_H
#define LB_DECAP_COUNTERS_H

#include <stdint.h>
#include <stdio.h>

#include <lb/abi.h>

/* Sums over the CPUs, from the map that the program `prog_id` uses. -errno. */
int counters_read(uint32_t prog_id, uint64_t ret_packets[LB_DECAP_MAX]);
/* From the map pinned as DIR/lb_decap_ctr. -errno. */
int counters_read_pinned(const char *pin_dir, uint64_t ret_packets[LB_DECAP_MAX]);
/* A table: packets, name, meaning. */
void counters_print(FILE *out, const uint64_t packets[LB_DECAP_MAX]);

#endif
