/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_decap_gue.c - lb-decap and GUE: both variants, what is refused and how it is counted, and
 * that a frame comes out of balancer and decap as it went in.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "decap_bench.h"
#include "packets.h"
#include "rig.h"

#define TCP 6
#define UDP 17

/* i: bit 0 outer IPv6, bit 1 GUE's own header, bit 2 a tag. */
static struct wrap tunnel(int i)
{
	return (struct wrap){.dst_mac = {2, 0, 0, 0, 0, 9},
			     .src_mac = {2, 0, 0, 0, 0, 8},
			     .tci = i & 4 ? 0x6123 : 0,
			     .outer_af = i & 1 ? 6 : 4,
			     .outer_src = i & 1 ? "2001:db8:a::1" : "10.0.0.1",
			     .outer_dst = i & 1 ? "2001:db8:b::11" : "10.0.1.11",
			     .flow_label = i & 1 ? 0x12345 : 0,
			     .udp_sport = 50000,
			     .udp_dport = DECAP_GUE_PORT,
			     .gue_header = i & 2,
			     .udp_checksum = i & 1};
}

static void wrapped(const struct packet *packet, const struct wrap *with, struct frame *ret_in,
		    struct frame *ret_want)
{
	struct wrap bare = *with;
	struct frame inner;

	packet_build(packet, &inner);
	packet_wrap(&inner, packet->af, with, ret_in);
	bare.outer_af = bare.udp_dport = bare.udp_checksum = 0;
	packet_wrap(&inner, packet->af, &bare, ret_want);
}

Test(decap_gue, removes_both_variants_in_all_four_combinations)
{
	struct decap_bench bench;
	char name[80];

	decap_bench_open(&bench);
	for (int i = 0; i < 128; i++) {
		const struct wrap with = tunnel(i);
		const struct packet packet = {.af = i & 8 ? 6 : 4,
					      .proto = i & 16 ? UDP : TCP,
					      .tos = 0x28,
					      .payload = i & 32 ? 21 : 20,
					      .padding = i & 64 ? 3 : 0};
		struct decap_outcome outcome;
		struct frame in, want;

		snprintf(name, sizeof(name), "v%d in v%d, case %d", packet.af, with.outer_af, i);
		wrapped(&packet, &with, &in, &want);
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect(name, &outcome, LB_DECAP_UNWRAPPED, &want);
	}
	decap_bench_close(&bench);
}

/* Private data behind the header of variant 0, up to its largest size. */
Test(decap_gue, skips_private_data)
{
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 4; i++) {
		const struct wrap with = tunnel(2); /* IPv4, no checksum to mend */
		const struct packet packet = {.af = i & 1 ? 6 : 4, .proto = TCP, .payload = 9};
		const int more = i & 2 ? 31 * 4 : 4;
		struct decap_outcome outcome;
		struct frame in, want;
		unsigned int len;

		wrapped(&packet, &with, &in, &want);
		memmove(in.data + 46 + more, in.data + 46, in.len - 46);
		memset(in.data + 46, 0xdd, more);
		in.len += more;
		in.data[42] = more / 4;
		len = (in.data[16] << 8 | in.data[17]) + more;
		in.data[16] = len >> 8;
		in.data[17] = len;
		len = (in.data[38] << 8 | in.data[39]) + more;
		in.data[38] = len >> 8;
		in.data[39] = len;
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("private data", &outcome, LB_DECAP_UNWRAPPED, &want);
	}
	decap_bench_close(&bench);
}

