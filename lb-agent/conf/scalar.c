/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scalar.c - numbers, durations, words, names and addresses, each with an error that says what was
 * wanted. Every scalar is read as the text it is in the file; YAML's guesses at types (yes, 1e3,
 * 0o17, 12:30) play no part. A number must be plain, since quotes say "this is text"; a text may
 * be plain or quoted.
 */
#include "conf/scalar.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/portrange.h"
#include "conf/conf.h"
#include "conf/utf8.h"

#define SHOWN_BYTES 48 /* of a value in a message */

__attribute__((format(printf, 2, 3))) static bool complain(struct complaint *c, const char *format,
							   ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->message, sizeof(c->message), format, args);
	va_end(args);
	return false;
}

__attribute__((format(printf, 2, 3))) static void hint(struct complaint *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->hint, sizeof(c->hint), format, args);
	va_end(args);
}

/* The text as a message shows it, cut between characters. */
static const char *shown(const struct tree_node *node, char buf[SHOWN_BYTES + 4])
{
	size_t len = node->n;

	if (len > SHOWN_BYTES) {
		len = SHOWN_BYTES;
		while (len > 0 && ((unsigned char)node->text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(buf, node->text, len);
	strcpy(buf + len, len < node->n ? "..." : "");
	return buf;
}

static bool is_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* Base 10 digits; false: above UINT64_MAX. */
static bool read_decimal(const char *digits, size_t len, uint64_t *ret_number)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(digits[i] - '0'), &n))
			return false;
	*ret_number = n;
	return true;
}

static bool read_hex(const char *digits, uint64_t *ret_number)
{
	char *end;

	errno = 0;
	*ret_number = strtoull(digits, &end, 16);
	return errno == 0;
}

static bool out_of_range(const struct schema_field *f, const struct tree_node *node,
			 struct complaint *c)
{
	char buf[SHOWN_BYTES + 4];

	if (f->min == f->max)
		return complain(c, "'%s' must be %" PRIu64 ", found %s", f->name, f->min,
				shown(node, buf));
	hint(c, "the range is %" PRIu64 " to %" PRIu64, f->min, f->max);
	return complain(c, "'%s' is out of range: %s", f->name, shown(node, buf));
}

static bool parse_number(const struct schema_field *f, const struct tree_node *node,
			 struct value *v, struct complaint *c)
{
	const char *text = node->text;
	bool hex = f->type == SCHEMA_SEED && text[0] == '0' && (text[1] | 0x20) == 'x' && text[2] &&
		   text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0';
	bool negative = text[0] == '-' && is_digits(text + 1);
	char buf[SHOWN_BYTES + 4], wants[96];
	bool ok;

	if (node->quoted && (hex || is_digits(text))) {
		hint(c, "remove the quotes: %s", shown(node, buf));
		return complain(c, "'%s' wants a number, found a quoted text", f->name);
	}
	if (negative)
		return out_of_range(f, node, c);
	if (!hex && !is_digits(text)) {
		hint(c, "write %s", scalar_wants(f, wants, sizeof(wants)));
		return complain(c, "'%s' is not a whole number: '%s'", f->name, shown(node, buf));
	}
	if (!hex && text[0] == '0' && text[1]) {
		hint(c, "write %s", text[strspn(text, "0")] ? text + strspn(text, "0") : "0");
		return complain(c, "'%s' starts with a zero, which some read as octal: %s", f->name,
				shown(node, buf));
	}
	ok = hex ? read_hex(text + 2, &v->number) : read_decimal(text, node->n, &v->number);
	if (!ok || v->number < f->min || v->number > f->max)
		return out_of_range(f, node, c);
	return true;
}

/* One end of a range; what is wrong with it is said as of a number that stands alone. */
static bool parse_range_end(const struct schema_field *f, const struct tree_node *node,
			    const char *digits, size_t n, uint16_t *ret_port, struct complaint *c)
{
	char text[SHOWN_BYTES];
	struct tree_node end = *node;
	struct value v;

	if (n >= sizeof(text))
		return out_of_range(f, node, c);
	memcpy(text, digits, n);
	text[n] = '\0';
	end.text = text;
	end.n = (uint32_t)n;
	end.quoted = false;
	if (!parse_number(f, &end, &v, c))
		return false;
	*ret_port = (uint16_t)v.number;
	return true;
}

