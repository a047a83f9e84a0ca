/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_overrides.c - what an operator set by hand survives the agent, and nothing damages it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overrides.h"

static char dir[64];
static struct overrides *set;
static struct err err;

static struct lb_addr address(const char *text)
{
	struct lb_addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0);
	return addr;
}

static void open_directory(void)
{
	snprintf(dir, sizeof(dir), "/tmp/overrides-test-XXXXXX");
	cr_assert(mkdtemp(dir));
	cr_assert_eq(overrides_load(dir, &set, &err), 0, "%s", err.text);
}

static void reopen(void)
{
	overrides_free(set);
	set = NULL;
	cr_assert_eq(overrides_load(dir, &set, &err), 0, "%s", err.text);
}

static void close_directory(void)
{
	char path[128];

	overrides_free(set);
	snprintf(path, sizeof(path), "%s/overrides.json", dir);
	unlink(path);
	chmod(dir, 0700);
	cr_expect_eq(rmdir(dir), 0, "something else was left in %s", dir);
}

static void set_one(const char *pool, const char *addr, bool drain, int weight)
{
	struct override o = {.pool = (char *)pool, .address = address(addr), .drain = drain};

	o.has_weight = weight >= 0;
	o.weight = weight >= 0 ? (uint32_t)weight : 0;
	cr_assert_eq(overrides_set(set, &o, &err), 0, "%s", err.text);
}

static void write_file(const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/overrides.json", dir);
	file = fopen(path, "w");
	cr_assert(file);
	fputs(text, file);
	fclose(file);
}

TestSuite(overrides, .init = open_directory, .fini = close_directory);

Test(overrides, a_missing_file_is_an_empty_set)
{
	cr_expect_eq(overrides_count(set), 0);
}

Test(overrides, survive_the_process_that_set_them)
{
	struct lb_addr a = address("10.0.1.11"), b = address("2001:db8::1");
	const struct override *o;

	set_one("web", "10.0.1.11", true, -1);
	set_one("web", "2001:db8::1", false, 0);
	set_one("api", "10.0.1.11", true, 7);
	reopen();
	cr_expect_eq(overrides_count(set), 3);
	o = overrides_find(set, "web", &a);
	cr_assert(o);
	cr_expect(o->drain && !o->has_weight);
	o = overrides_find(set, "web", &b);
	cr_assert(o);
	cr_expect(!o->drain && o->has_weight && o->weight == 0);
	o = overrides_find(set, "api", &a);
	cr_assert(o);
	cr_expect(o->drain && o->has_weight && o->weight == 7);
	cr_expect_null(overrides_find(set, "api", &b));
}

Test(overrides, a_second_one_replaces_the_first)
{
	struct lb_addr a = address("10.0.1.11");

	set_one("web", "10.0.1.11", true, -1);
	set_one("web", "10.0.1.11", false, 5);
	cr_expect_eq(overrides_count(set), 1);
	cr_expect(!overrides_find(set, "web", &a)->drain);
	reopen();
	cr_expect_eq(overrides_find(set, "web", &a)->weight, 5);
}

Test(overrides, an_empty_one_removes)
{
	struct lb_addr a = address("10.0.1.11");

	set_one("web", "10.0.1.11", true, -1);
	set_one("web", "10.0.1.11", false, -1);
	cr_expect_eq(overrides_count(set), 0);
	reopen();
	cr_expect_null(overrides_find(set, "web", &a));
}

Test(overrides, a_damaged_file_is_refused_with_its_place_and_kept)
{
	static const char *const damaged[] = {
	    "{\"version\": 1, \"overrides\": [",
	    "[]",
	    "{\"version\": 2, \"overrides\": []}",
	    "{\"version\": 1, \"overrides\": [{\"pool\": \"a\"}]}",
	    "{\"version\": 1, \"overrides\": [{\"pool\": \"a\", \"address\": \"10.0.0.300\"}]}",
	    "{\"version\": 1, \"overrides\": [{\"pool\": \"a\", \"address\": \"10.0.0.3\", "
	    "\"weight\": 70000}]}",
	};

	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct overrides *other = NULL;

		write_file(damaged[i]);
		cr_expect_eq(overrides_load(dir, &other, &err), -EBADMSG, "%s", damaged[i]);
		cr_expect(strstr(err.text, "overrides.json"), "%s", err.text);
		overrides_free(other);
	}
}

Test(overrides, a_full_disk_leaves_the_set_as_it_was)
{
	struct override o = {.pool = (char *)"web", .address = address("10.0.1.12"), .drain = true};
	struct lb_addr a = address("10.0.1.11");
	char moved[80];

	set_one("web", "10.0.1.11", true, -1);
	/* Root may write anywhere, so the directory is taken away instead of its permission. */
	snprintf(moved, sizeof(moved), "%s.moved", dir);
	cr_assert_eq(rename(dir, moved), 0);
	cr_expect_neq(overrides_set(set, &o, &err), 0);
	cr_expect(strstr(err.text, "not set"), "%s", err.text);
	cr_assert_eq(rename(moved, dir), 0);
	cr_expect_eq(overrides_count(set), 1);
	cr_expect(overrides_find(set, "web", &a));
	cr_expect_null(overrides_find(set, "web", &o.address));
	reopen();
	cr_expect_eq(overrides_count(set), 1);
}
