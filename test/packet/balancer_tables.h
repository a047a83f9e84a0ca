/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balancer_tables.h - a loaded balancer with its tables in the test's memory.
 */
#ifndef TEST_BALANCER_TABLES_H
#define TEST_BALANCER_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "balancer.h"

struct balancer_tables {
	struct balancer_bpf *skel;
	struct layout_caps caps;
	void *memory[BALANCER_TABLES];
	size_t bytes[BALANCER_TABLES];
};

/* Asserts that all goes well. */
void balancer_tables_open(struct balancer_tables *tables, const struct layout_caps *caps,
			  uint64_t seed, const struct lb_encap *encap);
void balancer_tables_close(struct balancer_tables *tables);

/* Sums over the CPUs. */
void balancer_tables_vip(const struct balancer_tables *tables, uint32_t id,
			 struct lb_vip_counter *ret_sum);
void balancer_tables_backend(const struct balancer_tables *tables, uint32_t id,
			     struct lb_counter *ret_sum);
void balancer_tables_reason(const struct balancer_tables *tables, uint32_t reason,
			    struct lb_counter *ret_sum);

#endif
