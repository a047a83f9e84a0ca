/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.h - every struct, enum and size that the BPF programs share with user space.
 *
 * There is one definition of each; whoever reads or writes a map includes this file. It holds no
 * code (see hash.h for the two hash functions both sides must agree on). All integers are in host
 * byte order unless their name ends in _be. A change of any layout here raises LB_ABI_VERSION.
 */
#ifndef LB_ABI_H
#define LB_ABI_H

#include <linux/types.h>

#define LB_ABI_MAGIC   0x534c5549u /* "SLUI" */
#define LB_ABI_VERSION 2u

#define LB_CACHE_LINE  64

/* Entries of lb_programs, the program array through which the root program tail-calls. */
enum lb_program_slot {
	LB_PROGRAM_BALANCER = 0, /* what runs on every packet */
	LB_PROGRAM_SLOTS
};

/* How a VIP's packets travel to the backend (DESIGN, section 5). */
enum lb_forward {
	LB_FORWARD_L2 = 1,
	LB_FORWARD_IPIP = 2,
	LB_FORWARD_GUE = 3,
};

/* struct lb_service.flags */
enum lb_service_flag {
	LB_SERVICE_HASH_SOURCE = 1 << 0, /* affinity: source; else the 5-tuple is hashed */
	LB_SERVICE_QUIC = 1 << 1,	 /* affinity: quic; what has no backend's id is hashed */
	LB_SERVICE_LIMITED = 1 << 2,	 /* `limits` says which rate limits hold */
};

/*
 * lb_services: one VIP, one cache line. The array has two halves of `service_half` lines;
 * lb_control.active_mask says which one is live. The line of a key is found without collisions by
 * lb_service_hash(), lb_disp and lb_service_place() (hash.h). A line with proto 0 is empty.
 */
struct lb_service {
	__u8 addr[16]; /* VIP address; IPv4 is v4-mapped (::ffff:a.b.c.d) */
	union {
		__u8 addr_tail[4]; /* its last four bytes again, in one word with what follows */
		struct {
			__u16 from, to; /* in lb_ranges: the ports for which the line stands */
		};
	};
	__u8 proto;	     /* IPPROTO_TCP or IPPROTO_UDP; 0: the line is empty */
	__u8 family;	     /* 4 or 6 */
	__be16 port_be;	     /* VIP port, the first of several */
	__u32 vip_id;	     /* index into lb_counters and lb_vip_base */
	__u32 first_slot;    /* of the pool's run; a multiple of LB_SLOTS_PER_LINE */
	__u32 slot_count;    /* 1 .. LB_SLOTS_MAX */
	__u32 first_backend; /* a slot's backend is lb_backends[first_backend + slot] */
	__u8 forward;	     /* enum lb_forward */
	__u8 flags;	     /* enum lb_service_flag */
	__u16 port_last;     /* the last of several; 0: there is one */
	__u32 pool_id;	     /* index into lb_pools, for the agent's adoption */
	__u8 source_skip;    /* HASH_SOURCE: bits at the address's end that are not hashed */
	__u8 reserved[3];    /* zero */
	__u32 quic_run;	     /* QUIC: the pool's run in lb_quic, whichever half it is in */
	__u32 limits;	     /* the VIP's run in lb_limits: LB_LIMITS_RUN(); 0: none */
	__u32 reserved2[1];  /* zero */
};
_Static_assert(sizeof(struct lb_service) == LB_CACHE_LINE, "a service is one cache line");

/*
 * lb_ranges: the VIPs of more than one port, two halves of `ranges` lines of struct lb_service.
 * Ranges may overlap; these lines do not. A line stands for the ports `from` to `to`, a part of
 * its VIP's own range (port_be to port_last) in which that VIP is the most specific one.
 *
 * The lines of one address and protocol lie together, ascending. Where, says a line of lb_services
 * whose key has port 0 and LB_SERVICE_RANGES in its protocol, so that no packet's key equals it: it
 * has the first of them (within the half) as first_slot and how many they are as slot_count. After
 * the last of these runs come the VIPs of which more specific ones have left no port, for the agent
 * that adopts the maps: their `from` is above their `to`.
 */
#define LB_SERVICE_RANGES 0x80
#define LB_RANGE_STEPS	  7u /* of the search in a run: fewer than 2^7 lines */

