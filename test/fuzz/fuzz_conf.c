/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz_conf.c - any bytes as a configuration (libFuzzer): no crash, no leak, and either a config
 * that keeps what conf.h promises or an error that can be printed.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "not true: %s\n", #condition);                             \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check_pool(const struct lb_config *config, const struct conf_pool *pool)
{
	const struct conf_health *health = &pool->health;

	REQUIRE(strlen(pool->name) <= CONF_NAME_MAX && pool->name[0]);
	REQUIRE(conf_find_pool(config, pool->name) == pool);
	REQUIRE(pool->n_backends > 0);
	REQUIRE(pool->slots == 0 || pool->slots >= pool->n_backends);
	for (size_t i = 1; i < pool->n_backends; i++)
		REQUIRE(addr_cmp(&pool->backends[i - 1].address, &pool->backends[i].address) < 0);
	for (size_t i = 0; i < pool->n_backends; i++)
		REQUIRE(conf_find_backend(pool, &pool->backends[i].address) == &pool->backends[i]);
	if (health->type == CONF_HEALTH_NONE)
		return;
	REQUIRE(health->port > 0 && health->timeout_ms <= health->interval_ms);
	REQUIRE(health->rise > 0 && health->fall > 0 && health->timeout_ms > 0);
	if (health->type == CONF_HEALTH_HTTP)
		REQUIRE(health->path[0] == '/' && health->expect_min <= health->expect_max);
}

static void check_config(const struct lb_config *config)
{
	REQUIRE(config->node.n_interfaces > 0);
	for (size_t i = 0; i < config->n_pools; i++)
		check_pool(config, &config->pools[i]);
	for (size_t i = 0; i < config->n_vips; i++) {
		const struct conf_vip *vip = &config->vips[i];

		REQUIRE(vip->pool < config->n_pools && vip->port > 0);
		REQUIRE(conf_find_vip(config, vip->name) == vip);
		REQUIRE(!addr_is_unspecified(&vip->address) && !addr_is_multicast(&vip->address));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lb_config *config;
	struct diag *diag;
	char *text, *json;
	int err = conf_load_text("fuzz", (const char *)data, size, &config, &diag);

	REQUIRE(err == 0 || err == -EINVAL);
	REQUIRE((err == 0) == (config != NULL));
	REQUIRE((err == -EINVAL) == (diag_errors(diag) > 0));
	text = diag_text(diag);
	json = diag_json(diag);
	REQUIRE(text && json);
	for (const char *p = text; *p; p++)
		REQUIRE((unsigned char)*p >= ' ' || *p == '\n');
	if (config)
		check_config(config);
	free(text);
	free(json);
	conf_free(config);
	diag_free(diag);
	return 0;
}
