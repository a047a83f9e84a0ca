/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema_doc.c - the field table as documents: a JSON Schema, by which editors complete and check
 * while one types, and the reference section of lb-agent.yaml(5).
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/scalar.h"
#include "conf/schema.h"

#define NAME_PATTERN   "^[A-Za-z0-9][A-Za-z0-9._-]*$"
#define PORTS_PATTERN  "^(any|[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?)$"
#define AMOUNT_UNITS   "([kMG]|[kMG]?B|[KMG]iB|[kMG]?bit)?"
#define STATUS_PATTERN "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$"

static json_t *json_of_object(const struct schema_object *object);
static json_t *json_of_field(const struct schema_field *field);

/* jansson's integers are signed; a bound above them is given as a real. */
static json_t *json_of_number(uint64_t n)
{
	return n <= INT64_MAX ? json_integer((json_int_t)n) : json_real((double)n);
}

static json_t *json_of_words(const struct schema_field *field)
{
	json_t *words = json_array();

	for (const struct schema_word *w = field->words; w->word; w++)
		if (!w->later)
			json_array_append_new(words, json_string(w->word));
	return json_pack("{s:o}", "enum", words);
}

static json_t *json_of_integer(const struct schema_field *field)
{
	return json_pack("{s:s, s:o, s:o}", "type", "integer", "minimum",
			 json_of_number(field->min), "maximum", json_of_number(field->max));
}

static json_t *json_of_address(const struct schema_field *field)
{
	if (field->type == SCHEMA_SOURCE_V4)
		return json_pack("{s:s, s:[{s:s}, {s:s}]}", "type", "string", "anyOf", "format",
				 "ipv4", "pattern", "^[0-9.]+/[0-9]+$");
	if (field->type == SCHEMA_SOURCE_V6)
		return json_pack("{s:s, s:[{s:s}, {s:s}]}", "type", "string", "anyOf", "format",
				 "ipv6", "pattern", "^[0-9A-Fa-f:.]+/[0-9]+$");
	return json_pack("{s:s, s:[{s:s}, {s:s}]}", "type", "string", "anyOf", "format", "ipv4",
			 "format", "ipv6");
}

static json_t *json_of_type(const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_OBJECT:
		return json_of_object(field->object);
	case SCHEMA_NAMED:
		return json_pack("{s:s, s:{s:s, s:i}, s:I, s:o}", "type", "object", "propertyNames",
				 "pattern", NAME_PATTERN, "maxLength", CONF_NAME_MAX,
				 "maxProperties", (json_int_t)field->max, "additionalProperties",
				 json_of_object(field->object));
	case SCHEMA_LIST:
		return json_pack("{s:s, s:I, s:I, s:o}", "type", "array", "minItems",
				 (json_int_t)field->min, "maxItems", (json_int_t)field->max,
				 "items", json_of_field(field->item));
	case SCHEMA_NUMBER:
	case SCHEMA_SEED:
	case SCHEMA_PORT:
		return json_of_integer(field);
	case SCHEMA_PORTS:
		return json_pack("{s:[{s:s, s:I, s:I}, {s:s, s:s}]}", "anyOf", "type", "integer",
				 "minimum", (json_int_t)field->min, "maximum",
				 (json_int_t)field->max, "type", "string", "pattern",
				 PORTS_PATTERN);
	case SCHEMA_DURATION:
		return json_pack("{s:s, s:s}", "type", "string", "pattern", "^[0-9]+(ms|s|m|h)$");
	case SCHEMA_RATE:
		return json_pack("{s:s, s:s}", "type", "string", "pattern",
				 "^[0-9]+" AMOUNT_UNITS "/s$");
	case SCHEMA_AMOUNT: /* a plain number is one, too */
		return json_pack("{s:[s, s], s:s, s:i}", "type", "string", "integer", "pattern",
				 "^[0-9]+" AMOUNT_UNITS "$", "minimum", 1);
	case SCHEMA_WORD:
		return json_of_words(field);
	case SCHEMA_NAME:
		return json_pack("{s:s, s:s, s:i}", "type", "string", "pattern", NAME_PATTERN,
				 "maxLength", CONF_NAME_MAX);
	case SCHEMA_INTERFACE:
		return json_pack("{s:s, s:s, s:i}", "type", "string", "pattern", "^[!-.0-9;-~]+$",
				 "maxLength", 15);
	case SCHEMA_ADDRESS:
	case SCHEMA_SOURCE_V4:
	case SCHEMA_SOURCE_V6:
		return json_of_address(field);
	case SCHEMA_STATUS:
		return json_pack("{s:[{s:s, s:I, s:I}, {s:s, s:s}]}", "anyOf", "type", "integer",
				 "minimum", (json_int_t)field->min, "maximum",
				 (json_int_t)field->max, "type", "string", "pattern",
				 STATUS_PATTERN);
	case SCHEMA_PATH:
		return json_pack("{s:s, s:s, s:I}", "type", "string", "pattern", "^/[!\"$-~]*$",
				 "maxLength", (json_int_t)field->max);
	case SCHEMA_HOST:
		return json_pack("{s:s, s:s, s:I}", "type", "string", "pattern",
				 "^[A-Za-z0-9._:\\[\\]-]+$", "maxLength", (json_int_t)field->max);
	}
	return NULL;
}

static json_t *json_of_default(const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_NUMBER:
	case SCHEMA_SEED:
	case SCHEMA_PORT:
		return json_of_number(strtoull(field->standard, NULL, 0));
	default:
		return json_string(field->standard);
	}
}

