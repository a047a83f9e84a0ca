/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_result.h - what 'lb-bench xdp' makes of its samples.
 */
#ifndef LB_BENCH_XDP_RESULT_H
#define LB_BENCH_XDP_RESULT_H

#include <jansson.h>

#include "xdp.h"

struct xdp_result {
	const struct xdp_rows *rows;
	struct xdp_program programs[2]; /* root, balancer */
	size_t rounds;
	size_t bursts;	/* a round */
	uint32_t timed; /* packets of a burst */
	double load;	/* before the run */
};

/* Median of values, which are sorted by it; NAN: none. */
double xdp_median(double *values, size_t n);

void xdp_result_print(const struct xdp_result *result, FILE *out);
/* The counts alone, where nothing was timed. */
void xdp_result_print_counts(const struct xdp_result *result, FILE *out);
/* 0, -ENOMEM or -EIO. The counts' file holds nothing that differs from run to run: neither time nor
 * host. */
int xdp_result_write_counts(const struct xdp_result *result, FILE *out);
int xdp_result_write_json(const struct xdp_result *result, FILE *out);

#endif
