/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_process.h - a real lb-agent within the rig: start to readiness, commands over its control
 * socket, memory, end. It dies with this process.
 */
#ifndef LB_BENCH_AGENT_PROCESS_H
#define LB_BENCH_AGENT_PROCESS_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

struct agent_process; /* opaque */

/* Of /proc/PID/status, in bytes. The kernel counts maps that a process has mapped as files. */
struct agent_memory {
	uint64_t rss, anon, file, shmem, peak;
};

/*
 * Finds the binary and opens it, so that mounts made later cannot hide it. `path` NULL: beside
 * lb-bench, in the same build, or in PATH. A file descriptor, or -ENOENT.
 */
int agent_process_find(const char *path, struct err *err);

/*
 * Starts it on `config` and waits for READY=1 (sd_notify(3)). `*ret_ready_ms` is the time from just
 * before fork() on. -EIO: it ended before it was ready; -ETIMEDOUT. The error has the end of
 * what it said.
 */
int agent_process_start(int binary, const char *config, struct agent_process **ret_agent,
			double *ret_ready_ms, struct err *err);
/* SIGKILL if it still runs, and frees it. */
void agent_process_kill(struct agent_process *agent);
/* Runs 'lb-agent --teardown'. No agent may run. */
int agent_process_teardown(int binary, struct err *err);

/*
 * One command as lbctl would send it, over a connection of its own. Steals `args` (NULL: none).
 * `*ret_data` (may be NULL) is the reply's data, `*ret_ms` (may be NULL) the time from connect()
 * to the last byte of the reply. -EREMOTEIO: the agent refused, the error says why.
 */
int agent_process_command(struct agent_process *agent, const char *command, json_t *args,
			  json_t **ret_data, double *ret_ms, struct err *err);

int agent_process_memory(const struct agent_process *agent, struct agent_memory *ret_memory,
			 struct err *err);
/* CPU time that it has used so far, user and system. */
int agent_process_cpu_ms(const struct agent_process *agent, double *ret_ms, struct err *err);

#endif
