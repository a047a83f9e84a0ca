/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_bench_xdp.c - 'lb-bench xdp' is believed only for packets that took the path it names: every
 * other way is an error, however fast it was.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdp.h"

#define WARM  10
#define TIMED 1000

static struct xdp_rows rows_of(const char *pattern)
{
	const struct xdp_size size = {.quick = true};
	struct xdp_rows rows;

	cr_assert_eq(xdp_rows_make(&size, pattern, &rows), 0);
	cr_assert_gt(rows.n, 0, "no row matches %s", pattern);
	return rows;
}

static struct xdp_bench *open_bench(void)
{
	struct xdp_bench *bench;
	struct err err = {0};

	cr_assert_eq(xdp_bench_open(&bench, &err), 0, "%s", err.text);
	return bench;
}

static int measure(struct xdp_bench *bench, struct xdp_row *row, double *ret_ns, struct err *err)
{
	*err = (struct err){0};
	*ret_ns = 0;
	return xdp_bench_row(bench, row, WARM, TIMED, ret_ns, err);
}

/* One row of the small configurations, in its scene. */
static struct xdp_rows one_row(const char *name)
{
	struct xdp_rows rows = rows_of(name);
	struct err err = {0};

	cr_assert_eq(rows.n, 1);
	cr_assert_eq(xdp_scene_open(&rows.rows[0].config, &rows.rows[0].scene, &err), 0, "%s",
		     err.text);
	return rows;
}

/* Large configurations are left out: their paths are the same. */
Test(bench_xdp, measures_every_path_and_its_counters_agree)
{
	struct xdp_rows rows = rows_of("*");
	struct xdp_bench *bench = open_bench();
	size_t measured = 0;

	for (size_t i = 0; i < rows.n; i++) {
		struct xdp_row *row = &rows.rows[i];
		struct err err = {0};
		double ns;

		if (row->config.backends > 1000 || row->config.vips > 1000)
			continue;
		cr_assert_eq(xdp_scene_open(&row->config, &row->scene, &err), 0, "%s: %s",
			     row->name, err.text);
		for (int round = 0; round < 2; round++) {
			cr_assert_eq(measure(bench, row, &ns, &err), 0, "%s: %s", row->name,
				     err.text);
			cr_assert_gt(ns, 0, "%s", row->name);
		}
		xdp_scene_close(row->scene);
		measured++;
	}
	cr_assert_geq(measured, 90);
	xdp_bench_close(bench);
	xdp_rows_free(&rows);
}

Test(bench_xdp, counts_each_packet_for_the_backends_it_went_to)
{
	struct xdp_rows rows = one_row("v4-udp-ipip-clean-1m-random");
	struct xdp_bench *bench = open_bench();
	struct err err = {0};
	uint64_t packets;
	size_t used;
	double ns;

	cr_assert_eq(measure(bench, &rows.rows[0], &ns, &err), 0, "%s", err.text);
	cr_assert_eq(xdp_scene_backend_packets(rows.rows[0].scene, &packets, &used, &err), 0);
	cr_assert_eq(packets, WARM + TIMED);
	cr_assert_eq(used, 10, "of 10 backends %zu got packets of 1010 flows", used);
	xdp_scene_close(rows.rows[0].scene);
	xdp_bench_close(bench);
	xdp_rows_free(&rows);
}

Test(bench_xdp, one_flow_is_one_flow)
{
	struct xdp_rows rows = one_row("v6-tcp-ipip-clean");
	struct xdp_bench *bench = open_bench();
	struct err err = {0};
	uint64_t packets;
	size_t used;
	double ns;

	cr_assert_eq(measure(bench, &rows.rows[0], &ns, &err), 0, "%s", err.text);
	cr_assert_eq(xdp_scene_backend_packets(rows.rows[0].scene, &packets, &used, &err), 0);
	cr_assert_eq(used, 1);
	xdp_scene_close(rows.rows[0].scene);
	xdp_bench_close(bench);
	xdp_rows_free(&rows);
}

