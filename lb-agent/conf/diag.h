/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag.h - everything that is wrong with a file, collected and shown in one go.
 *
 * A diagnostic prints as
 *
 *	file:line:column: error: message
 *	   12 | - {address: 10.0.1.1, wieght: 100}
 *	      |                       ^~~~~~
 *	      = did you mean 'weight'?
 */
#ifndef LB_CONF_DIAG_H
#define LB_CONF_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A place in a file; line and column count from 1 (line 0: the file as a whole). Column and length
 * are in characters, not bytes; length 0: unknown. */
struct diag_loc {
	unsigned int line;
	unsigned int column;
	unsigned int length;
};

enum diag_severity {
	DIAG_ERROR,
	DIAG_WARNING,
	DIAG_NOTE, /* nothing is wrong; worth knowing */
};

struct diag; /* opaque */

/* `file` is the name to print; `text` the file's content, kept by reference (may be NULL). */
struct diag *diag_new(const char *file, const char *text, size_t text_len);
/* Sets the content later, malloc'd: the diag frees it. */
void diag_take_text(struct diag *diag, char *text, size_t text_len);
void diag_free(struct diag *diag);

/* Adds one; `hint` (may be NULL) is printed below the caret. Sorted by place when printed. */
void diag_add(struct diag *diag, enum diag_severity severity, struct diag_loc loc, const char *hint,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));
size_t diag_errors(const struct diag *diag);
size_t diag_warnings(const struct diag *diag);
size_t diag_notes(const struct diag *diag);
/* Colours where `colour`; long source lines are cut around the caret to fit 100 columns. After 100
 * errors it says how many more there are. */
void diag_print(const struct diag *diag, FILE *out, bool colour);
/* The same as a malloc'd string (uncoloured), for a reply over the control socket. */
char *diag_text(const struct diag *diag);
/* {"file", "errors": [{"line", "column", "severity", "message", "hint"}, …]} malloc'd. */
char *diag_json(const struct diag *diag);

/* The nearest of `words` (NULL-terminated) to `word` by edit distance, or NULL if none is near. */
const char *diag_nearest(const char *word, const char *const *words);
/* How far `candidate` is from `word`, for a caller that has no array of them: below
 * DIAG_FAR it is near enough to be suggested, 0 is equal. */
#define DIAG_FAR 1000u
unsigned int diag_distance(const char *word, const char *candidate);

#endif
