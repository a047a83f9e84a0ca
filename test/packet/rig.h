/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rig.h - the balancer in a test bench: its maps filled from a small configuration, one packet
 * put through BPF_PROG_TEST_RUN behind poisoned headroom, the outcome and the counters compared.
 */
#ifndef TEST_RIG_H
#define TEST_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/bpf.h>
#include <lb/abi.h>

#include "packets.h"

#define RIG_IFINDEX_IN	     1 /* TEST_RUN's packets arrive on lo */
#define RIG_IFINDEX_OTHER    7
#define RIG_TCI		     0x6064 /* priority 3, VLAN 100 */

#define RIG_QUIC_ID(backend) (0x0101 + 300 * (backend))

/* Everything is zero for the plain case: l2, no tag, back out of the same device, MTU 1500. */
struct rig_config {
	bool ipip;
	bool gue;
	bool outer_v6;
	bool tag;
	bool other_device;
	bool hash_source;
	bool quic;	     /* affinity: quic; the backends' ids are RIG_QUIC_ID() */
	uint8_t dead;	     /* bit i: backend i is not alive */
	uint8_t source_skip; /* with hash_source */
	bool not_ready;
	bool no_backend;
	bool dirty;	    /* sets the dirty bit of each slot */
	bool second_half;   /* the live tables are in the second half */
	bool slots_outside; /* the service's slots lie outside the map */
	bool backends_outside;
	uint8_t forward; /* not 0: written as it is, whatever `ipip` and `gue` say */
	uint16_t mtu;
	bool no_headroom; /* the driver left next to none */
};

struct rig; /* opaque */

/* What one packet did. */
struct rig_result {
	uint32_t action; /* XDP_* */
	struct frame out;
	int reason;		 /* the reason whose counter grew by one packet, or -1 */
	int vip_forwarded;	 /* the VIP's id, or -1 */
	int vip_dropped;	 /* the VIP's id, or -1 */
	int backend;		 /* the backend's line, or -1 */
	unsigned int counted;	 /* packets over all counters */
	uint64_t bytes_mismatch; /* counters whose bytes did not grow by the frame's length */
};

/* Loads the programs; main.c has seen that the kernel lets us. GUE is variant 1 to port 6080. */
struct rig *rig_open(void);
/* The same with other settings of encapsulation. */
struct rig *rig_open_encap(const struct lb_encap *encap);
void rig_close(struct rig *rig);
void rig_configure(struct rig *rig, const struct rig_config *config);
void rig_run(struct rig *rig, const struct frame *in, struct rig_result *ret_result);
/* The same with only the frame's first `len` bytes. */
void rig_run_cut(struct rig *rig, const struct frame *in, size_t len,
		 struct rig_result *ret_result);

/* Where the packet must go by the hash: the frame, the VIP's id, the backend's line. */
void rig_expect(const struct rig *rig, const struct packet *packet, const struct frame *in,
		struct frame *ret_out, int *ret_vip, int *ret_backend);

/* The same, but to the pool's backend `which` (from 0 on), whatever the hash says; -1: as above. */
void rig_expect_at(const struct rig *rig, const struct packet *packet, const struct frame *in,
		   int which, struct frame *ret_out, int *ret_vip, int *ret_backend);

/* XDP_TX, or XDP_REDIRECT with `other_device`. */
uint32_t rig_expect_action(const struct rig *rig);

const char *rig_reason_name(int reason);
uint32_t rig_reason_action(int reason); /* XDP_PASS or XDP_DROP */

#endif
