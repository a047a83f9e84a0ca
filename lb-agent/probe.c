/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe.c - which target is probed when, and what its results make of its state.
 *
 * Each target has its own place in the interval, from a hash of it, on a grid of the monotonic
 * clock: probes are spread evenly and do not drift together. A new target gets its first probe
 * within one interval.
 *
 * A probe that could not be sent for a lack of this box's own means (file descriptors, memory,
 * ports) says nothing about the backend: it is told in last_error and counts neither way.
 */
#include "probe.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe_run.h"

struct target {
	struct target *next; /* in its hash bucket */
	struct probe_set *set;
	char *pool;
	struct lb_addr address;
	struct conf_health health; /* its strings are owned */
	struct probe_status status;
	struct event *timer;
	struct probe_run *run; /* NULL: none at the moment */
	bool stale;	       /* is not in the new set */
};

struct probe_set {
	struct event_base *base;
	probe_on_change on_change;
	void *ctx;
	struct target **buckets; /* [n_buckets], a power of two */
	size_t n_buckets;
	bool in_callback;
};

static uint32_t hash_target(const char *pool, const struct lb_addr *address)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *pool; pool++)
		h = (h ^ (uint8_t)*pool) * 16777619u;
	for (size_t i = 0; i < sizeof(address->b); i++)
		h = (h ^ address->b[i]) * 16777619u;
	/* Neighbouring addresses differ in the low bits only: mix them up (MurmurHash3's end). */
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

static struct target *find(const struct probe_set *set, const char *pool,
			   const struct lb_addr *address)
{
	struct target *target = set->buckets[hash_target(pool, address) & (set->n_buckets - 1)];

	while (target && (!addr_equal(&target->address, address) || strcmp(target->pool, pool)))
		target = target->next;
	return target;
}

static void put(struct target **buckets, size_t n_buckets, struct target *target)
{
	size_t i = hash_target(target->pool, &target->address) & (n_buckets - 1);

	target->next = buckets[i];
	buckets[i] = target;
}

static uint64_t now_ms(void)
{
	return probe_now_us() / 1000;
}

/* Milliseconds until the target's next place on the grid, at least 1. */
static uint32_t until_next(const struct target *target)
{
	uint32_t interval = target->health.interval_ms;
	uint32_t phase = hash_target(target->pool, &target->address) % interval;
	uint32_t elapsed = (uint32_t)((now_ms() + interval - phase) % interval);

	return interval - elapsed;
}

static void arm(struct target *target, uint32_t delay_ms)
{
	const struct timeval delay = {
	    .tv_sec = delay_ms / 1000,
	    .tv_usec = (suseconds_t)(delay_ms % 1000) * 1000,
	};

	/* See probe_run_wait(). */
	event_base_update_cache_time(target->set->base);
	event_add(target->timer, &delay);
}

static void take_result(struct target *target, const char *error, uint32_t duration_us)
{
	struct probe_set *set = target->set;
	struct probe_status *status = &target->status;

	snprintf(status->last_error, sizeof(status->last_error), "%s", error ? error : "");
	status->last_duration_us = duration_us;
	status->last_ms = now_ms();
	if (error)
		status->failed++;
	else
		status->ok++;
	if (!health_result(&status->health, !error, target->health.rise, target->health.fall))
		return;
	status->since_ms = status->last_ms;
	set->in_callback = true;
	set->on_change(set->ctx, target->pool, &target->address, status);
	set->in_callback = false;
}

static void on_done(void *ctx, const char *error, uint32_t duration_us)
{
	struct target *target = ctx;

	target->run = NULL;
	take_result(target, error, duration_us);
}

static bool is_own_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
	       error == EADDRNOTAVAIL;
}

static void start(struct target *target)
{
	const struct conf_health *health = &target->health;
	int ret;

	if (health->type == CONF_HEALTH_HTTP)
		ret = probe_http_start(target->set->base, &target->address, health, on_done, target,
				       &target->run);
	else
		ret = probe_tcp_start(target->set->base, &target->address, health, on_done, target,
				      &target->run);
	if (ret == 0)
		return;
	if (is_own_shortage(-ret))
		snprintf(target->status.last_error, sizeof(target->status.last_error),
			 "not probed: %s", strerror(-ret));
	else
		take_result(target, probe_error_text(-ret), 0);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct target *target = ctx;
	uint32_t delay = until_next(target);

	/* A timer that is a little early must not probe twice. */
	if (delay < target->health.interval_ms / 4)
		delay += target->health.interval_ms;
	arm(target, delay);
	if (target->run && target->run->is_extended && probe_now_us() < target->run->deadline_us)
		return; /* this process was late, not the backend */
	if (target->run) {
		/* With timeout = interval both are due now; the probe had its time. */
		char error[PROBE_ERROR_MAX], duration[16];
		uint32_t timeout_ms = target->run->timeout_ms;

		probe_run_cancel(target->run);
		target->run = NULL;
		snprintf(error, sizeof(error), "timed out after %s",
			 probe_duration_text(timeout_ms, duration));
		take_result(target, error, timeout_ms * 1000);
	}
	start(target);
}

