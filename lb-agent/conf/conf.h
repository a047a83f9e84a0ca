/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conf.h - the checked configuration: plain immutable structs.
 *
 * conf_load() reads a file, collects every error of it in a diag, and returns a config only when
 * there is none. No kernel library, no root.
 */
#ifndef LB_CONF_CONF_H
#define LB_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/diag.h"

#define CONF_NAME_MAX 63 /* bytes of a pool's or a VIP's name: [A-Za-z0-9][A-Za-z0-9._-]* */

enum conf_xdp_mode {
	CONF_XDP_AUTO, /* native, and generic where the driver has no XDP */
	CONF_XDP_NATIVE,
	CONF_XDP_GENERIC,
};

/* The outer source address towards backends of one family. */
struct conf_source {
	bool set;		/* else it is the kernel's choice by route */
	uint8_t prefix;		/* bits; 0: `address` is one address, not a prefix */
	struct lb_addr address; /* of a prefix: the bits behind it are zero */
};

enum conf_checksum6 {
	CONF_CHECKSUM6_COMPUTED,
	CONF_CHECKSUM6_ZERO,
};

#define CONF_GUE_PORT	 6080 /* IANA's for gue */
#define CONF_GUE_VARIANT 1

struct conf_gue {
	uint16_t port;	 /* UDP destination port, 1 .. 65535 */
	uint8_t variant; /* 0 or 1 */
	enum conf_checksum6 checksum6;
};

struct conf_node {
	const char **interfaces; /* at least one, no duplicate */
	size_t n_interfaces;
	enum conf_xdp_mode xdp_mode;
	uint64_t seed; /* of the flow hash; the same on every box that shares VIPs */
	struct conf_source tunnel_source_v4, tunnel_source_v6;
	struct conf_gue gue;
};

enum conf_backend_state {
	CONF_BACKEND_ACTIVE,
	CONF_BACKEND_DRAIN,
};

struct conf_backend {
	struct lb_addr address; /* unicast, not loopback, unique in its pool */
	uint32_t weight;	/* 0 .. 65535; 0 is the same as drain */
	enum conf_backend_state state;
	uint16_t quic_id; /* in QUIC connection ids, unique in its pool; 0: it has none */
	struct diag_loc loc;
};

enum conf_health_type {
	CONF_HEALTH_NONE,
	CONF_HEALTH_TCP,  /* a TCP connection is accepted */
	CONF_HEALTH_HTTP, /* GET is answered with an expected status */
};

struct conf_health {
	enum conf_health_type type;
	uint16_t port;	  /* never 0 unless type is NONE: where unset, the VIPs' common port */
	const char *path; /* HTTP: starts with '/' */
	const char *host; /* HTTP: the Host header; NULL: the backend's address */
	uint16_t expect_min, expect_max;  /* HTTP status, 100 .. 599 */
	uint32_t interval_ms, timeout_ms; /* timeout <= interval */
	uint16_t rise, fall;		  /* consecutive results that change the state, 1 .. 100 */
};

enum conf_all_down {
	CONF_ALL_DOWN_DROP,    /* nothing healthy: packets are dropped as no-backend */
	CONF_ALL_DOWN_USE_ALL, /* nothing healthy: health is ignored */
};

struct conf_pool {
	const char *name;
	struct conf_backend *backends; /* in address order, at least one */
	size_t n_backends;
	bool quic; /* a VIP with affinity: quic uses it: every backend has its quic_id */
	struct conf_health health;
	enum conf_all_down when_all_down;
	uint32_t slots; /* 0: chosen from the number of backends (maglev_slot_count) */
	struct diag_loc loc;
};

enum conf_protocol { /* values are IP protocol numbers */
	CONF_TCP = 6,
	CONF_UDP = 17,
};

enum conf_forward {
	CONF_FORWARD_L2,
	CONF_FORWARD_IPIP,
	CONF_FORWARD_GUE,
};

