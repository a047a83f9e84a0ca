/* SPDX-License-Identifier: GPL-2.0-only */
/* UTF-8 text on a terminal; see text.h. */
#include "text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6" /* U+2026, one column */

static void out_of_memory(void)
{
	fputs("lbctl: out of memory\n", stderr);
	exit(1);
}

void *text_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

static char *format_list(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	return text;
}

char *text_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_list(format, args);
	va_end(args);
	return text;
}

/*
 * Length in bytes of the UTF-8 sequence at `s` (RFC 3629: shortest form, no surrogates), 0 where
 * there is none.
 */
static size_t decode(const unsigned char *s, uint32_t *ret_code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t code;

	if (len == 0 || s[0] > 0xf4)
		return 0;
	code = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = (code << 6) | (s[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return len;
}

static size_t code_width(uint32_t c)
{
	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff)
		return 0;
	/* Unicode Standard Annex 11, the ranges of W and F that occur in practice. */
	if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	    (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1f64f) ||
	    (c >= 0x1f900 && c <= 0x1f9ff) || (c >= 0x20000 && c <= 0x3fffd))
		return 2;
	return 1;
}

/* Steps over one character; a byte that is none counts as one column. */
static size_t step(const char *s, size_t *ret_width)
{
	uint32_t code;
	size_t len = decode((const unsigned char *)s, &code);

	*ret_width = len ? code_width(code) : 1;
	return len ? len : 1;
}

size_t text_width(const char *text)
{
	size_t total = 0, width;

	while (*text) {
		text += step(text, &width);
		total += width;
	}
	return total;
}

/* C0, DEL, C1 and the marks that turn the direction of writing (Unicode annex 9). */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

char *text_clean(const char *text)
{
	char *copy = text_alloc(strlen(text) + 1), *to = copy;

	while (*text) {
		uint32_t code;
		size_t len = decode((const unsigned char *)text, &code);

		if (len == 0 || is_control(code))
			*to++ = '?';
		else
			to = (char *)memcpy(to, text, len) + len;
		text += len ? len : 1;
	}
	*to = '\0';
	return copy;
}

/* Bytes of the longest beginning of `text` that fits in `width` columns. */
static size_t head_bytes(const char *text, size_t width)
{
	size_t bytes = 0, used = 0, w;

	while (text[bytes]) {
		size_t len = step(text + bytes, &w);

		if (used + w > width)
			break;
		used += w;
		bytes += len;
	}
	return bytes;
}

char *text_shorten(const char *text, size_t width, enum text_cut cut)
{
	size_t total = text_width(text), tail_width, head, skip = 0, w;

	if (total <= width)
		return text_format("%s", text);
	tail_width = cut == TEXT_CUT_MIDDLE ? (width - 1) / 2 : 0;
	head = head_bytes(text, width - 1 - tail_width);
	while (total > tail_width) {
		skip += step(text + skip, &w);
		total -= w;
	}
	return text_format("%.*s" ELLIPSIS "%s", (int)head, text, text + skip);
}

void text_wrap(FILE *out, size_t indent, const char *format, ...)
{
	va_list args;
	char *raw, *text;
	size_t column = 0;

	va_start(args, format);
	raw = format_list(format, args);
	va_end(args);
	text = text_clean(raw);
	for (const char *p = text; *p;) {
		size_t spaces = strspn(p, " "), len = strcspn(p + spaces, " ");
		char *word = text_format("%.*s", (int)len, p + spaces);
		size_t width = text_width(word);

		if (column > indent && column + spaces + width > TEXT_COLUMNS) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			spaces = 0;
		}
		fprintf(out, "%*s%s", (int)spaces, "", word);
		column += spaces + width;
		p += strspn(p, " ") + len;
		free(word);
	}
	fputc('\n', out);
	free(text);
	free(raw);
}
