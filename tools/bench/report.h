/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report.h - a run's results: samples gathered by row, shown as a table and written as JSON.
 *
 * The JSON is
 *
 *	{"bench": "control", "version": "0.1.0", "at": "2026-01-31T12:00:00Z",
 *	 "host": {"kernel": "6.1.0", "machine": "x86_64", "cpus": 2, "load": 0.5},
 *	 "settings": {…},
 *	 "rows": [{"name", "unit", "median", "min", "max", "samples": 5,
 *	           "target": 2000 | null, "met": true | false | null, "help"}]}
 */
#ifndef LB_BENCH_REPORT_H
#define LB_BENCH_REPORT_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

struct report_row {
	const char *name; /* stable: results are compared by it */
	const char *unit; /* "ms", "MiB" */
	double target;	  /* the median is to be at most this; 0: there is no target */
	const char *help; /* what is measured, one line */
};

struct report; /* opaque */

/* `rows` is borrowed. NULL when memory ran out. */
struct report *report_new(const char *bench, const struct report_row *rows, size_t n_rows);
void report_free(struct report *report);

/* One more measurement of a row; -ENOMEM. */
int report_add(struct report *report, size_t row, double value);
/* Median of what the row has so far; NAN: nothing. */
double report_median(const struct report *report, size_t row);
/* Steals the reference. */
void report_set_setting(struct report *report, const char *key, json_t *value);

/* The table; rows without a sample are left out. */
void report_print(const struct report *report, FILE *out);
/* 0, -ENOMEM, or -EIO: it could not be written. */
int report_write_json(const struct report *report, FILE *out);

/* {"kernel", "machine", "cpus", "load"} of this host, and the time now as in "at" above; `load` is
 * what getloadavg(3) said before the run. */
json_t *report_host(double load);
void report_now(char ret_text[32]);

#endif
