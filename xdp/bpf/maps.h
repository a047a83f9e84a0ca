/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.h - every map of the balancer. Their values are in lb/abi.h.
 *
 * All are arrays: their look-up is a few inlined instructions, where a hash map costs 30 to 50 ns.
 * User space sets max_entries before loading (the 1 here is a placeholder), so that memory is
 * proportional to what is configured, and maps what it writes into its own memory.
 */
#ifndef LB_BPF_MAPS_H
#define LB_BPF_MAPS_H

#include "compiler.h"

#define LB_SHARED_ARRAY(map, value_type)                                                           \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} map SEC(".maps")

#define LB_COUNTER_ARRAY(map, value_type, entries)                                                 \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} map SEC(".maps")

LB_SHARED_ARRAY(lb_control, struct lb_control);
LB_SHARED_ARRAY(lb_disp, struct lb_disp_line);
LB_SHARED_ARRAY(lb_services, struct lb_service);
LB_SHARED_ARRAY(lb_slots, struct lb_slot_line);
LB_SHARED_ARRAY(lb_slot_base, struct lb_slot_line);
LB_SHARED_ARRAY(lb_backends, struct lb_backend);

LB_COUNTER_ARRAY(lb_vip_ctr, struct lb_vip_counter, 1);
LB_COUNTER_ARRAY(lb_be_ctr, struct lb_counter, 1);
LB_COUNTER_ARRAY(lb_reason_ctr, struct lb_counter, LB_REASON_MAX);

/* The agent's own, created with the others so that they are pinned and adopted alike; the data
 * path never reads them. */
LB_SHARED_ARRAY(lb_pools, struct lb_pool_record);
LB_SHARED_ARRAY(lb_vip_base, struct lb_vip_counter);
LB_SHARED_ARRAY(lb_be_base, struct lb_counter);

#endif