/*
 * QUIC connection ids that carry their backend's id, in the plain form of QUIC-LB
 * (draft-ietf-quic-load-balancers): one byte, of which the upper three bits are the configuration
 * and the lower five the number of bytes that follow; the backend's id, two bytes, most significant
 * first; then at least four bytes of the server's choice. A connection id has at most 20 bytes in
 * QUIC 1 (RFC 9000, section 17.2).
 */
#define LB_QUIC_CONFIG	     0
#define LB_QUIC_CONFIG_SHIFT 5
#define LB_QUIC_LEN_MASK     0x1f
#define LB_QUIC_LEN_MIN	     6u
#define LB_QUIC_LEN_MAX	     19u
#define LB_QUIC_ID_MAX	     0xffffu

/*
 * lb_quic: __u16 an entry, two halves. A pool's run: the largest id, then for each id from 1 up to
 * that the backend's place in its pool's run of lb_backends, or LB_SLOT_NONE.
 */

/* lb_disp: __u32 displacements of lb_services' buckets, two halves of `bucket_half`. */
#define LB_DISP_EMPTY 0xffffffffu /* no VIP is in the bucket */

/*
 * lb_limits: one rate limit of one VIP a line, two halves of layout_caps.limits lines, of which a
 * service points into the one that was written with it. A VIP's limits lie together, in the order
 * in which they are asked. The arithmetic is in gcra.h; rate, burst and prefixes are there for the
 * agent that adopts the maps.
 */
struct lb_limit {
	__u64 interval; /* time a packet, byte or connection, in 2^-GCRA_INTERVAL_SHIFT units */
	__u64 depth;	/* time of a whole burst, in units (gcra.h) */
	__u64 mask6_hi; /* what of an IPv6 source counts, as it lies on the wire */
	__u64 mask6_lo;
	__u64 rate;   /* a second */
	__u64 burst;  /* packets, bytes or connections */
	__u32 mask4;  /* the same of an IPv4 source */
	__u32 id;     /* index into lb_limit_cells and lb_limit_ctr; the same while the limit is */
	__u32 serial; /* in lb_limit_key: never given twice, so that no cell changes hands */
	__u8 prefix4; /* bits */
	__u8 prefix6;
	__u8 ordinal; /* among the VIP's limits that differ in rate, burst and action alone */
	__u8 flags;   /* enum lb_limit_flag */
};
_Static_assert(sizeof(struct lb_limit) == LB_CACHE_LINE, "a limit is one cache line");

enum lb_limit_flag {
	LB_LIMIT_SOURCE = 1 << 0,      /* a cell for each source; else one for the VIP */
	LB_LIMIT_BYTES = 1 << 1,       /* counts bytes of the frame as received */
	LB_LIMIT_CONNECTIONS = 1 << 2, /* counts TCP SYN without ACK; else packets */
	LB_LIMIT_COUNT_ONLY = 1 << 3,  /* counts what it would drop, and drops nothing */
};

#define LB_LIMITS_MAX		8u /* of one VIP */
#define LB_LIMITS_RUN(first, n) ((__u32)(first) << 4 | (n))
#define LB_LIMITS_FIRST(run)	((run) >> 4)
#define LB_LIMITS_N(run)	((run)&15u)
#define LB_LIMIT_LINES_MAX	(1u << 27) /* of both halves: a run's first line has 28 bits */

/* lb_limit_cells: the cell of a limit that is the VIP's, by id; all CPUs share it. */
struct lb_limit_cell {
	__u64 tat; /* theoretical arrival time (gcra.h) */
	__u64 reserved[7];
};
_Static_assert(sizeof(struct lb_limit_cell) == LB_CACHE_LINE, "a cell has a line for itself");

/* lb_limit_src: an LRU hash of theoretical arrival times (__u64) by limit and source. */
struct lb_limit_key {
	__u64 src_hi; /* masked by the limit's prefix; IPv4 is v4-mapped */
	__u64 src_lo;
	__u32 serial; /* of the limit */
	__u32 reserved;
};

/*
 * lb_slots (cur) and lb_slot_base (base): __u16 a slot, 32 slots a line. A slot holds an index
 * into its pool's run of backends. `base` is read on dirty slots alone (DESIGN, section 4).
 */
#define LB_SLOTS_PER_LINE    32u
#define LB_SLOT_DIRTY	     0x8000u
#define LB_SLOT_BACKEND	     0x7fffu
#define LB_SLOT_NONE	     0x7fffu	/* no backend: the packet is dropped as no-backend */
#define LB_SLOTS_MAX	     (1u << 24) /* slots of one pool, at the most */
#define LB_POOL_BACKENDS_MAX 16384u	/* backends of one pool, at the most */

