/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_dataplane.c - generations in the real kernel, without pins or devices: what is built is not
 * live before the switch, what is adopted is what was written, and totals follow their objects.
 *
 * Needs root for the bpf system call.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "balancer.h"
#include "dataplane.h"
#include "svctable.h"

static const struct lb_encap encap;
#define SEED 0x1234567890abcdefull

static const struct layout_caps small = {
    .slots = 4096,
    .backends = 16,
    .vips = 16,
    .pools = 16,
    .service_lines = 64,
    .buckets = 16,
};
static struct err err;

static void need_root(void)
{
	if (geteuid())
		cr_skip_test("needs root for the bpf system call");
}

static struct dataplane *open_new(const char *dir)
{
	struct dataplane *dp = NULL;
	int r = dataplane_open(dir, &dp, &err);

	cr_assert_eq(r, 0, "%s", err.text);
	return dp;
}

/* One pool of one backend, one VIP 192.0.2.1:80/tcp, in the target. */
static void write_config(struct dataplane *dp, uint32_t vip_id)
{
	struct lb_service service = {.port_be = htons(80), .proto = 6, .forward = LB_FORWARD_L2};
	struct lb_addr vip, backend;
	struct lb_backend line = {.flags = LB_BACKEND_USED | LB_BACKEND_READY, .mtu = 1500};
	struct dataplane_target t;
	size_t len;

	addr_parse("192.0.2.1", &vip);
	addr_parse("10.0.0.1", &backend);
	dataplane_target(dp, &t);
	memcpy(service.addr, vip.b, 16);
	memcpy(line.outer + 16, addr_raw(&backend, &len), 4);
	service.vip_id = vip_id;
	service.slot_count = 7;
	service.first_slot = 32;
	service.first_backend = 8;
	dataplane_write_backend(&t.backends[9], &line);
	for (int i = 0; i < 7; i++)
		t.slots[32 + i] = t.slot_base[32 + i] = 1;
	strcpy(t.pools[0].name, "web");
	t.pools[0].first_slot = 32;
	t.pools[0].slot_count = 7;
	t.pools[0].first_backend = 8;
	t.pools[0].backend_cap = 8;
	cr_assert_eq(
	    svctable_build(&service, 1, t.services, t.caps.service_lines, t.disp, t.caps.buckets),
	    0);
}

static void check_layout(struct dataplane *dp, uint32_t vip_id)
{
	struct layout *layout = NULL;
	struct lb_addr backend;

	addr_parse("10.0.0.1", &backend);
	cr_assert_eq(dataplane_read_layout(dp, &layout, &err), 0, "%s", err.text);
	cr_expect_eq(layout->n_pools, 1);
	cr_expect_str_eq(layout->pools[0].name, "web");
	cr_expect_eq(layout->pools[0].first_slot, 32);
	cr_expect_eq(layout->pools[0].slot_count, 7);
	cr_expect_eq(layout_find_backend(&layout->pools[0], &backend), 1);
	cr_expect_eq(layout_count_backends(&layout->pools[0]), 1);
	cr_expect_eq(layout->n_vips, 1);
	cr_expect_eq(layout->vips[0].port, 80);
	cr_expect_eq(layout->vips[0].vip_id, vip_id);
	layout_free(layout);
}

static int run_packet(struct dataplane *dp)
{
	/* TCP SYN from 198.51.100.1:1000 to 192.0.2.1:80 */
	unsigned char packet[60] = {
	    [12] = 8, [14] = 0x45, [17] = 40, [22] = 64,   [23] = 6, [26] = 198, 51,
	    100,      1,	   192,	      0,	   2,	     1,		 3,
	    232,      0,	   80,	      [46] = 0x50, 2};
	char out[256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .data_out = out, .data_size_out = sizeof(out));

	cr_assert_eq(bpf_prog_test_run_opts(dataplane_program_fd(dp), &opts), 0);
	return (int)opts.retval;
}

TestSuite(dataplane, .init = need_root);

Test(dataplane, starts_empty_and_says_so)
{
	struct dataplane *dp = open_new(NULL);
	struct layout *layout = NULL;
	uint64_t seed;

	cr_expect(!dataplane_adopted(dp));
	cr_expect(!dataplane_seed(dp, &seed));
	cr_expect_eq(dataplane_generation(dp), 0);
	cr_expect_eq(dataplane_read_layout(dp, &layout, &err), 0);
	cr_expect_eq(layout->n_pools + layout->n_vips, 0);
	layout_free(layout);
	dataplane_close(dp);
}

