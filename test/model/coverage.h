/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * coverage.h - which ways the packets of a run have gone, so that a generator that no longer gets
 * somewhere is noticed.
 */
#ifndef MODEL_COVERAGE_H
#define MODEL_COVERAGE_H

#include <stdio.h>

#include "model.h"

/* Forwarded packets by family, outer header (none, IPv4, IPv6), tags in and tags out. */
struct coverage {
	uint64_t packets;
	uint64_t reasons[LB_REASON_MAX][3]; /* IPv4, IPv6, neither */
	uint64_t forwarded[2][3][3][2];
	uint64_t redirected;
};

void coverage_count(struct coverage *coverage, const struct model_frame *in,
		    const struct model_verdict *verdict);
void coverage_print(const struct coverage *coverage, FILE *out);
/* How many ways were never gone; names them. */
int coverage_missing(const struct coverage *coverage, FILE *out);

#endif
