/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_reasons.c - every way that a packet can end without being forwarded: one row each.
 */
#include <criterion/criterion.h>

#include "checks.h"

#define TCP 6
#define UDP 17

struct reason_row {
	const char *name;
	struct packet packet;
	int reason;
};

#define P4(...)                                                                                    \
	{                                                                                          \
		.af = 4, .proto = TCP, __VA_ARGS__                                                 \
	}
#define P6(...)                                                                                    \
	{                                                                                          \
		.af = 6, .proto = TCP, __VA_ARGS__                                                 \
	}
#define U4(...)                                                                                    \
	{                                                                                          \
		.af = 4, .proto = UDP, __VA_ARGS__                                                 \
	}
#define U6(...)                                                                                    \
	{                                                                                          \
		.af = 6, .proto = UDP, __VA_ARGS__                                                 \
	}

static void run_rows(const struct rig_config *config, const struct reason_row *rows, size_t count)
{
	struct rig *rig = rig_open();

	rig_configure(rig, config);
	for (size_t i = 0; i < count; i++) {
		check_reason(rig, rows[i].name, &rows[i].packet, rows[i].reason);
		check_cuts(rig, rows[i].name, &rows[i].packet);
	}
	rig_close(rig);
}

#define RUN(config, rows) run_rows(config, rows, sizeof(rows) / sizeof(rows[0]))

static const struct rig_config plain = {0};

Test(ethernet, names_what_is_not_for_the_balancer)
{
	static const struct reason_row rows[] = {
	    {"arp", P4(.patches = {{PATCH_ETH, 13, 0x06}}), LB_REASON_NOT_IP},
	    {"802.3 length", P4(.patches = {{PATCH_ETH, 12, 0x00}, {PATCH_ETH, 13, 0x26}}),
	     LB_REASON_NOT_IP},
	    {"lldp in a vlan",
	     P4(.vlans = 1, .patches = {{PATCH_ETH, 16, 0x88}, {PATCH_ETH, 17, 0xcc}}),
	     LB_REASON_NOT_IP},
	    {"arp in two vlans", P4(.vlans = 2, .patches = {{PATCH_ETH, 21, 0x06}}),
	     LB_REASON_NOT_IP},
	    {"three tags, v4", P4(.vlans = 3), LB_REASON_VLAN_DEPTH},
	    {"three tags, v6", P6(.vlans = 3), LB_REASON_VLAN_DEPTH},
	    {"three service tags",
	     P4(.vlans = 3, .patches = {{PATCH_ETH, 20, 0x88}, {PATCH_ETH, 21, 0xa8}}),
	     LB_REASON_VLAN_DEPTH},
	};

	RUN(&plain, rows);
}

Test(ethernet, drops_a_frame_that_ends_inside_its_tags)
{
	struct rig *rig = rig_open();

	rig_configure(rig, &plain);
	for (int vlans = 1; vlans <= 2; vlans++) {
		const struct packet packet = {.af = 4, .proto = TCP, .vlans = vlans};
		struct rig_result result;
		struct frame in;

		packet_build(&packet, &in);
		for (size_t len = 14; len < in.l3; len++) {
			rig_run_cut(rig, &in, len, &result);
			cr_expect_eq(result.reason, LB_REASON_ETH_TRUNCATED,
				     "%d tags, %zu bytes: %s", vlans, len,
				     rig_reason_name(result.reason));
		}
	}
	rig_close(rig);
}

