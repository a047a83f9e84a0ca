/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table.h - tables for people: aligned columns that never take more than TEXT_COLUMNS.
 */
#ifndef LBCTL_TABLE_H
#define LBCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "text.h"

enum table_align {
	TABLE_LEFT,
	TABLE_RIGHT,
};

enum table_colour {
	TABLE_PLAIN,
	TABLE_GOOD,
	TABLE_WARN,
	TABLE_BAD,
};

struct table_column {
	const char *title;
	enum table_align align;
	size_t min_width; /* may be cut down to this where the table is too wide; 0: never cut */
	enum text_cut cut;
};

struct table; /* opaque */

/* `columns` is kept by reference. */
struct table *table_new(const struct table_column *columns, size_t n_columns);
void table_free(struct table *table);

/* Adds the next cell, row by row. Control characters in it are made harmless. */
void table_cell(struct table *table, const char *text);
void table_cell_coloured(struct table *table, const char *text, enum table_colour colour);

size_t table_rows(const struct table *table);
void table_print(const struct table *table, FILE *out, bool colour);

#endif
