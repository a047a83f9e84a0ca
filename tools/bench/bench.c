/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench.c - clock, progress and numbers for all subcommands.
 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

double bench_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void bench_progress(const char *format, ...)
{
	bool terminal = isatty(STDERR_FILENO);
	va_list args;

	if (terminal)
		fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(terminal ? " …" : " …\n", stderr);
	fflush(stderr);
}

void bench_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

void bench_error(const char *format, ...)
{
	va_list args;

	bench_progress_end();
	fputs("lb-bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int bench_parse_number(const char *text, size_t min, size_t max, size_t *ret_number)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text < '0' || *text > '9' || value < min ||
	    value > max)
		return -EINVAL;
	*ret_number = (size_t)value;
	return 0;
}

int bench_number_option(const char *name, size_t min, size_t max, size_t *ret_number)
{
	if (!bench_parse_number(optarg, min, max, ret_number))
		return 0;
	bench_error("--%s %s: a number from %zu to %zu is wanted", name, optarg, min, max);
	return -EINVAL;
}
