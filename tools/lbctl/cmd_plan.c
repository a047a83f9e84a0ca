/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lbctl plan and reload: what a configuration would change, and what it has changed. With --from
 * everything is computed here, from two files and by the agent's own modules.
 */
#include "lbctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "conf/conf.h"
#include "ctl.h"
#include "format.h"
#include "plan.h"
#include "plan_report.h"
#include "plan_text.h"
#include "slots.h"
#include "text.h"

enum {
	OPTION_FROM
};

/* A config and the layout that it gets on a box that had none. */
struct side {
	struct lb_config *config;
	struct layout *layout;
};

struct comparison {
	struct side old, new;
	int error; /* of the first slots_build() that failed */
};

/* Local id of each backend of the config's pool in the layout; every one is usable unless drained.
 */
static int build_slots(const struct lb_config *config, const struct conf_pool *pool,
		       const struct layout_pool *run, uint16_t **ret_slots)
{
	struct slots_backend *backends = calloc(pool->n_backends, sizeof(*backends));
	uint16_t *slots = calloc(run->slot_count ? run->slot_count : 1, sizeof(*slots));
	int r = -ENOMEM;

	if (!backends || !slots)
		goto out;
	for (uint32_t id = 0, n = 0; id < run->backend_cap && n < pool->n_backends; id++) {
		const struct conf_backend *backend;

		if (run->backends[id].state != LAYOUT_ID_USED)
			continue;
		backend = conf_find_backend(pool, &run->backends[id].address);
		if (!backend)
			continue;
		backends[n].maglev.address = backend->address;
		backends[n].maglev.weight = backend->weight;
		backends[n].maglev.id = (uint16_t)id;
		backends[n++].usable = backend->state == CONF_BACKEND_ACTIVE && backend->weight > 0;
	}
	r = slots_build(backends, pool->n_backends, config->node.seed, run->slot_count, slots);
out:
	free(backends);
	if (r)
		free(slots);
	else
		*ret_slots = slots;
	return r;
}

static int by_address(const void *a, const void *b)
{
	const struct layout_backend *const *x = a, *const *y = b;

	return addr_cmp(&(*x)->address, &(*y)->address);
}

/* The backends of a run in address order, so that 16,384 are found without a search through all. */
static size_t sort_backends(const struct layout_pool *pool, const struct layout_backend **sorted)
{
	size_t n = 0;

	for (uint32_t id = 0; id < pool->backend_cap; id++) {
		if (pool->backends[id].state == LAYOUT_ID_USED)
			sorted[n++] = &pool->backends[id];
	}
	qsort(sorted, n, sizeof(sorted[0]), by_address);
	return n;
}

/* The old run's local ids in the new one's; malloc'd. */
static uint16_t *translate_ids(const struct layout_pool *old, const struct layout_pool *new)
{
	uint16_t *map = calloc(old->backend_cap + 1, sizeof(*map));
	const struct layout_backend **sorted = calloc(new->backend_cap + 1, sizeof(*sorted));
	size_t n = sorted ? sort_backends(new, sorted) : 0;

	for (uint32_t id = 0; map && sorted && id < old->backend_cap; id++) {
		const struct layout_backend *wanted = &old->backends[id];
		const struct layout_backend **found = NULL;

		if (wanted->state == LAYOUT_ID_USED)
			found = bsearch(&wanted, sorted, n, sizeof(sorted[0]), by_address);
		map[id] = found ? (uint16_t)(*found - new->backends) : UINT16_MAX;
	}
	if (!sorted) {
		free(map);
		map = NULL;
	}
	free(sorted);
	return map;
}

static double moved_share(void *ctx, size_t old_index, size_t new_index)
{
	struct comparison *comparison = ctx;
	const struct layout_pool *old = &comparison->old.layout->pools[old_index];
	const struct layout_pool *new = &comparison->new.layout->pools[new_index];
	uint16_t *old_slots = NULL, *new_slots = NULL, *map = NULL;
	double share = 0;
	int r = build_slots(comparison->old.config, &comparison->old.config->pools[old_index], old,
			    &old_slots);

	if (!r)
		r = build_slots(comparison->new.config, &comparison->new.config->pools[new_index],
				new, &new_slots);
	map = r ? NULL : translate_ids(old, new);
	if (map)
		share = slots_moved_share(old_slots, old->slot_count, new_slots, new->slot_count,
					  map, old->backend_cap);
	else if (!comparison->error)
		comparison->error = r ? r : -ENOMEM;
	free(map);
	free(old_slots);
	free(new_slots);
	return share;
}

/* Loads a file; its diagnostics go to standard error. */
static int load(const struct lbctl *lb, const char *file, struct lb_config **ret_config)
{
	struct diag *diag = NULL;
	int r = conf_load(file, ret_config, &diag);

	if (diag)
		diag_print(diag, stderr, lb->colour_stderr);
	else
		fprintf(stderr, "lbctl: %s: %s\n", file, strerror(-r));
	diag_free(diag);
	return r;
}

/* Plans `config` on top of `old`; 0 and the plan, or -errno that was said. */
static int make_plan(const struct layout *old, const struct lb_config *old_config,
		     const struct lb_config *config, struct plan **ret_plan)
{
	int r = plan_make(old, old_config, config, ret_plan);

	if (r == -E2BIG)
		fputs("lbctl: more slots or backends than the data plane can hold\n", stderr);
	else if (r)
		fprintf(stderr, "lbctl: cannot plan: %s\n", strerror(-r));
	return r;
}

