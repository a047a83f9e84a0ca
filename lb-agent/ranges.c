/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ranges.c - see ranges.h.
 */
#include "ranges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/portrange.h"

struct build {
	struct lb_service *lines; /* ret_ranges */
	uint32_t n, max;
};

static int compare_place(const struct lb_service *a, const struct lb_service *b)
{
	int order = memcmp(a->addr, b->addr, sizeof(a->addr));

	return order ? order : a->proto - b->proto;
}

/* By address and protocol, then so that the result does not depend on the order given. */
static int compare_range(const void *va, const void *vb)
{
	const struct lb_service *a = va, *b = vb;
	int order = compare_place(a, b);

	if (order)
		return order;
	if (a->port_be != b->port_be)
		return ntohs(a->port_be) - ntohs(b->port_be);
	return a->port_last - b->port_last;
}

static bool add_line(struct build *build, const struct lb_service *service, uint16_t from,
		     uint16_t to)
{
	struct lb_service *line;

	if (build->n == build->max)
		return false;
	line = &build->lines[build->n++];
	*line = *service;
	line->from = from;
	line->to = to;
	return true;
}

/* The run of `n` ranges of one address and protocol, and the line that leads to it; says in `seen`
 * which of them have a part. */
static int build_run(struct build *build, const struct lb_service *services, size_t n, bool *seen,
		     struct lb_service *ret_place)
{
	struct portrange ranges[PORTRANGE_MAX], parts[PORTRANGE_PARTS(PORTRANGE_MAX)];
	const uint32_t first = build->n;
	size_t n_parts;

	if (n > PORTRANGE_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		if (i && compare_range(&services[i - 1], &services[i]) == 0)
			return -EEXIST;
		ranges[i] = (struct portrange){.first = ntohs(services[i].port_be),
					       .last = services[i].port_last,
					       .owner = (uint32_t)i};
	}
	n_parts = portrange_flatten(ranges, n, parts);
	for (size_t i = 0; i < n_parts; i++) {
		if (!add_line(build, &services[parts[i].owner], parts[i].first, parts[i].last))
			return -ENOSPC;
		seen[parts[i].owner] = true;
	}
	*ret_place = (struct lb_service){
	    .proto = services->proto | LB_SERVICE_RANGES,
	    .first_slot = first,
	    .slot_count = (uint32_t)n_parts,
	};
	memcpy(ret_place->addr, services->addr, sizeof(ret_place->addr));
	return 0;
}

/* Those of which nothing is left: see lb_ranges in abi.h. */
static int add_hidden(struct build *build, const struct lb_service *services, size_t n,
		      const bool *seen)
{
	for (size_t i = 0; i < n; i++)
		if (!seen[i] && !add_line(build, &services[i], 1, 0))
			return -ENOSPC;
	return 0;
}

/* Exact services first; returns how many they are. The ranges are copied out, for `services` takes
 * the lines that lead to them. */
static size_t take_out(struct lb_service *services, size_t n, struct lb_service *ret_ranges,
		       size_t *ret_n_ranges)
{
	size_t exact = 0;

	*ret_n_ranges = 0;
	for (size_t i = 0; i < n; i++) {
		if (services[i].port_last)
			ret_ranges[(*ret_n_ranges)++] = services[i];
		else
			services[exact++] = services[i];
	}
	return exact;
}

int ranges_build(struct lb_service *services, size_t *n_services, struct lb_service *ret_ranges,
		 uint32_t n_ranges)
{
	struct build build = {.lines = ret_ranges, .max = n_ranges};
	struct lb_service *ranges = calloc(*n_services + 1, sizeof(*ranges));
	bool *seen = calloc(*n_services + 1, sizeof(*seen));
	size_t n, exact, end;
	int r = -ENOMEM;

	if (!ranges || !seen)
		goto out;
	r = 0;
	memset(ret_ranges, 0, n_ranges * sizeof(*ret_ranges));
	exact = take_out(services, *n_services, ranges, &n);
	qsort(ranges, n, sizeof(*ranges), compare_range);
	for (size_t i = 0; i < n && !r; i = end) {
		for (end = i + 1; end < n && !compare_place(&ranges[i], &ranges[end]);)
			end++;
		r = build_run(&build, &ranges[i], end - i, &seen[i], &services[exact++]);
	}
	if (!r)
		r = add_hidden(&build, ranges, n, seen);
	*n_services = exact;
out:
	free(ranges);
	free(seen);
	return r;
}
