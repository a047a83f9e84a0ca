/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_files.c - reading from files: the shipped examples, and what is no readable file.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

static char *load(const char *path, int *ret_err, bool *ret_config)
{
	struct lb_config *config;
	struct diag *diag;
	char *said;

	*ret_err = conf_load(path, &config, &diag);
	*ret_config = config != NULL;
	said = diag_text(diag);
	diag_free(diag);
	conf_free(config);
	return said;
}

Test(conf_files, loads_every_example_without_a_warning)
{
	const char *root = getenv("SLUICE_SOURCE_ROOT");
	char pattern[4096];
	glob_t found;

	cr_assert_not_null(root, "SLUICE_SOURCE_ROOT is set by meson test");
	snprintf(pattern, sizeof(pattern), "%s/configs/*.yaml", root);
	cr_assert_eq(glob(pattern, 0, NULL, &found), 0);
	cr_assert_geq(found.gl_pathc, 9);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		bool config;
		int err;
		char *said = load(found.gl_pathv[i], &err, &config);

		cr_expect(err == 0 && config && *said == '\0', "%s", said);
		free(said);
	}
	globfree(&found);
}

static void cannot_read(const char *path, int error, const char *expected)
{
	bool config;
	int err;
	char *said = load(path, &err, &config);

	cr_expect_eq(err, error, "%d", err);
	cr_expect_not(config);
	cr_expect_str_eq(said, expected, "%s", said);
	free(said);
}

Test(conf_files, says_why_a_file_can_not_be_read)
{
	cannot_read("/nonexistent/f.yaml", -ENOENT,
		    "/nonexistent/f.yaml: error: can't read: No such file or directory\n");
	cannot_read("/", -EISDIR, "/: error: can't read: Is a directory\n");
}

Test(conf_files, refuses_an_endless_file)
{
	cannot_read("/dev/zero", -EINVAL, "/dev/zero: error: the file is larger than 256 MiB\n");
}

Test(conf_files, refuses_an_empty_file)
{
	cannot_read("/dev/null", -EINVAL,
		    "/dev/null: error: the file is empty\n"
		    "      = lb-agent.yaml(5) has an example to start from\n");
}

Test(conf_files, shows_the_source_of_a_file_that_is_read)
{
	char path[] = "/tmp/test_conf_files.XXXXXX", expected[512];
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "version: [\n", 11), 11);
	close(fd);
	snprintf(expected, sizeof(expected),
		 "%s:2:1: error: YAML syntax: expected a value here\n    2 | \n      | ^\n"
		 "      = the file ends here: is a bracket left open above?\n",
		 path);
	cannot_read(path, -EINVAL, expected);
	unlink(path);
}
