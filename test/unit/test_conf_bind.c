/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_bind.c - every key by itself: types, ranges, defaults, units, what is for later.
 */
#include "conf_text.h"

static const char *const design_example =
    "version: 1\n"
    "node:\n"
    "  interfaces: [eth0]          # where XDP and TC attach\n"
    "  xdp_mode: auto              # auto | native | generic\n"
    "pools:\n"
    "  web:\n"
    "    backends:\n"
    "      - {address: 10.0.1.12, weight: 50}\n"
    "      - {address: 10.0.1.11, weight: 100}\n"
    "      - {address: 10.0.1.13, state: drain}\n"
    "    health: {http: {path: /healthz, expect: 200-299}, interval: 2s, timeout: 1s, rise: 2, "
    "fall: 3}\n"
    "  resolvers: {backends: [{address: \"2001:db8:1::1\"}]}\n"
    "vips:\n"
    "  - {name: www, address: 192.0.2.80, protocol: tcp, port: 443, forward: ipip, pool: web}\n"
    "  - {name: dns, address: \"2001:db8::53\", protocol: udp, port: 53, forward: l2, pool: "
    "resolvers, affinity: source}\n";

Test(conf_bind, reads_the_designs_example)
{
	struct lb_config *c = conf_text_good(design_example);
	const struct conf_pool *web = conf_find_pool(c, "web");
	const struct conf_vip *dns = conf_find_vip(c, "dns"), *www = conf_find_vip(c, "www");
	char text[LB_ADDR_TEXT_MAX];

	cr_assert_eq(c->n_pools, 2);
	cr_assert_eq(c->n_vips, 2);
	cr_assert_str_eq(c->pools[0].name, "resolvers"); /* in name order */
	cr_assert_eq(c->node.n_interfaces, 1);
	cr_assert_str_eq(c->node.interfaces[0], "eth0");
	cr_assert_eq(c->node.xdp_mode, CONF_XDP_AUTO);
	cr_assert_eq(web->n_backends, 3);
	cr_assert_str_eq(addr_format(&web->backends[0].address, text), "10.0.1.11");
	cr_assert_eq(web->backends[0].weight, 100);
	cr_assert_eq(web->backends[0].loc.line, 9);
	cr_assert_eq(web->backends[1].weight, 50);
	cr_assert_eq(web->backends[2].state, CONF_BACKEND_DRAIN);
	cr_assert_eq(web->health.type, CONF_HEALTH_HTTP);
	cr_assert_eq(web->health.port, 443);
	cr_assert_str_eq(web->health.path, "/healthz");
	cr_assert_null(web->health.host);
	cr_assert_eq(web->health.expect_max, 299);
	cr_assert_eq(web->health.interval_ms, 2000);
	cr_assert_eq(www->forward, CONF_FORWARD_IPIP);
	cr_assert_eq(www->port, 443);
	cr_assert_eq(www->protocol, CONF_TCP);
	cr_assert_eq(www->affinity, CONF_AFFINITY_FLOW);
	cr_assert_eq(&c->pools[www->pool], web);
	cr_assert_eq(dns->protocol, CONF_UDP);
	cr_assert_eq(dns->forward, CONF_FORWARD_L2);
	cr_assert_eq(dns->affinity, CONF_AFFINITY_SOURCE);
	cr_assert_eq(dns->pool, 0);
	cr_assert_str_eq(addr_format(&dns->address, text), "2001:db8::53");
	cr_assert_eq(conf_find_backend(web, &web->backends[1].address), &web->backends[1]);
	cr_assert_null(conf_find_backend(web, &dns->address));
	cr_assert_null(conf_find_vip(c, "none"));
	cr_assert_null(conf_find_pool(c, "none"));
	conf_free(c);
}

