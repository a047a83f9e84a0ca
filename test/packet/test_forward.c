/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_forward.c - every forwarding mode by every shape of packet, compared byte by byte.
 */
#include <stdio.h>

#include <criterion/criterion.h>

#include "checks.h"

#define TCP	     6
#define UDP	     17

#define NAME_MAX_LEN 160

/* The packet shapes that every mode must carry, for one family and protocol. */
static size_t shapes(int af, int proto, struct packet ret_packets[16])
{
	size_t n = 0;

	for (int vlans = 0; vlans <= 2; vlans++)
		ret_packets[n++] =
		    (struct packet){.af = af, .proto = proto, .vlans = vlans, .payload = 3};
	ret_packets[n++] = (struct packet){.af = af, .proto = proto};
	ret_packets[n++] = (struct packet){.af = af, .proto = proto, .tos = 0xb9, .payload = 100};
	ret_packets[n++] = (struct packet){.af = af, .proto = proto, .tos = 0x03, .padding = 9};
	ret_packets[n++] = (struct packet){.af = af, .proto = proto, .sport = 1, .payload = 1400};
	if (af == 4) {
		ret_packets[n++] =
		    (struct packet){.af = 4, .proto = proto, .ip_options = 4, .vlans = 1};
		ret_packets[n++] = (struct packet){.af = 4, .proto = proto, .ip_options = 40};
		ret_packets[n++] = (struct packet){.af = 4, .proto = proto, .frag = 0x4000};
		return n;
	}
	ret_packets[n++] = (struct packet){.af = 6, .proto = proto, .ext = {0}, .ext_count = 1};
	ret_packets[n++] = (struct packet){
	    .af = 6, .proto = proto, .vlans = 2, .ext = {0, 60, 43, 44, 51, 60}, .ext_count = 6};
	ret_packets[n++] = (struct packet){
	    .af = 6, .proto = proto, .ext = {135, 139, 140, 60, 60, 60, 60, 60}, .ext_count = 8};
	ret_packets[n++] = (struct packet){.af = 6, .proto = proto, .ext = {44}, .ext_count = 1};
	return n;
}

static void name_of(char name[NAME_MAX_LEN], const struct packet *packet,
		    const struct rig_config *config)
{
	snprintf(name, NAME_MAX_LEN,
		 "v%d %s, %d tags, %d ext, %d options, tos %02x, %d+%d bytes, %s%s%s", packet->af,
		 packet->proto == TCP ? "tcp" : "udp", packet->vlans, packet->ext_count,
		 packet->ip_options, packet->tos, packet->payload, packet->padding,
		 config->ipip ? "ipip" : "l2", config->outer_v6 ? " in v6" : "",
		 config->tag ? ", tag out" : "");
}

static void run_shapes(const struct rig_config *config, bool cuts)
{
	static const int families[] = {4, 6}, protocols[] = {TCP, UDP};
	struct rig *rig = rig_open();
	char name[NAME_MAX_LEN];

	rig_configure(rig, config);
	for (int i = 0; i < 4; i++) {
		struct packet packets[16];
		const size_t count = shapes(families[i / 2], protocols[i % 2], packets);

		for (size_t j = 0; j < count; j++) {
			name_of(name, &packets[j], config);
			check_forwarded(rig, name, &packets[j]);
			if (cuts && packets[j].payload < 1000)
				check_cuts(rig, name, &packets[j]);
		}
	}
	rig_close(rig);
}

Test(l2, rewrites_macs_and_nothing_else)
{
	run_shapes(&(struct rig_config){0}, true);
}

Test(l2, puts_on_and_replaces_a_tag)
{
	run_shapes(&(struct rig_config){.tag = true}, false);
}

Test(ipip, wraps_both_families_in_ipv4)
{
	run_shapes(&(struct rig_config){.ipip = true}, true);
}

Test(ipip, wraps_both_families_in_ipv6)
{
	run_shapes(&(struct rig_config){.ipip = true, .outer_v6 = true}, false);
}

Test(ipip, wraps_and_tags_in_one_move)
{
	run_shapes(&(struct rig_config){.ipip = true, .tag = true}, false);
	run_shapes(&(struct rig_config){.ipip = true, .outer_v6 = true, .tag = true}, false);
}

Test(forward, redirects_to_another_device)
{
	run_shapes(&(struct rig_config){.other_device = true}, false);
	run_shapes(&(struct rig_config){.other_device = true, .ipip = true}, false);
}

Test(service, follows_the_live_half)
{
	run_shapes(&(struct rig_config){.second_half = true, .ipip = true}, false);
}

