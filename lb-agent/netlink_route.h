/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_route.h - asks the kernel for the routes of the destinations that are marked for it.
 */
#ifndef LB_NETLINK_ROUTE_H
#define LB_NETLINK_ROUTE_H

#include "netlink_request.h"
#include "netlink_set.h"

/* Destinations whose `requery` is set lose it; those whose route is another than before, or that
 * are fresh, get `redecide`. -ENOMEM or the error of the socket. */
int netlink_ask_routes(struct netlink_requester *requester, struct destination_set *set);

#endif
