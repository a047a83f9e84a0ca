/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.h - health probes on the libevent loop: TCP connect and HTTP GET, straight to the backend.
 *
 * A target is a (pool, backend address). Probes of one interval are spread evenly over it, by a
 * hash of the target, so that a thousand backends are not probed in the same millisecond.
 */
#ifndef LB_PROBE_H
#define LB_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/conf.h"
#include "health.h"

struct event_base;
struct probe_set; /* opaque */

struct probe_target {
	const char *pool; /* copied */
	struct lb_addr address;
	struct conf_health health; /* copied, its strings too; type is not NONE */
	enum health_state initial; /* for a target that is new to the set: UNKNOWN, UP or DOWN */
};

struct probe_status {
	struct health health;
	uint64_t ok, failed; /* results so far */
	uint64_t last_ms;    /* CLOCK_MONOTONIC of the last result; 0: none yet */
	uint64_t since_ms;   /* CLOCK_MONOTONIC of the last change of state; 0: never */
	uint32_t last_duration_us;
	char last_error[80]; /* "connection refused", "HTTP status 503, expected 200-299" …;
			      * empty: the last probe succeeded */
};

/* The health state of a target changed. The callee may not call probe_set_update(). */
typedef void (*probe_on_change)(void *ctx, const char *pool, const struct lb_addr *address,
				const struct probe_status *status);

int probe_set_new(struct event_base *base, probe_on_change on_change, void *ctx,
		  struct probe_set **ret_set);
void probe_set_free(struct probe_set *set);

/*
 * Replaces the set of targets. One that was in the set keeps its state; where its parameters
 * differ they apply from the next probe on. -ENOMEM.
 */
int probe_set_update(struct probe_set *set, const struct probe_target *targets, size_t n);

/* NULL: not in the set. */
const struct probe_status *probe_set_status(const struct probe_set *set, const char *pool,
					    const struct lb_addr *address);

#endif
