/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * control.c - 'lb-bench control': what a configuration of 10,000 VIPs and 100,000 backends costs
 * the control plane.
 */
#include "control.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_process.h"
#include "bench.h"
#include "rig.h"

/* clang-format off: a table reads by its columns */
static const struct report_row rows[CONTROL_ROWS] = {
    [ROW_CHECK] = {"check", "ms", 2000, "reading and checking the file, in process"},
    [ROW_PLAN_FIRST] = {"plan-first", "ms", 0, "planning it on an empty box, in process"},
    [ROW_PLAN_ONE] = {"plan-one-weight", "ms", 0,
		      "planning another weight of one backend, in process"},
    [ROW_TABLE] = {"table", "ms", 1,
		   "one Maglev table of 65,344 slots, 100 backends of one weight"},
    [ROW_TABLE_WEIGHTED] = {"table-weighted", "ms", 0, "the same, backends of seven weights"},
    [ROW_FIRST_APPLY] = {"first-apply", "ms", 10000,
			 "lb-agent on an empty box, from exec to READY=1"},
    [ROW_FIRST_APPLY_TOOK] = {"first-apply-took", "ms", 0,
			      "the same as the agent counts it: check, plan and apply"},
    [ROW_FIRST_APPLY_USABLE] = {"first-apply-usable", "ms", 10000,
				"from exec until every backend is in use"},
    [ROW_FIRST_APPLY_SETTLED] = {"first-apply-settled", "ms", 0,
				 "from exec until the agent is idle"},
    [ROW_FIRST_APPLY_CPU] = {"first-apply-cpu", "ms", 0, "CPU time of the agent until it is idle"},
    [ROW_WEIGHT] = {"weight", "ms", 50,
		    "lbctl's 'weight' of one backend: request, slots written, reply"},
    [ROW_DRAIN] = {"drain", "ms", 50, "the same for 'drain'"},
    [ROW_UNDRAIN] = {"undrain", "ms", 50, "the same for 'undrain'"},
    [ROW_RELOAD_ONE] =
	{"reload-one-weight", "ms", 0,
	 "'reload' of a file with another weight of one backend: check, plan, apply"},
    [ROW_RELOAD_ONE_APPLY] = {"reload-one-weight-apply", "ms", 50, "of it all but the check"},
    [ROW_RELOAD_ONE_TRIP] = {"reload-one-weight-trip", "ms", 0,
			     "the same reload as lbctl waits for it, the reply included"},
    [ROW_RELOAD_ONE_CPU] = {"reload-one-weight-cpu", "ms", 0, "CPU time of the agent for it"},
    [ROW_RELOAD_NONE] = {"reload-same", "ms", 0, "'reload' of the same file"},
    [ROW_ADOPT] = {"adopt", "ms", 0, "after kill -9, from exec of the next agent to READY=1"},
    [ROW_ADOPT_TOOK] = {"adopt-took", "ms", 0,
			"the same as the agent counts it: check, plan and apply"},
    [ROW_ADOPT_CPU] = {"adopt-cpu", "ms", 0, "CPU time of the next agent until it is ready"},
    [ROW_RSS] = {"memory", "MiB", 1024, "VmRSS of the idle agent, mapped maps included"},
    [ROW_RSS_ANON] = {"memory-own", "MiB", 0, "of it anonymous: the agent's own"},
    [ROW_RSS_FILE] = {"memory-mapped", "MiB", 0, "of it mapped: maps, the binary, libraries"},
    [ROW_RSS_PEAK] = {"memory-peak", "MiB", 1024, "VmHWM after the reloads, mapped maps included"},
    [ROW_MAP_MEMORY] = {"map-memory", "MiB", 0,
			"memory of the BPF maps, as the kernel accounts it"},
    [ROW_SMALL_FIRST_APPLY] = {"small-first-apply", "ms", 0,
			       "first-apply at 100 VIPs with 100 backends each"},
    [ROW_SMALL_RSS_PEAK] = {"small-memory-peak", "MiB", 0, "memory-peak at that size"},
    [ROW_SMALL_MAP_MEMORY] = {"small-map-memory", "MiB", 64, "map-memory at that size"},
};
/* clang-format on */

static const char usage[] =
    "Usage: lb-bench control [OPTION]...\n"
    "Measures the control plane on a generated configuration: check, plan, table build, first\n"
    "apply, single changes, reload, adoption, memory. Needs root; it works in namespaces of its\n"
    "own that end with it, and changes nothing outside of them.\n"
    "\n"
    "      --vips N       VIPs (default 10000)\n"
    "      --backends N   backends in all (default 100000)\n"
    "      --pools N      pools that share them (default one a VIP)\n"
    "      --rounds N     rounds of what takes seconds (default 5)\n"
    "      --quick        a tenth of the size (unless given) and one round\n"
    "      --agent PATH   the lb-agent to measure (default the one built or installed with this)\n"
    "      --json [FILE]  write the results to FILE; without one, to standard output in place of\n"
    "                     the table\n"
    "  -h, --help         this text and the list of rows\n";

struct options {
	size_t vips, backends, pools, rounds; /* 0: not given */
	bool quick, json;
	const char *json_path; /* NULL: standard output */
	const char *agent;
};

enum {
	OPT_VIPS = 256,
	OPT_BACKENDS,
	OPT_POOLS,
	OPT_ROUNDS,
	OPT_QUICK,
	OPT_AGENT,
	OPT_JSON
};