Test(conf_bind, gives_the_documented_defaults)
{
	struct lb_config *c = conf_text_good(WITH_HEALTH("http: {}"));
	const struct conf_health *health = &c->pools[0].health;

	cr_assert_eq(c->node.xdp_mode, CONF_XDP_AUTO);
	cr_assert_eq(c->node.seed, 0x536c75696365u);
	cr_assert_not(c->node.tunnel_source_v4.set);
	cr_assert_not(c->node.tunnel_source_v6.set);
	cr_assert_eq(c->pools[0].when_all_down, CONF_ALL_DOWN_DROP);
	cr_assert_eq(c->pools[0].slots, 0);
	cr_assert_eq(c->pools[0].backends[0].weight, 100);
	cr_assert_eq(c->pools[0].backends[0].state, CONF_BACKEND_ACTIVE);
	cr_assert_str_eq(health->path, "/");
	cr_assert_eq(health->expect_min, 200);
	cr_assert_eq(health->expect_max, 299);
	cr_assert_eq(health->interval_ms, 2000);
	cr_assert_eq(health->timeout_ms, 1000);
	cr_assert_eq(health->rise, 2);
	cr_assert_eq(health->fall, 3);
	cr_assert_eq(health->port, 80);
	conf_free(c);
}

Test(conf_bind, no_health_check_is_none)
{
	struct lb_config *c = conf_text_good(HEAD POOLS VIPS);

	cr_assert_eq(c->pools[0].health.type, CONF_HEALTH_NONE);
	conf_free(c);
}

Test(conf_bind, reads_every_key_of_the_node)
{
	struct lb_config *c = conf_text_good(
	    WITH_NODE("interfaces: [eth0, eth1.5], xdp_mode: generic, seed: 0xffffffffffffffff, "
		      "tunnel_source: {ipv4: 198.51.100.1, ipv6: \"2001:db8::1\"}"));
	char text[CONF_SOURCE_TEXT_MAX];

	cr_assert_eq(c->node.n_interfaces, 2);
	cr_assert_str_eq(c->node.interfaces[1], "eth1.5");
	cr_assert_eq(c->node.xdp_mode, CONF_XDP_GENERIC);
	cr_assert_eq(c->node.seed, UINT64_MAX);
	cr_assert(c->node.tunnel_source_v4.set && c->node.tunnel_source_v6.set);
	cr_assert_str_eq(conf_format_source(&c->node.tunnel_source_v4, text), "198.51.100.1");
	cr_assert_str_eq(conf_format_source(&c->node.tunnel_source_v6, text), "2001:db8::1");
	conf_free(c);
}

Test(conf_bind, reads_every_key_of_a_pool)
{
	struct lb_config *c =
	    conf_text_good(WITH_POOL("backends: [{address: 10.0.0.1}], slots: 16777216, "
				     "when_all_down: use_all, health: {tcp: {port: 8080}, "
				     "interval: 1h, timeout: 1m, rise: 1, fall: 100}"));
	const struct conf_pool *pool = &c->pools[0];

	cr_assert_eq(pool->slots, 1u << 24);
	cr_assert_eq(pool->when_all_down, CONF_ALL_DOWN_USE_ALL);
	cr_assert_eq(pool->health.type, CONF_HEALTH_TCP);
	cr_assert_eq(pool->health.port, 8080);
	cr_assert_eq(pool->health.interval_ms, 3600000);
	cr_assert_eq(pool->health.timeout_ms, 60000);
	cr_assert_eq(pool->health.rise, 1);
	cr_assert_eq(pool->health.fall, 100);
	conf_free(c);
}

Test(conf_bind, takes_texts_quoted_or_not)
{
	conf_free(
	    conf_text_good(WITH_VIP("\"name\": \"v\", address: '192.0.2.1', protocol: \"tcp\", "
				    "port: 80, forward: 'l2', pool: 'web'")));
}

#define PORT(p) WITH_VIP("port: " p ", name: v, address: 192.0.2.1, protocol: tcp, " VIP_END)

Test(conf_bind, rejects_port_above_65535)
{
	conf_text_says(PORT("65536"), "5:10: error: 'port' is out of range: 65536\n"
				      "= the range is 1 to 65535\n");
	conf_free(conf_text_good(PORT("65535")));
}

Test(conf_bind, rejects_port_0_and_below)
{
	conf_text_says(PORT("0"), "5:10: error: 'port' is out of range: 0\n"
				  "= the range is 1 to 65535\n");
	conf_text_says(PORT("-1"), "5:10: error: 'port' is out of range: -1\n"
				   "= the range is 1 to 65535\n");
	conf_text_says(PORT("99999999999999999999999"),
		       "5:10: error: 'port' is out of range: 99999999999999999999999\n"
		       "= the range is 1 to 65535\n");
}

Test(conf_bind, rejects_a_quoted_number)
{
	conf_text_says(PORT("\"80\""), "5:10: error: 'port' wants a number, found a quoted text\n"
				       "= remove the quotes: 80\n");
}

