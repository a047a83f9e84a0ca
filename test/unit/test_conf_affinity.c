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

#define QUIC_VIP(protocol)                                                                         \
	"- {name: v, address: 192.0.2.1, protocol: " protocol                                      \
	", port: 443, forward: l2, pool: web, affinity: quic}\n"
#define QUIC(backends) HEAD "pools: {web: {backends: [" backends "]}}\nvips:\n" QUIC_VIP("udp")

Test(conf_affinity, reads_the_ids_of_a_quic_pool)
{
	struct lb_config *config = conf_text_good(
	    QUIC("{address: 10.0.0.1, quic_id: 0x0a01}, {address: 10.0.0.2, quic_id: 7}"));

	cr_expect_eq(config->vips[0].affinity, CONF_AFFINITY_QUIC);
	cr_expect(config->pools[0].quic);
	cr_expect_eq(config->pools[0].backends[0].quic_id, 0x0a01);
	cr_expect_eq(config->pools[0].backends[1].quic_id, 7);
	conf_free(config);
}

Test(conf_affinity, wants_an_id_of_each_backend_of_a_quic_pool)
{
	conf_text_says(QUIC("{address: 10.0.0.1, quic_id: 1}, {address: 10.0.0.2}"),
		       "3:69: error: backend 10.0.0.2 of pool 'web' has no 'quic_id'\n"
		       "= 'affinity: quic' in line 5 wants one of each backend of the pool\n");
}

Test(conf_affinity, rejects_an_id_given_twice_or_out_of_range)
{
	conf_text_says(QUIC("{address: 10.0.0.1, quic_id: 16}, {address: 10.0.0.2, quic_id: 0x10}"),
		       "3:89: error: a second backend with quic_id 16 in pool 'web'\n"
		       "= it was first given in line 3\n");
	conf_text_says(QUIC("{address: 10.0.0.1, quic_id: 0}"),
		       "3:55: error: 'quic_id' is out of range: 0\n"
		       "= the range is 1 to 65535\n");
	conf_text_says(QUIC("{address: 10.0.0.1, quic_id: 0x10000}"),
		       "3:55: error: 'quic_id' is out of range: 0x10000\n"
		       "= the range is 1 to 65535\n");
}

Test(conf_affinity, takes_one_id_in_two_pools_and_ids_without_a_quic_vip)
{
	conf_free(conf_text_good(
	    HEAD
	    "pools:\n  a: {backends: [{address: 10.0.0.1, quic_id: 1}]}\n"
	    "  b: {backends: [{address: 10.0.0.2, quic_id: 1}, {address: 10.0.0.3}]}\n"
	    "vips:\n"
	    "- {name: a, address: 192.0.2.1, protocol: udp, port: 443, forward: l2, pool: a, "
	    "affinity: quic}\n"
	    "- {name: b, address: 192.0.2.2, protocol: udp, port: 443, forward: l2, pool: b}\n"));
}

Test(conf_affinity, rejects_quic_over_tcp)
{
	conf_text_says(
	    HEAD
	    "pools: {web: {backends: [{address: 10.0.0.1, quic_id: 1}]}}\nvips:\n" QUIC_VIP("tcp"),
	    "5:93: error: 'affinity: quic' is for 'protocol: udp' alone\n"
	    "= QUIC is carried by UDP\n");
}
