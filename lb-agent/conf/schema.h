/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema.h - the field table: every key of the configuration, once. The parser (bind.c), the man
 * page's reference and the JSON Schema (schema_doc.c) are read off it.
 *
 * A bound mapping is an array of values indexed by the enums below, in the table's order.
 */
#ifndef LB_CONF_SCHEMA_H
#define LB_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
	SCHEMA_OBJECT,	  /* a mapping with the keys of `object` */
	SCHEMA_NAMED,	  /* a mapping of names to `object` */
	SCHEMA_LIST,	  /* a list of `item` */
	SCHEMA_NUMBER,	  /* min … max, decimal */
	SCHEMA_SEED,	  /* the same, decimal or 0x hexadecimal */
	SCHEMA_PORT,	  /* a port number */
	SCHEMA_PORTS,	  /* a port number, a range of them, or "any" */
	SCHEMA_DURATION,  /* a number with a unit; min … max in ms */
	SCHEMA_RATE,	  /* 10k/s, 100MB/s, 800Mbit/s; min … max where it counts no bytes */
	SCHEMA_AMOUNT,	  /* 20k, 10MB, 64KiB; the same */
	SCHEMA_WORD,	  /* one of `words` */
	SCHEMA_NAME,	  /* the name of an object */
	SCHEMA_INTERFACE, /* a network device's name */
	SCHEMA_ADDRESS,	  /* a unicast address of either family */
	SCHEMA_SOURCE_V4, /* a unicast address, or a prefix of min … max bits */
	SCHEMA_SOURCE_V6,
	SCHEMA_STATUS, /* HTTP status codes: 200 or 200-299 */
	SCHEMA_PATH,   /* of an HTTP request */
	SCHEMA_HOST,   /* of an HTTP request */
};

struct schema_word {
	const char *word; /* NULL ends the list */
	int value;
	bool later; /* recognised, not supported yet */
	const char *help;
};

struct schema_object;

struct schema_field {
	const char *name;
	enum schema_type type;
	bool required;
	bool later;	      /* recognised, not supported yet: nothing else of the field is set */
	uint64_t min, max;    /* of numbers; of lists the number of items */
	const char *standard; /* the default as it would be written; NULL: none */
	const char *standard_help; /* what holds without the key, where no value says it */
	const struct schema_word *words;
	const struct schema_object *object;
	const struct schema_field *item;
	const char *help; /* plain text, sentences */
};

#define SCHEMA_FIELDS_MAX 32 /* of one object */

struct schema_object {
	const char *title; /* "a backend", for messages and documents */
	const struct schema_field *fields;
	size_t n_fields; /* in `fields`, those for later included; they come last */
	size_t n_values; /* those that are supported */
};

enum schema_root {
	ROOT_VERSION,
	ROOT_NODE,
	ROOT_POOLS,
	ROOT_VIPS,
	ROOT_FILTERS,
	ROOT_VALUES,
};

enum schema_filters {
	FILTERS_RATE_LIMITS,
	FILTERS_RATE_LIMIT_SOURCES,
	FILTERS_VALUES,
};

enum schema_limit {
	LIMIT_VIP,
	LIMIT_PER,
	LIMIT_COUNT,
	LIMIT_RATE,
	LIMIT_BURST,
	LIMIT_PREFIX,
	LIMIT_ACTION,
	LIMIT_VALUES,
};

enum schema_limit_prefix {
	LIMIT_PREFIX_IPV4,
	LIMIT_PREFIX_IPV6,
	LIMIT_PREFIX_VALUES,
};

enum schema_node {
	NODE_INTERFACES,
	NODE_XDP_MODE,
	NODE_SEED,
	NODE_TUNNEL_SOURCE,
	NODE_GUE,
	NODE_VALUES,
};

enum schema_tunnel_source {
	TUNNEL_IPV4,
	TUNNEL_IPV6,
	TUNNEL_VALUES,
};

enum schema_gue {
	GUE_PORT,
	GUE_VARIANT,
	GUE_IPV6_CHECKSUM,
	GUE_VALUES,
};

enum schema_pool {
	POOL_BACKENDS,
	POOL_HEALTH,
	POOL_WHEN_ALL_DOWN,
	POOL_SLOTS,
	POOL_VALUES,
};

enum schema_backend {
	BACKEND_ADDRESS,
	BACKEND_WEIGHT,
	BACKEND_STATE,
	BACKEND_QUIC_ID,
	BACKEND_VALUES,
};

enum schema_health {
	HEALTH_TCP,
	HEALTH_HTTP,
	HEALTH_INTERVAL,
	HEALTH_TIMEOUT,
	HEALTH_RISE,
	HEALTH_FALL,
	HEALTH_VALUES,
};

enum schema_health_tcp {
	HEALTH_TCP_PORT,
	HEALTH_TCP_VALUES,
};

enum schema_health_http {
	HEALTH_HTTP_PATH,
	HEALTH_HTTP_EXPECT,
	HEALTH_HTTP_HOST,
	HEALTH_HTTP_PORT,
	HEALTH_HTTP_VALUES,
};

enum schema_vip {
	VIP_NAME,
	VIP_ADDRESS,
	VIP_PROTOCOL,
	VIP_PORT,
	VIP_FORWARD,
	VIP_POOL,
	VIP_AFFINITY,
	VIP_AFFINITY_PREFIX,
	VIP_VALUES,
};

extern const struct schema_object schema_root;

/* The field of a name, or NULL. `name` need not be a valid key. */
const struct schema_field *schema_find(const struct schema_object *object, const char *name);

#endif
