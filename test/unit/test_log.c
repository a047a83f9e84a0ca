/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_log.c - what a message looks like on a terminal and for the journal.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static int saved_stderr = -1;
static FILE *file;

/* Standard error into a file, which the journal is said to read where `journal`. */
static void capture(bool journal)
{
	struct stat st;
	char stream[64];

	file = tmpfile();
	cr_assert_not_null(file);
	saved_stderr = dup(STDERR_FILENO);
	cr_assert_geq(dup2(fileno(file), STDERR_FILENO), 0);
	cr_assert_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + (journal ? 0 : 1));
	setenv("JOURNAL_STREAM", stream, 1);
}

static const char *captured(void)
{
	static char text[8192];
	size_t len;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

Test(log, writes_the_level_in_words)
{
	capture(false);
	log_error("no %s", "way");
	log_info("fine");
	cr_assert_str_eq(captured(), "error: no way\ninfo: fine\n");
}

Test(log, writes_the_priority_for_the_journal)
{
	capture(true);
	log_error("no");
	log_warning("hm");
	log_notice("so");
	cr_assert_str_eq(captured(), "<3>no\n<4>hm\n<5>so\n");
}

Test(log, keeps_quiet_above_its_level)
{
	capture(false);
	log_debug("not by default");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("no");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("yes");
	cr_assert_str_eq(captured(), "debug: yes\n");
}

Test(log, writes_one_line_a_message)
{
	capture(false);
	log_info("a\nb\x1b[2J");
	cr_assert_str_eq(captured(), "info: a?b?[2J\n");
}

Test(log, cuts_what_is_too_long)
{
	char text[5000];
	const char *said;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture(false);
	log_info("%s", text);
	said = captured();
	cr_assert_leq(strlen(said), 2048);
	cr_assert_str_eq(said + strlen(said) - 5, "x...\n");
}

Test(log, leaves_errno_alone)
{
	capture(false);
	errno = ENOENT;
	log_info("%m");
	cr_expect_eq(errno, ENOENT);
	cr_assert_str_eq(captured(), "info: No such file or directory\n");
}

Test(log, knows_its_levels_by_name)
{
	enum log_level level;

	cr_assert_eq(log_parse_level("warning", &level), 0);
	cr_assert_eq(level, LOG_LEVEL_WARNING);
	cr_assert_eq(log_parse_level("debug", &level), 0);
	cr_assert_eq(level, LOG_LEVEL_DEBUG);
	cr_assert_eq(log_parse_level("Warning", &level), -EINVAL);
	cr_assert_eq(log_parse_level("", &level), -EINVAL);
}
