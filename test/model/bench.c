/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.c - BPF_PROG_TEST_RUN of one packet behind poisoned headroom, compared with the model.
 *
 * A program that is attached nowhere makes each TEST_RUN wait for an RCU grace period: the poisoner
 * is attached to lo of a namespace of its own. The process stays on one CPU, so that all counters
 * of a packet are in one row of each table, and the rows are compared whole: what should not have
 * been counted is seen too.
 */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "balancer.h"
#include "balancer.skel.h"
#include "poison.skel.h"
#include "tables.h"

#define LINE 64u /* bytes */

/* A row of counters: this CPU's in the table, and what the model has counted. */
struct row {
	uint8_t *is, *want;
	size_t bytes;
};

struct bench {
	struct poison_bpf *poison;
	struct balancer_bpf *skel;
	void *memory[BALANCER_TABLES];
	size_t bytes[BALANCER_TABLES];
	struct scene scene;
	bool loaded;
	unsigned int cpu;
	struct row counters, reasons;
	size_t backend_column;
	uint32_t action;
	size_t out_len;
	uint8_t out[2 * MODEL_FRAME_MAX];
};

static int say(char text[BENCH_TEXT], int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, BENCH_TEXT, format, args);
	va_end(args);
	return r;
}

static int stay_on_a_cpu(unsigned int *ret_cpu)
{
	cpu_set_t set;

	if (getcpu(ret_cpu, NULL))
		return -errno;
	CPU_ZERO(&set);
	CPU_SET(*ret_cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static int load_poison(struct bench *bench)
{
	int r;

	bench->poison = poison_bpf__open();
	if (!bench->poison)
		return -ENOMEM;
	/* Both ends of a tail call want the same; the balancer has none. */
	bpf_program__set_expected_attach_type(bench->poison->progs.poison, 0);
	r = poison_bpf__load(bench->poison);
	if (!r)
		r = bpf_xdp_attach(SCENE_IFINDEX, bpf_program__fd(bench->poison->progs.poison),
				   XDP_FLAGS_SKB_MODE, NULL);
	return r;
}

int bench_open(struct bench **ret_bench, char ret_text[BENCH_TEXT])
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int r;

	*ret_bench = NULL;
	if (!bench)
		return say(ret_text, -ENOMEM, "out of memory");
	if (unshare(CLONE_NEWNET))
		r = say(ret_text, -errno, "a network namespace: %s (run as root)", strerror(errno));
	else if ((r = stay_on_a_cpu(&bench->cpu)))
		say(ret_text, r, "staying on one CPU: %s", strerror(-r));
	else if ((r = load_poison(bench)))
		say(ret_text, r, "loading the poisoner and attaching it to lo: %s", strerror(-r));
	if (r) {
		bench_close(bench);
		return r;
	}
	*ret_bench = bench;
	return 0;
}

static void unload(struct bench *bench)
{
	for (int i = 0; i < BALANCER_TABLES; i++)
		if (bench->memory[i])
			munmap(bench->memory[i], bench->bytes[i]);
	memset(bench->memory, 0, sizeof(bench->memory));
	free(bench->counters.want);
	free(bench->reasons.want);
	bench->counters.want = bench->reasons.want = NULL;
	balancer_bpf__destroy(bench->skel);
	bench->skel = NULL;
	bench->loaded = false;
}

void bench_close(struct bench *bench)
{
	if (!bench)
		return;
	unload(bench);
	poison_bpf__destroy(bench->poison);
	free(bench);
}

static int map_tables(struct bench *bench, const struct layout_caps *caps)
{
	for (int i = 0; i < BALANCER_TABLES; i++) {
		int fd = bpf_object__find_map_fd_by_name(bench->skel->obj, balancer_table_name(i));
		void *memory;

		bench->bytes[i] = balancer_table_bytes(i, caps);
		memory = mmap(NULL, bench->bytes[i], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (memory == MAP_FAILED)
			return -errno;
		bench->memory[i] = memory;
	}
	return 0;
}

static int open_row(struct bench *bench, enum balancer_table table, size_t bytes, struct row *row)
{
	if (bench->bytes[table] % bytes || bench->bytes[table] / bytes <= bench->cpu)
		return -EPROTO;
	row->bytes = bytes;
	row->is = (uint8_t *)bench->memory[table] + bench->cpu * bytes;
	row->want = calloc(1, bytes);
	return row->want ? 0 : -ENOMEM;
}

static size_t whole_lines(size_t bytes)
{
	return (bytes + LINE - 1) / LINE * LINE;
}

/* Where a counter lies is worked out from abi.h. */
static int open_rows(struct bench *bench, const struct layout_caps *caps)
{
	int r;

	bench->backend_column = whole_lines(caps->vips * sizeof(struct lb_vip_counter));
	r = open_row(bench, BALANCER_COUNTERS,
		     bench->backend_column +
			 whole_lines(caps->backends * sizeof(struct lb_counter)),
		     &bench->counters);
	if (!r)
		r = open_row(bench, BALANCER_REASON_CTR, LB_REASON_ROW * sizeof(struct lb_counter),
			     &bench->reasons);
	return r;
}

static int load(struct bench *bench, const struct scene *scene, char text[BENCH_TEXT])
{
	const struct layout_caps caps = tables_caps(scene);
	const uint32_t key = 0;
	struct err err = {0};
	int r, fd;

	unload(bench);
	r = balancer_open(&caps, &bench->skel, &err);
	if (r)
		return say(text, r, "%s", err.text);
	r = balancer_load(bench->skel, &caps, scene->seed, &(struct lb_encap){0});
	if (r)
		return say(text, r, "the balancer does not load: %s", strerror(-r));
	r = map_tables(bench, &caps);
	if (!r)
		r = open_rows(bench, &caps);
	if (r)
		return say(text, r, "mapping the balancer's tables: %s", strerror(-r));
	fd = bpf_program__fd(bench->skel->progs.sluice_balancer);
	if (bpf_map_update_elem(bpf_map__fd(bench->poison->maps.poison_target), &key, &fd, 0))
		return say(text, -errno, "setting the program under test: %s", strerror(errno));
	bench->loaded = true;
	return 0;
}

/* No packet ran on another CPU. */
static bool others_are_zero(const struct bench *bench, enum balancer_table table,
			    const struct row *row)
{
	const uint8_t *at = bench->memory[table];

	for (size_t i = 0; i < bench->bytes[table]; i++)
		if (at[i] && (&at[i] < row->is || &at[i] >= row->is + row->bytes))
			return false;
	return true;
}

int bench_set(struct bench *bench, const struct scene *scene, char ret_text[BENCH_TEXT])
{
	int r = 0;

	if (bench->loaded && (!others_are_zero(bench, BALANCER_COUNTERS, &bench->counters) ||
			      !others_are_zero(bench, BALANCER_REASON_CTR, &bench->reasons)))
		return say(ret_text, -EBADMSG,
			   "counters of another CPU than %u, where all packets ran, are not zero",
			   bench->cpu);
	if (!bench->loaded || !scene_same_program(&bench->scene, scene))
		r = load(bench, scene, ret_text);
	if (r)
		return r;
	bench->scene = *scene;
	bench->poison->bss->poison_no_headroom = scene->no_headroom;
	r = tables_write(scene, bench->memory);
	return r ? say(ret_text, r, "writing the tables: %s", strerror(-r)) : 0;
}

static void count(struct lb_counter *counter, size_t bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

/* A forwarded packet counts in its VIP and backend; any other by its reason, and if it was dropped
 * for a VIP there too. Bytes are those of the frame as received. */
static void count_verdict(struct bench *bench, const struct model_verdict *verdict, size_t bytes)
{
	struct lb_vip_counter *vips = (struct lb_vip_counter *)bench->counters.want;
	struct lb_counter *backends =
	    (struct lb_counter *)(bench->counters.want + bench->backend_column);
	struct lb_counter *reasons = (struct lb_counter *)bench->reasons.want;
	const bool forwarded = verdict->reason == LB_REASON_FORWARDED;

	if (!forwarded)
		count(&reasons[verdict->reason], bytes);
	if (verdict->vip >= 0)
		count(forwarded ? &vips[verdict->vip].forwarded : &vips[verdict->vip].dropped,
		      bytes);
	if (verdict->backend >= 0)
		count(&backends[verdict->backend], bytes);
}

/* The reason by which the balancer counted its last packet, by the first counter that is not as
 * before. */
static const char *counted_reason(const struct bench *bench, const struct lb_counter *before)
{
	const struct lb_counter *is = (const struct lb_counter *)bench->reasons.is;

	for (int i = 0; i < LB_REASON_MAX; i++)
		if (is[i].packets != before[i].packets)
			return model_reason_name(i);
	return "forwarded, or nothing";
}

static const char *action_name(uint32_t action)
{
	static const char *const names[] = {"aborted", "drop", "pass", "tx", "redirect"};

	return action < sizeof(names) / sizeof(names[0]) ? names[action] : "unknown";
}

static enum bench_result compare_counters(const struct bench *bench, char text[BENCH_TEXT])
{
	const struct {
		const char *name;
		const struct row *row;
	} rows[] = {{"lb_reason_ctr", &bench->reasons}, {"lb_counters", &bench->counters}};

	for (int i = 0; i < 2; i++) {
		const uint64_t *is = (const uint64_t *)rows[i].row->is;
		const uint64_t *want = (const uint64_t *)rows[i].row->want;
		size_t w = 0;

		if (!memcmp(is, want, rows[i].row->bytes))
			continue;
		while (is[w] == want[w])
			w++;
		return say(text, BENCH_DIFFERENT,
			   "%s: word %zu (%s of %s %zu) differs from the model's by %+lld",
			   rows[i].name, w, w % 2 ? "bytes" : "packets",
			   i == 0			    ? "reason"
			   : w * 8 >= bench->backend_column ? "backend"
							    : "VIP, forwarded or dropped,",
			   i == 0 ? w / 2
			   : w * 8 >= bench->backend_column
			       ? (w * 8 - bench->backend_column) / sizeof(struct lb_counter)
			       : w / 4,
			   (long long)(is[w] - want[w]));
	}
	return BENCH_SAME;
}

static enum bench_result compare_frame(const struct bench *bench,
				       const struct model_verdict *verdict, char text[BENCH_TEXT])
{
	const struct model_frame *want = &verdict->out;
	size_t i = 0;

	if (bench->out_len != want->len)
		return say(text, BENCH_DIFFERENT, "%zu bytes came out; the model has %zu",
			   bench->out_len, want->len);
	if (!memcmp(bench->out, want->bytes, want->len))
		return BENCH_SAME;
	while (bench->out[i] == want->bytes[i])
		i++;
	return say(text, BENCH_DIFFERENT, "byte %zu came out as %02x; the model has %02x", i,
		   bench->out[i], want->bytes[i]);
}

enum bench_result bench_run(struct bench *bench, const struct model_frame *frame,
			    struct model_verdict *ret_verdict, char ret_text[BENCH_TEXT])
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes,
		    .data_size_in = (uint32_t)frame->len, .data_out = bench->out,
		    .data_size_out = sizeof(bench->out), .repeat = 1);
	struct lb_counter before[LB_REASON_MAX];
	enum bench_result result;

	bench->poison->bss->poison_failed = 0;
	memcpy(before, bench->reasons.is, sizeof(before));
	if (bpf_prog_test_run_opts(bpf_program__fd(bench->poison->progs.poison), &opts))
		return say(ret_text, BENCH_FAILED, "TEST_RUN of %zu bytes: %s", frame->len,
			   strerror(errno));
	if (bench->poison->bss->poison_failed)
		return say(ret_text, BENCH_FAILED, "the headroom could not be poisoned");
	bench->action = opts.retval;
	bench->out_len = opts.data_size_out;
	model_run(&bench->scene, frame, ret_verdict);
	count_verdict(bench, ret_verdict, frame->len);
	if (bench->action != ret_verdict->action)
		result = say(
		    ret_text, BENCH_DIFFERENT, "the balancer says %s (%s); the model says %s (%s)",
		    action_name(bench->action), counted_reason(bench, before),
		    action_name(ret_verdict->action), model_reason_name(ret_verdict->reason));
	else
		result = compare_counters(bench, ret_text);
	if (result == BENCH_SAME)
		result = compare_frame(bench, ret_verdict, ret_text);
	if (result != BENCH_SAME) {
		memcpy(bench->counters.want, bench->counters.is, bench->counters.bytes);
		memcpy(bench->reasons.want, bench->reasons.is, bench->reasons.bytes);
	}
	return result;
}

void bench_last(const struct bench *bench, uint32_t *ret_action, const uint8_t **ret_bytes,
		size_t *ret_len)
{
	*ret_action = bench->action;
	*ret_bytes = bench->out;
	*ret_len = bench->out_len;
}
