/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag_source.h - the source line of a diagnostic with its caret.
 */
#ifndef LB_CONF_DIAG_SOURCE_H
#define LB_CONF_DIAG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "conf/diag.h"

/* A reader's place in the text: diagnostics come in order, so each goes on where the last was. */
struct diag_source {
	const char *text;
	size_t len;
	size_t line_start; /* offset of `line` */
	unsigned int line;
	size_t offset; /* of `column`, in the line */
	unsigned int column;
};

void diag_source_start(struct diag_source *source, const char *text, size_t len);
/* Prints the line and the caret; nothing where the text holds no such line. */
void diag_source_print(struct diag_source *source, struct diag_loc loc, FILE *out, bool colour);

#endif