/* struct lb_backend.flags */
enum lb_backend_flag {
	LB_BACKEND_USED = 1 << 0, /* the line belongs to a backend; the data path ignores it */
	LB_BACKEND_IPV6 = 1 << 2, /* the backend's address family, hence the outer header's */
	LB_BACKEND_DOWN =
	    1 << 3, /* health at last report; for adoption, the data path ignores it */
	/* Whatever belongs to it by its id reaches it, be it drained: the health checks say nothing
	 * against it, or all are ignored. */
	LB_BACKEND_ALIVE = 1 << 4,
	/* Next hop resolved: MACs, ifindex and outer header are valid. The sign of the word that
	 * the flags are read with, so that one instruction tests it. */
	LB_BACKEND_READY = 1 << 15,
	LB_BACKEND_OWNS = LB_BACKEND_ALIVE | LB_BACKEND_READY,
};

/*
 * lb_backends: one backend, one cache line. Its first two 64-bit words, which begin as an
 * Ethernet header does, are written by the agent with one store each, so a packet never sees half
 * of a next hop's MAC address; it may see half of our own when that changes with the device.
 *
 * The outer header is a template. Zero in it, and filled in per packet: the length (IPv4 tot_len,
 * IPv6 payload_len), the protocol (IPv4 protocol, IPv6 next header: it is the inner packet's
 * family), the traffic class, the IPv4 checksum, the IPv6 flow label. The rest is the agent's:
 * version, IPv4 ihl 5, id 0 and "don't fragment", TTL or hop limit, both addresses (where the
 * source is a prefix, its lowest address that may be used: see struct lb_encap). It is prepared
 * whatever the VIPs' forward modes are, since its destination also says which backend the line
 * belongs to.
 */
struct lb_backend {
	__u8 eth_dst[6];    /* next hop's MAC */
	__u8 eth_src[6];    /* outgoing device's MAC */
	__be16 vlan_tci_be; /* 802.1Q tag to put on; 0: none */
	__u16 flags;	    /* enum lb_backend_flag */
	__u32 ifindex;	    /* outgoing device (below any VLAN device) */
	__u16 mtu;	    /* largest IP packet towards the next hop, bytes */
	__u16 outer_sum;    /* ones' complement sum of the template (IPv4), or of its two addresses
			     * (IPv6), not inverted, as the bytes lie in memory */
	union {
		__u8 outer[40]; /* IPv6 header, or IPv4 header in the first 20 bytes */
		__u32 outer_u32[10];
	};
};
_Static_assert(sizeof(struct lb_backend) == LB_CACHE_LINE, "a backend is one cache line");

/*
 * What tunnelled packets are made of beyond the backends' lines. It is part of the settings, hence
 * fixed for a generation of maps; a mask's bits of the outer source address are zero in the lines.
 */
struct lb_encap {
	__be32 source4_mask_be; /* bits of an outer IPv4 source that the flow's hash gives */
	__be32 source6_mask_be; /* the same of the last four bytes of an IPv6 one */
	__be16 gue_port_be;	/* UDP destination port of forward: gue */
	__u8 gue_header;	/* bytes of the GUE header: 4 (variant 0) or 0 (variant 1) */
	__u8 gue_zero6;		/* 1: the UDP checksum is zero in IPv6, too */
	__u32 reserved;		/* zero */
};
_Static_assert(sizeof(struct lb_encap) == 16, "no padding: it is compared by bytes");

/* lb_control: one entry. */
struct lb_control {
	__u32 magic;	       /* LB_ABI_MAGIC */
	__u32 abi;	       /* LB_ABI_VERSION */
	__u32 active_mask;     /* 0, or all ones if the second half of lb_services, lb_disp and
				* lb_pools is the live one */
	__u32 generation;      /* counts what was built anew, for the operator */
	__u64 seed;	       /* lb_settings.seed, for the agent that adopts the maps */
	struct lb_encap encap; /* what the settings were made from, likewise */
	__u32 limit_serial;    /* the last one given to a limit */
	__u32 reserved[5];
};
_Static_assert(sizeof(struct lb_control) == LB_CACHE_LINE, "control is one cache line");

/*
 * What is fixed for a program's life. The agent writes it into the balancer's instructions before
 * they are loaded: an instruction that loads LB_SETTING_MARK plus a field's offset is made to load
 * the field. All fields are 64 bits wide, so that one step serves them all.
 */
