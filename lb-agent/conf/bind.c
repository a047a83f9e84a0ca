/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bind.c - walks the tree and the field table together. A bad value is complained about and left
 * out; what comes after it is still read, so that one run finds every error.
 */
#include "conf/bind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/index.h"
#include "conf/scalar.h"

struct binder {
	struct arena *arena;
	struct diag *diag;
};

static int bind_value(struct binder *b, const struct schema_field *field,
		      const struct tree_node *node, struct diag_loc owner, struct value *value);

/* The only required key of an object, or NULL. */
static const struct schema_field *sole_required(const struct schema_object *object)
{
	const struct schema_field *sole = NULL;

	for (size_t i = 0; i < object->n_values; i++) {
		if (!object->fields[i].required)
			continue;
		if (sole)
			return NULL;
		sole = &object->fields[i];
	}
	return sole;
}

static bool has_required(const struct schema_object *object)
{
	for (size_t i = 0; i < object->n_values; i++)
		if (object->fields[i].required)
			return true;
	return false;
}

static void no_value(struct binder *b, const struct schema_field *field, struct diag_loc loc)
{
	char wants[200], hint[280];

	if (field->type == SCHEMA_NAMED ||
	    (field->type == SCHEMA_OBJECT && !has_required(field->object)))
		snprintf(hint, sizeof(hint), "write '%.64s: {}' for one without keys", field->name);
	else if (field->type == SCHEMA_LIST && field->min == 0)
		snprintf(hint, sizeof(hint), "write '%.64s: []' for an empty list", field->name);
	else
		snprintf(hint, sizeof(hint), "it wants %s",
			 scalar_wants(field, wants, sizeof(wants)));
	diag_add(b->diag, DIAG_ERROR, loc, hint, "'%s' has no value", field->name);
}

static void wrong_type_hint(const struct schema_field *field, const struct tree_node *node,
			    char *hint, size_t size)
{
	bool address = field->type == SCHEMA_ADDRESS || field->type == SCHEMA_SOURCE_V6;
	const struct schema_field *key;

	hint[0] = '\0';
	if (address && node->kind != TREE_TEXT && node->flow) {
		snprintf(hint, size, "IPv6 addresses are put in quotes: \"2001:db8::53\"");
	} else if (node->kind == TREE_TEXT && node->n < 60) {
		if (field->type == SCHEMA_LIST && field->item->type != SCHEMA_OBJECT)
			snprintf(hint, size, "write '%s: [%s]'", field->name, node->text);
		key = field->type == SCHEMA_OBJECT ? schema_find(field->object, node->text) : NULL;
		if (key && !key->later && key->type == SCHEMA_OBJECT)
			snprintf(hint, size, "write '%s: {%s: {}}'", field->name, key->name);
		key = field->type == SCHEMA_OBJECT ? sole_required(field->object) : NULL;
		if (key && key->type != SCHEMA_LIST)
			snprintf(hint, size, "write '{%s: %s}'", key->name, node->text);
	}
}

static void wrong_type(struct binder *b, const struct schema_field *field,
		       const struct tree_node *node, struct diag_loc loc)
{
	char wants[200], hint[240];

	if (node->kind == TREE_TEXT && node->n == 0 && !node->quoted) {
		no_value(b, field, loc);
		return;
	}
	wrong_type_hint(field, node, hint, sizeof(hint));
	diag_add(b->diag, DIAG_ERROR, node->loc, hint[0] ? hint : NULL, "'%s' wants %s, found %s",
		 field->name, scalar_wants(field, wants, sizeof(wants)), tree_kind_name(node));
}

/* "port:80" is a key to YAML, since no space follows the colon. Returns the field, or NULL. */
static const struct schema_field *missing_space(const struct schema_object *schema, const char *key)
{
	for (size_t i = 0; i < schema->n_values; i++) {
		size_t len = strlen(schema->fields[i].name);

		if (strncmp(key, schema->fields[i].name, len) == 0 && key[len] == ':')
			return &schema->fields[i];
	}
	return NULL;
}

static const struct schema_field *nearest_key(const struct schema_object *schema, const char *key)
{
	const struct schema_field *nearest = NULL;
	unsigned int best = DIAG_FAR;

	for (size_t i = 0; i < schema->n_values; i++) {
		unsigned int distance = diag_distance(key, schema->fields[i].name);

		if (distance < best) {
			best = distance;
			nearest = &schema->fields[i];
		}
	}
	return nearest;
}

/* Returns the key that was probably meant, or NULL. */
static const struct schema_field *unknown_key(struct binder *b, const struct schema_object *schema,
					      const struct tree_node *key)
{
	const struct schema_field *meant = missing_space(schema, key->text);
	char hint[400];
	size_t used;

	if (meant) {
		snprintf(hint, sizeof(hint), "write '%s: ...', with a space after the colon",
			 meant->name);
	} else if ((meant = nearest_key(schema, key->text))) {
		snprintf(hint, sizeof(hint), "did you mean '%s'?", meant->name);
	} else {
		used = (size_t)snprintf(hint, sizeof(hint), "the keys of %s are: ", schema->title);
		for (size_t i = 0; i < schema->n_values && used < sizeof(hint); i++)
			used += (size_t)snprintf(hint + used, sizeof(hint) - used, "%s%s",
						 i ? ", " : "", schema->fields[i].name);
	}
	diag_add(b->diag, DIAG_ERROR, key->loc, hint, "unknown key '%.60s'", key->text);
	return meant;
}