Test(conf_bind, rejects_what_looks_octal)
{
	conf_text_says(PORT("0080"),
		       "5:10: error: 'port' starts with a zero, which some read as octal: 0080\n"
		       "= write 80\n");
}

Test(conf_bind, rejects_what_is_no_whole_number)
{
	static const char *const texts[] = {"http", "8e1", "80.0", "+80", "0x50", "8_0", "yes"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[512], expected[256];

		snprintf(text, sizeof(text), PORT("%s"), texts[i]);
		snprintf(expected, sizeof(expected),
			 "5:10: error: 'port' is not a whole number: '%s'\n"
			 "= write a port, a range of ports like 8000-8099, or any\n",
			 texts[i]);
		conf_text_says(text, expected);
	}
}

Test(conf_bind, reads_a_range_of_ports_and_any)
{
	static const struct {
		const char *text;
		uint16_t first, last;
	} rows[] = {{"1000-2000", 1000, 2000}, {"any", 1, 65535}, {"1-65535", 1, 65535},
		    {"443-443", 443, 443},     {"443", 443, 443}, {"'80-81'", 80, 81}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lb_config *config;
		struct diag *diag;
		char text[512];

		snprintf(text, sizeof(text),
			 HEAD POOLS "vips:\n- {name: v, address: 192.0.2.1, protocol: tcp, port: "
				    "%s, forward: l2, pool: web}\n",
			 rows[i].text);
		cr_assert_eq(conf_load_text("t", text, strlen(text), &config, &diag), 0);
		cr_expect_eq(config->vips[0].port, rows[i].first);
		cr_expect_eq(config->vips[0].port_last, rows[i].last);
		conf_free(config);
		diag_free(diag);
	}
}

Test(conf_bind, rejects_ranges_of_ports_that_are_none)
{
	conf_text_says(PORT("2000-1000"), "5:10: error: 'port' is an empty range: 2000-1000\n"
					  "= did you mean 1000-2000?\n");
	conf_text_says(PORT("0-10"), "5:10: error: 'port' is out of range: 0\n"
				     "= the range is 1 to 65535\n");
	conf_text_says(PORT("10-65536"), "5:10: error: 'port' is out of range: 65536\n"
					 "= the range is 1 to 65535\n");
	conf_text_says(PORT("10-"), "5:10: error: 'port' is not a whole number: '10-'\n"
				    "= write a port, a range of ports like 8000-8099, or any\n");
	conf_text_says(PORT("all"), "5:10: error: 'port' is not a whole number: 'all'\n"
				    "= write a port, a range of ports like 8000-8099, or any\n");
}

#define SEED(s) WITH_NODE("seed: " s ", interfaces: [eth0]")

Test(conf_bind, rejects_a_seed_of_more_than_64_bits)
{
	conf_text_says(SEED("18446744073709551616"),
		       "2:14: error: 'seed' is out of range: 18446744073709551616\n"
		       "= the range is 0 to 18446744073709551615\n");
	conf_text_says(SEED("0x10000000000000000"),
		       "2:14: error: 'seed' is out of range: 0x10000000000000000\n"
		       "= the range is 0 to 18446744073709551615\n");
	conf_text_says(SEED("0xfeg"), "2:14: error: 'seed' is not a whole number: '0xfeg'\n"
				      "= write a number, decimal or 0x hexadecimal\n");
}

#define INTERVAL(d) WITH_HEALTH("interval: " d ", tcp: {}")

Test(conf_bind, rejects_a_duration_without_unit)
{
	conf_text_says(INTERVAL("5"), "4:61: error: 'interval' wants a unit: 5\n"
				      "= did you mean '5s'?\n");
	conf_text_says(INTERVAL("2000"), "4:61: error: 'interval' wants a unit: 2000\n"
					 "= did you mean '2000s' or '2000ms'?\n");
	conf_text_says(INTERVAL("100000"), "4:61: error: 'interval' wants a unit: 100000\n"
					   "= did you mean '100000ms'?\n");
}

Test(conf_bind, rejects_what_is_no_duration)
{
	static const char *const texts[] = {"2 s", "s", "1.5s", "2sec", "-2s", "2S"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[512], expected[256];

		snprintf(text, sizeof(text), INTERVAL("%s"), texts[i]);
		snprintf(expected, sizeof(expected),
			 "4:61: error: 'interval' is not a duration: '%s'\n"
			 "= a whole number and one of ms, s, m, h: 500ms, 2s, 1m\n",
			 texts[i]);
		conf_text_says(text, expected);
	}
}

