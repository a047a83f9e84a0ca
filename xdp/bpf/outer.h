/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * outer.h - the outer IP header of a tunnelled packet, whatever lies between it and the inner one.
 *
 * It is the backend's template with its length, protocol, traffic class and checksum (IPv4) or flow
 * label (IPv6) filled in, and with the flow's bits of the source address where that is a prefix.
 */
#ifndef LB_BPF_OUTER_H
#define LB_BPF_OUTER_H

#include "csum.h"
#include "parse.h"
#include "pkt.h"
#include "settings.h"

struct lb_outer {
	__u32 proto; /* of what follows the header */
	__u32 extra; /* bytes between the header and the inner packet */
	__u32 tos;   /* traffic class */
};

/* DSCP and ECN of the inner packet, whose header is still where it came. */
static __always_inline __u32 lb_outer_tos(const struct lb_pkt *pkt, const int af)
{
	const void *l3 = pkt->data + pkt->l3_off;

	return af == LB_IPV4 ? *(const __u8 *)(l3 + 1) : bpf_ntohs(*(const __be16 *)l3) >> 4 & 0xff;
}

/* The flow's bits of the source address: the hash's lowest ones, since its highest have chosen the
 * backend. `mask` is a setting. */
static __always_inline __u32 lb_outer_host(const struct lb_pkt *pkt, __u32 mask)
{
	return bpf_htonl(pkt->hash) & mask;
}

/* The traffic class, congestion mark included, is the inner one's copy: RFC 6040, section 4.1,
 * normal mode. */
static __always_inline void lb_outer_write_v4(const struct lb_pkt *pkt, __u32 *outer,
					      const struct lb_outer *with)
{
	const struct lb_backend *backend = pkt->backend;
	const __u16 tot_len_be = bpf_htons(pkt->ip_len + LB_IPV4_MIN + with->extra);
	const __u32 tos_word = with->tos << 8, proto_word = with->proto << 8;
	__u64 addresses = *(const __u64 *)(backend->outer_u32 + 3);
	__u32 sum = backend->outer_sum, host;

	sum += tot_len_be;
	sum += tos_word;
	sum += proto_word;
	if (lb_setting(source4_mask)) {
		host = lb_outer_host(pkt, lb_setting(source4_mask));
		addresses |= host;
		sum += host & 0xffff;
		sum += host >> 16;
	}
	outer[0] = backend->outer_u32[0] | tos_word | ((__u32)tot_len_be << 16);
	outer[1] = backend->outer_u32[1];
	outer[2] = backend->outer_u32[2] | proto_word | ((__u32)lb_csum_fold(sum) << 16);
	*(__u64 *)(outer + 3) = addresses;
}

/* The flow label carries the flow's entropy, so that routers and NICs which spread by it see
 * flows and not one tunnel (RFC 6438). */
static __always_inline void lb_outer_write_v6(const struct lb_pkt *pkt, __u32 *outer,
					      const struct lb_outer *with)
{
	const struct lb_backend *backend = pkt->backend;
	const __u32 first = with->tos << 20 | (pkt->hash & 0xfffff);

	outer[0] = backend->outer_u32[0] | bpf_htonl(first);
	outer[1] =
	    backend->outer_u32[1] | bpf_htons(pkt->ip_len + with->extra) | (with->proto << 16);
	for (int i = 2; i < 10; i += 2)
		*(__u64 *)(outer + i) = *(const __u64 *)(backend->outer_u32 + i);
	if (lb_setting(source6_mask)) /* the last four bytes of the source */
		outer[5] |= lb_outer_host(pkt, lb_setting(source6_mask));
}

/* `outer_af` is a constant. */
static __always_inline void lb_outer_write(const struct lb_pkt *pkt, void *outer,
					   const struct lb_outer *with, const int outer_af)
{
	if (outer_af == LB_IPV4)
		lb_outer_write_v4(pkt, outer, with);
	else
		lb_outer_write_v6(pkt, outer, with);
}

static __always_inline __u32 lb_outer_length(const int outer_af)
{
	return outer_af == LB_IPV4 ? LB_IPV4_MIN : LB_IPV6_LEN;
}

#endif
