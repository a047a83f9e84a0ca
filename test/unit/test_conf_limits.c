/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_limits.c - filters.rate_limits: what is accepted, what it means, and what is said of
 * the rest.
 */
#include "conf_text.h"

#define TWO_VIPS                                                                                   \
	"vips:\n"                                                                                  \
	"- {name: dns, address: 192.0.2.1, protocol: udp, port: 53, " VIP_END "}\n"                \
	"- {name: www, address: 192.0.2.1, protocol: tcp, port: 80, " VIP_END "}\n"
/* The limit is in line 9, from column 6. */
#define WITH_LIMIT(l) HEAD POOLS TWO_VIPS "filters:\n  rate_limits:\n  - {" l "}\n"

static struct lb_config *good(const char *text)
{
	struct lb_config *config = conf_text_good(text);

	cr_assert_not_null(config);
	return config;
}

Test(conf_limits, reads_a_limit_as_the_design_shows_it)
{
	struct lb_config *config =
	    good(WITH_LIMIT("vip: www, per: source, rate: 10k/s, burst: 20k"));

	cr_assert_eq(config->n_limits, 1);
	cr_expect_eq(config->limits[0].vip, 1);
	cr_expect_eq(config->limits[0].per, CONF_LIMIT_PER_SOURCE);
	cr_expect_eq(config->limits[0].count, CONF_LIMIT_PACKETS);
	cr_expect_eq(config->limits[0].action, CONF_LIMIT_DROP);
	cr_expect_eq(config->limits[0].rate, 10000);
	cr_expect_eq(config->limits[0].burst, 20000);
	cr_expect_eq(config->limits[0].prefix4, 32);
	cr_expect_eq(config->limits[0].prefix6, 64);
	cr_expect_eq(config->limit_sources, 262144);
	conf_free(config);
}

