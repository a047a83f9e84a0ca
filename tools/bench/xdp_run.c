/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_run.c - one measurement by BPF_PROG_TEST_RUN, and the proof that every iteration took its
 * path: the VIPs' counters, the reasons' counters, where the head stood each time, what came out.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
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

struct xdp_bench {
	struct xdp_bpf *skel;
};

/* Of one call of TEST_RUN. */
struct outcome {
	double ns; /* an iteration */
	uint32_t action;
	size_t len;
	uint64_t moved;
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

int xdp_bench_open(struct xdp_bench **ret_bench, struct err *err)
{
	struct xdp_bench *bench = calloc(1, sizeof(*bench));
	int r;

	*ret_bench = NULL;
	if (!bench)
		return err_set(err, -ENOMEM, "out of memory");
	bench->skel = xdp_bpf__open();
	if (bench->skel)
		unset_attach_types(bench->skel->obj);
	r = bench->skel ? xdp_bpf__load(bench->skel) : -ENOMEM;
	if (r) {
		err_set(err, r, "the kernel does not take the wrapper: %s%s", strerror(-r),
			r == -EPERM ? " (run as root, or with CAP_BPF and CAP_NET_ADMIN)" : "");
		xdp_bench_close(bench);
		return r;
	}
	fill_floor_header(&bench->skel->bss->bench_floor_header);
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

/* `*wrapper` goes in, and comes out as the last packet left it. */
static int test_run(struct xdp_bench *bench, int af, const uint8_t *frame,
		    struct xdp_wrapper *wrapper, uint32_t warm, uint32_t timed, struct outcome *ret,
		    struct err *err)
{
	volatile struct xdp_wrapper *live = &bench->skel->bss->bench_wrapper;
	uint8_t out[2 * XDP_PACKET_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = wrapper->frame_len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = (int)(warm + timed));
	int fd = bpf_program__fd(af == 4 ? bench->skel->progs.bench_wrap_v4
					 : bench->skel->progs.bench_wrap_v6);

	wrapper->moved = wrapper->failed = 0;
	wrapper->left = warm + timed;
	wrapper->timed = timed;
	wrapper->begun = wrapper->ended = 0;
	*live = *wrapper;
	if (bpf_prog_test_run_opts(fd, &opts))
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
static int check_outcome(const struct outcome *is, uint32_t action, size_t len, size_t grow,
			 uint32_t repeat, struct err *err)
{
	if (is->failed)
		return err_set(err, -EBADMSG, "%" PRIu64 " packets could not be restored",
			       is->failed);
	if (is->action != action)
		return err_set(err, -EBADMSG, "the last packet's action is %u, not %u", is->action,
			       action);
	if (is->len != len + grow)
		return err_set(err, -EBADMSG, "the last packet has %zu bytes, not %zu", is->len,
			       len + grow);
	if (is->moved != (uint64_t)(repeat - 1) * grow)
		return err_set(err, -EBADMSG,
			       "the head moved by %" PRIu64
			       " bytes in %u iterations, not by %zu each",
			       is->moved, repeat, grow);
	return 0;
}

static const char *reason_name(size_t reason)
{
	static const char *const names[] = {
#define LB_REASON(id, name, action, help) name,
#include "lb/reasons.def"
#undef LB_REASON
	};

	return names[reason];
}

static int check_reasons(const struct xdp_row *row, const struct xdp_counts *was,
			 const struct xdp_counts *is, uint64_t n, size_t len, struct err *err)
{
	for (size_t i = 0; i < LB_REASON_MAX; i++) {
		const uint64_t packets = is->reasons[i].packets - was->reasons[i].packets;
		const uint64_t bytes = is->reasons[i].bytes - was->reasons[i].bytes;
		const bool here = row->expect == XDP_EXPECT_NOT_A_VIP && i == LB_REASON_NOT_A_VIP;

		if (packets != (here ? n : 0) || bytes != (here ? n * len : 0))
			return err_set(err, -EBADMSG,
				       "%" PRIu64 " packets and %" PRIu64
				       " bytes counted as %s, not %" PRIu64 " and %" PRIu64,
				       packets, bytes, reason_name(i), here ? n : 0,
				       here ? n * len : 0);
	}
	return 0;
}

/* VIPs come in turn, so that none may have over one packet more than another. */
static int check_vips(const struct xdp_row *row, const struct xdp_counts *was,
		      const struct xdp_counts *is, uint64_t n, size_t len, struct err *err)
{
	const uint64_t each = n / is->n_vips;
	uint64_t packets = 0, bytes = 0;

	if (row->expect != XDP_EXPECT_FORWARDED)
		n = 0;
	for (size_t i = 0; i < is->n_vips; i++) {
		const struct lb_vip_counter *before = &was->vips[i], *after = &is->vips[i];
		const uint64_t here = after->forwarded.packets - before->forwarded.packets;

		if (after->dropped.packets != before->dropped.packets)
			return err_set(err, -EBADMSG, "VIP %zu dropped packets", i);
		if (n && (here < each || here > each + 1))
			return err_set(err, -EBADMSG,
				       "VIP %zu forwarded %" PRIu64 " packets, not %" PRIu64, i,
				       here, each);
		packets += here;
		bytes += after->forwarded.bytes - before->forwarded.bytes;
	}
	if (packets == n && bytes == n * len)
		return 0;
	return err_set(err, -EBADMSG,
		       "the VIPs forwarded %" PRIu64 " packets and %" PRIu64 " bytes, not %" PRIu64
		       " and %" PRIu64,
		       packets, bytes, n, n * len);
}

size_t xdp_row_frame(const struct xdp_row *row, uint8_t *ret_frame)
{
	const uint16_t port = row->expect == XDP_EXPECT_NOT_A_VIP ? XDP_PORT_NO_VIP : XDP_PORT;

	return xdp_packet_write(row->config.af, row->config.proto, row->syn, port, ret_frame);
}

uint32_t xdp_row_action(const struct xdp_row *row)
{
	if (row->expect == XDP_EXPECT_NOT_A_VIP)
		return XDP_PASS;
	return row->config.redirect ? XDP_REDIRECT : XDP_TX;
}

int xdp_row_growth(const struct xdp_row *row)
{
	if (row->expect != XDP_EXPECT_FORWARDED || !row->config.ipip)
		return 0;
	return row->config.outer_af == 4 ? 20 : 40;
}

static int run_row(struct xdp_bench *bench, struct xdp_row *row, uint32_t warm, uint32_t timed,
		   double *ret_ns, struct err *err)
{
	struct outcome outcome = {0};
	uint8_t frame[XDP_PACKET_MAX];
	struct xdp_wrapper wrapper;
	size_t len = xdp_row_frame(row, frame);
	int r;

	xdp_packet_wrapper(row->config.af, frame, len, &wrapper);
	wrapper.vips = (uint32_t)row->config.vips;
	wrapper.vip = row->next_vip;
	wrapper.flow = row->next_flow;
	wrapper.flow_mask = (uint32_t)row->flows - 1;
	if (row->random) {
		wrapper.flow_mul = RANDOM_MUL;
		wrapper.flow_add = RANDOM_ADD;
	}
	r = test_run(bench, row->config.af, frame, &wrapper, warm, timed, &outcome, err);
	if (!r)
		r = check_outcome(&outcome, xdp_row_action(row), len, (size_t)xdp_row_growth(row),
				  warm + timed, err);
	row->next_vip = wrapper.vip;
	row->next_flow = wrapper.flow;
	*ret_ns = outcome.ns;
	return r;
}

int xdp_bench_row(struct xdp_bench *bench, struct xdp_row *row, uint32_t warm, uint32_t timed,
		  double *ret_ns, struct err *err)
{
	const uint64_t n = (uint64_t)warm + timed;
	struct xdp_counts was = {0}, is = {0};
	uint8_t frame[XDP_PACKET_MAX];
	size_t len = xdp_packet_write(row->config.af, row->config.proto, row->syn, XDP_PORT, frame);
	int fd = row->direct ? xdp_scene_balancer_fd(row->scene) : xdp_scene_root_fd(row->scene);
	int run = 0, r = set_target(bench, fd, err);

	if (!r)
		r = xdp_counts_read(row->scene, &was, err);
	if (r)
		goto out;
	/* The counters say best what happened to a packet that came out wrong. */
	run = run_row(bench, row, warm, timed, ret_ns, err);
	if (run && run != -EBADMSG) {
		r = run;
		goto out;
	}
	r = xdp_counts_read(row->scene, &is, err);
	if (!r)
		r = check_reasons(row, &was, &is, n, len, err);
	if (!r)
		r = check_vips(row, &was, &is, n, len, err);
	if (!r)
		r = run;
out:
	xdp_counts_free(&was);
	xdp_counts_free(&is);
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

int xdp_bench_reference(struct xdp_bench *bench, enum xdp_reference reference, int af,
			uint32_t warm, uint32_t timed, double *ret_ns, struct err *err)
{
	const bool floor = reference == XDP_FLOOR;
	struct bpf_program *program =
	    floor ? bench->skel->progs.bench_floor : bench->skel->progs.bench_empty;
	uint8_t frame[XDP_PACKET_MAX];
	size_t len = xdp_packet_write(af, 6, false, XDP_PORT, frame);
	uint64_t was, is, n = (uint64_t)warm + timed;
	struct xdp_wrapper wrapper;
	struct outcome outcome = {0};
	int r = set_target(bench, bpf_program__fd(program), err);

	if (!r)
		r = read_floor_counter(bench, &was, err);
	xdp_packet_wrapper(af, frame, len, &wrapper);
	if (!r)
		r = test_run(bench, af, frame, &wrapper, warm, timed, &outcome, err);
	if (!r)
		r = check_outcome(&outcome, XDP_TX, len, floor ? XDP_FLOOR_HEADER : 0, warm + timed,
				  err);
	if (!r)
		r = read_floor_counter(bench, &is, err);
	if (!r && is - was != (floor ? n : 0))
		r = err_set(err, -EBADMSG, "the floor counted %" PRIu64 " packets", is - was);
	*ret_ns = outcome.ns;
	return r;
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