static json_t *json_of_field(const struct schema_field *field)
{
	json_t *json = json_of_type(field);

	json_object_set_new(json, "description", json_string(field->help));
	if (field->standard)
		json_object_set_new(json, "default", json_of_default(field));
	return json;
}

static json_t *json_of_object(const struct schema_object *object)
{
	json_t *properties = json_object(), *required = json_array();

	for (size_t i = 0; i < object->n_values; i++) {
		const struct schema_field *field = &object->fields[i];

		json_object_set_new(properties, field->name, json_of_field(field));
		if (field->required)
			json_array_append_new(required, json_string(field->name));
	}
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
			 "required", required, "additionalProperties", 0);
}

char *conf_schema_json(void)
{
	json_t *head =
	    json_pack("{s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema",
		      "title", "lb-agent.yaml");
	json_t *body = json_of_object(&schema_root);
	char *text = NULL;

	if (head && body && json_object_update(head, body) == 0)
		text = json_dumps(head, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	json_decref(head);
	json_decref(body);
	return text;
}

#define ROFF_COLUMNS 72

/* Text into roff: no line starts a request, a hyphen is one that can be copied. Folds at spaces
 * where `fold`. */
static void man_put(FILE *out, const char *text, bool fold)
{
	size_t column = 0;

	for (; *text; text++, column++) {
		if (column == 0 && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\'')
			fputs("\\(aq", out);
		else if (*text == ' ' && fold &&
			 (column > ROFF_COLUMNS - 10 || (column > 0 && text[-1] == '.')))
			fputc('\n', out), column = (size_t)-1;
		else
			fputc(*text, out);
	}
}

static void man_text(FILE *out, const char *text)
{
	man_put(out, text, true);
}

static void man_word(FILE *out, const char *text)
{
	man_put(out, text, false);
}

static void man_wants(FILE *out, const struct schema_field *field)
{
	char buf[200], max[32];

	switch (field->type) {
	case SCHEMA_NAMED:
		fprintf(out, "mapping of names to %ss", field->object->title + strlen("a "));
		break;
	case SCHEMA_LIST:
		if (field->min)
			fprintf(out, "list of %" PRIu64 " to %" PRIu64, field->min, field->max);
		else
			fprintf(out, "list of at most %" PRIu64, field->max);
		break;
	case SCHEMA_NUMBER:
		if (field->min == field->max)
			fprintf(out, "the number %" PRIu64, field->min);
		else
			fprintf(out, "number from %" PRIu64 " to %" PRIu64, field->min, field->max);
		break;
	case SCHEMA_DURATION:
		fprintf(out, "duration from %s",
			scalar_format_duration(field->min, buf, sizeof(buf)));
		fprintf(out, " to %s", scalar_format_duration(field->max, max, sizeof(max)));
		break;
	case SCHEMA_SEED:
		if (field->max == UINT64_MAX)
			fputs("number of 64 bits", out);
		else
			fprintf(out, "number from %" PRIu64 " to %" PRIu64, field->min, field->max);
		break;
	case SCHEMA_NAME:
		fprintf(out, "name of at most %d characters", CONF_NAME_MAX);
		break;
	default: {
		const char *wants = scalar_wants(field, buf, sizeof(buf));

		wants += strncmp(wants, "a ", 2) == 0 ? 2 : strncmp(wants, "an ", 3) == 0 ? 3 : 0;
		man_word(out, wants);
	}
	}
}

static void man_field(FILE *out, const struct schema_field *field)
{
	fputs(".TP\n\\fB", out);
	man_word(out, field->name);
	fputs("\\fR \\- ", out);
	man_wants(out, field);
	if (field->required)
		fputs("; \\fIrequired\\fR", out);
	if (field->standard || field->standard_help) {
		fputs("; default: ", out);
		man_word(out, field->standard ? field->standard : field->standard_help);
	}
	fputc('\n', out);
	man_text(out, field->help);
	fputc('\n', out);
	if (!field->words)
		return;
	fputs(".RS\n", out);
	for (const struct schema_word *w = field->words; w->word; w++) {
		if (w->later)
			continue;
		fputs(".TP\n\\fB", out);
		man_word(out, w->word);
		fputs("\\fR\n", out);
		man_text(out, w->help);
		fputc('\n', out);
	}
	fputs(".RE\n", out);
}

/* The object below a field, whatever is between them, or NULL. */
static const struct schema_object *object_below(const struct schema_field *field)
{
	if (field->type == SCHEMA_LIST)
		field = field->item;
	return field->object;
}

/* `path` is how one gets there: "pools.NAME.backends[]". */
static void man_object(FILE *out, const struct schema_object *object, const char *path)
{
	fputs(".SS ", out);
	man_word(out, *path ? path : "Top level");
	fputc('\n', out);
	for (size_t i = 0; i < object->n_values; i++)
		man_field(out, &object->fields[i]);
	for (size_t i = 0; i < object->n_values; i++) {
		const struct schema_field *field = &object->fields[i];
		const char *suffix = field->type == SCHEMA_LIST	   ? "[]"
				     : field->type == SCHEMA_NAMED ? ".NAME"
								   : "";
		char below[256];

		if (!object_below(field))
			continue;
		snprintf(below, sizeof(below), "%s%s%s%s", path, *path ? "." : "", field->name,
			 suffix);
		man_object(out, object_below(field), below);
	}
}

char *conf_schema_man(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool failed;

	if (!out)
		return NULL;
	man_object(out, &schema_root, "");
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
