/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conf_text.h - loads a configuration from a string and says what was said about it.
 */
#ifndef LB_TEST_CONF_TEXT_H
#define LB_TEST_CONF_TEXT_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

/* A file around one pool or one VIP, so that a test shows what it is about. The lines are fixed. */
#define HEAD		 "version: 1\nnode: {interfaces: [eth0]}\n"
#define POOLS		 "pools: {web: {backends: [{address: 10.0.0.1}]}}\n"
#define WITH_VIP(v)	 HEAD POOLS "vips:\n- {" v "}\n" /* in line 5, from column 4 */
#define VIP_END		 "forward: l2, pool: web"
#define VIPS		 "vips: [{name: v, address: 192.0.2.1, protocol: tcp, port: 80, " VIP_END "}]\n"
#define WITH_POOL(p)	 HEAD "pools:\n  web: {" p "}\n" VIPS /* in line 4, from column 9 */
#define WITH_BACKENDS(b) WITH_POOL("backends: [" b "]")	      /* from column 20 */
#define WITH_HEALTH(h)	 WITH_POOL("backends: [{address: 10.0.0.1}], health: {" h "}") /* from 50 */
#define WITH_NODE(n)	 "version: 1\nnode: {" n "}\n" POOLS VIPS /* in line 2 */

/* Loads; the diag as text (malloc'd), and the config in *ret_config unless that is NULL. */
static inline char *conf_text_load(const char *text, struct lb_config **ret_config, int *ret_err)
{
	struct lb_config *config;
	struct diag *diag;
	char *out;

	*ret_err = conf_load_text("t.yaml", text, strlen(text), &config, &diag);
	cr_assert_not_null(diag);
	cr_assert((*ret_err == 0) == (config != NULL), "a config and an error, or neither");
	cr_assert((*ret_err == -EINVAL) == (diag_errors(diag) > 0));
	out = diag_text(diag);
	cr_assert_not_null(out);
	diag_free(diag);
	if (ret_config)
		*ret_config = config;
	else
		conf_free(config);
	return out;
}

/* A config without error or warning; conf_free() it. */
static inline struct lb_config *conf_text_good(const char *text)
{
	struct lb_config *config;
	int err;
	char *said = conf_text_load(text, &config, &err);

	cr_assert(err == 0 && *said == '\0', "%s", said);
	free(said);
	return config;
}

/* Everything that is printed, to the letter. */
static inline void conf_text_prints(const char *text, const char *expected)
{
	int err;
	char *said = conf_text_load(text, NULL, &err);

	cr_expect_str_eq(said, expected, "for\n%s\nexpected\n%s\nprinted\n%s", text, expected,
			 said);
	free(said);
}

/* The lines "line:column: severity: message" and "= hint", without the source. */
static inline void conf_text_says(const char *text, const char *expected)
{
	char *said, *lines = NULL;
	size_t len;
	FILE *out = open_memstream(&lines, &len);
	int err;

	said = conf_text_load(text, NULL, &err);
	for (char *save, *line = strtok_r(said, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "t.yaml:", 7) == 0)
			fprintf(out, "%s\n", line + 7);
		else if (strncmp(line, "      = ", 8) == 0)
			fprintf(out, "%s\n", line + 6);
	}
	fclose(out);
	cr_expect_str_eq(lines, expected, "for\n%s\nexpected\n%s\nsaid\n%s", text, expected, lines);
	free(lines);
	free(said);
}

#endif
