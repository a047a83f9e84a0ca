/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scalar.h - one text of the file becomes one value, by its field's type and range.
 */
#ifndef LB_CONF_SCALAR_H
#define LB_CONF_SCALAR_H

#include <stdbool.h>

#include "conf/bind.h"
#include "conf/schema.h"
#include "conf/yaml_tree.h"

struct complaint {
	char message[320];
	char hint[320]; /* empty: none */
};

/*
 * Sets the value (not its loc and state) from a TREE_TEXT node, whose text a SCHEMA_NAME, _PATH,
 * _HOST or _INTERFACE value then points to. False: `complaint` says why not.
 */
bool scalar_parse(const struct schema_field *field, const struct tree_node *node,
		  struct value *value, struct complaint *complaint);
/* The same of a SCHEMA_RATE or _AMOUNT value; `complaint` is empty. */
bool scalar_parse_amount(const struct schema_field *field, const char *text, struct value *value,
			 struct complaint *complaint);
/* An amount as one would write it: 10000 → "10k", of bytes "10kB". */
const char *scalar_format_amount(uint64_t number, bool bytes, char *buf, size_t size);
/* Whether the text may be the name of a pool or a VIP. */
bool scalar_name(const struct tree_node *node, struct complaint *complaint);
/* "a number from 1 to 65535", "one of: tcp, udp" … what the field wants, for messages. */
const char *scalar_wants(const struct schema_field *field, char *buf, size_t size);
/* A duration as one would write it: 2000 → "2s". */
const char *scalar_format_duration(uint64_t ms, char *buf, size_t size);

#endif
