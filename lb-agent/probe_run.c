/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_run.c - connecting under a deadline, the same for every kind of probe. Sockets are used
 * directly, so that a failure is told by its own errno.
 */
#include "probe_run.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t probe_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

const char *probe_error_text(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "connection refused";
	case ECONNRESET:
	case EPIPE:
		return "connection reset";
	case EHOSTUNREACH:
		return "no route to host";
	case ENETUNREACH:
		return "network is unreachable";
	case ETIMEDOUT:
		return "timed out in the kernel";
	case EPERM:
	case EACCES:
		return "not permitted (a local firewall rule or prohibit route)";
	default:
		return strerror(error);
	}
}

const char *probe_duration_text(uint32_t ms, char buf[16])
{
	if (ms % 1000)
		snprintf(buf, 16, "%ums", ms);
	else
		snprintf(buf, 16, "%us", ms / 1000);
	return buf;
}

void probe_run_close(struct probe_run *run)
{
	if (run->event)
		event_free(run->event);
	if (run->fd >= 0)
		close(run->fd);
	run->event = NULL;
	run->fd = -1;
}

void probe_run_cancel(struct probe_run *run)
{
	if (!run)
		return;
	probe_run_close(run);
	run->kind->destroy(run);
}

void probe_run_finish(struct probe_run *run, const char *error, uint32_t duration_us)
{
	probe_done done = run->done;
	void *ctx = run->ctx;
	char text[PROBE_ERROR_MAX];

	/* The text may live in the run. */
	if (error)
		snprintf(text, sizeof(text), "%s", error);
	probe_run_cancel(run);
	done(ctx, error ? text : NULL, duration_us);
}

void probe_run_finish_errno(struct probe_run *run, int error)
{
	probe_run_finish(run, probe_error_text(error),
			 (uint32_t)(probe_now_us() - run->started_us));
}

static void time_out(struct probe_run *run)
{
	char text[PROBE_ERROR_MAX], duration[16];

	if (run->is_connected) {
		run->kind->late(run);
		return;
	}
	snprintf(text, sizeof(text), "timed out after %s",
		 probe_duration_text(run->timeout_ms, duration));
	probe_run_finish(run, text, (uint32_t)(probe_now_us() - run->started_us));
}

static void on_connected(struct probe_run *run)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(run->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		probe_run_finish_errno(run, error);
		return;
	}
	run->is_connected = true;
	run->kind->connected(run);
}

/* What the socket said in time is heard too late only where this process was busy: the backend gets
 * the time that it lost. Once a probe, so that one ends in any case. */
static void make_up_for_delay(struct probe_run *run)
{
	uint64_t now = probe_now_us();

	if (run->is_extended || now <= run->deadline_us)
		return;
	run->is_extended = true;
	run->deadline_us = now + (uint64_t)run->timeout_ms * 1000;
}

/* After a stall of this process both the socket and the clock are due. libevent then tells of the
 * clock alone (timeout_process() takes the event out of the active ones first). */
static bool is_ready(const struct probe_run *run)
{
	struct pollfd fd = {.fd = run->fd, .events = run->waits_to_read ? POLLIN : POLLOUT};

	return poll(&fd, 1, 0) > 0;
}

/* What the socket has to say goes before the clock. */
static void on_event(evutil_socket_t fd, short what, void *ctx)
{
	struct probe_run *run = ctx;

	if (!(what & (EV_READ | EV_WRITE)) && !is_ready(run)) {
		time_out(run);
		return;
	}
	make_up_for_delay(run);
	if (run->is_connected)
		run->kind->ready(run);
	else
		on_connected(run);
}

void probe_run_wait(struct probe_run *run, short what)
{
	uint64_t now = probe_now_us();
	uint64_t left = run->deadline_us > now ? run->deadline_us - now : 0;
	const struct timeval timeout = {
	    .tv_sec = (time_t)(left / 1000000),
	    .tv_usec = (suseconds_t)(left % 1000000),
	};

	/* libevent counts from the time at which it woke up, which may be long ago. */
	run->waits_to_read = what & EV_READ;
	event_base_update_cache_time(run->base);
	event_del(run->event);
	event_assign(run->event, run->base, run->fd, what, on_event, run);
	event_add(run->event, &timeout);
}

static int open_socket(struct probe_run *run, int family)
{
	const struct linger reset = {.l_onoff = 1};

	run->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (run->fd < 0)
		return -errno;
	if (setsockopt(run->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		return -errno;
	if (run->kind->prepare)
		run->kind->prepare(run->fd);
	return 0;
}

int probe_run_connect(struct probe_run *run, struct event_base *base, const struct lb_addr *address,
		      const struct conf_health *health, probe_done done, void *ctx)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(address, health->port, &sa);
	int ret;

	run->base = base;
	run->done = done;
	run->ctx = ctx;
	run->timeout_ms = health->timeout_ms;
	run->started_us = probe_now_us();
	run->deadline_us = run->started_us + (uint64_t)health->timeout_ms * 1000;
	ret = open_socket(run, sa.ss_family);
	if (ret < 0)
		goto out;
	if (connect(run->fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
		ret = -errno;
		goto out;
	}
	/* Where it is connected already the socket is writable at once. */
	run->event = event_new(base, run->fd, EV_WRITE, on_event, run);
	if (!run->event) {
		ret = -ENOMEM;
		goto out;
	}
	probe_run_wait(run, EV_WRITE);
	return 0;
out:
	probe_run_close(run);
	return ret;
}