Test(ip, drops_what_lies_about_its_length_or_version)
{
	static const struct reason_row rows[] = {
	    {"v4 longer than its frame", P4(.ip_len_add = 1), LB_REASON_IP_TRUNCATED},
	    {"v6 longer than its frame", P6(.ip_len_add = 1), LB_REASON_IP_TRUNCATED},
	    {"v4 longer than its frame, one tag", P4(.vlans = 1, .ip_len_add = 1),
	     LB_REASON_IP_TRUNCATED},
	    {"v6 longer than its frame, two tags", P6(.vlans = 2, .ip_len_add = 1),
	     LB_REASON_IP_TRUNCATED},
	    {"v4 of 65535 bytes", P4(.patches = {{PATCH_L3, 2, 0xff}, {PATCH_L3, 3, 0xff}}),
	     LB_REASON_IP_TRUNCATED},
	    {"v6 of 65575 bytes", P6(.patches = {{PATCH_L3, 4, 0xff}, {PATCH_L3, 5, 0xff}}),
	     LB_REASON_IP_TRUNCATED},
	    {"v4 with version 5", P4(.patches = {{PATCH_L3, 0, 0x55}}), LB_REASON_IP_VERSION},
	    {"v4 with version 6", P4(.patches = {{PATCH_L3, 0, 0x65}}), LB_REASON_IP_VERSION},
	    {"v6 with version 4", P6(.patches = {{PATCH_L3, 0, 0x45}}), LB_REASON_IP_VERSION},
	    {"v6 with version 14", P6(.patches = {{PATCH_L3, 0, 0xe0}}), LB_REASON_IP_VERSION},
	    {"v4 header of 16 bytes", P4(.patches = {{PATCH_L3, 0, 0x44}}),
	     LB_REASON_IP_HEADER_LENGTH},
	    {"v4 header of 0 bytes", P4(.patches = {{PATCH_L3, 0, 0x40}}),
	     LB_REASON_IP_HEADER_LENGTH},
	    {"v4 header longer than the packet", U4(.patches = {{PATCH_L3, 0, 0x48}}),
	     LB_REASON_IP_HEADER_LENGTH},
	    {"v4 icmp, header longer than the packet",
	     {.af = 4, .proto = 1, .patches = {{PATCH_L3, 3, 16}, {PATCH_L3, 2, 0}}},
	     LB_REASON_IP_HEADER_LENGTH},
	    {"v4 gre, header longer than the packet",
	     {.af = 4, .proto = 47, .patches = {{PATCH_L3, 0, 0x47}, {PATCH_L3, 3, 24}}},
	     LB_REASON_IP_HEADER_LENGTH},
	    {"v4 fragment, header longer than the packet",
	     P4(.frag = 0x2000, .patches = {{PATCH_L3, 0, 0x47}, {PATCH_L3, 3, 24}}),
	     LB_REASON_IP_HEADER_LENGTH},
	    {"v4 total length 0", P4(.patches = {{PATCH_L3, 2, 0}, {PATCH_L3, 3, 0}}),
	     LB_REASON_IP_HEADER_LENGTH},
	    {"v4 total length 19", P4(.patches = {{PATCH_L3, 3, 19}}), LB_REASON_IP_HEADER_LENGTH},
	    {"v6 jumbogram",
	     P6(.ext = {0}, .ext_count = 1, .patches = {{PATCH_L3, 4, 0}, {PATCH_L3, 5, 0}}),
	     LB_REASON_IPV6_JUMBOGRAM},
	    {"v6 from a mapped address", P6(.src = "::ffff:198.51.100.7"), LB_REASON_IP_MAPPED},
	};

	RUN(&plain, rows);
}

Test(ip, leaves_fragments_and_icmp_to_the_kernel)
{
	static const struct reason_row rows[] = {
	    {"v4 first fragment", P4(.frag = 0x2000), LB_REASON_FRAGMENT},
	    {"v4 last fragment", P4(.frag = 0x0001), LB_REASON_FRAGMENT},
	    {"v4 middle fragment", U4(.frag = 0x3fff), LB_REASON_FRAGMENT},
	    {"v4 icmp fragment", {.af = 4, .proto = 1, .frag = 0x2000}, LB_REASON_FRAGMENT},
	    {"v6 first fragment", P6(.ext = {44}, .ext_count = 1, .frag = 0x0001),
	     LB_REASON_FRAGMENT},
	    {"v6 last fragment", U6(.ext = {44}, .ext_count = 1, .frag = 0x0008),
	     LB_REASON_FRAGMENT},
	    {"v6 fragment behind options", P6(.ext = {0, 60, 44}, .ext_count = 3, .frag = 0xfff9),
	     LB_REASON_FRAGMENT},
	    {"v4 icmp", {.af = 4, .proto = 1}, LB_REASON_ICMP},
	    {"v6 icmp", {.af = 6, .proto = 58}, LB_REASON_ICMP},
	    {"v6 icmp behind options",
	     {.af = 6, .proto = 58, .ext = {0}, .ext_count = 1},
	     LB_REASON_ICMP},
	    {"v4 gre", {.af = 4, .proto = 47}, LB_REASON_NOT_TCP_UDP},
	    {"v6 esp", {.af = 6, .proto = 50}, LB_REASON_NOT_TCP_UDP},
	    {"v6 no next header", {.af = 6, .proto = 59}, LB_REASON_NOT_TCP_UDP},
	    {"v6 sctp behind routing",
	     {.af = 6, .proto = 132, .ext = {43}, .ext_count = 1},
	     LB_REASON_NOT_TCP_UDP},
	    {"v4 with icmp's v6 number", {.af = 4, .proto = 58}, LB_REASON_NOT_TCP_UDP},
	    {"v6 with icmp's v4 number", {.af = 6, .proto = 1}, LB_REASON_NOT_TCP_UDP},
	};

	RUN(&plain, rows);
}