Test(decap_gue, leaves_other_ports_and_destinations_alone)
{
	struct decap_bench bench, without;

	decap_bench_open(&bench);
	decap_bench_open_port(&without, 0);
	for (int i = 0; i < 16; i++) {
		struct wrap with = tunnel(i), other = with;
		struct packet packet = {.af = i & 8 ? 6 : 4, .proto = TCP};
		struct decap_outcome outcome;
		struct frame in, want;

		other.udp_dport = DECAP_GUE_PORT + 1;
		wrapped(&packet, &other, &in, &want);
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("another port", &outcome, LB_DECAP_NOT_TUNNEL, &in);
		wrapped(&packet, &with, &in, &want);
		decap_bench_run(&without, &in, in.len, &outcome);
		decap_expect("no port", &outcome, LB_DECAP_NOT_TUNNEL, &in);
		packet.dst = packet.af == 6 ? "2001:db8::81" : "192.0.2.81";
		wrapped(&packet, &with, &in, &want);
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("another VIP", &outcome, LB_DECAP_NOT_CONFIGURED, &in);
	}
	decap_bench_close(&without);
	decap_bench_close(&bench);
}

struct lie {
	const char *name;
	int tunnel;
	int offset; /* from the UDP header */
	uint8_t value;
	int counter;
};

Test(decap_gue, counts_what_it_refuses_by_its_reason)
{
	static const struct lie lies[] = {
	    {"a UDP length below its header", 0, 5, 7, LB_DECAP_MALFORMED},
	    {"a UDP length of its header", 0, 5, 8, LB_DECAP_MALFORMED},
	    {"a UDP length above the IP packet", 0, 5, 0xff, LB_DECAP_MALFORMED},
	    {"a UDP length below the inner packet", 0, 5, 40, LB_DECAP_MALFORMED},
	    {"variant 0 with private data to the end", 2, 8, 0x1f, LB_DECAP_MALFORMED},
	    {"variant 1 of version 5", 0, 8, 0x55, LB_DECAP_GUE_UNKNOWN},
	    {"variant 1 of version 7", 0, 8, 0x75, LB_DECAP_GUE_UNKNOWN},
	    {"variant 1 of version 6", 0, 8, 0x65, LB_DECAP_MALFORMED},
	    {"variant 2", 2, 8, 0x80, LB_DECAP_GUE_UNKNOWN},
	    {"variant 3", 2, 8, 0xc0, LB_DECAP_GUE_UNKNOWN},
	    {"a control message", 2, 8, 0x20, LB_DECAP_GUE_UNKNOWN},
	    {"a flag", 2, 10, 0x80, LB_DECAP_GUE_UNKNOWN},
	    {"another flag", 2, 11, 0x01, LB_DECAP_GUE_UNKNOWN},
	    {"Ethernet inside", 2, 9, 97, LB_DECAP_GUE_UNKNOWN},
	    {"IPv4 said to be IPv6", 2, 9, 41, LB_DECAP_MALFORMED},
	    {"a wrong checksum", 1, 6, 0xff, LB_DECAP_BAD_CHECKSUM},
	    {"another source port", 1, 1, 0x51, LB_DECAP_BAD_CHECKSUM},
	    {"another source port, variant 0", 3, 1, 0x51, LB_DECAP_BAD_CHECKSUM},
	    {"another outer source", 1, -25, 0x55, LB_DECAP_BAD_CHECKSUM},
	    {"another inner source", 1, 8 + 12, 0x55, LB_DECAP_BAD_CHECKSUM},
	};
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct wrap with = tunnel(lies[i].tunnel);
		const struct packet packet = {.af = 4, .proto = TCP, .payload = 4};
		struct decap_outcome outcome;
		struct frame in, want;

		wrapped(&packet, &with, &in, &want);
		in.data[(with.outer_af == 4 ? 34 : 54) + lies[i].offset] = lies[i].value;
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect(lies[i].name, &outcome, lies[i].counter, &in);
	}
	decap_bench_close(&bench);
}

/* One is verified in IPv4, too, and none is wanted in either family. */
Test(decap_gue, takes_packets_without_a_checksum_and_verifies_those_with_one)
{
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 8; i++) {
		struct wrap with = tunnel(i & 3);
		const struct packet packet = {.af = i & 4 ? 6 : 4, .proto = UDP, .payload = 3};
		struct decap_outcome outcome;
		struct frame in, want;

		with.udp_checksum = false;
		wrapped(&packet, &with, &in, &want);
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("none", &outcome, LB_DECAP_UNWRAPPED, &want);
		if (with.outer_af == 6)
			continue;
		in.data[40] = 0x12;
		in.data[41] = 0x34;
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("a wrong one", &outcome, LB_DECAP_BAD_CHECKSUM, &in);
	}
	decap_bench_close(&bench);
}

