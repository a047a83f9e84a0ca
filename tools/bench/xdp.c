/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp.c - 'lb-bench xdp': what one packet costs, by path.
 */
#include "xdp.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "xdp_result.h"

#define ROUNDS	     41u
#define ROUNDS_QUICK 11u
#define ROUNDS_MAX   100000u
#define BURSTS	     8u	   /* of a row, each time that its turn comes */
#define TIMED	     1000u /* packets of a burst, 0.05 ms or so: few are interrupted */
#define REWARM	     200u  /* packets before it: the code has come back into the caches */
#define WARM_ONE     1000u
#define WARM_FLOWS   20000u /* a pool of ten backends: its slots are 16 KiB */
#define WARM_LARGE   60000u /* until caches hold what they can of many VIPs or backends */

static const char usage[] =
    "Usage: lb-bench xdp [OPTION]...\n"
    "Measures what a packet costs by BPF_PROG_TEST_RUN of the shipped root program and balancer,\n"
    "net of an empty program and in multiples of a floor, which are measured beside each burst of\n"
    "each row. Needs root; works in a network namespace of its own, and nothing is pinned.\n"
    "\n"
    "      --rounds N       rounds (default 41)\n"
    "      --quick          11 rounds, and fewer rows of large configurations\n"
    "      --path PATTERN   only rows whose name matches, as in 'v4-*' (glob(7))\n"
    "      --vips N         these sizes alone, in place of the standard ones: VIPs (default 1),\n"
    "      --backends N     backends in all (default 10) and flows (default 1m; rounded up to a\n"
    "      --flows N        power of two)\n"
    "      --count          what one packet of each row does, and no times: the counts are the\n"
    "                       same on every machine and in every run\n"
    "      --files          the same, and below each row the balancer's instructions by source\n"
    "                       file\n"
    "      --list           the names of the rows\n"
    "      --json [FILE]    write the results to FILE; without one, to standard output in place\n"
    "                       of the table\n"
    "  -h, --help           this text\n";

struct options {
	struct xdp_size size;
	size_t rounds; /* 0: not given */
	const char *pattern;
	bool json, list, count, files;
	const char *json_path; /* NULL: standard output */
};

enum {
	OPT_ROUNDS = 256,
	OPT_QUICK,
	OPT_PATH,
	OPT_VIPS,
	OPT_BACKENDS,
	OPT_FLOWS,
	OPT_COUNT,
	OPT_FILES,
	OPT_LIST,
	OPT_JSON
};

static const struct option long_options[] = {
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"path", required_argument, NULL, OPT_PATH},
    {"vips", required_argument, NULL, OPT_VIPS},
    {"backends", required_argument, NULL, OPT_BACKENDS},
    {"flows", required_argument, NULL, OPT_FLOWS},
    {"count", no_argument, NULL, OPT_COUNT},
    {"files", no_argument, NULL, OPT_FILES},
    {"list", no_argument, NULL, OPT_LIST},
    {"json", optional_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *o)
{
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1 && !r) {
		switch (c) {
		case OPT_ROUNDS:
			r = bench_number_option("rounds", 1, ROUNDS_MAX, &o->rounds);
			break;
		case OPT_QUICK:
			o->size.quick = true;
			break;
		case OPT_PATH:
			o->pattern = optarg;
			break;
		case OPT_VIPS:
			r = bench_number_option("vips", 1, XDP_VIPS_MAX, &o->size.vips);
			break;
		case OPT_BACKENDS:
			r = bench_number_option("backends", 1, XDP_BACKENDS_MAX, &o->size.backends);
			break;
		case OPT_FLOWS:
			r = bench_number_option("flows", 1, XDP_FLOWS_MAX, &o->size.flows);
			break;
		case OPT_COUNT:
			o->count = true;
			break;
		case OPT_FILES:
			o->count = o->files = true;
			break;
		case OPT_LIST:
			o->list = true;
			break;
		case OPT_JSON:
			o->json = true;
			if (!optarg && optind < argc && argv[optind][0] != '-')
				optarg = argv[optind++];
			o->json_path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return BENCH_OK;
		default:
			fputs("Try 'lb-bench xdp --help'.\n", stderr);
			return BENCH_USAGE;
		}
	}
	if (!r && optind < argc) {
		bench_error("what is '%s'? Try 'lb-bench xdp --help'", argv[optind]);
		r = -EINVAL;
	}
	while (o->size.flows & (o->size.flows - 1))
		o->size.flows += o->size.flows & -o->size.flows;
	return r ? BENCH_USAGE : -1;
}

