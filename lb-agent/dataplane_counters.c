/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_counters.c - reading per-CPU counters and keeping totals over moves.
 *
 * A total is the per-CPU sum plus the base, modulo 2^64, so nothing is ever cleared under traffic.
 * Both counter types are rows of 64-bit words, which is all that the code below knows of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include <bpf/bpf.h>

#include "dataplane_internal.h"

#define WORDS(type) (sizeof(type) / sizeof(uint64_t))
#define CHUNK	    4096u

static void sum_cpus(const uint64_t *values, int n_cpus, size_t words, uint64_t *ret_sum)
{
	memset(ret_sum, 0, words * sizeof(*ret_sum));
	for (int cpu = 0; cpu < n_cpus; cpu++)
		for (size_t w = 0; w < words; w++)
			ret_sum[w] += values[(size_t)cpu * words + w];
}

/* Sums entries [0, n) of a per-CPU array into rows of `words` words. */
static int read_sums(int fd, int n_cpus, size_t words, uint64_t *ret_sums, uint32_t n)
{
	uint32_t *keys = malloc(CHUNK * sizeof(*keys)), in = 0, out = 0, done = 0;
	uint64_t *values = malloc((size_t)CHUNK * n_cpus * words * sizeof(*values));
	int r = keys && values ? 0 : -ENOMEM;

	while (!r && done < n) {
		uint32_t count = n - done < CHUNK ? n - done : CHUNK;

		if (bpf_map_lookup_batch(fd, done ? &in : NULL, &out, keys, values, &count, NULL) &&
		    errno != ENOENT) {
			r = -errno;
			break;
		}
		if (!count)
			break;
		for (uint32_t i = 0; i < count && done < n; i++, done++)
			sum_cpus(values + (size_t)i * n_cpus * words, n_cpus, words,
				 ret_sums + (size_t)done * words);
		in = out;
	}
	free(keys);
	free(values);
	return r;
}

static int read_sum(int fd, int n_cpus, size_t words, uint32_t id, uint64_t *ret_sum)
{
	uint64_t *values = malloc((size_t)n_cpus * words * sizeof(*values));
	int r = 0;

	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &id, values))
		r = -errno;
	else
		sum_cpus(values, n_cpus, words, ret_sum);
	free(values);
	return r;
}

static int read_totals(const struct dataplane *dp, int fd, const uint64_t *base, uint32_t cap,
		       size_t words, uint64_t *ret_totals, uint32_t n)
{
	uint32_t have = n < cap ? n : cap;
	int r;

	memset(ret_totals, 0, (size_t)n * words * sizeof(*ret_totals));
	r = read_sums(fd, dp->n_cpus, words, ret_totals, have);
	for (size_t i = 0; i < (size_t)have * words; i++)
		ret_totals[i] += base[i];
	return r;
}

static int read_total(const struct dataplane *dp, const struct dp_generation *gen, int counters,
		      int base, size_t words, uint32_t id, uint64_t *ret_total)
{
	const uint64_t *bases = gen->memory[base];
	int r = read_sum(gen->map_fd[counters], dp->n_cpus, words, id, ret_total);

	for (size_t w = 0; !r && w < words; w++)
		ret_total[w] += bases[id * words + w];
	return r;
}

/* Sets the base such that the total is what is given. */
static int set_total(const struct dataplane *dp, int counters, int base, size_t words, uint32_t id,
		     const uint64_t *total)
{
	struct dp_generation *gen = dp_generation_target(dp);
	uint64_t *bases = gen->memory[base], sum[WORDS(struct lb_vip_counter)];
	int r = read_sum(gen->map_fd[counters], dp->n_cpus, words, id, sum);

	for (size_t w = 0; !r && w < words; w++)
		bases[id * words + w] = total[w] - sum[w];
	return r;
}

int dataplane_read_vips(struct dataplane *dp, struct lb_vip_counter *ret_totals, uint32_t n)
{
	return read_totals(dp, dp->live->map_fd[DP_VIP_CTR], dp->live->memory[DP_VIP_BASE],
			   dp->live->caps.vips, WORDS(*ret_totals), (uint64_t *)ret_totals, n);
}

