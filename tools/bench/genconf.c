/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * genconf.c - writes the YAML. Written the way people write it: one backend a line, flow mappings,
 * so that the parser has the work it has in life.
 */
#include "genconf.h"

#include <stdbool.h>
#include <stdio.h>

#define FIRST_V4 256u /* 10.0.1.0 */

static bool pool_is_v4(size_t pool)
{
	return pool % 2 == 0;
}

/* Backends of pool p are [first_of(p), first_of(p + 1)). */
static size_t first_of(const struct genconf *g, size_t pool)
{
	return (pool * g->backends + g->pools - 1) / g->pools;
}

size_t genconf_pool_of(const struct genconf *g, size_t i)
{
	return i * g->pools / g->backends;
}

const char *genconf_pool_name(size_t pool, char buffer[GENCONF_NAME_MAX])
{
	snprintf(buffer, GENCONF_NAME_MAX, "pool-%zu", pool);
	return buffer;
}

const char *genconf_backend_address(const struct genconf *g, size_t i,
				    char buffer[LB_ADDR_TEXT_MAX])
{
	size_t n = FIRST_V4 + i;

	if (pool_is_v4(genconf_pool_of(g, i)))
		snprintf(buffer, LB_ADDR_TEXT_MAX, "10.%zu.%zu.%zu", n >> 16 & 255, n >> 8 & 255,
			 n & 255);
	else
		snprintf(buffer, LB_ADDR_TEXT_MAX, "2001:2:0:1::%zx:%zx", n >> 16, n & 0xffff);
	return buffer;
}

uint32_t genconf_weight(const struct genconf *g, size_t i)
{
	return (uint32_t)(50 + i % 7 * 25 + (i == g->changed ? 10 : 0));
}

static void write_pool(const struct genconf *g, size_t pool, FILE *out)
{
	size_t end = first_of(g, pool + 1);
	char name[GENCONF_NAME_MAX], address[LB_ADDR_TEXT_MAX];

	fprintf(out, "  %s:\n    backends:\n", genconf_pool_name(pool, name));
	for (size_t i = first_of(g, pool); i < end; i++)
		fprintf(out, "      - {address: \"%s\", weight: %u}\n",
			genconf_backend_address(g, i, address), genconf_weight(g, i));
}

static void write_vip(const struct genconf *g, size_t i, FILE *out)
{
	size_t pool = i % g->pools;
	bool ipip = i / 2 % 2;
	/* l2 stays in the family; ipip takes all four combinations in turn. */
	bool v4 = ipip && i / 4 % 2 ? !pool_is_v4(pool) : pool_is_v4(pool);
	char name[GENCONF_NAME_MAX], address[LB_ADDR_TEXT_MAX];

	if (v4)
		snprintf(address, sizeof(address), "198.%zu.%zu.%zu", 18 + (i >> 16 & 1),
			 i >> 8 & 255, i & 255);
	else
		snprintf(address, sizeof(address), "2001:2:0:f::%zx:%zx", i >> 16, i & 0xffff);
	fprintf(out,
		"  - {name: vip-%zu, address: \"%s\", protocol: %s, port: %d, forward: %s, "
		"pool: %s, affinity: %s}\n",
		i, address, i / 8 % 2 ? "udp" : "tcp", i / 8 % 2 ? 53 : 443, ipip ? "ipip" : "l2",
		genconf_pool_name(pool, name), i / 16 % 2 ? "source" : "flow");
}

char *genconf_text(const struct genconf *g, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	if (!out)
		return NULL;
	fprintf(out,
		"# %zu VIPs, %zu pools, %zu backends, written by lb-bench.\n"
		"version: 1\n\nnode:\n  interfaces: [%s]\n\npools:\n",
		g->vips, g->pools, g->backends, g->interface);
	for (size_t pool = 0; pool < g->pools; pool++)
		write_pool(g, pool, out);
	fputs("\nvips:\n", out);
	for (size_t i = 0; i < g->vips; i++)
		write_vip(g, i, out);
	if (fclose(out)) {
		/* open_memstream(3) fails for lack of memory alone. */
		return NULL;
	}
	return text;
}
