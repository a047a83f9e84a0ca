/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agent_attach.c - the root program on the devices that the config names, and on no other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent_internal.h"
#include "base/log.h"

static enum dataplane_mode mode_of(const struct conf_node *node)
{
	switch (node->xdp_mode) {
	case CONF_XDP_NATIVE:
		return DATAPLANE_NATIVE;
	case CONF_XDP_GENERIC:
		return DATAPLANE_GENERIC;
	case CONF_XDP_AUTO:
		break;
	}
	return DATAPLANE_AUTO;
}

static bool has_interface(const struct lb_config *config, const char *name)
{
	for (size_t i = 0; config && i < config->node.n_interfaces; i++)
		if (!strcmp(config->node.interfaces[i], name))
			return true;
	return false;
}

static void note_attachment(struct agent *agent, struct agent_interface *interface)
{
	const struct dataplane_attachment *a = &interface->attachment;

	log_info("%s: XDP attached, %s mode", interface->name,
		 a->mode == DATAPLANE_GENERIC ? "generic" : "native");
	if (!a->dispatcher && !agent->dispatcher_logged) {
		agent->dispatcher_logged = true;
		log_notice(
		    "%s: this kernel refuses libxdp's dispatcher (freplace); Sluice is alone "
		    "on its devices, no other XDP program can be attached beside it",
		    interface->name);
	}
}

/* A device that is attached stays as it is for "auto"; but whoever takes back "generic" wants to
 * see native mode tried. */
static int attach(struct agent *agent, const struct conf_node *node, const char *ifname,
		  const struct dataplane_attachment *before, struct dataplane_attachment *ret_now,
		  struct err *err)
{
	bool was_forced =
	    agent->config && agent->config->node.xdp_mode == CONF_XDP_GENERIC && before->attached;

	if (was_forced && node->xdp_mode == CONF_XDP_AUTO &&
	    !dataplane_attach(agent->dp, ifname, DATAPLANE_NATIVE, ret_now, err))
		return 0;
	return dataplane_attach(agent->dp, ifname, mode_of(node), ret_now, err);
}

int agent_attach_all(struct agent *agent, const struct lb_config *config,
		     struct agent_interface **ret_interfaces, struct err *err)
{
	const struct conf_node *node = &config->node;
	struct agent_interface *interfaces;

	interfaces = *ret_interfaces = calloc(node->n_interfaces, sizeof(*interfaces));
	if (!interfaces)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < node->n_interfaces; i++) {
		struct agent_interface *interface = &interfaces[i];
		struct dataplane_attachment before = {0};
		struct err why;
		int r;

		memcpy(interface->name, node->interfaces[i],
		       strnlen(node->interfaces[i], sizeof(interface->name) - 1));
		dataplane_query(agent->dp, interface->name, &before);
		r = attach(agent, node, interface->name, &before, &interface->attachment, &why);
		interface->present = r != -ENODEV;
		if (!r) {
			if (!before.attached || before.mode != interface->attachment.mode)
				note_attachment(agent, interface);
			continue;
		}
		memcpy(interface->error, why.text, sizeof(interface->error) - 1);
		/* An agent that comes back while a device is away must look after the others; so
		 * must one whose device went away before a reload. */
		if (r == -ENODEV && (has_interface(agent->config, interface->name) ||
				     (agent->adopted && !agent->config))) {
			log_warning("%s; waiting for it", why.text);
			continue;
		}
		return err_set(err, r, "%s", why.text);
	}
	return 0;
}

static bool keep_device(void *ctx, const char *ifname)
{
	return has_interface(ctx, ifname);
}

/* Takes a device of the running config back to the mode that it had. */
static void put_back(struct agent *agent, struct agent_interface *interface)
{
	struct dataplane_attachment wanted = interface->attachment, now;
	struct err err;

	dataplane_query(agent->dp, interface->name, &now);
	if (!wanted.attached || (now.attached && now.mode == wanted.mode))
		return;
	if (dataplane_attach(agent->dp, interface->name, wanted.mode, &interface->attachment, &err))
		log_error("%s", err.text);
	else
		note_attachment(agent, interface);
}

void agent_detach_new(struct agent *agent, const struct lb_config *config,
		      const struct agent_interface *interfaces)
{
	struct err ignored;

	for (size_t i = 0; agent->config && interfaces && i < config->node.n_interfaces; i++)
		if (interfaces[i].attachment.attached &&
		    !has_interface(agent->config, interfaces[i].name))
			dataplane_detach(agent->dp, interfaces[i].name, &ignored);
	for (size_t i = 0; agent->config && i < agent->config->node.n_interfaces; i++)
		put_back(agent, &agent->interfaces[i]);
	if (!agent->config && !agent->adopted)
		dataplane_detach_others(agent->dp, keep_device, NULL, &ignored);
}

void agent_detach_unlisted(struct agent *agent, struct lb_config *config)
{
	struct err err;

	if (dataplane_detach_others(agent->dp, keep_device, config, &err))
		log_warning("%s", err.text);
}

void agent_attach_again(struct agent *agent, const char *ifname)
{
	for (size_t i = 0; agent->config && i < agent->config->node.n_interfaces; i++) {
		struct agent_interface *interface = &agent->interfaces[i];
		struct err err;
		int r;

		if (strcmp(interface->name, ifname) != 0)
			continue;
		dataplane_query(agent->dp, ifname, &interface->attachment);
		if (interface->attachment.attached) {
			interface->present = true;
			interface->error[0] = '\0';
			continue;
		}
		r = dataplane_attach(agent->dp, ifname, mode_of(&agent->config->node),
				     &interface->attachment, &err);
		if (r == -ENODEV) /* gone again; the event of that follows */
			continue;
		interface->present = true;
		if (r) {
			memcpy(interface->error, err.text, sizeof(interface->error) - 1);
			log_error("%s", err.text);
			continue;
		}
		interface->error[0] = '\0';
		note_attachment(agent, interface);
	}
}
