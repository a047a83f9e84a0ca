/* SPDX-License-Identifier: GPL-2.0-only */
/* A plan as JSON: from two configurations, with a moved_share() that notes what it was asked. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "plan.h"
#include "plan_report.h"

#define NODE "version: 1\nnode: {interfaces: [eth0]}\n"
#define POOL "pools:\n  web: {backends: [{address: 10.0.0.1}, {address: 10.0.0.2}]}\n"
#define VIPS "vips:\n" WWW TLS
#define WWW  "- {name: www, address: 192.0.2.1, protocol: tcp, port: 80, forward: l2, pool: web}\n"
#define TLS  "- {name: tls, address: 192.0.2.1, protocol: tcp, port: 443, forward: l2, pool: web}\n"

struct asked {
	int calls;
	double answer;
};

static double share(void *ctx, size_t old_index, size_t new_index)
{
	struct asked *asked = ctx;

	asked->calls++;
	return asked->answer;
}

static struct lb_config *load(const char *text)
{
	struct lb_config *config = NULL;
	struct diag *diag = NULL;
	int r = conf_load_text("test", text, strlen(text), &config, &diag);

	if (r)
		diag_print(diag, stderr, false);
	cr_assert_eq(r, 0);
	diag_free(diag);
	return config;
}

/* The report of a change from one text to the other; `adopted`: the old config is not known. */
static json_t *report_change(const char *old_text, const char *new_text, bool adopted,
			     struct asked *asked)
{
	static const struct layout_caps nothing;
	struct lb_config *old_config = load(old_text), *config = load(new_text);
	struct layout *empty = layout_new(&nothing), *old;
	struct plan *first, *second;
	json_t *report;

	cr_assert_eq(plan_make(empty, NULL, old_config, &first), 0);
	old = plan_take_layout(first);
	cr_assert_eq(plan_make(old, adopted ? NULL : old_config, config, &second), 0);
	report = plan_report(second, old, adopted ? NULL : old_config, config, share, asked);
	cr_assert_not_null(report);
	plan_free(first);
	plan_free(second);
	layout_free(empty);
	layout_free(old);
	conf_free(old_config);
	conf_free(config);
	return report;
}

static const json_t *find(const json_t *report, const char *list, const char *change)
{
	const json_t *entry;
	size_t n;

	json_array_foreach (json_object_get(report, list), n, entry) {
		if (!strcmp(json_string_value(json_object_get(entry, "change")), change))
			return entry;
	}
	cr_assert_fail("no %s in %s", change, list);
	return NULL;
}

static double moved(const json_t *entry)
{
	return json_real_value(json_object_get(entry, "moved_share"));
}

Test(plan_report, says_nothing_moves_where_nothing_changes_and_asks_nothing)
{
	struct asked asked = {.answer = 0.5};
	json_t *report = report_change(NODE POOL VIPS, NODE POOL VIPS, false, &asked);

	cr_expect_eq(json_integer_value(json_object_get(report, "n_changes")), 0);
	cr_expect_eq(json_array_size(json_object_get(report, "vips")), 2);
	cr_expect_eq(moved(find(report, "vips", "keep")), 0);
	cr_expect_eq(moved(find(report, "pools", "keep")), 0);
	cr_expect(json_is_null(json_object_get(report, "node")));
	cr_expect_eq(asked.calls, 0);
	json_decref(report);
}

Test(plan_report, asks_once_for_a_pool_that_many_vips_share)
{
	const char *less = NODE "pools:\n  web: {backends: [{address: 10.0.0.1}]}\n" VIPS;
	struct asked asked = {.answer = 0.5};
	json_t *report = report_change(NODE POOL VIPS, less, false, &asked);
	const json_t *pool = find(report, "pools", "change"), *backend;

	cr_expect_eq(moved(find(report, "vips", "keep")), 0.5);
	cr_expect_eq(moved(pool), 0.5);
	backend = json_array_get(json_object_get(pool, "backends"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(backend, "change")), "remove");
	cr_expect_str_eq(json_string_value(json_object_get(backend, "address")), "10.0.0.2");
	cr_expect_eq(asked.calls, 1);
	json_decref(report);
}