/* The packets that VIP `i` of the row's scene has forwarded. */
static uint64_t forwarded(const struct xdp_row *row, size_t i)
{
	struct xdp_counts counts;
	struct err err = {0};
	uint64_t packets;

	cr_assert_eq(xdp_counts_read(row->scene, &counts, &err), 0, "%s", err.text);
	cr_assert_lt(i, counts.n_vips);
	packets = counts.vips[i].forwarded.packets;
	xdp_counts_free(&counts);
	return packets;
}

/* A row of a configuration with this many VIPs. */
static struct xdp_rows sized_row(const char *name, size_t vips, size_t flows)
{
	const struct xdp_size size = {.vips = vips, .backends = 20, .flows = flows};
	struct xdp_rows rows;
	struct err err = {0};

	cr_assert_eq(xdp_rows_make(&size, name, &rows), 0);
	cr_assert_eq(rows.n, 1, "%zu rows match %s", rows.n, name);
	cr_assert_eq(xdp_scene_open(&rows.rows[0].config, &rows.rows[0].scene, &err), 0, "%s",
		     err.text);
	return rows;
}

static void forwards_to(const char *name, const uint64_t expected[5])
{
	struct xdp_rows rows = sized_row(name, 5, 8);
	struct xdp_bench *bench = open_bench();
	struct err err;
	double ns;

	cr_assert_eq(measure(bench, &rows.rows[0], &ns, &err), 0, "%s", err.text);
	for (size_t i = 0; i < 5; i++)
		cr_expect_eq(forwarded(&rows.rows[0], i), expected[i], "%s: VIP %zu has %lu", name,
			     i, (unsigned long)forwarded(&rows.rows[0], i));
	xdp_bench_close(bench);
	xdp_scene_close(rows.rows[0].scene);
	xdp_rows_free(&rows);
}

Test(bench_xdp, one_flow_goes_to_one_vip_in_the_middle)
{
	static const uint64_t middle[] = {0, 0, WARM + TIMED, 0, 0};

	forwards_to("v4-tcp-ipip-clean-5-vips-20-backends", middle);
}

Test(bench_xdp, many_flows_in_turn_go_to_all_vips_in_turn)
{
	static const uint64_t equal[] = {202, 202, 202, 202, 202};

	forwards_to("v6-udp-l2-clean-5-vips-20-backends-8-flows", equal);
}

/* Flows 0 and 1 of 8 are the first VIP's, 2 and 3 the second's, 4 the third's. */
Test(bench_xdp, flows_at_random_go_to_vips_by_their_number)
{
	static const uint64_t by_flow[] = {253, 252, 126, 253, 126};

	forwards_to("v4-udp-ipip-clean-5-vips-20-backends-8-random", by_flow);
}

/* Room for the samples of one visit. */
static struct xdp_visit visit_of(struct xdp_row *row)
{
	row->samples = calloc(3, sizeof(*row->samples));
	cr_assert(row->samples);
	return (struct xdp_visit){.warm = WARM, .rewarm = WARM, .timed = 100, .bursts = 3};
}

Test(bench_xdp, a_visit_counts_the_rows_packets_and_not_the_references)
{
	struct xdp_rows rows = sized_row("v6-tcp-ipip-clean-5-vips-20-backends", 5, 8);
	struct xdp_row *row = &rows.rows[0];
	struct xdp_bench *bench = open_bench();
	const struct xdp_visit visit = visit_of(row);
	struct err err = {0};

	cr_assert_eq(xdp_bench_visit(bench, row, &visit, &err), 0, "%s", err.text);
	cr_assert_eq(row->n_samples, 3);
	cr_assert_eq(forwarded(row, 2), WARM + 100 + 3 * (WARM + 100));
	for (size_t i = 0; i < 3; i++)
		cr_assert(row->samples[i].empty > 0 && row->samples[i].floor > 0 &&
			  row->samples[i].row > 0);
	xdp_bench_close(bench);
	xdp_scene_close(row->scene);
	xdp_rows_free(&rows);
}

