/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * programs.c - 'lb-bench programs': how large the shipped BPF programs are on this kernel, and how
 * much work its verifier has with them. None of it is a time: the figures are the same each time.
 */
#include "programs.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bench.h"
#include "decap.skel.h"
#include "report.h"

#define STANDARD_ROW "v4-tcp-ipip-clean"

static const char usage[] =
    "Usage: lb-bench programs [--json [FILE]]\n"
    "Loads the BPF programs and shows what this kernel tells of each: its instructions after the\n"
    "kernel's translation, the bytes of machine code, and the instructions that the verifier\n"
    "processed. Needs root; nothing is attached.\n"
    "\n"
    "      --json [FILE]  write the results to FILE; without one, to standard output in place\n"
    "                     of the table\n"
    "  -h, --help         this text\n";

static int read_balancer(struct xdp_program *ret_root, struct xdp_program *ret_balancer,
			 struct err *err)
{
	const struct xdp_size standard = {0};
	struct xdp_scene *scene = NULL;
	struct xdp_rows rows;
	int r = xdp_rows_make(&standard, STANDARD_ROW, &rows);

	if (r)
		return err_set(err, r, "out of memory");
	r = rows.n ? xdp_scene_open(&rows.rows[0].config, &scene, err)
		   : err_set(err, -ENOENT, "there is no row " STANDARD_ROW);
	if (!r)
		r = xdp_program_read(xdp_scene_root_fd(scene), ret_root, err);
	if (!r)
		r = xdp_program_read(xdp_scene_balancer_fd(scene), ret_balancer, err);
	xdp_scene_close(scene);
	xdp_rows_free(&rows);
	return r;
}

static int read_decap(struct xdp_program *ret_decap, struct err *err)
{
	struct decap_bpf *skel = decap_bpf__open();
	int r;

	if (!skel)
		return err_set(err, -errno, "cannot open the decap object: %s", strerror(errno));
	r = decap_bpf__load(skel);
	if (r)
		err_set(err, r, "the kernel does not take the decap program: %s", strerror(-r));
	else
		r = xdp_program_read(bpf_program__fd(skel->progs.sluice_decap), ret_decap, err);
	decap_bpf__destroy(skel);
	return r;
}

int programs_read(struct xdp_program ret_programs[PROGRAMS_N], struct err *err)
{
	int r = read_balancer(&ret_programs[0], &ret_programs[1], err);

	return r ? r : read_decap(&ret_programs[2], err);
}

void programs_print(const struct xdp_program programs[PROGRAMS_N], FILE *out)
{
	fprintf(out, "%-20s %12s %12s %12s\n", "program", "instructions", "machine code",
		"verified");
	for (size_t i = 0; i < PROGRAMS_N; i++)
		fprintf(out, "%-20s %12u %12u %12u\n", programs[i].name, programs[i].insns,
			programs[i].jited, programs[i].verified);
}

json_t *programs_json(const struct xdp_program programs[PROGRAMS_N])
{
	json_t *array = json_array();

	for (size_t i = 0; i < PROGRAMS_N; i++) {
		const struct xdp_program *p = &programs[i];

		json_array_append_new(array, json_pack("{s:s, s:I, s:I, s:I}", "name", p->name,
						       "instructions", (json_int_t)p->insns,
						       "machine_code", (json_int_t)p->jited,
						       "verified", (json_int_t)p->verified));
	}
	return array;
}

int programs_write_json(json_t *document, const char *path)
{
	FILE *out = path ? fopen(path, "we") : stdout;
	int r = 0;

	if (!out) {
		bench_error("%s: %s", path, strerror(errno));
		json_decref(document);
		return BENCH_FAILED;
	}
	if (!document || json_dumpf(document, out, JSON_INDENT(2)) || fputc('\n', out) == EOF)
		r = -EIO;
	if ((out == stdout ? fflush(out) : fclose(out)) || r) {
		bench_error("%s: it could not be written", path ? path : "standard output");
		r = -EIO;
	}
	json_decref(document);
	return r ? BENCH_FAILED : BENCH_OK;
}

static int show(bool json, const char *path)
{
	struct xdp_program programs[PROGRAMS_N];
	struct err err = {0};
	char at[32];

	if (programs_read(programs, &err)) {
		bench_error("%s", err.text);
		return BENCH_FAILED;
	}
	if (!json || path)
		programs_print(programs, stdout);
	if (!json)
		return BENCH_OK;
	report_now(at);
	return programs_write_json(json_pack("{s:s, s:s, s:s, s:o, s:o}", "bench", "programs",
					     "version", SLUICE_VERSION, "at", at, "host",
					     report_host(0), "programs", programs_json(programs)),
				   path);
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
	    {"json", optional_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *path = NULL;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
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
			fputs("Try 'lb-bench programs --help'.\n", stderr);
			return BENCH_USAGE;
		}
	}
	if (optind < argc) {
		bench_error("what is '%s'? Try 'lb-bench programs --help'", argv[optind]);
		return BENCH_USAGE;
	}
	return show(json, path);
}

const struct bench_command bench_programs = {
    .name = "programs",
    .summary = "the BPF programs: sizes, and the verifier's work",
    .run = run,
};
