/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_internal.h - the lab as wire_lab.c, wire_box.c and wire_traffic.c see it, and the addresses.
 */
#ifndef LB_BENCH_WIRE_INTERNAL_H
#define LB_BENCH_WIRE_INTERNAL_H

#include "agent_process.h"
#include "wire.h"

/*
 * The ranges set aside for benchmarks (RFC 2544, RFC 5180) and 10/8. The low 16 bits count: VIP v
 * of class c is c << WIRE_CLASS_SHIFT | v + 1, backend b is b + 1.
 */
#define WIRE_VIP4	 "198.18"
#define WIRE_VIP6	 "2001:2:0:f"
#define WIRE_SOURCE6	 "2001:2:0:e"
#define WIRE_NEAR4	 "10.1"
#define WIRE_NEAR6	 "2001:2:0:1001"
#define WIRE_FAR4	 "10.2"
#define WIRE_FAR6	 "2001:2:0:1002"
#define WIRE_CLASS_SHIFT 12
#define WIRE_VIPS_MAX	 4000
#define WIRE_PORT	 443

struct wire_space {
	int ns;	    /* a network namespace, kept by this alone; -1: none */
	int socket; /* in it, for ioctls */
};

/* wire_clock.c */
struct wire_clock {
	char softirq[48]; /* schedstat of the CPU's softirq thread; "": wall time has to do */
};

/* Keeps this thread on one CPU from now on. */
int wire_clock_start(struct wire_clock *ret_clock, struct err *err);
/* Milliseconds that this CPU worked for us, since some moment. */
double wire_clock_now_ms(const struct wire_clock *clock);

struct wire_lab {
	const struct wire_options *options;
	struct wire_space generator, far, boxes[WIRE_BOXES];
	unsigned int ifindex[WIRE_BOXES]; /* of gen-BOX */
	const char *lacks[WIRE_BOXES];	  /* why there is none; NULL: there is */
	struct wire_bpf *bpf;
	struct agent_process *agent;
	struct wire_clock clock;
};

/* "sluice" and the like, as in the devices' names. */
const char *wire_box_name(enum wire_box box);

/* The class of VIPs that the path's packets go to: 0 to 3. */
unsigned int wire_class(const struct wire_path *path);

/* Moves this process into the namespace. */
int wire_enter(const struct wire_space *space, struct err *err);
/* Runs a program in the namespace with `input` as its standard input; it must succeed. */
int wire_command(const struct wire_space *space, const char *const argv[], const char *input,
		 struct err *err);

/* Of the namespace that we are in; `name` is below /proc/sys/net. */
int wire_set_sysctl(const char *name, const char *value, struct err *err);

/* wire_box.c: makes the box do its work; called in its namespace, whose devices are up. */
int wire_box_start(struct wire_lab *lab, enum wire_box box, int binary, struct err *err);
/* Packets that the box says it sent on, ever. */
int wire_box_balanced(struct wire_lab *lab, const struct wire_path *path, uint64_t *ret_packets,
		      struct err *err);

/* wire_stats.c: adds up the device's ethtool statistics NAME_N_SUFFIX over all queues N. */
int wire_device_sum(int socket, const char *device, const char *prefix, const char *suffix,
		    uint64_t *ret_sum, struct err *err);

#endif