static void free_health(struct conf_health *health)
{
	free((char *)health->path);
	free((char *)health->host);
}

static void free_target(struct target *target)
{
	if (!target)
		return;
	probe_run_cancel(target->run);
	if (target->timer)
		event_free(target->timer);
	free_health(&target->health);
	free(target->pool);
	free(target);
}

static int copy_health(const struct conf_health *from, struct conf_health *ret_health)
{
	*ret_health = *from;
	ret_health->path = from->path ? strdup(from->path) : NULL;
	ret_health->host = from->host ? strdup(from->host) : NULL;
	if ((from->path && !ret_health->path) || (from->host && !ret_health->host))
		return -ENOMEM; /* free_health() frees the other */
	return 0;
}

static struct target *new_target(struct probe_set *set, const struct probe_target *wanted)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->set = set;
	target->address = wanted->address;
	target->status.health.state = wanted->initial;
	target->pool = strdup(wanted->pool);
	target->timer = evtimer_new(set->base, on_timer, target);
	if (!target->pool || !target->timer || copy_health(&wanted->health, &target->health) < 0) {
		free_target(target);
		return NULL;
	}
	return target;
}

int probe_set_new(struct event_base *base, probe_on_change on_change, void *ctx,
		  struct probe_set **ret_set)
{
	struct probe_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->base = base;
	set->on_change = on_change;
	set->ctx = ctx;
	set->n_buckets = 64;
	set->buckets = calloc(set->n_buckets, sizeof(*set->buckets));
	if (!set->buckets) {
		free(set);
		return -ENOMEM;
	}
	*ret_set = set;
	return 0;
}

void probe_set_free(struct probe_set *set)
{
	if (!set)
		return;
	assert(!set->in_callback);
	for (size_t i = 0; i < set->n_buckets; i++) {
		for (struct target *target = set->buckets[i], *next; target; target = next) {
			next = target->next;
			free_target(target);
		}
	}
	free(set->buckets);
	free(set);
}

/* Makes room for `n` targets; a set is never made smaller. */
static int rehash(struct probe_set *set, size_t n)
{
	size_t n_buckets = set->n_buckets;
	struct target **buckets;

	while (n_buckets < n)
		n_buckets *= 2;
	if (n_buckets == set->n_buckets)
		return 0;
	buckets = calloc(n_buckets, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_buckets; i++) {
		for (struct target *target = set->buckets[i], *next; target; target = next) {
			next = target->next;
			put(buckets, n_buckets, target);
		}
	}
	free(set->buckets);
	set->buckets = buckets;
	set->n_buckets = n_buckets;
	return 0;
}

static void mark_all_stale(struct probe_set *set)
{
	for (size_t i = 0; i < set->n_buckets; i++)
		for (struct target *target = set->buckets[i]; target; target = target->next)
			target->stale = true;
}

static void drop_stale(struct probe_set *set)
{
	for (size_t i = 0; i < set->n_buckets; i++) {
		for (struct target **at = &set->buckets[i]; *at;) {
			struct target *target = *at;

			if (!target->stale) {
				at = &target->next;
				continue;
			}
			*at = target->next;
			free_target(target);
		}
	}
}

/* Puts a target into the set, or its parameters into the one that is there. Takes it over. */
static void merge(struct probe_set *set, struct target *target)
{
	struct target *known = find(set, target->pool, &target->address);
	struct conf_health health = target->health;

	if (!known) {
		put(set->buckets, set->n_buckets, target);
		arm(target, until_next(target));
		return;
	}
	known->stale = false;
	target->health = known->health;
	known->health = health;
	if (known->health.interval_ms != target->health.interval_ms)
		arm(known, until_next(known));
	free_target(target);
}

int probe_set_update(struct probe_set *set, const struct probe_target *targets, size_t n)
{
	struct target **made = calloc(n ? n : 1, sizeof(*made));
	size_t n_made = 0;
	int ret = -ENOMEM;

	assert(!set->in_callback);
	/* All that can fail comes first; the set is then changed as a whole. */
	if (!made || rehash(set, n) < 0)
		goto out;
	for (; n_made < n; n_made++) {
		made[n_made] = new_target(set, &targets[n_made]);
		if (!made[n_made])
			goto out;
	}
	mark_all_stale(set);
	for (size_t i = 0; i < n; i++)
		merge(set, made[i]);
	n_made = 0;
	drop_stale(set);
	ret = 0;
out:
	for (size_t i = 0; i < n_made; i++)
		free_target(made[i]);
	free(made);
	return ret;
}

const struct probe_status *probe_set_status(const struct probe_set *set, const char *pool,
					    const struct lb_addr *address)
{
	const struct target *target = find(set, pool, address);

	return target ? &target->status : NULL;
}
