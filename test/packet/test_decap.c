/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_decap.c - lb-decap's program: what is unwrapped, what is left alone, and that a frame comes
 * out of balancer and decap as it went in.
 */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "decap_bench.h"
#include "packets.h"
#include "rig.h"

#define TCP 6
#define UDP 17

static const struct wrap tunnels[] = {
    {.dst_mac = {2, 0, 0, 0, 0, 9},
     .src_mac = {2, 0, 0, 0, 0, 8},
     .outer_af = 4,
     .outer_src = "10.0.0.1",
     .outer_dst = "10.0.1.11"},
    {.dst_mac = {2, 0, 0, 0, 0, 9},
     .src_mac = {2, 0, 0, 0, 0, 8},
     .outer_af = 6,
     .outer_src = "2001:db8:a::1",
     .outer_dst = "2001:db8:b::11",
     .flow_label = 0x12345},
};

/* The frame of `inner`, alone, behind the tunnel's Ethernet header and tag. */
static void plain_frame(const struct frame *inner, int af, const struct wrap *tunnel,
			struct frame *ret)
{
	struct wrap plain = *tunnel;

	plain.outer_af = 0;
	packet_wrap(inner, af, &plain, ret);
}

Test(decap, removes_all_four_combinations_and_keeps_tags)
{
	struct decap_bench bench;
	char name[80];

	decap_bench_open(&bench);
	for (int i = 0; i < 16; i++) {
		struct wrap tunnel = tunnels[i & 1];
		struct packet packet = {.af = i & 2 ? 6 : 4,
					.proto = i & 4 ? UDP : TCP,
					.tos = 0x28,
					.payload = 20,
					.padding = i & 4 ? 3 : 0};
		struct frame inner, in, want;
		struct decap_outcome outcome;

		tunnel.tci = i & 8 ? 0x6123 : 0;
		snprintf(name, sizeof(name), "v%d in v%d, tag %04x", packet.af, tunnel.outer_af,
			 tunnel.tci);
		packet_build(&packet, &inner);
		packet_wrap(&inner, packet.af, &tunnel, &in);
		plain_frame(&inner, packet.af, &tunnel, &want);
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect(name, &outcome, LB_DECAP_UNWRAPPED, &want);
	}
	decap_bench_close(&bench);
}

/* A second, outer tag before the tunnel's: both stay. */
Test(decap, keeps_two_tags)
{
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 4; i++) {
		const struct packet packet = {.af = i & 2 ? 6 : 4, .proto = TCP};
		struct frame inner, in, want, *frames[] = {&in, &want};
		struct wrap tunnel = tunnels[i & 1];
		struct decap_outcome outcome;

		tunnel.tci = 0x0123;
		packet_build(&packet, &inner);
		packet_wrap(&inner, packet.af, &tunnel, &in);
		plain_frame(&inner, packet.af, &tunnel, &want);
		for (int j = 0; j < 2; j++) {
			memmove(frames[j]->data + 16, frames[j]->data + 12, frames[j]->len - 12);
			memcpy(frames[j]->data + 12, "\x88\xa8\x20\x07", 4);
			frames[j]->len += 4;
		}
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("two tags", &outcome, LB_DECAP_UNWRAPPED, &want);
	}
	decap_bench_close(&bench);
}

Test(decap, removes_an_outer_ipv4_header_with_options)
{
	const struct packet packet = {.af = 4, .proto = UDP, .payload = 5};
	struct frame inner, in, want;
	struct decap_outcome outcome;
	struct decap_bench bench;

	decap_bench_open(&bench);
	packet_build(&packet, &inner);
	packet_wrap(&inner, 4, &tunnels[0], &in);
	plain_frame(&inner, 4, &tunnels[0], &want);
	memmove(in.data + 14 + 60, in.data + 14 + 20, in.len - 34);
	memset(in.data + 34, 1, 40);
	in.len += 40;
	in.data[14] = 0x4f;
	in.data[17] += 40;
	decap_bench_run(&bench, &in, in.len, &outcome);
	decap_expect("options", &outcome, LB_DECAP_UNWRAPPED, &want);
	decap_bench_close(&bench);
}

/* RFC 6040, figure 4: rows are the inner mark, columns the outer one; -1 drops. */
Test(decap, combines_congestion_marks_by_rfc6040)
{
	static const int table[4][4] = {
	    {0, 0, 0, -1}, /* not ECN-capable */
	    {1, 1, 1, 3},  /* ECT(1) */
	    {2, 1, 2, 3},  /* ECT(0) */
	    {3, 3, 3, 3},  /* congestion experienced */
	};
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 64; i++) {
		const int inner_mark = i & 3, outer_mark = i >> 2 & 3;
		const int mark = table[inner_mark][outer_mark];
		struct packet packet = {
		    .af = i & 16 ? 6 : 4, .proto = TCP, .tos = 0xb8 | inner_mark, .payload = 1};
		const struct wrap *tunnel = &tunnels[i >> 5];
		struct frame inner, marked, in, want;
		struct decap_outcome outcome;
		char name[80];

		snprintf(name, sizeof(name), "v%d in v%d, inner %d, outer %d", packet.af,
			 tunnel->outer_af, inner_mark, outer_mark);
		packet_build(&packet, &inner);
		packet_wrap(&inner, packet.af, tunnel, &in);
		if (tunnel->outer_af == 4)
			in.data[15] = (in.data[15] & 0xfc) | outer_mark;
		else
			in.data[15] = (in.data[15] & 0xcf) | outer_mark << 4;
		if (mark >= 0)
			packet.tos = 0xb8 | mark;
		packet_build(&packet, &marked); /* with a checksum of its own */
		plain_frame(&marked, packet.af, tunnel, &want);
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect(name, &outcome, mark < 0 ? LB_DECAP_ECN_DROPPED : LB_DECAP_UNWRAPPED,
			     mark < 0 ? &in : &want);
	}
	decap_bench_close(&bench);
}

