/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * limit_box.h - a balancer that lb-agent's own code set up from a configuration, for tests of what
 * configurations mean to packets: text, check, plan, maps, switch. Backends have a made-up next
 * hop.
 */
#ifndef TEST_LIMIT_BOX_H
#define TEST_LIMIT_BOX_H

#include "dataplane.h"
#include "layout.h"
#include "packets.h"

struct limit_box {
	struct dataplane *dp;
	struct layout *layout;
	struct lb_config *config;
};

/* VIPs "www" (PACKET_VIP4, TCP), "dns" (PACKET_VIP4, UDP) and "dns6" (PACKET_VIP6, UDP) on
 * PACKET_PORT, with these filters ("" for none). */
void limit_box_open(struct limit_box *box, const char *filters);
/* Other filters, applied as the agent applies a reload. Returns whether maps were built anew. */
bool limit_box_change(struct limit_box *box, const char *filters);
/* The next agent: all but the maps is forgotten and read back from them. `dir` is where it pins. */
void limit_box_close(struct limit_box *box);

/* Runs the packet `n` times in one call; returns the ns of CLOCK_MONOTONIC it took at the most. */
uint64_t limit_box_run(struct limit_box *box, const struct packet *packet, uint32_t n);
/* Packets of limit k of a VIP (in the order in which they are asked). */
struct lb_limit_counter limit_box_counter(struct limit_box *box, const char *vip, uint32_t k);
/* Packets forwarded to, and dropped for, a VIP. */
struct lb_vip_counter limit_box_vip(struct limit_box *box, const char *vip);

#endif
