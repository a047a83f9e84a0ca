/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mutate.c - small damage to a frame, mostly where its headers are; and the corpus that frames are
 * taken from.
 */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "generate.h"
#include "shape.h"

/* Frames grow to this at the most: generate.c cuts them to what the bench takes. */
#define LONGEST BENCH_FRAME_MAX

/* Where the headers end, a little after the last one. */
static size_t interesting_end(const struct model_frame *frame, const struct shape *s)
{
	const size_t end = s->l4 ? s->l4 + 24 : s->l3 ? s->l3 + 48 : 24;

	return end < frame->len ? end : frame->len;
}

static void flip_bit(struct model_frame *frame, const struct shape *s, struct random *r)
{
	frame->bytes[random_below(r, (uint32_t)interesting_end(frame, s))] ^=
	    (uint8_t)(1u << random_below(r, 8));
}

static void set_byte(struct model_frame *frame, const struct shape *s, struct random *r)
{
	static const uint8_t values[] = {0,    1,    0x7f, 0x80, 0xff, 4,  6,  17, 1,  58, 0x45,
					 0x46, 0x4f, 0x60, 0x50, 0x40, 43, 44, 51, 60, 59, 0xf0};
	const uint32_t at = random_below(r, (uint32_t)interesting_end(frame, s));

	frame->bytes[at] = random_percent(r, 30) ? (uint8_t)random_next(r) : random_of(r, values);
}

static void set_word(struct model_frame *frame, const struct shape *s, struct random *r)
{
	static const uint16_t values[] = {0,	  1,	  7,	  8,	  19,	  20,	  21,
					  0xffff, 0x8100, 0x88a8, 0x0800, 0x86dd, 0x2000, 0x4000,
					  0x1fff, 0x8000, 60,	  1500,	  0x0806};
	const uint32_t at = random_below(r, (uint32_t)interesting_end(frame, s) - 1) & ~1u;

	model_put16(frame->bytes + at, random_of(r, values));
}

/* To any length, or to one near where a header begins or ends. */
static void truncate_frame(struct model_frame *frame, const struct shape *s, struct random *r)
{
	const size_t marks[] = {14, s->l3, s->l3 + 20, s->l3 + 40, s->l4, s->l4 + 8, s->l4 + 20};
	size_t len = random_of(r, marks) + random_below(r, 5);

	if (random_percent(r, 30))
		len = random_below(r, (uint32_t)frame->len + 1);
	else if (len >= 2)
		len -= 2;
	if (len < frame->len)
		frame->len = len < BENCH_FRAME_MIN ? BENCH_FRAME_MIN : len;
}

static void extend(struct model_frame *frame, struct random *r)
{
	const size_t more = 1 + random_below(r, 40);

	if (frame->len + more > LONGEST)
		return;
	for (size_t i = 0; i < more; i++)
		frame->bytes[frame->len++] = (uint8_t)random_next(r);
}

static void insert(struct model_frame *frame, const struct shape *s, struct random *r)
{
	const size_t at = random_below(r, (uint32_t)interesting_end(frame, s));
	const size_t more = random_percent(r, 70) ? 4 * (1 + random_below(r, 4)) : 1;

	if (frame->len + more > LONGEST)
		return;
	memmove(frame->bytes + at + more, frame->bytes + at, frame->len - at);
	frame->len += more;
	if (random_percent(r, 50))
		for (size_t i = 0; i < more; i++)
			frame->bytes[at + i] = (uint8_t)random_next(r);
}

static void delete (struct model_frame *frame, const struct shape *s, struct random *r)
{
	const size_t at = random_below(r, (uint32_t)interesting_end(frame, s));
	const size_t less = random_percent(r, 70) ? 4 * (1 + random_below(r, 4)) : 1;

	if (at + less > frame->len || frame->len - less < BENCH_FRAME_MIN)
		return;
	memmove(frame->bytes + at, frame->bytes + at + less, frame->len - at - less);
	frame->len -= less;
}

