/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_limit.c - rate limits as packets meet them. What may pass in a test is worked out from the
 * time that its packets took, so that no timing decides: at least what the rate gives in the time
 * that surely passed, at most what it gives in the time that may have.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "limit_box.h"

#define TCP 6
#define UDP 17
#define SYN                                                                                        \
	{                                                                                          \
		PATCH_L4, 13, 0x02                                                                 \
	}
#define ACK                                                                                        \
	{                                                                                          \
		PATCH_L4, 13, 0x10                                                                 \
	}

static const struct packet udp4 = {.af = 4, .proto = UDP, .payload = 8};
static const struct packet udp6 = {.af = 6, .proto = UDP, .payload = 8};
static const struct packet segment = {.af = 4, .proto = TCP, .patches = {ACK}};
static const struct packet syn = {.af = 4, .proto = TCP, .patches = {SYN}};

static struct packet from(struct packet packet, const char *source)
{
	packet.src = source;
	return packet;
}

static uint64_t forwarded(struct limit_box *box, const char *vip)
{
	return limit_box_vip(box, vip).forwarded.packets;
}

/* A limit so slow that no packet but those of the burst passes while a test runs. */
#define SLOW "rate: 1/s, burst: "

Test(limit, lets_a_burst_through_and_not_a_packet_more)
{
	struct limit_box box;
	uint64_t ns;

	limit_box_open(&box, "filters: {rate_limits: [{vip: dns, per: source, " SLOW "50}]}\n");
	ns = limit_box_run(&box, &udp4, 200);
	cr_expect_geq(forwarded(&box, "dns"), 50);
	cr_expect_leq(forwarded(&box, "dns"), 50 + ns / 1000000000);
	cr_expect_eq(limit_box_counter(&box, "dns", 0).dropped.packets,
		     200 - forwarded(&box, "dns"));
	cr_expect_eq(limit_box_counter(&box, "dns", 0).dropped.bytes,
		     (200 - forwarded(&box, "dns")) * (14 + 20 + 8 + 8));
	cr_expect_eq(limit_box_vip(&box, "dns").dropped.packets, 200 - forwarded(&box, "dns"));
	limit_box_close(&box);
}