int dataplane_read_backends(struct dataplane *dp, struct lb_counter *ret_totals, uint32_t n)
{
	return read_totals(dp, dp->live->map_fd[DP_BE_CTR], dp->live->memory[DP_BE_BASE],
			   dp->live->caps.backends, WORDS(*ret_totals), (uint64_t *)ret_totals, n);
}

int dataplane_read_backend(struct dataplane *dp, uint32_t id, struct lb_counter *ret_total)
{
	return read_total(dp, dp->live, DP_BE_CTR, DP_BE_BASE, WORDS(*ret_total), id,
			  (uint64_t *)ret_total);
}

int dataplane_read_reasons(struct dataplane *dp, struct lb_counter ret_totals[LB_REASON_MAX])
{
	memset(ret_totals, 0, LB_REASON_MAX * sizeof(*ret_totals));
	return read_sums(dp->live->map_fd[DP_REASON_CTR], dp->n_cpus, WORDS(*ret_totals),
			 (uint64_t *)ret_totals, LB_REASON_MAX);
}

static struct dp_generation *before_switch(const struct dataplane *dp)
{
	return dp->old ? dp->old : dp->live;
}

int dataplane_read_old_backend(struct dataplane *dp, uint32_t id, struct lb_counter *ret_total)
{
	return read_total(dp, before_switch(dp), DP_BE_CTR, DP_BE_BASE, WORDS(*ret_total), id,
			  (uint64_t *)ret_total);
}

int dataplane_read_old_vip(struct dataplane *dp, uint32_t id, struct lb_vip_counter *ret_total)
{
	return read_total(dp, before_switch(dp), DP_VIP_CTR, DP_VIP_BASE, WORDS(*ret_total), id,
			  (uint64_t *)ret_total);
}

int dataplane_set_vip_total(struct dataplane *dp, uint32_t id, const struct lb_vip_counter *total)
{
	return set_total(dp, DP_VIP_CTR, DP_VIP_BASE, WORDS(*total), id, (const uint64_t *)total);
}

int dataplane_set_backend_total(struct dataplane *dp, uint32_t id, const struct lb_counter *total)
{
	return set_total(dp, DP_BE_CTR, DP_BE_BASE, WORDS(*total), id, (const uint64_t *)total);
}

void dataplane_add_backend_total(struct dataplane *dp, uint32_t id, const struct lb_counter *more)
{
	struct lb_counter *base = (struct lb_counter *)dp->live->memory[DP_BE_BASE] + id;

	base->packets += more->packets;
	base->bytes += more->bytes;
}

void dataplane_add_vip_total(struct dataplane *dp, uint32_t id, const struct lb_vip_counter *more)
{
	struct lb_vip_counter *base = (struct lb_vip_counter *)dp->live->memory[DP_VIP_BASE] + id;

	base->forwarded.packets += more->forwarded.packets;
	base->forwarded.bytes += more->forwarded.bytes;
	base->dropped.packets += more->dropped.packets;
	base->dropped.bytes += more->dropped.bytes;
}

int dataplane_add_reason(struct dataplane *dp, enum lb_reason reason, const struct lb_counter *more)
{
	struct lb_counter *values = calloc((size_t)dp->n_cpus, sizeof(*values));
	int fd = dp->live->map_fd[DP_REASON_CTR], r = 0;
	uint32_t key = reason;

	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &key, values)) {
		r = -errno;
	} else {
		values[0].packets += more->packets;
		values[0].bytes += more->bytes;
		if (bpf_map_update_elem(fd, &key, values, BPF_ANY))
			r = -errno;
	}
	free(values);
	return r;
}

void dataplane_wait_grace(void)
{
	/* MEMBARRIER_CMD_GLOBAL is synchronize_rcu() (kernel/sched/membarrier.c); XDP programs run
	 * within an RCU read side (Documentation/RCU/checklist.rst). It is refused on nohz_full
	 * kernels: there, a pause that is far longer than any poll of a device may last. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(100000);
}
