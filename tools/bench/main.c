/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - lb-bench's command line: a table of subcommands, one file each.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

static const struct bench_command *const commands[] = {
    &bench_control, &bench_xdp, &bench_wire, &bench_programs, &bench_icount, &bench_compare,
};

static void usage(FILE *out)
{
	fputs("Usage: lb-bench COMMAND [OPTION]...\n"
	      "Measures Sluice on this machine.\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
	fputs(
	    "\n"
	    "  -h, --help     this text; 'lb-bench COMMAND --help' tells a command's options\n"
	    "  -V, --version  the version\n"
	    "\n"
	    "The exit code says whether the measurements were made, never how they came out. See\n"
	    "lb-bench(1).\n",
	    out);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		usage(stderr);
		return BENCH_USAGE;
	}
	if (!strcmp(name, "-h") || !strcmp(name, "--help")) {
		usage(stdout);
		return BENCH_OK;
	}
	if (!strcmp(name, "-V") || !strcmp(name, "--version")) {
		puts("lb-bench " SLUICE_VERSION);
		return BENCH_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i]->run(argc - 1, argv + 1);
	bench_error("there is no command '%s'; try 'lb-bench --help'", name);
	return BENCH_USAGE;
}
