/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decap_bench.h - lb-decap's program in a test bench: one frame through it, behind poisoned
 * headroom, and what became of it.
 */
#ifndef TEST_DECAP_BENCH_H
#define TEST_DECAP_BENCH_H

#include <stdint.h>

#include <linux/bpf.h>
#include <lb/abi.h>

#include "packets.h"

#define DECAP_GUE_PORT 6080

struct decap_bpf;
struct poison_bpf;

struct decap_bench {
	struct decap_bpf *decap;
	struct poison_bpf *poison;
};

struct decap_outcome {
	uint32_t action;
	int counter; /* the one that grew, or -1 */
	struct frame out;
};

/* Loads the program with both VIPs of packets.h; `gue_port` 0: without GUE. */
void decap_bench_open_port(struct decap_bench *bench, uint16_t gue_port);
void decap_bench_open(struct decap_bench *bench); /* with DECAP_GUE_PORT */
void decap_bench_close(struct decap_bench *bench);
/* The frame's first `len` bytes. */
void decap_bench_run(const struct decap_bench *bench, const struct frame *in, size_t len,
		     struct decap_outcome *ret);
/* It was counted by `counter`, dropped or passed as that means, and came out as `want`. */
void decap_expect(const char *name, const struct decap_outcome *outcome, int counter,
		  const struct frame *want);
/* However short the frame is cut, it is left as it is. */
void decap_expect_cuts_refused(const struct decap_bench *bench, const struct frame *in);

#endif
