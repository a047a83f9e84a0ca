/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_lab.h - two namespaces and a wire between them, for tests of next hops against the
 * kernel.
 */
#ifndef TEST_NETLINK_LAB_H
#define TEST_NETLINK_LAB_H
#include <criterion/criterion.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "netlink.h"

#define WAIT_MS 10000

struct lab {
	struct event_base *base;
	struct netlink *netlink;
	int box, peer; /* network namespaces */
	unsigned nexthop_calls;
	size_t changed; /* destinations reported, in all */
	unsigned link_calls;
	char link_name[16];
	bool link_present, link_up;
};

static struct lab lab;

static void on_nexthops(void *ctx, const struct lb_addr *destinations, size_t n)
{
	lab.nexthop_calls++;
	lab.changed += n;
}

static void on_link(void *ctx, const char *ifname, int ifindex, bool present, bool up)
{
	lab.link_calls++;
	snprintf(lab.link_name, sizeof(lab.link_name), "%s", ifname);
	lab.link_present = present;
	lab.link_up = up;
}

static const struct netlink_ops ops = {.on_nexthops = on_nexthops, .on_link = on_link};

static int vsystem(const char *format, va_list args)
{
	char command[512];

	vsnprintf(command, sizeof(command), format, args);
	return system(command);
}

static void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = vsystem(format, args);
	va_end(args);
	cr_assert_eq(status, 0, "command failed: %s", format);
}

/* The same on the neighbour's side. */
static void __attribute__((format(printf, 1, 2))) peer(const char *format, ...)
{
	va_list args;
	int status;

	cr_assert_eq(setns(lab.peer, CLONE_NEWNET), 0);
	va_start(args, format);
	status = vsystem(format, args);
	va_end(args);
	cr_assert_eq(setns(lab.box, CLONE_NEWNET), 0);
	cr_assert_eq(status, 0, "command failed: %s", format);
}

static int new_namespace(void)
{
	int fd;

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %s", strerror(errno));
	fd = open("/proc/self/ns/net", O_RDONLY);
	cr_assert_geq(fd, 0);
	return fd;
}

/* Makes dead neighbours fail in a fraction of the default 3 s, and retries every 200 ms. */
static void hurry(const char *device)
{
	static const char *const families[] = {"ipv4", "ipv6"};

	for (int i = 0; i < 2; i++)
		run("cd /proc/sys/net/%s/neigh/%s && echo 50 >retrans_time_ms && "
		    "echo 1 >delay_first_probe_time && echo 500 >base_reachable_time_ms && "
		    "echo 200 >interval_probe_time_ms && echo 0 >locktime 2>/dev/null; true",
		    families[i], device);
}

static void setup(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root (network namespaces)");
	memset(&lab, 0, sizeof(lab));
	lab.peer = new_namespace();
	lab.box = new_namespace();
	run("ip link set lo up");
	run("ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 "
	    "address 02:00:00:00:00:02 netns /proc/%d/fd/%d",
	    getpid(), lab.peer);
	run("echo 0 >/proc/sys/net/ipv6/conf/v0/accept_dad");
	run("ip link set v0 up");
	run("ip addr add 10.0.1.1/24 dev v0");
	run("ip addr add fd00:1::1/64 dev v0 nodad");
	peer(
	    "ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/v1/accept_dad; ip link set v1 up && "
	    "ip addr add 10.0.1.2/24 dev v1 && ip addr add fd00:1::2/64 dev v1 nodad");
	hurry("v0");
	lab.base = event_base_new();
	cr_assert_eq(netlink_new(lab.base, &ops, NULL, &lab.netlink), 0);
}

static void teardown(void)
{
	netlink_free(lab.netlink);
	if (lab.base)
		event_base_free(lab.base);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Runs the loop for a while. */
static void spin(unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(lab.base, &tv);
	event_base_dispatch(lab.base);
}

static struct lb_addr address(const char *text)
{
	struct lb_addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

static void follow(const char *text)
{
	struct lb_addr addr = address(text);

	cr_assert_eq(netlink_set_destinations(lab.netlink, &addr, 1), 0);
}

static const struct nexthop *get(const char *text)
{
	struct lb_addr addr = address(text);
	const struct nexthop *nexthop = netlink_nexthop(lab.netlink, &addr);

	cr_assert_not_null(nexthop);
	return nexthop;
}

static const struct nexthop *await(const char *text, enum nexthop_status status)
{
	uint64_t deadline = now_ms() + WAIT_MS;

	while (get(text)->status != status && now_ms() < deadline)
		spin(10);
	cr_assert_eq(get(text)->status, status, "%s is %s (%s), not %s", text,
		     nexthop_status_name(get(text)->status), get(text)->detail,
		     nexthop_status_name(status));
	return get(text);
}

static bool shell_true(const char *command)
{
	return system(command) == 0;
}

static void await_shell(const char *command)
{
	uint64_t deadline = now_ms() + WAIT_MS;

	while (!shell_true(command)) {
		cr_assert_lt(now_ms(), deadline, "never true: %s", command);
		spin(20);
	}
}

static void expect_addr(const struct lb_addr *addr, const char *text)
{
	char have[LB_ADDR_TEXT_MAX];

	cr_assert_str_eq(addr_format(addr, have), text);
}

#define expect_mac(mac, ...) cr_assert_arr_eq(mac, ((uint8_t[]){__VA_ARGS__}), 6)

#endif