Test(ipv6, bounds_extension_headers)
{
	static const struct reason_row rows[] = {
	    {"nine", P6(.ext = {0, 60, 43, 60, 60, 60, 60, 60, 60}, .ext_count = 9),
	     LB_REASON_IPV6_EXT_LIMIT},
	    {"nine atomic fragments",
	     P6(.ext = {44, 44, 44, 44, 44, 44, 44, 44, 44}, .ext_count = 9),
	     LB_REASON_IPV6_EXT_LIMIT},
	    {"one past the end", P6(.ext = {60}, .ext_count = 1, .patches = {{PATCH_L3, 41, 200}}),
	     LB_REASON_IPV6_EXT_TRUNCATED},
	    {"authentication past the end",
	     P6(.ext = {51}, .ext_count = 1, .patches = {{PATCH_L3, 41, 255}}),
	     LB_REASON_IPV6_EXT_TRUNCATED},
	    {"no room for a second",
	     P6(.ext = {0}, .ext_count = 1, .ip_len_add = -16, .patches = {{PATCH_L3, 40, 60}}),
	     LB_REASON_IPV6_EXT_TRUNCATED},
	    {"inside padding", U6(.ext = {0}, .ext_count = 1, .ip_len_add = -12, .padding = 8),
	     LB_REASON_IPV6_EXT_TRUNCATED},
	    {"nothing behind one", U6(.ext = {0}, .ext_count = 1, .ip_len_add = -8),
	     LB_REASON_L4_TRUNCATED},
	};

	RUN(&plain, rows);
}

Test(l4, drops_what_lies_about_its_length)
{
	static const struct reason_row rows[] = {
	    {"v4 tcp, 19 bytes", P4(.ip_len_add = -1), LB_REASON_L4_TRUNCATED},
	    {"v6 tcp, 19 bytes", P6(.ip_len_add = -1), LB_REASON_L4_TRUNCATED},
	    {"v4 tcp, none", P4(.ip_len_add = -20), LB_REASON_L4_TRUNCATED},
	    {"v6 tcp, none", P6(.ip_len_add = -20), LB_REASON_L4_TRUNCATED},
	    {"v4 udp, 7 bytes", U4(.ip_len_add = -1), LB_REASON_L4_TRUNCATED},
	    {"v6 udp, 7 bytes", U6(.ip_len_add = -1), LB_REASON_L4_TRUNCATED},
	    {"v4 udp, 7 bytes and padding", U4(.ip_len_add = -1, .padding = 18),
	     LB_REASON_L4_TRUNCATED},
	    {"v4 udp header in the options", U4(.patches = {{PATCH_L3, 0, 0x46}}),
	     LB_REASON_L4_TRUNCATED},
	    {"v4 tcp offset 16", P4(.patches = {{PATCH_L4, 12, 0x40}}),
	     LB_REASON_TCP_HEADER_LENGTH},
	    {"v6 tcp offset 0", P6(.patches = {{PATCH_L4, 12, 0x00}}), LB_REASON_TCP_HEADER_LENGTH},
	    {"v4 tcp offset past the end", P4(.patches = {{PATCH_L4, 12, 0x60}}),
	     LB_REASON_TCP_HEADER_LENGTH},
	    {"v6 tcp offset into padding", P6(.padding = 4, .patches = {{PATCH_L4, 12, 0x60}}),
	     LB_REASON_TCP_HEADER_LENGTH},
	    {"v4 udp length 7", U4(.udp_len_add = -1), LB_REASON_UDP_LENGTH},
	    {"v6 udp length 0", U6(.udp_len_add = -8), LB_REASON_UDP_LENGTH},
	    {"v4 udp past the end", U4(.payload = 4, .udp_len_add = 1), LB_REASON_UDP_LENGTH},
	    {"v6 udp into padding", U6(.padding = 4, .udp_len_add = 4), LB_REASON_UDP_LENGTH},
	};

	RUN(&plain, rows);
}

