/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands that need no agent: check, schema, version, help. */
#include "lbctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "format.h"

/* "sluice.yaml: OK (2 VIPs, 1 pool, 3 backends, 1 warning)" */
static void print_verdict(const char *file, const struct lb_config *config, const struct diag *diag)
{
	char vips[FORMAT_MAX], pools[FORMAT_MAX], backends[FORMAT_MAX], warnings[FORMAT_MAX];
	size_t n_backends = 0, n_warnings = diag_warnings(diag);

	for (size_t i = 0; i < config->n_pools; i++)
		n_backends += config->pools[i].n_backends;
	printf("%s: OK (%s, %s, %s%s%s)\n", file, format_plural(config->n_vips, "VIP", vips),
	       format_plural(config->n_pools, "pool", pools),
	       format_plural(n_backends, "backend", backends), n_warnings ? ", " : "",
	       n_warnings ? format_plural(n_warnings, "warning", warnings) : "");
}

int cmd_check(const struct lbctl *lb, const struct lbctl_args *args)
{
	const char *file = args->arg[0];
	struct lb_config *config = NULL;
	struct diag *diag = NULL;
	char *json;
	int r = conf_load(file, &config, &diag);

	if (!diag) {
		fprintf(stderr, "lbctl: %s: %s\n", file, strerror(-r));
		return EXIT_FAILED;
	}
	if (lb->json) {
		json = diag_json(diag);
		printf("%s\n", json ? json : "");
		free(json);
	} else {
		diag_print(diag, stderr, lb->colour_stderr);
		if (!r)
			print_verdict(strcmp(file, "-") ? file : "standard input", config, diag);
	}
	diag_free(diag);
	conf_free(config);
	return r ? EXIT_FAILED : EXIT_OK;
}

int cmd_schema(const struct lbctl *lb, const struct lbctl_args *args)
{
	bool man = args->option[0];
	char *text;

	if (man && lb->json) {
		fputs("lbctl: schema: --json or --man, not both\n", stderr);
		return EXIT_USAGE;
	}
	text = man ? conf_schema_man() : conf_schema_json();
	if (!text) {
		fputs("lbctl: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	fputs(text, stdout);
	if (*text && text[strlen(text) - 1] != '\n')
		putchar('\n');
	free(text);
	return EXIT_OK;
}

int cmd_version(const struct lbctl *lb, const struct lbctl_args *args)
{
	if (lb->json)
		printf("{\n  \"version\": \"%s\"\n}\n", SLUICE_VERSION);
	else
		printf("lbctl %s\n", SLUICE_VERSION);
	return EXIT_OK;
}

int cmd_help(const struct lbctl *lb, const struct lbctl_args *args)
{
	const struct lbctl_command *command;

	if (!args->arg[0]) {
		lbctl_print_help(stdout);
		return EXIT_OK;
	}
	command = lbctl_find_command(args->arg[0], true);
	if (!command)
		return EXIT_USAGE;
	lbctl_print_command_help(command, stdout);
	return EXIT_OK;
}
