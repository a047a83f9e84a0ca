/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ctl_client.h - one command to a running agent, as lbctl sends it, and how long it took.
 */
#ifndef LB_BENCH_CTL_CLIENT_H
#define LB_BENCH_CTL_CLIENT_H

#include <jansson.h>

#include "base/err.h"

/*
 * Sends one command over a connection of its own. Steals `args` (NULL: none). `*ret_data` (may be
 * NULL) is the reply's data, `*ret_ms` (may be NULL) the time from connect() to the reply's last
 * byte; JSON is written and read outside of it. -EREMOTEIO: the agent refused, the error says why.
 */
int ctl_client_command(const char *socket_path, const char *command, json_t *args,
		       json_t **ret_data, double *ret_ms, struct err *err);

#endif
