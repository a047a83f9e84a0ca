/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_run.c - measurements by BPF_PROG_TEST_RUN, and of the proof that every iteration took its
 * path what one call tells: where the head stood each time, what came out. The counters' part is
 * xdp_proof.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "xdp.h"
#include "xdp_packet.h"
#include "xdp_shared.h"

#include "xdp.skel.h"

/* 1 modulo 4, so that every flow comes once in a round; Steele and Vigna, "Computationally easy,
 * spectrally good multipliers", 2021, table 5. */
#define RANDOM_MUL 0x915f77f5u
#define RANDOM_ADD 12345u
#define VLAN_TAG   4 /* bytes */
#define UDP_HEADER 8

struct xdp_bench {
	struct xdp_bpf *skel;
};

/* A row's frame, where its flows and VIPs are, and how many packets of it went where. */
struct stream {
	uint8_t frame[XDP_PACKET_MAX];
	struct xdp_wrapper wrapper;
	uint64_t to_row, to_floor;
};

/* Of one call of TEST_RUN. */
struct outcome {
	double ns; /* an iteration */
	uint32_t action;
	size_t len;
	int64_t moved;
	uint64_t failed;
};

static void fill_floor_header(struct xdp_floor *header)
{
	static const uint8_t bytes[34] = {0x02, 0,    0,    0, 0, 2,  0x02, 0, 0,    0, 0,  1,
					  0x08, 0x00, 0x45, 0, 0, 70, 0,    0, 0x40, 0, 64, 4,
					  0xae, 0x9e, 192,  0, 2, 1,  10,   0, 1,    11};

	memcpy(header, bytes, sizeof(bytes));
}

/* The programs that are measured have none either (see xdp_scene.c). */
static void unset_attach_types(struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, object)
		bpf_program__set_expected_attach_type(program, 0);
}

/* Each load lies elsewhere in memory, and so do its programs' branches and lines. */
int xdp_bench_reload(struct xdp_bench *bench, struct err *err)
{
	struct xdp_bpf *skel = xdp_bpf__open();
	int r = -ENOMEM;

	if (skel) {
		unset_attach_types(skel->obj);
		r = xdp_bpf__load(skel);
	}
	if (r) {
		err_set(err, r, "the kernel does not take the wrapper: %s%s", strerror(-r),
			r == -EPERM ? " (run as root, or with CAP_BPF and CAP_NET_ADMIN)" : "");
		goto failed;
	}
	r = bpf_xdp_attach(XDP_IFINDEX_IN, bpf_program__fd(skel->progs.bench_wrap),
			   XDP_FLAGS_SKB_MODE, NULL);
	if (r) {
		err_set(err, r, "attaching the wrapper to lo: %s", strerror(-r));
		goto failed;
	}
	fill_floor_header(&skel->bss->bench_floor_header);
	xdp_bpf__destroy(bench->skel);
	bench->skel = skel;
	return 0;
failed:
	xdp_bpf__destroy(skel);
	return r;
}

int xdp_bench_open(struct xdp_bench **ret_bench, struct err *err)
{
	struct xdp_bench *bench = calloc(1, sizeof(*bench));
	int r;

	*ret_bench = NULL;
	if (!bench)
		return err_set(err, -ENOMEM, "out of memory");
	if (unshare(CLONE_NEWNET))
		r = err_set(err, -errno, "a network namespace: %s%s", strerror(errno),
			    errno == EPERM ? " (run as root)" : "");
	else
		r = xdp_bench_reload(bench, err);
	if (r) {
		xdp_bench_close(bench);
		return r;
	}
	*ret_bench = bench;
	return 0;
}

void xdp_bench_close(struct xdp_bench *bench)
{
	if (!bench)
		return;
	xdp_bpf__destroy(bench->skel);
	free(bench);
}

static int set_target(struct xdp_bench *bench, int fd, struct err *err)
{
	const uint32_t key = 0;

	if (bpf_map_update_elem(bpf_map__fd(bench->skel->maps.bench_target), &key, &fd, BPF_ANY))
		return err_set(err, -errno, "setting the program under test: %s", strerror(errno));
	return 0;
}