Test(conf_bind, rejects_durations_out_of_range)
{
	conf_text_says(INTERVAL("99ms"), "4:61: error: 'interval' is out of range: 99ms\n"
					 "= the range is 100ms to 1h\n");
	conf_text_says(INTERVAL("61m"), "4:61: error: 'interval' is out of range: 61m\n"
					"= the range is 100ms to 1h\n");
	conf_text_says(INTERVAL("18446744073709551615h"),
		       "4:61: error: 'interval' is out of range: 18446744073709551615h\n"
		       "= the range is 100ms to 1h\n");
}

#define ADDRESS(a) WITH_VIP("address: " a ", name: v, protocol: tcp, port: 80, " VIP_END)
#define UNICAST_HINT                                                                               \
	"= an address that other hosts can reach: neither 0.0.0.0 or ::, nor multicast, "          \
	"loopback, link-local or broadcast\n"

Test(conf_bind, rejects_addresses_that_are_no_hosts)
{
	static const struct {
		const char *address, *what;
	} rows[] = {
	    {"0.0.0.0", "the unspecified address"},	  {"\"::\"", "the unspecified address"},
	    {"224.0.0.1", "a multicast address"},	  {"\"ff02::1\"", "a multicast address"},
	    {"127.0.0.53", "a loopback address"},	  {"\"::1\"", "a loopback address"},
	    {"169.254.1.1", "a link-local address"},	  {"\"fe80::1\"", "a link-local address"},
	    {"255.255.255.255", "the broadcast address"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512], expected[256], bare[64] = "";
		size_t n = 0;

		for (const char *p = rows[i].address; *p; p++)
			if (*p != '"')
				bare[n++] = *p;
		snprintf(text, sizeof(text), ADDRESS("%s"), rows[i].address);
		snprintf(expected, sizeof(expected), "5:13: error: 'address' is %s: %s\n%s",
			 rows[i].what, bare, UNICAST_HINT);
		conf_text_says(text, expected);
	}
}

Test(conf_bind, says_what_is_wrong_with_an_address)
{
	conf_text_says(ADDRESS("192.0.2.300"),
		       "5:13: error: 'address' is not an IP address: '192.0.2.300'\n"
		       "= an address like 192.0.2.10 or \"2001:db8::10\"\n");
	conf_text_says(ADDRESS("192.0.2.1/32"),
		       "5:13: error: 'address' is not an IP address: '192.0.2.1/32'\n"
		       "= an address, without a prefix length\n");
	conf_text_says(ADDRESS("192.0.2.1:80"),
		       "5:13: error: 'address' is not an IP address: '192.0.2.1:80'\n"
		       "= the address alone; a port is a key of its own\n");
	conf_text_says(ADDRESS("\"fe80::1%eth0\""),
		       "5:13: error: 'address' is not an IP address: 'fe80::1%eth0'\n"
		       "= an address, without a zone\n");
	conf_text_says(
	    ADDRESS("www.example.com"),
	    "5:13: error: 'address' is not an IP address: 'www.example.com'\n"
	    "= an address like 192.0.2.10 or \"2001:db8::10\"; host names are not looked "
	    "up\n");
	conf_text_says(ADDRESS("\"::ffff:192.0.2.1\""),
		       "5:13: error: 'address' is an IPv4 address in IPv6's clothes: "
		       "'::ffff:192.0.2.1'\n"
		       "= write 192.0.2.1\n");
	conf_text_says(ADDRESS("[\"2001:db8::1\"]"),
		       "5:13: error: 'address' wants an IP address, found a list\n"
		       "= IPv6 addresses are put in quotes: \"2001:db8::53\"\n");
}

Test(conf_bind, rejects_a_tunnel_source_of_the_wrong_family)
{
	conf_text_says(
	    WITH_NODE("interfaces: [eth0], tunnel_source: {ipv4: \"2001:db8::1\", ipv6: 10.0.0.1}"),
	    "2:50: error: 'ipv4' wants an IPv4 address, found 2001:db8::1\n"
	    "2:71: error: 'ipv6' wants an IPv6 address, found 10.0.0.1\n");
}

