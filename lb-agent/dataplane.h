/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane.h - the maps and programs in the kernel; the only user of libbpf and libxdp.
 *
 * What packets run through is a generation: one balancer program and the maps it was loaded with.
 * The program array lb_programs says which generation is live, and that is the only truth: an agent
 * that starts finds the pinned array, in it the program, and through the program all maps. The
 * other pins are there for people and bpftool.
 *
 * A change that fits the live maps is written in place, in an order that is right for packets in
 * flight: new backend lines and new runs of slots first, then the other half of the tables and one
 * store to lb_control.active, then slots in place. Any other change builds a generation beside the
 * live one and switches by one update of lb_programs. Nothing is visible to packets before
 * dataplane_switch(), and nothing after it can fail.
 */
#ifndef LB_DATAPLANE_H
#define LB_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "lb/abi.h"
#include "layout.h"

#define DATAPLANE_BPFFS_DEFAULT "/sys/fs/bpf/sluice"

struct dataplane; /* opaque */
struct bpf_insn;  /* linux/bpf.h */

/*
 * Opens the data plane pinned under `dir`, a directory in a bpffs that is made where it is missing;
 * NULL: nothing is pinned (tests). Adopts what it finds there.
 *
 * -EBUSY: another agent has it; -EPROTO: the maps were made for another ABI version; -EBADMSG: what
 * is pinned is not ours or damaged; -EPERM: not privileged; -ENODEV: no bpffs there.
 */
int dataplane_open(const char *dir, struct dataplane **ret_dp, struct err *err);
/* Closes it; the kernel goes on with what it has. */
void dataplane_close(struct dataplane *dp);

/* True when dataplane_open() found a live generation. */
bool dataplane_adopted(const struct dataplane *dp);
/* Seed of the live generation; false: there is none. */
bool dataplane_seed(const struct dataplane *dp, uint64_t *ret_seed);
/* The same of the settings of encapsulation. */
bool dataplane_encap(const struct dataplane *dp, struct lb_encap *ret_encap);
uint32_t dataplane_generation(const struct dataplane *dp);
/* Memory of the live generation's maps, as the kernel accounts it, in bytes. */
uint64_t dataplane_map_memory(const struct dataplane *dp);

/* Reads the live maps back into a layout (an empty one where there is no generation).
 * -EBADMSG: they contradict each other. */
int dataplane_read_layout(struct dataplane *dp, struct layout **ret_layout, struct err *err);

/*
 * Makes a new generation with these sizes the target of all writes until dataplane_switch() or
 * dataplane_discard(). Its maps are zeroed but for lb_control.
 */
int dataplane_build(struct dataplane *dp, const struct layout_caps *caps, uint64_t seed,
		    const struct lb_encap *encap, struct err *err);
void dataplane_discard(struct dataplane *dp);

/* The target's maps: the new generation while one is being built, else the live one. */
struct dataplane_target {
	uint16_t *slots;	      /* cur; write with 16-bit stores */
	uint16_t *slot_base;	      /* base */
	struct lb_backend *backends;  /* write with dataplane_write_backend() */
	struct lb_service *services;  /* the half that is not live */
	uint32_t *disp;		      /* the same */
	struct lb_service *ranges;    /* the same; caps.ranges lines */
	uint16_t *quic;		      /* the same; caps.quic entries */
	uint32_t quic_first;	      /* where in the whole table they begin */
	struct lb_pool_record *pools; /* the same */
	struct lb_limit *limits;      /* the same */
	uint32_t limit_first;	      /* the place of limits[0] in lb_limits */
	struct lb_control *control;
	struct layout_caps caps;
};
void dataplane_target(struct dataplane *dp, struct dataplane_target *ret_target);

/* Writes one line such that a packet in flight sees no half of a MAC address. */
void dataplane_write_backend(struct lb_backend *line, const struct lb_backend *content);

/* Makes what was written live: the other half of the tables, or the new generation. */
int dataplane_switch(struct dataplane *dp, struct err *err);

/* Waits until no packet uses what was live before (membarrier(2), a full RCU grace period). */
void dataplane_wait_grace(void);

/*
 * Counters. A reason's are one map through all generations; a VIP's and a backend's are sized anew
 * with each. Totals are per-CPU sums plus the base (abi.h). `n` is the number of entries wanted,
 * from id 0 on; ids past the map's end read as 0.
 */
