/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - the differential test: kept cases first, then packets from seeds, for as long as asked.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bench.h"
#include "coverage.h"
#include "failure.h"
#include "generate.h"

#define FIXED_SEED	  1
#define SECONDS		  20
#define PACKETS_PER_SCENE 2000
#define SCENES_PER_LOAD	  25
#define PACKETS_LEAST	  200000 /* of a seed, however slow the machine is; coverage needs them */
#define PROGRESS_SECONDS  5

struct options {
	unsigned int seconds;
	uint64_t packets; /* 0: by time */
	uint64_t seed;
	bool seed_given;
	const char *corpus, *keep, *json;
};

struct run {
	struct options options;
	struct bench *bench;
	struct corpus corpus;
	struct coverage coverage;
	FILE *json;
	int results, failed;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A line of the result: for people, and for tools/test. Names and places hold no quotes. */
static void result(struct run *run, bool passed, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void result(struct run *run, bool passed, const char *where, const char *format, ...)
{
	char name[256];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	printf("%s %s%s%s\n", passed ? "✓" : "✗", name, *where ? ": " : "", where);
	fflush(stdout);
	if (run->json)
		fprintf(run->json, "%s{\"name\": \"%s\", \"outcome\": \"%s\", \"where\": \"%s\"}",
			run->results ? ",\n " : "[", name, passed ? "passed" : "failed", where);
	run->results++;
	run->failed += !passed;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void run_case(struct run *run, const char *path)
{
	static struct model_frame frame;
	struct scene scene;
	char text[BENCH_TEXT] = "";
	enum bench_result is = case_run(run->bench, path, &scene, &frame, text);

	result(run, is == BENCH_SAME, text, "case %s", file_name(path));
	if (is == BENCH_DIFFERENT)
		failure_print(run->bench, &scene, &frame, stdout);
}

static void run_cases(struct run *run)
{
	char pattern[4096];
	glob_t paths = {0};

	snprintf(pattern, sizeof(pattern), "%s/cases/*.case", run->options.corpus);
	if (glob(pattern, 0, NULL, &paths))
		result(run, false, pattern, "kept cases are found");
	for (size_t i = 0; i < paths.gl_pathc && !interrupted; i++)
		run_case(run, paths.gl_pathv[i]);
	globfree(&paths);
}

/* Shrinks and prints the packet, and writes it where it can be kept from. */
static void report(struct run *run, uint64_t seed, uint64_t index, struct scene *scene,
		   struct model_frame *frame, const char *text)
{
	char path[4096], comment[BENCH_TEXT + 128], again[BENCH_TEXT];
	int r;

	fprintf(stderr, "lb-model: packet %" PRIu64 " of seed %" PRIu64 ": %s; making it smaller\n",
		index, seed, text);
	failure_shrink(run->bench, scene, frame);
	failure_print(run->bench, scene, frame, stdout);
	snprintf(path, sizeof(path), "%s/seed-%" PRIu64 "-packet-%" PRIu64 ".case",
		 run->options.keep, seed, index);
	snprintf(comment, sizeof(comment), "seed %" PRIu64 ", packet %" PRIu64 ": %s", seed, index,
		 text);
	r = case_write(path, comment, scene, frame);
	if (r)
		fprintf(stderr, "lb-model: %s: %s\n", path, strerror(-r));
	else
		printf("It is in %s. To run it first from now on:\n  cp %s %s/cases/NAME.case\n",
		       path, path, run->options.corpus);
	if (!r && case_run(run->bench, path, scene, frame, again) != BENCH_DIFFERENT)
		printf("But the file alone does not show it: it depends on packets before it.\n");
}

/* One scene's packets. Returns what the last one was. */
static enum bench_result run_scene(struct run *run, struct scene *scene, struct random *r,
				   uint64_t seed, uint64_t *index, uint64_t end)
{
	static struct model_frame frame;
	static struct model_verdict verdict;
	char text[BENCH_TEXT];

	for (int i = 0; i < PACKETS_PER_SCENE && *index < end && !interrupted; i++, ++*index) {
		enum bench_result is;

		generate_packet(scene, &run->corpus, r, &frame);
		is = bench_run(run->bench, &frame, &verdict, text);
		if (is == BENCH_DIFFERENT) {
			report(run, seed, *index, scene, &frame, text);
			return is;
		}
		if (is == BENCH_FAILED) {
			fprintf(stderr, "lb-model: %s\n", text);
			return is;
		}
		coverage_count(&run->coverage, &frame, &verdict);
	}
	return BENCH_SAME;
}

static void progress(uint64_t seed, uint64_t packets, uint64_t scenes, double seconds)
{
	fprintf(stderr,
		"lb-model: seed %" PRIu64 ": %" PRIu64 " packets in %" PRIu64
		" scenes, %.0f thousand packets/s\n",
		seed, packets, scenes, (double)packets / seconds / 1e3);
}

/* Everything that happens follows from the seed; the time decides only when it ends. */
static void run_seed(struct run *run, uint64_t seed, double seconds)
{
	const double begun = now();
	const uint64_t end = run->options.packets ? run->options.packets : UINT64_MAX;
	double told = begun;
	uint64_t index = 0, scenes = 0;
	enum bench_result is = BENCH_SAME;
	struct scene scene = {0};
	char text[BENCH_TEXT] = "";

	while (is == BENCH_SAME && index < end && !interrupted &&
	       (run->options.packets || index < PACKETS_LEAST || now() < begun + seconds)) {
		struct random r = {random_mix(seed * 0x9e3779b97f4a7c15ull + scenes)};

		scene_random(&scene, &r, scenes++ % SCENES_PER_LOAD);
		if (bench_set(run->bench, &scene, text))
			is = BENCH_FAILED;
		else
			is = run_scene(run, &scene, &r, seed, &index, end);
		if (now() > told + PROGRESS_SECONDS) {
			progress(seed, index, scenes, now() - begun);
			told = now();
		}
	}
	if (is == BENCH_SAME)
		printf("seed %" PRIu64 ": %" PRIu64 " packets in %" PRIu64 " scenes, %.1f s\n",
		       seed, index, scenes, now() - begun);
	if (is == BENCH_DIFFERENT)
		snprintf(text, sizeof(text), "packet %" PRIu64 " after %.1f s", index,
			 now() - begun);
	result(run, is == BENCH_SAME, text, "seed %" PRIu64 ": balancer and model do not differ",
	       seed);
}

static uint64_t seed_of_today(void)
{
	const time_t t = time(NULL);
	struct tm day;

	gmtime_r(&t, &day);
	return (uint64_t)(day.tm_year + 1900) * 10000 + (uint64_t)(day.tm_mon + 1) * 100 +
	       (uint64_t)day.tm_mday;
}

static void run_seeds(struct run *run)
{
	const struct options *options = &run->options;
	int missing;

	if (options->seed_given) {
		run_seed(run, options->seed, options->seconds);
	} else {
		run_seed(run, FIXED_SEED, options->seconds / 2.0);
		if (!interrupted)
			run_seed(run, seed_of_today(), options->seconds / 2.0);
	}
	coverage_print(&run->coverage, stdout);
	/* Fewer packets need not have gone all ways. */
	if (run->coverage.packets < PACKETS_LEAST)
		return;
	missing = coverage_missing(&run->coverage, stdout);
	result(run, !missing, missing ? "see above" : "",
	       "packets ended by each reason and went each way");
}

static void usage(FILE *out)
{
	fputs("usage: lb-model [--seconds N] [--packets N] [--seed S] [--corpus DIR] [--keep DIR]\n"
	      "                [--json FILE]\n\n"
	      "Puts packets through the balancer and through a model of it, and compares.\n\n"
	      "  --seconds N   as long as this, half of it with seed 1 and half with the date; 20\n"
	      "  --packets N   as many with each seed, however long it takes\n"
	      "  --seed S      this seed alone\n"
	      "  --corpus DIR  protocols.txt, and the kept cases in cases/\n"
	      "  --keep DIR    where a packet that shows a difference is written; .\n"
	      "  --json FILE   results for tools/test\n\n"
	      "Needs root. Exit 0: no difference; 1: a difference; 2: could not run.\n",
	      out);
}

static bool number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	return !errno && end != text && !*end && *text != '-';
}

static int bad_number(const char *option, const char *text)
{
	fprintf(stderr, "lb-model: %s wants a number, not '%s'\n", option, text);
	return 2;
}

/* -1: go on; else the exit code. */
static int options_read(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
	    {"seconds", required_argument, NULL, 's'}, {"packets", required_argument, NULL, 'p'},
	    {"seed", required_argument, NULL, 'S'},    {"corpus", required_argument, NULL, 'c'},
	    {"keep", required_argument, NULL, 'k'},    {"json", required_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},	       {0},
	};
	uint64_t seconds;
	int c;

	*options = (struct options){.seconds = SECONDS, .corpus = MODEL_CORPUS, .keep = "."};
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			if (!number(optarg, &seconds) || seconds > UINT32_MAX)
				return bad_number("--seconds", optarg);
			options->seconds = (unsigned int)seconds;
			break;
		case 'p':
			if (!number(optarg, &options->packets) || !options->packets)
				return bad_number("--packets", optarg);
			break;
		case 'S':
			if (!number(optarg, &options->seed))
				return bad_number("--seed", optarg);
			options->seed_given = true;
			break;
		case 'c':
			options->corpus = optarg;
			break;
		case 'k':
			options->keep = optarg;
			break;
		case 'j':
			options->json = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "lb-model: unknown argument: %s\n", argv[optind]);
		return 2;
	}
	return -1;
}

