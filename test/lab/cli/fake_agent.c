/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An agent that knows nothing: the real control server (ctl.c), with the answers read from a
 * directory, so that lbctl can be shown anything, however odd.
 *
 *	fake_agent SOCKET DIR
 *
 * A command NAME is answered with DIR/NAME.json as its data; without that file, with DIR/NAME.error
 * as the error and DIR/NAME.diagnostics, where there is one. What it was asked is appended to
 * DIR/requests, an object a line. It prints "ready" once it listens.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <jansson.h>

#include "base/log.h"
#include "ctl.h"

/* DIR/NAME.SUFFIX, or NULL where the name is not one. */
static char *path_of(const char *dir, const char *name, const char *suffix)
{
	char *path = NULL;

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz") != strlen(name) ||
	    asprintf(&path, "%s/%s.%s", dir, name, suffix) < 0)
		return NULL;
	return path;
}

/* A file's content, malloc'd; NULL: there is none. */
static char *slurp(const char *dir, const char *name, const char *suffix)
{
	char *path = path_of(dir, name, suffix), *text = NULL;
	FILE *in = path ? fopen(path, "re") : NULL;
	size_t len = 0;

	if (in && getdelim(&text, &len, '\0', in) < 0) {
		free(text);
		text = strdup("");
	}
	if (in)
		fclose(in);
	free(path);
	return text;
}

static void note_request(const char *dir, const char *command, const json_t *args)
{
	json_t *request = json_pack("{s:s, s:O}", "command", command, "args", args);
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/requests", dir);
	out = fopen(path, "ae");
	if (out) {
		json_dumpf(request, out, JSON_COMPACT);
		fputc('\n', out);
		fclose(out);
	}
	json_decref(request);
}

static json_t *answer(void *ctx, const char *command, const json_t *args, char **ret_error,
		      char **ret_diagnostics)
{
	char *text = slurp(ctx, command, "json");
	json_t *data = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	note_request(ctx, command, args);
	free(text);
	if (data)
		return data;
	*ret_error = slurp(ctx, command, "error");
	if (!*ret_error)
		*ret_error = strdup("the fake agent has no answer to that");
	*ret_diagnostics = slurp(ctx, command, "diagnostics");
	return NULL;
}

static void stop(evutil_socket_t signal_number, short what, void *base)
{
	event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct event *on_term;
	struct ctl *ctl;
	int r;

	if (argc != 3 || !base) {
		fprintf(stderr, "usage: fake_agent SOCKET DIR\n");
		return 2;
	}
	log_set_level(LOG_LEVEL_DEBUG);
	on_term = evsignal_new(base, SIGTERM, stop, base);
	r = ctl_new(base, argv[1], NULL, answer, argv[2], &ctl);
	if (r || !on_term || event_add(on_term, NULL) < 0) {
		fprintf(stderr, "fake_agent: %s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	event_base_dispatch(base);
	ctl_free(ctl);
	event_free(on_term);
	event_base_free(base);
	return 0;
}