static bool parse_ports(const struct schema_field *f, const struct tree_node *node, struct value *v,
			struct complaint *c)
{
	const size_t digits = strspn(node->text, "0123456789");
	const char *dash = node->text + digits;
	uint16_t first, last;
	struct value number;

	if (strcmp(node->text, "any") == 0) {
		v->ports.first = PORTRANGE_FIRST;
		v->ports.last = PORTRANGE_LAST;
		return true;
	}
	if (!digits || *dash != '-' || !is_digits(dash + 1)) {
		if (!parse_number(f, node, &number, c))
			return false;
		v->ports.first = v->ports.last = (uint16_t)number.number;
		return true;
	}
	if (!parse_range_end(f, node, node->text, digits, &first, c) ||
	    !parse_range_end(f, node, dash + 1, strlen(dash + 1), &last, c))
		return false;
	if (first > last) {
		hint(c, "did you mean %u-%u?", last, first);
		return complain(c, "'%s' is an empty range: %s", f->name, node->text);
	}
	v->ports.first = first;
	v->ports.last = last;
	return true;
}

static const struct unit {
	const char *name;
	uint64_t ms;
} units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

const char *scalar_format_duration(uint64_t ms, char *buf, size_t size)
{
	size_t i = 0;

	while (i < N_UNITS - 1 && (ms % units[i].ms || ms == 0))
		i++;
	snprintf(buf, size, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
	return buf;
}

/* A number without a unit: the units with which it is in the range. */
static void suggest_unit(const struct schema_field *f, const struct tree_node *node,
			 struct complaint *c)
{
	uint64_t number = 0;
	bool s, ms;

	if (!read_decimal(node->text, node->n, &number))
		number = 0;
	s = number >= (f->min + 999) / 1000 && number <= f->max / 1000;
	ms = number >= f->min && number <= f->max;
	if (s && ms)
		hint(c, "did you mean '%ss' or '%sms'?", node->text, node->text);
	else if (s || ms)
		hint(c, "did you mean '%s%s'?", node->text, s ? "s" : "ms");
	else
		hint(c, "a whole number and one of ms, s, m, h: 500ms, 2s, 1m");
}

static bool parse_duration(const struct schema_field *f, const struct tree_node *node,
			   struct value *v, struct complaint *c)
{
	size_t digits = strspn(node->text, "0123456789");
	const char *unit = node->text + digits;
	char buf[SHOWN_BYTES + 4], min[32], max[32];
	uint64_t scale = 0;

	for (size_t i = 0; i < N_UNITS; i++)
		if (strcmp(unit, units[i].name) == 0)
			scale = units[i].ms;
	if (digits > 0 && *unit == '\0') {
		suggest_unit(f, node, c);
		return complain(c, "'%s' wants a unit: %s", f->name, shown(node, buf));
	}
	if (digits == 0 || scale == 0) {
		hint(c, "a whole number and one of ms, s, m, h: 500ms, 2s, 1m");
		return complain(c, "'%s' is not a duration: '%s'", f->name, shown(node, buf));
	}
	if (!read_decimal(node->text, digits, &v->number) ||
	    __builtin_mul_overflow(v->number, scale, &v->number) || v->number < f->min ||
	    v->number > f->max) {
		hint(c, "the range is %s to %s", scalar_format_duration(f->min, min, sizeof(min)),
		     scalar_format_duration(f->max, max, sizeof(max)));
		return complain(c, "'%s' is out of range: %s", f->name, shown(node, buf));
	}
	return true;
}

static bool parse_word(const struct schema_field *f, const struct tree_node *node, struct value *v,
		       struct complaint *c)
{
	unsigned int best = DIAG_FAR;
	char buf[SHOWN_BYTES + 4], wants[200];

	for (const struct schema_word *w = f->words; w->word; w++) {
		unsigned int distance = diag_distance(node->text, w->word);

		if (strcmp(node->text, w->word) == 0) {
			if (w->later)
				return complain(c, "'%s: %s' is not supported yet", f->name,
						w->word);
			v->number = (uint64_t)w->value;
			return true;
		}
		if (!w->later && distance < best) {
			best = distance;
			hint(c, "did you mean '%s'?", w->word);
		}
	}
	if (best == DIAG_FAR)
		hint(c, "%s", scalar_wants(f, wants, sizeof(wants)));
	return complain(c, "unknown value for '%s': '%s'", f->name, shown(node, buf));
}

static bool name_char(char ch, bool first)
{
	return (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') ||
	       (!first && strchr("._-", ch));
}

bool scalar_name(const struct tree_node *node, struct complaint *c)
{
	char buf[SHOWN_BYTES + 4];

	if (node->n == 0)
		return complain(c, "a name can't be empty");
	if (node->n > CONF_NAME_MAX) {
		hint(c, "a name has at most %d characters", CONF_NAME_MAX);
		return complain(c, "the name is too long: '%s'", shown(node, buf));
	}
	for (size_t i = 0; i < node->n; i++) {
		if (name_char(node->text[i], i == 0))
			continue;
		hint(c, "letters, digits, '.', '_' and '-', and a letter or digit first");
		return complain(c, "not a valid name: '%s'", shown(node, buf));
	}
	return true;
}

/* What dev_valid_name() of the kernel's net/core/dev.c lets through. */
static bool parse_interface(const struct tree_node *node, struct value *v, struct complaint *c)
{
	char buf[SHOWN_BYTES + 4];

	if (node->n == 0)
		return complain(c, "an interface's name can't be empty");
	if (node->n >= IFNAMSIZ) {
		hint(c, "an interface's name has at most %d characters", IFNAMSIZ - 1);
		return complain(c, "the interface's name is too long: '%s'", shown(node, buf));
	}
	for (size_t i = 0; i < node->n; i++) {
		if (node->text[i] > ' ' && node->text[i] < 0x7f && !strchr("/:", node->text[i]))
			continue;
		hint(c, "'/', ':', spaces and non-ASCII characters can't be part of it");
		return complain(c, "not an interface's name: '%s'", shown(node, buf));
	}
	if (strcmp(node->text, ".") == 0 || strcmp(node->text, "..") == 0)
		return complain(c, "not an interface's name: '%s'", node->text);
	v->text = node->text;
	return true;
}

static bool not_an_address(const struct schema_field *f, const struct tree_node *node,
			   struct complaint *c)
{
	char buf[SHOWN_BYTES + 4];
	struct in6_addr six;

	if (inet_pton(AF_INET6, node->text, &six) == 1) { /* addr_parse() refuses one kind */
		char four[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, six.s6_addr + 12, four, sizeof(four));
		hint(c, "write %s", four);
		return complain(c, "'%s' is an IPv4 address in IPv6's clothes: '%s'", f->name,
				shown(node, buf));
	}
	if (strchr(node->text, '/'))
		hint(c, "an address, without a prefix length");
	else if (strchr(node->text, '%'))
		hint(c, "an address, without a zone");
	else if (node->text[0] == '[' || (strchr(node->text, '.') && strchr(node->text, ':')))
		hint(c, "the address alone; a port is a key of its own");
	else if (node->text[0] && strspn(node->text, "0123456789.") != node->n &&
		 !strchr(node->text, ':'))
		hint(c, "an address like 192.0.2.10 or \"2001:db8::10\"; host names are not "
			"looked up");
	else
		hint(c, "an address like 192.0.2.10 or \"2001:db8::10\"");
	return complain(c, "'%s' is not an IP address: '%s'", f->name, shown(node, buf));
}

static const char *why_not_unicast(const struct lb_addr *address)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};

	if (addr_is_unspecified(address))
		return "the unspecified address";
	if (addr_is_multicast(address))
		return "a multicast address";
	if (addr_is_loopback(address))
		return "a loopback address";
	if (addr_is_link_local(address))
		return "a link-local address";
	if (addr_is_v4(address) && memcmp(address->b + 12, broadcast, sizeof(broadcast)) == 0)
		return "the broadcast address";
	return NULL;
}

