/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * yaml_tree.h - a YAML file as nodes that know their place.
 *
 * What a configuration has no use for, and what makes a file read otherwise than it looks, is
 * refused: anchors, aliases, merge keys, tags, several documents.
 */
#ifndef LB_CONF_YAML_TREE_H
#define LB_CONF_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/arena.h"
#include "conf/diag.h"

#define TREE_TEXT_MAX  ((size_t)256 << 20) /* bytes of a file, at the most */
#define TREE_NODES_MAX ((size_t)8 << 20)   /* values and keys, at the most: 40 bytes each */
#define TREE_DEPTH_MAX 32		   /* levels of nesting */

enum tree_kind {
	TREE_MAP,  /* children: key, value, key, value … */
	TREE_LIST, /* children: the items */
	TREE_TEXT, /* a scalar, whatever it looks like */
	TREE_BAD,  /* it has been complained about */
};

struct tree_node {
	uint8_t kind;		/* enum tree_kind */
	bool quoted;		/* TREE_TEXT: not a plain scalar */
	bool flow;		/* TREE_MAP, TREE_LIST: in brackets */
	uint32_t n;		/* entries of a map, items of a list, bytes of a text */
	struct diag_loc loc;	/* of a map or list: where it starts */
	struct tree_node *next; /* sibling */
	union {
		struct tree_node *first; /* TREE_MAP, TREE_LIST */
		const char *text;	 /* TREE_TEXT: zero-terminated, holds no other zero */
	};
};

/*
 * Parses a text into nodes of `arena`. 0 and the root, which is NULL where errors were added to
 * `diag`, or -ENOMEM. Where only parts are refused the rest is still a tree, so that its own errors
 * can be found in the same go.
 */
int tree_parse(struct arena *arena, const char *text, size_t len, struct diag *diag,
	       struct tree_node **ret_root);

/* "a list", "a text" … for messages. */
const char *tree_kind_name(const struct tree_node *node);

#endif
