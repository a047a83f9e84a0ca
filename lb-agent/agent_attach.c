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
		r = dataplane_attach(agent->dp, interface->name, mode_of(node),
				     &interface->attachment, &why);
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

void agent_detach_new(struct agent *agent, const struct lb_config *config,
		      const struct agent_interface *interfaces)
{
	struct err ignored;

	for (size_t i = 0; agent->config && interfaces && i < config->node.n_interfaces; i++)
		if (interfaces[i].attachment.attached &&
		    !has_interface(agent->config, interfaces[i].name))
			dataplane_detach(agent->dp, interfaces[i].name, &ignored);
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

		if (strcmp(interface->name, ifname) != 0)
			continue;
		interface->present = true;
		dataplane_query(agent->dp, ifname, &interface->attachment);
		if (interface->attachment.attached)
			continue;
		if (dataplane_attach(agent->dp, ifname, mode_of(&agent->config->node),
				     &interface->attachment, &err)) {
			memcpy(interface->error, err.text, sizeof(interface->error) - 1);
			log_error("%s", err.text);
			continue;
		}
		interface->error[0] = '\0';
		note_attachment(agent, interface);
	}
}
