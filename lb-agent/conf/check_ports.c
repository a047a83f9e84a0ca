/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check_ports.c - see check_ports.h. The VIPs are sorted by address, protocol and ports; nothing is
 * done where none has a range.
 */
#include "conf/check_ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

#define NAMED_MAX 4 /* VIPs that one note names */

/* A VIP that is good as far as this goes. */
struct endpoint {
	struct lb_addr address;
	enum conf_protocol protocol;
	struct portrange ports; /* owner: the place in its group */
	const struct object *vip;
};

static int compare_place(const struct endpoint *a, const struct endpoint *b)
{
	int order = addr_cmp(&a->address, &b->address);

	return order ? order : (int)a->protocol - (int)b->protocol;
}

static int compare_endpoint(const void *va, const void *vb)
{
	const struct endpoint *a = va, *b = vb;
	int order = compare_place(a, b);

	if (order)
		return order;
	if (a->ports.first != b->ports.first)
		return a->ports.first - b->ports.first;
	if (a->ports.last != b->ports.last)
		return a->ports.last - b->ports.last;
	return (a->vip > b->vip) - (a->vip < b->vip);
}

const char *check_ports_endpoint(const struct lb_addr *address, uint16_t first, uint16_t last,
				 char buf[CHECK_PORTS_TEXT_MAX])
{
	char text[LB_ADDR_TEXT_MAX], ports[PORTRANGE_TEXT_MAX];
	const bool v4 = addr_is_v4(address);

	snprintf(buf, CHECK_PORTS_TEXT_MAX, "%s%s%s:%s", v4 ? "" : "[", addr_format(address, text),
		 v4 ? "" : "]", portrange_format(first, last, ports));
	return buf;
}

static bool is_range(const struct endpoint *e)
{
	return e->ports.first != e->ports.last;
}

static bool same_ports(const struct endpoint *a, const struct endpoint *b)
{
	return a->ports.first == b->ports.first && a->ports.last == b->ports.last;
}

static bool overlap(const struct endpoint *a, const struct endpoint *b)
{
	return a->ports.first <= b->ports.last && b->ports.first <= a->ports.last;
}

static bool holds(const struct endpoint *a, const struct endpoint *b)
{
	return a->ports.first <= b->ports.first && b->ports.last <= a->ports.last;
}

static const char *name_of(const struct endpoint *e)
{
	const struct value *name = &e->vip->v[VIP_NAME];

	return value_good(name) ? name->text : "?";
}

/* "VIP 'wide' (192.0.2.1:8000-8099/tcp)" */
static const char *title_of(const struct endpoint *e, char buf[200])
{
	char text[CHECK_PORTS_TEXT_MAX];

	snprintf(buf, 200, "VIP '%s' (%s/%s)", name_of(e),
		 check_ports_endpoint(&e->address, e->ports.first, e->ports.last, text),
		 conf_protocol_name(e->protocol));
	return buf;
}

/* Neither holds the other: probably not what was meant. `wide` is the one that loses. */
static void warn_crossing(struct diag *diag, const struct endpoint *wide,
			  const struct endpoint *narrow)
{
	const struct portrange *w = &wide->ports, *n = &narrow->ports;
	char title[200], other[PORTRANGE_TEXT_MAX], both[PORTRANGE_TEXT_MAX];
	const bool as_wide = w->last - w->first == n->last - n->first;

	portrange_format(n->first, n->last, other);
	portrange_format(w->first > n->first ? w->first : n->first,
			 w->last < n->last ? w->last : n->last, both);
	diag_add(diag, DIAG_WARNING, wide->vip->v[VIP_PORT].loc, NULL,
		 "%s overlaps with VIP '%s' (%s, line %u), which has %s: it %s",
		 title_of(wide, title), name_of(narrow), other, narrow->vip->v[VIP_PORT].loc.line,
		 both, as_wide ? "begins first" : "has fewer ports");
}

/* How many ports of a range no more specific VIP has. */
static unsigned int ports_left(const struct endpoint *group, size_t n, const struct endpoint *range,
			       const struct portrange *parts, size_t n_parts)
{
	unsigned int left = 0;

	for (size_t i = 0; i < n_parts; i++) {
		if (parts[i].owner != range->ports.owner)
			continue;
		left += parts[i].last - parts[i].first + 1u;
		for (size_t k = 0; k < n; k++)
			left -= !is_range(&group[k]) && parts[i].first <= group[k].ports.first &&
				group[k].ports.first <= parts[i].last &&
				(k == 0 || !same_ports(&group[k], &group[k - 1]));
	}
	return left;
}

