/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lbctl backends, and the commands that change one: drain, undrain, weight. A backend that is not
 * used gets its reason in full below the table, where no column cuts it.
 */
#include "lbctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "format.h"
#include "table.h"

#define REASONS_MAX 20
#define WEIGHT_MAX  65535

static const struct table_column columns[] = {
    {"POOL", TABLE_LEFT, 8}, {"ADDRESS", TABLE_LEFT, 15}, {"WEIGHT", TABLE_RIGHT},
    {"STATE", TABLE_LEFT},   {"HEALTH", TABLE_LEFT},	  {"NEXT HOP", TABLE_LEFT, 8, TEXT_CUT_END},
    {"SHARE", TABLE_RIGHT},  {"PACKETS", TABLE_RIGHT},	  {"BYTES", TABLE_RIGHT},
};

/* "eth1.7 via 10.0.1.1" where it is resolved; else what is wrong, or why it is out of use. */
static char *describe_next_hop(const json_t *backend)
{
	const json_t *hop = json_object_get(backend, "next_hop");
	const char *via = field_text(hop, "via"), *address = field_text(backend, "address");
	const char *detail = field_text(hop, "detail");

	if (strcmp(field_text(hop, "status"), "resolved"))
		return text_format("%s", *detail ? detail : field_text(hop, "status"));
	if (!*via || !strcmp(via, address))
		return text_format("%s", field_text(hop, "device"));
	return text_format("%s via %s", field_text(hop, "device"), via);
}

static void add_weight_and_state(struct table *table, const json_t *backend)
{
	const char *state = field_text(backend, "state");
	uint64_t weight = field_count(backend, "weight");
	bool set_weight = weight != field_count(backend, "configured_weight");
	bool set_state = strcmp(state, field_text(backend, "configured_state"));
	char *text;

	/* An override that says what the file says is one too: mark the state then. */
	if (field_true(backend, "override") && !set_weight && !set_state)
		set_state = true;
	text = text_format("%llu%s", (unsigned long long)weight, set_weight ? "*" : "");
	table_cell_coloured(table, text, set_weight ? TABLE_WARN : TABLE_PLAIN);
	free(text);
	text = text_format("%s%s", state, set_state ? "*" : "");
	table_cell_coloured(table, text, strcmp(state, "active") ? TABLE_WARN : TABLE_PLAIN);
	free(text);
}

static void add_backend(struct table *table, const json_t *backend)
{
	const char *health = field_text(backend, "health");
	bool resolved =
	    !strcmp(field_text(json_object_get(backend, "next_hop"), "status"), "resolved");
	char b[FORMAT_MAX];
	char *hop;

	table_cell(table, field_text(backend, "pool"));
	table_cell_coloured(table, field_text(backend, "address"),
			    field_true(backend, "usable") ? TABLE_PLAIN : TABLE_BAD);
	add_weight_and_state(table, backend);
	table_cell_coloured(table, strcmp(health, "unchecked") ? health : "-",
			    !strcmp(health, "up")     ? TABLE_GOOD
			    : !strcmp(health, "down") ? TABLE_BAD
						      : TABLE_PLAIN);
	hop = describe_next_hop(backend);
	table_cell_coloured(table, hop, resolved ? TABLE_PLAIN : TABLE_BAD);
	free(hop);
	table_cell(table, format_percent(field_real(backend, "share"), b));
	table_cell(table, format_count(field_count(backend, "packets"), b));
	table_cell(table, format_bytes(field_count(backend, "bytes"), b));
}

/* "  10.0.1.13 in web: health check: connection refused (for 12s)" */
static void print_reason(const json_t *backend)
{
	const json_t *since = json_object_get(backend, "health_since_s");
	bool down = !strcmp(field_text(backend, "health"), "down");
	char b[FORMAT_MAX];

	text_wrap(stdout, 4, "  %s in %s: %s%s%s%s", field_text(backend, "address"),
		  field_text(backend, "pool"), field_text(backend, "why"),
		  down && json_is_number(since) ? " (for " : "",
		  down && json_is_number(since) ? format_duration(json_number_value(since), b) : "",
		  down && json_is_number(since) ? ")" : "");
}