/* A mapping while it is read. */
struct reading {
	struct object *object;
	struct diag_loc key_locs[SCHEMA_FIELDS_MAX]; /* of each field's key; line 0: not seen */
	bool excused[SCHEMA_FIELDS_MAX];	     /* seen under a misspelt key */
	bool incomplete;			     /* what it lacks may be in a key for later */
};

/* One complaint for all that is missing: its place is the same. */
static void missing_keys(struct binder *b, const struct reading *r)
{
	const struct object *object = r->object;
	const struct schema_field *last = NULL;
	char keys[512] = "", wants[200], hint[280];
	size_t used = 0, n = 0;

	for (size_t i = 0; i < object->schema->n_values && used < sizeof(keys); i++) {
		const struct schema_field *field = &object->schema->fields[i];

		if (!field->required || object->v[i].state != VALUE_UNSET || r->excused[i])
			continue;
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s'%s'", n ? ", " : "",
					 field->name);
		last = field;
		n++;
	}
	if (n == 0 || r->incomplete)
		return;
	if (n == 1)
		snprintf(hint, sizeof(hint), "add '%s: ...', %s", last->name,
			 scalar_wants(last, wants, sizeof(wants)));
	diag_add(b->diag, DIAG_ERROR, object->loc, n == 1 ? hint : NULL,
		 object->name ? "pool '%s' lacks the key%s %s" : "%s lacks the key%s %s",
		 object->name ? object->name : object->schema->title, n > 1 ? "s" : "", keys);
}

/* What is not in the file: the default, or the complaint that there must be something. */
static int fill_rest(struct binder *b, const struct reading *r)
{
	struct object *object = r->object;

	missing_keys(b, r);
	for (size_t i = 0; i < object->schema->n_values; i++) {
		const struct schema_field *field = &object->schema->fields[i];
		struct value *value = &object->v[i];
		struct complaint complaint;
		struct tree_node node;

		if (value->state != VALUE_UNSET)
			continue;
		value->loc = object->loc;
		if (field->required || r->excused[i]) {
			value->state = VALUE_BAD;
		} else if (field->standard) {
			node = (struct tree_node){.kind = TREE_TEXT,
						  .text = field->standard,
						  .n = (uint32_t)strlen(field->standard)};
			if (!scalar_parse(field, &node, value, &complaint))
				return -EINVAL; /* the table is wrong: test_schema.c */
			value->state = VALUE_DEFAULT;
		}
	}
	return 0;
}

static int bind_key(struct binder *b, struct reading *r, const struct tree_node *key,
		    const struct tree_node *node)
{
	const struct schema_object *schema = r->object->schema;
	const struct schema_field *field;
	char hint[64];
	size_t i;

	if (key->kind != TREE_TEXT)
		return 0;
	field = schema_find(schema, key->text);
	if (!field) {
		field = unknown_key(b, schema, key);
		if (field)
			r->excused[field - schema->fields] = true;
		return 0;
	}
	if (field->later) {
		diag_add(b->diag, DIAG_ERROR, key->loc, NULL, "'%s' is not supported yet",
			 field->name);
		r->incomplete = true;
		return 0;
	}
	i = (size_t)(field - schema->fields);
	if (r->key_locs[i].line) {
		snprintf(hint, sizeof(hint), "it was first given in line %u", r->key_locs[i].line);
		diag_add(b->diag, DIAG_ERROR, key->loc, hint, "duplicate key '%s'", field->name);
		return 0;
	}
	r->key_locs[i] = key->loc;
	return bind_value(b, field, node, key->loc, &r->object->v[i]);
}

static int bind_object(struct binder *b, const struct schema_object *schema,
		       const struct tree_node *map, struct diag_loc loc, const char *name,
		       struct object **ret_object)
{
	struct object *object =
	    arena_alloc(b->arena, sizeof(*object) + schema->n_values * sizeof(struct value));
	struct reading reading = {.object = object};

	if (!object)
		return -ENOMEM;
	*object = (struct object){.schema = schema, .loc = loc, .name = name};
	for (const struct tree_node *key = map->first; key; key = key->next->next) {
		int err = bind_key(b, &reading, key, key->next);

		if (err)
			return err;
	}
	*ret_object = object;
	return fill_rest(b, &reading);
}

/* Whether the name is good and new; its place is kept in `names`. 0, -EINVAL (said) or -ENOMEM. */
static int check_name(struct binder *b, const struct schema_field *field, struct index *names,
		      const struct tree_node *key)
{
	struct complaint complaint = {0};
	char hint[64];
	size_t first;
	int err;

	if (key->kind != TREE_TEXT)
		return -EINVAL;
	if (!scalar_name(key, &complaint)) {
		diag_add(b->diag, DIAG_ERROR, key->loc, complaint.hint[0] ? complaint.hint : NULL,
			 "%s", complaint.message);
		return -EINVAL;
	}
	err = index_add(names, key->text, key->n, key->loc.line, &first);
	if (err != -EEXIST)
		return err;
	snprintf(hint, sizeof(hint), "it was first given in line %zu", first);
	diag_add(b->diag, DIAG_ERROR, key->loc, hint, "duplicate name '%s' in '%s'", key->text,
		 field->name);
	return -EINVAL;
}

