/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_hash.c - the hashes spread what real configurations and real clients have in common: one
 * address and many ports, one port and neighbouring addresses, one client's ports in sequence.
 *
 * Each set of keys goes into bins, and chi-squared (the sum over the bins of the squared deviation
 * from the mean, by the mean) is held against what random numbers would give: its mean is the
 * number of bins, its deviation sqrt(2 bins). A set that is spread more evenly than at random
 * passes.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "lb/hash.h"

#define TCP	6
#define UDP	17
#define MAPPED	0xffff0000u /* third word of ::ffff:0:0/96, as it lies in memory */
#define BINS	1021u
#define BUCKETS 256u
#define SEED	0x0123456789abcdefull

struct bins {
	uint32_t count[BINS];
	uint32_t n_bins, n;
};

static void bins_add(struct bins *bins, uint32_t bin)
{
	cr_assert_lt(bin, bins->n_bins);
	bins->count[bin]++;
	bins->n++;
}

static void bins_expect_even(const struct bins *bins, const char *what)
{
	const double mean = (double)bins->n / bins->n_bins;
	double chi = 0;

	for (uint32_t i = 0; i < bins->n_bins; i++)
		chi += (bins->count[i] - mean) * (bins->count[i] - mean) / mean;
	cr_expect_lt(chi, bins->n_bins + 6 * sqrt(2.0 * bins->n_bins), "%s: chi-squared %.0f of %u",
		     what, chi, bins->n_bins);
}

static uint16_t swap16(uint32_t port)
{
	return (uint16_t)((port & 0xff) << 8 | (port >> 8 & 0xff));
}

static uint32_t swap32(uint32_t addr)
{
	return __builtin_bswap32(addr);
}

static uint64_t service4(uint32_t addr, uint32_t port, uint8_t proto)
{
	return lb_service_hash(lb_service_tail(swap32(addr), swap16(port), proto, 4), 0, 0, 1);
}

/* 2001:db8:0:net::host */
static uint64_t service6(uint32_t net, uint32_t host, uint32_t port, uint8_t proto)
{
	const uint64_t hi = 0xb80d0120ull | (uint64_t)swap32(net) << 32;
	const uint64_t lo = (uint64_t)swap32(host) << 32;

	return lb_service_hash(lb_service_tail(swap32(host), swap16(port), proto, 6), hi, lo, 0);
}

static uint32_t bucket(uint64_t hash)
{
	return (uint32_t)(hash >> 56);
}

static uint32_t line(uint64_t hash)
{
	return (uint32_t)(lb_service_place(hash, 7) >> 56);
}

static void expect_services_spread(uint64_t (*key)(uint32_t i), const char *what)
{
	struct bins buckets = {.n_bins = BUCKETS}, lines = {.n_bins = BUCKETS};

	for (uint32_t i = 0; i < 16 * BUCKETS; i++) {
		bins_add(&buckets, bucket(key(i)));
		bins_add(&lines, line(key(i)));
	}
	bins_expect_even(&buckets, what);
	bins_expect_even(&lines, what);
}

static uint64_t ports_of_one(uint32_t i)
{
	return service4(0xc0000250, i + 1, TCP);
}

static uint64_t protocols_and_ports(uint32_t i)
{
	return service4(0xc0000250, i / 2 + 1, i & 1 ? UDP : TCP);
}

static uint64_t neighbours(uint32_t i)
{
	return service4(0xcb007100 + i, 443, TCP);
}

static uint64_t networks(uint32_t i)
{
	return service4(0x0a000001 + (i << 12), 443, TCP);
}

static uint64_t ports_of_one6(uint32_t i)
{
	return service6(0, 0x80, i + 1, TCP);
}

static uint64_t neighbours6(uint32_t i)
{
	return service6(0, i + 1, 443, TCP);
}

static uint64_t networks6(uint32_t i)
{
	return service6(i, 1, 443, TCP);
}

Test(hash, services_spread_over_buckets_and_lines)
{
	expect_services_spread(ports_of_one, "the ports of one IPv4 address");
	expect_services_spread(protocols_and_ports, "TCP and UDP ports of one IPv4 address");
	expect_services_spread(neighbours, "one port of neighbouring IPv4 addresses");
	expect_services_spread(networks, "the first address of IPv4 networks");
	expect_services_spread(ports_of_one6, "the ports of one IPv6 address");
	expect_services_spread(neighbours6, "one port of neighbouring IPv6 addresses");
	expect_services_spread(networks6, "the same host in IPv6 networks");
}

/* Of an odd number modulo 2^64, by Newton's iteration. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (int i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

Test(hash, different_ipv4_services_have_different_hashes)
{
	/* Every step can be undone: here it is. */
	const uint64_t un1 = inverse(LB_HASH_K1), un2 = inverse(LB_HASH_K2);

	for (uint32_t i = 0; i < 100000; i++) {
		const uint64_t tail =
		    lb_service_tail(i * 2654435761u, (uint16_t)(i * 40503u), TCP, 4);
		uint64_t h = lb_service_hash(tail, 0, 0, 1) * un1;

		h ^= h >> 32;
		cr_assert_eq(h * un2, tail);
	}
}

static uint32_t flow4(uint64_t seed, uint32_t addr, uint32_t sport, uint64_t service)
{
	return lb_flow_hash(seed, 0, MAPPED | (uint64_t)swap32(addr) << 32, swap32(addr), 1,
			    swap16(sport) | (uint32_t)swap16(443) << 16, service);
}

