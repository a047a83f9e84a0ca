/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_pure.c - check, plan and table build: no kernel in it, measured in this process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "conf/conf.h"
#include "control.h"
#include "maglev.h"
#include "plan.h"
#include "rig.h"

#define CONFIG	       RIG_DIR "/pure.yaml"
#define TABLE_BACKENDS 100u
#define TABLE_SLOTS    65344u /* maglev_slot_count(100) */

static int load(struct lb_config **ret_config, struct err *err)
{
	struct diag *diag = NULL;
	int r = conf_load(CONFIG, ret_config, &diag);

	if (r && diag)
		diag_print(diag, stderr, false);
	diag_free(diag);
	return r ? err_set(err, r, "the generated configuration does not load") : 0;
}

static int measure_check(const struct control *control, struct err *err)
{
	for (size_t i = 0; i < control->rounds; i++) {
		struct lb_config *config = NULL;
		double begun;
		int r;

		bench_progress("check, round %zu of %zu", i + 1, control->rounds);
		begun = bench_now_ms();
		r = load(&config, err);
		if (r)
			return r;
		report_add(control->report, ROW_CHECK, bench_now_ms() - begun);
		conf_free(config);
	}
	return 0;
}

/* Plans `config` on `old`; the layout is the caller's. */
static int plan_once(const struct control *control, enum control_row row, const struct layout *old,
		     const struct lb_config *old_config, const struct lb_config *config,
		     struct layout **ret_layout, struct err *err)
{
	double begun = bench_now_ms();
	struct plan *plan = NULL;
	int r = plan_make(old, old_config, config, &plan);

	if (r)
		return err_set(err, r, "planning: %s", strerror(-r));
	report_add(control->report, row, bench_now_ms() - begun);
	if (!plan->n_changes)
		r = err_set(err, -EINVAL, "planning: the plan changes nothing");
	else if (ret_layout)
		*ret_layout = plan_take_layout(plan);
	plan_free(plan);
	return r;
}

static int measure_plan(const struct control *control, struct lb_config *config,
			struct lb_config *changed, struct err *err)
{
	const struct layout_caps none = {0};
	int r = 0;

	for (size_t i = 0; i < control->rounds && !r; i++) {
		struct layout *empty = layout_new(&none), *layout = NULL;

		bench_progress("plan, round %zu of %zu", i + 1, control->rounds);
		if (!empty)
			return err_set(err, -ENOMEM, "out of memory");
		r = plan_once(control, ROW_PLAN_FIRST, empty, NULL, config, &layout, err);
		if (!r)
			r = plan_once(control, ROW_PLAN_ONE, layout, config, changed, NULL, err);
		layout_free(layout);
		layout_free(empty);
	}
	return r;
}

static int measure_plans(const struct control *control, struct err *err)
{
	struct lb_config *config = NULL, *changed = NULL;
	struct genconf size = control->size;
	int r = load(&config, err);

	size.changed = size.backends / 2;
	if (!r)
		r = control_write_config(&size, CONFIG, err);
	if (!r)
		r = load(&changed, err);
	if (!r)
		r = measure_plan(control, config, changed, err);
	conf_free(config);
	conf_free(changed);
	return r;
}

static int measure_table(const struct control *control, enum control_row row, bool weighted,
			 struct err *err)
{
	struct maglev_backend backends[TABLE_BACKENDS];
	uint16_t *slots = malloc(TABLE_SLOTS * sizeof(*slots));
	int r = slots ? 0 : -ENOMEM;

	for (uint16_t i = 0; i < TABLE_BACKENDS; i++) {
		const uint8_t address[4] = {10, 0, 0, (uint8_t)(i + 1)};

		backends[i] = (struct maglev_backend){
		    .address = addr_from_v4(address),
		    .weight = weighted ? genconf_weight(&control->size, i) : 100,
		    .id = i,
		};
	}
	/* Another seed each time: tables differ in how hard they are to fill. */
	for (size_t i = 0; i < control->tables && !r; i++) {
		double begun = bench_now_ms();

		r = maglev_build(backends, TABLE_BACKENDS, i + 1, TABLE_SLOTS, slots);
		if (!r)
			r = report_add(control->report, row, bench_now_ms() - begun);
	}
	free(slots);
	return r ? err_set(err, r, "building a table: %s", strerror(-r)) : 0;
}

int control_measure_pure(const struct control *control, struct err *err)
{
	int r = control_write_config(&control->size, CONFIG, err);

	if (!r)
		r = measure_check(control, err);
	if (!r)
		r = measure_plans(control, err);
	if (r)
		return r;
	bench_progress("tables");
	r = measure_table(control, ROW_TABLE, false, err);
	return r ? r : measure_table(control, ROW_TABLE_WEIGHTED, true, err);
}
