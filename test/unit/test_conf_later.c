/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_later.c - what the configuration will hold one day is refused by name, never ignored.
 */
#include "conf_text.h"

#define LATER_VIP(key)                                                                             \
	{                                                                                          \
		WITH_VIP("name: v, address: 192.0.2.1, protocol: tcp, port: 80, " VIP_END ", " key \
			 ": x"),                                                                   \
		    "5:82: error: '" key "' is not supported yet\n"                                \
	}
#define LATER_POOL(key)                                                                            \
	{                                                                                          \
		WITH_POOL("backends: [{address: 10.0.0.1}], " key ": x"),                          \
		    "4:42: error: '" key "' is not supported yet\n"                                \
	}

Test(conf_later, says_of_every_key_for_later_that_it_is_not_supported_yet)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    LATER_VIP("routes"),
	    LATER_VIP("allow"),
	    LATER_VIP("fragments"),
	    LATER_VIP("when_relay_down"),
	    LATER_VIP("drain_time"),
	    LATER_VIP("source"),
	    LATER_VIP("proxy_protocol"),
	    LATER_POOL("drain_time"),
	    LATER_POOL("remove"),
	    LATER_POOL("source"),
	    LATER_POOL("proxy_protocol"),
	    {WITH_BACKENDS("{address: 10.0.0.1, remove: x}"),
	     "4:40: error: 'remove' is not supported yet\n"},
	    {WITH_BACKENDS("{address: 10.0.0.1, port: 80}"),
	     "4:40: error: 'port' is not supported yet\n"},
	    {WITH_BACKENDS("{address: 10.0.0.1, state: remove}"),
	     "4:47: error: 'state: remove' is not supported yet\n"},
	    {WITH_NODE("interfaces: [e], metrics: x"),
	     "2:25: error: 'metrics' is not supported yet\n"},
	    {WITH_NODE("interfaces: [e], drain_time: x"),
	     "2:25: error: 'drain_time' is not supported yet\n"},
	    {HEAD POOLS VIPS "metrics: {}\n", "5:1: error: 'metrics' is not supported yet\n"},
	    {HEAD POOLS VIPS "filters:\n  deny: [198.51.100.0/24]\n",
	     "6:3: error: 'deny' is not supported yet\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		conf_text_says(rows[i].text, rows[i].says);
}

Test(conf_later, says_of_every_word_for_later_that_it_is_not_supported_yet)
{
	static const char *const words[][2] = {{"forward", "nat"}, {"forward", "l7"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char text[512], expected[128];

		snprintf(text, sizeof(text),
			 HEAD POOLS "vips:\n- {%s: %s, name: v, address: 192.0.2.1, protocol: tcp, "
				    "port: 80, %spool: web}\n",
			 words[i][0], words[i][1],
			 strcmp(words[i][0], "forward") ? "forward: l2, " : "");
		snprintf(expected, sizeof(expected),
			 "5:%zu: error: '%s: %s' is not supported yet\n", strlen(words[i][0]) + 6,
			 words[i][0], words[i][1]);
		conf_text_says(text, expected);
	}
}

Test(conf_later, does_not_ask_an_l7_vip_with_routes_for_a_pool)
{
	conf_text_says(WITH_VIP("name: v, address: 192.0.2.1, protocol: tcp, port: 80, "
				"forward: l7, routes: [{pool: web}]"),
		       "5:67: error: 'forward: l7' is not supported yet\n"
		       "5:71: error: 'routes' is not supported yet\n");
}