Test(decap, leaves_other_destinations_alone)
{
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 4; i++) {
		const struct packet packet = {.af = i & 1 ? 6 : 4,
					      .proto = TCP,
					      .dst = i & 1 ? "2001:db8::81" : "192.0.2.81"};
		struct frame inner, in;
		struct decap_outcome outcome;

		packet_build(&packet, &inner);
		packet_wrap(&inner, packet.af, &tunnels[i >> 1], &in);
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("other", &outcome, LB_DECAP_NOT_CONFIGURED, &in);
	}
	decap_bench_close(&bench);
}

struct alter_row {
	const char *name;
	int tunnel, af;
	int offset; /* from the outer IP header */
	uint8_t value;
	int counter;
};

Test(decap, passes_lies_and_strangers_untouched)
{
	static const struct alter_row rows[] = {
	    {"outer v4 first fragment", 0, 4, 6, 0x20, LB_DECAP_NOT_TUNNEL},
	    {"outer v4 last fragment", 0, 4, 7, 0x01, LB_DECAP_NOT_TUNNEL},
	    {"outer v4 with udp", 0, 4, 9, 17,
	     LB_DECAP_NOT_TUNNEL}, /* to another port than GUE's */
	    {"outer v6 with a fragment header", 1, 4, 6, 44, LB_DECAP_NOT_TUNNEL},
	    {"outer v4 of version 6", 0, 4, 0, 0x65, LB_DECAP_NOT_TUNNEL},
	    {"outer v4 header of 16 bytes", 0, 4, 0, 0x44, LB_DECAP_MALFORMED},
	    {"outer v4 longer than the frame", 0, 4, 2, 0x40, LB_DECAP_MALFORMED},
	    {"outer v4 shorter than the inner", 0, 4, 3, 30, LB_DECAP_MALFORMED},
	    {"outer v6 longer than the frame", 1, 6, 4, 0x40, LB_DECAP_MALFORMED},
	    {"outer v6 shorter than the inner", 1, 6, 5, 41, LB_DECAP_MALFORMED},
	    {"inner v4 said to be v6", 0, 4, 9, 41, LB_DECAP_MALFORMED},
	    {"inner v6 said to be v4", 1, 6, 6, 4, LB_DECAP_MALFORMED},
	    {"inner v4 longer than the outer", 0, 4, 20 + 2, 0x10, LB_DECAP_MALFORMED},
	    {"inner v6 longer than the outer", 1, 6, 40 + 4, 0x10, LB_DECAP_MALFORMED},
	    {"inner v4 header of 16 bytes", 1, 4, 40, 0x44, LB_DECAP_MALFORMED},
	};
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct packet packet = {.af = rows[i].af, .proto = TCP};
		struct frame inner, in;
		struct decap_outcome outcome;

		packet_build(&packet, &inner);
		packet_wrap(&inner, packet.af, &tunnels[rows[i].tunnel], &in);
		in.data[14 + rows[i].offset] = rows[i].value;
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect(rows[i].name, &outcome, rows[i].counter, &in);
	}
	decap_bench_close(&bench);
}

Test(decap, unwraps_nothing_that_is_cut_short)
{
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 4; i++) {
		const struct packet packet = {.af = i & 1 ? 6 : 4, .proto = UDP, .payload = 2};
		struct frame inner, in;

		packet_build(&packet, &inner);
		packet_wrap(&inner, packet.af, &tunnels[i >> 1], &in);
		decap_expect_cuts_refused(&bench, &in);
	}
	decap_bench_close(&bench);
}

/* Balancer, then decap: but for the MAC addresses and the tag, the client's frame again. */
Test(round_trip, restores_what_the_client_sent)
{
	struct decap_bench bench;
	struct rig *rig;

	decap_bench_open(&bench);
	rig = rig_open();
	for (int i = 0; i < 128; i++) {
		const struct rig_config config = {
		    .ipip = true, .outer_v6 = i & 1, .tag = i & 2, .second_half = i & 4};
		const struct packet packet = {.af = i & 8 ? 6 : 4,
					      .proto = i & 16 ? UDP : TCP,
					      .vlans = i % 3,
					      .tos = i * 5 & 0xff,
					      .sport = 3000 + i,
					      .payload = i * 11,
					      .padding = i & 32 ? 6 : 0};
		struct rig_result wrapped;
		struct decap_outcome outcome;
		struct frame in;
		size_t l3;

		rig_configure(rig, &config);
		packet_build(&packet, &in);
		rig_run(rig, &in, &wrapped);
		cr_assert_eq(wrapped.action, XDP_TX);
		decap_bench_run(&bench, &wrapped.out, wrapped.out.len, &outcome);
		cr_expect_eq(outcome.counter, LB_DECAP_UNWRAPPED);
		l3 = outcome.out.len - (in.len - in.l3);
		cr_expect_eq(l3, config.tag ? 18 : 14);
		cr_expect_eq(memcmp(outcome.out.data + l3, in.data + in.l3, in.len - in.l3), 0,
			     "packet %d differs", i);
		cr_expect_eq(memcmp(outcome.out.data + l3 - 2, in.data + in.l3 - 2, 2), 0,
			     "packet %d: EtherType", i);
	}
	rig_close(rig);
	decap_bench_close(&bench);
}