/*
 * TEST_RUN's average is cut to whole nanoseconds, which is a tenth of the floor, and includes the
 * packets that only warm the caches. The stamps are exact, but TEST_RUN leaves out the time in
 * which it let other tasks run and they do not: then its average is taken.
 */
static double exact_ns(const struct xdp_wrapper *wrapper, uint32_t duration)
{
	const double stamped = (double)(wrapper->ended - wrapper->begun) / (wrapper->timed - 1.0);

	return stamped < duration * 1.2 + 1 ? stamped : duration + 0.5;
}

/* The stream goes on where it ended. */
static int test_run(struct xdp_bench *bench, struct stream *stream, uint32_t warm, uint32_t timed,
		    struct outcome *ret, struct err *err)
{
	volatile struct xdp_wrapper *live = &bench->skel->bss->bench_wrapper;
	struct xdp_wrapper *wrapper = &stream->wrapper;
	uint8_t out[2 * XDP_PACKET_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = stream->frame,
		    .data_size_in = wrapper->frame_len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = (int)(warm + timed));

	wrapper->moved = 0;
	wrapper->failed = 0;
	wrapper->left = warm + timed;
	wrapper->timed = timed;
	wrapper->begun = wrapper->ended = 0;
	*live = *wrapper;
	if (bpf_prog_test_run_opts(bpf_program__fd(bench->skel->progs.bench_wrap), &opts))
		return err_set(err, -errno, "BPF_PROG_TEST_RUN: %s", strerror(errno));
	*wrapper = *live;
	*ret = (struct outcome){
	    .ns = exact_ns(wrapper, opts.duration),
	    .action = opts.retval,
	    .len = opts.data_size_out,
	    .moved = wrapper->moved,
	    .failed = wrapper->failed,
	};
	return 0;
}

/* Where the program must leave the head: `grow` bytes before the packet's beginning, each time. */
static int check_outcome(const struct outcome *is, uint32_t action, size_t len, int grow,
			 uint32_t repeat, struct err *err)
{
	if (is->failed)
		return err_set(err, -EBADMSG, "%" PRIu64 " packets could not be restored",
			       is->failed);
	if (is->action != action)
		return err_set(err, -EBADMSG, "the last packet's action is %u, not %u", is->action,
			       action);
	if ((int64_t)is->len != (int64_t)len + grow)
		return err_set(err, -EBADMSG, "the last packet has %zu bytes, not %" PRId64,
			       is->len, (int64_t)len + grow);
	if (is->moved != (int64_t)(repeat - 1) * grow)
		return err_set(err, -EBADMSG,
			       "the head moved by %" PRId64
			       " bytes in %u iterations, not by %d each",
			       is->moved, repeat, grow);
	return 0;
}

static struct xdp_packet packet_of(const struct xdp_row *row)
{
	return (struct xdp_packet){
	    .af = row->config.af,
	    .proto = row->proto,
	    .syn = row->syn,
	    .port = row->expect == LB_REASON_NOT_A_VIP ? XDP_PORT_NO_VIP : XDP_PORT,
	    .tags = row->tags,
	    .shape = row->shape,
	};
}

size_t xdp_row_frame(const struct xdp_row *row, uint8_t *ret_frame)
{
	const struct xdp_packet packet = packet_of(row);

	return xdp_packet_write(&packet, ret_frame);
}

static void open_stream(const struct xdp_row *row, struct stream *stream)
{
	const struct xdp_packet packet = packet_of(row);
	struct xdp_wrapper *w = &stream->wrapper;
	const size_t len = xdp_packet_write(&packet, stream->frame);

	stream->to_row = stream->to_floor = 0;
	xdp_packet_wrapper(&packet, stream->frame, len, w);
	w->vips = (uint32_t)row->config.vips;
	w->flow_mask = (uint32_t)row->flows - 1;
	w->flow = row->next_flow;
	switch (row->order) {
	case XDP_IN_TURN:
		w->step = 1;
		w->turn = row->next_turn;
		break;
	case XDP_AT_RANDOM:
		w->flow_mul = RANDOM_MUL;
		w->flow_add = RANDOM_ADD;
		w->spread = ((uint64_t)row->config.vips << 32) / row->flows;
		break;
	case XDP_ONE_VIP:
		w->turn = (uint32_t)row->config.vips / 2;
		break;
	}
}

