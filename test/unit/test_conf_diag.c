/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_diag.c - diagnostics to the letter: order, caret, hints, cut lines, colours, JSON.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/diag.h"
#include "conf_text.h"

static void prints(struct diag *diag, const char *expected)
{
	char *text = diag_text(diag);

	cr_expect_str_eq(text, expected, "expected\n%s\nprinted\n%s", expected, text);
	free(text);
	diag_free(diag);
}

/* One error at a place of a text. */
static void points(const char *text, struct diag_loc loc, const char *expected)
{
	struct diag *diag = diag_new("f", text, strlen(text));

	diag_add(diag, DIAG_ERROR, loc, NULL, "wrong");
	prints(diag, expected);
}

Test(conf_diag, prints_place_source_caret_and_hint)
{
	conf_text_prints(WITH_BACKENDS("{address: 10.0.0.1, wieght: 100}"),
			 "t.yaml:4:40: error: unknown key 'wieght'\n"
			 "    4 |   web: {backends: [{address: 10.0.0.1, wieght: 100}]}\n"
			 "      |                                        ^~~~~~\n"
			 "      = did you mean 'weight'?\n");
}

Test(conf_diag, prints_a_syntax_error_with_its_caret)
{
	conf_text_prints("version: 1\nnode: {interfaces: [eth0}\n",
			 "t.yaml:2:25: error: YAML syntax: expected ',' or ']' in a list\n"
			 "    2 | node: {interfaces: [eth0}\n"
			 "      |                         ^\n");
}

Test(conf_diag, sorts_by_place_and_keeps_the_order_of_one_place)
{
	static const char text[] = "one\ntwo\n";
	struct diag *diag = diag_new("f", text, sizeof(text) - 1);

	diag_add(diag, DIAG_ERROR, (struct diag_loc){2, 1, 3}, "h", "c");
	diag_add(diag, DIAG_WARNING, (struct diag_loc){1, 2, 1}, NULL, "a");
	diag_add(diag, DIAG_ERROR, (struct diag_loc){1, 2, 2}, NULL, "b");
	diag_add(diag, DIAG_ERROR, (struct diag_loc){0}, NULL, "whole file");
	cr_assert_eq(diag_errors(diag), 3);
	cr_assert_eq(diag_warnings(diag), 1);
	prints(diag, "f: error: whole file\n"
		     "f:1:2: warning: a\n    1 | one\n      |  ^\n"
		     "f:1:2: error: b\n    1 | one\n      |  ^~\n"
		     "f:2:1: error: c\n    2 | two\n      | ^~~\n      = h\n");
}

Test(conf_diag, puts_the_caret_behind_tabs)
{
	points("\tx:\ty\n", (struct diag_loc){1, 5, 1},
	       "f:1:5: error: wrong\n    1 |         x:      y\n      |                 ^\n");
}

Test(conf_diag, counts_characters_and_not_bytes)
{
	points("n\xc3\xa4me: \xe2\x82\xac x", (struct diag_loc){1, 9, 1},
	       "f:1:9: error: wrong\n    1 | n\xc3\xa4me: \xe2\x82\xac x\n      |         ^\n");
}

Test(conf_diag, gives_wide_characters_two_columns_and_marks_none)
{
	points("\xe6\x97\xa5 x", (struct diag_loc){1, 3, 1},
	       "f:1:3: error: wrong\n    1 | \xe6\x97\xa5 x\n      |    ^\n");
	points("e\xcc\x81 x", (struct diag_loc){1, 4, 1},
	       "f:1:4: error: wrong\n    1 | e\xcc\x81 x\n      |   ^\n");
}

Test(conf_diag, does_not_let_a_file_drive_the_terminal)
{
	static const char text[] = "\x1b[2J\xc2\x9b\xff\xe2\x80\xae x";
	struct diag *diag = diag_new("f", text, sizeof(text) - 1);

	diag_add(diag, DIAG_ERROR, (struct diag_loc){1, 9, 1}, "\x1bh", "a\x1b\xff\xe2\x80\xae");
	prints(diag, "f:1:9: error: a\\x1b\\xff\\u202e\n    1 | ?[2J??? x\n      |         ^\n"
		     "      = \\x1bh\n");
}

Test(conf_diag, knows_all_line_ends)
{
	points("a\rb\r\nc\nd", (struct diag_loc){4, 1, 1},
	       "f:4:1: error: wrong\n    4 | d\n      | ^\n");
	points("a\r\nb\r\n", (struct diag_loc){2, 1, 1},
	       "f:2:1: error: wrong\n    2 | b\n      | ^\n");
}

Test(conf_diag, leaves_out_a_byte_order_mark)
{
	points("\xef\xbb\xbf"
	       "abc",
	       (struct diag_loc){1, 2, 1}, "f:1:2: error: wrong\n    1 | abc\n      |  ^\n");
}

Test(conf_diag, points_behind_the_end_of_a_line)
{
	points("abc\nd", (struct diag_loc){1, 4, 0},
	       "f:1:4: error: wrong\n    1 | abc\n      |    ^\n");
	points("abc\n", (struct diag_loc){2, 1, 0}, "f:2:1: error: wrong\n    2 | \n      | ^\n");
}

Test(conf_diag, prints_no_source_where_there_is_no_such_line)
{
	points("abc\n", (struct diag_loc){7, 1, 0}, "f:7:1: error: wrong\n");
}

