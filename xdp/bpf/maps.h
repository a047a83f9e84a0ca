/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.h - every map of the balancer. What is in them is in lb/abi.h.
 *
 * All but lb_limit_src are tables: an array map of one entry, whose value is the whole table. The
 * loader sets its size and turns the program's reference to the map into the address of that value
 * (see lb-agent/dataplane_load.h), so an access costs an addition, where bpf_map_lookup_elem() of
 * an array costs a store and a load of the key, a bound, an addition and a test for NULL, and that
 * of a hash map 30 to 50 ns. The bound that the verifier wants is the program's: it compares an
 * index with a setting, whose value the verifier knows.
 */
#ifndef LB_BPF_MAPS_H
#define LB_BPF_MAPS_H

#include "compiler.h"
#include "settings.h"

/* The 8 is a placeholder. User space maps a table into its own memory to read and to write it. */
#define LB_TABLE(table)                                                                            \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, 1);                                                            \
		__uint(key_size, 4);                                                               \
		__uint(value_size, 8);                                                             \
	} table SEC(".maps")

LB_TABLE(lb_control);
LB_TABLE(lb_disp);
LB_TABLE(lb_services);
LB_TABLE(lb_ranges);
LB_TABLE(lb_quic);
LB_TABLE(lb_slots);
LB_TABLE(lb_slot_base);
LB_TABLE(lb_backends);

LB_TABLE(lb_limits);
LB_TABLE(lb_limit_cells);
LB_TABLE(lb_limit_ctr);

/* No table: sources come and go, and the kernel throws out those that were not seen for longest.
 * The loader sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct lb_limit_key);
	__type(value, __u64);
} lb_limit_src SEC(".maps");

LB_TABLE(lb_counters);
LB_TABLE(lb_reason_ctr);

/* The agent's own, created with the others so that they are pinned and adopted alike; the data
 * path never reads them. */
LB_TABLE(lb_pools);
LB_TABLE(lb_vip_base);
LB_TABLE(lb_be_base);

/* The address of a table. The compiler must not know whose: it would take the size of the map's
 * definition for the table's. */
#define lb_table(table, type)                                                                      \
	({                                                                                         \
		void *lb_at = &(table);                                                            \
		asm("" : "+r"(lb_at));                                                             \
		(type *)lb_at;                                                                     \
	})

#endif
