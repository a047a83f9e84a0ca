/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_bench_xdp_result.c - what 'lb-bench xdp' decides without the kernel: which rows there are,
 * in what order flows and VIPs come, and which figures it makes of samples.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "xdp.h"
#include "xdp_result.h"

Test(bench_xdp_result, sizes_and_patterns_choose_the_rows)
{
	const struct xdp_size size = {.vips = 7, .backends = 20, .flows = 4};
	struct xdp_rows rows;

	cr_assert_eq(xdp_rows_make(&size, "v6-udp-*", &rows), 0);
	cr_assert_eq(rows.n, 9);
	cr_assert_str_eq(rows.rows[0].name, "v6-udp-ipip-clean-7-vips-20-backends");
	cr_assert_str_eq(rows.rows[6].name, "v6-udp-not-a-vip-7-vips-20-backends");
	cr_assert_str_eq(rows.rows[5].name, "v6-udp-l2-clean-7-vips-20-backends-4-random");
	cr_assert_eq(rows.rows[5].flows, 4);
	xdp_rows_free(&rows);
}

Test(bench_xdp_result, no_two_rows_have_one_name)
{
	const struct xdp_size size = {0};
	struct xdp_rows rows;

	cr_assert_eq(xdp_rows_make(&size, NULL, &rows), 0);
	for (size_t i = 0; i < rows.n; i++)
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(rows.rows[i].name, rows.rows[k].name);
	xdp_rows_free(&rows);
}

Test(bench_xdp_result, a_random_order_visits_every_flow_once_and_every_vip_alike)
{
	static uint32_t flows[XDP_FLOWS_MANY], vips[10000];
	struct xdp_wrapper w = {.flow_mul = 0x915f77f5u,
				.flow_add = 12345,
				.flow_mask = XDP_FLOWS_MANY - 1,
				.vips = 10000,
				.spread = (10000ull << 32) / XDP_FLOWS_MANY};
	uint32_t vip;

	for (size_t i = 0; i < XDP_FLOWS_MANY; i++) {
		cr_assert_eq(flows[xdp_wrapper_next(&w, &vip)]++, 0);
		cr_assert_lt(vip, 10000);
		vips[vip]++;
	}
	for (size_t i = 0; i < 10000; i++)
		cr_assert(vips[i] == 104 || vips[i] == 105, "VIP %zu has %u", i, vips[i]);
}

/* The JSON of a row with these samples, `bursts` in each round. */
static json_t *json_of(struct xdp_sample *samples, size_t n, size_t bursts)
{
	struct xdp_row row = {
	    .name = "made-up", .config.af = 4, .samples = samples, .n_samples = n};
	const struct xdp_rows rows = {.rows = &row, .n = 1};
	const struct xdp_result result = {
	    .rows = &rows, .rounds = n / bursts, .bursts = bursts, .timed = 1000};
	json_t *document;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	cr_assert_eq(xdp_result_write_json(&result, out), 0);
	fclose(out);
	document = json_loads(text, 0, NULL);
	cr_assert(document);
	free(text);
	return document;
}

static double row_number(const json_t *document, const char *key)
{
	return json_number_value(
	    json_object_get(json_array_get(json_object_get(document, "rows"), 0), key));
}

/* Twice the time while another thread has the core: times go astray, multiples do not. */
Test(bench_xdp_result, multiples_of_the_floor_are_those_of_the_burst_beside_it)
{
	struct xdp_sample samples[] = {
	    {40, 50, 70}, {80, 100, 140}, {80, 100, 140}, {40, 50, 62}, {40, 44, 80}};
	json_t *document = json_of(samples, 5, 5);

	cr_expect_eq(row_number(document, "ns"), 40.0);
	cr_expect_eq(row_number(document, "floors"), 3.0);
	json_decref(document);
}

Test(bench_xdp_result, a_single_interrupted_burst_is_no_extreme)
{
	struct xdp_sample samples[] = {{40, 50, 70}, {400, 50, 71}, {40, 50, 72},
				       {40, 50, 80}, {40, 50, 900}, {40, 50, 81}};
	json_t *document = json_of(samples, 6, 3);

	cr_expect_eq(row_number(document, "min"), 30.0);
	cr_expect_eq(row_number(document, "max"), 41.0);
	json_decref(document);
}

/* An interrupted burst of the empty program: no number can be written for it. */
Test(bench_xdp_result, a_floor_below_nothing_makes_no_multiple)
{
	struct xdp_sample samples[] = {{90, 50, 70}};
	json_t *document = json_of(samples, 1, 1);
	const json_t *row = json_array_get(json_object_get(document, "rows"), 0);

	cr_expect_eq(row_number(document, "ns"), -20.0);
	cr_expect(json_is_null(json_object_get(row, "floors")));
	json_decref(document);
}