/* 0, or -errno after a line that says why. */
static int open_run(struct run *run)
{
	char path[4096], text[BENCH_TEXT];
	int r, line;

	snprintf(path, sizeof(path), "%s/protocols.txt", run->options.corpus);
	r = corpus_load(path, &run->corpus, &line);
	if (r) {
		fprintf(stderr, "lb-model: %s:%d: %s\n", path, line,
			r == -EINVAL ? "not 'NAME HEX' of 14 to 3400 bytes" : strerror(-r));
		return r;
	}
	if (run->options.json && !(run->json = fopen(run->options.json, "we"))) {
		fprintf(stderr, "lb-model: %s: %s\n", run->options.json, strerror(errno));
		return -errno;
	}
	r = bench_open(&run->bench, text);
	if (r)
		fprintf(stderr, "lb-model: %s\n", text);
	return r;
}

static void close_run(struct run *run)
{
	bench_close(run->bench);
	corpus_free(&run->corpus);
	if (run->json) {
		fputs(run->results ? "]\n" : "[]\n", run->json);
		fclose(run->json);
	}
}

int main(int argc, char **argv)
{
	static struct run run;
	int code = options_read(argc, argv, &run.options);

	if (code >= 0)
		return code;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (open_run(&run)) {
		close_run(&run);
		return 2;
	}
	run_cases(&run);
	run_seeds(&run);
	close_run(&run);
	return run.failed ? 1 : 0;
}
