/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * yaml_tree.c - libyaml's events become located nodes. The only user of libyaml.
 */
#include "conf/yaml_tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "conf/utf8.h"

struct builder {
	struct arena *arena;
	struct diag *diag;
	const char *text;
	size_t len;
	struct tree_node *root;
	unsigned int documents;
	size_t nodes;
	struct open {
		struct tree_node *node, *last;
		bool key_next; /* of a map: the next node is a key */
	} open[TREE_DEPTH_MAX];
	unsigned int depth;
	bool stopped; /* said and done */
};

const char *tree_kind_name(const struct tree_node *node)
{
	switch ((enum tree_kind)node->kind) {
	case TREE_MAP:
		return "a mapping";
	case TREE_LIST:
		return "a list";
	case TREE_TEXT:
		return node->n == 0 && !node->quoted ? "nothing" : "a text";
	case TREE_BAD:
		break;
	}
	return "something else";
}

/* Refuses the characters that YAML 1.2 (section 5.1) has not, and the line separators that only
 * YAML 1.1 takes for line breaks, which editors don't show as such. */
static bool allowed_char(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	if (c == 0x7f || (c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff)
		return false;
	return c != 0xfffe && c != 0xffff && c != UTF8_INVALID;
}

static void refuse_char(struct diag *diag, struct diag_loc loc, uint32_t c, unsigned char byte)
{
	if (c == UTF8_INVALID)
		diag_add(diag, DIAG_ERROR, loc, "a configuration is text in UTF-8",
			 "byte 0x%02x is not valid UTF-8", byte);
	else if (c == 0)
		diag_add(diag, DIAG_ERROR, loc, "is this a binary file?",
			 "a zero byte has no place in a configuration");
	else
		diag_add(diag, DIAG_ERROR, loc, "remove it, or replace it with a space",
			 "the control character U+%04X has no place in a configuration",
			 (unsigned int)c);
}

/* Whether the text is text; at the first character that is not, says so. */
static bool check_text(struct diag *diag, const char *text, size_t len)
{
	struct diag_loc loc = {.line = 1, .column = 1, .length = 1};
	size_t bytes;

	if (len > TREE_TEXT_MAX) {
		diag_add(diag, DIAG_ERROR, (struct diag_loc){0}, NULL,
			 "the file is larger than %zu MiB", TREE_TEXT_MAX >> 20);
		return false;
	}
	for (size_t i = 0; i < len; i += bytes) {
		uint32_t c = utf8_decode(text + i, len - i, &bytes);

		if (!allowed_char(c)) {
			refuse_char(diag, loc, c, (unsigned char)text[i]);
			return false;
		}
		loc.column++;
		if (c == '\n' || (c == '\r' && !(i + 1 < len && text[i + 1] == '\n'))) {
			loc.line++;
			loc.column = 1;
		}
	}
	return true;
}

static struct diag_loc loc_of(const yaml_mark_t *start, const yaml_mark_t *end)
{
	struct diag_loc loc = {(unsigned int)start->line + 1, (unsigned int)start->column + 1, 0};

	if (end && end->line == start->line && end->column > start->column)
		loc.length = (unsigned int)(end->column - start->column);
	return loc;
}

static bool word_is_ipv6(const char *word, size_t len)
{
	struct in6_addr addr;
	char copy[INET6_ADDRSTRLEN];

	while (len > 0 && (word[0] == '[' || word[0] == '{'))
		word++, len--;
	while (len > 0 && strchr("]},", word[len - 1]))
		len--;
	if (len == 0 || len >= sizeof(copy) || word[0] == '"' || word[0] == '\'')
		return false;
	memcpy(copy, word, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET6, copy, &addr) == 1)
		return true;
	/* "{address: 2001:db8::}" is cut at the last colon on its way here. */
	return len > 2 && memchr(copy, ':', len - 1) &&
	       strspn(copy, "0123456789abcdefABCDEF:") == len;
}

/* Where a line starts; the end of the text where there is no such line. */
static const char *line_start(const struct builder *b, unsigned int line)
{
	const char *p = b->text, *end = b->text + b->len;

	for (; line > 1 && p < end; p++)
		if (*p == '\n' || (*p == '\r' && !(p + 1 < end && p[1] == '\n')))
			line--;
	return p;
}

/* The byte at a place, or 0. */
static char byte_at(const struct builder *b, struct diag_loc loc)
{
	const char *p = line_start(b, loc.line), *end = b->text + b->len;
	size_t bytes;

	for (; loc.column > 1 && p < end; loc.column--, p += bytes)
		utf8_decode(p, (size_t)(end - p), &bytes);
	return p < end ? *p : '\0';
}