Test(limit, counts_the_drops_by_their_reason)
{
	struct lb_counter reasons[LB_REASON_MAX];
	struct limit_box box;

	limit_box_open(&box, "filters: {rate_limits: [{vip: dns, per: vip, " SLOW "5}]}\n");
	limit_box_run(&box, &udp4, 100);
	cr_assert_eq(dataplane_read_reasons(box.dp, reasons), 0);
	cr_expect_eq(reasons[LB_REASON_RATE_LIMITED].packets, 100 - forwarded(&box, "dns"));
	cr_expect_gt(reasons[LB_REASON_RATE_LIMITED].packets, 0);
	limit_box_close(&box);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * 10k/s asked for and much more offered, for two seconds. The burst is ten seconds' worth, so that
 * however long this process is kept from sending, nothing of the rate is lost; it is used up at
 * once, and what passes afterwards is the rate's. TEST_RUN takes some time before its first packet
 * and after its last: at the least, time runs from the first call's end to the last one's begin.
 */
static void check_accuracy(const char *filters, const struct packet *packet, const char *vip,
			   double rate, double burst)
{
	double begin, first_end, last_begin, end, got;
	struct limit_box box;

	limit_box_open(&box, filters);
	begin = seconds();
	limit_box_run(&box, packet, (uint32_t)burst * 2);
	first_end = seconds();
	do {
		last_begin = seconds();
		limit_box_run(&box, packet, (uint32_t)rate);
		end = seconds();
	} while (last_begin - first_end < 2);
	got = (double)forwarded(&box, vip) - burst;
	cr_expect(got <= (end - begin) * rate * 1.02, "%g in at most %g s", got, end - begin);
	cr_expect(got >= (last_begin - first_end) * rate * 0.98, "%g in at least %g s", got,
		  last_begin - first_end);
	cr_expect_gt(limit_box_counter(&box, vip, 0).dropped.packets, got, "twice the rate came");
	limit_box_close(&box);
}

Test(limit, is_within_two_percent_at_10k_a_second_for_one_source)
{
	check_accuracy(
	    "filters: {rate_limits: [{vip: dns, per: source, rate: 10k/s, burst: 100k}]}\n", &udp4,
	    "dns", 10000, 100000);
}

Test(limit, is_within_two_percent_at_10k_a_second_for_a_vip)
{
	check_accuracy(
	    "filters: {rate_limits: [{vip: dns6, per: vip, rate: 10k/s, burst: 100k}]}\n", &udp6,
	    "dns6", 10000, 100000);
}

Test(limit, is_within_two_percent_in_bytes)
{
	const struct packet packet = {.af = 4, .proto = UDP, .payload = 1000 - 42};

	check_accuracy(
	    "filters: {rate_limits: [{vip: dns, per: source, rate: 80Mbit/s, burst: 100MB}]}\n",
	    &packet, "dns", 10000, 100000);
}

Test(limit, counts_each_source_by_itself)
{
	struct limit_box box;
	char text[32];

	limit_box_open(&box, "filters: {rate_limits: [{vip: dns, per: source, " SLOW "5}]}\n");
	for (int i = 1; i <= 20; i++) {
		const struct packet packet = from(udp4, text);

		snprintf(text, sizeof(text), "198.51.100.%d", i);
		limit_box_run(&box, &packet, 5);
	}
	cr_expect_eq(forwarded(&box, "dns"), 100);
	limit_box_close(&box);
}

Test(limit, counts_all_sources_of_a_vip_together)
{
	const struct packet other = from(udp4, "203.0.113.9");
	struct limit_box box;
	uint64_t ns;

	limit_box_open(&box, "filters: {rate_limits: [{vip: dns, per: vip, " SLOW "10}]}\n");
	ns = limit_box_run(&box, &udp4, 8);
	ns += limit_box_run(&box, &other, 8);
	cr_expect_geq(forwarded(&box, "dns"), 10);
	cr_expect_leq(forwarded(&box, "dns"), 10 + 1 + ns / 1000000000);
	limit_box_close(&box);
}

/* Two addresses on each side of a prefix's end, in each family. */
Test(limit, takes_a_prefix_for_one_source)
{
	static const struct {
		const char *vip, *prefix, *a, *same, *other;
	} rows[] = {
	    {"dns", "", "198.51.100.1", NULL, "198.51.100.2"},
	    {"dns", ", prefix: {ipv4: 24}", "198.51.100.1", "198.51.100.254", "198.51.101.1"},
	    {"dns", ", prefix: {ipv4: 23}", "198.51.100.1", "198.51.101.254", "198.51.102.1"},
	    {"dns6", "", "2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"},
	    {"dns6", ", prefix: {ipv6: 48}", "2001:db8::1", "2001:db8:0:ffff::1", "2001:db8:1::1"},
	    {"dns6", ", prefix: {ipv6: 127}", "2001:db8::2", "2001:db8::3", "2001:db8::4"},
	    {"dns6", ", prefix: {ipv6: 33}", "2001:db8::1", "2001:db8:7fff::1", "2001:db8:8000::1"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct packet *base = rows[i].vip[3] ? &udp6 : &udp4;
		const struct packet a = from(*base, rows[i].a), other = from(*base, rows[i].other);
		const struct packet same = from(*base, rows[i].same ? rows[i].same : rows[i].a);
		struct limit_box box;
		char filters[160];

		snprintf(
		    filters, sizeof(filters),
		    "filters: {rate_limits: [{vip: %s, per: source, rate: 1/s, burst: 1000%s}]}\n",
		    rows[i].vip, rows[i].prefix);
		limit_box_open(&box, filters);
		limit_box_run(&box, &a, 1000);
		cr_expect_eq(forwarded(&box, rows[i].vip), 1000, "row %zu: the burst", i);
		limit_box_run(&box, &same, 500);
		cr_expect_lt(forwarded(&box, rows[i].vip), 1400, "row %zu: the same source", i);
		limit_box_run(&box, &other, 1000);
		cr_expect_geq(forwarded(&box, rows[i].vip), 2000, "row %zu: another source", i);
		limit_box_close(&box);
	}
}

Test(limit, counts_connections_by_their_syn_alone)
{
	struct packet syn_ack = syn;
	struct limit_box box;

	syn_ack.patches[0].value = 0x12;
	limit_box_open(&box, "filters: {rate_limits: [{vip: www, per: source, count: connections, "
			     "rate: 1/s, burst: 10}]}\n");
	limit_box_run(&box, &segment, 500);
	limit_box_run(&box, &syn_ack, 500);
	cr_expect_eq(forwarded(&box, "www"), 1000);
	limit_box_run(&box, &syn, 100);
	cr_expect_geq(forwarded(&box, "www"), 1010);
	cr_expect_lt(forwarded(&box, "www"), 1050);
	limit_box_run(&box, &segment, 500);
	cr_expect_eq(limit_box_counter(&box, "www", 0).dropped.packets,
		     1600 - forwarded(&box, "www"), "established ones lost nothing");
	limit_box_close(&box);
}

Test(limit, only_counts_in_a_dry_run)
{
	struct limit_box box;
	uint64_t ns;

	limit_box_open(&box, "filters: {rate_limits: [{vip: dns, per: source, " SLOW
			     "10, action: count}]}\n");
	ns = limit_box_run(&box, &udp4, 100);
	cr_expect_eq(forwarded(&box, "dns"), 100);
	cr_expect_eq(limit_box_counter(&box, "dns", 0).dropped.packets, 0);
	cr_expect_leq(limit_box_counter(&box, "dns", 0).would_drop.packets, 90);
	cr_expect_geq(limit_box_counter(&box, "dns", 0).would_drop.packets,
		      90 - 1 - ns / 1000000000);
	limit_box_close(&box);
}

/* Those per source come first, whatever the file's order; what they drop, the VIP's never sees. */
Test(limit, asks_all_limits_of_a_vip_those_per_source_first)
{
	struct limit_box box;

	limit_box_open(&box, "filters:\n  rate_limits:\n"
			     "  - {vip: dns, per: vip, rate: 1/s, burst: 1000, action: count}\n"
			     "  - {vip: dns, per: source, rate: 1/s, burst: 20}\n"
			     "  - {per: source, rate: 1/s, burst: 10, action: count}\n");
	limit_box_run(&box, &udp4, 100);
	cr_expect_geq(forwarded(&box, "dns"), 20);
	cr_expect_eq(limit_box_counter(&box, "dns", 0).dropped.packets,
		     100 - forwarded(&box, "dns"));
	cr_expect_leq(limit_box_counter(&box, "dns", 1).would_drop.packets,
		      forwarded(&box, "dns") - 10, "it saw what the first one let through");
	cr_expect_geq(limit_box_counter(&box, "dns", 1).would_drop.packets, 5);
	cr_expect_eq(limit_box_counter(&box, "dns", 2).would_drop.packets, 0);
	limit_box_close(&box);
}

Test(limit, without_a_vip_holds_for_each_vip_by_itself)
{
	struct limit_box box;

	limit_box_open(&box, "filters: {rate_limits: [{per: source, " SLOW "100}]}\n");
	limit_box_run(&box, &udp4, 100);
	limit_box_run(&box, &udp6, 100);
	limit_box_run(&box, &segment, 100);
	cr_expect_eq(forwarded(&box, "dns"), 100);
	cr_expect_eq(forwarded(&box, "dns6"), 100);
	cr_expect_eq(forwarded(&box, "www"), 100);
	limit_box_close(&box);
}

Test(limit, reads_source_and_flags_behind_tags_and_options)
{
	struct packet shapes[] = {
	    {.af = 4, .proto = TCP, .vlans = 2, .patches = {SYN}},
	    {.af = 4, .proto = TCP, .ip_options = 40, .patches = {SYN}},
	    {.af = 4, .proto = TCP, .vlans = 1, .ip_options = 4, .padding = 20, .patches = {SYN}},
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct limit_box box;

		limit_box_open(&box, "filters: {rate_limits: [{vip: www, per: source, count: "
				     "connections, " SLOW "3}]}\n");
		limit_box_run(&box, &syn, 3);
		/* One a call: l2 takes the tags off. */
		for (int k = 0; k < 3; k++)
			limit_box_run(&box, &shapes[i], 1);
		cr_expect_lt(forwarded(&box, "www"), 5, "shape %zu is the same source", i);
		limit_box_close(&box);
	}
}

Test(limit, does_not_read_past_a_short_datagram)
{
	const struct packet tiny = {.af = 4, .proto = UDP};
	struct limit_box box;

	limit_box_open(&box, "filters: {rate_limits: [{vip: dns, per: source, " SLOW "3}]}\n");
	limit_box_run(&box, &tiny, 3);
	cr_expect_eq(forwarded(&box, "dns"), 3);
	limit_box_close(&box);
}

/* What a source has used up stays used up when the rate changes, and when maps are built anew. */
Test(limit, keeps_what_sources_have_used_when_a_rate_changes)
{
	struct limit_box box;
	uint64_t dropped;

	limit_box_open(&box,
		       "filters: {rate_limits: [{vip: dns, per: source, rate: 1/s, burst: 600},"
		       " {vip: dns6, per: vip, rate: 1/s, burst: 600}]}\n");
	limit_box_run(&box, &udp4, 700);
	limit_box_run(&box, &udp6, 700);
	dropped = limit_box_counter(&box, "dns", 0).dropped.packets;
	cr_expect_not(limit_box_change(
	    &box, "filters: {rate_limits: [{vip: dns, per: source, rate: 2/s, burst: 700},"
		  " {vip: dns6, per: vip, rate: 2/s, burst: 700}]}\n"));
	limit_box_run(&box, &udp4, 600);
	limit_box_run(&box, &udp6, 600);
	cr_expect_lt(forwarded(&box, "dns"), 1000, "600 s at the old rate are still owed");
	cr_expect_lt(forwarded(&box, "dns6"), 1000);
	cr_expect_geq(limit_box_counter(&box, "dns", 0).dropped.packets, dropped + 300);
	/* Twenty more limits need larger maps. */
	dropped = limit_box_counter(&box, "dns6", 0).dropped.packets;
	cr_expect(limit_box_change(
	    &box, "filters: {rate_limits: [{vip: dns, per: source, rate: 2/s, burst: 700},"
		  " {vip: dns6, per: vip, rate: 2/s, burst: 700},"
		  " {per: vip, rate: 1M/s, count: connections}, {per: vip, rate: 1M/s},"
		  " {per: vip, rate: 2M/s}, {per: vip, rate: 3M/s}, {per: vip, rate: 4M/s},"
		  " {per: vip, rate: 5M/s}, {per: vip, rate: 6M/s}]}\n"));
	cr_expect_eq(limit_box_counter(&box, "dns6", 0).dropped.packets, dropped);
	limit_box_run(&box, &udp4, 600);
	limit_box_run(&box, &udp6, 600);
	cr_expect_lt(limit_box_vip(&box, "dns").forwarded.packets, 300, "new maps, the old debt");
	cr_expect_lt(limit_box_vip(&box, "dns6").forwarded.packets, 300);
	cr_expect_geq(limit_box_counter(&box, "dns6", 0).dropped.packets, dropped + 300);
	limit_box_close(&box);
}

Test(limit, a_new_limit_finds_nothing_of_an_old_one)
{
	struct limit_box box;

	limit_box_open(&box,
		       "filters: {rate_limits: [{vip: dns, per: source, rate: 1/s, burst: 600},"
		       " {vip: dns, per: vip, rate: 1/s, burst: 600}]}\n");
	limit_box_run(&box, &udp4, 700);
	limit_box_change(&box, "filters: {rate_limits: [{vip: dns6, per: vip, rate: 1/s}]}\n");
	cr_expect_eq(limit_box_counter(&box, "dns6", 0).dropped.packets, 0);
	limit_box_change(&box,
			 "filters: {rate_limits: [{vip: dns, per: source, rate: 1/s, burst: 600},"
			 " {vip: dns, per: vip, rate: 1/s, burst: 600}]}\n");
	cr_expect_eq(limit_box_counter(&box, "dns", 0).dropped.packets, 0);
	cr_expect_eq(limit_box_counter(&box, "dns", 1).dropped.packets, 0);
	limit_box_run(&box, &udp4, 600);
	cr_expect_eq(limit_box_counter(&box, "dns", 0).dropped.packets, 0);
	cr_expect_eq(limit_box_counter(&box, "dns", 1).dropped.packets, 0);
	limit_box_close(&box);
}

static void count_source(void *ctx, const struct lb_limit_key *key, uint64_t ahead)
{
	(*(uint32_t *)ctx)++;
}

/* Ten times as many sources as are remembered, a heavy one and a well-behaved one among them. */
Test(limit, a_flood_of_random_sources_neither_grows_memory_nor_frees_a_heavy_source)
{
	const struct packet heavy = from(udp4, "203.0.113.1"), calm = from(udp4, "203.0.113.2");
	uint64_t before, heavy_sent = 0, calm_sent = 0, flood_sent = 0, dropped, memory;
	uint32_t remembered = 0;
	struct limit_box box;
	char text[32];

	limit_box_open(&box, "filters: {rate_limit_sources: 4096, rate_limits: "
			     "[{vip: dns, per: source, rate: 1/s, burst: 100}]}\n");
	memory = dataplane_map_memory(box.dp);
	limit_box_run(&box, &heavy, 200);
	before = limit_box_counter(&box, "dns", 0).dropped.packets;
	for (uint32_t i = 0; i < 40960; i++) {
		const struct packet packet = from(udp4, text);

		snprintf(text, sizeof(text), "10.%u.%u.%u", 1 + i % 200, i >> 8 & 255, i & 255);
		limit_box_run(&box, &packet, 1);
		flood_sent++;
		if (i % 16 == 0) {
			limit_box_run(&box, &heavy, 1);
			heavy_sent++;
		}
		if (i % 1024 == 0) {
			limit_box_run(&box, &calm, 1);
			calm_sent++;
		}
	}
	dropped = limit_box_counter(&box, "dns", 0).dropped.packets - before;
	/* Only the heavy source's packets are dropped; one a second it may send. */
	cr_expect_leq(dropped, heavy_sent, "nobody else lost a packet");
	cr_expect_geq(dropped, heavy_sent * 8 / 10, "%lu of %lu of the heavy source",
		      (unsigned long)dropped, (unsigned long)heavy_sent);
	cr_expect_eq(dataplane_each_source(box.dp, 1u << 20, count_source, &remembered), 0);
	cr_expect_leq(remembered, 4096);
	cr_expect_gt(remembered, 1024);
	cr_expect_eq(dataplane_map_memory(box.dp), memory);
	cr_expect_eq(flood_sent + calm_sent, 40960u + 40u);
	limit_box_close(&box);
}