/* RFC 6040, figure 4, as with IP in IP: rows are the inner mark, columns the outer one. */
Test(decap_gue, combines_congestion_marks_by_rfc6040)
{
	static const int table[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 64; i++) {
		const struct wrap with = tunnel(i >> 5 | (i & 1) << 1);
		const int inner = i & 3, outer = i >> 2 & 3, mark = table[inner][outer];
		struct packet packet = {.af = i & 16 ? 6 : 4, .proto = TCP, .tos = 0xb8 | inner};
		struct frame in, want, unused;
		struct decap_outcome outcome;

		wrapped(&packet, &with, &in, &want);
		if (with.outer_af == 4)
			in.data[15] = (in.data[15] & 0xfc) | outer;
		else
			in.data[15] = (in.data[15] & 0xcf) | outer << 4;
		if (mark >= 0) {
			packet.tos = 0xb8 | mark;
			wrapped(&packet, &with, &unused, &want);
		}
		decap_bench_run(&bench, &in, in.len, &outcome);
		decap_expect("mark", &outcome, mark < 0 ? LB_DECAP_ECN_DROPPED : LB_DECAP_UNWRAPPED,
			     mark < 0 ? &in : &want);
	}
	decap_bench_close(&bench);
}

Test(decap_gue, unwraps_nothing_that_is_cut_short)
{
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 8; i++) {
		const struct wrap with = tunnel(i & 3);
		const struct packet packet = {.af = i & 4 ? 6 : 4, .proto = UDP, .payload = 2};
		struct frame in, want;

		wrapped(&packet, &with, &in, &want);
		decap_expect_cuts_refused(&bench, &in);
	}
	decap_bench_close(&bench);
}

/* Balancer, then decap: but for the MAC addresses and the tag, the client's frame again. */
Test(round_trip, of_gue_restores_what_the_client_sent)
{
	static const struct lb_encap encaps[] = {
	    {.gue_port_be = 0xc017},
	    {.gue_port_be = 0xc017, .gue_header = 4, .source6_mask_be = 0xfcffffff},
	    {.gue_port_be = 0xc017, .gue_zero6 = 1, .source4_mask_be = 0xfcff0000},
	};
	struct decap_bench bench;

	decap_bench_open(&bench);
	for (int i = 0; i < 192; i++) {
		const struct rig_config config = {.gue = true, .outer_v6 = i & 1, .tag = i & 2};
		const struct packet packet = {.af = i & 8 ? 6 : 4,
					      .proto = i & 16 ? UDP : TCP,
					      .vlans = i % 3,
					      .tos = i * 5 & 0xff,
					      .sport = 3000 + i,
					      .payload = i * 7,
					      .padding = i & 32 ? 6 : 0,
					      .no_checksum = i & 4};
		struct rig *rig = rig_open_encap(&encaps[i / 64]);
		struct decap_outcome outcome;
		struct rig_result sent;
		struct frame in;
		size_t l3;

		rig_configure(rig, &config);
		packet_build(&packet, &in);
		rig_run(rig, &in, &sent);
		cr_assert_eq(sent.action, XDP_TX);
		decap_bench_run(&bench, &sent.out, sent.out.len, &outcome);
		cr_expect_eq(outcome.counter, LB_DECAP_UNWRAPPED, "packet %d", i);
		l3 = outcome.out.len - (in.len - in.l3);
		cr_expect_eq(l3, config.tag ? 18 : 14);
		cr_expect_eq(memcmp(outcome.out.data + l3, in.data + in.l3, in.len - in.l3), 0,
			     "packet %d differs", i);
		rig_close(rig);
	}
	decap_bench_close(&bench);
}
