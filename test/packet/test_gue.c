/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_gue.c - forward: gue by every shape of packet, and outer sources that are prefixes, compared
 * byte by byte. UDP checksums are compared with the sum over all that they cover.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "checks.h"

#define TCP 6
#define UDP 17

static const struct lb_encap variant0 = {.gue_port_be = 0x1234, .gue_header = 4};
static const struct lb_encap variant1 = {.gue_port_be = 0xc017}; /* 6080 */

static size_t shapes(int af, int proto, struct packet ret[12])
{
	const struct packet base = {.af = af, .proto = proto};
	size_t n = 0;

	for (int i = 0; i < 12; i++)
		ret[i] = base;
	n++;
	ret[n].tos = 0xb9;
	ret[n++].payload = 101;
	ret[n].tos = 3;
	ret[n++].padding = 9;
	ret[n].sport = 1;
	ret[n++].payload = 1376;
	ret[n].vlans = 1;
	ret[n++].payload = 7;
	ret[n].vlans = 2;
	ret[n++].payload = 8;
	if (proto == UDP) {
		ret[n].no_checksum = true;
		ret[n++].payload = 5;
		ret[n].udp_len_add = -3; /* the datagram ends before its packet */
		ret[n++].payload = 9;
	}
	if (af == 4) {
		ret[n++].ip_options = 8;
		ret[n++].frag = 0x4000;
	} else {
		ret[n].ext[0] = 60;
		ret[n++].ext_count = 1;
	}
	return n;
}

static void run(struct rig *rig, const struct rig_config *config)
{
	char name[160];

	rig_configure(rig, config);
	for (int i = 0; i < 4; i++) {
		const int af = i & 2 ? 6 : 4, proto = i & 1 ? UDP : TCP;
		struct packet packets[12];
		const size_t n = shapes(af, proto, packets);

		for (size_t j = 0; j < n; j++) {
			snprintf(name, sizeof(name), "v%d in v%d, proto %d, shape %zu, tag %d", af,
				 config->outer_v6 ? 6 : 4, proto, j, config->tag);
			check_forwarded(rig, name, &packets[j]);
		}
	}
}

static void run_all(const struct lb_encap *encap, bool ipip)
{
	struct rig *rig = rig_open_encap(encap);

	for (int i = 0; i < 8; i++)
		run(rig, &(struct rig_config){.ipip = ipip,
					      .gue = !ipip,
					      .outer_v6 = i & 1,
					      .tag = i & 2,
					      .other_device = i & 4});
	rig_close(rig);
}

Test(gue, wraps_by_variant_1)
{
	run_all(&variant1, false);
}

Test(gue, wraps_by_variant_0)
{
	run_all(&variant0, false);
}

Test(gue, leaves_the_checksum_out_where_it_is_not_wanted)
{
	struct lb_encap encap = variant1;

	encap.gue_zero6 = 1;
	run_all(&encap, false);
}

/* A sum carries in some packets and not in others. */
Test(gue, folds_every_checksum)
{
	for (int variant = 0; variant < 2; variant++) {
		struct rig *rig = rig_open_encap(variant ? &variant1 : &variant0);

		rig_configure(rig, &(struct rig_config){.gue = true, .outer_v6 = true});
		for (int i = 0; i < 3000; i++) {
			const struct packet packet = {.af = i & 1 ? 6 : 4,
						      .proto = i & 2 ? UDP : TCP,
						      .tos = i * 37,
						      .sport = 2000 + i * 7,
						      .payload = i % 1350};

			check_forwarded(rig, "checksum", &packet);
		}
		rig_close(rig);
	}
}

/* Zero would say that there is none (RFC 768): one in 65536 sums is written in its other form. */
Test(gue, writes_a_checksum_of_zero_in_its_other_form)
{
	struct rig *rig = rig_open();
	int found = 0;

	rig_configure(rig, &(struct rig_config){.gue = true, .outer_v6 = true});
	for (int i = 0; i < 4 * 65535 && found < 2; i++) {
		const struct packet packet = {
		    .af = i & 1 ? 6 : 4, .proto = TCP, .sport = i / 4 + 1, .payload = i & 2};
		struct frame in, want;
		int vip, backend;

		packet_build(&packet, &in);
		rig_expect(rig, &packet, &in, &want, &vip, &backend);
		if (memcmp(want.data + 60, "\xff\xff", 2))
			continue;
		check_forwarded(rig, "zero", &packet);
		found++;
	}
	cr_expect_gt(found, 0, "no packet sums up to zero");
	rig_close(rig);
}

