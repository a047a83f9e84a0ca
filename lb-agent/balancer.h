/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balancer.h - the balancer object, opened with tables of the wanted sizes.
 *
 * Nearly every map of the balancer is a table: an array map of one entry, which is the whole table.
 * The program does not look it up. Its instructions name the map (BPF_PSEUDO_MAP_FD); just before
 * loading they are made to name the address of the map's value (BPF_PSEUDO_MAP_VALUE), which the
 * kernel allows for arrays of one entry. Data sections, which libbpf would address like that by
 * itself, cannot be resized by libbpf 1.1. The settings (struct lb_settings) are written into the
 * instructions in the same step.
 */
#ifndef LB_BALANCER_H
#define LB_BALANCER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "layout.h"

struct balancer_bpf;

/* The largest table that the verifier lets a program address (BPF_MAX_VAR_OFF), in bytes. */
#define BALANCER_TABLE_MAX (1u << 29)

/* The balancer's tables. */
enum balancer_table {
	BALANCER_CONTROL,
	BALANCER_DISP,
	BALANCER_SERVICES,
	BALANCER_RANGES,
	BALANCER_QUIC,
	BALANCER_SLOTS,
	BALANCER_SLOT_BASE,
	BALANCER_BACKENDS,
	BALANCER_POOLS,
	BALANCER_VIP_BASE,
	BALANCER_BE_BASE,
	BALANCER_COUNTERS,
	BALANCER_REASON_CTR,
	BALANCER_LIMITS,
	BALANCER_LIMIT_CELLS,
	BALANCER_LIMIT_CTR,
	BALANCER_TABLES
};

/* Its other maps, which the program looks up in. */
enum balancer_map {
	BALANCER_LIMIT_SOURCES,
	BALANCER_MAPS
};
const char *balancer_map_name(enum balancer_map map);

/* The map's name. */
const char *balancer_table_name(enum balancer_table table);
/* Bytes of a table's value for these sizes; never 0. */
size_t balancer_table_bytes(enum balancer_table table, const struct layout_caps *caps);
/* Which sizes tables of these bytes were made for, but for limit_sources. -EPROTO: no version like
 * this one made them; the error names the table. */
int balancer_caps(const size_t bytes[BALANCER_TABLES], struct layout_caps *ret_caps,
		  struct err *err);

/* Rows of a table of counters: the highest possible CPU number + 1; -errno. */
int balancer_cpus(void);
/* Bytes from one row of lb_counters to the next, and to a row's first backend: whole cache lines.
 */
size_t balancer_counter_row(const struct layout_caps *caps);
size_t balancer_backend_column(const struct layout_caps *caps);
/* The same of lb_limit_ctr. */
size_t balancer_limit_row(const struct layout_caps *caps);

/*
 * Opens the object and sizes its tables, of which the caller may then replace some by existing ones
 * (bpf_map__reuse_fd). The caller owns *ret_skel. -E2BIG: a table would be larger than
 * BALANCER_TABLE_MAX.
 */
int balancer_open(const struct layout_caps *caps, struct balancer_bpf **ret_skel, struct err *err);
/* Loads it with these sizes, which are those it was opened with, the flow hash's seed and the
 * settings of encapsulation. 0 or -errno; libbpf has said more. */
int balancer_load(struct balancer_bpf *skel, const struct layout_caps *caps, uint64_t seed,
		  const struct lb_encap *encap);

#endif
