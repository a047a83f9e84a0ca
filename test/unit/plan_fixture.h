/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan_fixture.h - configs made in C, for tests of the plan: no parser, no file.
 */
#ifndef TEST_PLAN_FIXTURE_H
#define TEST_PLAN_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* A config that owns what it points to; free with fixture_free(). */
static inline struct lb_config *fixture_new(size_t n_pools, size_t n_vips)
{
	static const char *interfaces[] = {"eth0"};
	struct lb_config *config = calloc(1, sizeof(*config));

	config->node.interfaces = interfaces;
	config->node.n_interfaces = 1;
	config->node.seed = 1;
	config->pools = calloc(n_pools + 1, sizeof(*config->pools));
	config->vips = calloc(n_vips + 1, sizeof(*config->vips));
	return config;
}

static inline void fixture_free(struct lb_config *config)
{
	for (size_t i = 0; i < config->n_pools; i++) {
		free((void *)(uintptr_t)config->pools[i].name);
		free(config->pools[i].backends);
	}
	free(config->pools);
	free(config->vips);
	free(config);
}

static inline struct lb_addr fixture_addr(uint32_t n)
{
	uint8_t be4[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return addr_from_v4(be4);
}

/* Backend k of any pool is 10.0.0.0 + k. */
#define BACKEND_NET 0x0a000000u
#define VIP_NET	    0xc0000200u

/* Call in name order. Backends first .. first + n - 1. */
static inline struct conf_pool *fixture_pool(struct lb_config *config, const char *name,
					     uint32_t first, size_t n)
{
	struct conf_pool *pool = &config->pools[config->n_pools++];

	pool->name = strdup(name);
	pool->backends = calloc(n + 1, sizeof(*pool->backends));
	pool->n_backends = n;
	for (size_t i = 0; i < n; i++) {
		pool->backends[i].address = fixture_addr(BACKEND_NET + first + (uint32_t)i);
		pool->backends[i].weight = 100;
	}
	return pool;
}

static inline void fixture_drop_backend(struct conf_pool *pool, size_t i)
{
	memmove(&pool->backends[i], &pool->backends[i + 1],
		(pool->n_backends - i - 1) * sizeof(*pool->backends));
	pool->n_backends--;
}

static inline struct conf_vip *fixture_vip(struct lb_config *config, uint32_t n, size_t pool)
{
	struct conf_vip *vip = &config->vips[config->n_vips++];

	vip->name = "vip";
	vip->address = fixture_addr(VIP_NET + n);
	vip->protocol = CONF_TCP;
	vip->port = vip->port_last = 80;
	vip->pool = pool;
	return vip;
}

static inline struct layout *fixture_empty(void)
{
	struct layout_caps caps = {0};

	return layout_new(&caps);
}

static inline struct plan *fixture_plan(const struct layout *old,
					const struct lb_config *old_config,
					const struct lb_config *config)
{
	struct plan *plan = NULL;

	cr_assert_eq(plan_make(old, old_config, config, &plan), 0);
	return plan;
}

/* Plans, and goes on with the new layout. */
static inline struct layout *fixture_apply(struct layout *old, const struct lb_config *old_config,
					   const struct lb_config *config)
{
	struct plan *plan = fixture_plan(old, old_config, config);
	struct layout *layout = plan_take_layout(plan);

	plan_free(plan);
	layout_free(old);
	return layout;
}

#endif
