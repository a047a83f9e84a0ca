/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp.h - what the files of 'lb-bench xdp' share: xdp.c (options, the run), xdp_rows.c (which paths
 * there are), xdp_scene.c (a configuration in the balancer's maps), xdp_run.c (one measurement),
 * xdp_proof.c (whether it took the path), xdp_count.c (what one packet does on it), xdp_result.c
 * (table and JSON).
 */
#ifndef LB_BENCH_XDP_H
#define LB_BENCH_XDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "lb/abi.h"
#include "xdp_packet.h"

#define XDP_VIPS_MAX	  100000u
#define XDP_BACKENDS_MAX  1000000u
#define XDP_FLOWS_MAX	  (1u << 22)
#define XDP_FLOWS_MANY	  (1u << 20)
#define XDP_NAME_MAX	  80
#define XDP_IFINDEX_IN	  1u /* TEST_RUN's packets arrive on lo */
#define XDP_IFINDEX_OTHER 7u /* TEST_RUN does not carry a redirect out */

/* A configuration: rows that need the same one share it. All VIPs are of one kind, so that a VIP's
 * packets can be told by an index. */
struct xdp_config {
	int af; /* of the VIPs: 4 or 6 */
	uint8_t proto;
	bool ipip;
	int outer_af;	    /* of the backends */
	bool redirect;	    /* out of another device than the packets came from */
	bool tag;	    /* packets leave with a VLAN tag */
	bool source;	    /* affinity: source */
	bool quic;	    /* affinity: quic */
	bool range;	    /* each VIP has a range of ports, the packets' among them */
	const char *limits; /* what stands in filters.rate_limits; NULL: nothing */
	bool gue;	    /* variant 1, checksums as by default */
	bool prefix;	    /* the outer source is the flow's */
	size_t vips, backends;
};

/* How flows and VIPs follow each other. */
enum xdp_order {
	XDP_IN_TURN,   /* each after the other, flows and VIPs */
	XDP_AT_RANDOM, /* flows in random order, a flow's VIP by its number */
	XDP_ONE_VIP,   /* flows in turn, all to one VIP in the middle */
};

/* ns an iteration, wrapper included, of the row and of the reference programs just before and after
 * it, on the same frames. */
struct xdp_sample {
	double empty, floor, row;
};

/* What one packet does: as in struct bpf_trace_result. */
struct xdp_cost {
	uint64_t instructions, lookups, helper_calls, config_lines, counter_lines;
};

/* The balancer's share of them by source file, the largest first. */
#define XDP_FILES_MAX 32u
struct xdp_file {
	char name[32];
	uint64_t instructions;
};
struct xdp_files {
	struct xdp_file files[XDP_FILES_MAX];
	size_t n;
};

struct xdp_row {
	char name[XDP_NAME_MAX]; /* stable: results are compared by it */
	struct xdp_config config;
	enum lb_reason expect; /* what is to become of each packet */
	uint8_t proto;	       /* of the packets, whatever the VIPs' is */
	bool syn;	       /* a TCP packet that opens a connection; else an established one */
	unsigned int tags;     /* VLAN tags that packets come with */
	enum xdp_shape shape;
	bool of_vip;  /* refused, but counted for the VIP that it is for, too */
	bool direct;  /* the balancer without the root program before it */
	size_t flows; /* a power of two */
	enum xdp_order order;
	double target_floors; /* the median is to be at most this many floors; 0: no target */
	const char *versus;   /* this row is to be at most `target_ratio` times that one; or NULL */
	double target_ratio;

	struct xdp_scene *scene; /* while it is measured; borrowed */
	uint32_t next_flow, next_turn;
	struct xdp_sample *samples; /* malloc'd */
	size_t n_samples;
	struct xdp_cost cost;	/* of the first flow's packet to the first VIP */
	struct xdp_files files; /* empty: not wanted */
	struct err error;	/* not empty: it did not take its path, or could not be measured */
};

struct xdp_rows {
	struct xdp_row *rows;
	size_t n;
};

struct xdp_size {
	size_t vips, backends, flows; /* 0: the standard list */
	bool quick;
};

/* All rows whose name matches `pattern` (fnmatch(3); NULL: all). -ENOMEM. */
int xdp_rows_make(const struct xdp_size *size, const char *pattern, struct xdp_rows *ret_rows);
void xdp_rows_free(struct xdp_rows *rows);

/* xdp_scene.c */
struct xdp_scene; /* opaque */

/* The shipped balancer with this configuration in its maps, behind the shipped root program. */
int xdp_scene_open(const struct xdp_config *config, struct xdp_scene **ret_scene, struct err *err);
void xdp_scene_close(struct xdp_scene *scene);
bool xdp_config_equal(const struct xdp_config *a, const struct xdp_config *b);
int xdp_scene_root_fd(const struct xdp_scene *scene);
int xdp_scene_balancer_fd(const struct xdp_scene *scene);
/* Borrowed; see dataplane.h. */
struct dataplane_code;
const struct dataplane_code *xdp_scene_root_code(const struct xdp_scene *scene);
const struct dataplane_code *xdp_scene_balancer_code(const struct xdp_scene *scene);
uint64_t xdp_scene_map_memory(const struct xdp_scene *scene);
/* For tests: takes the backends' next hops away, so that no packet is forwarded. */
void xdp_scene_spoil(struct xdp_scene *scene);
/* For tests: takes the balancer from behind the root program. */
void xdp_scene_empty_root(struct xdp_scene *scene);

/* For tests: takes the first two VIPs' counters for each other's. */
void xdp_scene_exchange_vips(struct xdp_scene *scene);

struct xdp_counts {
	struct lb_vip_counter *vips; /* [config.vips], by VIP in the order of their addresses */
	size_t n_vips;
	struct lb_counter reasons[LB_REASON_MAX];
};

int xdp_counts_read(const struct xdp_scene *scene, struct xdp_counts *ret_counts, struct err *err);
void xdp_counts_free(struct xdp_counts *counts);
/* Packets that all backends together got. */
int xdp_scene_backend_packets(const struct xdp_scene *scene, uint64_t *ret_packets,
			      size_t *ret_used, struct err *err);

/* xdp_proof.c */
struct xdp_proof {
	struct xdp_wrapper first; /* as it is before the first packet */
	struct xdp_counts was;
};

/* Columns of reasons.def: the name, and whether the packet is passed on to the kernel; a reason
 * that is neither that nor "forwarded" drops. */
const char *xdp_reason_name(enum lb_reason reason);
bool xdp_reason_passes(enum lb_reason reason);
/* To be ended by xdp_proof_end(), whatever it returns. */
int xdp_proof_begin(const struct xdp_row *row, const struct xdp_wrapper *first,
		    struct xdp_proof *ret_proof, struct err *err);
/* The counters grew by what the row says of `n` packets of `len` bytes; else -EBADMSG. */
int xdp_proof_check(const struct xdp_row *row, const struct xdp_proof *proof, uint64_t n,
		    size_t len, struct err *err);
void xdp_proof_end(struct xdp_proof *proof);

/* xdp_run.c */
struct xdp_bench; /* opaque: the wrapper, the empty program, the floor */

enum xdp_reference {
	XDP_EMPTY,
	XDP_FLOOR,
};

/*
 * Moves the calling thread into a network namespace of its own, where the wrapper is attached to
 * the loopback device, which is down: a program that is attached nowhere is entered into the
 * kernel's XDP dispatcher for each TEST_RUN and removed after it, and both wait for a grace period
 * of RCU.
 */
int xdp_bench_open(struct xdp_bench **ret_bench, struct err *err);
void xdp_bench_close(struct xdp_bench *bench);
/* Loads wrapper and reference programs anew. Where a program comes to lie makes some 10 % of the
 * floor, which many loads average out. On error what was loaded stays. */
int xdp_bench_reload(struct xdp_bench *bench, struct err *err);

/* One measurement of `timed` (at least 2) iterations after `warm` others. A row's first packets go
 * on where its last ones ended. -EBADMSG: it took another way than the row's, as `err` says.
 */
int xdp_bench_row(struct xdp_bench *bench, struct xdp_row *row, uint32_t warm, uint32_t timed,
		  double *ret_ns, struct err *err);
/* The same of a reference program, on the row's frames. */
int xdp_bench_reference(struct xdp_bench *bench, enum xdp_reference reference,
			const struct xdp_row *row, uint32_t warm, uint32_t timed, double *ret_ns,
			struct err *err);

/* How a row is measured each time that its turn comes. */
struct xdp_visit {
	uint32_t warm;	 /* packets before anything, until caches hold what they can */
	uint32_t rewarm; /* packets before each burst */
	uint32_t timed;	 /* packets of a burst */
	size_t bursts;	 /* samples */
};

/*
 * `visit->bursts` samples into the row's, each of bursts of the empty program, the floor, the row,
 * and the former two again. Packets and errors as with xdp_bench_row(); samples of a visit that
 * fails are not to be used.
 */
int xdp_bench_visit(struct xdp_bench *bench, struct xdp_row *row, const struct xdp_visit *visit,
		    struct err *err);

/* The frame of the row's first flow to its first VIP (XDP_PACKET_MAX bytes of room); its length. */
size_t xdp_row_frame(const struct xdp_row *row, uint8_t *ret_frame);
/* What the row's packets must come out with: XDP_*, and so many bytes more than they went in. */
uint32_t xdp_row_action(const struct xdp_row *row);
int xdp_row_growth(const struct xdp_row *row);

/* xdp_lines.c: which source file the balancer's instructions come from. */
struct xdp_lines; /* opaque */
int xdp_lines_open(struct xdp_lines **ret_lines, struct err *err);
void xdp_lines_close(struct xdp_lines *lines);
/* Adds to `files` what was executed, by instruction of the balancer; -E2BIG: of too many files. */
int xdp_lines_add(const struct xdp_lines *lines, const uint32_t *executed, size_t n,
		  struct xdp_files *files);

/* xdp_count.c: fills in the row's cost, and its files unless `lines` is NULL. -EBADMSG: the packet
 * went another way than in the kernel, or than the row's, or cannot be followed, as `err` says. */
int xdp_count_row(struct xdp_row *row, const struct xdp_lines *lines, struct err *err);

/* What the kernel tells of a program. */
struct xdp_program {
	char name[32];
	uint32_t insns;	   /* after the kernel's translation */
	uint32_t jited;	   /* bytes of machine code */
	uint32_t verified; /* instructions processed by the verifier; 0: this kernel does not say */
};
int xdp_program_read(int fd, struct xdp_program *ret_program, struct err *err);

#endif