static uint32_t flow6(uint64_t seed, uint32_t net, uint32_t host, uint32_t sport, uint64_t service)
{
	const uint64_t hi = 0xb80d0120ull | (uint64_t)swap32(net) << 32;
	const uint64_t lo = (uint64_t)swap32(host) << 32;

	return lb_flow_hash(seed, hi, lo, swap32(host), 0,
			    swap16(sport) | (uint32_t)swap16(443) << 16, service);
}

static void expect_flows_spread(uint64_t seed, uint32_t (*flow)(uint64_t seed, uint32_t i),
				const char *what)
{
	struct bins slots = {.n_bins = BINS}, labels = {.n_bins = BINS};

	for (uint32_t i = 0; i < 64 * BINS; i++) {
		const uint32_t hash = flow(seed, i);

		bins_add(&slots, lb_hash_slot(hash, BINS));
		/* The outer IPv6 header's flow label is the low 20 bits. */
		bins_add(&labels, (uint32_t)((uint64_t)(hash & 0xfffff) * BINS >> 20));
	}
	bins_expect_even(&slots, what);
	bins_expect_even(&labels, what);
}

static uint32_t ports_in_sequence(uint64_t seed, uint32_t i)
{
	return flow4(seed, 0xc6336401, i & 0xffff, ports_of_one(79));
}

static uint32_t even_ports(uint64_t seed, uint32_t i)
{
	return flow4(seed, 0xc6336401 + (i >> 14), (i & 0x3fff) * 2 + 32768, ports_of_one(79));
}

static uint32_t clients_in_sequence(uint64_t seed, uint32_t i)
{
	return flow4(seed, 0x0a000000 + i, 40000, ports_of_one(79));
}

static uint32_t client_networks(uint64_t seed, uint32_t i)
{
	return flow4(seed, 0x01000001 + (i << 8), 40000, ports_of_one(79));
}

static uint32_t clients_and_ports(uint64_t seed, uint32_t i)
{
	return flow4(seed, 0x0a000000 + (i >> 8), 32768 + (i & 0xff), ports_of_one(79));
}

static uint32_t services_of_one_flow(uint64_t seed, uint32_t i)
{
	return flow4(seed, 0xc6336401, 40000, ports_of_one(i));
}

static uint32_t ports_in_sequence6(uint64_t seed, uint32_t i)
{
	return flow6(seed, 0, 1, i & 0xffff, ports_of_one6(79));
}

static uint32_t clients_in_sequence6(uint64_t seed, uint32_t i)
{
	return flow6(seed, 0, i, 40000, ports_of_one6(79));
}

static uint32_t client_networks6(uint64_t seed, uint32_t i)
{
	return flow6(seed, i, 1, 40000, ports_of_one6(79));
}

/* As an attacker, or a sequential privacy address, would have it: address and port change by the
 * same number. */
static uint32_t client_and_port_together6(uint64_t seed, uint32_t i)
{
	return flow6(seed, 0, i, i & 0xffff, ports_of_one6(79));
}

static uint32_t by_source4(uint64_t seed, uint32_t i)
{
	const uint32_t addr = swap32(0x0a000000 + i);

	return lb_flow_hash_source(seed, 0, MAPPED | (uint64_t)addr << 32, addr, 1);
}

static uint32_t by_source6(uint64_t seed, uint32_t i)
{
	return lb_flow_hash_source(seed, 0xb80d0120ull | (uint64_t)swap32(i) << 32, 1ull << 56,
				   1u << 24, 0);
}

static const struct {
	uint32_t (*flow)(uint64_t seed, uint32_t i);
	const char *what;
} flow_sets[] = {
    {ports_in_sequence, "one IPv4 client's ports"},
    {even_ports, "even ports of IPv4 clients"},
    {clients_in_sequence, "neighbouring IPv4 clients"},
    {client_networks, "IPv4 clients, one a network"},
    {clients_and_ports, "IPv4 clients with some ports each"},
    {services_of_one_flow, "one IPv4 client to many services"},
    {ports_in_sequence6, "one IPv6 client's ports"},
    {clients_in_sequence6, "neighbouring IPv6 clients"},
    {client_networks6, "IPv6 clients, one a network"},
    {client_and_port_together6, "IPv6 clients whose port goes with their address"},
    {by_source4, "IPv4 sources"},
    {by_source6, "IPv6 sources"},
};
#define FLOW_SETS (sizeof(flow_sets) / sizeof(flow_sets[0]))

Test(hash, flows_spread_over_slots_and_labels)
{
	uint64_t seed = SEED;

	/* Some sets pile up under some seeds only. */
	for (int n = 0; n < 32; n++) {
		for (size_t i = 0; i < FLOW_SETS; i++)
			expect_flows_spread(seed, flow_sets[i].flow, flow_sets[i].what);
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	}
}

/* Two boxes with other seeds agree on no more flows than by chance: within six deviations of a
 * binomial distribution. */
Test(hash, another_seed_is_another_spread)
{
	const double n = 64 * BINS, chance = n / BINS;

	for (size_t set = 0; set < FLOW_SETS; set++) {
		uint32_t same = 0;

		for (uint32_t i = 0; i < 64 * BINS; i++)
			same += lb_hash_slot(flow_sets[set].flow(SEED, i), BINS) ==
				lb_hash_slot(flow_sets[set].flow(SEED + 1, i), BINS);
		cr_expect_lt(same, chance + 6 * sqrt(chance), "%s: %u of %.0f stay",
			     flow_sets[set].what, same, n);
	}
}
