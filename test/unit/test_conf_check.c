/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_check.c - the rules between keys, each broken alone.
 */
#include "conf_text.h"

#define VIP(name, address, port, pool)                                                             \
	"- {name: " name ", address: " address ", protocol: tcp, port: " port                      \
	", forward: l2, pool: " pool "}\n"

Test(conf_check, rejects_an_interface_given_twice)
{
	conf_text_says(WITH_NODE("interfaces: [eth0, eth1, eth0]"),
		       "2:33: error: duplicate interface 'eth0'\n"
		       "= it was first given in line 2\n");
}

Test(conf_check, rejects_two_vips_of_one_name)
{
	conf_text_says(HEAD POOLS "vips:\n" VIP("v", "192.0.2.1", "80", "web")
			   VIP("v", "192.0.2.2", "80", "web"),
		       "6:10: error: duplicate name 'v' in 'vips'\n"
		       "= it was first given in line 5\n");
}

Test(conf_check, rejects_two_vips_of_one_address_protocol_and_port)
{
	conf_text_says(HEAD POOLS "vips:\n" VIP("a", "\"2001:db8::1\"", "80", "web")
			   VIP("b", "\"2001:db8:0::1\"", "80", "web"),
		       "6:22: error: a second VIP with address, protocol and port tcp "
		       "[2001:db8::1]:80\n"
		       "= it was first given in line 5\n");
}

Test(conf_check, takes_one_port_for_both_protocols_and_one_address_for_two_ports)
{
	conf_free(conf_text_good(HEAD POOLS "vips:\n" VIP("a", "192.0.2.1", "80", "web") VIP(
	    "b", "192.0.2.1", "81",
	    "web") "- {name: c, address: 192.0.2.1, protocol: udp, port: 80, forward: l2, pool: web}\n"));
}

Test(conf_check, rejects_a_backend_given_twice_in_a_pool)
{
	conf_text_says(WITH_BACKENDS("{address: \"2001:db8::1\"}, {address: \"2001:DB8::01\"}"),
		       "4:56: error: duplicate backend 2001:db8::1 in pool 'web'\n"
		       "= it was first given in line 4\n");
}

Test(conf_check, takes_a_backend_in_two_pools)
{
	conf_free(conf_text_good(
	    HEAD "pools:\n  a: {backends: [{address: 10.0.0.1}]}\n  b: {backends: [{address: "
		 "10.0.0.1}]}\nvips:\n" VIP("a", "192.0.2.1", "80", "a")
		     VIP("b", "192.0.2.2", "80", "b")));
}

Test(conf_check, suggests_the_nearest_pool_for_one_that_is_not_defined)
{
	conf_text_says(HEAD POOLS "vips:\n" VIP("v", "192.0.2.1", "80", "wbe"),
		       "5:77: error: pool 'wbe' is not defined\n"
		       "= did you mean 'web'?\n");
	conf_text_says(HEAD POOLS "vips:\n" VIP("v", "192.0.2.1", "80", "other"),
		       "5:77: error: pool 'other' is not defined\n"
		       "= define it in 'pools'\n");
}

Test(conf_check, does_not_call_a_pool_undefined_that_is_only_bad)
{
	conf_text_says(HEAD "pools: {web: 5}\n" VIPS,
		       "3:14: error: 'web' wants a mapping, found a text\n");
	conf_text_says(HEAD "pools: [web]\n" VIPS,
		       "3:8: error: 'pools' wants a mapping of names, found a list\n");
}

Test(conf_check, warns_of_a_pool_that_no_vip_uses)
{
	conf_text_says(HEAD "pools:\n  web: {backends: [{address: 10.0.0.1}]}\n"
			    "  old: {backends: [{address: 10.0.0.2}]}\n" VIPS,
		       "5:3: warning: pool 'old' is not used by any VIP\n");
}

Test(conf_check, does_not_probe_an_unused_pool_whose_port_is_unknown)
{
	struct lb_config *c;
	int err;
	char *said = conf_text_load(
	    HEAD "pools: {old: {backends: [{address: 10.0.0.2}], health: {tcp: {}}}}\nvips: []\n",
	    &c, &err);

	cr_assert_eq(err, 0);
	cr_assert_not_null(strstr(said, "it won't be health-checked either: 'port' is not set"));
	cr_assert_eq(c->pools[0].health.type, CONF_HEALTH_NONE);
	free(said);
	conf_free(c);
}

Test(conf_check, warns_where_no_backend_takes_flows)
{
	conf_text_says(WITH_BACKENDS("{address: 10.0.0.1, weight: 0}, {address: 10.0.0.2, state: "
				     "drain}"),
		       "4:3: warning: no backend of pool 'web' takes new flows: each has weight 0 "
		       "or is drained\n");
}

Test(conf_check, rejects_a_backend_with_the_address_of_a_vip)
{
	conf_text_says(WITH_BACKENDS("{address: 192.0.2.1}"),
		       "4:30: error: backend 192.0.2.1 of pool 'web' has the address of a VIP\n"
		       "= packets would come back to the box: give the backend's own address (the "
		       "VIP is in line 5)\n");
}

Test(conf_check, rejects_fewer_slots_than_backends)
{
	conf_text_says(WITH_POOL("backends: [{address: 10.0.0.1}, {address: 10.0.0.2}], slots: 1"),
		       "4:70: error: pool 'web' has fewer slots (1) than backends (2)\n"
		       "= leave 'slots' out for a number that fits the backends\n");
	conf_free(conf_text_good(
	    WITH_POOL("backends: [{address: 10.0.0.1}, {address: 10.0.0.2}], slots: 2")));
}