static const struct reason_row strangers[] = {
    {"v4 other address", P4(.dst = "192.0.2.81"), LB_REASON_NOT_A_VIP},
    {"v6 other address", P6(.dst = "2001:db8::81"), LB_REASON_NOT_A_VIP},
    {"v6 other first word", P6(.dst = "2001:db9::80"), LB_REASON_NOT_A_VIP},
    {"v6 other second word", P6(.dst = "2001:db8:1::80"), LB_REASON_NOT_A_VIP},
    {"v6 other third word", P6(.dst = "2001:db8::1:0:80"), LB_REASON_NOT_A_VIP},
    {"v4 other port", P4(.dport = 81), LB_REASON_NOT_A_VIP},
    {"v6 other port, udp", U6(.dport = 53), LB_REASON_NOT_A_VIP},
    {"v4 from the VIP's port", P4(.sport = 80, .dport = 40000), LB_REASON_NOT_A_VIP},
    {"v4 from the VIP", P4(.src = PACKET_VIP4, .dst = PACKET_CLIENT4), LB_REASON_NOT_A_VIP},
    {"v4 tagged", P4(.vlans = 1, .dst = "192.0.2.81"), LB_REASON_NOT_A_VIP},
    {"v6 tagged twice", P6(.vlans = 2, .dst = "2001:db8::81"), LB_REASON_NOT_A_VIP},
    {"v6 with the v4 VIP in it", P6(.dst = "::192.0.2.80"), LB_REASON_NOT_A_VIP},
};

Test(service, passes_what_is_no_vip_untouched)
{
	static const struct rig_config second = {.second_half = true, .ipip = true};

	RUN(&plain, strangers);
	RUN(&second, strangers);
}

static const struct reason_row to_a_vip[] = {
    {"v4 tcp", P4(.payload = 10), 0},
    {"v6 tcp", P6(.payload = 10), 0},
    {"v4 udp", U4(.payload = 10), 0},
    {"v6 udp", U6(.payload = 10), 0},
    {"v4 tcp, tag", P4(.payload = 10, .vlans = 1), 0},
};

/* Every packet to the VIP ends by `reason` in this configuration. */
static void run_to_a_vip(const struct rig_config *config, int reason)
{
	struct rig *rig = rig_open();

	rig_configure(rig, config);
	for (size_t i = 0; i < sizeof(to_a_vip) / sizeof(to_a_vip[0]); i++)
		check_reason(rig, to_a_vip[i].name, &to_a_vip[i].packet, reason);
	rig_close(rig);
}

Test(backend, drops_when_there_is_none)
{
	run_to_a_vip(&(struct rig_config){.no_backend = true}, LB_REASON_NO_BACKEND);
	run_to_a_vip(&(struct rig_config){.no_backend = true, .dirty = true}, LB_REASON_NO_BACKEND);
}

Test(backend, drops_when_its_next_hop_is_unknown)
{
	run_to_a_vip(&(struct rig_config){.not_ready = true}, LB_REASON_BACKEND_NOT_READY);
	run_to_a_vip(&(struct rig_config){.not_ready = true, .ipip = true, .outer_v6 = true},
		     LB_REASON_BACKEND_NOT_READY);
}

Test(tables, name_an_entry_that_points_outside)
{
	run_to_a_vip(&(struct rig_config){.slots_outside = true}, LB_REASON_TABLE_FAULT);
	run_to_a_vip(&(struct rig_config){.backends_outside = true}, LB_REASON_TABLE_FAULT);
	run_to_a_vip(&(struct rig_config){.forward = 99}, LB_REASON_TABLE_FAULT);
}

Test(forward, drops_when_the_driver_left_no_headroom)
{
	run_to_a_vip(&(struct rig_config){.ipip = true, .no_headroom = true},
		     LB_REASON_NO_HEADROOM);
	run_to_a_vip(&(struct rig_config){.ipip = true, .outer_v6 = true, .no_headroom = true},
		     LB_REASON_NO_HEADROOM);
}
