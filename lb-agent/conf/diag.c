/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag.c - collects what is wrong and shows it in the order of the file, whichever stage found it.
 *
 * Everything printed may come from a file that somebody else wrote, so nothing that could drive a
 * terminal gets through.
 */
#include "conf/diag.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/diag_source.h"
#include "conf/utf8.h"

#define SHOWN_MAX  100	 /* errors and warnings that are printed */
#define STORED_MAX 10000 /* what a hopeless file may cost in memory */

struct entry {
	enum diag_severity severity;
	struct diag_loc loc;
	size_t seq;
	char *message;
	char *hint; /* NULL: none */
};

struct diag {
	char *file; /* printable: a path may hold anything */
	const char *text;
	size_t text_len;
	char *owned_text;
	struct entry *entries;
	size_t n, capacity;
	size_t errors, warnings, notes; /* counted whether stored or not */
};

/* A copy in which what must not reach a terminal is spelled out: \xNN for a byte, \uNNNN else. */
static char *printable_copy(const char *text)
{
	size_t len = strlen(text), bytes;
	char *copy = malloc(len * 6 + 1);
	char *out = copy;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < len; i += bytes) {
		uint32_t c = utf8_decode(text + i, len - i, &bytes);

		if (utf8_printable(c)) {
			memcpy(out, text + i, bytes);
			out += bytes;
		} else if (c == UTF8_INVALID || c < 0x80) {
			out += sprintf(out, "\\x%02x", (unsigned char)text[i]);
		} else {
			out += sprintf(out, "\\u%04x", (unsigned int)c);
		}
	}
	*out = '\0';
	return copy;
}

struct diag *diag_new(const char *file, const char *text, size_t text_len)
{
	struct diag *diag = calloc(1, sizeof(*diag));

	if (!diag)
		return NULL;
	diag->file = printable_copy(file);
	if (!diag->file) {
		free(diag);
		return NULL;
	}
	diag->text = text;
	diag->text_len = text ? text_len : 0;
	return diag;
}

void diag_take_text(struct diag *diag, char *text, size_t text_len)
{
	free(diag->owned_text);
	diag->owned_text = text;
	diag->text = text;
	diag->text_len = text_len;
}

void diag_free(struct diag *diag)
{
	if (!diag)
		return;
	for (size_t i = 0; i < diag->n; i++) {
		free(diag->entries[i].message);
		free(diag->entries[i].hint);
	}
	free(diag->entries);
	free(diag->owned_text);
	free(diag->file);
	free(diag);
}

static struct entry *entry_add(struct diag *diag)
{
	if (diag->n == STORED_MAX)
		return NULL;
	if (diag->n == diag->capacity) {
		size_t capacity = diag->capacity ? 2 * diag->capacity : 16;
		struct entry *entries = realloc(diag->entries, capacity * sizeof(*entries));

		if (!entries)
			return NULL;
		diag->entries = entries;
		diag->capacity = capacity;
	}
	return &diag->entries[diag->n];
}

void diag_add(struct diag *diag, enum diag_severity severity, struct diag_loc loc, const char *hint,
	      const char *format, ...)
{
	struct entry *e = entry_add(diag);
	char *message = NULL;
	va_list args;
	int n;

	if (severity == DIAG_ERROR)
		diag->errors++;
	else if (severity == DIAG_WARNING)
		diag->warnings++;
	else
		diag->notes++;
	if (!e)
		return;

	va_start(args, format);
	n = vasprintf(&message, format, args);
	va_end(args);
	if (n < 0)
		return;
	*e = (struct entry){.severity = severity, .loc = loc, .seq = diag->n};
	e->message = printable_copy(message);
	free(message);
	if (!e->message)
		return;
	e->hint = hint ? printable_copy(hint) : NULL;
	diag->n++;
}

size_t diag_errors(const struct diag *diag)
{
	return diag->errors;
}

size_t diag_warnings(const struct diag *diag)
{
	return diag->warnings;
}

size_t diag_notes(const struct diag *diag)
{
	return diag->notes;
}

static int entry_order(const void *va, const void *vb)
{
	const struct entry *a = *(const struct entry *const *)va;
	const struct entry *b = *(const struct entry *const *)vb;

	if (a->loc.line != b->loc.line)
		return a->loc.line < b->loc.line ? -1 : 1;
	if (a->loc.column != b->loc.column)
		return a->loc.column < b->loc.column ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* The entries in the file's order, malloc'd; NULL: no memory. */
static const struct entry **sorted_entries(const struct diag *diag)
{
	const struct entry **order = calloc(diag->n + 1, sizeof(struct entry *));

	if (!order)
		return NULL;
	for (size_t i = 0; i < diag->n; i++)
		order[i] = &diag->entries[i];
	qsort(order, diag->n, sizeof(struct entry *), entry_order);
	return order;
}

static const char *severity_name(enum diag_severity severity)
{
	static const char *const names[] = {"error", "warning", "note"};

	return names[severity];
}

static void print_entry(const struct diag *diag, const struct entry *e, struct diag_source *source,
			FILE *out, bool colour)
{
	static const char *const colours[] = {"\033[1;31m", "\033[1;35m", "\033[1;36m"};
	const char *severity_on = colours[e->severity];

	fprintf(out, "%s%s:", colour ? "\033[1m" : "", diag->file);
	if (e->loc.line)
		fprintf(out, "%u:%u:", e->loc.line, e->loc.column);
	fprintf(out, " %s%s:%s %s%s\n", colour ? severity_on : "", severity_name(e->severity),
		colour ? "\033[0;1m" : "", e->message, colour ? "\033[0m" : "");
	if (e->loc.line)
		diag_source_print(source, e->loc, out, colour);
	if (e->hint)
		fprintf(out, "      = %s\n", e->hint);
}

void diag_print(const struct diag *diag, FILE *out, bool colour)
{
	size_t all = diag->errors + diag->warnings + diag->notes;
	const struct entry **order = sorted_entries(diag);
	struct diag_source source;
	size_t shown = diag->n < SHOWN_MAX ? diag->n : SHOWN_MAX;

	diag_source_start(&source, diag->text, diag->text_len);
	for (size_t i = 0; order && i < shown; i++)
		print_entry(diag, order[i], &source, out, colour);
	if (!order)
		shown = 0;
	if (all > shown)
		fprintf(out, "%s: %zu more not shown (%zu errors, %zu warnings in all)\n",
			diag->file, all - shown, diag->errors, diag->warnings);
	free(order);
}

char *diag_text(const struct diag *diag)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	diag_print(diag, out, false);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static json_t *entry_json(const struct entry *e)
{
	json_t *object = json_pack("{s:I, s:I, s:s, s:s}", "line", (json_int_t)e->loc.line,
				   "column", (json_int_t)e->loc.column, "severity",
				   severity_name(e->severity), "message", e->message);

	if (object && e->hint && json_object_set_new(object, "hint", json_string(e->hint)) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

char *diag_json(const struct diag *diag)
{
	const struct entry **order = sorted_entries(diag);
	json_t *root = NULL, *list = json_array();
	char *text = NULL;

	if (!order || !list)
		goto out;
	for (size_t i = 0; i < diag->n; i++)
		if (json_array_append_new(list, entry_json(order[i])) < 0)
			goto out;
	root = json_pack("{s:s, s:O, s:I}", "file", diag->file, "errors", list, "not_listed",
			 (json_int_t)(diag->errors + diag->warnings - diag->n));
	if (root)
		text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
out:
	json_decref(root);
	json_decref(list);
	free(order);
	return text;
}