uint32_t xdp_row_action(const struct xdp_row *row)
{
	if (row->expect != LB_REASON_FORWARDED)
		return xdp_reason_passes(row->expect) ? XDP_PASS : XDP_DROP;
	return row->config.redirect ? XDP_REDIRECT : XDP_TX;
}

int xdp_row_growth(const struct xdp_row *row)
{
	int grow = 0;

	if (row->expect != LB_REASON_FORWARDED)
		return 0;
	if (row->config.ipip || row->config.gue)
		grow = row->config.outer_af == 4 ? 20 : 40;
	if (row->config.gue)
		grow += UDP_HEADER;
	return grow + VLAN_TAG * ((int)row->config.tag - (int)row->tags);
}

static int burst_row(struct xdp_bench *bench, const struct xdp_row *row, struct stream *stream,
		     uint32_t warm, uint32_t timed, double *ret_ns, struct err *err)
{
	int fd = row->direct ? xdp_scene_balancer_fd(row->scene) : xdp_scene_root_fd(row->scene);
	struct outcome outcome = {0};
	int r = set_target(bench, fd, err);

	if (!r)
		r = test_run(bench, stream, warm, timed, &outcome, err);
	if (!r)
		stream->to_row += (uint64_t)warm + timed;
	if (!r)
		r = check_outcome(&outcome, xdp_row_action(row), stream->wrapper.frame_len,
				  xdp_row_growth(row), warm + timed, err);
	*ret_ns = outcome.ns;
	return r;
}

/* The stream is put back: the reference programs take nothing of the row's flows. */
static int burst_reference(struct xdp_bench *bench, enum xdp_reference reference,
			   struct stream *stream, uint32_t warm, uint32_t timed, double *ret_ns,
			   struct err *err)
{
	const bool floor = reference == XDP_FLOOR;
	const struct xdp_wrapper was = stream->wrapper;
	const struct bpf_program *program =
	    floor ? bench->skel->progs.bench_floor : bench->skel->progs.bench_empty;
	struct outcome outcome = {0};
	int r = set_target(bench, bpf_program__fd(program), err);

	if (!r)
		r = test_run(bench, stream, warm, timed, &outcome, err);
	if (!r && floor)
		stream->to_floor += (uint64_t)warm + timed;
	if (!r)
		r = check_outcome(&outcome, XDP_TX, was.frame_len, floor ? XDP_FLOOR_HEADER : 0,
				  warm + timed, err);
	stream->wrapper = was;
	*ret_ns = outcome.ns;
	return r;
}

/* Empty program and floor stand on both sides of each of the row's bursts; the empty program's
 * second one is the next one's first. */
static int sample(struct xdp_bench *bench, const struct xdp_row *row, struct stream *stream,
		  const struct xdp_visit *visit, struct xdp_sample *samples, struct err *err)
{
	double empty[2], floor[2], ns;
	int r =
	    burst_reference(bench, XDP_EMPTY, stream, visit->rewarm, visit->timed, &empty[0], err);

	for (size_t i = 0; i < visit->bursts && !r; i++) {
		r = burst_reference(bench, XDP_FLOOR, stream, visit->rewarm, visit->timed,
				    &floor[0], err);
		if (!r)
			r = burst_row(bench, row, stream, visit->rewarm, visit->timed, &ns, err);
		if (!r)
			r = burst_reference(bench, XDP_FLOOR, stream, visit->rewarm, visit->timed,
					    &floor[1], err);
		if (!r)
			r = burst_reference(bench, XDP_EMPTY, stream, visit->rewarm, visit->timed,
					    &empty[1], err);
		samples[i] =
		    (struct xdp_sample){(empty[0] + empty[1]) / 2, (floor[0] + floor[1]) / 2, ns};
		empty[0] = empty[1];
	}
	return r;
}