static bool unicast(const struct schema_field *f, const struct tree_node *node,
		    const struct lb_addr *address, struct complaint *c)
{
	const char *why = why_not_unicast(address);

	if (!why)
		return true;
	hint(c, "an address that other hosts can reach: neither 0.0.0.0 or ::, nor multicast, "
		"loopback, link-local or broadcast");
	return complain(c, "'%s' is %s: %s", f->name, why, node->text);
}

static bool parse_address(const struct schema_field *f, const struct tree_node *node,
			  struct value *v, struct complaint *c)
{
	if (addr_parse(node->text, &v->address) < 0)
		return not_an_address(f, node, c);
	return unicast(f, node, &v->address, c);
}

/* "10.0.0.1" or "10.99.0.0/16". */
static bool parse_source(const struct schema_field *f, const struct tree_node *node,
			 struct value *v, struct complaint *c)
{
	const char *slash = strchr(node->text, '/');
	const bool want_v4 = f->type == SCHEMA_SOURCE_V4;
	char text[LB_ADDR_TEXT_MAX] = "";
	uint64_t length = 0;

	if (slash && slash - node->text < (ptrdiff_t)sizeof(text))
		memcpy(text, node->text, (size_t)(slash - node->text));
	if (addr_parse(slash ? text : node->text, &v->source.address) < 0)
		return not_an_address(f, node, c);
	if (addr_is_v4(&v->source.address) != want_v4)
		return complain(c, "'%s' wants an %s address, found %s", f->name,
				want_v4 ? "IPv4" : "IPv6", node->text);
	if (!unicast(f, node, &v->source.address, c))
		return false;
	v->source.prefix = 0;
	if (!slash)
		return true;
	if (!is_digits(slash + 1) || !read_decimal(slash + 1, strlen(slash + 1), &length) ||
	    length < f->min || length > f->max) {
		hint(c, "the prefix length is from %" PRIu64 " to %" PRIu64, f->min, f->max);
		return complain(c, "'%s' has no possible prefix length: %s", f->name, node->text);
	}
	if (addr_clear_host(&v->source.address, (unsigned int)length + (want_v4 ? 96 : 0))) {
		hint(c, "write %s/%" PRIu64, addr_format(&v->source.address, text), length);
		return complain(c, "'%s' has bits set behind its prefix: %s", f->name, node->text);
	}
	v->source.prefix = (uint8_t)length;
	return true;
}

