/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_internal.h - what the agent's files share: agent.c (events), agent_apply.c (a config),
 * agent_refresh.c (what changes between configs), agent_report.c (JSON for lbctl).
 */
#ifndef LB_AGENT_INTERNAL_H
#define LB_AGENT_INTERNAL_H

#include <jansson.h>
#include <time.h>

#include "agent.h"
#include "conf/conf.h"
#include "ctl.h"
#include "dataplane.h"
#include "netlink.h"
#include "overrides.h"
#include "plan.h"
#include "probe.h"
#include "runtime.h"

struct event;
struct event_base;

struct agent_interface {
	char name[16];
	bool present;
	struct dataplane_attachment attachment;
	char error[256]; /* why it is not attached; empty: it is */
};

struct agent {
	struct agent_options options;
	struct event_base *events;
	struct event *sigterm, *sigint, *sighup;
	struct event *reload;  /* made active by SIGHUP */
	struct event *refresh; /* runs agent_refresh_dirty() soon */
	struct dataplane *dp;
	struct netlink *netlink;
	struct probe_set *probes;
	struct ctl *ctl;
	struct overrides *overrides;

	/* What is applied: NULL before the first config. */
	struct lb_config *config;
	struct layout *layout; /* never NULL */
	struct runtime *rt;
	struct agent_interface *interfaces; /* [config->node.n_interfaces] */

	bool adopted;		/* a predecessor's data plane was taken over */
	bool dispatcher_logged; /* the missing dispatcher is logged once */
	bool half_busy;		/* a packet may still read the tables' half that is not live */
	bool building;		/* within an apply: events only mark */
	struct timespec started;
	struct {
		time_t at;
		bool ok;
		char error[512];
		double took_ms;	 /* all of it */
		double check_ms; /* of it: reading and checking the file */
	} last_reload;
};

double agent_now_ms(void);

/* Reads the file, plans and applies it. `ret_changes` (may be NULL) gets the plan's report. On an
 * error the running config stays; `ret_diagnostics` (may be NULL) gets the file's errors, malloc'd.
 */
int agent_load(struct agent *agent, json_t **ret_changes, char **ret_diagnostics, struct err *err);
int agent_apply(struct agent *agent, struct lb_config *config, json_t **ret_changes,
		struct err *err);

/* Attaches to every device of a config that is to be; `*ret_interfaces` (malloc'd, set on errors
 * too) says how it went. A device that is away is waited for if it was there before. */
int agent_attach_all(struct agent *agent, const struct lb_config *config,
		     struct agent_interface **ret_interfaces, struct err *err);
/* Undoes it after a failed apply. */
void agent_detach_new(struct agent *agent, const struct lb_config *config,
		      const struct agent_interface *interfaces);
/* Detaches from devices that the config does not name. */
void agent_detach_unlisted(struct agent *agent, struct lb_config *config);
/* Attaches to a device of the running config, after it came back. */
void agent_attach_again(struct agent *agent, const char *ifname);

/* Takes health and next hops of one pool's backends in; marks it dirty where something changed. */
void agent_update_pool(struct agent *agent, struct runtime *rt, uint32_t pool);
/* Writes lines and slots of one pool as its runtime wants them. */
int agent_refresh_pool(struct agent *agent, struct runtime_pool *pool);
/* Refreshes dirty pools for a while; asks to be called again where some are left. */
void agent_refresh_dirty(struct agent *agent);
void agent_schedule_refresh(struct agent *agent);

void agent_on_nexthops(void *ctx, const struct lb_addr *destinations, size_t n);
void agent_on_link(void *ctx, const char *ifname, int ifindex, bool present, bool up);
void agent_on_health(void *ctx, const char *pool, const struct lb_addr *address,
		     const struct probe_status *status);

/* The line of a backend as it should be now, given the one in the map (see agent_refresh.c). */
void agent_wanted_line(struct agent *agent, struct runtime_backend *backend,
		       const struct lb_backend *current, struct lb_backend *ret_line);
/* ctl's handler. */
json_t *agent_command(void *ctx, const char *command, const json_t *args, char **ret_error,
		      char **ret_diagnostics);
/* The report of a plan against what runs now. */
json_t *agent_plan_report(struct agent *agent, const struct plan *plan,
			  const struct lb_config *config);

/* agent_report.c */
json_t *agent_report_status(struct agent *agent);
json_t *agent_report_vips(struct agent *agent);
json_t *agent_report_backends(struct agent *agent, const char *only_pool);
json_t *agent_report_backend(struct agent *agent, struct runtime_pool *pool,
			     struct runtime_backend *backend);
json_t *agent_report_counters(struct agent *agent);

/* agent_report_limits.c; `only_vip` may be NULL, and else is a VIP of the config. */
json_t *agent_report_limits(struct agent *agent, const char *only_vip);

#endif