/* Each length is cut, and nothing is forwarded that is not whole. */
Test(gue, forwards_nothing_that_is_cut_short)
{
	struct rig *rig = rig_open();

	for (int i = 0; i < 8; i++) {
		const struct packet packet = {
		    .af = i & 1 ? 6 : 4, .proto = i & 2 ? UDP : TCP, .payload = 3};

		rig_configure(rig, &(struct rig_config){.gue = true, .outer_v6 = i & 4});
		check_cuts(rig, "cut", &packet);
	}
	rig_close(rig);
}

/* The largest packet that fits is sent, one byte more is not. */
Test(gue, drops_what_is_too_big_for_the_way)
{
	for (int i = 0; i < 8; i++) {
		struct rig *rig = rig_open_encap(i & 1 ? &variant1 : &variant0);
		const int outer = (i & 2 ? 40 : 20) + (i & 1 ? 8 : 12), af = i & 4 ? 6 : 4;
		struct packet packet = {.af = af, .proto = UDP, .padding = 5};

		rig_configure(rig,
			      &(struct rig_config){.gue = true, .outer_v6 = i & 2, .mtu = 600});
		packet.payload = 600 - outer - (af == 4 ? 20 : 40) - 8;
		check_forwarded(rig, "just fits", &packet);
		packet.payload++;
		check_reason(rig, "one byte more", &packet, LB_REASON_TOO_BIG);
		rig_close(rig);
	}
}

Test(gue, drops_where_there_is_no_room_before_the_packet)
{
	struct rig *rig = rig_open();

	for (int i = 0; i < 4; i++) {
		const struct packet packet = {.af = i & 1 ? 6 : 4, .proto = TCP};

		rig_configure(
		    rig, &(struct rig_config){.gue = true, .outer_v6 = i & 2, .no_headroom = true});
		check_reason(rig, "no headroom", &packet, LB_REASON_NO_HEADROOM);
	}
	rig_close(rig);
}

/* One client's connections come from many ports, all dynamic ones; one connection from one. */
Test(gue, takes_a_source_port_for_each_flow)
{
	struct rig *rig = rig_open();
	uint8_t seen[65536] = {0};
	int ports = 0;

	rig_configure(rig, &(struct rig_config){.gue = true});
	for (int i = 0; i < 1000; i++) {
		const struct packet packet = {.af = 4, .proto = TCP, .sport = 1024 + i / 2};
		struct rig_result result;
		unsigned int port;
		struct frame in;

		packet_build(&packet, &in);
		rig_run(rig, &in, &result);
		port = result.out.data[34] << 8 | result.out.data[35];
		cr_expect(port >= 49152, "port %u is not a dynamic one", port);
		ports += !seen[port]++;
	}
	cr_expect_gt(ports, 450, "500 flows came from %d ports", ports);
	cr_expect_leq(ports, 500, "500 flows came from %d ports", ports);
	rig_close(rig);
}

static const struct lb_encap prefixes[] = {
    {.gue_port_be = 0xc017, .source4_mask_be = 0xfcff0000, .source6_mask_be = 0xfcffffff},
    {.gue_port_be = 0xc017, .source4_mask_be = 0x04000000, .source6_mask_be = 0x04000000},
    {.gue_port_be = 0xc017, .source4_mask_be = 0xfcffff00, .source6_mask_be = 0xfcffff00},
    {.gue_port_be = 0xc017, .gue_header = 4, .source6_mask_be = 0xfc000000},
};

Test(source_prefix, gives_each_flow_of_ipip_its_address)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		run_all(&prefixes[i], true);
}

Test(source_prefix, gives_each_flow_of_gue_its_address)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		run_all(&prefixes[i], false);
}

/* By the hash alone 500 flows out of 16384 addresses meet rarely. */
Test(source_prefix, spreads_flows_over_the_prefix)
{
	struct rig *rig = rig_open_encap(&prefixes[0]);
	static uint8_t seen[65536];
	int addresses = 0;

	rig_configure(rig, &(struct rig_config){.ipip = true});
	for (int i = 0; i < 500; i++) {
		const struct packet packet = {.af = 4, .proto = TCP, .sport = 1024 + i};
		struct rig_result result;
		struct frame in;

		packet_build(&packet, &in);
		rig_run(rig, &in, &result);
		cr_expect_eq(result.out.data[29] & 3, 1, "an address ends in 01");
		addresses += !seen[result.out.data[28] << 8 | result.out.data[29]]++;
	}
	cr_expect_gt(addresses, 450, "500 flows came from %d addresses", addresses);
	rig_close(rig);
}
