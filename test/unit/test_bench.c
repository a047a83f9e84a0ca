/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_bench.c - what lb-bench is trusted with besides a clock: the configurations that it writes
 * and the figures that it makes of its samples.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "genconf.h"
#include "report.h"

static struct lb_config *load(const struct genconf *g)
{
	struct lb_config *config = NULL;
	struct diag *diag = NULL;
	size_t len;
	char *text = genconf_text(g, &len);

	cr_assert(text);
	cr_assert_eq(strlen(text), len);
	conf_load_text("generated", text, len, &config, &diag);
	cr_assert_eq(diag_errors(diag) + diag_warnings(diag), 0, "%s", diag_text(diag));
	diag_free(diag);
	free(text);
	return config;
}

static size_t count_backends(const struct lb_config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		n += config->pools[i].n_backends;
	return n;
}

static const struct conf_backend *backend(const struct genconf *g, const struct lb_config *config,
					  size_t i)
{
	char name[GENCONF_NAME_MAX], text[LB_ADDR_TEXT_MAX];
	const struct conf_pool *pool =
	    conf_find_pool(config, genconf_pool_name(genconf_pool_of(g, i), name));
	struct lb_addr address;

	cr_assert(pool);
	cr_assert_eq(addr_parse(genconf_backend_address(g, i, text), &address), 0);
	return conf_find_backend(pool, &address);
}

Test(genconf, has_as_many_of_each_as_asked_for)
{
	static const struct genconf sizes[] = {
	    {"eth0", 1, 1, 1, GENCONF_NONE},	      {"eth0", 10, 50, 10, GENCONF_NONE},
	    {"eth0", 100, 7, 7, GENCONF_NONE},	      {"eth0", 37, 1000, 11, GENCONF_NONE},
	    {"eth0", 2000, 3001, 1999, GENCONF_NONE},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct lb_config *config = load(&sizes[i]);

		cr_expect_eq(config->n_vips, sizes[i].vips);
		cr_expect_eq(config->n_pools, sizes[i].pools);
		cr_expect_eq(count_backends(config), sizes[i].backends);
		conf_free(config);
	}
}

Test(genconf, knows_where_each_backend_is)
{
	const struct genconf g = {"eth0", 37, 1000, 11, GENCONF_NONE};
	struct lb_config *config = load(&g);

	for (size_t i = 0; i < g.backends; i++) {
		const struct conf_backend *b = backend(&g, config, i);

		cr_assert(b, "backend %zu", i);
		cr_expect_eq(b->weight, genconf_weight(&g, i));
	}
	conf_free(config);
}

Test(genconf, mixes_families_modes_and_protocols)
{
	const struct genconf g = {"eth0", 64, 64, 64, GENCONF_NONE};
	struct lb_config *config = load(&g);
	unsigned int seen = 0;

	for (size_t i = 0; i < config->n_vips; i++) {
		const struct conf_vip *vip = &config->vips[i];
		bool outer4 = addr_is_v4(&config->pools[vip->pool].backends[0].address);

		if (vip->forward == CONF_FORWARD_L2)
			seen |= addr_is_v4(&vip->address) ? 1 : 2;
		else
			seen |= 4u << (2 * addr_is_v4(&vip->address) + outer4);
		seen |= vip->protocol == CONF_TCP ? 64 : 128;
	}
	cr_expect_eq(seen, 255, "only %#x of all cases", seen);
	conf_free(config);
}

Test(genconf, changes_the_weight_of_one_backend_alone)
{
	struct genconf g = {"eth0", 10, 50, 10, GENCONF_NONE};
	struct lb_config *before = load(&g), *after;
	size_t different = 0;

	g.changed = 23;
	after = load(&g);
	for (size_t i = 0; i < g.backends; i++)
		different += backend(&g, before, i)->weight != backend(&g, after, i)->weight;
	cr_expect_eq(different, 1);
	cr_expect_neq(backend(&g, before, 23)->weight, backend(&g, after, 23)->weight);
	conf_free(before);
	conf_free(after);
}

static const struct report_row rows[] = {
    {"fast", "ms", 2, "what meets its target"},
    {"slow", "ms", 2, "what does not"},
    {"plain", "MiB", 0, "what has none"},
    {"missing", "ms", 2, "what was not measured"},
};

static struct report *sample_report(void)
{
	static const double fast[] = {3, 1, 2}, slow[] = {1, 4, 3, 9};
	struct report *report = report_new("test", rows, 4);

	cr_assert(report);
	for (size_t i = 0; i < 3; i++)
		report_add(report, 0, fast[i]);
	for (size_t i = 0; i < 4; i++)
		report_add(report, 1, slow[i]);
	report_add(report, 2, 7);
	return report;
}

Test(report, takes_the_middle_of_the_samples)
{
	struct report *report = sample_report();

	cr_expect_eq(report_median(report, 0), 2.0);
	cr_expect_eq(report_median(report, 1), 3.5);
	cr_expect(isnan(report_median(report, 3)));
	report_free(report);
}

Test(report, writes_every_row_and_what_became_of_its_target)
{
	struct report *report = sample_report();
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *document, *list;

	report_set_setting(report, "vips", json_integer(5));
	cr_assert_eq(report_write_json(report, out), 0);
	fclose(out);
	document = json_loads(text, 0, NULL);
	cr_assert(document);
	list = json_object_get(document, "rows");
	cr_assert_eq(json_array_size(list), 4);
	cr_expect(json_is_true(json_object_get(json_array_get(list, 0), "met")));
	cr_expect(json_is_false(json_object_get(json_array_get(list, 1), "met")));
	cr_expect(json_is_null(json_object_get(json_array_get(list, 2), "met")));
	cr_expect_eq(json_real_value(json_object_get(json_array_get(list, 1), "max")), 9.0);
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(list, 3), "samples")), 0);
	cr_expect_eq(
	    json_integer_value(json_object_get(json_object_get(document, "settings"), "vips")), 5);
	json_decref(document);
	free(text);
	report_free(report);
}

Test(report, shows_only_what_was_measured)
{
	struct report *report = sample_report();
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	report_print(report, out);
	fclose(out);
	cr_expect(strstr(text, "fast"));
	cr_expect(strstr(text, "✓"));
	cr_expect(strstr(text, "✗"));
	cr_expect(!strstr(text, "missing"));
	free(text);
	report_free(report);
}
