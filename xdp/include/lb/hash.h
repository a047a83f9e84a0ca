/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hash.h - the hash functions on which the data plane and the agent must agree.
 *
 * All inputs are words as they lie in memory (network byte order, not converted), so both sides
 * compute the same value on one machine. Boxes of different endianness do not agree; both
 * supported architectures are little-endian.
 *
 * The mix is the 64-bit finaliser family of SplitMix64 / MurmurHash3 (xor-shift and odd
 * multiplication): three multiplications, no look-up, no helper.
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

static __always_inline __u64 lb_hash_mix(__u64 x)
{
	x ^= x >> 32;
	x *= LB_HASH_K1;
	x ^= x >> 29;
	return x;
}

/* The slot of a flow in its run of `slot_count` slots: the hash range divided evenly. */
static __always_inline __u32 lb_hash_slot(__u32 hash, __u32 slot_count)
{
	return (__u32)(((__u64)hash * slot_count) >> 32);
}

/*
 * Hash of a service key. `addr` is the 16-byte v4-mapped address as four words; `v4` says that it
 * is mapped (a constant in the data plane, so the three fixed words cost nothing there).
 */
static __always_inline __u64 lb_service_hash(const __u32 addr[4], int v4, __be16 port_be,
					     __u8 proto)
{
	__u64 tail = ((__u64)addr[3] << 32) | ((__u32)port_be << 16) | proto;
	__u64 h = tail;

	if (!v4) {
		__u64 hi = ((__u64)addr[1] << 32) | addr[0];

		h ^= lb_hash_mix(hi * LB_HASH_K3 + addr[2]);
	}
	h *= LB_HASH_K2;
	return lb_hash_mix(h);
}

/* Which entry of lb_disp a key uses (within a half). */
static __always_inline __u32 lb_service_bucket(__u64 hash, __u32 bucket_mask)
{
	return (__u32)hash & bucket_mask;
}

/* Which line of lb_services a key is in (within a half), given its bucket's displacement. */
static __always_inline __u32 lb_service_position(__u64 hash, __u32 disp, __u32 service_mask)
{
	return (__u32)(((hash ^ disp) * LB_HASH_K3) >> 32) & service_mask;
}

/*
 * Hash of a flow, keyed by `seed`. Addresses as in lb_service_hash(); `ports` is the first four
 * bytes of the TCP or UDP header. With affinity: source, pass the source alone by
 * lb_flow_hash_source().
 */
static __always_inline __u32 lb_flow_hash(__u64 seed, const __u32 src[4], const __u32 dst[4],
					  int v4, __u32 ports, __u8 proto)
{
	__u64 h;

	if (v4) {
		h = lb_hash_mix(seed ^ (((__u64)dst[3] << 32) | src[3]));
	} else {
		h = lb_hash_mix(seed ^ (((__u64)src[1] << 32) | src[0]));
		h = lb_hash_mix(h ^ (((__u64)src[3] << 32) | src[2]));
		h = lb_hash_mix(h + (((__u64)dst[1] << 32) | dst[0]));
		h = lb_hash_mix(h ^ (((__u64)dst[3] << 32) | dst[2]));
	}
	h = (h ^ (((__u64)ports << 8) | proto)) * LB_HASH_K2;
	return (__u32)(lb_hash_mix(h) >> 32);
}

static __always_inline __u32 lb_flow_hash_source(__u64 seed, const __u32 src[4], int v4)
{
	__u64 h;

	if (v4) {
		h = lb_hash_mix(seed ^ src[3]);
	} else {
		h = lb_hash_mix(seed ^ (((__u64)src[1] << 32) | src[0]));
		h = lb_hash_mix(h ^ (((__u64)src[3] << 32) | src[2]));
	}
	return (__u32)(lb_hash_mix(h * LB_HASH_K2) >> 32);
}

#endif