static void print_reasons(const json_t *backends)
{
	const json_t *backend;
	size_t n, n_unused = 0;

	json_array_foreach (backends, n, backend) {
		if (field_true(backend, "usable"))
			continue;
		if (n_unused == 0)
			printf("\nNot used for new flows:\n");
		if (n_unused++ < REASONS_MAX)
			print_reason(backend);
	}
	if (n_unused > REASONS_MAX)
		printf("  … and %zu more (lbctl --json backends)\n", n_unused - REASONS_MAX);
}

int cmd_backends(const struct lbctl *lb, const struct lbctl_args *args)
{
	json_t *request = args->arg[0] ? json_pack("{s:s}", "pool", args->arg[0]) : NULL;
	struct table *table;
	json_t *backends;
	const json_t *backend;
	bool overrides = false;
	size_t n;
	int r;

	if (args->arg[0] && !request) {
		fputs("lbctl: POOL is not UTF-8 text\n", stderr);
		return EXIT_USAGE;
	}
	r = client_fetch(lb, "backends", request, &backends);
	if (r)
		return r;
	if (lb->json) {
		lbctl_print_json(backends);
		json_decref(backends);
		return EXIT_OK;
	}
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (backends, n, backend) {
		add_backend(table, backend);
		overrides = overrides || field_true(backend, "override");
	}
	table_print(table, stdout, lb->colour);
	if (overrides)
		printf(
		    "\n* set by lbctl, not by the configuration file; lbctl undrain takes it back\n");
	print_reasons(backends);
	table_free(table);
	json_decref(backends);
	return EXIT_OK;
}

/* What the backend is like now, in a sentence. */
static void print_changed(const json_t *backend)
{
	char share[FORMAT_MAX];
	bool usable = field_true(backend, "usable");

	text_wrap(stdout, 2, "%s in %s: %s, weight %llu, %s of the slots%s%s%s%s",
		  field_text(backend, "address"), field_text(backend, "pool"),
		  strcmp(field_text(backend, "state"), "drain") ? field_text(backend, "state")
								: "draining",
		  (unsigned long long)field_count(backend, "weight"),
		  format_percent(field_real(backend, "share"), share),
		  usable ? "" : "; not used: ", usable ? "" : field_text(backend, "why"),
		  field_true(backend, "override") ? "; overrides the configuration file" : "",
		  field_true(backend, "override") ? " until lbctl undrain" : "");
}

static int change(const struct lbctl *lb, const char *command, json_t *request)
{
	json_t *backend;
	int r;

	if (!request) {
		fputs("lbctl: an argument is not UTF-8 text\n", stderr);
		return EXIT_USAGE;
	}
	r = client_fetch(lb, command, request, &backend);
	if (r)
		return r;
	if (lb->json)
		lbctl_print_json(backend);
	else
		print_changed(backend);
	json_decref(backend);
	return EXIT_OK;
}

int cmd_drain(const struct lbctl *lb, const struct lbctl_args *args)
{
	return change(lb, "drain",
		      json_pack("{s:s, s:s}", "pool", args->arg[0], "address", args->arg[1]));
}

int cmd_undrain(const struct lbctl *lb, const struct lbctl_args *args)
{
	return change(lb, "undrain",
		      json_pack("{s:s, s:s}", "pool", args->arg[0], "address", args->arg[1]));
}

int cmd_weight(const struct lbctl *lb, const struct lbctl_args *args)
{
	const char *text = args->arg[2];
	char *end;
	long weight;

	errno = 0;
	weight = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || weight > WEIGHT_MAX) {
		fprintf(stderr, "lbctl: weight: '%s' is not a number from 0 to %d\n", text,
			WEIGHT_MAX);
		return EXIT_USAGE;
	}
	return change(lb, "weight",
		      json_pack("{s:s, s:s, s:I}", "pool", args->arg[0], "address", args->arg[1],
				"weight", (json_int_t)weight));
}
