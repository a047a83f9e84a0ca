/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decap_bench.c - loads lb-decap's program behind the poisoner and reads its counters.
 */
#include "decap_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "decap.skel.h"
#include "poison.skel.h"

void decap_bench_open_port(struct decap_bench *bench, uint16_t gue_port)
{
	static const char *const vips[] = {PACKET_VIP4, PACKET_VIP6};
	const __u32 zero = 0, yes = 1;
	int err, fd;

	bench->decap = decap_bpf__open();
	cr_assert_not_null(bench->decap);
	bench->decap->rodata->lb_decap_gue_port_be = htons(gue_port);
	bpf_map__set_max_entries(bench->decap->maps.lb_decap, 2);
	err = decap_bpf__load(bench->decap);
	cr_assert_eq(err, 0, "decap does not load: %s", strerror(-err));
	for (int i = 0; i < 2; i++) {
		struct lb_decap_key key;

		packet_address(vips[i], key.addr);
		err = bpf_map_update_elem(bpf_map__fd(bench->decap->maps.lb_decap), &key, &yes, 0);
		cr_assert_eq(err, 0);
	}
	bench->poison = poison_bpf__open_and_load();
	cr_assert_not_null(bench->poison);
	fd = bpf_program__fd(bench->decap->progs.sluice_decap);
	err = bpf_map_update_elem(bpf_map__fd(bench->poison->maps.poison_target), &zero, &fd, 0);
	cr_assert_eq(err, 0);
}

void decap_bench_open(struct decap_bench *bench)
{
	decap_bench_open_port(bench, DECAP_GUE_PORT);
}

void decap_bench_close(struct decap_bench *bench)
{
	decap_bpf__destroy(bench->decap);
	poison_bpf__destroy(bench->poison);
}

static void bench_counters(const struct decap_bench *bench, uint64_t ret_packets[LB_DECAP_MAX])
{
	const int cpus = libbpf_num_possible_cpus();
	__u64 *values = calloc(cpus, sizeof(*values));

	for (__u32 key = 0; key < LB_DECAP_MAX; key++) {
		ret_packets[key] = 0;
		cr_assert_eq(
		    bpf_map_lookup_elem(bpf_map__fd(bench->decap->maps.lb_decap_ctr), &key, values),
		    0);
		for (int cpu = 0; cpu < cpus; cpu++)
			ret_packets[key] += values[cpu];
	}
	free(values);
}

void decap_bench_run(const struct decap_bench *bench, const struct frame *in, size_t len,
		     struct decap_outcome *ret)
{
	uint64_t before[LB_DECAP_MAX], after[LB_DECAP_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = len,
		    .data_out = ret->out.data, .data_size_out = FRAME_MAX, .repeat = 1);
	int err;

	bench_counters(bench, before);
	err = bpf_prog_test_run_opts(bpf_program__fd(bench->poison->progs.poison), &opts);
	cr_assert_eq(err, 0, "TEST_RUN of %zu bytes: %s", len, strerror(errno));
	bench_counters(bench, after);
	ret->action = opts.retval;
	ret->out.len = opts.data_size_out;
	ret->counter = -1;
	for (int i = 0; i < LB_DECAP_MAX; i++) {
		cr_expect_leq(after[i] - before[i], 1);
		if (after[i] == before[i])
			continue;
		cr_expect_eq(ret->counter, -1, "more than one counter grew");
		ret->counter = i;
	}
}

void decap_expect(const char *name, const struct decap_outcome *outcome, int counter,
		  const struct frame *want)
{
	const bool drop = counter == LB_DECAP_ECN_DROPPED || counter == LB_DECAP_BAD_CHECKSUM;

	cr_expect_eq(outcome->counter, counter, "%s: counter %d grew", name, outcome->counter);
	cr_expect_eq(outcome->action, drop ? XDP_DROP : XDP_PASS, "%s: action %u", name,
		     outcome->action);
	cr_expect_eq(outcome->out.len, want->len, "%s: %zu bytes, not %zu", name, outcome->out.len,
		     want->len);
	cr_expect_eq(memcmp(outcome->out.data, want->data, want->len), 0, "%s: bytes differ", name);
}

void decap_expect_cuts_refused(const struct decap_bench *bench, const struct frame *in)
{
	struct frame cut = *in;
	struct decap_outcome outcome;

	for (cut.len = 14; cut.len < in->len; cut.len++) {
		decap_bench_run(bench, in, cut.len, &outcome);
		cr_expect(outcome.counter == LB_DECAP_NOT_TUNNEL ||
			      outcome.counter == LB_DECAP_MALFORMED,
			  "counter %d at %zu bytes", outcome.counter, cut.len);
		decap_expect("cut", &outcome, outcome.counter, &cut);
	}
}
