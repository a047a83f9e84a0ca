/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * icount.c - 'lb-bench icount': how many machine instructions a packet takes, by path, on a machine
 * whose clock counts them (tools/qemu-run --icount). The figures repeat exactly whatever else the
 * machine does, so that a rise is a rise; they know nothing of caches, and are not speed.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "programs.h"
#include "report.h"
#include "xdp.h"

#define SAMPLES 9u
#define TIMED	257u /* a fraction of the time between two ticks, which some samples are to miss */
#define WARM	16u
#define AGREE	3u  /* samples that must tell the same */
#define SAME	0.1 /* instructions a packet; stamps are whole nanoseconds */
/* What a size costs is cache misses, which are not seen here: of the standard rows these are
 * counted, which tell that a size costs no instructions, and are built in seconds. */
#define SIZE_MAX_STANDARD 1000u

static const char usage[] =
    "Usage: lb-bench icount [OPTION]...\n"
    "Counts the machine instructions of a packet, net of an empty program, by path. Needs root and\n"
    "a clock that counts instructions: tools/qemu-run --icount -- lb-bench icount.\n"
    "\n"
    "      --path PATTERN  the rows of 'lb-bench xdp' whose name matches, in place of those of\n"
    "                      'lb-bench xdp --quick' with one flow and no large configuration\n"
    "      --json [FILE]   write the results to FILE; without one, to standard output in place\n"
    "                      of the table\n"
    "  -h, --help          this text\n";

struct result {
	char path[XDP_NAME_MAX];
	long instructions;
	struct err error; /* not empty: it could not be counted */
};

/* `turns` turns of two instructions. */
static void spin(unsigned long turns)
{
#if defined(__x86_64__)
	asm volatile("1: sub $1, %0\n\tjnz 1b" : "+r"(turns) : : "cc");
#elif defined(__aarch64__)
	asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(turns) : : "cc");
#else
#error "write this architecture's loop of two instructions"
#endif
}

/* Half a million instructions take half a million nanoseconds, but for reading the clock. */
static int check_clock(struct err *err)
{
	const unsigned long turns = 250000;
	struct timespec from, to;
	long ns, least = 0;

	for (unsigned int i = 0; i < SAMPLES; i++) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		spin(turns);
		clock_gettime(CLOCK_MONOTONIC, &to);
		ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
		if (!i || ns < least)
			least = ns;
	}
	if (labs(least - 2 * (long)turns) <= (long)turns / 50)
		return 0;
	return err_set(err, -ENODEV,
		       "%lu instructions took %ld ns here: this machine's clock does not count "
		       "instructions; use tools/qemu-run --icount",
		       2 * turns, least);
}

/* Ticks and other tasks only add to a sample, so the least is the undisturbed one; `AGREE` times
 * the same, or it is chance. */
static int least_of(const double samples[SAMPLES], const char *what, double *ret_least,
		    struct err *err)
{
	unsigned int agree = 0;

	*ret_least = samples[0];
	for (size_t i = 1; i < SAMPLES; i++)
		*ret_least = fmin(*ret_least, samples[i]);
	for (size_t i = 0; i < SAMPLES; i++)
		agree += samples[i] - *ret_least <= SAME;
	if (agree >= AGREE)
		return 0;
	return err_set(err, -EAGAIN,
		       "%s: only %u of %u samples are within %g of the least, %.2f instructions",
		       what, agree, SAMPLES, SAME, *ret_least);
}

static int count_row(struct xdp_bench *bench, struct xdp_row *row, long *ret_instructions,
		     struct err *err)
{
	double empty[SAMPLES], gross[SAMPLES], least_empty, least_gross;
	int r = 0;

	for (size_t i = 0; i < SAMPLES && !r; i++) {
		r = xdp_bench_reference(bench, XDP_EMPTY, row, WARM, TIMED, &empty[i], err);
		if (!r)
			r = xdp_bench_row(bench, row, WARM, TIMED, &gross[i], err);
	}
	if (!r)
		r = least_of(empty, "the empty program", &least_empty, err);
	if (!r)
		r = least_of(gross, "the row", &least_gross, err);
	if (!r)
		*ret_instructions = lround(least_gross - least_empty);
	return r;
}

/* One configuration at a time: rows that follow each other share it. */
static void count_rows(struct xdp_bench *bench, struct xdp_rows *rows, struct result *results)
{
	struct xdp_scene *scene = NULL;
	int r = 0;

	for (size_t i = 0; i < rows->n; i++) {
		struct xdp_row *row = &rows->rows[i];
		struct result *result = &results[i];

		bench_progress("%s", row->name);
		snprintf(result->path, sizeof(result->path), "%s", row->name);
		if (!scene || !xdp_config_equal(&row->config, &rows->rows[i - 1].config)) {
			xdp_scene_close(scene);
			scene = NULL;
			r = xdp_scene_open(&row->config, &scene, &result->error);
		}
		row->scene = scene;
		if (!r)
			r = count_row(bench, row, &result->instructions, &result->error);
		row->scene = NULL;
		r = 0;
	}
	bench_progress_end();
	xdp_scene_close(scene);
}

