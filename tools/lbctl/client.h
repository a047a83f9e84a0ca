/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * client.h - one request to the agent and its reply (lb-agent/ctl.h).
 */
#ifndef LBCTL_CLIENT_H
#define LBCTL_CLIENT_H

#include <jansson.h>

#include "lbctl.h"

enum client_result {
	CLIENT_OK,
	CLIENT_REFUSED,	    /* the agent said no */
	CLIENT_UNREACHABLE, /* no agent, no permission, no answer in time */
};

struct client_reply {
	json_t *data;	   /* with CLIENT_OK */
	char *error;	   /* otherwise: one line for people */
	char *diagnostics; /* with CLIENT_REFUSED, or NULL */
};

/* `args` may be NULL; its reference is taken. The caller frees the reply, whatever the result. */
enum client_result client_call(const struct lbctl *lb, const char *command, json_t *args,
			       struct client_reply *ret_reply);
void client_reply_free(struct client_reply *reply);

/*
 * The same, for a command that has nothing better to do with an error than to print it: an exit
 * status, and with EXIT_OK the data (the caller's reference).
 */
int client_fetch(const struct lbctl *lb, const char *command, json_t *args, json_t **ret_data);

#endif
