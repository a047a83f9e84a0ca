/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compare.c - 'lb-bench compare A B': two result files of any subcommand, row by row.
 *
 * A row is {"path" or "name", "ns" or "median" or "value" or "instructions", …}, and may have
 * counts (below) that stand beside its figure; the rest of a file is not looked at, so that every
 * subcommand's results can be compared, those of later ones too.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char usage[] =
    "Usage: lb-bench compare [--json] A B\n"
    "Shows two result files (--json of the other commands) side by side: both medians, B as a\n"
    "multiple of A, and the change in percent. Rows that only one of them has are told, and below\n"
    "a row those of its counts that are not what they were (instructions, look-ups, ...). For rows\n"
    "of xdp their multiples of the floor are compared too: a busy machine changes those least.\n"
    "\n"
    "      --json   the comparison as JSON\n"
    "  -h, --help   this text\n";

struct side {
	const char *path;
	json_t *document;
	json_t *rows; /* borrowed from it */
};

static const char *row_name(const json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "path"));

	return name ? name : json_string_value(json_object_get(row, "name"));
}

/* What a row's figure may be called, the better one first. */
static const char *const figures[] = {"ns", "median", "value", "instructions",
				      "machine_instructions"};

/* What does not depend on the machine, by its name in the JSON and in the table. */
static const struct {
	const char *key, *title;
} counts[] = {
    {"instructions", "instructions"}, {"lookups", "look-ups"},
    {"helper_calls", "helper calls"}, {"config_lines", "lines of configuration"},
    {"counter_lines", "of counters"},
};
#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))

static bool has_number(const json_t *row, const char *key)
{
	return json_is_number(json_object_get(row, key));
}

/* The figure that both rows have, or the only one; NULL: neither was measured. */
static const char *common_figure(const json_t *a, const json_t *b)
{
	const size_t n = sizeof(figures) / sizeof(figures[0]);

	for (size_t i = 0; i < n; i++)
		if (has_number(a, figures[i]) && has_number(b, figures[i]))
			return figures[i];
	for (size_t i = 0; i < n; i++)
		if (has_number(a, figures[i]) || has_number(b, figures[i]))
			return figures[i];
	return NULL;
}

/* NAN: the row was not measured. */
static double row_value(const json_t *row, const char *figure)
{
	return figure && has_number(row, figure) ? json_number_value(json_object_get(row, figure))
						 : NAN;
}

static const char *row_unit(const json_t *row, const char *figure)
{
	const char *unit = json_string_value(json_object_get(row, "unit"));

	if (unit)
		return unit;
	if (figure && !strcmp(figure, "instructions"))
		return "insn";
	return json_object_get(row, "ns") ? "ns" : "";
}

static const json_t *find_row(const struct side *side, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach (side->rows, i, row) {
		const char *other = row_name(row);

		if (other && !strcmp(other, name))
			return row;
	}
	return NULL;
}

static int read_side(const char *path, struct side *side)
{
	json_error_t error;
	size_t i;
	json_t *row;

	side->path = path;
	side->document = json_load_file(path, 0, &error);
	if (!side->document) {
		if (error.line > 0)
			bench_error("%s:%d:%d: %s", path, error.line, error.column, error.text);
		else
			bench_error("%s", error.text);
		return -EINVAL;
	}
	side->rows = json_object_get(side->document, "rows");
	if (!json_is_array(side->rows)) {
		bench_error("%s: it has no \"rows\"; is it what lb-bench wrote with --json?", path);
		return -EINVAL;
	}
	json_array_foreach (side->rows, i, row) {
		if (row_name(row))
			continue;
		bench_error("%s: row %zu has neither \"path\" nor \"name\"", path, i);
		return -EINVAL;
	}
	return 0;
}

/* Different subcommands have no row in common: said before a table of nothing. */
static int check_sides(const struct side *a, const struct side *b)
{
	const char *bench_a = json_string_value(json_object_get(a->document, "bench"));
	const char *bench_b = json_string_value(json_object_get(b->document, "bench"));

	if (!bench_a || !bench_b || !strcmp(bench_a, bench_b))
		return 0;
	bench_error("%s is of 'lb-bench %s', %s of 'lb-bench %s'", a->path, bench_a, b->path,
		    bench_b);
	return -EINVAL;
}

static json_t *ratio_of(double was, double is)
{
	return isnan(was) || isnan(is) || was == 0 ? json_null() : json_real(is / was);
}

