/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * programs.h - what the kernel tells of the shipped BPF programs, for the subcommands that show it.
 */
#ifndef LB_BENCH_PROGRAMS_H
#define LB_BENCH_PROGRAMS_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "xdp.h"

#define PROGRAMS_N 3u

/*
 * Loads root, balancer and decap and asks the kernel about them; the balancer as the row
 * v4-tcp-ipip-clean of 'lb-bench xdp' has it, since its constants are set by the configuration.
 * Nothing stays in the kernel. 0, or -errno with `err`.
 */
int programs_read(struct xdp_program ret_programs[PROGRAMS_N], struct err *err);

void programs_print(const struct xdp_program programs[PROGRAMS_N], FILE *out);
/* [{"name", "instructions", "machine_code", "verified"}]; a new reference, NULL without memory. */
json_t *programs_json(const struct xdp_program programs[PROGRAMS_N]);

/*
 * The option --json [FILE], which every subcommand that is made of these has. Writes `document`,
 * whose reference it takes (NULL: memory ran out), to `path`, or to standard output where that is
 * NULL. Returns the exit code; what went wrong was said.
 */
int programs_write_json(json_t *document, const char *path);

#endif
