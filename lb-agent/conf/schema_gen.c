/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema_gen.c - runs in the build: copies a file, with the field table's reference in the place of
 * the line "@REFERENCE@". Without a file it prints the JSON Schema.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

static int print_man(FILE *in)
{
	char *reference = conf_schema_man();
	char line[1024];
	int found = 0;

	if (!reference)
		return -1;
	while (fgets(line, sizeof(line), in)) {
		if (strcmp(line, "@REFERENCE@\n") == 0) {
			fputs(reference, stdout);
			found = 1;
		} else {
			fputs(line, stdout);
		}
	}
	free(reference);
	return found ? 0 : -1;
}

int main(int argc, char **argv)
{
	FILE *in;
	int err;

	if (argc == 1) {
		char *json = conf_schema_json();

		err = !json || puts(json) < 0;
		free(json);
		return err || fflush(stdout) != 0;
	}
	in = fopen(argv[1], "r");
	if (!in) {
		perror(argv[1]);
		return 1;
	}
	err = print_man(in);
	fclose(in);
	if (err)
		fprintf(stderr, "%s: no line @REFERENCE@, or no memory\n", argv[1]);
	return err || fflush(stdout) != 0;
}
