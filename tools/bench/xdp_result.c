/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_result.c - net of the empty program, in floors, against the target: table and JSON.
 */
#include "xdp_result.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define NAME_WIDTH   52
#define COST_TITLES  " %6s %8s %6s %6s"
#define COST_COLUMNS "insns", "look-ups", "calls", "lines"

struct net {
	double median;	 /* ns, net of the empty program beside it */
	double min, max; /* of the medians of a row's turns */
	double floors;	 /* median of the samples' multiples of the floor beside them */
	double
	    ratio; /* of these to the row's that it is compared with; NAN: none, or not measured */
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double xdp_median(double *values, size_t n)
{
	if (!n)
		return NAN;
	qsort(values, n, sizeof(*values), compare);
	return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

enum figure {
	EMPTY, /* gross */
	FLOOR, /* net */
	ROW,   /* net */
	FLOORS
};

static double figure_of(const struct xdp_sample *sample, enum figure figure)
{
	const double floor = sample->floor - sample->empty, row = sample->row - sample->empty;

	switch (figure) {
	case EMPTY:
		return sample->empty;
	case FLOOR:
		return floor;
	case ROW:
		return row;
	default:
		/* A floor that an interruption pushed below nothing is no smaller than it. */
		return floor > 0 ? row / floor : INFINITY;
	}
}

/* One figure of the samples of rows, of one family or of both (0). A row's turn is a run of
 * `bursts` samples. */
static int summarize(const struct xdp_row *rows, size_t n_rows, int af, enum figure figure,
		     size_t bursts, struct net *ret_net)
{
	size_t n = 0, max = 1;
	double *values;

	*ret_net = (struct net){NAN, NAN, NAN, NAN, NAN};
	for (size_t i = 0; i < n_rows; i++)
		max += rows[i].n_samples;
	values = calloc(max, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < n_rows; i++)
		for (size_t k = 0; k < rows[i].n_samples && (!af || rows[i].config.af == af); k++)
			values[n++] = figure_of(&rows[i].samples[k], figure);
	for (size_t i = 0; i < n; i += bursts) {
		const double turn = xdp_median(values + i, n - i < bursts ? n - i : bursts);

		ret_net->min = fmin(ret_net->min, turn); /* of NAN and a number: the number */
		ret_net->max = fmax(ret_net->max, turn);
	}
	ret_net->median = xdp_median(values, n);
	free(values);
	return 0;
}

static int floor_net(const struct xdp_result *result, struct net *ret_net)
{
	return summarize(result->rows->rows, result->rows->n, 0, FLOOR, result->bursts, ret_net);
}

static int row_net(const struct xdp_result *result, const struct xdp_row *row, struct net *ret_net)
{
	struct net floors, other;
	int r = summarize(row, 1, 0, ROW, result->bursts, ret_net);

	if (!r)
		r = summarize(row, 1, 0, FLOORS, result->bursts, &floors);
	if (r)
		return r;
	ret_net->floors = floors.median;
	for (size_t i = 0; row->versus && i < result->rows->n; i++) {
		const struct xdp_row *base = &result->rows->rows[i];

		if (strcmp(base->name, row->versus) || *base->error.text)
			continue;
		r = summarize(base, 1, 0, FLOORS, result->bursts, &other);
		ret_net->ratio = ret_net->floors / other.median;
	}
	return r;
}

/* "8+2": lines of configuration and of counters. */
static void print_cost(const struct xdp_cost *cost, FILE *out)
{
	char lines[48];

	snprintf(lines, sizeof(lines), "%" PRIu64 "+%" PRIu64, cost->config_lines,
		 cost->counter_lines);
	fprintf(out, " %6" PRIu64 " %8" PRIu64 " %6" PRIu64 " %6s", cost->instructions,
		cost->lookups, cost->helper_calls, lines);
}

static void print_row(const struct xdp_row *row, const struct net *net, FILE *out)
{
	fprintf(out, "%-*s", NAME_WIDTH, row->name);
	if (*row->error.text) {
		fprintf(out, "  ERROR: %s\n", row->error.text);
		return;
	}
	fprintf(out, "%7.1f %7.1f %7.1f %7.2f", net->median, net->min, net->max, net->floors);
	print_cost(&row->cost, out);
	if (row->target_floors > 0)
		fprintf(out, "  ≤ %-4g %s", row->target_floors,
			net->floors <= row->target_floors ? "✓" : "✗");
	if (!isnan(net->ratio))
		fprintf(out, "  ≤ %g times %s: %.2f %s", row->target_ratio, row->versus, net->ratio,
			net->ratio <= row->target_ratio ? "✓" : "✗");
	fputc('\n', out);
}

static void print_programs(const struct xdp_result *result, FILE *out)
{
	fprintf(out, "\n%-20s %12s %12s %12s\n", "program", "instructions", "machine code",
		"verified");
	for (size_t i = 0; i < 2; i++) {
		const struct xdp_program *p = &result->programs[i];

		fprintf(out, "%-20s %12u %12u %12u%s\n", p->name, p->insns, p->jited, p->verified,
			!i		       ? ""
			: p->verified <= 40000 ? "  ≤ 40000 ✓"
					       : "  ≤ 40000 ✗");
	}
}

void xdp_result_print(const struct xdp_result *result, FILE *out)
{
	struct net floor;

	if (floor_net(result, &floor))
		return;
	if (result->load > (double)sysconf(_SC_NPROCESSORS_ONLN) / 2)
		fprintf(out,
			"The machine was busy before this began (load %.1f): compare ratios within "
			"this run, not times between runs.\n\n",
			result->load);
	fprintf(out,
		"ns a packet, net of an empty program; %zu rounds of %zu bursts of %u packets\n\n",
		result->rounds, result->bursts, result->timed);
	fprintf(out, "%-*s%7s %7s %7s %7s" COST_TITLES "  %s\n", NAME_WIDTH, "", "median", "min",
		"max", "floors", COST_COLUMNS, "target");
	fprintf(out, "%-*s%7.1f %7.1f %7.1f %7.2f\n", NAME_WIDTH, "floor", floor.median, floor.min,
		floor.max, 1.0);
	for (size_t i = 0; i < result->rows->n; i++) {
		const struct xdp_row *row = &result->rows->rows[i];
		struct net net;

		if (!row_net(result, row, &net))
			print_row(row, &net, out);
	}
	print_programs(result, out);
}

static void print_files(const struct xdp_files *files, FILE *out)
{
	for (size_t i = 0; i < files->n; i++)
		fprintf(out, "    %-*s %6" PRIu64 "\n", NAME_WIDTH - 4, files->files[i].name,
			files->files[i].instructions);
}

void xdp_result_print_counts(const struct xdp_result *result, FILE *out)
{
	fprintf(out, "%-*s" COST_TITLES "\n", NAME_WIDTH, "", COST_COLUMNS);
	for (size_t i = 0; i < result->rows->n; i++) {
		const struct xdp_row *row = &result->rows->rows[i];

		fprintf(out, "%-*s", NAME_WIDTH, row->name);
		if (*row->error.text)
			fprintf(out, "  ERROR: %s", row->error.text);
		else
			print_cost(&row->cost, out);
		fputc('\n', out);
		print_files(&row->files, out);
	}
	print_programs(result, out);
}

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static void add_cost(json_t *row, const struct xdp_cost *cost)
{
	json_object_set_new(row, "instructions", json_integer((json_int_t)cost->instructions));
	json_object_set_new(row, "lookups", json_integer((json_int_t)cost->lookups));
	json_object_set_new(row, "helper_calls", json_integer((json_int_t)cost->helper_calls));
	json_object_set_new(row, "config_lines", json_integer((json_int_t)cost->config_lines));
	json_object_set_new(row, "counter_lines", json_integer((json_int_t)cost->counter_lines));
}

static json_t *files_json(const struct xdp_files *files)
{
	json_t *json = json_object();

	for (size_t i = 0; i < files->n; i++)
		json_object_set_new(json, files->files[i].name,
				    json_integer((json_int_t)files->files[i].instructions));
	return json;
}

static json_t *row_json(const struct xdp_row *row, const struct net *net)
{
	const bool compared = row->versus && !isnan(net->ratio);
	json_t *target = json_null(), *met = json_null(), *json;

	if (*row->error.text)
		return json_pack("{s:s, s:n, s:n, s:n, s:n, s:s}", "path", row->name, "ns", "min",
				 "max", "floors", "error", row->error.text);
	if (row->target_floors > 0) {
		target = json_pack("{s:f}", "floors", row->target_floors);
		met = json_boolean(net->floors <= row->target_floors);
	} else if (row->versus) {
		target = json_pack("{s:f, s:s}", "ratio", row->target_ratio, "to", row->versus);
		met = compared ? json_boolean(net->ratio <= row->target_ratio) : json_null();
	}
	json = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "path", row->name, "ns",
			 number(net->median), "min", number(net->min), "max", number(net->max),
			 "floors", number(net->floors), "ratio", number(net->ratio), "samples",
			 (json_int_t)row->n_samples, "target", target, "met", met);
	add_cost(json, &row->cost);
	return json;
}

static json_t *reference_json(const struct net *net)
{
	return json_pack("{s:o, s:o, s:o}", "ns", number(net->median), "min", number(net->min),
			 "max", number(net->max));
}

static json_t *rows_json(const struct xdp_result *result)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < result->rows->n; i++) {
		struct net net;

		if (row_net(result, &result->rows->rows[i], &net))
			continue;
		json_array_append_new(rows, row_json(&result->rows->rows[i], &net));
	}
	return rows;
}

