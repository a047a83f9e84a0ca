/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_bench_xdp.c - 'lb-bench xdp' is believed only for packets that took the path it names: every
 * other way is an error, however fast it was.
 */
#include <criterion/criterion.h>
#include <errno.h>
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
	cr_assert_geq(measured, 40);
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

	rows.rows[0].expect = XDP_EXPECT_FORWARDED;
	rows.rows[0].config.af = 4; /* packets to an address that the configuration has not */
	refuse(&rows, "not-a-vip");
}

Test(bench_xdp, refuses_another_mode_than_the_rows)
{
	struct xdp_rows rows = one_row("v4-tcp-l2-clean");

	rows.rows[0].config.ipip = true;
	refuse(&rows, "bytes, not");
}

/* All are forwarded and come out right: only the VIPs' own counters tell. */
Test(bench_xdp, refuses_packets_of_another_vip)
{
	struct xdp_rows rows = rows_of("v4-tcp-l2-clean");
	struct err err = {0};

	rows.rows[0].config.vips = 2;
	cr_assert_eq(xdp_scene_open(&rows.rows[0].config, &rows.rows[0].scene, &err), 0, "%s",
		     err.text);
	rows.rows[0].config.vips = 1;
	refuse(&rows, "VIP 0 forwarded 1010 packets, not 505");
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

Test(bench_xdp, sizes_and_patterns_choose_the_rows)
{
	const struct xdp_size size = {.vips = 7, .backends = 20, .flows = 4};
	struct xdp_rows rows;

	cr_assert_eq(xdp_rows_make(&size, "v6-udp-*", &rows), 0);
	cr_assert_eq(rows.n, 6);
	cr_assert_str_eq(rows.rows[0].name, "v6-udp-ipip-clean-7-vips-20-backends");
	cr_assert_str_eq(rows.rows[5].name, "v6-udp-l2-clean-7-vips-20-backends-4-random");
	cr_assert_eq(rows.rows[5].flows, 4);
	xdp_rows_free(&rows);
}

Test(bench_xdp, no_two_rows_have_one_name)
{
	const struct xdp_size size = {0};
	struct xdp_rows rows;

	cr_assert_eq(xdp_rows_make(&size, NULL, &rows), 0);
	for (size_t i = 0; i < rows.n; i++)
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(rows.rows[i].name, rows.rows[k].name);
	xdp_rows_free(&rows);
}
