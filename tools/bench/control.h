/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.h - what the files of 'lb-bench control' share: control.c (options, the run),
 * control_pure.c (what needs no kernel), control_agent.c (a running lb-agent).
 */
#ifndef LB_BENCH_CONTROL_H
#define LB_BENCH_CONTROL_H

#include <stddef.h>

#include "base/err.h"
#include "genconf.h"
#include "report.h"

enum control_row {
	ROW_CHECK,
	ROW_PLAN_FIRST,
	ROW_PLAN_ONE,
	ROW_TABLE,
	ROW_TABLE_WEIGHTED,
	ROW_FIRST_APPLY,
	ROW_FIRST_APPLY_TOOK,
	ROW_FIRST_APPLY_USABLE,
	ROW_FIRST_APPLY_SETTLED,
	ROW_FIRST_APPLY_CPU,
	ROW_WEIGHT,
	ROW_DRAIN,
	ROW_UNDRAIN,
	ROW_RELOAD_ONE,
	ROW_RELOAD_ONE_APPLY,
	ROW_RELOAD_ONE_TRIP,
	ROW_RELOAD_ONE_CPU,
	ROW_RELOAD_NONE,
	ROW_ADOPT,
	ROW_ADOPT_TOOK,
	ROW_ADOPT_CPU,
	ROW_RSS,
	ROW_RSS_ANON,
	ROW_RSS_FILE,
	ROW_RSS_PEAK,
	ROW_MAP_MEMORY,
	ROW_SMALL_FIRST_APPLY,
	ROW_SMALL_RSS_PEAK,
	ROW_SMALL_MAP_MEMORY,
	CONTROL_ROWS
};

struct control {
	struct genconf size;
	size_t rounds;	/* of what takes seconds */
	size_t changes; /* single changes a round */
	size_t tables;	/* tables built */
	int binary;	/* lb-agent */
	struct report *report;
};

#define CONTROL_SMALL_VIPS     100u
#define CONTROL_SMALL_BACKENDS 100u /* a VIP */

/* Within the rig. 0, or -errno and a line that says what could not be measured. */
int control_measure_pure(const struct control *control, struct err *err);
int control_measure_agent(const struct control *control, struct err *err);
int control_measure_small(const struct control *control, struct err *err);

/* Writes the configuration of this size to `path`. */
int control_write_config(const struct genconf *size, const char *path, struct err *err);

#endif