Test(conf_check, rejects_a_timeout_above_the_interval)
{
	conf_text_says(WITH_HEALTH("tcp: {}, interval: 1s, timeout: 1500ms"),
		       "4:83: error: 'timeout' (1500ms) is longer than 'interval' (1s)\n");
	conf_text_says(WITH_HEALTH("tcp: {}, interval: 500ms"),
		       "4:70: error: 'timeout' (1s by default) is longer than 'interval' (500ms)\n"
		       "= set 'timeout', too\n");
	conf_text_says(WITH_HEALTH("tcp: {}, timeout: 3s"),
		       "4:69: error: 'timeout' (3s) is longer than 'interval' (2s by default)\n");
	conf_free(conf_text_good(WITH_HEALTH("tcp: {}, interval: 1s, timeout: 1s")));
}

Test(conf_check, wants_exactly_one_kind_of_probe)
{
	conf_text_says(WITH_HEALTH("rise: 1"),
		       "4:42: error: the health check of pool 'web' has neither 'tcp' nor 'http'\n"
		       "= add 'tcp: {}' or 'http: {path: /}'\n");
	conf_text_says(WITH_HEALTH("tcp: {}, http: {}"),
		       "4:42: error: the health check of pool 'web' has both 'tcp' and 'http'\n"
		       "= 'http' includes what 'tcp' checks\n");
}

#define CHECKED(check)                                                                             \
	HEAD "pools:\n  web: {backends: [{address: 10.0.0.1}], health: {" check "}}\n"
#define UDP_VIP "- {name: u, address: 192.0.2.1, protocol: udp, port: 53, forward: l2, pool: web}\n"

Test(conf_check, wants_a_probe_port_where_the_vips_have_several)
{
	conf_text_says(CHECKED("tcp: {}") "vips:\n" VIP("a", "192.0.2.1", "80", "web")
			   VIP("b", "192.0.2.1", "443", "web"),
		       "4:51: error: the health check of pool 'web' has no port: its VIPs have "
		       "different ports\n"
		       "= set 'port' to the one that the backends answer on\n");
	conf_free(conf_text_good(CHECKED("tcp: {port: 80}") "vips:\n" VIP(
	    "a", "192.0.2.1", "80", "web") VIP("b", "192.0.2.1", "443", "web")));
}

Test(conf_check, wants_a_probe_port_where_the_vips_are_udp_only)
{
	struct lb_config *c;

	conf_text_says(CHECKED("http: {path: /x}") "vips:\n" UDP_VIP,
		       "4:51: error: the health check of pool 'web' has no port: its VIPs are UDP "
		       "only\n"
		       "= set 'port' to the one that the backends answer on\n");
	c = conf_text_good(CHECKED("tcp: {port: 8080}") "vips:\n" UDP_VIP);
	cr_assert_eq(c->pools[0].health.port, 8080);
	conf_free(c);
	c = conf_text_good(CHECKED("tcp: {}") "vips:\n" UDP_VIP VIP("t", "192.0.2.1", "53", "web"));
	cr_assert_eq(c->pools[0].health.port, 53);
	conf_free(c);
}

Test(conf_check, says_everything_at_once_and_no_echo)
{
	conf_text_says(
	    "version: 1\n"
	    "node: {interfaces: [eth0, eth0], seed: x}\n"
	    "pools:\n"
	    "  web:\n"
	    "    backends:\n"
	    "    - {address: 10.0.0.1, weight: heavy}\n"
	    "    - {address: 10.0.0}\n"
	    "    - {address: 10.0.0.1}\n"
	    "    health: {tcp: {}, interval: 5, timeout: 3s}\n"
	    "vips:\n"
	    "- {name: v, address: 192.0.2.1, protocol: tpc, port: x, forward: l2, pool: "
	    "web}\n"
	    "- {name: v, address: 192.0.2.1, protocol: tcp, port: 80, forward: l2, pool: "
	    "we}\n"
	    "extra: 1\n",
	    "2:27: error: duplicate interface 'eth0'\n"
	    "= it was first given in line 2\n"
	    "2:40: error: 'seed' is not a whole number: 'x'\n"
	    "= write a number, decimal or 0x hexadecimal\n"
	    "6:35: error: 'weight' is not a whole number: 'heavy'\n"
	    "= write a number from 0 to 65535\n"
	    "7:17: error: 'address' is not an IP address: '10.0.0'\n"
	    "= an address like 192.0.2.10 or \"2001:db8::10\"\n"
	    "8:17: error: duplicate backend 10.0.0.1 in pool 'web'\n"
	    "= it was first given in line 6\n"
	    "9:33: error: 'interval' wants a unit: 5\n"
	    "= did you mean '5s'?\n"
	    "11:43: error: unknown value for 'protocol': 'tpc'\n"
	    "= did you mean 'tcp'?\n"
	    "11:54: error: 'port' is not a whole number: 'x'\n"
	    "= write a port, a range of ports like 8000-8099, or any\n"
	    "12:10: error: duplicate name 'v' in 'vips'\n"
	    "= it was first given in line 11\n"
	    "12:77: error: pool 'we' is not defined\n"
	    "= did you mean 'web'?\n"
	    "13:1: error: unknown key 'extra'\n"
	    "= the keys of the configuration are: version, node, pools, vips, filters\n");
}

Test(conf_check, does_not_miss_a_probe_that_is_misspelt)
{
	conf_text_says(WITH_HEALTH("https: {}"), "4:51: error: unknown key 'https'\n"
						 "= did you mean 'http'?\n");
}
