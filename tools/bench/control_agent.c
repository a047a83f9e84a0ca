/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control_agent.c - a running lb-agent: first apply, single changes, reloads, adoption, memory.
 *
 * Every step is checked to have had its effect (all backends usable, the weight that was asked for,
 * one change in a reload, adoption without a new generation): a figure of something else is no
 * figure.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent_process.h"
#include "bench.h"
#include "control.h"
#include "rig.h"

#define CONFIG	       RIG_DIR "/sluice.yaml"
#define MIB	       (1024.0 * 1024.0)
#define USABLE_WAIT_MS 120000
#define POLL_MS	       10
#define IDLE_MS	       200 /* in which no look finds more than IDLE_CPU_MS used */
#define IDLE_CPU_MS    1
#define SETTLE_WAIT_MS 120000
#define STATUS_POLL_MS 20

static void sleep_ms(long ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static json_t *last_reload(const json_t *status)
{
	return json_object_get(status, "last_reload");
}

static int add_took(const struct control *control, struct agent_process *agent,
		    enum control_row row, struct err *err)
{
	json_t *status = NULL;
	int r = agent_process_command(agent, "status", NULL, &status, NULL, err);

	if (!r)
		r = report_add(control->report, row,
			       json_number_value(json_object_get(last_reload(status), "took_ms")));
	json_decref(status);
	return r;
}

static int wait_usable(struct agent_process *agent, size_t backends, struct err *err)
{
	double until = bench_now_ms() + USABLE_WAIT_MS;
	json_int_t usable = 0;

	while (bench_now_ms() < until) {
		json_t *status = NULL;
		int r = agent_process_command(agent, "status", NULL, &status, NULL, err);

		usable = json_integer_value(json_object_get(status, "backends_usable"));
		json_decref(status);
		if (r)
			return r;
		if (usable == (json_int_t)backends)
			return 0;
		sleep_ms(STATUS_POLL_MS);
	}
	return err_set(err, -ETIMEDOUT, "only %lld of %zu backends are usable after %d s",
		       (long long)usable, backends, USABLE_WAIT_MS / 1000);
}

/* Until the agent has used no CPU time for a while; `*ret_at_ms` is when it had used the last. */
static int wait_idle(struct agent_process *agent, double *ret_at_ms, double *ret_cpu_ms,
		     struct err *err)
{
	double begun = bench_now_ms(), now = begun, last, cpu = -1;
	int r;

	*ret_at_ms = begun;
	do {
		last = cpu;
		r = agent_process_cpu_ms(agent, &cpu, err);
		if (r)
			return r;
		now = bench_now_ms();
		if (cpu > last + IDLE_CPU_MS && last >= 0)
			*ret_at_ms = now;
		if (now - begun > SETTLE_WAIT_MS)
			return err_set(err, -ETIMEDOUT, "lb-agent is never idle");
		sleep_ms(POLL_MS);
	} while (now - *ret_at_ms < IDLE_MS);
	*ret_cpu_ms = cpu;
	return 0;
}

static int start_first(const struct control *control, struct agent_process **ret_agent,
		       struct err *err)
{
	double begun = bench_now_ms(), ready = 0, settled = 0, cpu = 0, usable;
	int r = agent_process_start(control->binary, CONFIG, ret_agent, &ready, err);

	if (r)
		return err_prefix(err, r, "first apply");
	r = wait_usable(*ret_agent, control->size.backends, err);
	usable = bench_now_ms() - begun;
	if (!r)
		r = wait_idle(*ret_agent, &settled, &cpu, err);
	if (!r)
		r = add_took(control, *ret_agent, ROW_FIRST_APPLY_TOOK, err);
	if (r)
		return r;
	report_add(control->report, ROW_FIRST_APPLY, ready);
	report_add(control->report, ROW_FIRST_APPLY_USABLE, usable);
	report_add(control->report, ROW_FIRST_APPLY_SETTLED, settled - begun);
	report_add(control->report, ROW_FIRST_APPLY_CPU, cpu);
	return 0;
}

/* The backend that change `i` is made to: another pool each time. */
static size_t target_of(const struct control *control, size_t i)
{
	return i * (control->size.backends / control->changes) % control->size.backends;
}

static json_t *backend_args(const struct control *control, size_t backend)
{
	char pool[GENCONF_NAME_MAX], address[LB_ADDR_TEXT_MAX];

	return json_pack("{s:s, s:s}", "pool",
			 genconf_pool_name(genconf_pool_of(&control->size, backend), pool),
			 "address", genconf_backend_address(&control->size, backend, address));
}

/* One command about one backend; what the reply says of `field` is checked. */
static int change(const struct control *control, struct agent_process *agent, enum control_row row,
		  const char *command, json_t *args, const char *field, json_t *expected,
		  struct err *err)
{
	json_t *data = NULL;
	double ms = 0;
	int r = agent_process_command(agent, command, args, &data, &ms, err);

	if (!r && !json_equal(json_object_get(data, field), expected))
		r = err_set(err, -EBADMSG, "%s: the reply's %s is another than asked for", command,
			    field);
	if (!r)
		r = report_add(control->report, row, ms);
	json_decref(data);
	json_decref(expected);
	return r;
}

static int measure_changes(const struct control *control, struct agent_process *agent,
			   struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < control->changes && !r; i++) {
		size_t b = target_of(control, i);
		json_int_t weight = (json_int_t)genconf_weight(&control->size, b) + 10;
		json_t *args = backend_args(control, b);

		json_object_set_new(args, "weight", json_integer(weight));
		r = change(control, agent, ROW_WEIGHT, "weight", args, "weight",
			   json_integer(weight), err);
		if (!r)
			r = change(control, agent, ROW_DRAIN, "drain", backend_args(control, b),
				   "state", json_string("drain"), err);
		if (!r)
			r = change(control, agent, ROW_UNDRAIN, "undrain", backend_args(control, b),
				   "state", json_string("active"), err);
	}
	return r;
}

