/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rig.h - a place to run the agent that vanishes with this process: its own network and mount
 * namespaces, its own /run (a tmpfs) and its own bpffs. Nothing outside is changed, however the
 * process ends.
 */
#ifndef LB_BENCH_RIG_H
#define LB_BENCH_RIG_H

#include <stddef.h>

#include "base/err.h"

#define RIG_INTERFACE "bench0" /* up, with routes to all of genconf.h's backends */
#define RIG_DIR	      "/run"   /* for files; private */
#define RIG_PINS      "/sys/fs/bpf/sluice"

/*
 * Moves the calling process into new namespaces and builds the network: one veth pair, one gateway
 * a family with a permanent neighbour entry, so that every backend's next hop is resolved as soon
 * as it is asked for. The process must have one thread. There is no way back.
 *
 * -EPERM: not privileged; -ENODEV: no bpffs; -EIO: ip(8) refused.
 */
int rig_enter(struct err *err);
/* The same without a device: only the namespaces, /run and bpffs. */
int rig_enter_private(struct err *err);
/* Waits until the device of the network namespace that we are in may be used; -ETIMEDOUT. */
int rig_wait_for_carrier(const char *device, struct err *err);

/* Writes a file whole, by way of a rename. */
int rig_write_file(const char *path, const char *text, size_t len, struct err *err);

#endif
