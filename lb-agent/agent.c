/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent.c - start, events, end.
 */
#include "agent.h"

#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "agent_internal.h"
#include "base/log.h"

double agent_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int load(struct agent *agent, json_t **ret_changes, char **ret_diagnostics, struct err *err)
{
	struct lb_config *config = NULL;
	struct diag *diag = NULL;
	double begun = agent_now_ms();
	int r = conf_load(agent->options.config_path, &config, &diag);

	agent->last_reload.check_ms = agent_now_ms() - begun;
	if (r) {
		if (ret_diagnostics && diag)
			*ret_diagnostics = diag_text(diag);
		err_set(err, r, "%s: %zu error%s", agent->options.config_path,
			diag ? diag_errors(diag) : 0, diag && diag_errors(diag) == 1 ? "" : "s");
	}
	if (diag && (diag_errors(diag) || diag_warnings(diag)))
		diag_print(diag, stderr, false);
	diag_free(diag);
	return r ? r : agent_apply(agent, config, ret_changes, err);
}

#define COUNT_TEXT_MAX 64

static const char *count_text(size_t n_vips, size_t n_pools, char text[COUNT_TEXT_MAX])
{
	snprintf(text, COUNT_TEXT_MAX, "%zu VIP%s, %zu pool%s", n_vips, n_vips == 1 ? "" : "s",
		 n_pools, n_pools == 1 ? "" : "s");
	return text;
}

int agent_load(struct agent *agent, json_t **ret_changes, char **ret_diagnostics, struct err *err)
{
	double begun = agent_now_ms();
	int r = load(agent, ret_changes, ret_diagnostics, err);
	char text[COUNT_TEXT_MAX];

	agent->last_reload.at = time(NULL);
	agent->last_reload.ok = !r;
	agent->last_reload.took_ms = agent_now_ms() - begun;
	memcpy(agent->last_reload.error, r ? err->text : "", r ? sizeof(err->text) : 1);
	if (!r)
		log_info("%s applied in %.1f ms (%.1f ms of it to check it): %s",
			 agent->options.config_path, agent->last_reload.took_ms,
			 agent->last_reload.check_ms,
			 count_text(agent->config->n_vips, agent->config->n_pools, text));
	return r;
}

static void on_stop(evutil_socket_t signal_number, short what, void *ctx)
{
	struct agent *agent = ctx;

	sd_notify(0, "STOPPING=1");
	log_info("%s: stopping; the data plane goes on", strsignal(signal_number));
	event_base_loopbreak(agent->events);
}

/* libevent calls this once for each signal that came while the loop was busy, without a look at
 * anything else in between: a reload for each would keep SIGTERM, probes and netlink waiting. */
static void on_sighup(evutil_socket_t signal_number, short what, void *ctx)
{
	struct agent *agent = ctx;

	event_active(agent->reload, EV_TIMEOUT, 1);
}

static void on_reload(evutil_socket_t fd, short what, void *ctx)
{
	struct agent *agent = ctx;
	struct err err;

	sd_notify(0, "RELOADING=1");
	if (agent_load(agent, NULL, NULL, &err))
		log_error("reload: %s; the running configuration stays", err.text);
	sd_notify(0, "READY=1");
}

static void on_refresh(evutil_socket_t fd, short what, void *ctx)
{
	agent_refresh_dirty(ctx);
}

void agent_on_link(void *ctx, const char *ifname, int ifindex, bool present, bool up)
{
	struct agent *agent = ctx;

	for (size_t i = 0; agent->config && i < agent->config->node.n_interfaces; i++) {
		struct agent_interface *interface = &agent->interfaces[i];

		if (strcmp(interface->name, ifname) != 0)
			continue;
		if (present) {
			agent_attach_again(agent, ifname);
		} else if (interface->present && !if_nametoindex(ifname)) {
			/* (One made anew under the name may be reported before the old one's end.)
			 */
			interface->present = false;
			interface->attachment = (struct dataplane_attachment){0};
			snprintf(interface->error, sizeof(interface->error),
				 "there is no device %s", ifname);
			log_warning("%s; waiting for it", interface->error);
		}
	}
}

