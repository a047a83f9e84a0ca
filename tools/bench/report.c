/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.c - medians, the table and the JSON file.
 */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

struct samples {
	double *values;
	size_t n;
};

struct stats {
	double median, min, max;
};

struct report {
	const char *bench;
	const struct report_row *rows;
	struct samples *samples; /* by row */
	size_t n_rows;
	json_t *settings;
	double load; /* of the last minute before the run */
};

struct report *report_new(const char *bench, const struct report_row *rows, size_t n_rows)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->bench = bench;
	report->rows = rows;
	report->n_rows = n_rows;
	report->samples = calloc(n_rows, sizeof(*report->samples));
	report->settings = json_object();
	if (getloadavg(&report->load, 1) != 1)
		report->load = 0;
	if (report->samples && report->settings)
		return report;
	report_free(report);
	return NULL;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (size_t i = 0; report->samples && i < report->n_rows; i++)
		free(report->samples[i].values);
	free(report->samples);
	json_decref(report->settings);
	free(report);
}

int report_add(struct report *report, size_t row, double value)
{
	struct samples *s = &report->samples[row];
	double *values = reallocarray(s->values, s->n + 1, sizeof(*values));

	if (!values)
		return -ENOMEM;
	s->values = values;
	s->values[s->n++] = value;
	return 0;
}

void report_set_setting(struct report *report, const char *key, json_t *value)
{
	json_object_set_new(report->settings, key, value);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool summarize(const struct samples *s, struct stats *ret_stats)
{
	if (!s->n)
		return false;
	qsort(s->values, s->n, sizeof(*s->values), compare);
	ret_stats->min = s->values[0];
	ret_stats->max = s->values[s->n - 1];
	ret_stats->median = (s->values[(s->n - 1) / 2] + s->values[s->n / 2]) / 2;
	return true;
}

double report_median(const struct report *report, size_t row)
{
	struct stats stats;

	return summarize(&report->samples[row], &stats) ? stats.median : NAN;
}

/* Three figures that mean something, whatever the size. */
static const char *number(double value, char buffer[32])
{
	snprintf(buffer, 32, "%.*f", fabs(value) < 10 ? 2 : fabs(value) < 1000 ? 1 : 0, value);
	return buffer;
}

void report_print(const struct report *report, FILE *out)
{
	if (report->load > (double)sysconf(_SC_NPROCESSORS_ONLN) / 2)
		fprintf(out,
			"The machine was busy before this began (load %.1f): times say more of it "
			"than of Sluice.\n\n",
			report->load);
	fprintf(out, "%-26s %9s %9s %9s  %-4s %s\n", "", "median", "min", "max", "unit", "target");
	for (size_t i = 0; i < report->n_rows; i++) {
		const struct report_row *row = &report->rows[i];
		char median[32], min[32], max[32];
		struct stats stats;

		if (!summarize(&report->samples[i], &stats))
			continue;
		fprintf(out, "%-26s %9s %9s %9s  ", row->name, number(stats.median, median),
			number(stats.min, min), number(stats.max, max));
		if (row->target > 0)
			fprintf(out, "%-4s ≤ %-6g %s", row->unit, row->target,
				stats.median <= row->target ? "✓" : "✗");
		else
			fputs(row->unit, out);
		fputc('\n', out);
	}
}

static json_t *row_json(const struct report_row *row, const struct samples *samples)
{
	struct stats stats;

	if (!summarize(samples, &stats))
		return json_pack("{s:s, s:s, s:i, s:s}", "name", row->name, "unit", row->unit,
				 "samples", 0, "help", row->help);
	return json_pack("{s:s, s:s, s:f, s:f, s:f, s:I, s:o, s:o, s:s}", "name", row->name, "unit",
			 row->unit, "median", stats.median, "min", stats.min, "max", stats.max,
			 "samples", (json_int_t)samples->n, "target",
			 row->target > 0 ? json_real(row->target) : json_null(), "met",
			 row->target > 0 ? json_boolean(stats.median <= row->target) : json_null(),
			 "help", row->help);
}

json_t *report_host(double load)
{
	struct utsname name;

	if (uname(&name))
		return json_null();
	return json_pack("{s:s, s:s, s:I, s:f}", "kernel", name.release, "machine", name.machine,
			 "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "load", load);
}

void report_now(char ret_text[32])
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int report_write_json(const struct report *report, FILE *out)
{
	json_t *rows = json_array(), *document;
	char at[32];
	int r = -EIO;

	for (size_t i = 0; i < report->n_rows; i++)
		json_array_append_new(rows, row_json(&report->rows[i], &report->samples[i]));
	report_now(at);
	document = json_pack("{s:s, s:s, s:s, s:o, s:O, s:o}", "bench", report->bench, "version",
			     SLUICE_VERSION, "at", at, "host", report_host(report->load),
			     "settings", report->settings, "rows", rows);
	if (!document)
		return -ENOMEM;
	if (!json_dumpf(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) &&
	    fputc('\n', out) != EOF && !fflush(out))
		r = 0;
	json_decref(document);
	return r;
}
