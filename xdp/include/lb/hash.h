/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hash.h - the hash functions on which the data plane and the agent must agree.
 *
 * All inputs are words as they lie in memory (network byte order, not converted), so both sides
 * compute the same value on one machine. An address is two of them: `hi`, its first eight bytes,
 * and `lo`, its last; `last` is its last four. IPv4 is v4-mapped. Boxes of different endianness do
 * not agree; both supported architectures are little-endian.
 *
 * Words are multiplied by odd 64-bit constants and added; then the sum's halves are folded into
 * each other and it is multiplied again ("a turn"). Results are upper bits: in a product they
 * depend on every bit below. IPv6 takes a turn more, without which neighbouring addresses pile up
 * under some seeds (test/unit/test_hash.c). No look-up, no helper.
 */
#ifndef LB_HASH_H
#define LB_HASH_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif

#define LB_HASH_K1 0xbf58476d1ce4e5b9ull
#define LB_HASH_K2 0x94d049bb133111ebull
#define LB_HASH_K3 0x9e3779b97f4a7c15ull
#define LB_HASH_K4 0xc2b2ae3d27d4eb4full

static __always_inline __u64 lb_hash_mix(__u64 x)
{
	x ^= x >> 32;
	x *= LB_HASH_K1;
	x ^= x >> 29;
	return x;
}

/* Folds the halves of a word into each other and multiplies. It can be undone: no two words become
 * one. The upper bits of the result depend on every bit of the word. */
static __always_inline __u64 lb_hash_turn(__u64 h, __u64 odd)
{
	return (h ^ h >> 32) * odd;
}

/* The slot of a flow in its run of `slot_count` slots: the hash range divided evenly. */
static __always_inline __u32 lb_hash_slot(__u32 hash, __u32 slot_count)
{
	return (__u32)(((__u64)hash * slot_count) >> 32);
}

/*
 * The word of a service's key that holds the last four bytes of the address, the protocol, the
 * family (4 or 6) and the port: all that an IPv4 key has, since the rest of its address is
 * constant.
 */
static __always_inline __u64 lb_service_tail(__u32 addr_last, __be16 port_be, __u8 proto,
					     __u8 family)
{
	return addr_last | (__u64)(proto | (__u32)family << 8 | (__u32)port_be << 16) << 32;
}

/*
 * Hash of a service key: its tail and, but for IPv4, the rest of the address. `v4` says that the
 * address is mapped (a constant in the data plane). Different IPv4 keys have different hashes.
 */
static __always_inline __u64 lb_service_hash(__u64 tail, __u64 addr_hi, __u64 addr_lo, int v4)
{
	__u64 h = tail * LB_HASH_K2;

	if (!v4)
		h += addr_hi * LB_HASH_K1 + addr_lo * LB_HASH_K3;
	return lb_hash_turn(h, LB_HASH_K1);
}

/*
 * Where a key is: the upper bits of its hash are its bucket (within a half of lb_disp), and with
 * that bucket's displacement the upper bits of this are its line (within a half of lb_services).
 * Upper bits, because they depend on every bit of the key.
 */
static __always_inline __u64 lb_service_place(__u64 hash, __u32 disp)
{
	return (hash ^ disp) * LB_HASH_K3;
}

/*
 * Hash of a flow, keyed by `seed`: the source, `ports` (the first four bytes of the TCP or UDP
 * header) and, by its hash, the service. With affinity: source, that of the source alone.
 */
static __always_inline __u32 lb_flow_hash(__u64 seed, __u64 src_hi, __u64 src_lo, __u32 src_last,
					  int v4, __u32 ports, __u64 service_hash)
{
	__u64 h = ((v4 ? src_last : src_hi) ^ seed) * LB_HASH_K1 + ports * LB_HASH_K4;

	if (!v4)
		h = lb_hash_turn(h + src_lo, LB_HASH_K3);
	return (__u32)(lb_hash_turn(h + service_hash, LB_HASH_K2) >> 32);
}

static __always_inline __u32 lb_flow_hash_source(__u64 seed, __u64 src_hi, __u64 src_lo,
						 __u32 src_last, int v4)
{
	__u64 h = ((v4 ? src_last : src_hi) ^ seed) * LB_HASH_K1;

	if (!v4)
		h = lb_hash_turn(h + src_lo, LB_HASH_K3);
	h = lb_hash_turn(h, LB_HASH_K2);
	return (__u32)(lb_hash_turn(h, LB_HASH_K3) >> 32);
}

#endif
