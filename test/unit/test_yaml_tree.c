/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_yaml_tree.c - places of nodes, and what of YAML is refused.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/arena.h"
#include "conf/yaml_tree.h"

struct parsed {
	struct arena *arena;
	struct diag *diag;
	struct tree_node *root;
};

static struct parsed parse_bytes(const char *text, size_t len)
{
	struct parsed p = {.arena = arena_new(), .diag = diag_new("t", text, len)};

	cr_assert_eq(tree_parse(p.arena, text, len, p.diag, &p.root), 0);
	cr_assert(p.root || diag_errors(p.diag) > 0);
	return p;
}

static struct parsed parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void release(struct parsed *p)
{
	arena_free(p->arena);
	diag_free(p->diag);
}

static void says_bytes(const char *text, size_t len, const char *expected)
{
	struct parsed p = parse_bytes(text, len);
	char *said = diag_text(p.diag);

	cr_expect_str_eq(said, expected, "expected\n%s\nsaid\n%s", expected, said);
	free(said);
	release(&p);
}

static void says(const char *text, const char *expected)
{
	says_bytes(text, strlen(text), expected);
}

static void has_loc(const struct tree_node *node, unsigned int line, unsigned int column,
		    unsigned int length)
{
	cr_expect_eq(node->loc.line, line, "line %u", node->loc.line);
	cr_expect_eq(node->loc.column, column, "column %u", node->loc.column);
	cr_expect_eq(node->loc.length, length, "length %u", node->loc.length);
}

Test(yaml_tree, knows_where_every_node_is)
{
	struct parsed p = parse("a: b\nlist:\n  - \"x y\"\n  - {k: \xc3\xa4, m: 1}\n");
	struct tree_node *a = p.root->first, *list = a->next->next->next, *x = list->first;

	cr_assert_eq(p.root->kind, TREE_MAP);
	cr_assert_eq(p.root->n, 2);
	has_loc(p.root, 1, 1, 0);
	has_loc(a, 1, 1, 1);
	has_loc(a->next, 1, 4, 1);
	cr_assert_eq(list->kind, TREE_LIST);
	cr_assert_eq(list->n, 2);
	has_loc(x, 3, 5, 5);
	cr_assert(x->quoted);
	cr_assert_str_eq(x->text, "x y");
	has_loc(x->next, 4, 5, 1);
	cr_assert(x->next->flow);
	has_loc(x->next->first->next, 4, 9, 1);
	has_loc(x->next->first->next->next, 4, 12, 1);
	release(&p);
}

Test(yaml_tree, skips_a_byte_order_mark)
{
	struct parsed p = parse("\xef\xbb\xbf"
				"a: b\n");

	has_loc(p.root->first, 1, 1, 1);
	cr_assert_str_eq(p.root->first->text, "a");
	release(&p);
}

Test(yaml_tree, refuses_an_empty_file)
{
	static const char expected[] =
	    "t: error: the file is empty\n      = lb-agent.yaml(5) has an example to start from\n";

	says("", expected);
	says("\n\n", expected);
	says("# nothing but a comment\n", expected);
}

Test(yaml_tree, refuses_zero_bytes)
{
	says_bytes("a: \0b\n", 6,
		   "t:1:4: error: a zero byte has no place in a configuration\n"
		   "    1 | a: ?b\n      |    ^\n      = is this a binary file?\n");
	says("a: \"x\\0y\"\n", "t:1:4: error: a text can't hold a zero byte\n"
			       "    1 | a: \"x\\0y\"\n      |    ^~~~~~\n");
}

