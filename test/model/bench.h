/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.h - the loaded balancer beside the model: a scene in its tables, one packet through it, and
 * whether frame, action and every counter are as the model says.
 */
#ifndef MODEL_BENCH_H
#define MODEL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "scene.h"

/* Room for one line that says what went wrong. */
#define BENCH_TEXT 256

/* With headroom taken away, frames are moved by the poisoner, which moves no more than this. */
#define BENCH_MOVED_MAX 255
#define BENCH_FRAME_MIN 14   /* TEST_RUN takes no less */
#define BENCH_FRAME_MAX 3400 /* TEST_RUN takes no more without fragments of its own */

struct bench; /* opaque */

/*
 * Enters a network namespace of its own, stays on one CPU, and loads the poisoner. -errno with a
 * line in ret_text.
 */
int bench_open(struct bench **ret_bench, char ret_text[BENCH_TEXT]);
void bench_close(struct bench *bench);

/* Loads a balancer if the last one was another, and writes the scene into its tables. */
int bench_set(struct bench *bench, const struct scene *scene, char ret_text[BENCH_TEXT]);

enum bench_result {
	BENCH_SAME,
	BENCH_DIFFERENT, /* ret_text says how */
	BENCH_FAILED,	 /* nothing was compared; ret_text says why */
};

/* Puts a frame of BENCH_FRAME_MIN .. BENCH_FRAME_MAX bytes through both. After a difference the
 * balancer's counters are taken over, so that the next packet is judged alone. */
enum bench_result bench_run(struct bench *bench, const struct model_frame *frame,
			    struct model_verdict *ret_verdict, char ret_text[BENCH_TEXT]);

/* The last packet as it came out. */
void bench_last(const struct bench *bench, uint32_t *ret_action, const uint8_t **ret_bytes,
		size_t *ret_len);

#endif
