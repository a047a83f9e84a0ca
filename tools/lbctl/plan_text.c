/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan for people; see plan_text.h. */
#include "plan_text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "lbctl.h"
#include "text.h"

#define BACKENDS_SHOWN_MAX 20 /* of one pool */
#define OBJECTS_SHOWN_MAX  60 /* VIPs, and pools */

struct tally {
	size_t added, removed, changed;
};

struct printer {
	FILE *out;
	bool colour;
	bool done;
	struct tally vips, pools, backends;
	size_t n_moving; /* VIPs with slots that move */
};

static char mark_of(const char *change)
{
	if (!strcmp(change, "add"))
		return '+';
	if (!strcmp(change, "remove"))
		return '-';
	return !strcmp(change, "keep") ? ' ' : '~';
}

static void count_change(struct tally *tally, char mark)
{
	tally->added += mark == '+';
	tally->removed += mark == '-';
	tally->changed += mark == '~';
}

/* One line of the list: mark, indentation, text. */
static void print_line(const struct printer *printer, char mark, size_t depth, const char *format,
		       ...) __attribute__((format(printf, 4, 5)));

static void print_line(const struct printer *printer, char mark, size_t depth, const char *format,
		       ...)
{
	const char *code = mark == '+'	 ? "\033[32m"
			   : mark == '-' ? "\033[31m"
			   : mark == '~' ? "\033[33m"
					 : NULL;
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (code && printer->colour)
		fputs(code, printer->out);
	text_wrap(printer->out, depth + 6, "%*s%c %s", (int)depth, "", mark, text ? text : "");
	if (code && printer->colour)
		fputs("\033[0m", printer->out);
	free(text);
}

static void print_backends(struct printer *printer, const json_t *backends, bool show)
{
	const json_t *backend;
	size_t n;

	json_array_foreach (backends, n, backend) {
		const char *detail = field_text(backend, "detail");
		char mark = mark_of(field_text(backend, "change"));

		count_change(&printer->backends, mark);
		if (show && n < BACKENDS_SHOWN_MAX)
			print_line(printer, mark, 4, "backend %s%s%s",
				   field_text(backend, "address"), *detail ? ": " : "", detail);
	}
	if (show && n > BACKENDS_SHOWN_MAX)
		print_line(printer, ' ', 4, "… and %zu more backends (--json shows all)",
			   n - BACKENDS_SHOWN_MAX);
}

static void print_pools(struct printer *printer, const json_t *pools)
{
	const json_t *pool;
	size_t n, shown = 0;

	json_array_foreach (pools, n, pool) {
		const char *detail = field_text(pool, "detail");
		const json_t *backends = json_object_get(pool, "backends");
		char mark = mark_of(field_text(pool, "change"));
		char b[FORMAT_MAX];
		bool show;

		count_change(&printer->pools, mark);
		if (mark == ' ' && json_array_size(backends) == 0)
			continue;
		show = shown++ < OBJECTS_SHOWN_MAX;
		if (show && mark == '+')
			print_line(printer, mark, 0, "pool %s: %s", field_text(pool, "name"),
				   format_plural(json_array_size(backends), "backend", b));
		else if (show)
			print_line(printer, mark, 0, "pool %s%s%s", field_text(pool, "name"),
				   *detail ? ": " : "", detail);
		print_backends(printer, backends, show);
	}
	if (shown > OBJECTS_SHOWN_MAX)
		print_line(printer, ' ', 0, "… and %zu more pools (--json shows all)",
			   shown - OBJECTS_SHOWN_MAX);
}

/* "www (192.0.2.80:443/tcp)"; malloc'd. */
static char *vip_title(const json_t *vip)
{
	const char *name = field_text(vip, "name"), *address = field_text(vip, "address");
	bool v6 = strchr(address, ':');
	char ports[PORTRANGE_TEXT_MAX];

	return text_format("%s%s%s%s%s:%s/%s%s", name, *name ? " (" : "", v6 ? "[" : "", address,
			   v6 ? "]" : "", field_ports(vip, ports), field_text(vip, "protocol"),
			   *name ? ")" : "");
}