Test(bench_xdp, a_visit_that_fails_leaves_no_samples)
{
	struct xdp_rows rows = one_row("v4-tcp-ipip-clean");
	struct xdp_row *row = &rows.rows[0];
	struct xdp_bench *bench = open_bench();
	const struct xdp_visit visit = visit_of(row);
	struct err err = {0};

	xdp_scene_spoil(row->scene);
	cr_assert_eq(xdp_bench_visit(bench, row, &visit, &err), -EBADMSG);
	cr_assert(strstr(err.text, "backend-not-ready"), "%s", err.text);
	cr_assert_eq(row->n_samples, 0);
	xdp_bench_close(bench);
	xdp_scene_close(row->scene);
	xdp_rows_free(&rows);
}

Test(bench_xdp, measures_after_the_references_were_loaded_anew)
{
	struct xdp_rows rows = one_row("v4-tcp-l2-clean");
	struct xdp_bench *bench = open_bench();
	struct err err = {0};
	double ns;

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(measure(bench, &rows.rows[0], &ns, &err), 0, "%s", err.text);
		cr_assert_eq(xdp_bench_reload(bench, &err), 0, "%s", err.text);
	}
	xdp_bench_close(bench);
	xdp_scene_close(rows.rows[0].scene);
	xdp_rows_free(&rows);
}

/* Measures a row that lies about itself; `word` is in the error. */
static void refuse(struct xdp_rows *rows, const char *word)
{
	struct xdp_bench *bench = open_bench();
	struct err err;
	double ns;

	cr_assert_eq(measure(bench, &rows->rows[0], &ns, &err), -EBADMSG);
	cr_assert(strstr(err.text, word), "'%s' is not in: %s", word, err.text);
	xdp_bench_close(bench);
	xdp_scene_close(rows->rows[0].scene);
	xdp_rows_free(rows);
}

Test(bench_xdp, refuses_packets_that_were_dropped)
{
	struct xdp_rows rows = one_row("v4-tcp-ipip-clean");

	xdp_scene_spoil(rows.rows[0].scene);
	refuse(&rows, "backend-not-ready");
}

Test(bench_xdp, refuses_packets_to_no_vip)
{
	struct xdp_rows rows = one_row("v6-not-a-vip");

	rows.rows[0].expect = LB_REASON_FORWARDED;
	rows.rows[0].config.af = 4; /* packets to an address that the configuration has not */
	refuse(&rows, "not-a-vip");
}

Test(bench_xdp, refuses_another_mode_than_the_rows)
{
	struct xdp_rows rows = one_row("v4-tcp-l2-clean");

	rows.rows[0].config.ipip = true;
	refuse(&rows, "bytes, not");
}

Test(bench_xdp, refuses_another_reason_than_the_rows)
{
	struct xdp_rows rows = one_row("v6-malformed-ip-version");

	rows.rows[0].expect = LB_REASON_IP_TRUNCATED;
	refuse(&rows, "counted as ip-truncated, not 1010");
}

Test(bench_xdp, refuses_a_tag_that_should_have_been_taken_off)
{
	struct xdp_rows rows = one_row("v4-tcp-l2-clean-tags-1-1");

	rows.rows[0].config.tag = false;
	refuse(&rows, "has 64 bytes, not 60");
}

/* All are forwarded and come out right: only the VIPs' own counters tell. */
Test(bench_xdp, refuses_packets_of_another_vip)
{
	struct xdp_rows rows = sized_row("v4-tcp-l2-clean-3-vips-20-backends-8-random", 3, 8);

	xdp_scene_exchange_vips(rows.rows[0].scene);
	rows.rows[0].order = XDP_ONE_VIP;
	refuse(&rows, "VIP 0 forwarded 1010 packets and 64640 bytes, not 0");
}

Test(bench_xdp, refuses_another_device_than_the_rows)
{
	struct xdp_rows rows = one_row("v4-tcp-ipip-clean-redirect");

	rows.rows[0].config.redirect = false;
	refuse(&rows, "action");
}

Test(bench_xdp, refuses_a_root_program_without_a_balancer_behind_it)
{
	struct xdp_rows rows = one_row("v4-tcp-ipip-clean");

	xdp_scene_empty_root(rows.rows[0].scene);
	refuse(&rows, "forwarded 0 packets");
}
