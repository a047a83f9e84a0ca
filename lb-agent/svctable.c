/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * svctable.c - builds the table in which the data plane finds a VIP by reading one displacement and
 * one line, whatever the number of VIPs.
 */
#include "svctable.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "lb/hash.h"

#define LINES_MIN   64u
#define BUCKETS_MIN 16u
/* At half load a bucket of 8 keys needs some 2^8 displacements on average; a table so full that
 * this many do not serve wants more lines. */
#define DISP_TRIES (1u << 20) /* below LB_DISP_EMPTY */

/* A key in the making; sorted by bucket. */
struct key {
	uint64_t hash;
	uint32_t bucket;
	uint32_t service;
};

struct bucket {
	uint32_t first, count; /* keys */
	uint32_t number;
};

struct build {
	const struct lb_service *services;
	struct lb_service *lines;
	unsigned int service_shift; /* the upper bits of a place are its line */
	struct key *keys;
	struct bucket *buckets;
	uint32_t *positions; /* of one bucket's keys */
};

static uint32_t power_of_two_from(uint32_t least, uint64_t wanted)
{
	uint32_t size = least;

	while (size < wanted && size < 1u << 31)
		size *= 2;
	return size;
}

uint32_t svctable_lines(size_t n_services)
{
	return power_of_two_from(LINES_MIN, 2ull * n_services);
}

uint32_t svctable_buckets(size_t n_services)
{
	return power_of_two_from(BUCKETS_MIN, svctable_lines(n_services) / 4);
}

/* Of a power of two from 2 on: what leaves that many values of a 64-bit word. */
static unsigned int shift_of(uint32_t n)
{
	return 64 - (unsigned int)__builtin_ctz(n);
}

static uint64_t key_hash(const uint8_t addr[16], __be16 port_be, uint8_t proto)
{
	struct lb_addr a;

	memcpy(a.b, addr, sizeof(a.b));
	return lb_service_hash(lb_service_tail(a.w[3], port_be, proto, addr_is_v4(&a) ? 4 : 6),
			       a.q[0], a.q[1], addr_is_v4(&a));
}

static bool same_key(const struct lb_service *a, const uint8_t addr[16], __be16 port_be,
		     uint8_t proto)
{
	return a->proto == proto && a->port_be == port_be && memcmp(a->addr, addr, 16) == 0;
}

static int cmp_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Largest first, while there is room; then by number, so that the result depends on the set of
 * services alone. */
