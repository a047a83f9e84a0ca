/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_affinity.c - what holds between a VIP's affinity, its other keys and its pool.
 */
#include "conf_text.h"

#define VIP(address, more)                                                                         \
	HEAD POOLS "vips:\n- {name: v, address: " address                                          \
		   ", protocol: tcp, port: 80, forward: l2, pool: web, " more "}\n"

static uint8_t prefix_of(const char *text)
{
	struct lb_config *config = conf_text_good(text);
	uint8_t prefix = config->vips[0].affinity_prefix;

	conf_free(config);
	return prefix;
}

Test(conf_affinity, reads_a_prefix_for_the_source)
{
	cr_expect_eq(prefix_of(VIP("192.0.2.1", "affinity: source, affinity_prefix: 24")), 24);
	cr_expect_eq(prefix_of(VIP("192.0.2.1", "affinity: source, affinity_prefix: 32")), 32);
	cr_expect_eq(prefix_of(VIP("\"2001:db8::1\"", "affinity: source, affinity_prefix: 128")),
		     128);
	cr_expect_eq(prefix_of(VIP("192.0.2.1", "affinity: source")), 0);
}

Test(conf_affinity, rejects_a_prefix_that_the_address_does_not_have)
{
	conf_text_says(VIP("192.0.2.1", "affinity: source, affinity_prefix: 64"),
		       "5:117: error: 'affinity_prefix' is out of range for an IPv4 VIP: 64\n"
		       "= the range is 1 to 32\n");
	conf_text_says(VIP("192.0.2.1", "affinity: source, affinity_prefix: 0"),
		       "5:117: error: 'affinity_prefix' is out of range: 0\n"
		       "= the range is 1 to 128\n");
}

Test(conf_affinity, rejects_a_prefix_without_affinity_source)
{
	conf_text_says(VIP("192.0.2.1", "affinity_prefix: 24"),
		       "5:99: error: 'affinity_prefix' is for 'affinity: source' alone\n"
		       "= add 'affinity: source', or leave it out\n");
}
