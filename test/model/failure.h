/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * failure.h - what is done with a packet on which balancer and model differ: it is made smaller,
 * printed, and written down as a case that runs first from then on.
 */
#ifndef MODEL_FAILURE_H
#define MODEL_FAILURE_H

#include <stdio.h>

#include "bench.h"

/* Bytes and VIPs are taken away, and bytes zeroed, as long as balancer and model differ in the same
 * way (the balancer's action, the model's reason). Leaves the shrunk scene in the bench. */
void failure_shrink(struct bench *bench, struct scene *scene, struct model_frame *frame);

/* The packet's headers as its own fields have it, a line each (decode.c). */
void decode_print(const struct model_frame *frame, FILE *out);
/* As text2pcap reads it. */
void decode_hexdump(const uint8_t *bytes, size_t len, FILE *out);
/* As scapy shows it, where python3-scapy is installed. */
void decode_scapy(const struct model_frame *frame, FILE *out);

/* Runs the packet once more and prints scene, packet, what came out and what the model has. */
void failure_print(struct bench *bench, const struct scene *scene, const struct model_frame *frame,
		   FILE *out);

/* A case file: comment, scene, one "packet HEX" line. 0 or -errno. */
int case_write(const char *path, const char *comment, const struct scene *scene,
	       const struct model_frame *frame);

/*
 * Runs the packets of a case file in order. BENCH_FAILED with the reason in ret_text if the file
 * cannot be read; after a difference *ret_scene and *ret_frame are the packet's.
 */
enum bench_result case_run(struct bench *bench, const char *path, struct scene *ret_scene,
			   struct model_frame *ret_frame, char ret_text[BENCH_TEXT]);

#endif
