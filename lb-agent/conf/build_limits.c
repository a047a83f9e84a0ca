/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * build_limits.c - the rate limits as conf.h has them.
 */
#include <errno.h>

#include "conf/check.h"

static uint8_t prefix_of(const struct object *limit, enum schema_limit_prefix family,
			 uint8_t standard)
{
	const struct value *prefix = &limit->v[LIMIT_PREFIX];

	return prefix->state == VALUE_SET ? (uint8_t)prefix->object->v[family].number : standard;
}

static enum conf_limit_count count_of(const struct object *limit)
{
	if (value_good(&limit->v[LIMIT_COUNT]))
		return (enum conf_limit_count)limit->v[LIMIT_COUNT].number;
	return limit->v[LIMIT_RATE].amount.bytes ? CONF_LIMIT_BYTES : CONF_LIMIT_PACKETS;
}

int build_limits(struct arena *arena, const struct object *root, const struct checked *checked,
		 struct lb_config *config)
{
	const struct value *list = check_limits_list(root), *filters = &root->v[ROOT_FILTERS];
	const size_t n = list->list.n;

	if (filters->state != VALUE_SET)
		return 0;
	config->limit_sources = (uint32_t)filters->object->v[FILTERS_RATE_LIMIT_SOURCES].number;
	config->limits = arena_array(arena, n, sizeof(*config->limits));
	if (!config->limits)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct object *limit = list->list.items[i].object;

		config->limits[i] = (struct conf_limit){
		    .vip = checked->limit_vip[i],
		    .per = (enum conf_limit_per)limit->v[LIMIT_PER].number,
		    .count = count_of(limit),
		    .action = (enum conf_limit_action)limit->v[LIMIT_ACTION].number,
		    .rate = limit->v[LIMIT_RATE].amount.number,
		    .burst = check_limit_burst(limit),
		    .prefix4 = prefix_of(limit, LIMIT_PREFIX_IPV4, 32),
		    .prefix6 = prefix_of(limit, LIMIT_PREFIX_IPV6, 64),
		};
	}
	config->n_limits = n;
	return 0;
}
