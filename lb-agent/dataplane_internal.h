/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_internal.h - what the dataplane_*.c files share; nobody else includes it.
 */
#ifndef LB_DATAPLANE_INTERNAL_H
#define LB_DATAPLANE_INTERNAL_H

#include <stddef.h>

#include "balancer.h"
#include "dataplane.h"

/* One balancer program and its maps. */
struct dp_generation {
	int prog_fd;
	int map_fd[BALANCER_TABLES];
	void *memory[BALANCER_TABLES];
	size_t memory_bytes[BALANCER_TABLES];
	int other_fd[BALANCER_MAPS]; /* maps that are no tables */
	struct layout_caps caps;
	struct dataplane_code code; /* empty: adopted */
};

struct dataplane {
	char *dir;	 /* NULL: nothing is pinned */
	int dir_fd;	 /* locked; -1 */
	int programs_fd; /* lb_programs */
	uint32_t programs_id;
	struct dp_generation *live;
	struct dp_generation *next; /* while one is built */
	struct dp_generation *old;  /* after a switch, until dataplane_drop_old() */
	int n_cpus;		    /* rows of a table of counters */
};

struct dp_generation *dp_generation_target(const struct dataplane *dp);
struct lb_control *dp_control(const struct dp_generation *gen);

/* What a new generation takes over of the live one's rate limits: the maps themselves where the
 * sizes allow; before loading. */
struct balancer_bpf;
int dp_limits_reuse(const struct dp_generation *live, const struct layout_caps *caps,
		    struct balancer_bpf *skel);
/* The VIPs' cells where the map could not be taken over; after loading. */
void dp_limits_copy(const struct dp_generation *live, struct dp_generation *gen);

/* The id of a program or map behind a file descriptor; 0 on error. */
uint32_t dp_prog_id(int fd);
uint32_t dp_map_id(int fd);
/* The ids of a program's maps, malloc'd; NULL with 0 on error. */
uint32_t *dp_prog_map_ids(int prog_fd, uint32_t *ret_n);
/* Whether a program uses a map. */
bool dp_prog_has_map(int prog_fd, uint32_t map_id);

struct bpf_program;
/* To be called before loading, on each program of a tail call. */
void dp_unset_attach_type(struct bpf_program *program);

/* Collects what libbpf and libxdp print, so that an error can name its cause. */
void dp_log_install(void);
void dp_log_clear(void);
/* The last line of a warning since dp_log_clear(), or "". */
const char *dp_log_last(void);

int dp_detach_all(uint32_t programs_id, bool (*keep)(void *ctx, const char *ifname), void *ctx,
		  struct err *err);

#endif
