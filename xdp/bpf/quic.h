/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * quic.h - affinity: quic: the backend whose id is in the packet's destination connection id, so
 * that a client that changes its address stays where its connection is.
 *
 * What is read is invariant over QUIC's versions (RFC 8999): the header form, and in a long header
 * the connection id's length. The id's own layout is abi.h's. A packet that has no such id goes by
 * its hash like any other of UDP. It is a global function, so that it is checked once.
 */
#ifndef LB_BPF_QUIC_H
#define LB_BPF_QUIC_H

#include "compiler.h"
#include "maps.h"
#include "settings.h"

#define LB_QUIC_NO_BACKEND 0xffffffffu
#define LB_QUIC_UDP_LEN	   8u
#define LB_QUIC_LONG	   0x80 /* of the first byte: a long header follows (RFC 8999, section 5.1) */
#define LB_QUIC_LONG_LEN   6u	/* it, the version, the id's length */
#define LB_QUIC_SHORT_LEN  1u
#define LB_QUIC_ID_END	   3u /* what is read of a connection id */
#define LB_QUIC_OFF_MAX	   0x7fff

/* The line of the backend with this id in the run at `run`, if it is alive and can be reached. */
static __always_inline __u32 lb_quic_line(__u32 id, __u32 run, __u32 first_backend)
{
	const __u16 *ids = lb_table(lb_quic, __u16);
	const struct lb_backend *backend;
	__u32 line;

	if (run >= lb_setting(quic) || id > ids[run] || run + id >= lb_setting(quic))
		return LB_QUIC_NO_BACKEND;
	line = ids[run + id];
	if (line == LB_SLOT_NONE)
		return LB_QUIC_NO_BACKEND;
	line += first_backend;
	if (line >= lb_setting(backends))
		return LB_QUIC_NO_BACKEND;
	backend = &lb_table(lb_backends, struct lb_backend)[line];
	if ((LB_READ_ONCE(backend->flags) & LB_BACKEND_OWNS) != LB_BACKEND_OWNS)
		return LB_QUIC_NO_BACKEND;
	return line;
}

/* The line of the packet whose UDP header is at `l4_off` in the frame, or LB_QUIC_NO_BACKEND. The
 * UDP length is known to be within the frame, and not below 8. */
__attribute__((noinline)) __u32 lb_quic_backend(struct xdp_md *ctx, __u32 l4_off, __u32 run,
						__u32 first_backend)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const __u8 *cid, *first = data + (l4_off & LB_QUIC_OFF_MAX) + LB_QUIC_UDP_LEN;
	__u32 header = LB_QUIC_SHORT_LEN, claimed = 0, len, payload;

	/* For the verifier; see range.h. */
	if (!lb_setting(quic))
		return LB_QUIC_NO_BACKEND;
	if ((const void *)first + LB_QUIC_SHORT_LEN > data_end)
		return LB_QUIC_NO_BACKEND;
	payload = bpf_ntohs(*(const __be16 *)(first - 4)) - LB_QUIC_UDP_LEN;
	if (*first & LB_QUIC_LONG) {
		if ((const void *)first + LB_QUIC_LONG_LEN > data_end)
			return LB_QUIC_NO_BACKEND;
		header = LB_QUIC_LONG_LEN;
		claimed = first[LB_QUIC_LONG_LEN - 1];
	}
	cid = first + header;
	if ((const void *)cid + LB_QUIC_ID_END > data_end)
		return LB_QUIC_NO_BACKEND;
	len = cid[0] & LB_QUIC_LEN_MASK;
	if (cid[0] >> LB_QUIC_CONFIG_SHIFT != LB_QUIC_CONFIG || len < LB_QUIC_LEN_MIN ||
	    len > LB_QUIC_LEN_MAX || header + 1 + len > payload)
		return LB_QUIC_NO_BACKEND;
	if (header == LB_QUIC_LONG_LEN && claimed != len + 1)
		return LB_QUIC_NO_BACKEND;
	return lb_quic_line(cid[1] << 8 | cid[2], run, first_backend);
}

#endif
