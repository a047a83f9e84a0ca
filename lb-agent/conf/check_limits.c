/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check_limits.c - the rules of filters.rate_limits: VIPs that there are, units that agree, bursts
 * that let a packet through.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/check.h"
#include "conf/index.h"
#include "conf/scalar.h"

#define FRAME_BYTES	    1522u /* of Ethernet with a tag, 1500 bytes of packet */
#define BURST_BYTES_DEFAULT (64u << 10)
#define SUGGESTIONS_MAX	    100u

struct limits {
	struct diag *diag;
	const struct value *vips;
	const struct value *list;
	struct index *names; /* of VIPs → place in the file */
	size_t *vip;	     /* of each limit */
	uint32_t *n_of_vip;
	uint32_t n_of_all, n_of_all_tcp; /* the latter: connections, which UDP VIPs leave out */
	unsigned int suggestions;
};

const struct value *check_limits_list(const struct object *root)
{
	static const struct value none = {.state = VALUE_SET};
	const struct value *filters = &root->v[ROOT_FILTERS];
	const struct value *list;

	if (filters->state != VALUE_SET)
		return &none;
	list = &filters->object->v[FILTERS_RATE_LIMITS];
	return value_good(list) ? list : &none;
}

static bool is_word(const struct value *v, int word)
{
	return value_good(v) && v->number == (uint64_t)word;
}

bool check_limit_counts_bytes(const struct object *limit)
{
	const struct value *count = &limit->v[LIMIT_COUNT], *rate = &limit->v[LIMIT_RATE];

	return value_good(count) ? count->number == CONF_LIMIT_BYTES
				 : value_good(rate) && rate->amount.bytes;
}

uint64_t check_limit_burst(const struct object *limit)
{
	const struct value *burst = &limit->v[LIMIT_BURST], *rate = &limit->v[LIMIT_RATE];
	uint64_t number = rate->amount.number;

	if (value_good(burst))
		return burst->amount.number;
	return check_limit_counts_bytes(limit) && number < BURST_BYTES_DEFAULT ? BURST_BYTES_DEFAULT
									       : number;
}

static void unknown_vip(struct limits *l, const struct value *vip)
{
	unsigned int best = DIAG_FAR;
	char hint[CONF_NAME_MAX + 32] = "";

	for (size_t i = 0; l->suggestions < SUGGESTIONS_MAX && i < l->vips->list.n; i++) {
		const struct value *item = &l->vips->list.items[i];
		const struct value *name =
		    item->state == VALUE_SET ? &item->object->v[VIP_NAME] : NULL;
		unsigned int distance;

		if (!name || !value_good(name))
			continue;
		distance = diag_distance(vip->text, name->text);
		if (distance < best) {
			best = distance;
			snprintf(hint, sizeof(hint), "did you mean '%s'?", name->text);
		}
	}
	l->suggestions++;
	diag_add(l->diag, DIAG_ERROR, vip->loc, hint[0] ? hint : "define it in 'vips'",
		 "VIP '%s' is not defined", vip->text);
}

static const struct object *vip_object(const struct limits *l, size_t place)
{
	return place == SIZE_MAX ? NULL : l->vips->list.items[place].object;
}

static const char *count_name(const struct object *limit)
{
	const struct value *count = &limit->v[LIMIT_COUNT];

	if (is_word(count, CONF_LIMIT_CONNECTIONS))
		return "connections";
	return check_limit_counts_bytes(limit) ? "bytes" : "packets";
}

/* The rate's unit is what the limit counts, and the burst's is the rate's. False: it was not. */
static bool check_units(struct limits *l, const struct object *limit)
{
	const struct value *rate = &limit->v[LIMIT_RATE], *burst = &limit->v[LIMIT_BURST];
	const bool bytes = check_limit_counts_bytes(limit);
	char text[40];
	bool good = true;

	if (value_good(rate) && rate->amount.bytes != bytes) {
		diag_add(l->diag, DIAG_ERROR, rate->loc,
			 bytes ? "give the rate in bytes or bits: 10MB/s, 80Mbit/s"
			       : "give the rate as a number a second: 10k/s; or 'count: bytes'",
			 "the limit counts %s, and its rate is in %s", count_name(limit),
			 rate->amount.bytes ? "bytes" : "packets");
		good = false;
	}
	if (value_good(burst) && value_good(rate) && burst->amount.bytes != bytes) {
		snprintf(text, sizeof(text),
			 bytes ? "write it in bytes: 10MB, 64KiB" : "write it as a number: 20k");
		diag_add(l->diag, DIAG_ERROR, burst->loc, text,
			 "the limit counts %s, and its burst is in %s", count_name(limit),
			 burst->amount.bytes ? "bytes" : "packets");
		good = false;
	}
	return good && value_good(rate);
}

