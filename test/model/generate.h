/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generate.h - packets from chance: whole ones of every shape, most of them to a scene's VIPs, and
 * damaged ones.
 */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "model.h"
#include "random.h"
#include "scene.h"

/* Frames of real protocols (corpus/protocols.txt). */
struct corpus {
	struct model_frame *frames; /* owned */
	size_t n;
};

/* Lines "NAME HEX", "#" begins a comment. 0, or -errno with *ret_line the line at fault (0: none).
 */
int corpus_load(const char *path, struct corpus *ret_corpus, int *ret_line);
void corpus_free(struct corpus *corpus);

/* Hex digits into bytes; false: not hex, odd, or longer than a frame. Stops at white space. */
bool frame_from_hex(const char *hex, struct model_frame *ret_frame);

/* One packet, of a length that the bench takes in this scene. */
void generate_packet(const struct scene *scene, const struct corpus *corpus, struct random *r,
		     struct model_frame *ret_frame);

/* Changes a frame in one of many small ways (mutate.c). */
void mutate(struct model_frame *frame, const struct corpus *corpus, struct random *r);

#endif
