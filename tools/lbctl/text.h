/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h - UTF-8 text on a terminal: its width in columns, cutting it and wrapping it. Independent
 * of the locale, so that output is the same from a shell and from cron.
 */
#ifndef LBCTL_TEXT_H
#define LBCTL_TEXT_H

#include <stddef.h>
#include <stdio.h>

#define TEXT_COLUMNS 100 /* what every output for people fits in */

enum text_cut {
	TEXT_CUT_MIDDLE, /* "very-lo…-name": for names, whose ends tell them apart */
	TEXT_CUT_END,	 /* "the neighbour does…": for sentences */
};

/* Columns that `text` takes; wide (East Asian) characters take two, combining ones none. */
size_t text_width(const char *text);

/*
 * A malloc'd copy that is safe to print: control characters and bytes that are not UTF-8 become
 * '?', so that no text from elsewhere can command the terminal.
 */
char *text_clean(const char *text);

/* A malloc'd copy of a clean text that is at most `width` (> 0) columns wide, cut where needed. */
char *text_shorten(const char *text, size_t width, enum text_cut cut);

/*
 * Prints as one paragraph within TEXT_COLUMNS, broken at spaces; lines after the first begin with
 * `indent` spaces. A longer word stays whole.
 */
void text_wrap(FILE *out, size_t indent, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* malloc and friends for a command: out of memory ends the process with a message. */
void *text_alloc(size_t size);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
