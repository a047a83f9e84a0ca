/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_ports.c - VIPs whose ports overlap: what the check says of them, and of what it keeps
 * quiet.
 */
#include "conf_text.h"

#define VIP(name, address, protocol, port)                                                         \
	"- {name: " name ", address: " address ", protocol: " protocol ", port: " port             \
	", forward: l2, pool: web}\n"
#define TCP(name, port) VIP(name, "192.0.2.1", "tcp", port)
#define FILE_WITH(vips) HEAD POOLS "vips:\n" vips
#define PORT_AT(line)	line ":54: "

Test(conf_ports, names_the_vips_inside_a_range_in_a_note)
{
	conf_text_says(FILE_WITH(TCP("a", "8000-8099") TCP("b", "8080") TCP("c", "8010-8019")),
		       PORT_AT("5") "note: VIP 'a' (192.0.2.1:8000-8099/tcp) leaves the ports of "
				    "more specific VIPs to them: 'c' (8010-8019), 'b' (8080)\n");
	conf_text_says(FILE_WITH(TCP("a", "any") TCP("b", "1-2") TCP("c", "3") TCP("d", "4")
				     TCP("e", "5") TCP("f", "6") TCP("g", "7")),
		       PORT_AT("5") "note: VIP 'a' (192.0.2.1:any/tcp) leaves the ports of more "
				    "specific VIPs to them: 'b' (1-2), 'c' (3), 'd' (4), 'e' (5) "
				    "and 2 more\n");
}

Test(conf_ports, warns_of_two_ranges_that_cross_and_says_which_has_what)
{
	conf_text_says(FILE_WITH(TCP("a", "8000-8099") TCP("b", "8050-8200")),
		       PORT_AT("6") "warning: VIP 'b' (192.0.2.1:8050-8200/tcp) overlaps with VIP "
				    "'a' (8000-8099, line 5), which has 8050-8099: it has fewer "
				    "ports\n");
	conf_text_says(FILE_WITH(TCP("b", "15-24") TCP("a", "10-19")),
		       PORT_AT("5") "warning: VIP 'b' (192.0.2.1:15-24/tcp) overlaps with VIP 'a' "
				    "(10-19, line 6), which has 15-19: it begins first\n");
}

Test(conf_ports, warns_of_a_range_of_which_nothing_is_left)
{
	conf_text_says(FILE_WITH(TCP("a", "10-13") TCP("b", "10-11") TCP("c", "12") TCP("d", "13")),
		       PORT_AT("5") "warning: VIP 'a' (192.0.2.1:10-13/tcp) gets no packet: more "
				    "specific VIPs have all of its ports: 'b' (10-11), 'c' (12), "
				    "'d' (13)\n");
}

Test(conf_ports, rejects_two_vips_of_one_address_protocol_and_range)
{
	conf_text_says(FILE_WITH(TCP("a", "1-65535") TCP("b", "any")),
		       "6:22: error: a second VIP with address, protocol and port tcp "
		       "192.0.2.1:any\n"
		       "= it was first given in line 5\n");
}

Test(conf_ports, says_nothing_of_ranges_that_do_not_meet)
{
	conf_free(conf_text_good(FILE_WITH(
	    TCP("a", "10-19") TCP("b", "20-29") TCP("c", "30") VIP("d", "192.0.2.1", "udp", "10-19")
		VIP("e", "192.0.2.2", "tcp", "15") VIP("f", "\"2001:db8::1\"", "tcp", "any"))));
}

Test(conf_ports, rejects_more_ranges_of_an_address_than_the_data_path_searches)
{
	char text[65 * 120] = HEAD POOLS "vips:\n", *at = text + strlen(text), *said;
	int err;

	for (int i = 0; i < 65; i++)
		at += sprintf(at,
			      "- {name: v%d, address: 192.0.2.1, protocol: tcp, port: %d-%d, "
			      "forward: l2, pool: web}\n",
			      i, 10 * i + 1, 10 * i + 5);
	said = conf_text_load(text, NULL, &err);
	cr_expect_eq(err, -EINVAL);
	cr_expect_not_null(strstr(said, "VIP 'v64' (192.0.2.1:641-645/tcp) is one range too many: "
					"an address has at most 64 a protocol"),
			   "%s", said);
	free(said);
}

#define CHECKED(vips)                                                                              \
	HEAD "pools: {web: {backends: [{address: 10.0.0.1}], health: {tcp: {}}}}\n"                \
	     "vips:\n" vips

Test(conf_ports, a_health_check_takes_no_port_from_a_range)
{
	conf_text_says(CHECKED(TCP("a", "80-81")),
		       "3:57: error: the health check of pool 'web' has no port: a VIP of it has "
		       "more than one port\n"
		       "= set 'port' to the one that the backends answer on\n");
	conf_text_says(CHECKED(TCP("a", "80") VIP("b", "192.0.2.2", "tcp", "80-81")),
		       "3:57: error: the health check of pool 'web' has no port: a VIP of it has "
		       "more than one port\n"
		       "= set 'port' to the one that the backends answer on\n");
}
