/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scalar_rate.c - rates and amounts: 10k/s, 100MB/s, 800Mbit/s; 20k, 64KiB.
 *
 * A whole number, a multiplier, what is counted, and of a rate "/s". Letter case counts, since M
 * and m, B and b are a long way from each other elsewhere.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <lb/gcra.h>

#include "conf/scalar.h"

#define SHOWN_MAX 48

static const struct unit {
	const char *name;
	uint64_t scale, divide;
	bool bytes;
} units[] = {
    {"", 1, 1, false},
    {"k", 1000, 1, false},
    {"M", 1000000, 1, false},
    {"G", 1000000000, 1, false},
    {"B", 1, 1, true},
    {"kB", 1000, 1, true},
    {"MB", 1000000, 1, true},
    {"GB", 1000000000, 1, true},
    {"KiB", 1ull << 10, 1, true},
    {"MiB", 1ull << 20, 1, true},
    {"GiB", 1ull << 30, 1, true},
    {"bit", 1, 8, true},
    {"kbit", 1000, 8, true},
    {"Mbit", 1000000, 8, true},
    {"Gbit", 1000000000, 8, true},
};

static const char *examples(const struct schema_field *f)
{
	return f->type == SCHEMA_RATE ? "10k/s, or of bytes 100MB/s, 64KiB/s, 800Mbit/s"
				      : "20k, or of bytes 10MB, 64KiB";
}

static bool not_one(const struct schema_field *f, const char *text, struct complaint *c)
{
	snprintf(c->message, sizeof(c->message), "'%s' is not %s: '%.*s%s'", f->name,
		 f->type == SCHEMA_RATE ? "a rate" : "an amount", SHOWN_MAX, text,
		 strlen(text) > SHOWN_MAX ? "..." : "");
	if (!c->hint[0])
		snprintf(c->hint, sizeof(c->hint), "a whole number and a unit: %s", examples(f));
	return false;
}

/* Someone wrote 10K/s, 100mb/s: the unit that differs in case alone. */
static const struct unit *find_unit(const char *name, size_t len, bool *ret_exact)
{
	const struct unit *near = NULL;

	*ret_exact = false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != len)
			continue;
		if (!strncmp(units[i].name, name, len)) {
			*ret_exact = true;
			return &units[i];
		}
		if (!near && !strncasecmp(units[i].name, name, len))
			near = &units[i];
	}
	return near;
}

const char *scalar_format_amount(uint64_t number, bool bytes, char *buf, size_t size)
{
	static const char *const prefixes[] = {"", "k", "M", "G"};
	size_t i = 0;

	for (; i < 3 && number && number % 1000 == 0; i++)
		number /= 1000;
	snprintf(buf, size, "%" PRIu64 "%s%s", number, prefixes[i], bytes ? "B" : "");
	return buf;
}

static bool in_range(const struct schema_field *f, struct value *v, const char *text,
		     struct complaint *c)
{
	const bool rate = f->type == SCHEMA_RATE, bytes = v->amount.bytes;
	const uint64_t min = bytes && rate ? GCRA_BYTE_RATE_MIN : f->min;
	const uint64_t max = !bytes ? f->max
			     : rate ? GCRA_BYTE_RATE_MAX
				    : GCRA_BYTE_RATE_MAX * 3600;
	char low[32], high[32];

	if (v->amount.number >= min && v->amount.number <= max)
		return true;
	snprintf(c->message, sizeof(c->message), "'%s' is out of range: %.*s", f->name, SHOWN_MAX,
		 text);
	snprintf(c->hint, sizeof(c->hint), "the range is %s%s to %s%s",
		 scalar_format_amount(min, bytes, low, sizeof(low)), rate ? "/s" : "",
		 scalar_format_amount(max, bytes, high, sizeof(high)), rate ? "/s" : "");
	return false;
}

bool scalar_parse_amount(const struct schema_field *f, const char *text, struct value *v,
			 struct complaint *c)
{
	const size_t digits = strspn(text, "0123456789");
	const char *slash = strchr(text, '/');
	const size_t unit_len = (slash ? (size_t)(slash - text) : strlen(text)) - digits;
	const struct unit *unit;
	uint64_t number = 0;
	bool exact, fits = true;

	if (digits == 0 || (slash && slash < text + digits))
		return not_one(f, text, c);
	unit = find_unit(text + digits, unit_len, &exact);
	if (unit && strlen(text) < SHOWN_MAX) {
		const bool rate = f->type == SCHEMA_RATE;

		if (!exact || rate != !!slash || (slash && strcmp(slash, "/s")))
			snprintf(c->hint, sizeof(c->hint), "did you mean '%.*s%s%s'?", (int)digits,
				 text, unit->name, rate ? "/s" : "");
	}
	if (!unit || c->hint[0])
		return not_one(f, text, c);
	for (size_t i = 0; i < digits; i++)
		fits = fits && !__builtin_mul_overflow(number, 10u, &number) &&
		       !__builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number);
	fits = fits && !__builtin_mul_overflow(number, unit->scale, &number);
	v->amount.number = fits ? number / unit->divide : UINT64_MAX;
	v->amount.bytes = unit->bytes;
	return in_range(f, v, text, c);
}