static json_t *programs_json(const struct xdp_result *result)
{
	json_t *programs = json_array();

	for (size_t i = 0; i < 2; i++) {
		const struct xdp_program *p = &result->programs[i];

		json_array_append_new(programs, json_pack("{s:s, s:I, s:I, s:I}", "name", p->name,
							  "instructions", (json_int_t)p->insns,
							  "machine_code", (json_int_t)p->jited,
							  "verified", (json_int_t)p->verified));
	}
	return programs;
}

static int dump(json_t *document, FILE *out)
{
	if (!document)
		return -ENOMEM;
	if (json_dumpf(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) ||
	    fputc('\n', out) == EOF || fflush(out))
		return -EIO;
	return 0;
}

int xdp_result_write_counts(const struct xdp_result *result, FILE *out)
{
	json_t *rows = json_array(), *document;
	int r;

	for (size_t i = 0; i < result->rows->n; i++) {
		const struct xdp_row *row = &result->rows->rows[i];
		json_t *json = json_pack("{s:s}", "path", row->name);

		if (*row->error.text)
			json_object_set_new(json, "error", json_string(row->error.text));
		else
			add_cost(json, &row->cost);
		if (row->files.n)
			json_object_set_new(json, "files", files_json(&row->files));
		json_array_append_new(rows, json);
	}
	document = json_pack("{s:s, s:o, s:o}", "bench", "xdp", "programs", programs_json(result),
			     "rows", rows);
	r = dump(document, out);
	json_decref(document);
	return r;
}

int xdp_result_write_json(const struct xdp_result *result, FILE *out)
{
	const struct xdp_rows *rows = result->rows;
	struct net floor, empty[2];
	json_t *document = NULL;
	char at[32];
	int r = floor_net(result, &floor);

	for (int i = 0; i < 2 && !r; i++)
		r = summarize(rows->rows, rows->n, i ? 6 : 4, EMPTY, result->bursts, &empty[i]);
	if (r)
		return r;
	report_now(at);
	document = json_pack(
	    "{s:s, s:s, s:s, s:o, s:{s:I, s:I, s:I}, s:o, s:{s:o, s:o}, s:o, s:o}", "bench", "xdp",
	    "version", SLUICE_VERSION, "at", at, "host", report_host(result->load), "settings",
	    "rounds", (json_int_t)result->rounds, "bursts", (json_int_t)result->bursts, "packets",
	    (json_int_t)result->timed, "floor", reference_json(&floor), "empty", "v4",
	    reference_json(&empty[0]), "v6", reference_json(&empty[1]), "programs",
	    programs_json(result), "rows", rows_json(result));
	r = dump(document, out);
	json_decref(document);
	return r;
}
