/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_counters.c - reading the counters and keeping totals over moves.
 *
 * A total is the sum over the CPUs plus the base, modulo 2^64, so nothing is ever cleared under
 * traffic. Both counter types are rows of 64-bit words, which is all that the code below knows of
 * them.
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

/* Where a kind of counter is: its table, its base, and how a row is laid out. */
struct counters {
	const char *rows; /* of the first CPU */
	size_t row;	  /* bytes */
	uint64_t *base;	  /* NULL: it has none */
	size_t words;	  /* 64-bit words a counter */
	uint32_t n;	  /* counters a row */
};

static struct counters vip_counters(const struct dp_generation *gen)
{
	return (struct counters){
	    .rows = gen->memory[BALANCER_COUNTERS],
	    .row = balancer_counter_row(&gen->caps),
	    .base = gen->memory[BALANCER_VIP_BASE],
	    .words = WORDS(struct lb_vip_counter),
	    .n = gen->caps.vips,
	};
}

static struct counters backend_counters(const struct dp_generation *gen)
{
	return (struct counters){
	    .rows =
		(const char *)gen->memory[BALANCER_COUNTERS] + balancer_backend_column(&gen->caps),
	    .row = balancer_counter_row(&gen->caps),
	    .base = gen->memory[BALANCER_BE_BASE],
	    .words = WORDS(struct lb_counter),
	    .n = gen->caps.backends,
	};
}

static struct counters reason_counters(const struct dp_generation *gen)
{
	return (struct counters){
	    .rows = gen->memory[BALANCER_REASON_CTR],
	    .row = LB_REASON_ROW * sizeof(struct lb_counter),
	    .words = WORDS(struct lb_counter),
	    .n = LB_REASON_MAX,
	};
}

/* The sum over the CPUs of counter `id`. */
static void read_sum(const struct dataplane *dp, const struct counters *c, uint32_t id,
		     uint64_t *ret_sum)
{
	memset(ret_sum, 0, c->words * sizeof(*ret_sum));
	for (int cpu = 0; cpu < dp->n_cpus; cpu++) {
		const uint64_t *at =
		    (const uint64_t *)(c->rows + (size_t)cpu * c->row) + id * c->words;

		for (size_t w = 0; w < c->words; w++)
			ret_sum[w] += __atomic_load_n(&at[w], __ATOMIC_RELAXED);
	}
}

static int read_total(const struct dataplane *dp, const struct counters *c, uint32_t id,
		      uint64_t *ret_total)
{
	if (id >= c->n)
		return -ENOENT;
	read_sum(dp, c, id, ret_total);
	for (size_t w = 0; c->base && w < c->words; w++)
		ret_total[w] += c->base[id * c->words + w];
	return 0;
}

static int read_totals(const struct dataplane *dp, const struct counters *c, uint64_t *ret_totals,
		       uint32_t n)
{
	memset(ret_totals, 0, (size_t)n * c->words * sizeof(*ret_totals));
	for (uint32_t id = 0; id < n && id < c->n; id++)
		read_total(dp, c, id, ret_totals + id * c->words);
	return 0;
}

/* Sets the base such that the total is what is given. */
static int set_total(const struct dataplane *dp, const struct counters *c, uint32_t id,
		     const uint64_t *total)
{
	uint64_t sum[WORDS(struct lb_vip_counter)];

	if (id >= c->n)
		return -ENOENT;
	read_sum(dp, c, id, sum);
	for (size_t w = 0; w < c->words; w++)
		c->base[id * c->words + w] = total[w] - sum[w];
	return 0;
}

int dataplane_read_vips(struct dataplane *dp, struct lb_vip_counter *ret_totals, uint32_t n)
{
	const struct counters c = vip_counters(dp->live);

	return read_totals(dp, &c, (uint64_t *)ret_totals, n);
}

int dataplane_read_backends(struct dataplane *dp, struct lb_counter *ret_totals, uint32_t n)
{
	const struct counters c = backend_counters(dp->live);

	return read_totals(dp, &c, (uint64_t *)ret_totals, n);
}

int dataplane_read_backend(struct dataplane *dp, uint32_t id, struct lb_counter *ret_total)
{
	const struct counters c = backend_counters(dp->live);

	return read_total(dp, &c, id, (uint64_t *)ret_total);
}

int dataplane_read_reasons(struct dataplane *dp, struct lb_counter ret_totals[LB_REASON_MAX])
{
	const struct counters c = reason_counters(dp->live);

	return read_totals(dp, &c, (uint64_t *)ret_totals, LB_REASON_MAX);
}

static struct dp_generation *before_switch(const struct dataplane *dp)
{
	return dp->old ? dp->old : dp->live;
}

int dataplane_read_old_backend(struct dataplane *dp, uint32_t id, struct lb_counter *ret_total)
{
	const struct counters c = backend_counters(before_switch(dp));

	return read_total(dp, &c, id, (uint64_t *)ret_total);
}

int dataplane_read_old_vip(struct dataplane *dp, uint32_t id, struct lb_vip_counter *ret_total)
{
	const struct counters c = vip_counters(before_switch(dp));

	return read_total(dp, &c, id, (uint64_t *)ret_total);
}

int dataplane_set_vip_total(struct dataplane *dp, uint32_t id, const struct lb_vip_counter *total)
{
	const struct counters c = vip_counters(dp_generation_target(dp));

	return set_total(dp, &c, id, (const uint64_t *)total);
}

int dataplane_set_backend_total(struct dataplane *dp, uint32_t id, const struct lb_counter *total)
{
	const struct counters c = backend_counters(dp_generation_target(dp));

	return set_total(dp, &c, id, (const uint64_t *)total);
}

void dataplane_add_backend_total(struct dataplane *dp, uint32_t id, const struct lb_counter *more)
{
	struct lb_counter *base = (struct lb_counter *)dp->live->memory[BALANCER_BE_BASE] + id;

	base->packets += more->packets;
	base->bytes += more->bytes;
}

void dataplane_add_vip_total(struct dataplane *dp, uint32_t id, const struct lb_vip_counter *more)
{
	struct lb_vip_counter *base =
	    (struct lb_vip_counter *)dp->live->memory[BALANCER_VIP_BASE] + id;

	base->forwarded.packets += more->forwarded.packets;
	base->forwarded.bytes += more->forwarded.bytes;
	base->dropped.packets += more->dropped.packets;
	base->dropped.bytes += more->dropped.bytes;
}

int dataplane_add_reason(struct dataplane *dp, enum lb_reason reason, const struct lb_counter *more)
{
	struct lb_counter *counter = dp->live->memory[BALANCER_REASON_CTR];

	counter[reason].packets += more->packets;
	counter[reason].bytes += more->bytes;
	return 0;
}

void dataplane_wait_grace(void)
{
	/* MEMBARRIER_CMD_GLOBAL is synchronize_rcu() (kernel/sched/membarrier.c); XDP programs run
	 * within an RCU read side (Documentation/RCU/checklist.rst). It is refused on nohz_full
	 * kernels: there, a pause that is far longer than any poll of a device may last. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(100000);
}
