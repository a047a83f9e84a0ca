/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_packet.h - the frames of 'lb-bench xdp': addresses from the ranges that are set aside for
 * benchmarks (RFC 2544, RFC 5180) and 64 bytes or little more, as in every table of packet rates.
 */
#ifndef LB_BENCH_XDP_PACKET_H
#define LB_BENCH_XDP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "xdp_shared.h"

#define XDP_PORT	443u
#define XDP_PORT_NO_VIP 444u
#define XDP_PACKET_MAX	128u

/* The address of VIP `i`. */
void xdp_packet_vip(int af, size_t i, struct lb_addr *ret_addr);

/* Writes the frame of the first flow to the first VIP; returns its length. */
size_t xdp_packet_write(int af, uint8_t proto, bool syn, uint16_t port,
			uint8_t ret_frame[XDP_PACKET_MAX]);

/* What the wrapper needs to restore such a frame. */
void xdp_packet_wrapper(int af, const uint8_t *frame, size_t len, struct xdp_wrapper *ret_wrapper);

#endif
