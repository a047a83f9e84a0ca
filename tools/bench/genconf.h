/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * genconf.h - configurations of any size, the same text for the same numbers.
 *
 * VIPs and backends are of both families, l2 and ipip, TCP and UDP in turn; backend i belongs to
 * pool i * pools / backends. Addresses are from the ranges set aside for benchmarks (RFC 2544:
 * 198.18.0.0/15, RFC 5180: 2001:2::/48) and from 10.0.0.0/8.
 */
#ifndef LB_BENCH_GENCONF_H
#define LB_BENCH_GENCONF_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define GENCONF_VIPS_MAX     100000u
#define GENCONF_BACKENDS_MAX 1000000u
#define GENCONF_NAME_MAX     32

/* Where the backends are; the rig routes these. */
#define GENCONF_BACKENDS_V4 "10.0.0.0/8"
#define GENCONF_BACKENDS_V6 "2001:2::/48"

#define GENCONF_NONE	    SIZE_MAX

struct genconf {
	const char *interface;
	size_t vips, backends;
	size_t pools;	/* at most vips, at most backends */
	size_t changed; /* this backend has another weight; GENCONF_NONE: none has */
};

/* The YAML, malloc'd; NULL when memory ran out. */
char *genconf_text(const struct genconf *g, size_t *ret_len);

/* Where backend `i` is. */
size_t genconf_pool_of(const struct genconf *g, size_t i);
const char *genconf_pool_name(size_t pool, char buffer[GENCONF_NAME_MAX]);
const char *genconf_backend_address(const struct genconf *g, size_t i,
				    char buffer[LB_ADDR_TEXT_MAX]);
uint32_t genconf_weight(const struct genconf *g, size_t i);

#endif