static int cmp_bucket(const void *a, const void *b)
{
	const struct bucket *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static int check_duplicates(const struct build *build, size_t n_keys)
{
	for (size_t i = 1; i < n_keys; i++) {
		const struct lb_service *a = &build->services[build->keys[i - 1].service];
		const struct lb_service *b = &build->services[build->keys[i].service];

		if (build->keys[i - 1].hash != build->keys[i].hash)
			continue;
		/* Different keys of one hash (64 bits) cannot be told apart by any table. */
		return same_key(a, b->addr, b->port_be, b->proto) ? -EEXIST : -ENOSPC;
	}
	return 0;
}

static size_t group_keys(struct build *build, size_t n_keys)
{
	size_t n = 0;

	for (size_t i = 0; i < n_keys; i++) {
		if (n == 0 || build->buckets[n - 1].number != build->keys[i].bucket)
			build->buckets[n++] = (struct bucket){
			    .first = (uint32_t)i,
			    .number = build->keys[i].bucket,
			};
		build->buckets[n - 1].count++;
	}
	qsort(build->buckets, n, sizeof(*build->buckets), cmp_bucket);
	return n;
}

/* Whether `disp` puts the bucket's keys on lines that are free and different; if so they are
 * taken (by their proto, which marks a line as used). */
static bool try_disp(struct build *build, const struct bucket *bucket, uint32_t disp)
{
	uint32_t placed = 0;

	for (; placed < bucket->count; placed++) {
		const struct key *key = &build->keys[bucket->first + placed];
		uint32_t pos =
		    (uint32_t)(lb_service_place(key->hash, disp) >> build->service_shift);

		if (build->lines[pos].proto)
			break;
		build->lines[pos].proto = build->services[key->service].proto;
		build->positions[placed] = pos;
	}
	if (placed < bucket->count) {
		while (placed--)
			build->lines[build->positions[placed]].proto = 0;
		return false;
	}
	for (uint32_t i = 0; i < bucket->count; i++) {
		struct lb_service *line = &build->lines[build->positions[i]];
		struct lb_addr addr;

		*line = build->services[build->keys[bucket->first + i].service];
		memcpy(addr.b, line->addr, sizeof(addr.b));
		memcpy(line->addr_tail, line->addr + 12, sizeof(line->addr_tail));
		line->family = addr_is_v4(&addr) ? 4 : 6;
	}
	return true;
}

static int place(struct build *build, size_t n_groups, uint32_t *disps)
{
	for (size_t i = 0; i < n_groups; i++) {
		uint32_t disp = 0;

		while (!try_disp(build, &build->buckets[i], disp))
			if (++disp == DISP_TRIES)
				return -ENOSPC;
		disps[build->buckets[i].number] = disp;
	}
	return 0;
}

static bool is_power_of_two(uint32_t n)
{
	return n > 1 && (n & (n - 1)) == 0;
}

int svctable_build(const struct lb_service *services, size_t n_services,
		   struct lb_service *ret_lines, uint32_t n_lines, uint32_t *ret_disp,
		   uint32_t n_buckets)
{
	struct build build = {
	    .services = services,
	    .lines = ret_lines,
	    .service_shift = shift_of(n_lines),
	};
	int rc;

	if (!is_power_of_two(n_lines) || !is_power_of_two(n_buckets))
		return -EINVAL;
	memset(ret_lines, 0, (size_t)n_lines * sizeof(*ret_lines));
	for (uint32_t i = 0; i < n_buckets; i++)
		ret_disp[i] = LB_DISP_EMPTY;
	if (n_services == 0)
		return 0;

	build.keys = calloc(n_services, sizeof(*build.keys));
	build.buckets = calloc(n_services, sizeof(*build.buckets));
	build.positions = calloc(n_services, sizeof(*build.positions));
	rc = -ENOMEM;
	if (!build.keys || !build.buckets || !build.positions)
		goto out;
	for (size_t i = 0; i < n_services; i++) {
		const struct lb_service *s = &services[i];
		uint64_t hash = key_hash(s->addr, s->port_be, s->proto);

		rc = -EINVAL;
		if (s->proto == 0)
			goto out;
		build.keys[i] = (struct key){
		    .hash = hash,
		    .bucket = (uint32_t)(hash >> shift_of(n_buckets)),
		    .service = (uint32_t)i,
		};
	}
	qsort(build.keys, n_services, sizeof(*build.keys), cmp_key);
	rc = check_duplicates(&build, n_services);
	if (rc)
		goto out;
	rc = n_services > n_lines ? -ENOSPC
				  : place(&build, group_keys(&build, n_services), ret_disp);
out:
	free(build.keys);
	free(build.buckets);
	free(build.positions);
	return rc;
}

const struct lb_service *svctable_find(const struct lb_service *lines, uint32_t n_lines,
				       const uint32_t *disp, uint32_t n_buckets,
				       const uint8_t addr[16], __be16 port_be, uint8_t proto)
{
	uint64_t hash = key_hash(addr, port_be, proto);
	uint32_t bucket = (uint32_t)(hash >> shift_of(n_buckets));
	const struct lb_service *line =
	    &lines[lb_service_place(hash, disp[bucket]) >> shift_of(n_lines)];

	return proto != 0 && disp[bucket] != LB_DISP_EMPTY && same_key(line, addr, port_be, proto)
		   ? line
		   : NULL;
}
