/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_ranges.c - VIPs of one port, of a range and of any port on one address, by packets to every
 * kind of port: the most specific VIP counts each, and nobody what is beside them.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>

#include <lb/abi.h>

#include "balancer.skel.h"
#include "balancer_tables.h"
#include "base/portrange.h"
#include "packets.h"
#include "ranges.h"
#include "svctable.h"

#define VIPS_MAX (PORTRANGE_MAX + 16)
#define LINES	 (2 * PORTRANGE_MAX)
#define SERVICES 256u
#define BUCKETS	 64u
#define BESIDE	 -1

struct scene {
	struct balancer_tables balancer;
	struct portrange vips[VIPS_MAX]; /* of the VIP address; owner: the protocol */
	uint32_t n;
};

static void scene_open(struct scene *scene, uint32_t range_lines)
{
	const struct layout_caps caps = {
	    .slots = 32,
	    .backends = 1,
	    .vips = VIPS_MAX,
	    .pools = 1,
	    .service_lines = SERVICES,
	    .buckets = BUCKETS,
	    .ranges = range_lines,
	};

	scene->n = 0;
	balancer_tables_open(&scene->balancer, &caps, 0, &(struct lb_encap){0});
}

static void scene_add(struct scene *scene, uint8_t proto, uint16_t first, uint16_t last)
{
	scene->vips[scene->n++] = (struct portrange){.first = first, .last = last, .owner = proto};
}

/* Into the second half, which is live; the first stays empty. */
static void scene_write(struct scene *scene, int af)
{
	void **memory = scene->balancer.memory;
	const struct layout_caps *caps = &scene->balancer.caps;
	struct lb_service services[VIPS_MAX] = {0};
	size_t n = scene->n;

	for (uint32_t i = 0; i < scene->n; i++) {
		packet_address(af == 4 ? PACKET_VIP4 : PACKET_VIP6, services[i].addr);
		services[i].proto = scene->vips[i].owner;
		services[i].port_be = htons(scene->vips[i].first);
		if (scene->vips[i].last != scene->vips[i].first)
			services[i].port_last = scene->vips[i].last;
		services[i].forward = LB_FORWARD_L2;
		services[i].vip_id = i;
		services[i].slot_count = 1;
	}
	cr_assert_eq(ranges_build(services, &n,
				  (struct lb_service *)memory[BALANCER_RANGES] + caps->ranges,
				  caps->ranges),
		     0);
	cr_assert_eq(svctable_build(services, n,
				    (struct lb_service *)memory[BALANCER_SERVICES] + SERVICES,
				    SERVICES, (uint32_t *)memory[BALANCER_DISP] + BUCKETS, BUCKETS),
		     0);
	for (uint32_t i = 0; i < BUCKETS; i++)
		((uint32_t *)memory[BALANCER_DISP])[i] = LB_DISP_EMPTY;
	*(struct lb_backend *)memory[BALANCER_BACKENDS] =
	    (struct lb_backend){.flags = LB_BACKEND_READY, .ifindex = 1, .mtu = 1500};
	*(struct lb_control *)memory[BALANCER_CONTROL] = (struct lb_control){
	    .magic = LB_ABI_MAGIC, .abi = LB_ABI_VERSION, .active_mask = ~0u, .generation = 1};
}

/* The VIP that has the port, found by looking at all. */
static int owner_of(const struct scene *scene, uint8_t proto, uint16_t port)
{
	int best = BESIDE;

	for (uint32_t i = 0; i < scene->n; i++) {
		const struct portrange *vip = &scene->vips[i];

		if (vip->owner == proto && vip->first <= port && port <= vip->last &&
		    (best == BESIDE || portrange_more_specific(vip, &scene->vips[best])))
			best = (int)i;
	}
	return best;
}

/* Which VIP counts a packet to the port. */
static int send_to(const struct scene *scene, int af, uint8_t proto, uint16_t port)
{
	const struct packet packet = {.af = af, .proto = proto, .dport = port};
	struct lb_vip_counter before[VIPS_MAX], after;
	struct frame frame, out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .data_out = out.data,
		    .data_size_out = FRAME_MAX, .repeat = 1);
	int vip = BESIDE;

	packet_build(&packet, &frame);
	if (!port) /* which the builder takes for the default */
		memset(frame.data + frame.l4 + 2, 0, 2);
	opts.data_size_in = frame.len;
	for (uint32_t i = 0; i < scene->n; i++)
		balancer_tables_vip(&scene->balancer, i, &before[i]);
	cr_assert_eq(bpf_prog_test_run_opts(
			 bpf_program__fd(scene->balancer.skel->progs.sluice_balancer), &opts),
		     0);
	for (uint32_t i = 0; i < scene->n; i++) {
		balancer_tables_vip(&scene->balancer, i, &after);
		if (after.forwarded.packets == before[i].forwarded.packets)
			continue;
		cr_expect_eq(vip, BESIDE, "two VIPs counted a packet");
		vip = (int)i;
	}
	cr_expect_eq(opts.retval, vip == BESIDE ? XDP_PASS : XDP_TX);
	return vip;
}