enum conf_affinity {
	CONF_AFFINITY_FLOW,   /* the 5-tuple */
	CONF_AFFINITY_SOURCE, /* the source address */
	CONF_AFFINITY_QUIC,   /* the backend's id in QUIC connection ids, else as FLOW */
};

struct conf_vip {
	const char *name;	/* unique */
	struct lb_addr address; /* unicast, not loopback */
	enum conf_protocol protocol;
	/* The first and the last port, 1 .. 65535, the same where there is one; (address, protocol,
	 * port, port_last) is unique. Where VIPs overlap: portrange_more_specific(). */
	uint16_t port, port_last;
	enum conf_forward forward;
	enum conf_affinity affinity;
	uint8_t affinity_prefix; /* AFFINITY_SOURCE: bits of the source that count; 0: all */
	size_t pool;		 /* index into lb_config.pools */
	struct diag_loc loc;
};

enum conf_limit_per {
	CONF_LIMIT_PER_SOURCE,
	CONF_LIMIT_PER_VIP,
};

enum conf_limit_count {
	CONF_LIMIT_PACKETS,
	CONF_LIMIT_BYTES,
	CONF_LIMIT_CONNECTIONS, /* TCP VIPs alone have them */
};

enum conf_limit_action {
	CONF_LIMIT_DROP,
	CONF_LIMIT_COUNT_ONLY,
};

struct conf_limit {
	size_t vip; /* index into lb_config.vips; SIZE_MAX: holds for each VIP by itself */
	enum conf_limit_per per;
	enum conf_limit_count count;
	enum conf_limit_action action;
	uint64_t rate;		  /* a second, within what gcra.h allows */
	uint64_t burst;		  /* at least 1, at most what the rate is in an hour */
	uint8_t prefix4, prefix6; /* of a source; 32 and 128 at the most */
};

#define CONF_LIMITS_A_VIP_MAX 8 /* those for every VIP included */

struct lb_config {
	struct conf_node node;
	struct conf_pool *pools; /* in name order */
	size_t n_pools;
	struct conf_vip *vips; /* in the file's order */
	size_t n_vips;
	struct conf_limit *limits; /* in the file's order */
	size_t n_limits;
	uint32_t limit_sources; /* sources that are remembered at a time */
	void *arena;		/* owns every byte above; opaque */
};

/*
 * Reads and checks a file ("-": standard input). 0 and a config, or -EINVAL with at least one error
 * in `*ret_diag`, or another -errno where the file could not be read (said in the diag as well).
 * `*ret_diag` is always set unless -ENOMEM, may hold warnings, and is the caller's to diag_free().
 */
int conf_load(const char *path, struct lb_config **ret_config, struct diag **ret_diag);
/* The same for a text in memory; `name` is what diagnostics call it. The text must outlive the
 * diag. */
int conf_load_text(const char *name, const char *text, size_t len, struct lb_config **ret_config,
		   struct diag **ret_diag);
void conf_free(struct lb_config *config);

/* Pool or VIP by name; NULL: none. */
const struct conf_pool *conf_find_pool(const struct lb_config *config, const char *name);
const struct conf_vip *conf_find_vip(const struct lb_config *config, const char *name);
const struct conf_backend *conf_find_backend(const struct conf_pool *pool,
					     const struct lb_addr *address);

#define CONF_SOURCE_TEXT_MAX 52
/* "10.0.0.1", "10.99.0.0/16" or "by route"; returns `buf`. */
const char *conf_format_source(const struct conf_source *source, char buf[CONF_SOURCE_TEXT_MAX]);
const char *conf_checksum6_name(enum conf_checksum6 checksum); /* "computed", "zero" */
const char *conf_forward_name(enum conf_forward forward);      /* "l2" … */
const char *conf_affinity_name(enum conf_affinity affinity);   /* "flow", "source", "quic" */
const char *conf_protocol_name(enum conf_protocol protocol);   /* "tcp", "udp" */

/* The field table as documents, malloc'd: a JSON Schema (draft 2020-12) and the man page's
 * reference section (man(7) macros). NULL when memory ran out. */
char *conf_schema_json(void);
char *conf_schema_man(void);

#endif