static int lay_out_old(struct side *old)
{
	static const struct layout_caps nothing;
	struct layout *empty = layout_new(&nothing);
	struct plan *plan = NULL;
	int r;

	if (!empty) {
		fputs("lbctl: out of memory\n", stderr);
		return -ENOMEM;
	}
	r = make_plan(empty, NULL, old->config, &plan);
	if (!r)
		old->layout = plan_take_layout(plan);
	plan_free(plan);
	layout_free(empty);
	return r;
}

/* The plan from one file to the other as JSON, or NULL, and why was said. */
static json_t *compare_files(const struct lbctl *lb, const char *old_file, const char *new_file)
{
	struct comparison comparison = {0};
	struct side *old = &comparison.old, *new = &comparison.new;
	struct plan *plan = NULL;
	json_t *report = NULL;

	/* Both are loaded before giving up, so that the errors of both are seen at once. */
	int r = load(lb, old_file, &old->config);
	int r_new = load(lb, new_file, &new->config);

	if (r || r_new || lay_out_old(old) ||
	    make_plan(old->layout, old->config, new->config, &plan))
		goto out;
	new->layout = plan->layout;
	report = plan_report(plan, old->layout, old->config, new->config, moved_share, &comparison);
	if (report && comparison.error) {
		json_decref(report);
		report = NULL;
	}
	if (!report)
		fprintf(stderr, "lbctl: cannot compare the slots: %s\n",
			strerror(comparison.error ? -comparison.error : ENOMEM));
out:
	plan_free(plan);
	layout_free(old->layout);
	conf_free(old->config);
	conf_free(new->config);
	return report;
}

/* The file's text, malloc'd and terminated; NULL, and why was said. */
static char *read_file(const char *file, size_t *ret_len)
{
	FILE *in = strcmp(file, "-") ? fopen(file, "re") : stdin;
	size_t cap = 64 * 1024, len = 0, n;
	char *text = in ? malloc(cap) : NULL;

	while (text && (n = fread(text + len, 1, cap - len - 1, in)) > 0) {
		char *larger;

		len += n;
		if (len > CTL_REQUEST_BYTES_MAX) {
			fprintf(stderr, "lbctl: %s: over 64 MiB\n", file);
			goto fail;
		}
		if (len + 1 < cap)
			continue;
		larger = realloc(text, cap *= 2);
		if (!larger)
			break;
		text = larger;
	}
	if (!text || ferror(in)) {
		fprintf(stderr, "lbctl: %s: %s\n", file, strerror(errno));
		goto fail;
	}
	text[len] = '\0';
	if (in != stdin)
		fclose(in);
	*ret_len = len;
	return text;
fail:
	free(text);
	if (in && in != stdin)
		fclose(in);
	return NULL;
}

static int ask_agent(const struct lbctl *lb, const char *file, json_t **ret_plan)
{
	struct client_reply reply;
	enum client_result result;
	json_t *request;
	size_t len;
	char *text = read_file(file, &len);

	if (!text)
		return EXIT_FAILED;
	request = json_pack("{s:s, s:s%}", "file", strcmp(file, "-") ? file : "<stdin>", "text",
			    text, len);
	free(text);
	if (!request) {
		fprintf(stderr, "lbctl: %s: not UTF-8 text; 'lbctl check' says where\n", file);
		return EXIT_FAILED;
	}
	result = client_call(lb, "plan", request, &reply);
	*ret_plan = reply.data;
	if (result == CLIENT_OK)
		return EXIT_OK;
	if (reply.diagnostics)
		fputs(reply.diagnostics, stderr);
	fprintf(stderr, "lbctl: %s\n", reply.error);
	if (result == CLIENT_UNREACHABLE)
		fprintf(stderr, "lbctl: to compare two files without an agent: "
				"lbctl plan NEW --from OLD\n");
	client_reply_free(&reply);
	return result == CLIENT_UNREACHABLE ? EXIT_UNREACHABLE : EXIT_FAILED;
}

int cmd_plan(const struct lbctl *lb, const struct lbctl_args *args)
{
	const char *from = args->value[OPTION_FROM];
	json_t *plan = NULL;
	int r = EXIT_OK;

	if (from && !strcmp(from, "-") && !strcmp(args->arg[0], "-")) {
		fputs("lbctl: plan: only one of the two files can be standard input\n", stderr);
		return EXIT_USAGE;
	}
	if (from)
		plan = compare_files(lb, from, args->arg[0]);
	else
		r = ask_agent(lb, args->arg[0], &plan);
	if (!plan)
		return r ? r : EXIT_FAILED;
	if (lb->json)
		lbctl_print_json(plan);
	else
		plan_text_print(plan, false, lb->colour, stdout);
	json_decref(plan);
	return EXIT_OK;
}

int cmd_reload(const struct lbctl *lb, const struct lbctl_args *args)
{
	json_t *data;
	int r = client_fetch(lb, "reload", NULL, &data);

	if (r)
		return r;
	if (lb->json) {
		lbctl_print_json(data);
	} else {
		/* null: it was applied, and the agent had no memory left to say what it was */
		if (json_is_object(json_object_get(data, "changes")))
			plan_text_print(json_object_get(data, "changes"), true, lb->colour, stdout);
		printf("applied in %.1f ms\n", field_real(data, "took_ms"));
	}
	json_decref(data);
	return EXIT_OK;
}
