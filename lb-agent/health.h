/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * health.h - rise and fall: when a row of probe results changes a backend's state. Pure.
 */
#ifndef LB_HEALTH_H
#define LB_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum health_state {
	HEALTH_UNCHECKED, /* the pool has no health check; counts as up */
	HEALTH_UNKNOWN,	  /* not yet probed; counts as up, and the first result decides at once */
	HEALTH_UP,
	HEALTH_DOWN,
};

struct health {
	enum health_state state;
	uint16_t streak; /* results in a row that speak against the state */
};

/* Takes a result in; true: the state changed (UNKNOWN to UP counts as a change). */
bool health_result(struct health *health, bool ok, uint16_t rise, uint16_t fall);
/* Whether a backend in this state may take traffic. */
bool health_usable(enum health_state state);
const char *health_state_name(enum health_state state); /* "unchecked" "unknown" "up" "down" */

#endif