/* A length field becomes what another length is, give or take a little. */
static void lie(struct model_frame *frame, const struct shape *s, struct random *r)
{
	const int by = (int)random_below(r, 9) - 4;
	uint8_t *bytes = frame->bytes, *ip = bytes + s->l3;
	uint8_t *fields[4];
	const size_t lengths[] = {frame->len - s->l3, s->l4 - s->l3, frame->len - s->l4, 0, 8, 20};
	size_t n = 0;

	if (!s->l4 || s->l4 + 14 > frame->len)
		return;
	if (random_percent(r, 30) && s->n_extensions) {
		bytes[s->extensions[random_below(r, (uint32_t)s->n_extensions)] + 1] =
		    (uint8_t)random_below(r, 6);
		return;
	}
	if (random_percent(r, 30) && s->proto == IPPROTO_TCP) {
		bytes[s->l4 + 12] = (uint8_t)random_next(r);
		return;
	}
	if (random_percent(r, 20) && s->af == 4) {
		ip[0] = (uint8_t)(0x40 | random_below(r, 16));
		return;
	}
	fields[n++] = s->af == 4 ? ip + 2 : ip + 4;
	if (s->proto == IPPROTO_UDP)
		fields[n++] = bytes + s->l4 + 4;
	if (n == 2 && random_percent(r, 50))
		fields[0] = fields[1];
	model_put16(fields[0], (random_percent(r, 50) ? model_get16(fields[0])
						      : (uint32_t)random_of(r, lengths)) +
				   (uint32_t)by);
}

static void move_addresses(struct model_frame *frame, const struct shape *s, struct random *r)
{
	const size_t len = s->af == 4 ? 4 : 16, src = s->l3 + (s->af == 4 ? 12 : 8);
	uint8_t *a = frame->bytes + src, *b = a + len, was[16];

	if (!s->l4)
		return;
	memcpy(was, a, len);
	memcpy(a, b, len);
	if (random_percent(r, 70))
		memcpy(b, was, len);
}

static void splice(struct model_frame *frame, const struct corpus *corpus, struct random *r)
{
	const struct model_frame *other;
	size_t at;

	if (!corpus->n)
		return;
	other = &corpus->frames[random_below(r, (uint32_t)corpus->n)];
	at = random_below(r, 70);
	if (at >= other->len || at >= frame->len)
		return;
	memcpy(frame->bytes + at, other->bytes + at, other->len - at);
	frame->len = other->len;
}

void mutate(struct model_frame *frame, const struct corpus *corpus, struct random *r)
{
	struct shape s;

	shape_scan(frame, &s);
	switch (random_below(r, 10)) {
	case 0:
		flip_bit(frame, &s, r);
		break;
	case 1:
		set_byte(frame, &s, r);
		break;
	case 2:
		set_word(frame, &s, r);
		break;
	case 3:
		truncate_frame(frame, &s, r);
		break;
	case 4:
		extend(frame, r);
		break;
	case 5:
		insert(frame, &s, r);
		break;
	case 6:
		delete (frame, &s, r);
		break;
	case 7:
		move_addresses(frame, &s, r);
		break;
	case 8:
		splice(frame, corpus, r);
		break;
	default:
		lie(frame, &s, r);
		break;
	}
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool frame_from_hex(const char *hex, struct model_frame *ret_frame)
{
	ret_frame->len = 0;
	while (*hex && !isspace((unsigned char)*hex)) {
		const int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);

		if (low < 0 || ret_frame->len == BENCH_FRAME_MAX)
			return false;
		ret_frame->bytes[ret_frame->len++] = (uint8_t)(high << 4 | low);
		hex += 2;
	}
	return ret_frame->len >= BENCH_FRAME_MIN;
}

static int add_frame(struct corpus *corpus, const char *line)
{
	struct model_frame *frames =
	    realloc(corpus->frames, (corpus->n + 1) * sizeof(*corpus->frames));
	const char *space = strchr(line, ' ');

	if (!frames)
		return -ENOMEM;
	corpus->frames = frames;
	if (!space || !frame_from_hex(space + 1, &frames[corpus->n]))
		return -EINVAL;
	corpus->n++;
	return 0;
}

int corpus_load(const char *path, struct corpus *ret_corpus, int *ret_line)
{
	FILE *in = fopen(path, "re");
	size_t size = 0;
	char *line = NULL;
	int r = 0;

	*ret_corpus = (struct corpus){0};
	*ret_line = 0;
	if (!in)
		return -errno;
	while (!r && getline(&line, &size, in) > 0) {
		++*ret_line;
		if (line[0] != '#' && line[0] != '\n')
			r = add_frame(ret_corpus, line);
	}
	free(line);
	fclose(in);
	if (r)
		corpus_free(ret_corpus);
	return r;
}

void corpus_free(struct corpus *corpus)
{
	free(corpus->frames);
	*corpus = (struct corpus){0};
}