static int bind_named(struct binder *b, const struct schema_field *field,
		      const struct tree_node *map, struct value *value)
{
	struct index *names = index_new();
	int err = names ? 0 : -ENOMEM;

	if (map->n > field->max)
		diag_add(b->diag, DIAG_ERROR, map->loc, NULL,
			 "'%s' has %u entries: at most %" PRIu64 " are possible", field->name,
			 map->n, field->max);

	value->list.items = arena_array(b->arena, map->n, sizeof(struct value));
	if (!value->list.items)
		err = -ENOMEM;
	for (const struct tree_node *key = map->first; key && !err; key = key->next->next) {
		struct value *item = &value->list.items[value->list.n], unusable = {0};
		const struct tree_node *node = key->next;
		struct schema_field named = {
		    .name = key->text, .type = SCHEMA_OBJECT, .object = field->object};

		err = check_name(b, field, names, key);
		if (err == -ENOMEM)
			break;
		if (err == 0)
			value->list.n++;
		else /* a name that can't be used: its content is read for its own errors */
			item = &unusable;
		err = 0;
		if (node->kind == TREE_MAP) {
			item->loc = key->loc;
			item->state = VALUE_SET;
			err =
			    bind_object(b, field->object, node, key->loc, key->text, &item->object);
		} else {
			item->state = VALUE_BAD;
			item->loc = key->loc;
			item->object = arena_alloc(b->arena, sizeof(struct object));
			if (!item->object) {
				err = -ENOMEM;
				break;
			}
			item->object->name = key->text; /* so that references find it */
			if (key->kind == TREE_TEXT && node->kind != TREE_BAD)
				wrong_type(b, &named, node, key->loc);
		}
	}
	index_free(names);
	return err;
}

static int bind_list(struct binder *b, const struct schema_field *field,
		     const struct tree_node *list, struct diag_loc owner, struct value *value)
{
	if (list->n < field->min)
		diag_add(b->diag, DIAG_ERROR, list->loc, NULL,
			 "'%s' is empty: it wants at least %" PRIu64, field->name, field->min);
	if (list->n > field->max)
		diag_add(b->diag, DIAG_ERROR, owner, NULL,
			 "'%s' has %u items: at most %" PRIu64 " are possible", field->name,
			 list->n, field->max);
	value->list.items = arena_array(b->arena, list->n, sizeof(struct value));
	if (!value->list.items)
		return -ENOMEM;
	for (const struct tree_node *item = list->first; item; item = item->next) {
		int err = bind_value(b, field->item, item, item->loc,
				     &value->list.items[value->list.n++]);

		if (err)
			return err;
	}
	return 0;
}

/* `owner` is the key's place, which says more about a mapping or a missing value than its own. */
static int bind_value(struct binder *b, const struct schema_field *field,
		      const struct tree_node *node, struct diag_loc owner, struct value *value)
{
	struct complaint complaint;

	value->loc = node->loc;
	value->state = VALUE_BAD;
	if (node->kind == TREE_BAD)
		return 0;
	switch (field->type) {
	case SCHEMA_OBJECT:
		if (node->kind != TREE_MAP)
			break;
		value->state = VALUE_SET;
		value->loc = owner;
		return bind_object(b, field->object, node, owner, NULL, &value->object);
	case SCHEMA_NAMED:
		if (node->kind != TREE_MAP)
			break;
		value->state = VALUE_SET;
		return bind_named(b, field, node, value);
	case SCHEMA_LIST:
		if (node->kind != TREE_LIST)
			break;
		value->state = VALUE_SET;
		return bind_list(b, field, node, owner, value);
	default:
		if (node->kind != TREE_TEXT || (node->n == 0 && !node->quoted))
			break;
		if (scalar_parse(field, node, value, &complaint))
			value->state = VALUE_SET;
		else
			diag_add(b->diag, DIAG_ERROR, node->loc,
				 complaint.hint[0] ? complaint.hint : NULL, "%s",
				 complaint.message);
		return 0;
	}
	wrong_type(b, field, node, owner);
	return 0;
}

int bind_tree(struct arena *arena, const struct tree_node *root, struct diag *diag,
	      struct object **ret_object)
{
	struct binder b = {.arena = arena, .diag = diag};

	*ret_object = NULL;
	if (root->kind == TREE_BAD)
		return 0;
	if (root->kind != TREE_MAP) {
		diag_add(diag, DIAG_ERROR, root->loc, "it starts with 'version: 1'",
			 "a configuration is a mapping of keys, found %s", tree_kind_name(root));
		return 0;
	}
	return bind_object(&b, &schema_root, root, root->loc, NULL, ret_object);
}