Test(plan_report, names_what_is_removed_and_what_is_added)
{
	const char *other =
	    NODE POOL "vips:\n" WWW "- {name: dns, address: '2001:db8::53', protocol: udp, "
		      "port: 53, forward: l2, pool: web}\n";
	struct asked asked = {.answer = 0.5};
	json_t *report = report_change(NODE POOL VIPS, other, false, &asked);
	const json_t *gone = find(report, "vips", "remove"), *new = find(report, "vips", "add");

	cr_expect_str_eq(json_string_value(json_object_get(gone, "name")), "tls");
	cr_expect_eq(moved(gone), 1);
	cr_expect_str_eq(json_string_value(json_object_get(new, "name")), "dns");
	cr_expect_str_eq(json_string_value(json_object_get(new, "address")), "2001:db8::53");
	cr_expect_str_eq(json_string_value(json_object_get(new, "protocol")), "udp");
	cr_expect_eq(json_integer_value(json_object_get(new, "port")), 53);
	cr_expect_eq(moved(new), 0);
	json_decref(report);
}

Test(plan_report, leaves_names_open_that_an_adopting_agent_cannot_know)
{
	struct asked asked = {.answer = 0.25};
	json_t *report = report_change(NODE POOL VIPS, NODE POOL "vips:\n" WWW, true, &asked);
	const json_t *gone = find(report, "vips", "remove");

	cr_expect(json_is_null(json_object_get(gone, "name")));
	cr_expect_str_eq(json_string_value(json_object_get(gone, "address")), "192.0.2.1");
	cr_expect_eq(moved(find(report, "vips", "keep")), 0.25,
		     "weights may differ though the layout is the same, so the caller is asked");
	json_decref(report);
}

Test(plan_report, counts_every_flow_as_moved_where_all_are_hashed_anew)
{
	const char *sticky =
	    NODE POOL "vips:\n" TLS "- {name: www, address: 192.0.2.1, protocol: tcp, port: 80, "
		      "forward: l2, pool: web, affinity: source}\n";
	const char *seeded = "version: 1\nnode: {interfaces: [eth0], seed: 77}\n" POOL VIPS;
	struct asked asked = {.answer = 0};
	json_t *report = report_change(NODE POOL VIPS, sticky, false, &asked);

	cr_expect_eq(moved(find(report, "vips", "change")), 1);
	cr_expect_eq(moved(find(report, "vips", "keep")), 0);
	json_decref(report);

	report = report_change(NODE POOL VIPS, seeded, false, &asked);
	cr_expect_eq(moved(find(report, "vips", "keep")), 1);
	cr_expect(json_is_string(json_object_get(report, "node")));
	json_decref(report);
}

Test(plan_report, writes_what_differs_about_the_node)
{
	const char *other =
	    "version: 1\nnode: {interfaces: [eth0, eth1], xdp_mode: generic, tunnel_source: {ipv4: 192.0.2.9, ipv6: \"fd88::/64\"}, gue: {port: 5, variant: 0, ipv6_checksum: zero}}\n" POOL
		VIPS;
	struct asked asked = {0};
	json_t *report = report_change(NODE POOL VIPS, other, false, &asked);

	cr_expect_str_eq(json_string_value(json_object_get(report, "node")),
			 "interfaces eth0 → eth0 eth1, xdp_mode auto → generic, "
			 "tunnel source IPv4 by route → 192.0.2.9, "
			 "tunnel source IPv6 by route → fd88::/64, gue port 6080 → 5, "
			 "gue variant 1 → 0, gue ipv6_checksum computed → zero");
	json_decref(report);
}

Test(plan_report, lets_no_number_in_that_json_or_a_share_cannot_be)
{
	const char *less = NODE "pools:\n  web: {backends: [{address: 10.0.0.1}]}\n" VIPS;
	const double odd[] = {NAN, -0.1, 1.5, INFINITY};
	const double even[] = {0, 0, 1, 1};

	for (int i = 0; i < 4; i++) {
		struct asked asked = {.answer = odd[i]};
		json_t *report = report_change(NODE POOL VIPS, less, false, &asked);

		cr_expect_eq(moved(find(report, "vips", "keep")), even[i], "%g", odd[i]);
		json_decref(report);
	}
}