int dataplane_read_vips(struct dataplane *dp, struct lb_vip_counter *ret_totals, uint32_t n);
int dataplane_read_backends(struct dataplane *dp, struct lb_counter *ret_totals, uint32_t n);
int dataplane_read_backend(struct dataplane *dp, uint32_t id, struct lb_counter *ret_total);
int dataplane_read_reasons(struct dataplane *dp, struct lb_counter ret_totals[LB_REASON_MAX]);
/* Makes an id's total in the target what is given (0 for a new object); before the switch. */
int dataplane_set_vip_total(struct dataplane *dp, uint32_t id, const struct lb_vip_counter *total);
int dataplane_set_backend_total(struct dataplane *dp, uint32_t id, const struct lb_counter *total);
/* Reads the generation before the last switch, or the live one where it was the same. */
int dataplane_read_old_backend(struct dataplane *dp, uint32_t id, struct lb_counter *ret_total);
int dataplane_read_old_vip(struct dataplane *dp, uint32_t id, struct lb_vip_counter *ret_total);
/* Carries totals to new ids after the switch and the grace period: adds what `total` says. */
void dataplane_add_backend_total(struct dataplane *dp, uint32_t id, const struct lb_counter *more);
void dataplane_add_vip_total(struct dataplane *dp, uint32_t id, const struct lb_vip_counter *more);
/* Adds to a reason that no program counts (FORWARDED: what removed VIPs had forwarded). */
int dataplane_add_reason(struct dataplane *dp, enum lb_reason reason,
			 const struct lb_counter *more);
/*
 * Rate limits, by id. A limit that is kept through a new generation keeps its id; what it found
 * follows by dataplane_carry_limit() after the switch and the grace period. dataplane_reset_limit()
 * is for an id that is given anew, in the target, before the switch.
 */
int dataplane_read_limit(struct dataplane *dp, uint32_t id, struct lb_limit_counter *ret_total);
void dataplane_reset_limit(struct dataplane *dp, uint32_t id);
void dataplane_carry_limit(struct dataplane *dp, uint32_t id);
/* How far a limit's own cell (per VIP) is ahead of the clock, in units of gcra.h. */
uint64_t dataplane_limit_ahead(struct dataplane *dp, uint32_t id);
/*
 * Calls `each` for the sources that are remembered, at most `max` of them; `ahead` is how
 * far each is ahead of the clock, in units of gcra.h. -errno.
 */
int dataplane_each_source(struct dataplane *dp, uint32_t max,
			  void (*each)(void *ctx, const struct lb_limit_key *key, uint64_t ahead),
			  void *ctx);

/* Lets the generation before the last switch go. */
void dataplane_drop_old(struct dataplane *dp);

/* For tests: file descriptors of the target's program and of a map by its name; -1: none. */
int dataplane_program_fd(const struct dataplane *dp);
int dataplane_map_fd(const struct dataplane *dp, const char *name);

/*
 * A program's instructions as they were given to the kernel, an ld_imm64 of a map or its value with
 * the map's id in place of a file descriptor.
 */
struct dataplane_code {
	struct bpf_insn *insns;
	size_t n_insns;
};
/* For measurements: the target's program; NULL: it was adopted, or there is none. */
const struct dataplane_code *dataplane_program_code(const struct dataplane *dp);
/* Of a program that libbpf has loaded, while its maps are open; malloc'd. -ENOMEM, -EBADF. */
struct bpf_program;
int dataplane_copy_code(const struct bpf_program *program, struct dataplane_code *ret_code);
void dataplane_code_free(struct dataplane_code *code);

enum dataplane_mode {
	DATAPLANE_AUTO, /* native, else generic */
	DATAPLANE_NATIVE,
	DATAPLANE_GENERIC,
};

struct dataplane_attachment {
	bool attached;
	enum dataplane_mode mode; /* NATIVE or GENERIC */
	bool dispatcher;	  /* beside other programs; false: alone on the device */
};

/*
 * Attaches the root program to a device, or finds it there already (then nothing is done unless the
 * mode is another). Beside programs of others, auto is the mode that they are in. -EBUSY: a foreign
 * XDP program holds the device, or others are on it in another mode; -EOPNOTSUPP: no native XDP in
 * the driver. An error leaves the device as it was.
 */
int dataplane_attach(struct dataplane *dp, const char *ifname, enum dataplane_mode mode,
		     struct dataplane_attachment *ret_attachment, struct err *err);
/* What is there now; nothing is changed. */
int dataplane_query(struct dataplane *dp, const char *ifname,
		    struct dataplane_attachment *ret_attachment);
/* Takes our program off; 0 where it is not there. */
int dataplane_detach(struct dataplane *dp, const char *ifname, struct err *err);
/* Detaches from every device of this network namespace on which `keep` says false. */
int dataplane_detach_others(struct dataplane *dp, bool (*keep)(void *ctx, const char *ifname),
			    void *ctx, struct err *err);

/*
 * Removes everything under `dir`: attachments in this network namespace, pins, the directory.
 * What is not ours stays. Returns the number of devices it detached from, or -errno; -EBUSY while
 * an agent runs; -ENOENT: nothing there.
 */
int dataplane_teardown(const char *dir, struct err *err);

#endif
