/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_limits.c - what rate limits found and remember, in the maps: counts, the VIPs' cells,
 * the sources'.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "balancer.skel.h"
#include "dataplane_internal.h"
#include "lb/gcra.h"

#define WORDS	   (sizeof(struct lb_limit_counter) / sizeof(uint64_t))
#define SCAN_BATCH 4096u

int dp_limits_reuse(const struct dp_generation *live, const struct layout_caps *caps,
		    struct balancer_bpf *skel)
{
	int r = 0;

	if (caps->limits && live->caps.limits == caps->limits) {
		r = bpf_map__reuse_fd(skel->maps.lb_limit_cells,
				      live->map_fd[BALANCER_LIMIT_CELLS]);
		if (!r)
			r = bpf_map__reuse_fd(skel->maps.lb_limit_ctr,
					      live->map_fd[BALANCER_LIMIT_CTR]);
	}
	if (!r && live->caps.limit_sources == caps->limit_sources)
		r = bpf_map__reuse_fd(skel->maps.lb_limit_src,
				      live->other_fd[BALANCER_LIMIT_SOURCES]);
	return r;
}

static bool same_table(const struct dp_generation *a, const struct dp_generation *b,
		       enum balancer_table table)
{
	return dp_map_id(a->map_fd[table]) == dp_map_id(b->map_fd[table]);
}

void dp_limits_copy(const struct dp_generation *live, struct dp_generation *gen)
{
	const struct lb_limit_cell *from = live->memory[BALANCER_LIMIT_CELLS];
	struct lb_limit_cell *to = gen->memory[BALANCER_LIMIT_CELLS];

	if (same_table(live, gen, BALANCER_LIMIT_CELLS))
		return;
	for (uint32_t i = 0; i < live->caps.limits && i < gen->caps.limits; i++)
		to[i].tat = __atomic_load_n(&from[i].tat, __ATOMIC_RELAXED);
}

/* Row `row` of counter `id`; the agent's is the one after the CPUs'. */
static uint64_t *counter_at(const struct dp_generation *gen, int row, uint32_t id)
{
	char *rows = gen->memory[BALANCER_LIMIT_CTR];

	return (uint64_t *)(rows + (size_t)row * balancer_limit_row(&gen->caps)) + id * WORDS;
}

static void read_sum(const struct dataplane *dp, const struct dp_generation *gen, uint32_t id,
		     int rows, uint64_t ret_sum[WORDS])
{
	memset(ret_sum, 0, WORDS * sizeof(*ret_sum));
	for (int row = 0; row < rows; row++)
		for (size_t w = 0; w < WORDS; w++)
			ret_sum[w] +=
			    __atomic_load_n(&counter_at(gen, row, id)[w], __ATOMIC_RELAXED);
}

int dataplane_read_limit(struct dataplane *dp, uint32_t id, struct lb_limit_counter *ret_total)
{
	if (!dp->live || id >= dp->live->caps.limits)
		return -ENOENT;
	read_sum(dp, dp->live, id, dp->n_cpus + 1, (uint64_t *)ret_total);
	return 0;
}

void dataplane_reset_limit(struct dataplane *dp, uint32_t id)
{
	struct dp_generation *gen = dp_generation_target(dp);
	struct lb_limit_cell *cells = gen->memory[BALANCER_LIMIT_CELLS];
	uint64_t sum[WORDS];

	read_sum(dp, gen, id, dp->n_cpus, sum);
	for (size_t w = 0; w < WORDS; w++)
		counter_at(gen, dp->n_cpus, id)[w] = -sum[w];
	__atomic_store_n(&cells[id].tat, 0, __ATOMIC_RELAXED);
}

void dataplane_carry_limit(struct dataplane *dp, uint32_t id)
{
	uint64_t sum[WORDS];

	if (!dp->old || id >= dp->old->caps.limits ||
	    same_table(dp->old, dp->live, BALANCER_LIMIT_CTR))
		return;
	read_sum(dp, dp->old, id, dp->n_cpus + 1, sum);
	for (size_t w = 0; w < WORDS; w++)
		counter_at(dp->live, dp->n_cpus, id)[w] += sum[w];
}

static uint64_t now_units(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec) << GCRA_UNIT_SHIFT;
}

static uint64_t ahead_of(uint64_t tat, uint64_t now)
{
	const uint64_t ahead = tat - now;

	return ahead > GCRA_HORIZON ? 0 : ahead;
}

uint64_t dataplane_limit_ahead(struct dataplane *dp, uint32_t id)
{
	const struct lb_limit_cell *cells = dp->live->memory[BALANCER_LIMIT_CELLS];

	return id < dp->live->caps.limits
		   ? ahead_of(__atomic_load_n(&cells[id].tat, __ATOMIC_RELAXED), now_units())
		   : 0;
}

int dataplane_each_source(struct dataplane *dp, uint32_t max,
			  void (*each)(void *ctx, const struct lb_limit_key *key, uint64_t ahead),
			  void *ctx)
{
	const int fd = dp->live ? dp->live->other_fd[BALANCER_LIMIT_SOURCES] : -1;
	struct lb_limit_key *keys = calloc(SCAN_BATCH, sizeof(*keys));
	uint64_t *values = calloc(SCAN_BATCH, sizeof(*values)), now = now_units();
	uint32_t seen = 0, n, cursor = 0;
	bool first = true, more = true;
	int r = keys && values ? 0 : -ENOMEM;

	while (!r && more && seen < max) {
		n = SCAN_BATCH;
		if (bpf_map_lookup_batch(fd, first ? NULL : &cursor, &cursor, keys, values, &n,
					 NULL)) {
			more = false; /* ENOENT: that was the last batch */
			r = errno == ENOENT ? 0 : -errno;
		}
		first = false;
		for (uint32_t i = 0; i < n && !r; i++)
			each(ctx, &keys[i], ahead_of(values[i], now));
		seen += n;
	}
	free(keys);
	free(values);
	return r;
}
