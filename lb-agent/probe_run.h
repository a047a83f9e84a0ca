/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_run.h - one running probe: a connection with a deadline. probe_tcp.c and probe_http.c say
 * what is done with the connection.
 *
 * A probe's connection is always closed by a reset (SO_LINGER 0). So neither the backend nor this
 * box keeps it in TIME_WAIT, however many are probed. What the backend's application sees of it is
 * said in the two files.
 */
#ifndef LB_PROBE_RUN_H
#define LB_PROBE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/conf.h"

struct event;
struct event_base;
struct probe_run;

#define PROBE_ERROR_MAX 80

/* `error` is NULL when the backend passed. The probe is over and freed when this returns. */
typedef void (*probe_done)(void *ctx, const char *error, uint32_t duration_us);

struct probe_kind {
	/* Set up the socket before it connects; may be NULL. */
	void (*prepare)(int fd);
	/* It is connected. */
	void (*connected)(struct probe_run *run);
	/* What was waited for by probe_run_wait(). */
	void (*ready)(struct probe_run *run);
	/* The deadline passed once connected. NULL: cannot be. */
	void (*late)(struct probe_run *run);
	/* Frees the run and what the kind added to it. */
	void (*destroy)(struct probe_run *run);
};

struct probe_run {
	const struct probe_kind *kind;
	struct event_base *base;
	struct event *event;
	int fd;
	bool is_connected;
	bool waits_to_read;
	bool is_extended; /* its deadline was put off because this process was late */
	uint32_t timeout_ms;
	uint64_t started_us, deadline_us; /* CLOCK_MONOTONIC */
	probe_done done;
	void *ctx;
};

uint64_t probe_now_us(void);

/*
 * Starts a probe. 0, or -errno where it could not even be sent; then `done` is not called.
 * `done` is called from the loop, never from within this.
 */
int probe_tcp_start(struct event_base *base, const struct lb_addr *address,
		    const struct conf_health *health, probe_done done, void *ctx,
		    struct probe_run **ret_run);
int probe_http_start(struct event_base *base, const struct lb_addr *address,
		     const struct conf_health *health, probe_done done, void *ctx,
		     struct probe_run **ret_run);
/* Ends a probe without a result; NULL is allowed. */
void probe_run_cancel(struct probe_run *run);

/* For the kinds: */

/* Opens the connection of a zeroed run whose kind is set. On an error the run is not freed. */
int probe_run_connect(struct probe_run *run, struct event_base *base, const struct lb_addr *address,
		      const struct conf_health *health, probe_done done, void *ctx);
/* Calls ready() once the socket is readable or writable (EV_READ or EV_WRITE), until deadline_us,
 * then late(). */
void probe_run_wait(struct probe_run *run, short what);
void probe_run_finish(struct probe_run *run, const char *error, uint32_t duration_us);
void probe_run_finish_errno(struct probe_run *run, int error);
void probe_run_close(struct probe_run *run);

/* An errno in words, for people. */
const char *probe_error_text(int error);
/* "1s" or "1500ms". Returns `buf`. */
const char *probe_duration_text(uint32_t ms, char buf[16]);

#endif