static void fits(size_t before, size_t length, size_t after)
{
	size_t len = before + length + after;
	char *text = malloc(len + 1), *said, *line, *caret, *save;
	struct diag *diag;

	memset(text, 'a', before);
	memset(text + before, 'X', length);
	memset(text + before + length, 'b', after);
	text[len] = '\0';
	diag = diag_new("f", text, len);
	diag_add(diag, DIAG_ERROR,
		 (struct diag_loc){1, (unsigned int)before + 1, (unsigned int)length}, NULL, "w");
	said = diag_text(diag);
	strtok_r(said, "\n", &save);
	line = strtok_r(NULL, "\n", &save);
	caret = strtok_r(NULL, "\n", &save);
	cr_expect_leq(strlen(line), 100, "%s", line);
	cr_expect_leq(strlen(caret), 100, "%s", caret);
	cr_expect_eq(line[strcspn(caret, "^")], 'X', "%s\n%s", line, caret);
	if (length < 50)
		cr_expect_eq(strspn(caret + strcspn(caret, "^"), "^~"), length, "%s\n%s", line,
			     caret);
	free(said);
	free(text);
	diag_free(diag);
}

Test(conf_diag, cuts_long_lines_around_the_caret)
{
	fits(0, 3, 200);
	fits(80, 12, 0);
	fits(80, 13, 0);
	fits(200, 3, 0);
	fits(200, 3, 200);
	fits(10000, 3, 10000);
	fits(200, 500, 200);
	fits(0, 5000, 0);
}

Test(conf_diag, stops_after_100_and_says_how_many_more)
{
	struct diag *diag = diag_new("f", NULL, 0);
	char *text;
	size_t lines = 0;

	for (unsigned int i = 1; i <= 20000; i++)
		diag_add(diag, i % 2 ? DIAG_ERROR : DIAG_WARNING, (struct diag_loc){i, 1, 0}, NULL,
			 "wrong");
	cr_assert_eq(diag_errors(diag), 10000);
	text = diag_text(diag);
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	cr_assert_eq(lines, 101);
	cr_assert_not_null(
	    strstr(text, "f: 19900 more not shown (10000 errors, 10000 warnings in all)\n"));
	free(text);
	diag_free(diag);
}

Test(conf_diag, colours_when_asked)
{
	struct diag *diag = diag_new("f", "abc", 3);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	diag_add(diag, DIAG_ERROR, (struct diag_loc){1, 2, 2}, NULL, "wrong");
	diag_print(diag, out, true);
	fclose(out);
	cr_assert_str_eq(text, "\033[1mf:1:2: \033[1;31merror:\033[0;1m wrong\033[0m\n"
			       "    1 | abc\n      |  \033[1;32m^~\033[0m\n");
	free(text);
	diag_free(diag);
}

Test(conf_diag, writes_json)
{
	struct diag *diag = diag_new("f\xff", NULL, 0);
	char *text;
	json_t *root, *first;

	diag_add(diag, DIAG_WARNING, (struct diag_loc){3, 4, 5}, "so", "b\xfe");
	diag_add(diag, DIAG_ERROR, (struct diag_loc){1, 2, 0}, NULL, "a \"quote\"");
	text = diag_json(diag);
	root = json_loads(text, 0, NULL);
	cr_assert_not_null(root);
	cr_assert_str_eq(json_string_value(json_object_get(root, "file")), "f\\xff");
	cr_assert_eq(json_array_size(json_object_get(root, "errors")), 2);
	first = json_array_get(json_object_get(root, "errors"), 0);
	cr_assert_eq(json_integer_value(json_object_get(first, "line")), 1);
	cr_assert_eq(json_integer_value(json_object_get(first, "column")), 2);
	cr_assert_str_eq(json_string_value(json_object_get(first, "severity")), "error");
	cr_assert_str_eq(json_string_value(json_object_get(first, "message")), "a \"quote\"");
	cr_assert_null(json_object_get(first, "hint"));
	json_decref(root);
	free(text);
	diag_free(diag);
}

Test(conf_diag, finds_the_nearest_word)
{
	static const char *const words[] = {"address", "weight", "state", "protocol", "port",
					    "pool",    "tcp",	 "udp",	  "l2",	      NULL};
	static const char *const rows[][2] = {
	    {"wieght", "weight"},  {"Weight", "weight"}, {"adress", "address"}, {"addr", "address"},
	    {"proto", "protocol"}, {"prot", "protocol"}, {"tpc", "tcp"},	{"pools", "pool"},
	    {"colour", NULL},	   {"", NULL},		 {"x", NULL},		{"ip", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *found = diag_nearest(rows[i][0], words);

		cr_expect(found == rows[i][1] ||
			      (found && rows[i][1] && !strcmp(found, rows[i][1])),
			  "%s: %s", rows[i][0], found ? found : "none");
	}
}

Test(conf_diag, takes_words_of_any_length)
{
	static const char *const words[] = {"weight", NULL};
	char *word = malloc(100001);

	memset(word, 'w', 100000);
	word[100000] = '\0';
	cr_assert_null(diag_nearest(word, words));
	free(word);
}

Test(conf_diag, free_takes_null)
{
	diag_free(NULL);
	conf_free(NULL);
}
