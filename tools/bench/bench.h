/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.h - what every subcommand of lb-bench is made of and the few helpers that all of them use.
 *
 * A subcommand is one file with one struct bench_command; main.c has the table of them.
 */
#ifndef LB_BENCH_BENCH_H
#define LB_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

enum {
	BENCH_OK = 0,
	BENCH_FAILED = 1, /* a measurement could not be made; a slow result is none of these */
	BENCH_USAGE = 2,
};

struct bench_command {
	const char *name;
	const char *summary; /* one line for 'lb-bench --help' */
	/* argv[0] is the subcommand's name. Returns the exit code. */
	int (*run)(int argc, char **argv);
};

extern const struct bench_command bench_control;
extern const struct bench_command bench_xdp;
extern const struct bench_command bench_compare;
extern const struct bench_command bench_wire;
extern const struct bench_command bench_programs;
extern const struct bench_command bench_icount;

/* CLOCK_MONOTONIC, milliseconds. */
double bench_now_ms(void);

/* One line on standard error that says what is being done; cleared by the next one on a terminal.
 */
void bench_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Takes the progress line away before something else is printed. */
void bench_progress_end(void);

/* One line of error on standard error: "lb-bench: …". */
void bench_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A decimal number from `min` to `max`, or -EINVAL. */
int bench_parse_number(const char *text, size_t min, size_t max, size_t *ret_number);
/* The same for getopt's optarg; -EINVAL is said, with the option's name and the range. */
int bench_number_option(const char *name, size_t min, size_t max, size_t *ret_number);

#endif
