/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lbctl status and vips: what an operator looks at first. A problem gets a line of its own below
 * the figures, so that it is not left to be found in a column.
 */
#include "lbctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "format.h"
#include "table.h"

#define POOLS_NAMED_MAX 20 /* pools without a usable backend that are named one by one */

static void problem(const struct lbctl *lb, size_t *n_problems, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void problem(const struct lbctl *lb, size_t *n_problems, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if ((*n_problems)++ == 0)
		putchar('\n');
	if (lb->colour)
		fputs("\033[31m", stdout);
	text_wrap(stdout, 9, "problem: %s", text ? text : "");
	if (lb->colour)
		fputs("\033[0m", stdout);
	free(text);
}

static void print_tunnels(const json_t *tunnels)
{
	const json_t *gue = json_object_get(tunnels, "gue");

	if (!json_is_object(tunnels))
		return;
	text_wrap(stdout, 12, "Tunnels     source IPv4 %s, IPv6 %s",
		  field_text(tunnels, "source_ipv4"), field_text(tunnels, "source_ipv6"));
	if (json_is_object(gue))
		text_wrap(stdout, 12, "GUE         port %llu, variant %llu, IPv6 checksum %s",
			  (unsigned long long)field_count(gue, "port"),
			  (unsigned long long)field_count(gue, "variant"),
			  field_text(gue, "ipv6_checksum"));
}

static void print_agent(const json_t *status)
{
	const json_t *reload = json_object_get(status, "last_reload");
	const char *file = field_text(status, "config_file");
	char b1[FORMAT_MAX], b2[FORMAT_MAX], b3[FORMAT_MAX], b4[FORMAT_MAX];

	text_wrap(stdout, 12, "Agent       lb-agent %s, pid %llu, up %s%s",
		  field_text(status, "version"), (unsigned long long)field_count(status, "pid"),
		  format_duration(field_real(status, "uptime_s"), b1),
		  field_true(status, "adopted") ? ", took over a running data plane" : "");
	text_wrap(stdout, 12, "Config      %s", *file ? file : "-");
	if (json_is_object(reload))
		text_wrap(stdout, 12, "Loaded      %s, %s, in %.1f ms", field_text(reload, "at"),
			  field_true(reload, "ok") ? "fine" : "FAILED",
			  field_real(reload, "took_ms"));
	text_wrap(stdout, 12, "Data plane  generation %llu, ABI %llu, maps %s",
		  (unsigned long long)field_count(status, "generation"),
		  (unsigned long long)field_count(status, "abi"),
		  format_bytes(field_count(status, "map_memory_bytes"), b1));
	text_wrap(stdout, 12, "Serving     %s, %s, %s (%llu usable)%s%s",
		  format_plural(field_count(status, "vips"), "VIP", b1),
		  format_plural(field_count(status, "pools"), "pool", b2),
		  format_plural(field_count(status, "backends"), "backend", b3),
		  (unsigned long long)field_count(status, "backends_usable"),
		  field_count(status, "overrides") ? ", " : "",
		  field_count(status, "overrides")
		      ? format_plural(field_count(status, "overrides"), "override", b4)
		      : "");
	print_tunnels(json_object_get(status, "tunnels"));
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

static void print_interfaces(const struct lbctl *lb, const json_t *interfaces)
{
	static const struct table_column columns[] = {
	    {"INTERFACE", TABLE_LEFT}, {"PRESENT", TABLE_LEFT},	   {"ATTACHED", TABLE_LEFT},
	    {"MODE", TABLE_LEFT},      {"DISPATCHER", TABLE_LEFT},
	};
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const json_t *i;
	size_t n;

	json_array_foreach (interfaces, n, i) {
		bool present = field_true(i, "present"), attached = field_true(i, "attached");

		table_cell(table, field_text(i, "name"));
		table_cell_coloured(table, present ? "yes" : "no",
				    present ? TABLE_PLAIN : TABLE_BAD);
		table_cell_coloured(table, attached ? "yes" : "no",
				    attached ? TABLE_GOOD : TABLE_BAD);
		table_cell(table, or_dash(field_text(i, "mode")));
		table_cell(table, field_true(i, "dispatcher") ? "yes" : "no");
	}
	if (table_rows(table)) {
		putchar('\n');
		table_print(table, stdout, lb->colour);
	}
	table_free(table);
}

static void report_interfaces(const struct lbctl *lb, const json_t *interfaces, size_t *n_problems)
{
	const json_t *i;
	size_t n;

	json_array_foreach (interfaces, n, i) {
		const char *error = field_text(i, "error");

		if (!field_true(i, "present"))
			problem(lb, n_problems, "interface %s does not exist%s%s",
				field_text(i, "name"), *error ? ": " : "", error);
		else if (!field_true(i, "attached"))
			problem(lb, n_problems, "interface %s: the balancer is not attached%s%s",
				field_text(i, "name"), *error ? ": " : "", error);
		else if (*error)
			problem(lb, n_problems, "interface %s: %s", field_text(i, "name"), error);
	}
}

/* The pools that serve nobody, each named once, however many VIPs share it. */
static void report_pools(const struct lbctl *lb, const json_t *vips, size_t *n_problems)
{
	json_t *dead = json_object();
	const json_t *vip;
	const char *pool;
	json_t *count;
	size_t n, named = 0;

	json_array_foreach (vips, n, vip) {
		if (field_count(vip, "backends_usable") > 0)
			continue;
		pool = field_text(vip, "pool");
		json_object_set_new(dead, pool,
				    json_integer((json_int_t)field_count(dead, pool) + 1));
	}
	json_object_foreach (dead, pool, count) {
		char b[FORMAT_MAX];

		if (named++ == POOLS_NAMED_MAX)
			break;
		problem(lb, n_problems,
			"pool %s has no usable backend; %s depend%s on it (lbctl backends %s)",
			pool, format_plural((uint64_t)json_integer_value(count), "VIP", b),
			json_integer_value(count) == 1 ? "s" : "", pool);
	}
	if (json_object_size(dead) > POOLS_NAMED_MAX)
		problem(lb, n_problems, "%zu more pools have no usable backend",
			json_object_size(dead) - POOLS_NAMED_MAX);
	json_decref(dead);
}

int cmd_status(const struct lbctl *lb, const struct lbctl_args *args)
{
	json_t *status, *vips = NULL;
	const json_t *interfaces, *reload;
	size_t n_problems = 0;
	int r = client_fetch(lb, "status", NULL, &status);

	if (r)
		return r;
	if (lb->json) {
		lbctl_print_json(status);
		goto out;
	}
	r = client_fetch(lb, "vips", NULL, &vips);
	if (r)
		goto out;
	interfaces = json_object_get(status, "interfaces");
	reload = json_object_get(status, "last_reload");
	print_agent(status);
	print_interfaces(lb, interfaces);
	report_interfaces(lb, interfaces, &n_problems);
	report_pools(lb, vips, &n_problems);
	if (json_is_object(reload) && !field_true(reload, "ok"))
		problem(lb, &n_problems,
			"the last reload (%s) failed: %s; the configuration before it goes on",
			field_text(reload, "at"), field_text(reload, "error"));
out:
	json_decref(vips);
	json_decref(status);
	return r;
}

static void add_vip(struct table *table, const json_t *vip)
{
	uint64_t usable = field_count(vip, "backends_usable");
	uint64_t all = field_count(vip, "backends");
	char b[FORMAT_MAX], ports[PORTRANGE_TEXT_MAX];
	char *text;

	table_cell(table, field_text(vip, "name"));
	table_cell(table, field_text(vip, "address"));
	text = text_format("%s/%s", field_ports(vip, ports), field_text(vip, "protocol"));
	table_cell(table, text);
	free(text);
	table_cell(table, field_text(vip, "forward"));
	table_cell(table, field_text(vip, "pool"));
	text = text_format("%llu/%llu", (unsigned long long)usable, (unsigned long long)all);
	table_cell_coloured(table, text,
			    usable == 0	    ? TABLE_BAD
			    : usable == all ? TABLE_GOOD
					    : TABLE_WARN);
	free(text);
	table_cell(table, format_count(field_count(vip, "packets"), b));
	table_cell(table, format_bytes(field_count(vip, "bytes"), b));
	table_cell(table, format_count(field_count(vip, "dropped_packets"), b));
}

int cmd_vips(const struct lbctl *lb, const struct lbctl_args *args)
{
	static const struct table_column columns[] = {
	    {"NAME", TABLE_LEFT, 8},  {"ADDRESS", TABLE_LEFT, 15}, {"PORT", TABLE_LEFT},
	    {"FWD", TABLE_LEFT},      {"POOL", TABLE_LEFT, 8},	   {"USABLE", TABLE_RIGHT},
	    {"PACKETS", TABLE_RIGHT}, {"BYTES", TABLE_RIGHT},	   {"DROPPED", TABLE_RIGHT},
	};
	struct table *table;
	json_t *vips;
	const json_t *vip;
	size_t n;
	int r = client_fetch(lb, "vips", NULL, &vips);

	if (r)
		return r;
	if (lb->json) {
		lbctl_print_json(vips);
		json_decref(vips);
		return EXIT_OK;
	}
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (vips, n, vip)
		add_vip(table, vip);
	table_print(table, stdout, lb->colour);
	table_free(table);
	json_decref(vips);
	return EXIT_OK;
}
