/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lbctl, the operator's command: reads the command line and runs one command of the table in
 * commands.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/diag.h"
#include "ctl.h"
#include "lbctl.h"

struct command_line {
	struct lbctl lb;
	const struct lbctl_command *command;
	struct lbctl_args args;
	bool help;
};

/* "--name", "--name=value" or neither? */
static bool is_option(const char *word, const char *name, const char **ret_value)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) || (word[len] && word[len] != '='))
		return false;
	*ret_value = word[len] ? word + len + 1 : NULL;
	return true;
}

static const struct lbctl_option *find_option(const struct lbctl_option *options, const char *word,
					      size_t *ret_index, const char **ret_value)
{
	for (size_t i = 0; options && options[i].name; i++) {
		if (is_option(word, options[i].name, ret_value)) {
			*ret_index = i;
			return &options[i];
		}
	}
	return NULL;
}

/* Is the next word the optional value? Only numbers are, so that a file name is not swallowed. */
static bool looks_like_value(const char *word)
{
	return word && *word >= '0' && *word <= '9';
}

static int unknown_option(const struct command_line *line, const char *word)
{
	const char *words[16];
	const struct lbctl_option *o;
	const char *near;
	size_t n = 0;

	for (o = lbctl_global_options; o->name; o++)
		words[n++] = o->name;
	for (o = line->command ? line->command->options : NULL; o && o->name; o++)
		words[n++] = o->name;
	words[n] = NULL;
	near = diag_nearest(word, words);
	fprintf(stderr, "lbctl: no option '%s'", word);
	if (line->command)
		fprintf(stderr, " of %s", line->command->name);
	if (near)
		fprintf(stderr, "; did you mean '%s'?", near);
	fputc('\n', stderr);
	if (line->command)
		lbctl_print_usage(line->command, stderr);
	return EXIT_USAGE;
}

static void set_global(struct command_line *line, const char *name, const char *value)
{
	if (!strcmp(name, "--socket"))
		line->lb.socket = value;
	else if (!strcmp(name, "--json"))
		line->lb.json = true;
	else if (!strcmp(name, "--version"))
		line->command = lbctl_find_command("version", false);
	else
		line->help = true;
}

/* Takes the option at argv[*i]; moves *i past a value of its own. */
static int parse_option(struct command_line *line, char **argv, int *i)
{
	const char *word = strcmp(argv[*i], "-h") ? argv[*i] : "--help", *value = NULL;
	const struct lbctl_option *command_options = line->command ? line->command->options : NULL;
	const struct lbctl_option *option;
	size_t index = 0;
	bool global = true;

	option = find_option(lbctl_global_options, word, &index, &value);
	if (!option) {
		option = find_option(command_options, word, &index, &value);
		global = false;
	}
	if (!option)
		return unknown_option(line, word);
	if (value && !option->value) {
		fprintf(stderr, "lbctl: %s takes no value\n", option->name);
		return EXIT_USAGE;
	}
	if (option->value && !value &&
	    (option->value_optional ? looks_like_value(argv[*i + 1]) : argv[*i + 1] != NULL))
		value = argv[++*i];
	if (option->value && !option->value_optional && (!value || !*value)) {
		fprintf(stderr, "lbctl: %s needs a value (%s)\n", option->name, option->value);
		return EXIT_USAGE;
	}
	if (global) {
		set_global(line, option->name, value);
	} else {
		line->args.option[index] = true;
		line->args.value[index] = value;
	}
	return EXIT_OK;
}

static int parse_word(struct command_line *line, const char *word)
{
	if (!line->command) {
		line->command = lbctl_find_command(word, true);
		return line->command ? EXIT_OK : EXIT_USAGE;
	}
	if (line->args.n_args == line->command->max_args) {
		fprintf(stderr, "lbctl: %s: one argument too many: '%s'\n", line->command->name,
			word);
		lbctl_print_usage(line->command, stderr);
		return EXIT_USAGE;
	}
	line->args.arg[line->args.n_args++] = word;
	return EXIT_OK;
}

static int parse(struct command_line *line, int argc, char **argv)
{
	bool options = true;

	for (int i = 1; i < argc; i++) {
		int r;

		if (options && !strcmp(argv[i], "--")) {
			options = false;
			continue;
		}
		if (options && argv[i][0] == '-' && argv[i][1])
			r = parse_option(line, argv, &i);
		else
			r = parse_word(line, argv[i]);
		if (r)
			return r;
	}
	if (!line->command && !line->help) {
		lbctl_print_help(stderr);
		return EXIT_USAGE;
	}
	if (!line->help && line->args.n_args < line->command->min_args) {
		fprintf(stderr, "lbctl: %s: an argument is missing\n", line->command->name);
		lbctl_print_usage(line->command, stderr);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static bool wants_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	/* no-color.org: set and not empty */
	return isatty(fd) && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
}

static int run(struct command_line *line)
{
	if (!line->help)
		return line->command->run(&line->lb, &line->args);
	if (line->command)
		lbctl_print_command_help(line->command, stdout);
	else
		lbctl_print_help(stdout);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct command_line line = {.lb.socket = CTL_SOCKET_DEFAULT};
	int status;

	/* `lbctl backends | head -1` ends quietly, even below a parent that ignores SIGPIPE. */
	signal(SIGPIPE, SIG_DFL);
	if (argc > 1 && !strcmp(argv[1], "__complete"))
		return lbctl_complete(CTL_SOCKET_DEFAULT, argc - 2, argv + 2);
	line.lb.colour = wants_colour(STDOUT_FILENO);
	line.lb.colour_stderr = wants_colour(STDERR_FILENO);

	status = parse(&line, argc, argv);
	if (status == EXIT_OK)
		status = run(&line);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "lbctl: cannot write the output: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return status;
}
