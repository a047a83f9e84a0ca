/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag_source.c - puts the caret under the right character: tabs, wide and combining characters,
 * bytes that are no UTF-8, and lines of any length.
 */
#include "conf/diag_source.h"

#include <stdint.h>
#include <string.h>

#include "conf/utf8.h"

#define TERMINAL_WIDTH 100
#define GUTTER	       8 /* "   12 | " */
#define TAB_WIDTH      8
#define NEAR_BYTES     300 /* what is looked at on each side of the caret */

void diag_source_start(struct diag_source *source, const char *text, size_t len)
{
	*source = (struct diag_source){.text = text, .len = len, .line = 1, .column = 1};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* byte order mark: in no column */
		source->line_start = source->offset = 3;
}

/* Offset of the end of the line that `from` is in, line break excluded. A lone CR ends a line, as
 * it does in YAML 1.1. */
static size_t line_end(const struct diag_source *source, size_t from)
{
	while (from < source->len && source->text[from] != '\n' && source->text[from] != '\r')
		from++;
	return from;
}

static bool go_to_line(struct diag_source *source, unsigned int line)
{
	while (source->line < line) {
		size_t end = line_end(source, source->line_start);

		if (end == source->len)
			return false;
		if (source->text[end] == '\r' && end + 1 < source->len &&
		    source->text[end + 1] == '\n')
			end++;
		source->line_start = source->offset = end + 1;
		source->line++;
		source->column = 1;
	}
	return source->line == line;
}

static void go_to_column(struct diag_source *source, unsigned int column, size_t end)
{
	if (column < source->column) {
		source->column = 1;
		source->offset = source->line_start;
	}
	while (source->column < column && source->offset < end) {
		size_t bytes;

		utf8_decode(source->text + source->offset, end - source->offset, &bytes);
		source->offset += bytes;
		source->column++;
	}
}

/* The line as it is shown, with the columns of the caret. */
struct shown {
	char bytes[8 * 2 * NEAR_BYTES + 1]; /* a tab becomes at most 8 */
	size_t len;
	size_t width;
	size_t caret, caret_end; /* columns from 0 */
	bool cut_left, cut_right;
};

static void show_char(struct shown *shown, const char *text, size_t bytes, uint32_t c)
{
	if (c == '\t') {
		do {
			shown->bytes[shown->len++] = ' ';
			shown->width++;
		} while (shown->width % TAB_WIDTH);
	} else if (utf8_printable(c)) {
		memcpy(shown->bytes + shown->len, text, bytes);
		shown->len += bytes;
		shown->width += utf8_width(c);
	} else {
		shown->bytes[shown->len++] = '?';
		shown->width++;
	}
}

/* Renders [from, to), in which the caret is at `at` and spans `length` characters. */
static void show_range(struct shown *shown, const struct diag_source *source, size_t from,
		       size_t to, size_t at, unsigned int length)
{
	unsigned int left = length ? length : 1;
	size_t bytes;

	shown->caret = shown->caret_end = SIZE_MAX;
	for (size_t i = from; i < to; i += bytes) {
		uint32_t c = utf8_decode(source->text + i, to - i, &bytes);

		if (i == at)
			shown->caret = shown->width;
		show_char(shown, source->text + i, bytes, c);
		if (i >= at && left > 0 && --left == 0)
			shown->caret_end = shown->width;
	}
	if (shown->caret == SIZE_MAX) /* at the end of the line */
		shown->caret = shown->width;
	if (shown->caret_end == SIZE_MAX || shown->caret_end <= shown->caret)
		shown->caret_end = shown->width > shown->caret ? shown->width : shown->caret + 1;
}

static size_t back_to_char(const struct diag_source *source, size_t offset, size_t least)
{
	for (int i = 0; i < 3 && offset > least; i++, offset--)
		if (((unsigned char)source->text[offset] & 0xc0) != 0x80)
			break;
	return offset;
}

/* Leaves out characters until the line fits; returns where the bytes to print start. */
static size_t fit(struct shown *shown, size_t room)
{
	size_t skip = 0, start = 0, bytes = 0, width = 0;

	if (shown->width <= room && !shown->cut_left && !shown->cut_right)
		return 0;
	room -= 6; /* for "..." on both sides */
	if (shown->caret > room / 2 && shown->width > room)
		skip = shown->caret - room / 2;
	while (start < shown->len && width < skip) {
		width += utf8_width(utf8_decode(shown->bytes + start, shown->len - start, &bytes));
		start += bytes;
	}
	shown->cut_left |= start > 0;
	skip = width;
	for (size_t i = start; i < shown->len; i += bytes) {
		width += utf8_width(utf8_decode(shown->bytes + i, shown->len - i, &bytes));
		if (width - skip > room) {
			shown->len = i;
			shown->cut_right = true;
			break;
		}
	}
	shown->caret = shown->caret - skip + (shown->cut_left ? 3 : 0);
	shown->caret_end = shown->caret_end - skip + (shown->cut_left ? 3 : 0);
	if (shown->caret_end > room + 3)
		shown->caret_end = room + 3;
	return start;
}

static void print_shown(struct shown *shown, unsigned int line, FILE *out, bool colour)
{
	size_t start = fit(shown, TERMINAL_WIDTH - GUTTER);

	fprintf(out, "%5u | %s%.*s%s\n", line, shown->cut_left ? "..." : "",
		(int)(shown->len - start), shown->bytes + start, shown->cut_right ? "..." : "");
	fprintf(out, "      | %*s%s^", (int)shown->caret, "", colour ? "\033[1;32m" : "");
	for (size_t i = shown->caret + 1; i < shown->caret_end; i++)
		fputc('~', out);
	fprintf(out, "%s\n", colour ? "\033[0m" : "");
}

void diag_source_print(struct diag_source *source, struct diag_loc loc, FILE *out, bool colour)
{
	struct shown shown = {0};
	size_t end, from, to;

	if (!source->text || !go_to_line(source, loc.line))
		return;
	end = line_end(source, source->offset);
	go_to_column(source, loc.column, end);
	from = source->line_start;
	to = end;
	if (source->offset - from > NEAR_BYTES) {
		from = back_to_char(source, source->offset - NEAR_BYTES + 4, from);
		shown.cut_left = true;
	}
	if (end - source->offset > NEAR_BYTES) {
		to = back_to_char(source, source->offset + NEAR_BYTES, source->offset);
		shown.cut_right = true;
	}
	show_range(&shown, source, from, to, source->offset, loc.length);
	print_shown(&shown, loc.line, out, colour);
}
