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
	__u32 reserved2[3];  /* zero */
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

/* lb_disp: __u32 displacements of lb_services' buckets, two halves of `bucket_half`. */
#define LB_DISP_EMPTY 0xffffffffu /* no VIP is in the bucket */

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
	/* Next hop resolved: MACs, ifindex and outer header are valid. The sign of the word that
	 * the flags are read with, so that one instruction tests it. */
	LB_BACKEND_READY = 1 << 15,
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
	__u32 reserved[6];
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
	__u64 slots;	      /* entries of lb_slots */
	__u64 backends;	      /* lines of lb_backends, and counters in a row of lb_counters */
	__u64 vips;	      /* counters in a row of lb_counters */
	__u64 cpus;	      /* rows of lb_counters and lb_reason_ctr */
	__u64 counter_row;    /* bytes from one CPU's row of lb_counters to the next */
	__u64 backend_column; /* bytes from the beginning of a row to its first backend */
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