Test(conf_limits, reads_every_unit)
{
	static const struct {
		const char *rate;
		enum conf_limit_count count;
		uint64_t number, burst;
	} rows[] = {
	    {"1/s", CONF_LIMIT_PACKETS, 1, 1},
	    {"15k/s", CONF_LIMIT_PACKETS, 15000, 15000},
	    {"100M/s", CONF_LIMIT_PACKETS, 100000000, 100000000},
	    {"1000B/s", CONF_LIMIT_BYTES, 1000, 65536},
	    {"64KiB/s", CONF_LIMIT_BYTES, 65536, 65536},
	    {"100kB/s", CONF_LIMIT_BYTES, 100000, 100000},
	    {"100MB/s", CONF_LIMIT_BYTES, 100000000, 100000000},
	    {"3MiB/s", CONF_LIMIT_BYTES, 3 << 20, 3 << 20},
	    {"2GB/s", CONF_LIMIT_BYTES, 2000000000, 2000000000},
	    {"1GiB/s", CONF_LIMIT_BYTES, 1 << 30, 1 << 30},
	    {"8000bit/s", CONF_LIMIT_BYTES, 1000, 65536},
	    {"80kbit/s", CONF_LIMIT_BYTES, 10000, 65536},
	    {"800Mbit/s", CONF_LIMIT_BYTES, 100000000, 100000000},
	    {"400Gbit/s", CONF_LIMIT_BYTES, 50000000000, 50000000000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lb_config *config;
		char text[1024];

		snprintf(text, sizeof(text), "%s{per: vip, rate: %s}\n",
			 HEAD POOLS TWO_VIPS "filters:\n  rate_limits:\n  - ", rows[i].rate);
		config = good(text);
		cr_expect_eq(config->limits[0].vip, SIZE_MAX);
		cr_expect_eq(config->limits[0].count, rows[i].count, "%s", rows[i].rate);
		cr_expect_eq(config->limits[0].rate, rows[i].number, "%s", rows[i].rate);
		cr_expect_eq(config->limits[0].burst, rows[i].burst, "%s", rows[i].rate);
		conf_free(config);
	}
}

Test(conf_limits, reads_prefixes_counts_and_actions)
{
	struct lb_config *config =
	    good(WITH_LIMIT("per: source, prefix: {ipv4: 24, ipv6: 48}, count: connections, "
			    "rate: 100/s, burst: 1, action: count"));

	cr_expect_eq(config->limits[0].count, CONF_LIMIT_CONNECTIONS);
	cr_expect_eq(config->limits[0].action, CONF_LIMIT_COUNT_ONLY);
	cr_expect_eq(config->limits[0].prefix4, 24);
	cr_expect_eq(config->limits[0].prefix6, 48);
	conf_free(config);
}

Test(conf_limits, says_what_is_wrong_and_what_to_write)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {WITH_LIMIT("vip: dsn, per: source, rate: 1/s"),
	     "9:11: error: VIP 'dsn' is not defined\n= did you mean 'dns'?\n"},
	    {WITH_LIMIT("per: source, rate: 100"),
	     "9:25: error: 'rate' is not a rate: '100'\n= did you mean '100/s'?\n"},
	    {WITH_LIMIT("per: source, rate: 10K/s"),
	     "9:25: error: 'rate' is not a rate: '10K/s'\n= did you mean '10k/s'?\n"},
	    {WITH_LIMIT("per: source, rate: 5MBIT/s"),
	     "9:25: error: 'rate' is not a rate: '5MBIT/s'\n= did you mean '5Mbit/s'?\n"},
	    {WITH_LIMIT("per: source, rate: 5/m"),
	     "9:25: error: 'rate' is not a rate: '5/m'\n= did you mean '5/s'?\n"},
	    {WITH_LIMIT("per: source, rate: fast"),
	     "9:25: error: 'rate' is not a rate: 'fast'\n"
	     "= a whole number and a unit: 10k/s, or of bytes 100MB/s, 64KiB/s, 800Mbit/s\n"},
	    {WITH_LIMIT("per: source, rate: 0/s"),
	     "9:25: error: 'rate' is out of range: 0/s\n= the range is 1/s to 100M/s\n"},
	    {WITH_LIMIT("per: source, rate: 101M/s"),
	     "9:25: error: 'rate' is out of range: 101M/s\n= the range is 1/s to 100M/s\n"},
	    {WITH_LIMIT("per: source, rate: 99999999999999999999G/s"),
	     "9:25: error: 'rate' is out of range: 99999999999999999999G/s\n"
	     "= the range is 1/s to 100M/s\n"},
	    {WITH_LIMIT("per: source, rate: 1B/s"),
	     "9:25: error: 'rate' is out of range: 1B/s\n= the range is 1kB/s to 100GB/s\n"},
	    {WITH_LIMIT("per: source, rate: 10/s, burst: 0"),
	     "9:38: error: 'burst' is out of range: 0\n= the range is 1 to 360G\n"},
	    {WITH_LIMIT("per: source, rate: 10/s, burst: 20k/s"),
	     "9:38: error: 'burst' is not an amount: '20k/s'\n= did you mean '20k'?\n"},
	    {WITH_LIMIT("per: source, rate: 1/s, burst: 3601"),
	     "9:37: error: the burst is more than what the rate is in an hour\n= at most 3600\n"},
	    {WITH_LIMIT("per: source, rate: 1MB/s, burst: 1500B"),
	     "9:39: error: a burst of 1500B would never let a large packet through\n"
	     "= at least 1522, a full-sized frame\n"},
	    {WITH_LIMIT("per: source, rate: 1MB/s, burst: 20k"),
	     "9:39: error: the limit counts bytes, and its burst is in packets\n"
	     "= write it in bytes: 10MB, 64KiB\n"},
	    {WITH_LIMIT("per: source, rate: 1k/s, burst: 1MB"),
	     "9:38: error: the limit counts packets, and its burst is in bytes\n"
	     "= write it as a number: 20k\n"},
	    {WITH_LIMIT("per: source, count: packets, rate: 1MB/s"),
	     "9:41: error: the limit counts packets, and its rate is in bytes\n"
	     "= give the rate as a number a second: 10k/s; or 'count: bytes'\n"},
	    {WITH_LIMIT("per: source, count: bytes, rate: 10k/s"),
	     "9:39: error: the limit counts bytes, and its rate is in packets\n"
	     "= give the rate in bytes or bits: 10MB/s, 80Mbit/s\n"},
	    {WITH_LIMIT("vip: dns, per: source, count: connections, rate: 10/s"),
	     "9:36: error: VIP 'dns' is UDP, which has no connections\n"
	     "= count packets or bytes\n"},
	    {WITH_LIMIT("per: vip, prefix: {ipv4: 24}, rate: 10/s"),
	     "9:16: error: 'prefix' says which sources are one, and the limit is per VIP\n"
	     "= remove it, or write 'per: source'\n"},
	    {WITH_LIMIT("rate: 10/s"), "9:5: error: a rate limit lacks the key 'per'\n"
				       "= add 'per: ...', one of: source, vip\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		conf_text_says(rows[i].text, rows[i].says);
}

#define FOUR_OF(vip)                                                                               \
	"  - {" vip "per: vip, rate: 1/s}\n  - {" vip "per: vip, rate: 2/s}\n"                     \
	"  - {" vip "per: vip, rate: 3/s}\n  - {" vip "per: vip, rate: 4/s}\n"

Test(conf_limits, refuses_more_than_eight_for_one_vip)
{
	conf_free(good(HEAD POOLS TWO_VIPS "filters:\n  rate_limits:\n" FOUR_OF("vip: dns, ")
			   FOUR_OF("")));
	conf_text_says(HEAD POOLS TWO_VIPS "filters:\n  rate_limits:\n" FOUR_OF("vip: dns, ")
			   FOUR_OF("") "  - {vip: dns, per: source, rate: 1/s}\n",
		       "17:5: error: more than 8 rate limits for one VIP\n"
		       "= those without 'vip' count, too\n");
}
