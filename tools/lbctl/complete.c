/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may stand at the end of a command line, from the table of commands and, for pools and
 * addresses, from the agent. The shell's part is lbctl.bash. Silent where there is no agent: a
 * completion must not write into somebody's half-typed line.
 */
#include <string.h>

#include "client.h"
#include "lbctl.h"

static void print_commands(void)
{
	for (const struct lbctl_command *c = lbctl_commands; c->name; c++)
		puts(c->name);
}

static void print_options(const struct lbctl_option *options)
{
	for (; options->name; options++)
		puts(options->name);
}

/* One field of each backend of `pool` (NULL: of all), each value once. */
static void print_backends(const struct lbctl *lb, const char *pool, const char *field)
{
	json_t *request = pool ? json_pack("{s:s}", "pool", pool) : NULL;
	json_t *seen = json_object();
	struct client_reply reply;
	const json_t *backend;
	size_t n;

	if (client_call(lb, "backends", request, &reply) == CLIENT_OK) {
		json_array_foreach (reply.data, n, backend) {
			const char *value = field_text(backend, field);

			if (!*value || json_object_get(seen, value))
				continue;
			json_object_set_new(seen, value, json_true());
			puts(value);
		}
	}
	client_reply_free(&reply);
	json_decref(seen);
}

static void print_vips(const struct lbctl *lb)
{
	struct client_reply reply;
	const json_t *vip;
	size_t n;

	if (client_call(lb, "vips", NULL, &reply) == CLIENT_OK)
		json_array_foreach (reply.data, n, vip)
			puts(field_text(vip, "name"));
	client_reply_free(&reply);
}

static bool takes_value(const struct lbctl_option *options, const char *word, bool *ret_file)
{
	for (; options && options->name; options++) {
		if (strcmp(options->name, word) || !options->value)
			continue;
		*ret_file = !strcmp(options->value, "PATH") || !strcmp(options->value, "OLD");
		return !options->value_optional;
	}
	return false;
}

struct context {
	struct lbctl lb;
	const struct lbctl_command *command;
	const char *args[LBCTL_ARGS_MAX];
	size_t n_args;
	bool in_value, value_is_file;
};

/* Reads the words before the last one, forgivingly. */
static void read_words(struct context *at, int n_words, char **words)
{
	for (int i = 0; i + 1 < n_words; i++) {
		const struct lbctl_option *options = at->command ? at->command->options : NULL;

		if (words[i][0] == '-') {
			at->in_value =
			    takes_value(lbctl_global_options, words[i], &at->value_is_file) ||
			    takes_value(options, words[i], &at->value_is_file);
			if (at->in_value && i + 2 < n_words) {
				if (!strcmp(words[i], "--socket"))
					at->lb.socket = words[i + 1];
				at->in_value = false;
				i++;
			}
		} else if (!at->command) {
			at->command = lbctl_find_command(words[i], false);
			if (!at->command)
				return;
		} else if (at->n_args < LBCTL_ARGS_MAX) {
			at->args[at->n_args++] = words[i];
		}
	}
}

static void print_argument(const struct context *at)
{
	if (at->n_args >= at->command->max_args)
		return;
	switch (at->command->words[at->n_args]) {
	case LBCTL_WORD_POOL:
		print_backends(&at->lb, NULL, "pool");
		break;
	case LBCTL_WORD_VIP:
		print_vips(&at->lb);
		break;
	case LBCTL_WORD_BACKEND:
		print_backends(&at->lb, at->args[at->n_args - 1], "address");
		break;
	case LBCTL_WORD_FILE:
		puts("@files");
		break;
	case LBCTL_WORD_COMMAND:
		print_commands();
		break;
	case LBCTL_WORD_NONE:
		break;
	}
}

int lbctl_complete(const char *socket, int n_words, char **words)
{
	struct context at = {.lb.socket = socket};
	const char *last = n_words > 0 ? words[n_words - 1] : "";

	read_words(&at, n_words, words);
	if (at.in_value) {
		if (at.value_is_file)
			puts("@files");
	} else if (last[0] == '-') {
		print_options(lbctl_global_options);
		if (at.command)
			print_options(at.command->options);
	} else if (at.command) {
		print_argument(&at);
	} else {
		print_commands();
	}
	return EXIT_OK;
}
