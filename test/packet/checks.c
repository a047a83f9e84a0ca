/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checks.c - compares an outcome with what the packet's description says it must be.
 */
#include "checks.h"

#include <string.h>

#include <criterion/criterion.h>

static void expect_same_bytes(const char *name, const struct frame *is, const uint8_t *want,
			      size_t want_len)
{
	cr_expect_eq(is->len, want_len, "%s: %zu bytes came out, not %zu", name, is->len, want_len);
	for (size_t i = 0; i < want_len && i < is->len; i++) {
		if (is->data[i] != want[i]) {
			cr_expect(false, "%s: byte %zu is %02x, not %02x", name, i, is->data[i],
				  want[i]);
			return;
		}
	}
}

/* Too short for its ports, a packet is refused before its VIP is known; else when it is. */
static bool is_of_a_vip(int reason, const struct packet *packet)
{
	switch (reason) {
	case LB_REASON_L4_TRUNCATED:
		return packet->proto == 6 && packet->ip_len_add == -1;
	case LB_REASON_IP_MAPPED:
	case LB_REASON_TCP_HEADER_LENGTH:
	case LB_REASON_UDP_LENGTH:
	case LB_REASON_NO_BACKEND:
	case LB_REASON_BACKEND_NOT_READY:
	case LB_REASON_TOO_BIG:
	case LB_REASON_NO_HEADROOM:
		return true;
	default:
		return false;
	}
}

void check_reason(struct rig *rig, const char *name, const struct packet *packet, int reason)
{
	struct rig_result result;
	struct frame in;

	packet_build(packet, &in);
	rig_run(rig, &in, &result);
	cr_expect_eq(result.reason, reason, "%s: counted as %s, not %s", name,
		     rig_reason_name(result.reason), rig_reason_name(reason));
	cr_expect_eq(result.action, rig_reason_action(reason), "%s: action %u", name,
		     result.action);
	cr_expect_eq(result.vip_forwarded, -1, "%s: counted as forwarded", name);
	cr_expect_eq(result.backend, -1, "%s: counted for a backend", name);
	if (reason != LB_REASON_TABLE_FAULT) {
		const bool of_vip = is_of_a_vip(reason, packet);

		cr_expect_eq(result.vip_dropped >= 0, of_vip, "%s: VIP's drop counter", name);
		cr_expect_eq(result.counted, of_vip ? 2 : 1, "%s: %u counters grew", name,
			     result.counted);
	}
	cr_expect_eq(result.bytes_mismatch, 0, "%s: bytes counted wrongly", name);
	expect_same_bytes(name, &result.out, in.data, in.len);
}

static void expect_outer_checksum(const char *name, const struct frame *out)
{
	size_t l3 = 14;

	while (out->data[l3 - 2] == 0x81 && out->data[l3 - 1] == 0)
		l3 += 4;
	if (out->data[l3] >> 4 == 4)
		cr_expect_eq(packet_checksum(out->data + l3, (out->data[l3] & 15) * 4), 0,
			     "%s: IPv4 header checksum", name);
}

void check_forwarded(struct rig *rig, const char *name, const struct packet *packet)
{
	struct rig_result result;
	struct frame in, want;
	int vip, backend;

	packet_build(packet, &in);
	rig_expect(rig, packet, &in, &want, &vip, &backend);
	rig_run(rig, &in, &result);
	cr_expect_eq(result.action, rig_expect_action(rig), "%s: action %u, counted as %s", name,
		     result.action, rig_reason_name(result.reason));
	cr_expect_eq(result.vip_forwarded, vip, "%s: counted for VIP %d, not %d", name,
		     result.vip_forwarded, vip);
	cr_expect_eq(result.backend, backend, "%s: counted for backend %d, not %d", name,
		     result.backend, backend);
	cr_expect_eq(result.counted, 2, "%s: %u counters grew, not the VIP's and the backend's",
		     name, result.counted);
	cr_expect_eq(result.bytes_mismatch, 0, "%s: bytes counted wrongly", name);
	expect_same_bytes(name, &result.out, want.data, want.len);
	expect_outer_checksum(name, &result.out);
}

void check_cuts(struct rig *rig, const char *name, const struct packet *packet)
{
	struct frame in;

	packet_build(packet, &in);
	for (size_t len = 14; len < in.len; len++) {
		struct rig_result result;
		const bool whole = len >= in.l3 + in.ip_len;

		rig_run_cut(rig, &in, len, &result);
		if (result.action == XDP_TX || result.action == XDP_REDIRECT) {
			cr_expect(whole, "%s: forwarded %zu bytes of it", name, len);
			cr_expect_eq(result.counted, 2, "%s at %zu", name, len);
			continue;
		}
		cr_assert(result.reason > LB_REASON_FORWARDED, "%s at %zu: no reason", name, len);
		cr_expect_eq(result.action, rig_reason_action(result.reason),
			     "%s at %zu: action %u", name, len, result.action);
		cr_expect_neq(result.reason, LB_REASON_TABLE_FAULT, "%s at %zu", name, len);
		expect_same_bytes(name, &result.out, in.data, len);
	}
}