/* Whether a line holds an IPv6 address outside quotes: its colons are what YAML stumbles over. */
static bool line_has_bare_ipv6(const struct builder *b, unsigned int line)
{
	const char *p = line_start(b, line), *end = b->text + b->len;

	while (p < end && *p != '\n' && *p != '\r') {
		size_t len = 0;

		while (p + len < end && !strchr(" \t\n\r,", p[len]))
			len++;
		if (len > 0 && word_is_ipv6(p, len))
			return true;
		p += len ? len : 1;
	}
	return false;
}

/* libyaml speaks of tokens and states; what an operator has to do is said here. */
static const struct problem {
	const char *libyaml, *message, *hint;
	bool at_start; /* what says more is where the thing starts, not where it went wrong */
} problems[] = {
    {"found character that cannot start any token", "unexpected character",
     "quote texts that start with one of @ ` % & * ! | > { } [ ] , : #"},
    {"mapping values are not allowed in this context", "a ':' where no key can be",
     "is the line indented as the one above? a text that holds ': ' needs quotes"},
    {"did not find expected key", "expected a key here",
     "check the indentation, and the brackets and quotes above"},
    {"could not find expected ':'", "expected ':' after a key",
     "a key is written 'key: value', with a space after the colon", true},
    {"did not find expected '-' indicator", "expected a list item ('- …') here",
     "are the items of the list indented alike?"},
    {"did not find expected ',' or ']'", "expected ',' or ']' in a list", NULL},
    {"did not find expected ',' or '}'", "expected ',' or '}' in a mapping", NULL},
    {"found unexpected end of stream", "a quote that is not closed", NULL, true},
    {"block sequence entries are not allowed in this context", "a list can't start here",
     "put '- …' on a line of its own below the key"},
    {"found unknown escape character", "unknown escape after '\\'",
     "in single quotes a backslash is just a backslash"},
    {"did not find expected <document start>", "text after the end of the configuration",
     "check the indentation of this line"},
    {"did not find expected node content", "expected a value here", NULL},
};

static void syntax_error(struct builder *b, const yaml_parser_t *parser)
{
	struct diag_loc loc = loc_of(&parser->problem_mark, NULL);
	const char *libyaml = parser->problem ? parser->problem : "unreadable YAML";
	const char *message = libyaml, *hint = NULL;
	char context[160] = "";
	bool at_start = false;

	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		if (strcmp(libyaml, problems[i].libyaml) == 0) {
			message = problems[i].message;
			hint = problems[i].hint;
			at_start = problems[i].at_start;
		}
	}
	if (strstr(libyaml, "cannot start any token") && byte_at(b, loc) == '\t') {
		message = "a tab can't be used to indent";
		hint = "YAML is indented with spaces";
	}
	if (!hint && !at_start && byte_at(b, loc) == '\0')
		hint = "the file ends here: is a bracket left open above?";
	if (line_has_bare_ipv6(b, loc.line))
		hint = "put IPv6 addresses in quotes: \"2001:db8::53\"";
	if (at_start && parser->context)
		loc = loc_of(&parser->context_mark, NULL);
	else if (parser->context && parser->context_mark.line != parser->problem_mark.line)
		snprintf(context, sizeof(context), " (%s that starts at line %zu)", parser->context,
			 parser->context_mark.line + 1);
	diag_add(b->diag, DIAG_ERROR, loc, hint, "YAML syntax: %s%s", message, context);
}

/* -ENOMEM, or 0 and the new node, linked into its parent. */
static int node_add(struct builder *b, enum tree_kind kind, const yaml_event_t *event,
		    struct tree_node **ret_node)
{
	struct tree_node *node = arena_alloc(b->arena, sizeof(*node));
	struct open *parent = b->depth ? &b->open[b->depth - 1] : NULL;

	if (!node)
		return -ENOMEM;
	node->kind = (uint8_t)kind;
	node->loc = loc_of(&event->start_mark, &event->end_mark);
	*ret_node = node;
	if (!parent) {
		b->root = node;
		return 0;
	}
	if (parent->last)
		parent->last->next = node;
	else
		parent->node->first = node;
	parent->last = node;
	if (parent->node->kind == TREE_MAP) {
		parent->node->n += parent->key_next;
		parent->key_next = !parent->key_next;
	} else {
		parent->node->n++;
	}
	return 0;
}

static bool wants_key(const struct builder *b)
{
	return b->depth && b->open[b->depth - 1].node->kind == TREE_MAP &&
	       b->open[b->depth - 1].key_next;
}

static void refuse_anchor_and_tag(struct builder *b, const yaml_event_t *event,
				  const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct diag_loc loc = loc_of(&event->start_mark, NULL);

	if (anchor)
		diag_add(b->diag, DIAG_ERROR, loc, "write the value out where it is used",
			 "YAML anchors are not accepted: '&%.40s'", (const char *)anchor);
	if (tag)
		diag_add(b->diag, DIAG_ERROR, loc, "remove the tag",
			 "YAML tags are not accepted: '%.60s'", (const char *)tag);
}