/* Names what lies within the range, and warns of what crosses it. */
static void say_inner(struct diag *diag, const struct endpoint *group, size_t n,
		      const struct endpoint *range, bool nothing_left)
{
	char title[200], ports[PORTRANGE_TEXT_MAX], list[NAMED_MAX * 100] = "", more[32] = "";
	size_t used = 0, named = 0;

	for (size_t i = 0; i < n; i++) {
		const struct endpoint *e = &group[i];

		if (!overlap(e, range) || !portrange_more_specific(&e->ports, &range->ports))
			continue;
		if (!holds(range, e)) {
			warn_crossing(diag, range, e);
			continue;
		}
		if (named++ < NAMED_MAX)
			used += (size_t)snprintf(
			    list + used, sizeof(list) - used, "%s'%s' (%s)", used ? ", " : "",
			    name_of(e), portrange_format(e->ports.first, e->ports.last, ports));
	}
	if (named > NAMED_MAX)
		snprintf(more, sizeof(more), " and %zu more", named - NAMED_MAX);
	title_of(range, title);
	if (nothing_left)
		diag_add(diag, DIAG_WARNING, range->vip->v[VIP_PORT].loc, NULL,
			 "%s gets no packet: more specific VIPs have all of its ports%s%s%s", title,
			 named ? ": " : "", list, more);
	else if (named)
		diag_add(diag, DIAG_NOTE, range->vip->v[VIP_PORT].loc, NULL,
			 "%s leaves the ports of more specific VIPs to them: %s%s", title, list,
			 more);
}

/* The VIPs of one address and protocol. */
static void check_group(struct diag *diag, struct endpoint *group, size_t n)
{
	struct portrange ranges[PORTRANGE_MAX] = {0}, parts[PORTRANGE_PARTS(PORTRANGE_MAX)];
	size_t n_ranges = 0, n_parts;
	char title[200];

	for (size_t i = 0; i < n; i++) {
		group[i].ports.owner = (uint32_t)i;
		if (!is_range(&group[i]) || (i && same_ports(&group[i], &group[i - 1])))
			continue;
		if (n_ranges == PORTRANGE_MAX) {
			diag_add(diag, DIAG_ERROR, group[i].vip->v[VIP_PORT].loc,
				 "put some of them on another address",
				 "%s is one range too many: an address has at most %u a protocol",
				 title_of(&group[i], title), PORTRANGE_MAX);
			return;
		}
		ranges[n_ranges++] = group[i].ports;
	}
	n_parts = portrange_flatten(ranges, n_ranges, parts);
	for (size_t i = 0; i < n_ranges; i++) {
		const struct endpoint *range = &group[ranges[i].owner];

		say_inner(diag, group, n, range, !ports_left(group, n, range, parts, n_parts));
	}
}

static bool any_range(const struct value *vips)
{
	for (size_t i = 0; i < vips->list.n; i++) {
		const struct value *item = &vips->list.items[i];
		const struct value *port =
		    item->state == VALUE_SET ? &item->object->v[VIP_PORT] : NULL;

		if (port && value_good(port) && port->ports.first != port->ports.last)
			return true;
	}
	return false;
}

/* Those that this can say something about; returns how many. */
static size_t collect(const struct value *vips, struct endpoint *list)
{
	size_t n = 0;

	for (size_t i = 0; i < vips->list.n; i++) {
		const struct value *item = &vips->list.items[i];
		const struct value *v = item->state == VALUE_SET ? item->object->v : NULL;

		if (!v || !value_good(&v[VIP_ADDRESS]) || !value_good(&v[VIP_PROTOCOL]) ||
		    !value_good(&v[VIP_PORT]))
			continue;
		list[n++] = (struct endpoint){
		    .address = v[VIP_ADDRESS].address,
		    .protocol = (enum conf_protocol)v[VIP_PROTOCOL].number,
		    .ports = {.first = v[VIP_PORT].ports.first, .last = v[VIP_PORT].ports.last},
		    .vip = item->object,
		};
	}
	return n;
}

int check_ports(struct arena *arena, const struct value *vips, struct diag *diag)
{
	struct endpoint *list;
	size_t n, end;

	if (!value_good(vips) || !any_range(vips))
		return 0;
	list = arena_array(arena, vips->list.n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = collect(vips, list);
	qsort(list, n, sizeof(*list), compare_endpoint);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && !compare_place(&list[i], &list[end]);)
			end++;
		check_group(diag, &list[i], end - i);
	}
	return 0;
}