/* Flows do not change what a packet's instructions are either. */
static bool is_standard(const struct xdp_row *row)
{
	return row->flows == 1 && row->config.vips <= SIZE_MAX_STANDARD &&
	       row->config.backends <= SIZE_MAX_STANDARD;
}

static void keep_standard(struct xdp_rows *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++)
		if (is_standard(&rows->rows[i]))
			rows->rows[n++] = rows->rows[i];
	rows->n = n;
}

static void print(const struct result *results, size_t n)
{
	printf("%-44s %12s\n", "machine instructions a packet", "net");
	for (size_t i = 0; i < n; i++)
		if (*results[i].error.text)
			printf("%-44s  ERROR: %s\n", results[i].path, results[i].error.text);
		else
			printf("%-44s %12ld\n", results[i].path, results[i].instructions);
	putchar('\n');
}

static json_t *rows_json(const struct result *results, size_t n)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows, *results[i].error.text
						? json_pack("{s:s, s:n, s:s}", "path",
							    results[i].path, "machine_instructions",
							    "error", results[i].error.text)
						: json_pack("{s:s, s:I}", "path", results[i].path,
							    "machine_instructions",
							    (json_int_t)results[i].instructions));
	return rows;
}

static int show(const struct xdp_program *programs, const struct result *results, size_t n,
		bool json, const char *path)
{
	int code = BENCH_OK;
	char at[32];

	if (!json || path) {
		print(results, n);
		programs_print(programs, stdout);
	}
	for (size_t i = 0; i < n; i++) {
		if (!*results[i].error.text)
			continue;
		bench_error("%s: %s", results[i].path, results[i].error.text);
		code = BENCH_FAILED;
	}
	if (!json)
		return code;
	report_now(at);
	if (programs_write_json(json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "bench", "icount",
					  "version", SLUICE_VERSION, "at", at, "host",
					  report_host(0), "programs", programs_json(programs),
					  "rows", rows_json(results, n)),
				path))
		code = BENCH_FAILED;
	return code;
}

static int count(struct xdp_rows *rows, bool json, const char *path)
{
	struct result *results = calloc(rows->n, sizeof(*results));
	struct xdp_program programs[PROGRAMS_N];
	struct xdp_bench *bench = NULL;
	struct err err = {0};
	int code = BENCH_FAILED;
	int r = results ? check_clock(&err) : err_set(&err, -ENOMEM, "out of memory");

	if (!r)
		r = programs_read(programs, &err);
	if (!r)
		r = xdp_bench_open(&bench, &err);
	if (r) {
		bench_error("%s", err.text);
	} else {
		count_rows(bench, rows, results);
		code = show(programs, results, rows->n, json, path);
	}
	xdp_bench_close(bench);
	free(results);
	return code;
}

static int run_rows(const char *pattern, bool json, const char *path)
{
	const struct xdp_size standard = {.quick = !pattern};
	int code = BENCH_FAILED;
	struct xdp_rows rows;

	if (xdp_rows_make(&standard, pattern, &rows)) {
		bench_error("out of memory");
		return code;
	}
	if (!rows.n) {
		bench_error("no row matches '%s'; 'lb-bench xdp --list' tells them", pattern);
		return BENCH_USAGE;
	}
	if (!pattern)
		keep_standard(&rows);
	code = count(&rows, json, path);
	xdp_rows_free(&rows);
	return code;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {{"path", required_argument, NULL, 'p'},
						     {"json", optional_argument, NULL, 'j'},
						     {"help", no_argument, NULL, 'h'},
						     {0}};
	const char *pattern = NULL, *path = NULL;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case 'p':
			pattern = optarg;
			break;
		case 'j':
			json = true;
			if (!optarg && optind < argc && argv[optind][0] != '-')
				optarg = argv[optind++];
			path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return BENCH_OK;
		default:
			fputs("Try 'lb-bench icount --help'.\n", stderr);
			return BENCH_USAGE;
		}
	}
	if (optind < argc) {
		bench_error("what is '%s'? Try 'lb-bench icount --help'", argv[optind]);
		return BENCH_USAGE;
	}
	return run_rows(pattern, json, path);
}

const struct bench_command bench_icount = {
    .name = "icount",
    .summary = "the data plane: machine instructions a packet, where the clock counts them",
    .run = run,
};