static int on_collection(struct builder *b, const yaml_event_t *event, enum tree_kind kind,
			 bool flow, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct tree_node *node;
	int err;

	if (wants_key(b)) {
		diag_add(b->diag, DIAG_ERROR, loc_of(&event->start_mark, NULL), NULL,
			 "a key must be a text, not %s", kind == TREE_MAP ? "a mapping" : "a list");
		b->stopped = true;
		return 0;
	}
	if (b->depth == TREE_DEPTH_MAX) {
		diag_add(b->diag, DIAG_ERROR, loc_of(&event->start_mark, NULL), NULL,
			 "nested deeper than %d levels", TREE_DEPTH_MAX);
		b->stopped = true;
		return 0;
	}
	refuse_anchor_and_tag(b, event, anchor, tag);
	err = node_add(b, kind, event, &node);
	if (err)
		return err;
	node->flow = flow;
	if (!flow)
		node->loc.length = 0;
	b->open[b->depth++] = (struct open){.node = node, .key_next = kind == TREE_MAP};
	return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	bool key = wants_key(b);
	struct tree_node *node;
	int err;

	refuse_anchor_and_tag(b, event, event->data.scalar.anchor, event->data.scalar.tag);
	err = node_add(b, TREE_TEXT, event, &node);
	if (err)
		return err;
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->n = (uint32_t)len;
	if (memchr(text, 0, len)) {
		diag_add(b->diag, DIAG_ERROR, node->loc, NULL, "a text can't hold a zero byte");
		node->kind = TREE_BAD;
	}
	if (key && !node->quoted && len == 2 && memcmp(text, "<<", 2) == 0) {
		diag_add(b->diag, DIAG_ERROR, node->loc, "write the keys out where they are used",
			 "YAML merge keys are not accepted");
		node->kind = TREE_BAD;
	}
	node->text = arena_text(b->arena, text, len);
	return node->text ? 0 : -ENOMEM;
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
	struct tree_node *node;
	int err = node_add(b, TREE_BAD, event, &node);

	if (err)
		return err;
	diag_add(b->diag, DIAG_ERROR, node->loc, "write the value out where it is used",
		 "YAML aliases are not accepted: '*%.40s'", (const char *)event->data.alias.anchor);
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
	if (++b->nodes > TREE_NODES_MAX) {
		diag_add(b->diag, DIAG_ERROR, loc_of(&event->start_mark, NULL), NULL,
			 "more than %zu values and keys", TREE_NODES_MAX);
		b->stopped = true;
		return 0;
	}
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++b->documents > 1) {
			diag_add(b->diag, DIAG_ERROR, loc_of(&event->start_mark, NULL),
				 "put everything into one document",
				 "a configuration is one YAML document; a second one starts here");
			b->stopped = true;
		}
		return 0;
	case YAML_MAPPING_START_EVENT:
		return on_collection(
		    b, event, TREE_MAP, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
		    event->data.mapping_start.anchor, event->data.mapping_start.tag);
	case YAML_SEQUENCE_START_EVENT:
		return on_collection(b, event, TREE_LIST,
				     event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE,
				     event->data.sequence_start.anchor,
				     event->data.sequence_start.tag);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		b->depth--;
		return 0;
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_ALIAS_EVENT:
		return on_alias(b, event);
	default:
		return 0;
	}
}

static int read_events(struct builder *b, yaml_parser_t *parser)
{
	for (;;) {
		yaml_event_t event;
		bool ended;
		int err;

		if (!yaml_parser_parse(parser, &event)) {
			if (parser->error == YAML_MEMORY_ERROR)
				return -ENOMEM;
			syntax_error(b, parser);
			b->stopped = true;
			return 0;
		}
		err = on_event(b, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		if (err || b->stopped || ended)
			return err;
	}
}

int tree_parse(struct arena *arena, const char *text, size_t len, struct diag *diag,
	       struct tree_node **ret_root)
{
	struct builder b = {.arena = arena, .diag = diag};
	yaml_parser_t parser;
	int err;

	*ret_root = NULL;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
		text += 3;
		len -= 3;
	}
	b.text = text;
	b.len = len;
	if (!check_text(diag, text, len))
		return 0;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	err = read_events(&b, &parser);
	yaml_parser_delete(&parser);
	if (err)
		return err;
	if (b.stopped)
		return 0;
	if (!b.root) {
		diag_add(diag, DIAG_ERROR, (struct diag_loc){0},
			 "lb-agent.yaml(5) has an example to start from", "the file is empty");
		return 0;
	}
	*ret_root = b.root;
	return 0;
}
