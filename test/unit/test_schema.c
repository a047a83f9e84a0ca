/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_schema.c - the field table keeps its own rules, and the documents say what it says.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/scalar.h"
#include "conf/schema.h"

static void each_object(const struct schema_object *object,
			void (*visit)(const struct schema_object *))
{
	visit(object);
	for (size_t i = 0; i < object->n_values; i++) {
		const struct schema_field *field = &object->fields[i];

		if (field->type == SCHEMA_LIST)
			field = field->item;
		if (field->object)
			each_object(field->object, visit);
	}
}

static void check_object(const struct schema_object *object)
{
	cr_assert_leq(object->n_fields, SCHEMA_FIELDS_MAX);
	cr_assert_eq(strncmp(object->title, "a", 1) && strncmp(object->title, "the ", 4), 0);
	for (size_t i = 0; i < object->n_fields; i++) {
		const struct schema_field *field = &object->fields[i];

		cr_assert_not_null(field->name, "%s %zu", object->title, i);
		cr_expect_eq(schema_find(object, field->name), field, "%s twice", field->name);
		cr_expect_eq(field->later, i >= object->n_values, "%s", field->name);
		if (field->later)
			continue;
		cr_expect_not_null(field->help, "%s", field->name);
		cr_expect_not(field->required && field->standard, "%s", field->name);
		cr_expect_leq(field->min, field->max, "%s", field->name);
	}
}

Test(schema, every_object_is_whole)
{
	each_object(&schema_root, check_object);
	cr_assert_null(schema_find(&schema_root, "none"));
}

static void check_defaults(const struct schema_object *object)
{
	for (size_t i = 0; i < object->n_values; i++) {
		const struct schema_field *field = &object->fields[i];
		struct tree_node node = {.kind = TREE_TEXT, .text = field->standard};
		struct complaint complaint;
		struct value value;

		if (!field->standard)
			continue;
		node.n = (uint32_t)strlen(field->standard);
		cr_expect(scalar_parse(field, &node, &value, &complaint), "%s: %s", field->name,
			  complaint.message);
	}
}

Test(schema, every_default_is_valid)
{
	each_object(&schema_root, check_defaults);
}

static json_t *schema_document(void)
{
	char *text = conf_schema_json();
	json_error_t error;
	json_t *root;

	cr_assert_not_null(text);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(root, "%s", error.text);
	free(text);
	return root;
}

static json_t *property(json_t *object, const char *name)
{
	json_t *found = json_object_get(json_object_get(object, "properties"), name);

	cr_assert_not_null(found, "%s", name);
	return found;
}

Test(schema, json_holds_types_ranges_defaults_and_what_is_required)
{
	json_t *root = schema_document();
	json_t *vip = json_object_get(property(root, "vips"), "items");
	json_t *port = property(vip, "port"), *pools = property(root, "pools");
	json_t *pool = json_object_get(pools, "additionalProperties");
	json_t *backend = json_object_get(property(pool, "backends"), "items");

	cr_assert_str_eq(json_string_value(json_object_get(root, "$schema")),
			 "https://json-schema.org/draft/2020-12/schema");
	port = json_array_get(json_object_get(port, "anyOf"), 0); /* or a range */
	cr_assert_eq(json_integer_value(json_object_get(port, "minimum")), 1);
	cr_assert_eq(json_integer_value(json_object_get(port, "maximum")), 65535);
	cr_assert_eq(json_array_size(json_object_get(vip, "required")), 6);
	cr_assert(json_is_false(json_object_get(vip, "additionalProperties")));
	cr_assert_eq(json_integer_value(json_object_get(property(backend, "weight"), "default")),
		     100);
	cr_assert_eq(json_integer_value(json_object_get(property(pool, "backends"), "minItems")),
		     1);
	json_decref(root);
}

Test(schema, json_leaves_out_what_is_not_supported_yet)
{
	json_t *root = schema_document();
	json_t *vip = json_object_get(property(root, "vips"), "items");
	json_t *forward = json_object_get(property(vip, "forward"), "enum");

	cr_assert_null(json_object_get(json_object_get(root, "properties"), "metrics"));
	cr_assert_null(json_object_get(json_object_get(vip, "properties"), "routes"));
	cr_assert_eq(json_array_size(forward), 3);
	json_decref(root);
}

static char *man;

static void check_man(const struct schema_object *object)
{
	for (size_t i = 0; i < object->n_values; i++) {
		char tag[96];

		snprintf(tag, sizeof(tag), ".TP\n\\fB%s\\fR ", object->fields[i].name);
		cr_expect_not_null(strstr(man, tag), "%s", object->fields[i].name);
	}
}

Test(schema, man_page_has_every_key_and_none_for_later)
{
	man = conf_schema_man();
	cr_assert_not_null(man);
	each_object(&schema_root, check_man);
	cr_assert_null(strstr(man, "routes"));
	cr_assert_null(strstr(man, "fBmetrics"));
	cr_assert_null(strstr(man, "fBl7"));
	free(man);
}

Test(schema, man_page_names_type_range_default_and_required)
{
	man = conf_schema_man();
	cr_assert_not_null(
	    strstr(man, "\\fBweight\\fR \\- number from 0 to 65535; default: 100\n"));
	cr_assert_not_null(
	    strstr(man, "\\fBinterval\\fR \\- duration from 100ms to 1h; default: 2s\n"));
	cr_assert_not_null(
	    strstr(man, "\\fBprotocol\\fR \\- one of: tcp, udp; \\fIrequired\\fR\n"));
	cr_assert_not_null(strstr(man, ".SS pools.NAME.backends[]\n"));
	free(man);
}