static const struct option long_options[] = {
    {"vips", required_argument, NULL, OPT_VIPS},
    {"backends", required_argument, NULL, OPT_BACKENDS},
    {"pools", required_argument, NULL, OPT_POOLS},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"agent", required_argument, NULL, OPT_AGENT},
    {"json", optional_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static void print_help(void)
{
	fputs(usage, stdout);
	puts("\nRows:");
	for (size_t i = 0; i < CONTROL_ROWS; i++)
		printf("  %-24s %s\n", rows[i].name, rows[i].help);
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *o)
{
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1 && !r) {
		switch (c) {
		case OPT_VIPS:
			r = bench_number_option("vips", 1, GENCONF_VIPS_MAX, &o->vips);
			break;
		case OPT_BACKENDS:
			r = bench_number_option("backends", 1, GENCONF_BACKENDS_MAX, &o->backends);
			break;
		case OPT_POOLS:
			r = bench_number_option("pools", 1, GENCONF_VIPS_MAX, &o->pools);
			break;
		case OPT_ROUNDS:
			r = bench_number_option("rounds", 1, 1000, &o->rounds);
			break;
		case OPT_QUICK:
			o->quick = true;
			break;
		case OPT_AGENT:
			o->agent = optarg;
			break;
		case OPT_JSON:
			o->json = true;
			if (!optarg && optind < argc && argv[optind][0] != '-')
				optarg = argv[optind++];
			o->json_path = optarg;
			break;
		case 'h':
			print_help();
			return BENCH_OK;
		default:
			fputs("Try 'lb-bench control --help'.\n", stderr);
			return BENCH_USAGE;
		}
	}
	if (!r && optind < argc) {
		bench_error("what is '%s'? Try 'lb-bench control --help'", argv[optind]);
		r = -EINVAL;
	}
	return r ? BENCH_USAGE : -1;
}

static int fill_sizes(const struct options *o, struct control *control)
{
	struct genconf *size = &control->size;

	size->interface = RIG_INTERFACE;
	size->vips = o->vips ? o->vips : o->quick ? 1000 : 10000;
	size->backends = o->backends ? o->backends : o->quick ? 10000 : 100000;
	size->pools = o->pools			    ? o->pools
		      : size->backends < size->vips ? size->backends
						    : size->vips;
	size->changed = GENCONF_NONE;
	control->rounds = o->rounds ? o->rounds : o->quick ? 1 : 5;
	control->changes = o->quick ? 10 : 20;
	control->tables = o->quick ? 50 : 200;
	if (size->pools <= size->vips && size->pools <= size->backends)
		return 0;
	bench_error("%zu pools: every pool needs a VIP (%zu) and a backend (%zu) of its own",
		    size->pools, size->vips, size->backends);
	return -EINVAL;
}

static void note_settings(const struct control *control)
{
	const struct genconf *size = &control->size;

	report_set_setting(control->report, "vips", json_integer((json_int_t)size->vips));
	report_set_setting(control->report, "pools", json_integer((json_int_t)size->pools));
	report_set_setting(control->report, "backends", json_integer((json_int_t)size->backends));
	report_set_setting(control->report, "rounds", json_integer((json_int_t)control->rounds));
}

int control_write_config(const struct genconf *size, const char *path, struct err *err)
{
	size_t len;
	char *text = genconf_text(size, &len);
	int r =
	    text ? rig_write_file(path, text, len, err) : err_set(err, -ENOMEM, "out of memory");

	free(text);
	return r;
}

static int measure(const struct control *control, struct err *err)
{
	int r = rig_enter(err);

	if (!r)
		r = control_measure_pure(control, err);
	if (!r)
		r = control_measure_agent(control, err);
	if (!r)
		r = control_measure_small(control, err);
	bench_progress_end();
	return r;
}

/* Opened before anything is measured, and before the rig hides /run. */
static FILE *open_json(const struct options *o)
{
	FILE *file = o->json_path ? fopen(o->json_path, "ae") : stdout;

	if (!file)
		bench_error("%s: %s", o->json_path, strerror(errno));
	return file;
}

static int show(const struct options *o, const struct control *control, FILE *json)
{
	if (!o->json || o->json_path) {
		printf("%zu VIPs, %zu pools, %zu backends; rounds: %zu\n\n", control->size.vips,
		       control->size.pools, control->size.backends, control->rounds);
		report_print(control->report, stdout);
	}
	if (!json)
		return BENCH_OK;
	if ((o->json_path && ftruncate(fileno(json), 0)) ||
	    report_write_json(control->report, json)) {
		bench_error("%s: it could not be written",
			    o->json_path ? o->json_path : "standard output");
		return BENCH_FAILED;
	}
	return BENCH_OK;
}

static int run(int argc, char **argv)
{
	struct options o = {0};
	struct control control = {.binary = -1};
	struct err err = {0};
	FILE *json = NULL;
	int r = read_options(argc, argv, &o);

	if (r >= 0)
		return r;
	if (fill_sizes(&o, &control))
		return BENCH_USAGE;
	if (geteuid() != 0) {
		bench_error("control needs root: it starts lb-agent in namespaces of its own");
		return BENCH_FAILED;
	}
	r = BENCH_FAILED;
	control.binary = agent_process_find(o.agent, &err);
	if (control.binary < 0) {
		bench_error("%s", err.text);
		return r;
	}
	if (o.json) {
		json = open_json(&o);
		if (!json)
			goto out;
	}
	control.report = report_new("control", rows, CONTROL_ROWS);
	if (!control.report) {
		bench_error("out of memory");
		goto out;
	}
	note_settings(&control);
	if (measure(&control, &err))
		bench_error("%s", err.text);
	else
		r = show(&o, &control, json);
out:
	if (json && json != stdout)
		fclose(json);
	report_free(control.report);
	close(control.binary);
	return r;
}

const struct bench_command bench_control = {
    .name = "control",
    .summary = "the control plane: check, plan, apply, change, memory",
    .run = run,
};