Test(conf_bind, rejects_a_tunnel_source_that_is_no_prefix)
{
	conf_text_says(
	    WITH_NODE(
		"interfaces: [eth0], tunnel_source: {ipv4: 10.99.0.1/16, ipv6: \"fd88::/126\"}"),
	    "2:50: error: 'ipv4' has bits set behind its prefix: 10.99.0.1/16\n"
	    "= write 10.99.0.0/16\n"
	    "2:70: error: 'ipv6' has no possible prefix length: fd88::/126\n"
	    "= the prefix length is from 16 to 125\n");
	conf_text_says(
	    WITH_NODE(
		"interfaces: [eth0], tunnel_source: {ipv4: 10.99.0.0/x, ipv6: \"10.0.0.0/8\"}"),
	    "2:50: error: 'ipv4' has no possible prefix length: 10.99.0.0/x\n"
	    "= the prefix length is from 8 to 29\n"
	    "2:69: error: 'ipv6' wants an IPv6 address, found 10.0.0.0/8\n");
}

Test(conf_bind, reads_prefixes_and_gue_settings_or_their_defaults)
{
	struct lb_config *c = conf_text_good(WITH_NODE(
	    "interfaces: [eth0], tunnel_source: {ipv4: 10.99.0.0/16, ipv6: \"fd88::/64\"}, "
	    "gue: {port: 5555, variant: 0, ipv6_checksum: zero}"));
	char text[CONF_SOURCE_TEXT_MAX];

	cr_expect_str_eq(conf_format_source(&c->node.tunnel_source_v4, text), "10.99.0.0/16");
	cr_expect_str_eq(conf_format_source(&c->node.tunnel_source_v6, text), "fd88::/64");
	cr_expect_eq(c->node.gue.port, 5555);
	cr_expect_eq(c->node.gue.variant, 0);
	cr_expect_eq(c->node.gue.checksum6, CONF_CHECKSUM6_ZERO);
	conf_free(c);

	c = conf_text_good(WITH_NODE("interfaces: [eth0]"));
	cr_expect_str_eq(conf_format_source(&c->node.tunnel_source_v4, text), "by route");
	cr_expect_eq(c->node.gue.port, 6080);
	cr_expect_eq(c->node.gue.variant, 1);
	cr_expect_eq(c->node.gue.checksum6, CONF_CHECKSUM6_COMPUTED);
	conf_free(c);
}

Test(conf_bind, rejects_names_that_the_kernel_has_not_for_a_device)
{
	conf_text_says(WITH_NODE("interfaces: [sixteen-letters-]"),
		       "2:21: error: the interface's name is too long: 'sixteen-letters-'\n"
		       "= an interface's name has at most 15 characters\n");
	conf_text_says(WITH_NODE("interfaces: [\"eth 0\"]"),
		       "2:21: error: not an interface's name: 'eth 0'\n"
		       "= '/', ':', spaces and non-ASCII characters can't be part of it\n");
	conf_text_says(WITH_NODE("interfaces: [a/b, \"\", ..]"),
		       "2:21: error: not an interface's name: 'a/b'\n"
		       "= '/', ':', spaces and non-ASCII characters can't be part of it\n"
		       "2:26: error: an interface's name can't be empty\n"
		       "2:30: error: not an interface's name: '..'\n");
	conf_free(conf_text_good(WITH_NODE("interfaces: [fifteen-letters]")));
}

Test(conf_bind, rejects_names_with_odd_characters)
{
	conf_text_says(HEAD "pools:\n  we b: {backends: [{address: 10.0.0.1}]}\nvips: []\n",
		       "4:3: error: not a valid name: 'we b'\n"
		       "= letters, digits, '.', '_' and '-', and a letter or digit first\n");
	conf_text_says(WITH_VIP("name: -v, address: 192.0.2.1, protocol: tcp, port: 80, " VIP_END),
		       "5:10: error: not a valid name: '-v'\n"
		       "= letters, digits, '.', '_' and '-', and a letter or digit first\n");
}

#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

Test(conf_bind, rejects_names_above_63_characters)
{
	conf_text_says(
	    WITH_VIP("name: " X60 "1234, address: 192.0.2.1, protocol: tcp, port: 80, " VIP_END),
	    "5:10: error: the name is too long: "
	    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'\n"
	    "= a name has at most 63 characters\n");
	conf_free(conf_text_good(
	    WITH_VIP("name: " X60 "123, address: 192.0.2.1, protocol: tcp, port: 80, " VIP_END)));
}

