/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checks.h - what must be true of a packet behind the balancer, whole or cut short.
 */
#ifndef TEST_CHECKS_H
#define TEST_CHECKS_H

#include "packets.h"
#include "rig.h"

/* The packet ends by `reason`, counted once, and what is passed is what came in. */
void check_reason(struct rig *rig, const char *name, const struct packet *packet, int reason);
/* The packet goes to the backend that its hash names, every byte as it must be. */
void check_forwarded(struct rig *rig, const char *name, const struct packet *packet);
/* Cut at every length, nothing of it is forwarded unless the whole IP packet is there. */
void check_cuts(struct rig *rig, const char *name, const struct packet *packet);

#endif
