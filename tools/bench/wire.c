/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.c - 'lb-bench wire': packets/s through a box, beside the most that is possible there and
 * beside what the kernel does by itself.
 */
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_process.h"
#include "bench.h"
#include "wire_internal.h"

#define FLOWS_MAX    (1u << 24)
#define BACKENDS_MAX 10000
#define FRAME_MAX    1514
#define ROWS_MAX     24

static const char usage[] =
    "Usage: lb-bench wire [OPTION]...\n"
    "Measures packets/s through a box in network namespaces, UDP from a generator in the kernel:\n"
    "Sluice by its agent, a program that only swaps MACs and sends back (the ceiling), the\n"
    "kernel's forwarding, nftables' dnat, and IPVS where there is one. Needs root; it works in\n"
    "namespaces of its own that end with it, and changes nothing outside of them.\n"
    "\n"
    "      --flows N      flows, in random order (default 1000000)\n"
    "      --size BYTES   length of a frame without its FCS, 64 to 1514 (default 64)\n"
    "      --vips N       VIPs that the flows go to (default 100)\n"
    "      --backends N   backends of each pool (default 100)\n"
    "      --seconds S    seconds for each path in each round (default 0.3)\n"
    "      --rounds N     rounds; the paths take turns in each (default 15)\n"
    "      --family 4|6   only this one\n"
    "      --forward l2|ipip\n"
    "                     only this one\n"
    "      --quick        0.2 seconds and three rounds, unless given\n"
    "      --agent PATH   the lb-agent to measure (default the one built or installed with this)\n"
    "      --json [FILE]  write the results to FILE; without one, to standard output in place of\n"
    "                     the table\n"
    "  -h, --help         this text\n";

enum {
	OPT_FLOWS = 256,
	OPT_SIZE,
	OPT_VIPS,
	OPT_BACKENDS,
	OPT_SECONDS,
	OPT_ROUNDS,
	OPT_FAMILY,
	OPT_FORWARD,
	OPT_QUICK,
	OPT_AGENT,
	OPT_JSON
};

static const struct option long_options[] = {
    {"flows", required_argument, NULL, OPT_FLOWS},
    {"size", required_argument, NULL, OPT_SIZE},
    {"vips", required_argument, NULL, OPT_VIPS},
    {"backends", required_argument, NULL, OPT_BACKENDS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"family", required_argument, NULL, OPT_FAMILY},
    {"forward", required_argument, NULL, OPT_FORWARD},
    {"quick", no_argument, NULL, OPT_QUICK},
    {"agent", required_argument, NULL, OPT_AGENT},
    {"json", optional_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct arguments {
	struct wire_options options;
	bool quick, json;
	const char *json_path; /* NULL: standard output */
	const char *agent;
};

static int seconds_option(double *ret_seconds)
{
	char *end;

	*ret_seconds = strtod(optarg, &end);
	if (end != optarg && !*end && *ret_seconds >= 0.01 && *ret_seconds <= 3600)
		return 0;
	bench_error("--seconds %s: a number from 0.01 to 3600 is wanted", optarg);
	return -EINVAL;
}

/* One of two words; both flags are set before. */
static int choice_option(const char *name, const char *a, bool *ret_a, const char *b, bool *ret_b)
{
	*ret_a = !strcmp(optarg, a);
	*ret_b = !strcmp(optarg, b);
	if (*ret_a || *ret_b)
		return 0;
	bench_error("--%s %s: %s or %s is wanted", name, optarg, a, b);
	return -EINVAL;
}

static int read_option(int c, int argc, char **argv, struct arguments *a)
{
	struct wire_options *o = &a->options;

	switch (c) {
	case OPT_FLOWS:
		return bench_number_option("flows", 1, FLOWS_MAX, &o->flows);
	case OPT_SIZE:
		return bench_number_option("size", WIRE_FRAME_MIN, FRAME_MAX, &o->size);
	case OPT_VIPS:
		return bench_number_option("vips", 1, WIRE_VIPS_MAX, &o->vips);
	case OPT_BACKENDS:
		return bench_number_option("backends", 1, BACKENDS_MAX, &o->backends);
	case OPT_SECONDS:
		return seconds_option(&o->seconds);
	case OPT_ROUNDS:
		return bench_number_option("rounds", 1, WIRE_ROUNDS_MAX, &o->rounds);
	case OPT_FAMILY:
		return choice_option("family", "4", &o->v4, "6", &o->v6);
	case OPT_FORWARD:
		return choice_option("forward", "l2", &o->l2, "ipip", &o->ipip);
	case OPT_QUICK:
		a->quick = true;
		return 0;
	case OPT_AGENT:
		a->agent = optarg;
		return 0;
	default:
		a->json = true;
		if (!optarg && optind < argc && argv[optind][0] != '-')
			optarg = argv[optind++];
		a->json_path = optarg;
		return 0;
	}
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct arguments *a)
{
	struct wire_options *o = &a->options;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return BENCH_OK;
		}
		if (c == '?') {
			fputs("Try 'lb-bench wire --help'.\n", stderr);
			return BENCH_USAGE;
		}
		if (read_option(c, argc, argv, a))
			return BENCH_USAGE;
	}
	if (optind < argc) {
		bench_error("what is '%s'? Try 'lb-bench wire --help'", argv[optind]);
		return BENCH_USAGE;
	}
	if (!o->rounds)
		o->rounds = a->quick ? 3 : 15;
	if (!o->seconds)
		o->seconds = a->quick ? 0.2 : 0.3;
	return -1;
}

/* Rows in the order of the table. */
struct rows {
	struct wire_row row[ROWS_MAX];
	size_t n;
};