Test(conf_bind, rejects_paths_that_would_break_http)
{
	conf_text_says(WITH_HEALTH("http: {path: healthz}"),
		       "4:64: error: 'path' must start with '/': 'healthz'\n"
		       "= did you mean '/healthz'?\n");
	conf_text_says(WITH_HEALTH("http: {path: \"/a b\"}"),
		       "4:64: error: 'path' holds a character that HTTP doesn't allow: '/a b'\n"
		       "= write the character as %20\n");
	conf_text_says(WITH_HEALTH("http: {path: \"/a\\r\\nX: y\"}"),
		       "4:64: error: 'path' holds a character that HTTP doesn't allow: "
		       "'/a\\x0d\\x0aX: y'\n"
		       "= write the character as %0D\n");
	conf_text_says(WITH_HEALTH("http: {path: \"/a#b\"}"),
		       "4:64: error: 'path' holds a character that HTTP doesn't allow: '/a#b'\n"
		       "= write the character as %23\n");
}

Test(conf_bind, rejects_hosts_that_would_break_http)
{
	conf_text_says(WITH_HEALTH("http: {host: \"a\\nb\"}"),
		       "4:64: error: 'host' is not a host name: 'a\\x0ab'\n"
		       "= a name like www.example.com, with a port where one is needed\n");
	conf_text_says(WITH_HEALTH("http: {host: \"\"}"),
		       "4:64: error: 'host' is not a host name: ''\n"
		       "= a name like www.example.com, with a port where one is needed\n");
	conf_free(conf_text_good(WITH_HEALTH("http: {host: \"[2001:db8::1]:80\"}")));
}

Test(conf_bind, reads_a_status_or_a_range)
{
	struct lb_config *c = conf_text_good(WITH_HEALTH("http: {expect: 204}"));

	cr_assert_eq(c->pools[0].health.expect_min, 204);
	cr_assert_eq(c->pools[0].health.expect_max, 204);
	conf_free(c);
	conf_text_says(WITH_HEALTH("http: {expect: 299-200}"),
		       "4:66: error: 'expect' is an empty range: 299-200\n"
		       "= did you mean 200-299?\n");
	conf_text_says(WITH_HEALTH("http: {expect: 200-600}"),
		       "4:66: error: 'expect' is out of range: 200-600\n"
		       "= the range is 100 to 599\n");
	conf_text_says(WITH_HEALTH("http: {expect: 2xx}"),
		       "4:66: error: 'expect' is not an HTTP status: '2xx'\n"
		       "= a status or a range of them: 200, 200-299\n");
}

Test(conf_bind, suggests_the_nearest_word)
{
	conf_text_says(WITH_NODE("interfaces: [eth0], xdp_mode: naitive"),
		       "2:38: error: unknown value for 'xdp_mode': 'naitive'\n"
		       "= did you mean 'native'?\n");
	conf_text_says(WITH_NODE("interfaces: [eth0], xdp_mode: hardware"),
		       "2:38: error: unknown value for 'xdp_mode': 'hardware'\n"
		       "= one of: auto, native, generic\n");
}

Test(conf_bind, suggests_the_nearest_key)
{
	conf_text_says(WITH_BACKENDS("{address: 10.0.0.1, wieght: 5}"),
		       "4:40: error: unknown key 'wieght'\n"
		       "= did you mean 'weight'?\n");
	conf_text_says(WITH_BACKENDS("{address: 10.0.0.1, colour: red}"),
		       "4:40: error: unknown key 'colour'\n"
		       "= the keys of a backend are: address, weight, state, quic_id\n");
}

Test(conf_bind, does_not_miss_a_key_that_is_misspelt)
{
	conf_text_says(WITH_BACKENDS("{adress: 10.0.0.1}"), "4:21: error: unknown key 'adress'\n"
							    "= did you mean 'address'?\n");
}

Test(conf_bind, rejects_duplicate_keys_and_names_the_first)
{
	conf_text_says(HEAD POOLS VIPS "version: 1\n", "5:1: error: duplicate key 'version'\n"
						       "= it was first given in line 1\n");
	conf_text_says(HEAD "pools:\n  a: {backends: [{address: 10.0.0.1}]}\n"
			    "  a: {backends: [{address: 10.0.0.2}]}\n"
			    "vips:\n- {name: v, address: 192.0.2.1, protocol: tcp, port: 80, "
			    "forward: l2, pool: a}\n",
		       "5:3: error: duplicate name 'a' in 'pools'\n"
		       "= it was first given in line 4\n");
}