static void check_burst(struct limits *l, const struct object *limit)
{
	const struct value *rate = &limit->v[LIMIT_RATE], *burst = &limit->v[LIMIT_BURST];
	const bool bytes = check_limit_counts_bytes(limit);
	const uint64_t most = rate->amount.number * 3600;
	char text[32], hint[96];

	if (!value_good(burst))
		return;
	if (bytes && burst->amount.number < FRAME_BYTES) {
		snprintf(hint, sizeof(hint), "at least %u, a full-sized frame", FRAME_BYTES);
		diag_add(l->diag, DIAG_ERROR, burst->loc, hint,
			 "a burst of %s would never let a large packet through",
			 scalar_format_amount(burst->amount.number, true, text, sizeof(text)));
	}
	if (burst->amount.number <= most)
		return;
	snprintf(hint, sizeof(hint), "at most %s",
		 scalar_format_amount(most, bytes, text, sizeof(text)));
	diag_add(l->diag, DIAG_ERROR, burst->loc, hint,
		 "the burst is more than what the rate is in an hour");
}

static void check_per(struct limits *l, const struct object *limit)
{
	const struct value *prefix = &limit->v[LIMIT_PREFIX];

	if (prefix->state == VALUE_SET && is_word(&limit->v[LIMIT_PER], CONF_LIMIT_PER_VIP))
		diag_add(l->diag, DIAG_ERROR, prefix->loc, "remove it, or write 'per: source'",
			 "'prefix' says which sources are one, and the limit is per VIP");
}

/* Connections are TCP's. */
static void check_connections(struct limits *l, const struct object *limit, size_t place)
{
	const struct value *count = &limit->v[LIMIT_COUNT];
	const struct object *vip = vip_object(l, place);

	if (vip && is_word(count, CONF_LIMIT_CONNECTIONS) &&
	    is_word(&vip->v[VIP_PROTOCOL], CONF_UDP))
		diag_add(l->diag, DIAG_ERROR, count->loc, "count packets or bytes",
			 "VIP '%s' is UDP, which has no connections",
			 value_good(&vip->v[VIP_NAME]) ? vip->v[VIP_NAME].text : "?");
}

static void check_number(struct limits *l, const struct object *limit, size_t place)
{
	const bool connections = is_word(&limit->v[LIMIT_COUNT], CONF_LIMIT_CONNECTIONS);
	const struct object *vip = vip_object(l, place);
	uint32_t n;

	if (!vip) {
		l->n_of_all++;
		l->n_of_all_tcp += connections;
		n = l->n_of_all;
	} else {
		n = ++l->n_of_vip[place] + l->n_of_all;
		if (is_word(&vip->v[VIP_PROTOCOL], CONF_UDP))
			n -= l->n_of_all_tcp;
	}
	if (n == CONF_LIMITS_A_VIP_MAX + 1)
		diag_add(l->diag, DIAG_ERROR, limit->loc, "those without 'vip' count, too",
			 "more than %d rate limits for one VIP", CONF_LIMITS_A_VIP_MAX);
}

/* Two rounds: limits for every VIP first, since they count for each of the others. */
static void check_limit(struct limits *l, size_t i, bool of_one)
{
	const struct value *item = &l->list->list.items[i], *vip;

	if (item->state != VALUE_SET)
		return;
	vip = &item->object->v[LIMIT_VIP];
	if ((vip->state != VALUE_UNSET) != of_one)
		return;
	if (value_good(vip) && value_good(l->vips) &&
	    !index_find(l->names, vip->text, strlen(vip->text), &l->vip[i])) {
		l->vip[i] = SIZE_MAX;
		unknown_vip(l, vip);
	}
	if (check_units(l, item->object))
		check_burst(l, item->object);
	check_per(l, item->object);
	check_connections(l, item->object, l->vip[i]);
	if (!of_one || l->vip[i] != SIZE_MAX)
		check_number(l, item->object, l->vip[i]);
}

static int index_names(struct limits *l)
{
	for (size_t i = 0; value_good(l->vips) && i < l->vips->list.n; i++) {
		const struct value *item = &l->vips->list.items[i];
		const struct value *name =
		    item->state == VALUE_SET ? &item->object->v[VIP_NAME] : NULL;

		if (name && value_good(name) &&
		    index_add(l->names, name->text, strlen(name->text), i, NULL) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

int check_limits(struct arena *arena, const struct object *root, struct diag *diag,
		 struct checked *ret_checked)
{
	struct limits l = {
	    .diag = diag,
	    .vips = &root->v[ROOT_VIPS],
	    .list = check_limits_list(root),
	};
	const size_t n = l.list->list.n;
	int err = -ENOMEM;

	if (n == 0)
		return 0;
	l.names = index_new();
	l.vip = ret_checked->limit_vip = arena_array(arena, n, sizeof(size_t));
	l.n_of_vip = arena_array(arena, value_good(l.vips) ? l.vips->list.n : 0, sizeof(uint32_t));
	if (!l.names || !l.vip || !l.n_of_vip)
		goto out;
	err = index_names(&l);
	for (size_t i = 0; i < n; i++)
		l.vip[i] = SIZE_MAX;
	for (size_t i = 0; i < 2 * n && !err; i++)
		check_limit(&l, i % n, i >= n);
out:
	index_free(l.names);
	return err;
}