Test(dataplane, a_discarded_generation_leaves_no_trace)
{
	struct dataplane *dp = open_new(NULL);
	uint32_t key = 0, id;

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	dataplane_discard(dp);
	cr_expect_eq(dataplane_generation(dp), 0);
	cr_expect_eq(dataplane_program_fd(dp), -1);
	cr_expect_neq(bpf_map_lookup_elem(dataplane_map_fd(dp, "lb_programs"), &key, &id), 0);
	dataplane_close(dp);
}

Test(dataplane, what_is_written_is_served_and_read_back_after_the_switch)
{
	struct dataplane *dp = open_new(NULL);
	struct lb_vip_counter vip;
	struct lb_counter backend;

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	write_config(dp, 3);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	cr_expect_eq(dataplane_generation(dp), 1);
	check_layout(dp, 3);
	run_packet(dp);
	cr_assert_eq(dataplane_read_old_vip(dp, 3, &vip), 0);
	cr_expect_eq(vip.forwarded.packets, 1);
	cr_expect_eq(vip.forwarded.bytes, 60);
	cr_assert_eq(dataplane_read_backend(dp, 9, &backend), 0);
	cr_expect_eq(backend.packets, 1);
	dataplane_close(dp);
}

Test(dataplane, the_other_half_is_invisible_until_it_is_switched_to)
{
	struct dataplane *dp = open_new(NULL);
	struct lb_counter reasons[LB_REASON_MAX];
	struct lb_vip_counter vips[4];

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	cr_assert_eq(dataplane_switch(dp, &err), 0); /* an empty configuration */
	write_config(dp, 2);
	run_packet(dp);
	cr_assert_eq(dataplane_read_reasons(dp, reasons), 0);
	cr_expect_eq(reasons[LB_REASON_NOT_A_VIP].packets, 1);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	run_packet(dp);
	cr_assert_eq(dataplane_read_vips(dp, vips, 4), 0);
	cr_expect_eq(vips[2].forwarded.packets, 1);
	cr_assert_eq(dataplane_read_reasons(dp, reasons), 0);
	cr_expect_eq(reasons[LB_REASON_NOT_A_VIP].packets, 1);
	check_layout(dp, 2);
	dataplane_close(dp);
}

Test(dataplane, totals_follow_to_another_generation_and_reasons_go_on)
{
	struct layout_caps larger = small;
	struct dataplane *dp = open_new(NULL);
	struct lb_counter reasons[LB_REASON_MAX];
	struct lb_vip_counter vip;

	larger.slots *= 4;
	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	run_packet(dp); /* not a VIP */
	write_config(dp, 3);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	run_packet(dp);
	run_packet(dp);
	cr_assert_eq(dataplane_build(dp, &larger, SEED + 1, &encap, &err), 0, "%s", err.text);
	write_config(dp, 5);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	run_packet(dp);
	dataplane_wait_grace();
	cr_assert_eq(dataplane_read_old_vip(dp, 3, &vip), 0);
	cr_expect_eq(vip.forwarded.packets, 2);
	dataplane_add_vip_total(dp, 5, &vip);
	dataplane_drop_old(dp);
	cr_assert_eq(dataplane_read_old_vip(dp, 5, &vip), 0);
	cr_expect_eq(vip.forwarded.packets, 3);
	cr_expect_eq(vip.forwarded.bytes, 180);
	cr_assert_eq(dataplane_read_reasons(dp, reasons), 0);
	cr_expect_eq(reasons[LB_REASON_NOT_A_VIP].packets, 1);
	cr_expect_eq(dataplane_generation(dp), 2);
	dataplane_close(dp);
}

Test(dataplane, a_total_can_be_set_without_clearing_a_counter)
{
	const struct lb_vip_counter wanted = {{100, 5000}, {1, 60}};
	struct dataplane *dp = open_new(NULL);
	struct lb_vip_counter vips[20];

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	write_config(dp, 3);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	run_packet(dp);
	cr_assert_eq(dataplane_set_vip_total(dp, 3, &wanted), 0);
	run_packet(dp);
	cr_assert_eq(dataplane_read_vips(dp, vips, 20), 0);
	cr_expect_eq(vips[3].forwarded.packets, 101);
	cr_expect_eq(vips[3].forwarded.bytes, 5060);
	cr_expect_eq(vips[3].dropped.packets, 1);
	cr_expect_eq(vips[19].forwarded.packets, 0, "ids past the map's end are 0");
	dataplane_close(dp);
}

/* A bpffs of the test's own; forked tests have the mount to themselves only by its name. */
static char bpffs[64], pins[96];

static void mount_bpffs(void)
{
	need_root();
	snprintf(bpffs, sizeof(bpffs), "/tmp/dataplane-test-XXXXXX");
	cr_assert(mkdtemp(bpffs));
	cr_assert_eq(mount("bpf", bpffs, "bpf", 0, NULL), 0, "mounting a bpffs: %s",
		     strerror(errno));
	snprintf(pins, sizeof(pins), "%s/sluice", bpffs);
}