static int read_floor_counter(const struct xdp_bench *bench, uint64_t *ret_count, struct err *err)
{
	const int cpus = libbpf_num_possible_cpus();
	uint64_t *values = cpus > 0 ? calloc((size_t)cpus, sizeof(*values)) : NULL;
	const uint32_t key = 0;
	int r = values ? 0 : -ENOMEM;

	*ret_count = 0;
	if (!r &&
	    bpf_map_lookup_elem(bpf_map__fd(bench->skel->maps.bench_floor_counter), &key, values))
		r = -errno;
	for (int i = 0; i < cpus && !r; i++)
		*ret_count += values[i];
	free(values);
	return r ? err_set(err, r, "reading the floor's counter: %s", strerror(-r)) : 0;
}

static int check_floor(const struct xdp_bench *bench, uint64_t was, uint64_t n, struct err *err)
{
	uint64_t is;
	int r = read_floor_counter(bench, &is, err);

	if (!r && is - was != n)
		r = err_set(err, -EBADMSG, "the floor counted %" PRIu64 " packets, not %" PRIu64,
			    is - was, n);
	return r;
}

/* `visit` NULL: one burst of the row alone. */
static int run_proven(struct xdp_bench *bench, struct xdp_row *row, const struct xdp_visit *visit,
		      uint32_t warm, uint32_t timed, double *ret_ns, struct err *err)
{
	struct xdp_proof proof = {0};
	struct stream stream;
	uint64_t floor_was;
	int run, r;

	open_stream(row, &stream);
	r = xdp_proof_begin(row, &stream.wrapper, &proof, err);
	if (!r)
		r = read_floor_counter(bench, &floor_was, err);
	if (r)
		goto out;
	run = burst_row(bench, row, &stream, warm, timed, ret_ns, err);
	if (!run && visit)
		run = sample(bench, row, &stream, visit, row->samples + row->n_samples, err);
	/* The counters say best what happened to a packet that came out wrong. */
	if (run && run != -EBADMSG)
		r = run;
	if (!r)
		r = xdp_proof_check(row, &proof, stream.to_row, stream.wrapper.frame_len, err);
	if (!r)
		r = run;
	if (!r)
		r = check_floor(bench, floor_was, stream.to_floor, err);
	row->next_flow = stream.wrapper.flow;
	row->next_turn = stream.wrapper.turn;
out:
	xdp_proof_end(&proof);
	return r;
}

int xdp_bench_visit(struct xdp_bench *bench, struct xdp_row *row, const struct xdp_visit *visit,
		    struct err *err)
{
	double ns;
	int r = run_proven(bench, row, visit, visit->warm, visit->timed, &ns, err);

	if (!r)
		row->n_samples += visit->bursts;
	return r;
}

int xdp_bench_row(struct xdp_bench *bench, struct xdp_row *row, uint32_t warm, uint32_t timed,
		  double *ret_ns, struct err *err)
{
	return run_proven(bench, row, NULL, warm, timed, ret_ns, err);
}

int xdp_bench_reference(struct xdp_bench *bench, enum xdp_reference reference,
			const struct xdp_row *row, uint32_t warm, uint32_t timed, double *ret_ns,
			struct err *err)
{
	struct stream stream;
	uint64_t was;
	int r = read_floor_counter(bench, &was, err);

	open_stream(row, &stream);
	if (!r)
		r = burst_reference(bench, reference, &stream, warm, timed, ret_ns, err);
	return r ? r : check_floor(bench, was, stream.to_floor, err);
}

int xdp_program_read(int fd, struct xdp_program *ret_program, struct err *err)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return err_set(err, -errno, "asking about a program: %s", strerror(errno));
	*ret_program = (struct xdp_program){
	    .insns = info.xlated_prog_len / (uint32_t)sizeof(struct bpf_insn),
	    .jited = info.jited_prog_len,
	    .verified = info.verified_insns,
	};
	snprintf(ret_program->name, sizeof(ret_program->name), "%s", info.name);
	return 0;
}