/* The same of all scenes: another configuration is other maps and other rodata. */
static int read_programs(struct xdp_result *result, const struct xdp_scene *scene, struct err *err)
{
	int r = xdp_program_read(xdp_scene_root_fd(scene), &result->programs[0], err);

	return r ? r : xdp_program_read(xdp_scene_balancer_fd(scene), &result->programs[1], err);
}

/* Every configuration that a row needs, each once. */
struct scenes {
	struct xdp_scene **scenes;
	struct xdp_config *configs;
	size_t n;
};

static int open_scene(struct scenes *s, struct xdp_row *row, struct err *err)
{
	int r;

	for (size_t i = 0; i < s->n; i++)
		if (xdp_config_equal(&s->configs[i], &row->config)) {
			row->scene = s->scenes[i];
			return 0;
		}
	bench_progress("configuration of %s", row->name);
	r = xdp_scene_open(&row->config, &s->scenes[s->n], err);
	if (r)
		return r;
	row->scene = s->scenes[s->n];
	s->configs[s->n++] = row->config;
	return 0;
}

static int open_scenes(struct scenes *s, struct xdp_rows *rows, struct err *err)
{
	int r = 0;

	s->scenes = calloc(rows->n, sizeof(*s->scenes));
	s->configs = calloc(rows->n, sizeof(*s->configs));
	if (!s->scenes || !s->configs)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < rows->n && !r; i++)
		r = open_scene(s, &rows->rows[i], err);
	return r;
}

static void close_scenes(struct scenes *s)
{
	for (size_t i = 0; i < s->n; i++)
		xdp_scene_close(s->scenes[i]);
	free(s->scenes);
	free(s->configs);
}

static uint32_t warm_packets(const struct xdp_row *row)
{
	if (row->flows == 1 && (row->config.vips == 1 || row->order == XDP_ONE_VIP))
		return WARM_ONE;
	return row->config.vips == 1 && row->config.backends <= 10 ? WARM_FLOWS : WARM_LARGE;
}

static void visit_row(struct xdp_bench *bench, struct xdp_row *row)
{
	const struct xdp_visit visit = {
	    .warm = warm_packets(row), .rewarm = REWARM, .timed = TIMED, .bursts = BURSTS};

	if (!*row->error.text)
		xdp_bench_visit(bench, row, &visit, &row->error);
}