struct lb_settings {
	__u64 seed;	      /* of the flow hash (node.seed) */
	__u64 bucket_half;    /* entries of one half of lb_disp: 2^n, n from 1 on */
	__u64 bucket_shift;   /* 64 - n */
	__u64 service_half;   /* lines of one half of lb_services: 2^n, n from 1 on */
	__u64 service_shift;  /* 64 - n */
	__u64 ranges;	      /* lines of one half of lb_ranges; 0: no VIP has more than one port */
	__u64 quic;	      /* entries of lb_quic, both halves; 0: no VIP has affinity: quic */
	__u64 slots;	      /* entries of lb_slots */
	__u64 backends;	      /* lines of lb_backends, and counters in a row of lb_counters */
	__u64 vips;	      /* counters in a row of lb_counters */
	__u64 cpus;	      /* rows of lb_counters and lb_reason_ctr */
	__u64 counter_row;    /* bytes from one CPU's row of lb_counters to the next */
	__u64 backend_column; /* bytes from the beginning of a row to its first backend */
	__u64 limit_lines;    /* lines of lb_limits; 0: no VIP has a rate limit */
	__u64 limits;	      /* cells, and counters in a row of lb_limit_ctr */
	__u64 limit_row;      /* bytes from one CPU's row of lb_limit_ctr to the next */
	__u64 source4_mask;   /* these are struct lb_encap's */
	__u64 source6_mask;
	__u64 gue_port_be;
	__u64 gue_header;
	__u64 gue_zero6;
};
#define LB_SETTING_MARK 0x51c3a00000000000ull
/* The same in a 32-bit "and" with a constant, and in a 64-bit shift by one. */
#define LB_SETTING_IMM 0x51c3a000

/*
 * Counters. A map of them has a row for each CPU, by the CPU's number, and only that CPU writes to
 * it; rows are whole cache lines. Bytes are frame bytes as received, Ethernet included.
 */
struct lb_counter {
	__u64 packets;
	__u64 bytes;
};

/* lb_reason_ctr: counters of a row, whatever the version, so that it outlives program versions. */
#define LB_REASON_ROW 64u

/*
 * lb_counters: a row is the VIPs' counters by vip_id, then, from backend_column on, the backends'
 * (struct lb_counter) by their line. Packets that reached a VIP are forwarded + dropped.
 */
struct lb_vip_counter {
	struct lb_counter forwarded;
	struct lb_counter dropped;
};

/*
 * lb_limit_ctr: what limits found to be too much, by their id. After the CPUs' rows comes one that
 * the agent alone writes: what it adds to their sum (see lb_vip_base).
 */
struct lb_limit_counter {
	struct lb_counter dropped;
	struct lb_counter would_drop; /* LB_LIMIT_COUNT_ONLY */
};

/*
 * lb_pools: the agent's own directory, so that the next agent knows what is whose. Two halves, as
 * lb_services. No program reads it.
 */
#define LB_NAME_MAX 64 /* with the terminating zero */

struct lb_pool_record {
	char name[LB_NAME_MAX]; /* zero-terminated; empty: no pool */
	__u32 first_slot;
	__u32 slot_count;
	__u32 first_backend;
	__u32 backend_cap; /* lines of lb_backends that the pool owns */
	__u32 reserved[12];
};
_Static_assert(sizeof(struct lb_pool_record) == 128, "a pool record is two cache lines");

/*
 * lb_vip_base and lb_be_base, the agent's own too: what a reader adds to the sum over the CPUs to
 * get an object's total, modulo 2^64, so that no counter is ever cleared and a total survives its
 * object's move to another id or a larger map. Types: struct lb_vip_counter and struct lb_counter.
 */

/* Reasons: what became of a packet and why; the list is reasons.def. */
enum lb_reason {
#define LB_REASON(id, name, action, help) LB_REASON_##id,
#include "reasons.def"
#undef LB_REASON
	LB_REASON_MAX
};

/* lb_decap (lb-decap's program): the addresses whose tunnelled packets are unwrapped. */
struct lb_decap_key {
	__u8 addr[16]; /* inner destination, v4-mapped */
};

/* lb_decap_ctr: what lb-decap counts. */
enum lb_decap_counter {
#define LB_DECAP_COUNTER(id, name, help) LB_DECAP_##id,
#include "decap_counters.def"
#undef LB_DECAP_COUNTER
	LB_DECAP_MAX
};

#endif
