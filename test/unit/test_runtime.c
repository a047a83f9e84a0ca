/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_runtime.c - which backends are used, and why not: config, overrides, health and next hops
 * put together; and what a backend's line holds.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "runtime.h"

static const char yaml[] =
    "version: 1\n"
    "node: {interfaces: [eth0]}\n"
    "pools:\n"
    "  web:\n"
    "    when_all_down: WHEN\n"
    "    health: {tcp: {port: 80}}\n"
    "    backends:\n"
    "      - {address: 10.0.0.1}\n"
    "      - {address: 10.0.0.2, weight: 50}\n"
    "      - {address: 10.0.0.3, state: drain}\n"
    "      - {address: \"2001:db8::4\", weight: 0}\n"
    "vips:\n"
    "  - {name: www, address: 192.0.2.1, protocol: tcp, port: 80, forward: ipip, pool: web}\n";

static char text[sizeof(yaml) + 8];
static struct lb_config *config;
static struct plan *plan;
static struct layout *empty;
static struct overrides *overrides;
static struct runtime *rt;
static struct runtime_pool *pool;
static struct err err;

static void open_runtime(const char *when)
{
	static const struct layout_caps none;
	struct diag *diag = NULL;
	char *at;

	strcpy(text, yaml);
	at = strstr(text, "WHEN");
	memmove(at + strlen(when), at + 4, strlen(at + 4) + 1);
	memcpy(at, when, strlen(when));
	cr_assert_eq(conf_load_text("test", text, strlen(text), &config, &diag), 0, "%s",
		     diag_text(diag));
	diag_free(diag);
	empty = layout_new(&none);
	cr_assert_eq(plan_make(empty, NULL, config, &plan), 0);
	cr_assert_eq(overrides_load(NULL, &overrides, &err), 0);
	rt = runtime_new(config, plan->layout, overrides);
	cr_assert(rt);
	pool = &rt->pools[0];
	for (size_t i = 0; i < pool->conf->n_backends; i++) {
		pool->backends[i].ready = true;
		pool->backends[i].health = HEALTH_UP;
	}
}

static void open_drop(void)
{
	open_runtime("drop");
}

static void open_use_all(void)
{
	open_runtime("use_all");
}

static void close_runtime(void)
{
	runtime_free(rt);
	overrides_free(overrides);
	plan_free(plan);
	layout_free(empty);
	conf_free(config);
}

static struct runtime_backend *backend(const char *address)
{
	struct runtime_pool *its_pool;
	struct runtime_backend *b;
	struct lb_addr addr;

	cr_assert_eq(addr_parse(address, &addr), 0);
	b = runtime_backend(rt, "web", &addr, &its_pool);
	cr_assert(b);
	cr_assert_eq(its_pool, pool);
	return b;
}

static uint16_t *build(void)
{
	uint32_t n = plan->layout->pools[0].slot_count;
	uint16_t *slots = malloc(n * sizeof(*slots));

	cr_assert(slots);
	cr_assert_eq(runtime_build_slots(pool, 1, n, slots), 0);
	return slots;
}

TestSuite(runtime, .init = open_drop, .fini = close_runtime);
TestSuite(runtime_use_all, .init = open_use_all, .fini = close_runtime);

Test(runtime, says_why_each_backend_is_not_used)
{
	runtime_evaluate(pool);
	cr_expect_eq(backend("10.0.0.1")->why, RUNTIME_IN_USE);
	cr_expect_eq(backend("10.0.0.3")->why, RUNTIME_DRAINING);
	cr_expect_eq(backend("2001:db8::4")->why, RUNTIME_WEIGHT_0);
	backend("10.0.0.1")->health = HEALTH_DOWN;
	backend("10.0.0.2")->ready = false;
	runtime_evaluate(pool);
	cr_expect_eq(backend("10.0.0.1")->why, RUNTIME_DOWN);
	cr_expect_eq(backend("10.0.0.2")->why, RUNTIME_NO_NEXT_HOP);
	cr_expect_eq(pool->n_usable, 0);
}

Test(runtime, slots_are_built_again_only_where_weights_or_use_changed)
{
	runtime_evaluate(pool);
	cr_expect(!runtime_slots_current(pool), "they were never built");
	free(build());
	cr_expect(runtime_slots_current(pool));
	backend("10.0.0.1")->weight = 99;
	cr_expect(!runtime_slots_current(pool));
	free(build());
	cr_expect(runtime_slots_current(pool));
	backend("10.0.0.2")->ready = false;
	runtime_evaluate(pool);
	cr_expect(!runtime_slots_current(pool));
	backend("10.0.0.2")->ready = true;
	runtime_evaluate(pool);
	cr_expect(runtime_slots_current(pool), "it is back before anything was built");
	/* A drained one has no slots, but a weight that the table depends on. */
	backend("10.0.0.3")->weight = 7;
	cr_expect(!runtime_slots_current(pool));
}