/* Multiples of a run's own unit, where rows have them: these hold when the machine does not. */
static double row_floors(const json_t *row)
{
	const json_t *value = json_object_get(row, "floors");

	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* {KEY: [in A, in B], …} of the counts that both rows have; null: none. */
static json_t *compare_counts(const json_t *a, const json_t *b)
{
	json_t *both = json_object();

	for (size_t i = 0; i < N_COUNTS; i++)
		if (has_number(a, counts[i].key) && has_number(b, counts[i].key))
			json_object_set_new(both, counts[i].key,
					    json_pack("[O, O]", json_object_get(a, counts[i].key),
						      json_object_get(b, counts[i].key)));
	if (json_object_size(both))
		return both;
	json_decref(both);
	return json_null();
}

/* What did not measure and what is not there are both without a figure. */
static json_t *compare_row(const char *name, const json_t *a, const json_t *b)
{
	const char *figure = common_figure(a, b);
	const double was = row_value(a, figure), is = row_value(b, figure);
	const bool both = !isnan(was) && !isnan(is) && was != 0;
	const char *only = !b ? "a" : !a ? "b" : NULL;

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "path", name, "unit",
			 row_unit(a ? a : b, figure), "a",
			 isnan(was) ? json_null() : json_real(was), "b",
			 isnan(is) ? json_null() : json_real(is), "ratio", ratio_of(was, is),
			 "percent", both ? json_real((is - was) / fabs(was) * 100) : json_null(),
			 "floors_ratio", ratio_of(row_floors(a), row_floors(b)), "only",
			 only ? json_string(only) : json_null(), "counts", compare_counts(a, b));
}

static json_t *compare_sides(const struct side *a, const struct side *b)
{
	json_t *rows = json_array(), *row;
	size_t i;

	json_array_foreach (a->rows, i, row)
		json_array_append_new(rows,
				      compare_row(row_name(row), row, find_row(b, row_name(row))));
	json_array_foreach (b->rows, i, row)
		if (!find_row(a, row_name(row)))
			json_array_append_new(rows, compare_row(row_name(row), NULL, row));
	return rows;
}

static const char *number(const json_t *value, char buffer[32])
{
	const double v = json_number_value(value);

	if (!json_is_number(value))
		snprintf(buffer, 32, "-");
	else
		snprintf(buffer, 32, "%.*f", fabs(v) < 10 ? 2 : fabs(v) < 1000 ? 1 : 0, v);
	return buffer;
}

static bool any_floors(const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach (rows, i, row)
		if (json_is_number(json_object_get(row, "floors_ratio")))
			return true;
	return false;
}

/* Below its row: the counts that are not what they were. */
static void print_counts(const json_t *both)
{
	const char *before = "    ";

	for (size_t i = 0; i < N_COUNTS; i++) {
		const json_t *pair = json_object_get(both, counts[i].key);
		const json_int_t was = json_integer_value(json_array_get(pair, 0));
		const json_int_t is = json_integer_value(json_array_get(pair, 1));

		if (was == is)
			continue;
		printf("%s%s %" JSON_INTEGER_FORMAT " → %" JSON_INTEGER_FORMAT, before,
		       counts[i].title, was, is);
		before = ", ";
	}
	if (*before == ',')
		putchar('\n');
}

static void print(const struct side *a, const struct side *b, json_t *rows)
{
	size_t i;
	json_t *row;

	printf("A: %s\nB: %s\n\n%-52s %9s %9s %-4s %6s %8s%s\n", a->path, b->path, "", "A", "B", "",
	       "B/A", "change", any_floors(rows) ? "  B/A in floors" : "");
	json_array_foreach (rows, i, row) {
		const json_t *ratio = json_object_get(row, "ratio"),
			     *floors = json_object_get(row, "floors_ratio");
		const char *only = json_string_value(json_object_get(row, "only"));
		char was[32], is[32];

		printf("%-52s %9s %9s %-4s", json_string_value(json_object_get(row, "path")),
		       number(json_object_get(row, "a"), was),
		       number(json_object_get(row, "b"), is),
		       json_string_value(json_object_get(row, "unit")));
		if (json_is_number(ratio))
			printf(" %6.2f %+7.1f%%", json_number_value(ratio),
			       json_number_value(json_object_get(row, "percent")));
		else if (only)
			printf("  only in %s", *only == 'a' ? "A" : "B");
		else
			printf("  not measured in both");
		if (json_is_number(floors))
			printf(" %15.2f", json_number_value(floors));
		putchar('\n');
		print_counts(json_object_get(row, "counts"));
	}
}

static int compare_files(const char *path_a, const char *path_b, bool json)
{
	struct side a = {0}, b = {0};
	json_t *rows, *document;
	int code = BENCH_FAILED;

	if (read_side(path_a, &a) || read_side(path_b, &b) || check_sides(&a, &b))
		goto out;
	rows = compare_sides(&a, &b);
	if (json) {
		document = json_pack("{s:s, s:s, s:O}", "a", path_a, "b", path_b, "rows", rows);
		if (document &&
		    !json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) &&
		    putchar('\n') != EOF)
			code = BENCH_OK;
		json_decref(document);
	} else {
		print(&a, &b, rows);
		code = BENCH_OK;
	}
	json_decref(rows);
out:
	json_decref(a.document);
	json_decref(b.document);
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return BENCH_OK;
		default:
			fputs("Try 'lb-bench compare --help'.\n", stderr);
			return BENCH_USAGE;
		}
	}
	if (argc - optind != 2) {
		bench_error("two files are wanted; try 'lb-bench compare --help'");
		return BENCH_USAGE;
	}
	return compare_files(argv[optind], argv[optind + 1], json);
}

const struct bench_command bench_compare = {
    .name = "compare",
    .summary = "two result files side by side",
    .run = run,
};
