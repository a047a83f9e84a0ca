/* SPDX-License-Identifier: GPL-2.0-only */
/* lbctl counters: what became of every packet, once or again and again with rates. */
#include "lbctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "format.h"
#include "table.h"

#define WATCH_SECONDS_MAX 86400.0

enum {
	OPTION_ALL,
	OPTION_WATCH
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static enum table_colour action_colour(const char *action)
{
	if (!strcmp(action, "drop"))
		return TABLE_BAD;
	return strcmp(action, "forward") ? TABLE_PLAIN : TABLE_GOOD;
}

/* The counter of the same reason in an earlier sample, or NULL. */
static const json_t *find_reason(const json_t *reasons, size_t hint, const char *name)
{
	const json_t *reason = json_array_get(reasons, hint);
	size_t n;

	if (reason && !strcmp(field_text(reason, "name"), name))
		return reason;
	json_array_foreach (reasons, n, reason) {
		if (!strcmp(field_text(reason, "name"), name))
			return reason;
	}
	return NULL;
}

static double rate(const json_t *now, const json_t *before, const char *key, double seconds)
{
	uint64_t a = field_count(now, key), b = field_count(before, key);

	return before && a > b && seconds > 0 ? (double)(a - b) / seconds : 0;
}

static void add_rates(struct table *table, const json_t *reason, const json_t *before,
		      double seconds)
{
	char b[FORMAT_MAX];

	table_cell(table,
		   format_count((uint64_t)(rate(reason, before, "packets", seconds) + 0.5), b));
	table_cell(table, format_bit_rate(rate(reason, before, "bytes", seconds) * 8, b));
}

/* `earlier` (with its age) or NULL: then there are no columns of rates. */
static void print_counters(const struct lbctl *lb, const json_t *data, const json_t *earlier,
			   double seconds, bool all, bool rates)
{
	static const struct table_column plain[] = {
	    {"REASON", TABLE_LEFT},
	    {"ACTION", TABLE_LEFT},
	    {"PACKETS", TABLE_RIGHT},
	    {"BYTES", TABLE_RIGHT},
	    {"MEANING", TABLE_LEFT, 10, TEXT_CUT_END},
	};
	static const struct table_column watched[] = {
	    {"REASON", TABLE_LEFT},
	    {"ACTION", TABLE_LEFT},
	    {"PACKETS", TABLE_RIGHT},
	    {"BYTES", TABLE_RIGHT},
	    {"PKT/S", TABLE_RIGHT},
	    {"BITS/S", TABLE_RIGHT},
	    {"MEANING", TABLE_LEFT, 10, TEXT_CUT_END},
	};
	struct table *table = rates ? table_new(watched, sizeof(watched) / sizeof(watched[0]))
				    : table_new(plain, sizeof(plain) / sizeof(plain[0]));
	const json_t *reasons = json_object_get(data, "reasons");
	const json_t *before = json_object_get(earlier, "reasons");
	const json_t *reason;
	char b[FORMAT_MAX];
	size_t n;

	json_array_foreach (reasons, n, reason) {
		const char *name = field_text(reason, "name");

		if (!all && field_count(reason, "packets") == 0)
			continue;
		table_cell(table, name);
		table_cell_coloured(table, field_text(reason, "action"),
				    action_colour(field_text(reason, "action")));
		table_cell(table, format_count(field_count(reason, "packets"), b));
		table_cell(table, format_bytes(field_count(reason, "bytes"), b));
		if (rates)
			add_rates(table, reason, find_reason(before, n, name), seconds);
		table_cell(table, field_text(reason, "help"));
	}
	if (table_rows(table))
		table_print(table, stdout, lb->colour);
	else
		printf("no packet yet\n");
	table_free(table);
}

static int watch(const struct lbctl *lb, double interval, bool all)
{
	bool screen = isatty(STDOUT_FILENO) && !lb->json;
	json_t *earlier = NULL, *data;
	double earlier_s = 0;
	int r;

	while (!(r = client_fetch(lb, "counters", NULL, &data))) {
		double at = now_s();
		struct timespec pause = {.tv_sec = (time_t)interval};

		pause.tv_nsec = (long)((interval - (double)pause.tv_sec) * 1e9);
		if (screen)
			fputs("\033[H\033[2J", stdout);
		else if (earlier && !lb->json)
			putchar('\n');
		if (lb->json)
			lbctl_print_json(data);
		else
			print_counters(lb, data, earlier, at - earlier_s, all, true);
		json_decref(earlier);
		earlier = data;
		earlier_s = at;
		if (fflush(stdout))
			break;
		nanosleep(&pause, NULL);
	}
	json_decref(earlier);
	return r;
}

int cmd_counters(const struct lbctl *lb, const struct lbctl_args *args)
{
	const char *text = args->value[OPTION_WATCH];
	double interval = 1;
	json_t *data;
	char *end;
	int r;

	if (text && *text) {
		interval = strtod(text, &end);
		if (*end || !(interval >= 0.1) || interval > WATCH_SECONDS_MAX) {
			fprintf(stderr,
				"lbctl: counters: --watch takes seconds, 0.1 to 86400, not '%s'\n",
				text);
			return EXIT_USAGE;
		}
	}
	if (args->option[OPTION_WATCH])
		return watch(lb, interval, args->option[OPTION_ALL]);
	r = client_fetch(lb, "counters", NULL, &data);
	if (r)
		return r;
	if (lb->json)
		lbctl_print_json(data);
	else
		print_counters(lb, data, NULL, 0, args->option[OPTION_ALL], false);
	json_decref(data);
	return EXIT_OK;
}