static bool parse_status(const struct schema_field *f, const struct tree_node *node,
			 struct value *v, struct complaint *c)
{
	const char *text = node->text, *dash = strchr(text, '-');
	size_t digits = strspn(text, "0123456789");
	char buf[SHOWN_BYTES + 4];
	uint64_t min = 0, max = 0;

	if (digits != 3 || (dash && (dash != text + 3 || !is_digits(dash + 1) || node->n != 7)) ||
	    (!dash && node->n != 3)) {
		hint(c, "a status or a range of them: 200, 200-299");
		return complain(c, "'%s' is not an HTTP status: '%s'", f->name, shown(node, buf));
	}
	read_decimal(text, 3, &min);
	read_decimal(dash ? dash + 1 : text, 3, &max);
	if (min < f->min || max > f->max)
		return out_of_range(f, node, c);
	if (min > max) {
		hint(c, "did you mean %" PRIu64 "-%" PRIu64 "?", max, min);
		return complain(c, "'%s' is an empty range: %s", f->name, node->text);
	}
	v->status.min = (uint16_t)min;
	v->status.max = (uint16_t)max;
	return true;
}

static bool too_long(const struct schema_field *f, const struct tree_node *node,
		     struct complaint *c)
{
	hint(c, "at most %" PRIu64 " characters", f->max);
	return complain(c, "'%s' is too long: %u characters", f->name, node->n);
}

/* A space, a control character or a '#' would end the request target early (RFC 9112, section 3.2;
 * RFC 3986, section 3.5). */
static bool parse_path(const struct schema_field *f, const struct tree_node *node, struct value *v,
		       struct complaint *c)
{
	char buf[SHOWN_BYTES + 4];

	if (node->text[0] != '/') {
		if (node->n < SHOWN_BYTES && !strstr(node->text, "://"))
			hint(c, "did you mean '/%s'?", node->text);
		return complain(c, "'%s' must start with '/': '%s'", f->name, shown(node, buf));
	}
	if (node->n > f->max)
		return too_long(f, node, c);
	for (size_t i = 0; i < node->n; i++) {
		unsigned char ch = (unsigned char)node->text[i];

		if (ch > ' ' && ch < 0x7f && ch != '#')
			continue;
		hint(c, "write the character as %%%02X", ch);
		return complain(c, "'%s' holds a character that HTTP doesn't allow: '%s'", f->name,
				shown(node, buf));
	}
	v->text = node->text;
	return true;
}