Test(yaml_tree, refuses_what_is_not_utf8)
{
	static const struct {
		const char *text;
		unsigned char byte;
	} rows[] = {
	    {"a: \xff", 0xff},	       {"a: \xc0\x80", 0xc0},
	    {"a: \xed\xa0\x80", 0xed}, {"a: \xf4\x90\x80\x80", 0xf4},
	    {"a: \xe2\x82", 0xe2},     {"a: \x80", 0x80},
	    {"a: \xe0\x80\x80", 0xe0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p = parse(rows[i].text);
		char *said = diag_text(p.diag), expected[128];

		snprintf(expected, sizeof(expected), "t:1:4: error: byte 0x%02x is not valid UTF-8",
			 rows[i].byte);
		cr_expect_eq(strncmp(said, expected, strlen(expected)), 0, "%s", said);
		free(said);
		release(&p);
	}
}

Test(yaml_tree, refuses_control_characters)
{
	says("a: b\n# \x1b[2J\n",
	     "t:2:3: error: the control character U+001B has no place in a configuration\n"
	     "    2 | # ?[2J\n      |   ^\n      = remove it, or replace it with a space\n");
	says("a: \xe2\x80\xa8"
	     "b\n",
	     "t:1:4: error: the control character U+2028 has no place in a configuration\n"
	     "    1 | a: ?b\n      |    ^\n      = remove it, or replace it with a space\n");
}

Test(yaml_tree, refuses_anchors_and_aliases)
{
	says("a: &x 1\nb: *x\n",
	     "t:1:4: error: YAML anchors are not accepted: '&x'\n    1 | a: &x 1\n      |    ^\n"
	     "      = write the value out where it is used\n"
	     "t:2:4: error: YAML aliases are not accepted: '*x'\n    2 | b: *x\n      |    ^~\n"
	     "      = write the value out where it is used\n");
}

Test(yaml_tree, refuses_merge_keys)
{
	says("<<: {a: 1}\n", "t:1:1: error: YAML merge keys are not accepted\n"
			     "    1 | <<: {a: 1}\n      | ^~\n"
			     "      = write the keys out where they are used\n");
}

Test(yaml_tree, refuses_tags)
{
	says("a: !!str 1\n", "t:1:4: error: YAML tags are not accepted: 'tag:yaml.org,2002:str'\n"
			     "    1 | a: !!str 1\n      |    ^\n      = remove the tag\n");
}

Test(yaml_tree, refuses_a_second_document)
{
	says("a: 1\n---\nb: 2\n",
	     "t:2:1: error: a configuration is one YAML document; a second one starts here\n"
	     "    2 | ---\n      | ^\n      = put everything into one document\n");
}

Test(yaml_tree, refuses_keys_that_are_no_texts)
{
	says("{[a]: 1}\n", "t:1:2: error: a key must be a text, not a list\n"
			   "    1 | {[a]: 1}\n      |  ^\n");
}

Test(yaml_tree, refuses_deep_nesting)
{
	char *text = malloc(100001);
	struct parsed p;

	memset(text, '[', 100000);
	text[100000] = '\0';
	p = parse(text);
	cr_assert_null(p.root);
	cr_assert_eq(diag_errors(p.diag), 1);
	release(&p);
	free(text);
	p = parse("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"); /* 32 */
	cr_assert_not_null(p.root);
	release(&p);
	says("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	     "t:1:33: error: nested deeper than 32 levels\n"
	     "    1 | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
	     "      |                                 ^\n");
}

Test(yaml_tree, says_that_tabs_do_not_indent)
{
	says("a:\n\tb: 1\n", "t:2:1: error: YAML syntax: a tab can't be used to indent\n"
			     "    2 |         b: 1\n      | ^~~~~~~~\n"
			     "      = YAML is indented with spaces\n");
}

Test(yaml_tree, says_that_bare_ipv6_addresses_want_quotes)
{
	static const char *const lines[] = {"- {address: ::1}\n", "- {address: 2001:db8::}\n",
					    "- {address: 2001:db8::, weight: 1}\n",
					    "- address: 2001:db8:: : x\n"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct parsed p = parse(lines[i]);
		char *said = diag_text(p.diag);

		cr_expect_not_null(strstr(said, "put IPv6 addresses in quotes"), "%s", said);
		free(said);
		release(&p);
	}
}

Test(yaml_tree, does_not_take_every_colon_for_an_ipv6_address)
{
	says("a: b: c\n", "t:1:5: error: YAML syntax: a ':' where no key can be\n"
			  "    1 | a: b: c\n      |     ^\n"
			  "      = is the line indented as the one above? a text that holds ': ' "
			  "needs quotes\n");
}

Test(yaml_tree, says_where_what_is_not_closed_starts)
{
	says("a: [1,\nb: 2\n",
	     "t:3:1: error: YAML syntax: expected ',' or ']' in a list (while parsing a flow "
	     "sequence that starts at line 1)\n    3 | \n      | ^\n"
	     "      = the file ends here: is a bracket left open above?\n");
}

Test(yaml_tree, points_at_a_quote_that_is_not_closed)
{
	says("a: [\"b, c]\nd: e\n", "t:1:5: error: YAML syntax: a quote that is not closed\n"
				    "    1 | a: [\"b, c]\n      |     ^\n");
}

Test(yaml_tree, points_at_a_key_without_its_colon)
{
	says("a: 1\nb:2\nc: 3\n", "t:2:1: error: YAML syntax: expected ':' after a key\n"
				  "    2 | b:2\n      | ^\n"
				  "      = a key is written 'key: value', with a space after the "
				  "colon\n");
}