Test(runtime, slots_go_to_usable_backends_by_weight)
{
	uint32_t n = plan->layout->pools[0].slot_count;
	uint16_t *slots;

	runtime_evaluate(pool);
	slots = build();
	cr_expect_eq(backend("10.0.0.1")->slots + backend("10.0.0.2")->slots, n);
	cr_expect_lt(abs((int)backend("10.0.0.1")->slots - (int)(n * 2 / 3)), (int)n / 50);
	cr_expect_eq(backend("10.0.0.3")->slots, 0);
	cr_expect_eq(backend("2001:db8::4")->slots, 0);
	free(slots);
}

Test(runtime, all_down_and_drop_leaves_no_backend)
{
	uint16_t *slots;

	backend("10.0.0.1")->health = HEALTH_DOWN;
	backend("10.0.0.2")->health = HEALTH_DOWN;
	runtime_evaluate(pool);
	cr_expect(pool->all_down);
	cr_expect_eq(pool->n_usable, 0);
	slots = build();
	cr_expect_eq(slots[0], LB_SLOT_NONE);
	cr_expect_not(backend("10.0.0.1")->alive);
	free(slots);
}

Test(runtime_use_all, all_down_ignores_health_but_neither_drain_nor_next_hop)
{
	backend("10.0.0.1")->health = HEALTH_DOWN;
	backend("10.0.0.2")->health = HEALTH_DOWN;
	backend("10.0.0.2")->ready = false;
	runtime_evaluate(pool);
	cr_expect(pool->all_down);
	cr_expect(backend("10.0.0.1")->usable);
	cr_expect(!backend("10.0.0.2")->usable);
	cr_expect(!backend("10.0.0.3")->usable);
	cr_expect(backend("10.0.0.1")->alive, "health is ignored");
}

Test(runtime, drain_and_weight_0_take_nothing_from_what_a_backend_owns)
{
	backend("10.0.0.1")->state = CONF_BACKEND_DRAIN;
	backend("10.0.0.2")->weight = 0;
	runtime_judge_health(pool);
	cr_expect(backend("10.0.0.1")->alive);
	cr_expect(backend("10.0.0.2")->alive);
	backend("10.0.0.1")->health = HEALTH_DOWN;
	runtime_judge_health(pool);
	cr_expect_not(backend("10.0.0.1")->alive);
}

Test(runtime_use_all, one_healthy_backend_is_enough_for_health_to_count)
{
	backend("10.0.0.1")->health = HEALTH_DOWN;
	runtime_evaluate(pool);
	cr_expect(!pool->all_down);
	cr_expect(!backend("10.0.0.1")->usable);
	cr_expect(backend("10.0.0.2")->usable);
}

Test(runtime, overrides_win_over_the_file_and_are_marked)
{
	struct override o = {
	    .pool = (char *)"web", .address = backend("10.0.0.1")->conf->address, .drain = true};

	runtime_apply_override(backend("10.0.0.1"), &o);
	cr_expect(backend("10.0.0.1")->overridden);
	runtime_evaluate(pool);
	cr_expect_eq(backend("10.0.0.1")->why, RUNTIME_DRAINING);
	o.drain = false;
	o.has_weight = true;
	o.weight = 7;
	runtime_apply_override(backend("10.0.0.1"), &o);
	runtime_evaluate(pool);
	cr_expect_eq(backend("10.0.0.1")->weight, 7);
	cr_expect(backend("10.0.0.1")->usable);
	runtime_apply_override(backend("10.0.0.1"), NULL);
	cr_expect_eq(backend("10.0.0.1")->weight, 100);
	cr_expect(!backend("10.0.0.1")->overridden);
}

Test(runtime, finds_all_pools_of_an_address)
{
	struct lb_addr addr;
	size_t n;

	addr_parse("10.0.0.2", &addr);
	cr_expect_eq(runtime_find(rt, &addr, &n)->pool, 0);
	cr_expect_eq(n, 1);
	addr_parse("10.0.0.9", &addr);
	runtime_find(rt, &addr, &n);
	cr_expect_eq(n, 0);
}

static struct nexthop resolved(const char *source)
{
	struct nexthop nh = {.status = NEXTHOP_RESOLVED,
			     .ifindex = 7,
			     .eth_dst = {2, 0, 0, 0, 0, 1},
			     .eth_src = {2, 0, 0, 0, 0, 2},
			     .vlan_id = 100,
			     .mtu = 1500};

	cr_assert_eq(addr_parse(source, &nh.source), 0);
	return nh;
}