static void add_row(struct rows *rows, const char *name, const char *suffix, struct wire_path path)
{
	struct wire_row *row = &rows->row[rows->n++];

	row->path = path;
	snprintf(row->path.name, sizeof(row->path.name), "wire-%s-v%d%s", name, path.v6 ? 6 : 4,
		 suffix);
}

static void add_sluice(struct rows *rows, bool ipip, bool v6)
{
	const char *name = ipip ? "ipip" : "l2";

	add_row(rows, name, "",
		(struct wire_path){.box = WIRE_SLUICE, .v6 = v6, .ipip = ipip, .end = WIRE_NEAR});
	add_row(rows, name, "-redirect",
		(struct wire_path){.box = WIRE_SLUICE, .v6 = v6, .ipip = ipip, .end = WIRE_FAR});
}

static void add_family(struct rows *rows, const struct wire_options *o, const struct wire_lab *lab,
		       bool v6)
{
	static const struct {
		const char *name;
		enum wire_box box;
		enum wire_end end;
		bool rewritten;
	} others[] = {
	    {"forward", WIRE_FORWARD, WIRE_FAR, false},
	    {"nft-dnat", WIRE_NFT, WIRE_FAR, true},
	    {"ipvs", WIRE_IPVS, WIRE_FAR, false},
	};

	add_row(rows, "generator", "",
		(struct wire_path){.box = WIRE_SINK, .v6 = v6, .end = WIRE_NEAR});
	add_row(rows, "tx", "", (struct wire_path){.box = WIRE_BOUNCE, .v6 = v6, .end = WIRE_NEAR});
	if (o->ipip)
		add_sluice(rows, true, v6);
	if (o->l2)
		add_sluice(rows, false, v6);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!wire_lab_lacks(lab, others[i].box))
			add_row(rows, others[i].name, "",
				(struct wire_path){.box = others[i].box,
						   .v6 = v6,
						   .end = others[i].end,
						   .rewritten = others[i].rewritten});
}

static int measure(struct wire_lab *lab, const struct wire_options *o, struct rows *rows,
		   struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < rows->n && !r; i++) {
		rows->row[i].samples = calloc(o->rounds, sizeof(struct wire_sample));
		if (!rows->row[i].samples)
			r = err_set(err, -ENOMEM, "out of memory");
	}
	for (size_t round = 0; round < o->rounds && !r; round++)
		for (size_t i = 0; i < rows->n && !r; i++) {
			struct wire_row *row = &rows->row[i];

			bench_progress("round %zu of %zu: %s", round + 1, o->rounds,
				       row->path.name);
			r = wire_lab_measure(lab, &row->path, &row->samples[round], err);
			if (!r)
				r = wire_check(&row->path, &row->samples[round], o->size, err);
			row->n = round + 1;
		}
	bench_progress_end();
	return r;
}

static int show(const struct arguments *a, const struct wire_result *result, FILE *json)
{
	if (!a->json || a->json_path)
		wire_print(result, stdout);
	if (!json)
		return BENCH_OK;
	if ((a->json_path && ftruncate(fileno(json), 0)) || wire_write_json(result, json)) {
		bench_error("%s: it could not be written",
			    a->json_path ? a->json_path : "standard output");
		return BENCH_FAILED;
	}
	return BENCH_OK;
}

/* Builds the lab, measures, takes it down. */
static int run_lab(const struct arguments *a, int binary, FILE *json, struct err *err)
{
	struct wire_result result = {.options = &a->options};
	struct wire_lab *lab = NULL;
	struct rows rows = {0};
	int r;

	if (getloadavg(&result.load, 1) != 1)
		result.load = 0;
	bench_progress("building the lab");
	r = wire_lab_new(&a->options, binary, &lab, err);
	if (r)
		goto out;
	if (a->options.v4)
		add_family(&rows, &a->options, lab, false);
	if (a->options.v6)
		add_family(&rows, &a->options, lab, true);
	r = measure(lab, &a->options, &rows, err);
	if (r)
		goto out;
	result.rows = rows.row;
	result.n_rows = rows.n;
	result.wall = wire_lab_by_wall(lab);
	for (size_t i = 0; i < WIRE_BOXES; i++)
		result.lacks[i] = wire_lab_lacks(lab, i);
	r = show(a, &result, json);
out:
	for (size_t i = 0; i < rows.n; i++)
		free(rows.row[i].samples);
	wire_lab_free(lab);
	return r;
}

static int run(int argc, char **argv)
{
	struct arguments a = {.options = {.flows = 1000000,
					  .size = WIRE_FRAME_MIN,
					  .vips = 100,
					  .backends = 100,
					  .v4 = true,
					  .v6 = true,
					  .l2 = true,
					  .ipip = true}};
	struct err err = {0};
	FILE *json = NULL;
	int binary, r = read_options(argc, argv, &a);

	if (r >= 0)
		return r;
	r = BENCH_FAILED;
	if (geteuid() != 0) {
		bench_error("wire needs root: it starts lb-agent in namespaces of its own");
		return r;
	}
	binary = agent_process_find(a.agent, &err);
	if (binary < 0) {
		bench_error("%s", err.text);
		return r;
	}
	if (a.json) /* before the lab hides /run */
		json = a.json_path ? fopen(a.json_path, "ae") : stdout;
	if (a.json && !json) {
		bench_error("%s: %s", a.json_path, strerror(errno));
		goto out;
	}
	r = run_lab(&a, binary, json, &err);
	if (r < 0) {
		bench_error("%s", err.text);
		r = BENCH_FAILED;
	}
out:
	if (json && json != stdout)
		fclose(json);
	close(binary);
	return r;
}

const struct bench_command bench_wire = {
    .name = "wire",
    .summary = "the wire: packets/s through the box, the ceiling, the kernel's own ways",
    .run = run,
};