static int open_events(struct agent *agent)
{
	agent->events = event_base_new();
	if (!agent->events)
		return -ENOMEM;
	agent->sigterm = evsignal_new(agent->events, SIGTERM, on_stop, agent);
	agent->sigint = evsignal_new(agent->events, SIGINT, on_stop, agent);
	agent->sighup = evsignal_new(agent->events, SIGHUP, on_sighup, agent);
	agent->reload = evtimer_new(agent->events, on_reload, agent);
	agent->refresh = evtimer_new(agent->events, on_refresh, agent);
	if (!agent->sigterm || !agent->sigint || !agent->sighup || !agent->reload ||
	    !agent->refresh)
		return -ENOMEM;
	signal(SIGPIPE, SIG_IGN);
	return event_add(agent->sigterm, NULL) || event_add(agent->sigint, NULL) ||
		       event_add(agent->sighup, NULL)
		   ? -ENOMEM
		   : 0;
}

/* What ctl.h says of the codes, in words. */
static int socket_error(const struct agent_options *options, int r, struct err *err)
{
	const char *group = options->socket_group;

	if (r == -ENOENT && group && !getgrnam(group))
		return err_set(err, r, "there is no group '%s' to use the control socket", group);
	return err_set(err, r, "control socket %s: %s", options->socket_path,
		       r == -EADDRINUSE ? "another lb-agent answers there"
		       : r == -ENOTSOCK ? "something that is not a socket lies there"
		       : r == -ENOENT	? "the directory above its own is missing"
					: strerror(-r));
}

static int open_all(struct agent *agent, struct err *err)
{
	static const struct netlink_ops ops = {agent_on_nexthops, agent_on_link};
	const char *socket = agent->options.socket_path;
	char text[COUNT_TEXT_MAX];
	int r = open_events(agent);

	if (r)
		return err_set(err, r, "cannot start the event loop");
	r = overrides_load(agent->options.state_dir, &agent->overrides, err);
	if (r)
		return r;
	r = dataplane_open(agent->options.bpffs_dir, &agent->dp, err);
	if (r)
		return err_prefix(err, r, "data plane at %s", agent->options.bpffs_dir);
	/* The predecessor may have switched a moment ago. */
	agent->adopted = agent->half_busy = dataplane_adopted(agent->dp);
	r = dataplane_read_layout(agent->dp, &agent->layout, err);
	if (r)
		return err_prefix(err, r,
				  "the maps at %s cannot be taken over ('lb-agent --teardown' "
				  "removes them, and interrupts the traffic)",
				  agent->options.bpffs_dir);
	if (agent->adopted)
		log_info("adopted a running data plane: generation %u, %s",
			 dataplane_generation(agent->dp),
			 count_text(agent->layout->n_vips, agent->layout->n_pools, text));
	r = netlink_new(agent->events, &ops, agent, &agent->netlink);
	if (r)
		return err_set(err, r, "netlink: %s", strerror(-r));
	r = probe_set_new(agent->events, agent_on_health, agent, &agent->probes);
	if (r)
		return err_set(err, r, "health probes: %s", strerror(-r));
	r = ctl_new(agent->events, socket, agent->options.socket_group, agent_command, agent,
		    &agent->ctl);
	if (r)
		return socket_error(&agent->options, r, err);
	return 0;
}

int agent_start(const struct agent_options *options, struct agent **ret_agent)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	char text[COUNT_TEXT_MAX];
	struct err err = {0};
	int r;

	if (!agent)
		return -ENOMEM;
	agent->options = *options;
	clock_gettime(CLOCK_MONOTONIC, &agent->started);
	r = open_all(agent, &err);
	if (!r)
		r = agent_load(agent, NULL, NULL, &err);
	if (r) {
		log_error("%s", err.text);
		agent_free(agent);
		return r;
	}
	sd_notifyf(0, "READY=1\nSTATUS=%s",
		   count_text(agent->config->n_vips, agent->config->n_pools, text));
	*ret_agent = agent;
	return 0;
}

int agent_run(struct agent *agent)
{
	return event_base_dispatch(agent->events) < 0 ? -EIO : 0;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	ctl_free(agent->ctl);
	probe_set_free(agent->probes);
	netlink_free(agent->netlink);
	runtime_free(agent->rt);
	layout_free(agent->layout);
	conf_free(agent->config);
	free(agent->interfaces);
	overrides_free(agent->overrides);
	dataplane_close(agent->dp);
	struct event *events[] = {agent->sigterm, agent->sigint, agent->sighup, agent->reload,
				  agent->refresh};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	if (agent->events)
		event_base_free(agent->events);
	free(agent);
}
