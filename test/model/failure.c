/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * failure.c - shrinks a packet that shows a difference, and keeps it.
 */
#include "failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "shape.h"

/* A difference is another one when the balancer acts otherwise or the model has another reason. */
struct signature {
	enum bench_result result;
	uint32_t action;
	enum lb_reason reason;
};

static struct model_verdict verdict; /* too large for a stack frame that is entered often */

static struct signature try(struct bench *bench, const struct model_frame *frame)
{
	struct signature is = {0};
	const uint8_t *bytes;
	char text[BENCH_TEXT];
	size_t len;

	is.result = bench_run(bench, frame, &verdict, text);
	bench_last(bench, &is.action, &bytes, &len);
	is.reason = verdict.reason;
	return is;
}

static bool same(const struct signature *a, const struct signature *b)
{
	return a->result == b->result && a->action == b->action && a->reason == b->reason;
}

/* Which lengths claim less when bytes are taken away. */
enum lengths {
	LENGTHS_NONE,
	LENGTHS_IP,
	LENGTHS_IP_UDP,
	LENGTHS
};

static void claim_less(uint8_t *field, size_t by)
{
	model_put16(field, model_get16(field) - (uint32_t)by);
}

/* Without `size` bytes at `at`. */
static void cut(const struct model_frame *frame, size_t at, size_t size, enum lengths lengths,
		struct model_frame *ret_less)
{
	struct shape shape;

	ret_less->len = frame->len - size;
	memcpy(ret_less->bytes, frame->bytes, at);
	memcpy(ret_less->bytes + at, frame->bytes + at + size, ret_less->len - at);
	shape_scan(ret_less, &shape);
	if (lengths != LENGTHS_NONE && shape.af)
		claim_less(ret_less->bytes + shape.l3 + (shape.af == 4 ? 2 : 4), size);
	if (lengths == LENGTHS_IP_UDP && shape.l4)
		claim_less(ret_less->bytes + shape.l4 + 4, size);
}

static bool shorten(struct bench *bench, const struct signature *want, struct model_frame *frame)
{
	static struct model_frame less;
	bool changed = false;

	for (size_t size = frame->len / 2; size > 0; size /= 2) {
		for (size_t at = 0; at + size <= frame->len;) {
			struct signature is = {0};

			if (frame->len - size < BENCH_FRAME_MIN)
				break;
			for (int l = 0; l < LENGTHS && !same(&is, want); l++) {
				cut(frame, at, size, (enum lengths)l, &less);
				is = try(bench, &less);
			}
			if (!same(&is, want)) {
				at += size;
				continue;
			}
			*frame = less;
			changed = true;
		}
	}
	return changed;
}

static void zero(struct bench *bench, const struct signature *want, struct model_frame *frame)
{
	for (size_t at = 0; at < frame->len; at++) {
		const uint8_t was = frame->bytes[at];
		struct signature is;

		if (!was)
			continue;
		frame->bytes[at] = 0;
		is = try(bench, frame);
		if (!same(&is, want))
			frame->bytes[at] = was;
	}
}

static bool still(struct bench *bench, const struct signature *want, const struct scene *scene,
		  const struct model_frame *frame)
{
	char text[BENCH_TEXT];
	struct signature is;

	if (bench_set(bench, scene, text))
		return false;
	is = try(bench, frame);
	return same(&is, want);
}

/* Takes a simpler scene if it still shows the difference. */
static void simplify(struct bench *bench, const struct signature *want, struct scene *scene,
		     const struct scene *simpler, const struct model_frame *frame)
{
	if (still(bench, want, simpler, frame))
		*scene = *simpler;
}

static void shrink_scene(struct bench *bench, const struct signature *want, struct scene *scene,
			 const struct model_frame *frame)
{
	struct scene simpler;

	for (uint32_t i = scene->n_vips; i > 0 && scene->n_vips > 1; i--) {
		simpler = *scene;
		memmove(&simpler.vips[i - 1], &simpler.vips[i],
			(simpler.n_vips - i) * sizeof(simpler.vips[0]));
		simpler.n_vips--;
		simplify(bench, want, scene, &simpler, frame);
	}
	simpler = *scene;
	simpler.second_half = 0;
	simplify(bench, want, scene, &simpler, frame);
	simpler = *scene;
	simpler.no_headroom = 0;
	simplify(bench, want, scene, &simpler, frame);
	for (uint32_t i = 0; i < scene->n_pools; i++) {
		simpler = *scene;
		simpler.pools[i].dirty = 0;
		simplify(bench, want, scene, &simpler, frame);
		while (scene->pools[i].n_backends > 0) {
			const uint32_t n = scene->pools[i].n_backends;

			simpler = *scene;
			memset(&simpler.pools[i].backends[n - 1], 0, sizeof(struct scene_backend));
			simpler.pools[i].n_backends--;
			simplify(bench, want, scene, &simpler, frame);
			if (scene->pools[i].n_backends == n)
				break;
		}
	}
}