static bool parse_host(const struct schema_field *f, const struct tree_node *node, struct value *v,
		       struct complaint *c)
{
	char buf[SHOWN_BYTES + 4];

	if (node->n > f->max)
		return too_long(f, node, c);
	for (size_t i = 0; i < node->n; i++)
		if (!name_char(node->text[i], false) && !strchr(":[]", node->text[i]))
			goto bad;
	if (node->n > 0) {
		v->text = node->text;
		return true;
	}
bad:
	hint(c, "a name like www.example.com, with a port where one is needed");
	return complain(c, "'%s' is not a host name: '%s'", f->name, shown(node, buf));
}

bool scalar_parse(const struct schema_field *f, const struct tree_node *node, struct value *v,
		  struct complaint *c)
{
	c->message[0] = c->hint[0] = '\0';
	switch (f->type) {
	case SCHEMA_NUMBER:
	case SCHEMA_SEED:
	case SCHEMA_PORT:
		return parse_number(f, node, v, c);
	case SCHEMA_PORTS:
		return parse_ports(f, node, v, c);
	case SCHEMA_DURATION:
		return parse_duration(f, node, v, c);
	case SCHEMA_RATE:
	case SCHEMA_AMOUNT:
		return scalar_parse_amount(f, node->text, v, c);
	case SCHEMA_WORD:
		return parse_word(f, node, v, c);
	case SCHEMA_NAME:
		v->text = node->text;
		return scalar_name(node, c);
	case SCHEMA_INTERFACE:
		return parse_interface(node, v, c);
	case SCHEMA_ADDRESS:
		return parse_address(f, node, v, c);
	case SCHEMA_SOURCE_V4:
	case SCHEMA_SOURCE_V6:
		return parse_source(f, node, v, c);
	case SCHEMA_STATUS:
		return parse_status(f, node, v, c);
	case SCHEMA_PATH:
		return parse_path(f, node, v, c);
	case SCHEMA_HOST:
		return parse_host(f, node, v, c);
	case SCHEMA_OBJECT:
	case SCHEMA_NAMED:
	case SCHEMA_LIST:
		break;
	}
	return complain(c, "'%s' is not a text", f->name);
}

static const char *wants_word(const struct schema_field *f, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "one of: ");
	const char *separator = "";

	for (const struct schema_word *w = f->words; w->word && used < size; w++) {
		if (w->later)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", separator, w->word);
		separator = ", ";
	}
	return buf;
}

const char *scalar_wants(const struct schema_field *f, char *buf, size_t size)
{
	switch (f->type) {
	case SCHEMA_OBJECT:
		return "a mapping";
	case SCHEMA_NAMED:
		return "a mapping of names";
	case SCHEMA_LIST:
		return "a list";
	case SCHEMA_SEED:
		return "a number, decimal or 0x hexadecimal";
	case SCHEMA_NUMBER:
	case SCHEMA_PORT:
		snprintf(buf, size, "a number from %" PRIu64 " to %" PRIu64, f->min, f->max);
		return buf;
	case SCHEMA_PORTS:
		return "a port, a range of ports like 8000-8099, or any";
	case SCHEMA_DURATION:
		return "a duration like 500ms, 2s or 1m";
	case SCHEMA_RATE:
		return "a rate like 10k/s, 100MB/s or 800Mbit/s";
	case SCHEMA_AMOUNT:
		return "an amount like 20k, or of bytes 10MB";
	case SCHEMA_WORD:
		return wants_word(f, buf, size);
	case SCHEMA_NAME:
		return "a name";
	case SCHEMA_INTERFACE:
		return "an interface's name";
	case SCHEMA_ADDRESS:
		return "an IP address";
	case SCHEMA_SOURCE_V4:
		return "an IPv4 address, or a prefix like 10.99.0.0/16";
	case SCHEMA_SOURCE_V6:
		return "an IPv6 address, or a prefix like \"2001:db8:99::/64\"";
	case SCHEMA_STATUS:
		return "an HTTP status like 200, or a range like 200-299";
	case SCHEMA_PATH:
		return "a path like /healthz";
	case SCHEMA_HOST:
		return "a host name";
	}
	return "a value";
}
