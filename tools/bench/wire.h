/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.h - what the files of 'lb-bench wire' share.
 *
 *	generator's namespace          a box's namespace         backends' namespace
 *	gen-BOX (near end) ═══════════ bench0   bench1 ═════════ end-BOX (far end)
 *
 * Every box (Sluice, the ceiling, the kernel's own ways) has a namespace and two veth pairs of its
 * own, all made alike, so that nothing is attached or detached between two measurements.
 */
#ifndef LB_BENCH_WIRE_H
#define LB_BENCH_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "wire_abi.h"

enum wire_box {
	WIRE_SINK,   /* counts and drops: what the generator and the pair cost */
	WIRE_BOUNCE, /* swaps the MACs and XDP_TX: the ceiling */
	WIRE_SLUICE,
	WIRE_FORWARD, /* the kernel's forwarding */
	WIRE_NFT,     /* nftables, dnat in prerouting */
	WIRE_IPVS,
	WIRE_BOXES,
};

/* One row of the result. */
struct wire_path {
	char name[40];
	enum wire_box box;
	enum wire_end end; /* where the packets come out */
	bool v6, ipip;	   /* ipip: they come out in a tunnel header */
	bool rewritten;	   /* the destination that is seen outside is a backend's */
};

struct wire_options {
	size_t flows, size, vips, backends, rounds;
	double seconds;
	bool v4, v6, l2, ipip; /* which rows */
};

/* Of one path in one round. */
struct wire_sample {
	double seconds; /* that the CPU worked for it */
	double wall_seconds;
	uint64_t offered;	 /* frames that the generator sent */
	uint64_t overrun;	 /* of them, dropped since the box's receive ring was full */
	uint64_t arrived;	 /* of them, in the box */
	uint64_t balanced;	 /* that the box says it sent on */
	uint64_t send_errors;	 /* of them, dropped since the ring behind the box was full */
	uint64_t received;	 /* at the end where they belong, and looking as they should */
	uint64_t received_bytes; /* their frames */
	uint64_t stray;		 /* anything else that came to a receiver, such as ND */
};

struct wire_row {
	struct wire_path path;
	struct wire_sample *samples; /* options.rounds of them */
	size_t n;
};

struct wire_lab; /* opaque: wire_lab.c */

/*
 * Moves the process into namespaces that end with it, and builds every box there is means for.
 * `binary` is lb-agent's, as from agent_process_find().
 */
int wire_lab_new(const struct wire_options *options, int binary, struct wire_lab **ret_lab,
		 struct err *err);
void wire_lab_free(struct wire_lab *lab);
/* True: what else the machine did is within the seconds of all samples. */
bool wire_lab_by_wall(const struct wire_lab *lab);
/* Why this machine has no such box; NULL: it has. */
const char *wire_lab_lacks(const struct wire_lab *lab, enum wire_box box);

/* Sends for the time that the options say, after a warm-up; `*ret_sample` is what became of it. */
int wire_lab_measure(struct wire_lab *lab, const struct wire_path *path,
		     struct wire_sample *ret_sample, struct err *err);

/* Every packet accounted for, as far as the box counts: 0, or -EIO and which are not. */
int wire_check(const struct wire_path *path, const struct wire_sample *sample, size_t frame_size,
	       struct err *err);

struct wire_result {
	const struct wire_options *options;
	const struct wire_row *rows;
	size_t n_rows;
	const char *lacks[WIRE_BOXES]; /* why a box is not measured; NULL: it is */
	bool wall;		       /* as of wire_lab_by_wall() */
	double load;		       /* of the last minute before the run */
};

void wire_print(const struct wire_result *result, FILE *out);
int wire_write_json(const struct wire_result *result, FILE *out);

#endif