Test(slot, ignores_the_dirty_bit_while_there_is_no_flow_table)
{
	run_shapes(&(struct rig_config){.dirty = true}, false);
}

/* With affinity: source one client stays on one backend whatever its port; without, it spreads. */
Test(slot, hashes_the_source_alone_with_affinity_source)
{
	struct rig *rig = rig_open();
	int vip, backend, seen[2] = {0};

	for (int source = 0; source <= 1; source++) {
		rig_configure(rig, &(struct rig_config){.hash_source = source, .ipip = true});
		for (int i = 0; i < 64; i++) {
			const struct packet packet = {
			    .af = i & 1 ? 6 : 4, .proto = TCP, .sport = 1024 + i};
			struct frame in, want;

			check_forwarded(rig, source ? "source" : "5-tuple", &packet);
			packet_build(&packet, &in);
			rig_expect(rig, &packet, &in, &want, &vip, &backend);
			if (packet.af == 4)
				seen[source] |= 1 << backend;
		}
	}
	cr_expect_eq(__builtin_popcount(seen[1]), 1, "one client, one backend");
	cr_expect_eq(__builtin_popcount(seen[0]), 3, "one client's connections use all backends");
	rig_close(rig);
}

/* Clients that differ in the bits that count, or only in those that do not, or in both. */
static void send_from_prefix(struct rig *rig, int af, uint8_t skip)
{
	static const char *const v4[] = {"198.51.100.7", "198.51.100.6", "198.51.101.7",
					 "198.50.100.7", "70.51.100.7",	 "199.51.100.135"};
	static const char *const v6[] = {
	    "2001:db8:c::7",	  "2001:db8:c::6",   "2001:db8:c:0:0:8000:0:7",
	    "2001:db8:c:0:1::7",  "2001:db8:c:1::7", "2001:db8:d::7",
	    "2001:db8:c:8000::7", "3001:db8:c::7",   "2001:db8:c:0:8000::7"};

	rig_configure(rig, &(struct rig_config){.hash_source = true, .source_skip = skip});
	for (size_t i = 0; i < (af == 4 ? sizeof(v4) : sizeof(v6)) / sizeof(v4[0]); i++) {
		const struct packet packet = {
		    .af = af, .proto = TCP, .src = af == 4 ? v4[i] : v6[i], .sport = 1024 + i};
		char name[64];

		snprintf(name, sizeof(name), "IPv%d, %u bits left out", af, skip);
		check_forwarded(rig, name, &packet);
	}
}

Test(slot, hashes_the_first_bits_of_the_source_with_an_affinity_prefix)
{
	struct rig *rig = rig_open();

	for (uint8_t skip = 0; skip < 32; skip++)
		send_from_prefix(rig, 4, skip);
	for (uint8_t skip = 0; skip < 128; skip++)
		send_from_prefix(rig, 6, skip);
	rig_close(rig);
}

/* The largest packet that fits is sent, one byte more is not: for every outer header. */
Test(forward, drops_what_is_too_big_for_the_way)
{
	static const struct rig_config configs[] = {
	    {.mtu = 600},
	    {.mtu = 600, .tag = true},
	    {.mtu = 600, .ipip = true},
	    {.mtu = 600, .ipip = true, .outer_v6 = true, .tag = true},
	};
	struct rig *rig = rig_open();

	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		const int outer = !configs[i].ipip ? 0 : configs[i].outer_v6 ? 40 : 20;

		rig_configure(rig, &configs[i]);
		for (int af = 4; af <= 6; af += 2) {
			struct packet packet = {.af = af, .proto = UDP, .padding = 5};

			packet.payload = 600 - outer - (af == 4 ? 20 : 40) - 8;
			check_forwarded(rig, "just fits", &packet);
			packet.payload++;
			check_reason(rig, "one byte more", &packet, LB_REASON_TOO_BIG);
		}
	}
	rig_close(rig);
}

/* An outer checksum is a sum of 16-bit words: lengths and marks that carry must fold. */
Test(ipip, folds_every_outer_checksum)
{
	struct rig *rig = rig_open();

	rig_configure(rig, &(struct rig_config){.ipip = true, .mtu = 1500});
	for (int i = 0; i < 700; i++) {
		const struct packet packet = {.af = i & 1 ? 6 : 4,
					      .proto = UDP,
					      .tos = i * 37,
					      .sport = 2000 + i,
					      .payload = i * 2 % 1400};

		check_forwarded(rig, "checksum", &packet);
	}
	rig_close(rig);
}
