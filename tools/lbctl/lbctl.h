/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lbctl.h - what lbctl's commands share: the options that all have, exit statuses, and the table of
 * commands, which is the one source of the command line, its help and its completion.
 */
#ifndef LBCTL_LBCTL_H
#define LBCTL_LBCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>

#include "base/portrange.h"

enum lbctl_exit {
	EXIT_OK = 0,
	EXIT_FAILED = 1,      /* the agent said no, or a check found errors */
	EXIT_USAGE = 2,	      /* the command line is wrong */
	EXIT_UNREACHABLE = 3, /* no agent answers */
};

struct lbctl {
	const char *socket;
	bool json;   /* --json: the agent's data as it came */
	bool colour; /* standard output is a terminal that wants colour */
	bool colour_stderr;
};

#define LBCTL_ARGS_MAX	  4
#define LBCTL_OPTIONS_MAX 4

struct lbctl_option {
	const char *name;  /* "--watch" */
	const char *value; /* what the help calls its value; NULL: it takes none */
	bool value_optional;
	const char *help;
};

/* What a positional argument is, for completion. */
enum lbctl_word {
	LBCTL_WORD_NONE,
	LBCTL_WORD_POOL,
	LBCTL_WORD_VIP,
	LBCTL_WORD_BACKEND, /* an address of the pool that is the argument before it */
	LBCTL_WORD_FILE,
	LBCTL_WORD_COMMAND,
};

struct lbctl_args {
	const char *arg[LBCTL_ARGS_MAX]; /* NULL where not given */
	size_t n_args;
	bool option[LBCTL_OPTIONS_MAX]; /* given or not, by its place in the command's table */
	const char *value[LBCTL_OPTIONS_MAX];
};

struct lbctl_command {
	const char *name;
	const char *args; /* "POOL ADDRESS"; brackets where one may be left out */
	size_t min_args, max_args;
	enum lbctl_word words[LBCTL_ARGS_MAX];
	const char *summary; /* one line for the list of commands */
	const char *help;    /* what it does, and examples */
	struct lbctl_option options[LBCTL_OPTIONS_MAX + 1];
	int (*run)(const struct lbctl *lb, const struct lbctl_args *args);
};

extern const struct lbctl_command lbctl_commands[]; /* ends with a NULL name */
extern const struct lbctl_option lbctl_global_options[];

/* NULL: no such command; then a message with the nearest one was printed if `complain`. */
const struct lbctl_command *lbctl_find_command(const char *name, bool complain);
void lbctl_print_help(FILE *out);
void lbctl_print_command_help(const struct lbctl_command *command, FILE *out);
void lbctl_print_usage(const struct lbctl_command *command, FILE *out);

/* `lbctl __complete WORD…`: candidates for the last word, or "@files". Says nothing otherwise. */
int lbctl_complete(const char *socket, int n_words, char **words);

/* Prints as --json does. */
void lbctl_print_json(const json_t *data);

/* A field of the agent's data; a missing one, or one of another type, is "", 0 or false. */
const char *field_text(const json_t *object, const char *key);
uint64_t field_count(const json_t *object, const char *key);
double field_real(const json_t *object, const char *key);
bool field_true(const json_t *object, const char *key);
/* A VIP's ports, "443", "8000-8099" or "any"; returns `buf`. */
const char *field_ports(const json_t *vip, char buf[PORTRANGE_TEXT_MAX]);

/* The commands. */
int cmd_status(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_vips(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_backends(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_counters(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_limits(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_reload(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_check(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_plan(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_drain(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_undrain(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_weight(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_schema(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_version(const struct lbctl *lb, const struct lbctl_args *args);
int cmd_help(const struct lbctl *lb, const struct lbctl_args *args);

#endif