struct reload_times {
	double round_trip_ms, took_ms, apply_ms; /* apply: all but the check */
	double cpu_ms;				 /* the agent's CPU time */
};

static int reload(struct agent_process *agent, json_int_t changes, struct reload_times *ret_times,
		  struct err *err)
{
	double before = 0, after = 0;
	json_t *data = NULL, *n;
	int r = agent_process_cpu_ms(agent, &before, err);

	if (!r)
		r = agent_process_command(agent, "reload", NULL, &data, &ret_times->round_trip_ms,
					  err);
	if (!r)
		r = agent_process_cpu_ms(agent, &after, err);
	n = json_object_get(json_object_get(data, "changes"), "n_changes");
	if (!r && json_integer_value(n) != changes)
		r = err_set(err, -EBADMSG, "reload: %lld changes, not %lld",
			    (long long)json_integer_value(n), (long long)changes);
	ret_times->cpu_ms = after - before;
	ret_times->took_ms = json_number_value(json_object_get(data, "took_ms"));
	ret_times->apply_ms =
	    ret_times->took_ms - json_number_value(json_object_get(data, "check_ms"));
	json_decref(data);
	return r;
}

static int measure_reloads(const struct control *control, struct agent_process *agent,
			   struct err *err)
{
	struct genconf size = control->size;
	struct reload_times t = {0};
	int r = reload(agent, 0, &t, err);

	if (r)
		return r;
	report_add(control->report, ROW_RELOAD_NONE, t.took_ms);
	size.changed = size.backends / 2;
	r = control_write_config(&size, CONFIG, err);
	if (!r)
		r = reload(agent, 1, &t, err);
	if (r)
		return r;
	report_add(control->report, ROW_RELOAD_ONE, t.took_ms);
	report_add(control->report, ROW_RELOAD_ONE_APPLY, t.apply_ms);
	report_add(control->report, ROW_RELOAD_ONE_TRIP, t.round_trip_ms);
	report_add(control->report, ROW_RELOAD_ONE_CPU, t.cpu_ms);
	return 0;
}

static int status_integer(struct agent_process *agent, const char *key, json_int_t *ret_value,
			  struct err *err)
{
	json_t *status = NULL;
	int r = agent_process_command(agent, "status", NULL, &status, NULL, err);

	*ret_value = json_integer_value(json_object_get(status, key));
	json_decref(status);
	return r;
}

static int measure_memory(const struct control *control, struct agent_process *agent,
			  struct err *err)
{
	struct agent_memory memory = {0};
	json_int_t maps = 0;
	int r = agent_process_memory(agent, &memory, err);

