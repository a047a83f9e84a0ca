/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables for people; see table.h. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_GAP 2

struct table_entry {
	char *text;
	enum table_colour colour;
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct table_entry *cells;
	size_t n_cells, cap;
};

struct table *table_new(const struct table_column *columns, size_t n_columns)
{
	struct table *table = text_alloc(sizeof(*table));

	table->columns = columns;
	table->n_columns = n_columns;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void table_cell_coloured(struct table *table, const char *text, enum table_colour colour)
{
	if (table->n_cells == table->cap) {
		size_t cap = table->cap ? table->cap * 2 : 64;
		struct table_entry *cells = text_alloc(cap * sizeof(*cells));

		if (table->n_cells)
			memcpy(cells, table->cells, table->n_cells * sizeof(*cells));
		free(table->cells);
		table->cells = cells;
		table->cap = cap;
	}
	table->cells[table->n_cells].text = text_clean(text);
	table->cells[table->n_cells++].colour = colour;
}

void table_cell(struct table *table, const char *text)
{
	table_cell_coloured(table, text, TABLE_PLAIN);
}

size_t table_rows(const struct table *table)
{
	return table->n_cells / table->n_columns;
}

/* Takes a column away from the widest that may give, until the table fits. */
static void shrink(const struct table *table, size_t *widths)
{
	size_t total = TABLE_GAP * (table->n_columns - 1);

	for (size_t c = 0; c < table->n_columns; c++)
		total += widths[c];
	while (total > TEXT_COLUMNS) {
		size_t widest = table->n_columns;

		for (size_t c = 0; c < table->n_columns; c++) {
			size_t min = table->columns[c].min_width;

			if (min && widths[c] > min &&
			    (widest == table->n_columns || widths[c] > widths[widest]))
				widest = c;
		}
		if (widest == table->n_columns)
			return;
		widths[widest]--;
		total--;
	}
}

static const char *colour_code(enum table_colour colour)
{
	switch (colour) {
	case TABLE_GOOD:
		return "\033[32m";
	case TABLE_WARN:
		return "\033[33m";
	case TABLE_BAD:
		return "\033[31m";
	case TABLE_PLAIN:
		break;
	}
	return NULL;
}

static void print_cell(const struct table *table, FILE *out, size_t c, const char *text,
		       size_t width, const char *code)
{
	const struct table_column *column = &table->columns[c];
	char *shown = text_shorten(text, width, column->cut);
	size_t pad = width - text_width(shown);
	bool last = c + 1 == table->n_columns;

	if (column->align == TABLE_RIGHT)
		fprintf(out, "%*s", (int)pad, "");
	fprintf(out, "%s%s%s", code ? code : "", shown, code ? "\033[0m" : "");
	if (column->align == TABLE_LEFT && !last)
		fprintf(out, "%*s", (int)pad, "");
	fprintf(out, last ? "\n" : "%*s", TABLE_GAP, "");
	free(shown);
}

void table_print(const struct table *table, FILE *out, bool colour)
{
	size_t *widths = text_alloc(table->n_columns * sizeof(*widths));

	for (size_t c = 0; c < table->n_columns; c++)
		widths[c] = text_width(table->columns[c].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t width = text_width(table->cells[i].text), c = i % table->n_columns;

		if (width > widths[c])
			widths[c] = width;
	}
	shrink(table, widths);
	for (size_t c = 0; c < table->n_columns; c++)
		print_cell(table, out, c, table->columns[c].title, widths[c],
			   colour ? "\033[1m" : NULL);
	for (size_t i = 0; i < table->n_cells && !ferror(out); i++)
		print_cell(table, out, i % table->n_columns, table->cells[i].text,
			   widths[i % table->n_columns],
			   colour ? colour_code(table->cells[i].colour) : NULL);
	free(widths);
}