static void print_vip_changes(struct printer *printer, const json_t *vips)
{
	const json_t *vip;
	size_t n, shown = 0;

	json_array_foreach (vips, n, vip) {
		const char *detail = field_text(vip, "detail");
		char mark = mark_of(field_text(vip, "change"));
		char *title;

		count_change(&printer->vips, mark);
		if (mark == ' ' || shown++ >= OBJECTS_SHOWN_MAX)
			continue;
		title = vip_title(vip);
		print_line(printer, mark, 0, "vip %s%s%s", title, *detail ? ": " : "", detail);
		free(title);
	}
	if (shown > OBJECTS_SHOWN_MAX)
		print_line(printer, ' ', 0, "… and %zu more VIPs (--json shows all)",
			   shown - OBJECTS_SHOWN_MAX);
}

static void print_moves(struct printer *printer, const json_t *vips)
{
	const json_t *vip;
	size_t n;

	json_array_foreach (vips, n, vip) {
		char mark = mark_of(field_text(vip, "change"));
		double share = field_real(vip, "moved_share");
		char b[FORMAT_MAX];

		if (share <= 0 || mark == '+' || mark == '-')
			continue;
		if (printer->n_moving++ == 0)
			fputc('\n', printer->out);
		if (printer->n_moving <= OBJECTS_SHOWN_MAX)
			print_line(printer, ' ', 0, "vip %s: %s of its slots move%s",
				   *field_text(vip, "name") ? field_text(vip, "name")
							    : field_text(vip, "address"),
				   format_percent(share, b), printer->done ? "d" : "");
	}
	if (printer->n_moving > OBJECTS_SHOWN_MAX)
		print_line(printer, ' ', 0, "… and of %zu more VIPs (--json shows all)",
			   printer->n_moving - OBJECTS_SHOWN_MAX);
}

/* "2 VIPs added, 1 removed", as a part of the summary. */
static void add_tally(FILE *text, const struct tally *tally, const char *what)
{
	const struct {
		size_t n;
		const char *verb;
	} parts[] = {
	    {tally->added, "added"}, {tally->removed, "removed"}, {tally->changed, "changed"}};
	bool named = false;
	char b[FORMAT_MAX];

	for (size_t i = 0; i < 3; i++) {
		if (!parts[i].n)
			continue;
		if (named)
			fprintf(text, ", %zu %s", parts[i].n, parts[i].verb);
		else
			fprintf(text, "%s%s %s", ftell(text) > 0 ? "; " : "",
				format_plural(parts[i].n, what, b), parts[i].verb);
		named = true;
	}
}

static void print_summary(const struct printer *printer, const json_t *plan)
{
	char *buf = NULL;
	size_t size = 0;
	FILE *text = open_memstream(&buf, &size);

	if (!text)
		return;
	add_tally(text, &printer->vips, "VIP");
	add_tally(text, &printer->pools, "pool");
	add_tally(text, &printer->backends, "backend");
	if (json_is_string(json_object_get(plan, "node")))
		fprintf(text, "%snode changed", ftell(text) > 0 ? "; " : "");
	if (fclose(text) == 0) {
		fputc('\n', printer->out);
		text_wrap(printer->out, 0, "%s",
			  size ? buf : "maps built anew, the configuration is the same");
	}
	free(buf);
}

void plan_text_print(const json_t *plan, bool done, bool colour, FILE *out)
{
	struct printer printer = {.out = out, .colour = colour, .done = done};
	const json_t *vips = json_object_get(plan, "vips");
	const char *reason = field_text(plan, "rebuild_reason");
	const char *node = field_text(plan, "node");

	if (field_count(plan, "n_changes") == 0 && !field_true(plan, "rebuild")) {
		fprintf(out, "nothing %s\n", done ? "changed" : "would change");
		return;
	}
	if (*node)
		print_line(&printer, '~', 0, "node: %s", node);
	print_pools(&printer, json_object_get(plan, "pools"));
	print_vip_changes(&printer, vips);
	if (field_true(plan, "rebuild"))
		print_line(&printer, '~', 0, "maps: built anew%s%s", *reason ? ": " : "", reason);
	print_moves(&printer, vips);
	print_summary(&printer, plan);
}