static void expect_port(const struct scene *scene, int af, uint8_t proto, uint16_t port)
{
	int vip = send_to(scene, af, proto, port), wanted = owner_of(scene, proto, port);

	cr_expect_eq(vip, wanted, "port %u of protocol %u, IPv%d: VIP %d, not %d", port, proto, af,
		     vip, wanted);
}

Test(ranges, the_most_specific_vip_has_the_port)
{
	static const uint16_t ports[] = {0,    1,    79,   80,	 81,   7999, 8000,  8009, 8010,
					 8019, 8020, 8050, 8099, 8100, 9000, 65534, 65535};
	struct scene scene;

	for (int af = 4; af <= 6; af += 2) {
		scene_open(&scene, 16);
		scene_add(&scene, IPPROTO_TCP, 1, 65535);
		scene_add(&scene, IPPROTO_TCP, 8000, 8099);
		scene_add(&scene, IPPROTO_TCP, 8010, 8019);
		scene_add(&scene, IPPROTO_TCP, 8050, 8050);
		scene_add(&scene, IPPROTO_TCP, 80, 80);
		scene_add(&scene, IPPROTO_UDP, 8000, 8010);
		scene_write(&scene, af);
		for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
			expect_port(&scene, af, IPPROTO_TCP, ports[i]);
			expect_port(&scene, af, IPPROTO_UDP, ports[i]);
		}
		balancer_tables_close(&scene.balancer);
	}
}

/* As many ranges as there may be, over few ports: every interval that the search can meet. */
Test(ranges, the_longest_run_is_searched_to_its_ends)
{
	struct scene scene;

	scene_open(&scene, LINES);
	for (uint16_t i = 0; i < PORTRANGE_MAX; i++)
		scene_add(&scene, IPPROTO_TCP, 100 + i, 1000 - i);
	scene_write(&scene, 4);
	for (uint16_t port = 95; port < 170; port++)
		expect_port(&scene, 4, IPPROTO_TCP, port);
	for (uint16_t port = 930; port < 1005; port++)
		expect_port(&scene, 4, IPPROTO_TCP, port);
	balancer_tables_close(&scene.balancer);
}

Test(ranges, random_ranges_agree_with_a_search_of_all)
{
	struct scene scene;

	scene_open(&scene, LINES);
	srand(1);
	for (int round = 0; round < 20; round++) {
		scene.n = 0;
		for (int i = 0; i < 30; i++) {
			uint16_t first = 1 + rand() % 60, last = first + rand() % 20;
			bool known = false;

			for (uint32_t k = 0; k < scene.n; k++)
				known |= scene.vips[k].first == first && scene.vips[k].last == last;
			if (!known)
				scene_add(&scene, IPPROTO_UDP, first, last);
		}
		scene_write(&scene, round & 1 ? 6 : 4);
		for (uint16_t port = 0; port < 90; port++)
			expect_port(&scene, round & 1 ? 6 : 4, IPPROTO_UDP, port);
	}
	balancer_tables_close(&scene.balancer);
}

/* The hash takes the packet's own port, not the range's. */
Test(ranges, a_flow_keeps_its_slot_when_the_range_is_widened)
{
	static const uint16_t lasts[] = {8009, 8099, 65535};
	struct lb_counter first = {0};
	struct scene scene;

	for (size_t i = 0; i < 3; i++) {
		struct lb_service *lines;
		struct lb_counter sum;

		scene_open(&scene, 16);
		scene_add(&scene, IPPROTO_TCP, 8000, lasts[i]);
		scene_write(&scene, 4);
		/* Two slots, of which only the first has a backend. */
		lines = (struct lb_service *)scene.balancer.memory[BALANCER_RANGES] + 16;
		lines->slot_count = 2;
		((uint16_t *)scene.balancer.memory[BALANCER_SLOTS])[1] = LB_SLOT_NONE;
		for (uint16_t port = 8000; port <= 8009; port++) {
			const struct packet packet = {.af = 4, .proto = IPPROTO_TCP, .dport = port};
			struct frame frame, out;
			LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data,
				    .data_out = out.data, .data_size_out = FRAME_MAX, .repeat = 1);

			packet_build(&packet, &frame);
			opts.data_size_in = frame.len;
			bpf_prog_test_run_opts(
			    bpf_program__fd(scene.balancer.skel->progs.sluice_balancer), &opts);
		}
		balancer_tables_backend(&scene.balancer, 0, &sum);
		if (i == 0)
			first = sum;
		cr_expect(sum.packets > 0 && sum.packets < 10, "ports do not tell flows apart");
		cr_expect_eq(sum.packets, first.packets, "%u: other flows than before", lasts[i]);
		balancer_tables_close(&scene.balancer);
	}
}
