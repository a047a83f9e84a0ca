/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lbctl limits: the rate limits, what each found to be too much, and the sources nearest to theirs.
 */
#include "lbctl.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "format.h"
#include "table.h"

static const struct table_column columns[] = {
    {"VIP", TABLE_LEFT, 8},   {"PER", TABLE_LEFT},	{"RATE", TABLE_RIGHT},
    {"BURST", TABLE_RIGHT},   {"ACTION", TABLE_LEFT},	{"DROPPED", TABLE_RIGHT},
    {"COUNTED", TABLE_RIGHT}, {"SOURCES", TABLE_RIGHT},
};

/* "source", or "source /24 /48" where a prefix is not a single address or a /64. */
static char *describe_per(const json_t *limit)
{
	const uint64_t four = field_count(limit, "prefix_ipv4"),
		       six = field_count(limit, "prefix_ipv6");

	if (strcmp(field_text(limit, "per"), "source") || (four == 32 && six == 64))
		return text_format("%s", field_text(limit, "per"));
	return text_format("source /%llu /%llu", (unsigned long long)four, (unsigned long long)six);
}

/* "10.0K", "1.00 MB" … */
static const char *amount(const json_t *limit, const char *key, char buf[FORMAT_MAX])
{
	const uint64_t number = field_count(limit, key);

	return strcmp(field_text(limit, "count"), "bytes") ? format_count(number, buf)
							   : format_bytes(number, buf);
}

static void add_limit(struct table *table, const json_t *limit)
{
	const uint64_t dropped = field_count(limit, "dropped_packets"),
		       counted = field_count(limit, "would_drop_packets");
	char b[FORMAT_MAX];
	char *text;

	table_cell(table, field_text(limit, "vip"));
	text = describe_per(limit);
	table_cell(table, text);
	free(text);
	text = text_format("%s%s/s", amount(limit, "rate", b),
			   strcmp(field_text(limit, "count"), "connections") ? "" : " conn");
	table_cell(table, text);
	free(text);
	table_cell(table, amount(limit, "burst", b));
	table_cell(table, field_text(limit, "action"));
	table_cell_coloured(table, format_count(dropped, b), dropped ? TABLE_BAD : TABLE_PLAIN);
	table_cell_coloured(table, format_count(counted, b), counted ? TABLE_WARN : TABLE_PLAIN);
	table_cell(table, json_is_integer(json_object_get(limit, "sources"))
			      ? format_count(field_count(limit, "sources"), b)
			      : "-");
}

static void print_top(const json_t *top)
{
	const json_t *source;
	char b[FORMAT_MAX];
	size_t n;

	json_array_foreach (top, n, source) {
		if (n == 0)
			printf(
			    "\nNearest to their limit, by the part of the burst that is used:\n");
		text_wrap(stdout, 4, "  %s to %s: %s of %s", field_text(source, "source"),
			  field_text(source, "vip"), format_percent(field_real(source, "used"), b),
			  field_text(source, "limit"));
	}
}

int cmd_limits(const struct lbctl *lb, const struct lbctl_args *args)
{
	json_t *request = args->arg[0] ? json_pack("{s:s}", "vip", args->arg[0]) : NULL;
	struct table *table;
	json_t *data;
	const json_t *limits, *limit;
	char b1[FORMAT_MAX], b2[FORMAT_MAX];
	size_t n;
	int r;

	if (args->arg[0] && !request) {
		fputs("lbctl: VIP is not UTF-8 text\n", stderr);
		return EXIT_USAGE;
	}
	r = client_fetch(lb, "limits", request, &data);
	if (r)
		return r;
	if (lb->json) {
		lbctl_print_json(data);
		goto out;
	}
	limits = json_object_get(data, "limits");
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (limits, n, limit)
		add_limit(table, limit);
	if (table_rows(table)) {
		table_print(table, stdout, lb->colour);
		print_top(json_object_get(data, "top"));
		printf("\n%s of at most %s sources are remembered\n",
		       format_count(field_count(data, "sources"), b1),
		       format_count(field_count(data, "sources_max"), b2));
	} else {
		printf("no rate limits\n");
	}
	table_free(table);
out:
	json_decref(data);
	return EXIT_OK;
}