/* RFC 1071, written apart from the code under test. */
static unsigned int checksum(const uint8_t *bytes, size_t n)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += (unsigned int)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

Test(runtime, a_line_of_ipv4_holds_next_hop_and_prepared_header)
{
	struct nexthop nh = resolved("10.0.0.254");
	struct lb_backend line;
	struct iphdr ip;

	runtime_fill_line(backend("10.0.0.1"), &nh, &config->node, &line);
	cr_expect_eq(line.flags, LB_BACKEND_USED | LB_BACKEND_READY | LB_BACKEND_ALIVE);
	cr_expect_eq(line.ifindex, 7);
	cr_expect_eq(line.mtu, 1500);
	cr_expect_eq(ntohs(line.vlan_tci_be), 100);
	cr_expect_arr_eq(line.eth_dst, nh.eth_dst, 6);
	cr_expect_arr_eq(line.eth_src, nh.eth_src, 6);
	memcpy(&ip, line.outer, sizeof(ip));
	cr_expect_eq(ip.version, 4);
	cr_expect_eq(ip.ihl, 5);
	cr_expect_eq(ip.ttl, 64);
	cr_expect_eq(ntohs(ip.frag_off), IP_DF);
	cr_expect_eq(ip.tot_len, 0);
	cr_expect_eq(ip.check, 0);
	cr_expect_eq(ntohl(ip.saddr), 0x0a0000fe);
	cr_expect_eq(ntohl(ip.daddr), 0x0a000001);
	cr_expect_eq(ntohs(line.outer_sum), checksum(line.outer, 20));
}

Test(runtime, a_line_of_ipv6_takes_the_configured_source)
{
	struct nexthop nh = resolved("2001:db8::fe");
	struct conf_node node = config->node;
	struct lb_backend line;

	node.tunnel_source_v6.set = true;
	addr_parse("2001:db8:ffff::1", &node.tunnel_source_v6.address);
	runtime_fill_line(backend("2001:db8::4"), &nh, &node, &line);
	cr_expect(line.flags & LB_BACKEND_IPV6);
	cr_expect_eq(line.outer[0], 0x60);
	cr_expect_eq(line.outer[7], 64);
	cr_expect_arr_eq(line.outer + 8, node.tunnel_source_v6.address.b, 16);
	cr_expect_arr_eq(line.outer + 24, backend("2001:db8::4")->conf->address.b, 16);
}

Test(runtime, a_line_of_ipv6_has_the_sum_of_its_addresses)
{
	struct nexthop nh = resolved("2001:db8::fe");
	struct lb_backend line;

	runtime_fill_line(backend("2001:db8::4"), &nh, &config->node, &line);
	cr_expect_eq(ntohs(line.outer_sum), checksum(line.outer + 8, 32));
}

Test(runtime, a_line_from_a_prefix_takes_its_lowest_address)
{
	struct nexthop nh = resolved("10.0.0.254"), nh6 = resolved("2001:db8::fe");
	struct conf_node node = config->node;
	struct lb_backend line;

	node.tunnel_source_v4 = (struct conf_source){.set = true, .prefix = 16};
	addr_parse("10.99.0.0", &node.tunnel_source_v4.address);
	node.tunnel_source_v6 = (struct conf_source){.set = true, .prefix = 64};
	addr_parse("2001:db8:99::", &node.tunnel_source_v6.address);
	runtime_fill_line(backend("10.0.0.1"), &nh, &node, &line);
	cr_expect_arr_eq(line.outer + 12, "\x0a\x63\0\1", 4);
	cr_expect_eq(ntohs(line.outer_sum), checksum(line.outer, 20));
	runtime_fill_line(backend("2001:db8::4"), &nh6, &node, &line);
	cr_expect_eq(line.outer[23], 1);
	cr_expect_arr_eq(line.outer + 8, node.tunnel_source_v6.address.b, 15);
}

Test(runtime, a_line_without_next_hop_still_says_whose_it_is)
{
	struct nexthop nh = resolved("10.0.0.254");
	struct lb_backend line;

	nh.status = NEXTHOP_NEIGH_FAILED;
	backend("10.0.0.1")->health = HEALTH_DOWN;
	backend("10.0.0.1")->alive = false;
	runtime_fill_line(backend("10.0.0.1"), &nh, &config->node, &line);
	cr_expect_eq(line.flags, LB_BACKEND_USED | LB_BACKEND_DOWN);
	cr_expect_eq(line.outer[19], 1);
	runtime_fill_line(backend("2001:db8::4"), NULL, &config->node, &line);
	cr_expect_eq(line.flags, LB_BACKEND_USED | LB_BACKEND_IPV6 | LB_BACKEND_ALIVE);
	cr_expect_eq(line.outer[39], 4);
}