	if (!r)
		r = status_integer(agent, "map_memory_bytes", &maps, err);
	if (r)
		return r;
	report_add(control->report, ROW_RSS, (double)memory.rss / MIB);
	report_add(control->report, ROW_RSS_ANON, (double)memory.anon / MIB);
	report_add(control->report, ROW_RSS_FILE, (double)(memory.file + memory.shmem) / MIB);
	report_add(control->report, ROW_MAP_MEMORY, (double)maps / MIB);
	return 0;
}

static int measure_peak(const struct control *control, struct agent_process *agent,
			enum control_row row, struct err *err)
{
	struct agent_memory memory = {0};
	int r = agent_process_memory(agent, &memory, err);

	return r ? r : report_add(control->report, row, (double)memory.peak / MIB);
}

static int measure_adoption(const struct control *control, struct agent_process **agent,
			    struct err *err)
{
	json_int_t before = 0, after;
	json_t *status = NULL;
	double ready, cpu = 0;
	int r = status_integer(*agent, "generation", &before, err);

	agent_process_kill(*agent);
	*agent = NULL;
	if (r)
		return r;
	r = agent_process_start(control->binary, CONFIG, agent, &ready, err);
	if (!r)
		r = agent_process_cpu_ms(*agent, &cpu, err);
	if (r)
		return err_prefix(err, r, "adoption");
	r = agent_process_command(*agent, "status", NULL, &status, NULL, err);
	after = json_integer_value(json_object_get(status, "generation"));
	if (!r && !json_is_true(json_object_get(status, "adopted")))
		r = err_set(err, -EBADMSG, "the second agent adopted nothing");
	else if (!r && after != before)
		r = err_set(err, -EBADMSG, "the second agent built a new generation of maps");
	json_decref(status);
	if (!r)
		r = report_add(control->report, ROW_ADOPT, ready);
	if (!r)
		r = report_add(control->report, ROW_ADOPT_CPU, cpu);
	return r ? r : add_took(control, *agent, ROW_ADOPT_TOOK, err);
}

static int measure_round(const struct control *control, size_t round, struct err *err)
{
	struct agent_process *agent = NULL;
	int r = control_write_config(&control->size, CONFIG, err), torn;
	size_t n = control->rounds;

	bench_progress("first apply, round %zu of %zu", round, n);
	if (!r)
		r = start_first(control, &agent, err);
	if (!r)
		r = measure_memory(control, agent, err);
	bench_progress("single changes, round %zu of %zu", round, n);
	if (!r)
		r = measure_changes(control, agent, err);
	bench_progress("reloads, round %zu of %zu", round, n);
	if (!r)
		r = measure_reloads(control, agent, err);
	if (!r)
		r = measure_peak(control, agent, ROW_RSS_PEAK, err);
	bench_progress("adoption, round %zu of %zu", round, n);
	if (!r)
		r = measure_adoption(control, &agent, err);
	agent_process_kill(agent);
	torn = agent_process_teardown(control->binary, r ? NULL : err);
	return r ? r : torn;
}

int control_measure_agent(const struct control *control, struct err *err)
{
	int r = 0;

	for (size_t i = 1; i <= control->rounds && !r; i++)
		r = measure_round(control, i, err);
	return r;
}

int control_measure_small(const struct control *control, struct err *err)
{
	struct control small = *control;
	struct agent_process *agent = NULL;
	json_int_t maps = 0;
	double ready;
	int r, torn;

	small.size.vips = small.size.pools = CONTROL_SMALL_VIPS;
	small.size.backends = CONTROL_SMALL_VIPS * CONTROL_SMALL_BACKENDS;
	bench_progress("%u VIPs with %u backends each", CONTROL_SMALL_VIPS, CONTROL_SMALL_BACKENDS);
	r = control_write_config(&small.size, CONFIG, err);
	if (!r)
		r = agent_process_start(small.binary, CONFIG, &agent, &ready, err);
	if (!r)
		r = wait_usable(agent, small.size.backends, err);
	if (!r)
		r = measure_peak(&small, agent, ROW_SMALL_RSS_PEAK, err);
	if (!r)
		r = status_integer(agent, "map_memory_bytes", &maps, err);
	if (!r) {
		report_add(small.report, ROW_SMALL_FIRST_APPLY, ready);
		report_add(small.report, ROW_SMALL_MAP_MEMORY, (double)maps / MIB);
	}
	agent_process_kill(agent);
	torn = agent_process_teardown(small.binary, r ? NULL : err);
	return r ? r : torn;
}