void failure_shrink(struct bench *bench, struct scene *scene, struct model_frame *frame)
{
	const struct signature want = try(bench, frame);
	char text[BENCH_TEXT];

	/* What depends on packets before it does not come again. */
	if (want.result != BENCH_DIFFERENT)
		return;
	shrink_scene(bench, &want, scene, frame);
	if (bench_set(bench, scene, text))
		return;
	while (shorten(bench, &want, frame))
		;
	zero(bench, &want, frame);
	shrink_scene(bench, &want, scene, frame);
	bench_set(bench, scene, text);
}

static void write_hex(const uint8_t *bytes, size_t len, FILE *out)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", bytes[i]);
	fputc('\n', out);
}

void failure_print(struct bench *bench, const struct scene *scene, const struct model_frame *frame,
		   FILE *out)
{
	char text[BENCH_TEXT] = "it does not come again by itself: it depends on packets before it";
	const uint8_t *bytes;
	uint32_t action;
	size_t len;

	bench_run(bench, frame, &verdict, text);
	bench_last(bench, &action, &bytes, &len);
	fprintf(out, "\ndifference: %s\n", text);
	scene_write(scene, out);
	fprintf(out, "packet ");
	write_hex(frame->bytes, frame->len, out);
	decode_print(frame, out);
	decode_hexdump(frame->bytes, frame->len, out);
	if (len != frame->len || memcmp(bytes, frame->bytes, len)) {
		fprintf(out, "came out: ");
		write_hex(bytes, len, out);
	}
	if (verdict.out.len != frame->len || memcmp(verdict.out.bytes, frame->bytes, frame->len)) {
		fprintf(out, "model:    ");
		write_hex(verdict.out.bytes, verdict.out.len, out);
	}
	decode_scapy(frame, out);
}

int case_write(const char *path, const char *comment, const struct scene *scene,
	       const struct model_frame *frame)
{
	FILE *out = fopen(path, "we");

	if (!out)
		return -errno;
	fprintf(out, "# %s\n", comment);
	scene_write(scene, out);
	fprintf(out, "packet ");
	write_hex(frame->bytes, frame->len, out);
	return fclose(out) ? -errno : 0;
}

static enum bench_result bad_line(const char *path, int line, const char *what,
				  char text[BENCH_TEXT])
{
	snprintf(text, BENCH_TEXT, "%s:%d: %s", path, line, what);
	return BENCH_FAILED;
}

static enum bench_result run_packet(struct bench *bench, const char *path, int line,
				    const char *hex, struct model_frame *frame,
				    char text[BENCH_TEXT])
{
	if (!frame_from_hex(hex, frame))
		return bad_line(path, line, "no packet of 14 to 3400 bytes in hex", text);
	return bench_run(bench, frame, &verdict, text);
}

/* A scene's lines come before its first packet. */
static enum bench_result run_line(struct bench *bench, const char *path, int number, char *line,
				  bool *scene_set, struct scene *scene, struct model_frame *frame,
				  char text[BENCH_TEXT])
{
	const char *error;
	int r = 0;

	if (line[0] == '#' || line[0] == '\n')
		return BENCH_SAME;
	if (strncmp(line, "packet ", 7)) {
		error = *scene_set ? "a scene behind a packet" : scene_read_line(scene, line);
		return error ? bad_line(path, number, error, text) : BENCH_SAME;
	}
	if (!*scene_set)
		r = bench_set(bench, scene, text);
	*scene_set = true;
	return r ? BENCH_FAILED : run_packet(bench, path, number, line + 7, frame, text);
}

enum bench_result case_run(struct bench *bench, const char *path, struct scene *ret_scene,
			   struct model_frame *ret_frame, char ret_text[BENCH_TEXT])
{
	FILE *in = fopen(path, "re");
	enum bench_result result = BENCH_SAME;
	bool scene_set = false;
	char *line = NULL;
	size_t size = 0;

	if (!in)
		return bad_line(path, 0, strerror(errno), ret_text);
	memset(ret_scene, 0, sizeof(*ret_scene));
	for (int n = 1; result == BENCH_SAME && getline(&line, &size, in) > 0; n++)
		result = run_line(bench, path, n, line, &scene_set, ret_scene, ret_frame, ret_text);
	if (result == BENCH_SAME && !scene_set)
		result = bad_line(path, 0, "no packet in it", ret_text);
	free(line);
	fclose(in);
	return result;
}
