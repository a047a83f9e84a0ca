/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_services.c - the agent's service table as the data plane reads it: thousands of VIPs, each
 * found under its own id, and nothing found beside them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>

#include <lb/abi.h>

#include "balancer.skel.h"
#include "balancer_tables.h"
#include "packets.h"
#include "svctable.h"

#define VIPS 3000

struct table {
	struct balancer_tables balancer;
	struct lb_service *services;
	struct lb_service *lines;
	uint32_t *disp;
	uint32_t n_lines, n_buckets;
};

/* Addresses that differ in one place or another, every fourth VIP on the port before its. */
static void vip_text(int index, char text[64])
{
	const int host = index / 4;

	if (index & 1)
		snprintf(text, 64, "2001:db8:%x::%x", host & 7, host >> 3);
	else
		snprintf(text, 64, "203.%d.%d.80", host & 255, host >> 8);
}

static void vip_service(int index, struct lb_service *service)
{
	char text[64];

	vip_text(index, text);
	memset(service, 0, sizeof(*service));
	packet_address(text, service->addr);
	service->port_be = htons(443 - (index & 2) / 2);
	service->proto = index % 3 ? IPPROTO_TCP : IPPROTO_UDP;
	service->forward = LB_FORWARD_L2;
	service->vip_id = index;
	service->slot_count = 1;
}

static void table_load(struct table *table)
{
	const struct layout_caps caps = {
	    .slots = 32,
	    .backends = 1,
	    .vips = VIPS,
	    .pools = 1,
	    .service_lines = table->n_lines,
	    .buckets = table->n_buckets,
	};

	balancer_tables_open(&table->balancer, &caps, 0, &(struct lb_encap){0});
}

/* The live half is the second; the first stays empty. */
static void table_fill(struct table *table)
{
	void **memory = table->balancer.memory;
	struct lb_service *lines = memory[BALANCER_SERVICES];
	uint32_t *disp = memory[BALANCER_DISP];

	memcpy(lines + table->n_lines, table->lines, table->n_lines * sizeof(*lines));
	memcpy(disp + table->n_buckets, table->disp, table->n_buckets * sizeof(*disp));
	*(struct lb_backend *)memory[BALANCER_BACKENDS] =
	    (struct lb_backend){.flags = LB_BACKEND_READY, .ifindex = 1, .mtu = 1500};
	*(struct lb_control *)memory[BALANCER_CONTROL] = (struct lb_control){
	    .magic = LB_ABI_MAGIC, .abi = LB_ABI_VERSION, .active_mask = ~0u, .generation = 1};
}

static void table_open(struct table *table)
{
	table->n_lines = svctable_lines(VIPS);
	table->n_buckets = svctable_buckets(VIPS);
	table->services = calloc(VIPS, sizeof(*table->services));
	table->lines = calloc(table->n_lines, sizeof(*table->lines));
	table->disp = calloc(table->n_buckets, sizeof(*table->disp));
	cr_assert(table->services && table->lines && table->disp);
	for (int i = 0; i < VIPS; i++)
		vip_service(i, &table->services[i]);
	cr_assert_eq(svctable_build(table->services, VIPS, table->lines, table->n_lines,
				    table->disp, table->n_buckets),
		     0);
	table_load(table);
	table_fill(table);
}

static void table_close(struct table *table)
{
	balancer_tables_close(&table->balancer);
	free(table->services);
	free(table->lines);
	free(table->disp);
}

static uint32_t send_to(const struct table *table, int index, int port_add)
{
	char text[64];
	struct packet packet = {.af = index & 1 ? 6 : 4, .dst = text};
	struct frame frame, out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .data_out = out.data,
		    .data_size_out = FRAME_MAX, .repeat = 1);

	vip_text(index, text);
	packet.proto = table->services[index].proto;
	packet.dport = ntohs(table->services[index].port_be) + port_add;
	packet_build(&packet, &frame);
	opts.data_size_in = frame.len;
	cr_assert_eq(bpf_prog_test_run_opts(
			 bpf_program__fd(table->balancer.skel->progs.sluice_balancer), &opts),
		     0);
	return opts.retval;
}

static uint64_t forwarded(const struct table *table, __u32 vip)
{
	struct lb_vip_counter sum;

	balancer_tables_vip(&table->balancer, vip, &sum);
	return sum.forwarded.packets;
}

Test(services, finds_each_of_thousands_under_its_own_id)
{
	struct table table;

	table_open(&table);
	for (int i = 0; i < VIPS; i++)
		cr_expect_eq(send_to(&table, i, 0), XDP_TX, "VIP %d", i);
	for (int i = 0; i < VIPS; i++)
		cr_expect_eq(forwarded(&table, i), 1, "VIP %d", i);
	table_close(&table);
}

Test(services, finds_nothing_beside_them)
{
	struct table table;

	table_open(&table);
	for (int i = 0; i < VIPS; i++)
		cr_expect_eq(send_to(&table, i, 7), XDP_PASS, "VIP %d", i);
	table_close(&table);
}
