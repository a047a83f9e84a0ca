/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * health.c - the counting of probe results, apart from the probing, so that it is tested without
 * a clock or a network.
 */
#include "health.h"

static bool enter(struct health *health, enum health_state state)
{
	health->state = state;
	health->streak = 0;
	return true;
}

bool health_result(struct health *health, bool ok, uint16_t rise, uint16_t fall)
{
	bool agrees;

	if (health->state == HEALTH_UNCHECKED)
		return false;
	if (health->state == HEALTH_UNKNOWN)
		return enter(health, ok ? HEALTH_UP : HEALTH_DOWN);
	agrees = ok == (health->state == HEALTH_UP);
	if (agrees) {
		health->streak = 0;
		return false;
	}
	health->streak++;
	if (health->streak < (ok ? rise : fall))
		return false;
	return enter(health, ok ? HEALTH_UP : HEALTH_DOWN);
}

bool health_usable(enum health_state state)
{
	return state != HEALTH_DOWN;
}

const char *health_state_name(enum health_state state)
{
	switch (state) {
	case HEALTH_UNCHECKED:
		return "unchecked";
	case HEALTH_UNKNOWN:
		return "unknown";
	case HEALTH_UP:
		return "up";
	case HEALTH_DOWN:
		return "down";
	}
	return "invalid";
}
