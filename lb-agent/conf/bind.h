/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bind.h - the tree read by the field table: located values, each good by itself. The rules
 * between them are check.h's.
 */
#ifndef LB_CONF_BIND_H
#define LB_CONF_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/arena.h"
#include "conf/diag.h"
#include "conf/schema.h"
#include "conf/yaml_tree.h"

enum value_state {
	VALUE_UNSET,   /* not in the file, and no default */
	VALUE_DEFAULT, /* not in the file: the table's default */
	VALUE_SET,     /* from the file */
	VALUE_BAD,     /* in the file or missing from it, and complained about */
};

struct object;

struct value {
	struct diag_loc loc; /* of the value; where it is missing, of what lacks it */
	uint8_t state;	     /* enum value_state */
	union {
		uint64_t number;  /* NUMBER, SEED, PORT; DURATION in ms; WORD: its value */
		const char *text; /* NAME, INTERFACE, PATH, HOST */
		struct lb_addr address;
		struct {
			struct lb_addr address; /* where `address` is */
			uint8_t prefix;		/* SOURCE: bits; 0: an address alone */
		} source;
		struct {
			uint16_t min, max;
		} status;
		struct {
			uint16_t first, last;
		} ports; /* PORTS */
		struct {
			uint64_t number; /* RATE: a second */
			bool bytes;
		} amount; /* RATE, AMOUNT */
		struct {
			struct value *items; /* LIST; NAMED: objects, which have at least a name
					      * where the state is VALUE_BAD */
			size_t n;
		} list;
		struct object *object; /* OBJECT */
	};
};

struct object {
	const struct schema_object *schema;
	struct diag_loc loc; /* its key, or where it starts */
	const char *name;    /* its key, where the key is a name; else NULL */
	struct value v[];    /* indexed by the schema's enum */
};

/* Whether there is something to read: a value of the file or a default. */
static inline bool value_good(const struct value *v)
{
	return v->state == VALUE_DEFAULT || v->state == VALUE_SET;
}

/*
 * Reads the tree; what is wrong goes into `diag`, and the rest is read all the same. The result
 * lives in `arena` and points into the tree. NULL where the root is no mapping, said in `diag`.
 * 0 or -ENOMEM.
 */
int bind_tree(struct arena *arena, const struct tree_node *root, struct diag *diag,
	      struct object **ret_object);

#endif