Test(conf_bind, names_every_missing_key)
{
	conf_text_says("version: 1\n", "1:1: error: the configuration lacks the keys 'node', "
				       "'pools', 'vips'\n");
	conf_text_says(WITH_POOL("slots: 5"), "4:3: error: pool 'web' lacks the key 'backends'\n"
					      "= add 'backends: ...', a list\n");
	conf_text_says(WITH_VIP("name: v, address: 192.0.2.1, port: 80, " VIP_END),
		       "5:3: error: a VIP lacks the key 'protocol'\n"
		       "= add 'protocol: ...', one of: tcp, udp\n");
}

Test(conf_bind, says_which_type_it_wants_and_found)
{
	conf_text_says(WITH_NODE("interfaces: eth0"),
		       "2:20: error: 'interfaces' wants a list, found a text\n"
		       "= write 'interfaces: [eth0]'\n");
	conf_text_says(WITH_BACKENDS("10.0.0.1"),
		       "4:20: error: 'backend' wants a mapping, found a text\n"
		       "= write '{address: 10.0.0.1}'\n");
	conf_text_says(WITH_BACKENDS("{address: 10.0.0.1, weight: [1]}"),
		       "4:48: error: 'weight' wants a number from 0 to 65535, found a list\n");
	conf_text_says(WITH_BACKENDS("{address: 10.0.0.1, weight: {a: 1}}"),
		       "4:48: error: 'weight' wants a number from 0 to 65535, found a mapping\n");
	conf_text_says("- a\n", "1:1: error: a configuration is a mapping of keys, found a list\n"
				"= it starts with 'version: 1'\n");
}

Test(conf_bind, rejects_keys_without_a_value)
{
	conf_text_says(WITH_BACKENDS("{address: 10.0.0.1, weight: }"),
		       "4:40: error: 'weight' has no value\n"
		       "= it wants a number from 0 to 65535\n");
	conf_text_says(WITH_HEALTH("tcp: "), "4:51: error: 'tcp' has no value\n"
					     "= write 'tcp: {}' for one without keys\n");
	conf_text_says(HEAD POOLS "vips:\n", "4:1: error: 'vips' has no value\n"
					     "= write 'vips: []' for an empty list\n");
}

Test(conf_bind, rejects_empty_lists_where_one_is_needed)
{
	conf_text_says(WITH_NODE("interfaces: []"),
		       "2:20: error: 'interfaces' is empty: it wants at least 1\n");
	conf_text_says(WITH_BACKENDS(""),
		       "4:19: error: 'backends' is empty: it wants at least 1\n");
}

Test(conf_bind, takes_a_file_without_pools_and_vips)
{
	conf_free(conf_text_good(HEAD "pools: {}\nvips: []\n"));
}

Test(conf_bind, rejects_another_version)
{
	conf_text_says("version: 2\nnode: {interfaces: [e]}\npools: {}\nvips: []\n",
		       "1:10: error: 'version' must be 1, found 2\n");
}

Test(conf_bind, rejects_more_backends_than_a_slot_can_number)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fprintf(out, HEAD "pools:\n  web:\n    backends:\n");
	for (unsigned int i = 0; i < 16385; i++)
		fprintf(out, "    - {address: 10.1.%u.%u}\n", i >> 8, i & 255);
	fprintf(out, VIPS);
	fclose(out);
	conf_text_says(text,
		       "5:5: error: 'backends' has 16385 items: at most 16384 are possible\n");
	free(text);
}

Test(conf_bind, says_that_a_space_is_missing_after_a_colon)
{
	conf_text_says(WITH_BACKENDS("{address:10.0.0.1}"),
		       "4:21: error: unknown key 'address:10.0.0.1'\n"
		       "= write 'address: ...', with a space after the colon\n");
}

Test(conf_bind, says_how_a_mapping_is_written_that_was_given_as_a_word)
{
	conf_text_says(WITH_POOL("backends: [{address: 10.0.0.1}], health: http"),
		       "4:50: error: 'health' wants a mapping, found a text\n"
		       "= write 'health: {http: {}}'\n");
}
