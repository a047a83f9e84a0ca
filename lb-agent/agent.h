/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent.h - lb-agent's heart: load, plan, apply, and keep the maps true as health, routes,
 * neighbours and operators change things.
 */
#ifndef LB_AGENT_H
#define LB_AGENT_H

#include "base/err.h"

#define AGENT_CONFIG_DEFAULT "/etc/sluice/sluice.yaml"
#define AGENT_STATE_DEFAULT  "/var/lib/sluice"

struct agent_options {
	const char *config_path;
	const char *socket_path;
	const char *socket_group; /* NULL: root alone */
	const char *bpffs_dir;
	const char *state_dir;
};

struct agent; /* opaque */

/*
 * Opens everything, applies the config and tells systemd that it is ready. On an error it has said
 * what is wrong on standard error, and the data plane is as it was.
 */
int agent_start(const struct agent_options *options, struct agent **ret_agent);
/* Serves until SIGTERM or SIGINT. The data plane goes on afterwards. */
int agent_run(struct agent *agent);
void agent_free(struct agent *agent);

#endif