static int prepare(struct xdp_rows *rows, size_t rounds, struct err *err)
{
	for (size_t i = 0; i < rows->n; i++) {
		rows->rows[i].samples = calloc(rounds * BURSTS, sizeof(struct xdp_sample));
		if (!rows->rows[i].samples)
			return err_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int measure(struct xdp_rows *rows, struct xdp_result *result, struct err *err)
{
	struct xdp_bench *bench = NULL;
	struct scenes scenes = {0};
	int r = prepare(rows, result->rounds, err);

	if (!r)
		r = xdp_bench_open(&bench, err);
	if (!r)
		r = open_scenes(&scenes, rows, err);
	if (!r)
		r = read_programs(result, scenes.scenes[0], err);
	for (size_t i = 0; i < rows->n && !r; i++)
		xdp_count_row(&rows->rows[i], NULL, &rows->rows[i].error);
	for (size_t i = 0; i < result->rounds && !r; i++) {
		bench_progress("round %zu of %zu", i + 1, result->rounds);
		/* Another row begins each round, so that none always comes behind the same one. */
		r = i ? xdp_bench_reload(bench, err) : 0;
		for (size_t k = 0; k < rows->n && !r; k++)
			visit_row(bench, &rows->rows[(i + k) % rows->n]);
	}
	bench_progress_end();
	close_scenes(&scenes);
	xdp_bench_close(bench);
	return r;
}

/* That the packets take the row's path the counters say better than the packet that is counted. */
static int count_row(struct xdp_bench *bench, struct xdp_row *row, const struct xdp_lines *lines)
{
	double ns;
	int r = xdp_bench_row(bench, row, 0, 2, &ns, &row->error);

	return r ? r : xdp_count_row(row, lines, &row->error);
}

/* Without times there is no need to have all configurations at once. */
static int count(const struct options *o, struct xdp_rows *rows, struct xdp_result *result,
		 struct err *err)
{
	struct xdp_scene *scene = NULL;
	struct xdp_bench *bench = NULL;
	struct xdp_lines *lines = NULL;
	int r = xdp_bench_open(&bench, err);

	if (!r && o->files)
		r = xdp_lines_open(&lines, err);

	for (size_t i = 0; i < rows->n && !r; i++) {
		struct xdp_row *row = &rows->rows[i];

		if (!i || !xdp_config_equal(&row->config, &row[-1].config)) {
			bench_progress("configuration of %s", row->name);
			xdp_scene_close(scene);
			r = xdp_scene_open(&row->config, &scene, err);
		}
		if (!r && !i)
			r = read_programs(result, scene, err);
		if (r)
			break;
		row->scene = scene;
		count_row(bench, row, lines);
	}
	bench_progress_end();
	xdp_scene_close(scene);
	xdp_lines_close(lines);
	xdp_bench_close(bench);
	return r;
}

static int show(const struct options *o, const struct xdp_result *result, FILE *json)
{
	int code = BENCH_OK;

	if (!o->json || o->json_path) {
		if (o->count)
			xdp_result_print_counts(result, stdout);
		else
			xdp_result_print(result, stdout);
	}
	for (size_t i = 0; i < result->rows->n; i++) {
		const struct xdp_row *row = &result->rows->rows[i];

		if (!*row->error.text)
			continue;
		bench_error("%s: %s", row->name, row->error.text);
		code = BENCH_FAILED;
	}
	if (json && ((o->json_path && ftruncate(fileno(json), 0)) ||
		     (o->count ? xdp_result_write_counts(result, json)
			       : xdp_result_write_json(result, json)))) {
		bench_error("%s: it could not be written",
			    o->json_path ? o->json_path : "standard output");
		code = BENCH_FAILED;
	}
	return code;
}

static int run_rows(const struct options *o, struct xdp_rows *rows)
{
	struct xdp_result result = {
	    .rows = rows,
	    .rounds = o->rounds	      ? o->rounds
		      : o->size.quick ? ROUNDS_QUICK
				      : ROUNDS,
	    .bursts = BURSTS,
	    .timed = TIMED,
	};
	int code = BENCH_FAILED;
	struct err err = {0};
	FILE *json = NULL;

	if (getloadavg(&result.load, 1) != 1)
		result.load = 0;
	if (o->json) {
		json = o->json_path ? fopen(o->json_path, "ae") : stdout;
		if (!json) {
			bench_error("%s: %s", o->json_path, strerror(errno));
			return code;
		}
	}
	if (o->count ? count(o, rows, &result, &err) : measure(rows, &result, &err))
		bench_error("%s", err.text);
	else
		code = show(o, &result, json);
	if (json && json != stdout)
		fclose(json);
	return code;
}

static int run(int argc, char **argv)
{
	struct options o = {0};
	struct xdp_rows rows;
	int r = read_options(argc, argv, &o);

	if (r >= 0)
		return r;
	if (xdp_rows_make(&o.size, o.pattern, &rows)) {
		bench_error("out of memory");
		return BENCH_FAILED;
	}
	if (!rows.n) {
		bench_error("no row matches '%s'; 'lb-bench xdp --list' tells them", o.pattern);
		return BENCH_USAGE;
	}
	if (o.list) {
		for (size_t i = 0; i < rows.n; i++)
			puts(rows.rows[i].name);
		r = BENCH_OK;
	} else {
		r = run_rows(&o, &rows);
	}
	xdp_rows_free(&rows);
	return r;
}

const struct bench_command bench_xdp = {
    .name = "xdp",
    .summary = "the data plane: what a packet costs, by path",
    .run = run,
};