static void unmount_bpffs(void)
{
	umount2(bpffs, MNT_DETACH);
	rmdir(bpffs);
}

TestSuite(dataplane_pins, .init = mount_bpffs, .fini = unmount_bpffs);

Test(dataplane_pins, the_next_agent_adopts_what_the_last_one_left)
{
	struct dataplane *dp = open_new(pins);
	struct lb_vip_counter vip;
	uint64_t seed = 0;

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	write_config(dp, 3);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	run_packet(dp);
	dataplane_close(dp);

	dp = open_new(pins);
	cr_expect(dataplane_adopted(dp));
	cr_expect(dataplane_seed(dp, &seed));
	cr_expect_eq(seed, SEED);
	cr_expect_eq(dataplane_generation(dp), 1);
	check_layout(dp, 3);
	run_packet(dp);
	cr_assert_eq(dataplane_read_old_vip(dp, 3, &vip), 0);
	cr_expect_eq(vip.forwarded.packets, 2);
	dataplane_close(dp);
}

Test(dataplane_pins, two_agents_cannot_have_one_data_plane)
{
	struct dataplane *dp = open_new(pins), *second = NULL;

	cr_expect_eq(dataplane_open(pins, &second, &err), -EBUSY);
	cr_expect(strstr(err.text, "another lb-agent"), "%s", err.text);
	cr_expect_eq(dataplane_teardown(pins, &err), -EBUSY);
	dataplane_close(dp);
}

Test(dataplane_pins, teardown_removes_its_pins_and_leaves_others)
{
	struct dataplane *dp = open_new(pins);
	char foreign[128];
	int fd;

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	dataplane_close(dp);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "foreign", 4, 4, 1, NULL);
	snprintf(foreign, sizeof(foreign), "%s/foreign", pins);
	cr_assert_eq(bpf_obj_pin(fd, foreign), 0);
	close(fd);
	cr_expect_eq(dataplane_teardown(pins, &err), 0, "%s", err.text);
	cr_expect_eq(access(foreign, F_OK), 0);
	cr_assert_eq(unlink(foreign), 0);
	cr_expect_eq(rmdir(pins), 0, "a pin was left: %s", strerror(errno));
	cr_expect_eq(dataplane_teardown(pins, &err), -ENOENT);
}

Test(dataplane_pins, refuses_maps_of_another_abi_version_and_says_what_to_do)
{
	struct dataplane *dp = open_new(pins);
	struct lb_control control;
	uint32_t key = 0;
	int fd;

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	fd = dataplane_map_fd(dp, "lb_control");
	cr_assert_eq(bpf_map_lookup_elem(fd, &key, &control), 0);
	control.abi = LB_ABI_VERSION + 1;
	cr_assert_eq(bpf_map_update_elem(fd, &key, &control, BPF_ANY), 0);
	dataplane_close(dp);
	cr_expect_eq(dataplane_open(pins, &dp, &err), -EPROTO);
	cr_expect(strstr(err.text, "--teardown"), "%s", err.text);
	cr_expect_null(dp);
}

Test(dataplane, refuses_tables_that_no_program_can_address)
{
	struct dataplane *dp;
	struct layout_caps huge = small;

	need_root();
	dp = open_new(NULL);
	huge.slots = BALANCER_TABLE_MAX / 2 + 32;
	cr_expect_eq(dataplane_build(dp, &huge, SEED, &encap, &err), -E2BIG);
	cr_expect(strstr(err.text, "lb_slots would take 512 MiB"), "%s", err.text);
	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	dataplane_close(dp);
}

Test(dataplane_pins, does_not_believe_a_damaged_directory)
{
	struct dataplane *dp = open_new(pins);
	struct dataplane_target t;
	struct layout *layout = NULL;

	cr_assert_eq(dataplane_build(dp, &small, SEED, &encap, &err), 0, "%s", err.text);
	write_config(dp, 3);
	dataplane_target(dp, &t);
	t.pools[1] = t.pools[0]; /* two pools, the same runs */
	cr_assert_eq(dataplane_switch(dp, &err), 0);
	cr_expect_eq(dataplane_read_layout(dp, &layout, &err), -EBADMSG);
	cr_expect(strstr(err.text, "overlaps"), "%s", err.text);
	dataplane_close(dp);
}

Test(dataplane_pins, wants_a_bpffs)
{
	struct dataplane *dp = NULL;
	char plain[] = "/tmp/no-bpffs-XXXXXX";

	cr_assert(mkdtemp(plain));
	cr_expect_eq(dataplane_open(plain, &dp, &err), -ENODEV);
	cr_expect(strstr(err.text, "mount -t bpf"), "%s", err.text);
	rmdir(plain);
}
