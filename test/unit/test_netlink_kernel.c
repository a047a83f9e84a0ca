/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_netlink_kernel.c - netlink.c against the kernel: each test makes a network namespace for the
 * box and one for its neighbour, a veth pair between them, and waits for what must come.
 */
#include "netlink_lab.h"

TestSuite(netlink_kernel, .init = setup, .fini = teardown, .timeout = 60);

Test(netlink_kernel, resolves_a_neighbour_on_the_link)
{
	const struct nexthop *nexthop;

	follow("10.0.1.2");
	nexthop = await("10.0.1.2", NEXTHOP_RESOLVED);
	expect_addr(&nexthop->via, "10.0.1.2");
	expect_addr(&nexthop->source, "10.0.1.1");
	cr_assert_str_eq(nexthop->route_ifname, "v0");
	cr_assert_eq(nexthop->ifindex, netlink_ifindex(lab.netlink, "v0"));
	expect_mac(nexthop->eth_dst, 2, 0, 0, 0, 0, 2);
	expect_mac(nexthop->eth_src, 2, 0, 0, 0, 0, 1);
	cr_assert_eq(nexthop->mtu, 1500);
	cr_assert_eq(nexthop->vlan_id, 0);
	cr_assert_str_eq(nexthop->detail, "on v0");
}

Test(netlink_kernel, resolves_an_ipv6_neighbour_on_the_link)
{
	const struct nexthop *nexthop;

	follow("fd00:1::2");
	nexthop = await("fd00:1::2", NEXTHOP_RESOLVED);
	expect_addr(&nexthop->source, "fd00:1::1");
	expect_mac(nexthop->eth_dst, 2, 0, 0, 0, 0, 2);
}

Test(netlink_kernel, makes_its_entries_managed_and_marks_them)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	cr_assert(
	    shell_true("ip -d neigh show 10.0.1.2 dev v0 | grep managed | grep -q 'proto 83'"));
	/* The mark outlives the entry's states: base_reachable_time is 500 ms here. */
	spin(3000);
	cr_assert(shell_true("ip -d neigh show 10.0.1.2 dev v0 | grep -q managed"));
	cr_assert(shell_true("ip -d neigh show 10.0.1.2 dev v0 | grep -q 'proto 83'"));
}

Test(netlink_kernel, goes_by_the_gateway_of_a_route)
{
	const struct nexthop *nexthop;

	run("ip route add 10.9.0.0/16 via 10.0.1.2 mtu 1400");
	follow("10.9.8.7");
	nexthop = await("10.9.8.7", NEXTHOP_RESOLVED);
	expect_addr(&nexthop->via, "10.0.1.2");
	expect_mac(nexthop->eth_dst, 2, 0, 0, 0, 0, 2);
	cr_assert_eq(nexthop->mtu, 1400);
	cr_assert_str_eq(nexthop->detail, "via 10.0.1.2 on v0");
}

Test(netlink_kernel, goes_by_an_ipv6_gateway_of_an_ipv4_route)
{
	const struct nexthop *nexthop;

	run("ip route add 10.9.0.0/16 via inet6 fd00:1::2 dev v0");
	follow("10.9.8.7");
	nexthop = await("10.9.8.7", NEXTHOP_RESOLVED);
	expect_addr(&nexthop->via, "fd00:1::2");
	expect_addr(&nexthop->source, "10.0.1.1");
	expect_mac(nexthop->eth_dst, 2, 0, 0, 0, 0, 2);
}

Test(netlink_kernel, follows_routes_that_come_change_and_go)
{
	peer(
	    "ip link set v1 down && ip link set v1 address 02:00:00:00:00:03 && ip link set v1 up && "
	    "ip addr add 10.0.2.2/24 dev v1 && ip addr add fd00:1::2/64 dev v1 nodad || true");
	run("ip addr add 10.0.2.1/24 dev v0");
	follow("10.9.8.7");
	cr_assert_eq(get("10.9.8.7")->status, NEXTHOP_NO_ROUTE);
	cr_assert_str_eq(get("10.9.8.7")->detail, "no route");
	run("ip route add 10.9.0.0/16 via 10.0.1.2");
	expect_addr(&await("10.9.8.7", NEXTHOP_RESOLVED)->via, "10.0.1.2");
	run("ip route replace blackhole 10.9.8.0/24");
	await("10.9.8.7", NEXTHOP_ROUTE_REFUSED);
	run("ip route del blackhole 10.9.8.0/24");
	await("10.9.8.7", NEXTHOP_RESOLVED);
	run("ip route replace 10.9.0.0/16 via 10.0.2.2");
	for (int i = 0; i < 500 && get("10.9.8.7")->via.b[14] != 2; i++)
		spin(10);
	await("10.9.8.7", NEXTHOP_RESOLVED);
	expect_addr(&get("10.9.8.7")->via, "10.0.2.2");
	run("ip route del 10.9.0.0/16");
	await("10.9.8.7", NEXTHOP_NO_ROUTE);
	cr_assert_eq(lab.changed, lab.nexthop_calls, "one destination, one a call");
}

Test(netlink_kernel, tells_why_an_address_cannot_be_a_backend)
{
	static const struct {
		const char *route, *address;
		enum nexthop_status status;
	} rows[] = {
	    {"blackhole 10.9.1.0/24", "10.9.1.1", NEXTHOP_ROUTE_REFUSED},
	    {"unreachable 10.9.2.0/24", "10.9.2.1", NEXTHOP_ROUTE_REFUSED},
	    {"prohibit 10.9.3.0/24", "10.9.3.1", NEXTHOP_ROUTE_REFUSED},
	    {"throw 10.9.4.0/24", "10.9.4.1", NEXTHOP_NO_ROUTE},
	    {"blackhole fd00:9:1::/48", "fd00:9:1::1", NEXTHOP_ROUTE_REFUSED},
	    {"unreachable fd00:9:2::/48", "fd00:9:2::1", NEXTHOP_ROUTE_REFUSED},
	    {"prohibit fd00:9:3::/48", "fd00:9:3::1", NEXTHOP_ROUTE_REFUSED},
	    {"10.9.5.0/24 dev lo", "10.9.5.1", NEXTHOP_LOCAL},
	    {NULL, "10.0.1.1", NEXTHOP_LOCAL},
	    {NULL, "127.0.0.1", NEXTHOP_LOCAL},
	    {NULL, "::1", NEXTHOP_LOCAL},
	    {NULL, "fd00:1::1", NEXTHOP_LOCAL},
	    {NULL, "10.0.1.255", NEXTHOP_NOT_UNICAST},
	    {NULL, "192.0.2.1", NEXTHOP_NO_ROUTE},
	    {NULL, "2001:db8::1", NEXTHOP_NO_ROUTE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].route)
			run("ip route add %s", rows[i].route);
		follow(rows[i].address);
		cr_expect_eq(get(rows[i].address)->status, rows[i].status, "%s is %s (%s), not %s",
			     rows[i].address, nexthop_status_name(get(rows[i].address)->status),
			     get(rows[i].address)->detail, nexthop_status_name(rows[i].status));
	}
}

Test(netlink_kernel, an_address_given_to_this_box_becomes_local)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	run("ip addr add 10.0.1.2/32 dev lo");
	await("10.0.1.2", NEXTHOP_LOCAL);
	run("ip addr del 10.0.1.2/32 dev lo");
	await("10.0.1.2", NEXTHOP_RESOLVED);
}

Test(netlink_kernel, follows_policy_rules)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	run("ip rule add to 10.0.1.2 blackhole pref 10");
	await("10.0.1.2", NEXTHOP_ROUTE_REFUSED);
	run("ip rule del pref 10");
	await("10.0.1.2", NEXTHOP_RESOLVED);
}

Test(netlink_kernel, follows_a_next_hop_object)
{
	run("echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode");
	peer("ip addr add 10.0.1.3/24 dev v1");
	run("ip nexthop add id 7 via 10.0.1.2 dev v0");
	run("ip route add 10.9.0.0/16 nhid 7");
	follow("10.9.8.7");
	expect_addr(&await("10.9.8.7", NEXTHOP_RESOLVED)->via, "10.0.1.2");
	run("ip nexthop replace id 7 via 10.0.1.3 dev v0");
	for (int i = 0; i < 500 && get("10.9.8.7")->via.b[15] != 3; i++)
		spin(10);
	expect_addr(&await("10.9.8.7", NEXTHOP_RESOLVED)->via, "10.0.1.3");
}

Test(netlink_kernel, follows_a_link_down_and_up)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	peer("ip link set v1 down"); /* the carrier */
	cr_assert_str_eq(await("10.0.1.2", NEXTHOP_DEVICE_DOWN)->detail,
			 "v0 is down or has no carrier");
	cr_assert_str_eq(lab.link_name, "v0");
	cr_assert(lab.link_present && !lab.link_up);
	peer("ip link set v1 up");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	cr_assert(lab.link_up);
	run("ip link set v0 down"); /* takes the IPv4 route along without a route event */
	await("10.0.1.2", NEXTHOP_NO_ROUTE);
	run("ip link set v0 up");
	await("10.0.1.2", NEXTHOP_RESOLVED);
}

Test(netlink_kernel, makes_its_entry_again_after_a_flap_that_nobody_saw)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	/* All within one batch of events: in the end the link is as it was, its neighbours gone. */
	run("ip link set v0 down && ip link set v0 up");
	spin(100);
	await("10.0.1.2", NEXTHOP_RESOLVED);
	cr_assert(
	    shell_true("ip -d neigh show 10.0.1.2 dev v0 | grep managed | grep -q 'proto 83'"));
}

Test(netlink_kernel, reports_devices_that_come_and_go)
{
	cr_assert_eq(lab.link_calls, 0, "what was there at the start is no news");
	cr_assert_eq(netlink_ifindex(lab.netlink, "v2"), -ENODEV);
	run("ip link add v2 type veth peer name v3");
	for (int i = 0; i < 500 && netlink_ifindex(lab.netlink, "v2") < 0; i++)
		spin(10);
	spin(20);
	cr_assert_gt(netlink_ifindex(lab.netlink, "v2"), 0);
	cr_assert_eq(lab.link_calls, 2, "v2 and v3");
	run("ip link set v2 name v4");
	for (int i = 0; i < 500 && netlink_ifindex(lab.netlink, "v4") < 0; i++)
		spin(10);
	spin(20);
	cr_assert_eq(netlink_ifindex(lab.netlink, "v2"), -ENODEV);
	cr_assert_eq(lab.link_calls, 4, "one vanished, one appeared");
	run("ip link del v4");
	for (int i = 0; i < 500 && netlink_ifindex(lab.netlink, "v4") >= 0; i++)
		spin(10);
	spin(20);
	cr_assert_eq(netlink_ifindex(lab.netlink, "v3"), -ENODEV);
	cr_assert_not(lab.link_present);
}

Test(netlink_kernel, follows_the_mtu_and_the_mac_of_the_device)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	run("ip link set v0 mtu 1300");
	for (int i = 0; i < 500 && get("10.0.1.2")->mtu != 1300; i++)
		spin(10);
	cr_assert_eq(get("10.0.1.2")->mtu, 1300);
	run("ip link set v0 address 02:00:00:00:00:11");
	for (int i = 0; i < 500 && get("10.0.1.2")->eth_src[5] != 0x11; i++)
		spin(10);
	expect_mac(await("10.0.1.2", NEXTHOP_RESOLVED)->eth_src, 2, 0, 0, 0, 0, 0x11);
}

Test(netlink_kernel, notices_a_neighbour_that_dies_and_comes_back)
{
	unsigned calls;

	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	calls = lab.nexthop_calls;
	/* The link stays up, nobody answers. */
	peer("ip link set v1 arp off && ip addr flush dev v1");
	cr_assert_str_eq(await("10.0.1.2", NEXTHOP_NEIGH_FAILED)->detail,
			 "neighbour 10.0.1.2 on v0 does not answer");
	cr_assert_gt(lab.nexthop_calls, calls);
	calls = lab.nexthop_calls;
	/* The kernel's retries are no news. */
	spin(1500);
	cr_assert_eq(get("10.0.1.2")->status, NEXTHOP_NEIGH_FAILED);
	for (int i = 0; i < 5; i++) {
		run("ip neigh replace 10.0.1.2 dev v0 use protocol 83");
		spin(50);
	}
	cr_assert_eq(lab.nexthop_calls, calls);
	peer("ip link set v1 arp on && ip addr add 10.0.1.2/24 dev v1");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	cr_assert_gt(lab.nexthop_calls, calls);
}

Test(netlink_kernel, finds_a_neighbour_that_appears_later)
{
	follow("10.0.1.77");
	cr_assert_eq(get("10.0.1.77")->status, NEXTHOP_NEIGH_PENDING);
	await("10.0.1.77", NEXTHOP_NEIGH_FAILED);
	peer("ip addr add 10.0.1.77/24 dev v1");
	await("10.0.1.77", NEXTHOP_RESOLVED);
}

Test(netlink_kernel, follows_a_neighbour_to_another_mac)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	peer("ip link set v1 address 02:00:00:00:00:22");
	for (int i = 0; i < 1000 && get("10.0.1.2")->eth_dst[5] != 0x22; i++)
		spin(10);
	expect_mac(await("10.0.1.2", NEXTHOP_RESOLVED)->eth_dst, 2, 0, 0, 0, 0, 0x22);
}

Test(netlink_kernel, follows_a_gratuitous_arp_at_once)
{
	uint64_t start;

	/* No probing in the meantime; arp_notify announces a new MAC, as VRRP does. */
	run("echo 600000 >/proc/sys/net/ipv4/neigh/v0/base_reachable_time_ms");
	run("ip neigh flush dev v0");
	peer("echo 1 >/proc/sys/net/ipv4/conf/v1/arp_notify");
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	spin(20);
	lab.nexthop_calls = 0;
	start = now_ms();
	peer("ip link set v1 address 02:00:00:00:00:22");
	while (get("10.0.1.2")->eth_dst[5] != 0x22 && now_ms() < start + 2000)
		spin(1);
	expect_mac(get("10.0.1.2")->eth_dst, 2, 0, 0, 0, 0, 0x22);
	cr_assert_eq(lab.nexthop_calls, 1, "from one MAC to the other, without a gap");
}

Test(netlink_kernel, tells_when_the_kernel_refuses_an_entry_and_tries_again)
{
	run("ip route add 10.9.0.0/16 via inet6 fd00:1::2 dev v0");
	/* Below 1280 bytes a device has no IPv6, hence no neighbours there (RFC 8200). */
	run("ip link set v0 mtu 1200");
	spin(50);
	follow("10.9.8.7");
	cr_assert_eq(get("10.9.8.7")->status, NEXTHOP_NEIGH_FAILED);
	cr_assert_str_eq(get("10.9.8.7")->detail,
			 "no neighbour entry for fd00:1::2: Invalid argument");
	run("ip link set v0 mtu 1500 && ip addr add fd00:1::1/64 dev v0 nodad");
	await("10.9.8.7", NEXTHOP_RESOLVED);
}

Test(netlink_kernel, uses_an_administrators_entry_as_it_is)
{
	run("ip neigh add 10.0.1.50 lladdr 02:00:00:00:00:50 dev v0 nud permanent");
	follow("10.0.1.50");
	cr_assert_eq(get("10.0.1.50")->status, NEXTHOP_RESOLVED);
	expect_mac(get("10.0.1.50")->eth_dst, 2, 0, 0, 0, 0, 0x50);
	run("ip neigh replace 10.0.1.50 lladdr 02:00:00:00:00:51 dev v0 nud permanent");
	for (int i = 0; i < 500 && get("10.0.1.50")->eth_dst[5] != 0x51; i++)
		spin(10);
	expect_mac(get("10.0.1.50")->eth_dst, 2, 0, 0, 0, 0, 0x51);
	cr_assert(shell_true("ip -d neigh show 10.0.1.50 | grep PERMANENT | grep -vq managed"));
	run("ip neigh del 10.0.1.50 dev v0");
	await("10.0.1.50", NEXTHOP_NEIGH_FAILED);
	cr_assert(shell_true("ip -d neigh show 10.0.1.50 | grep -q managed"), "ours now");
}

Test(netlink_kernel, makes_its_entry_again_when_somebody_flushes)
{
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	run("ip neigh flush dev v0");
	spin(100);
	await("10.0.1.2", NEXTHOP_RESOLVED);
	await_shell("ip -d neigh show 10.0.1.2 dev v0 | grep managed | grep -q 'proto 83'");
	run("ip neigh replace 10.0.1.2 lladdr 02:00:00:00:00:02 dev v0 nud reachable protocol zebra");
	spin(100);
	cr_assert(shell_true("ip -d neigh show 10.0.1.2 | grep -q 'proto zebra'"), "theirs now");
}

Test(netlink_kernel, gives_up_the_entries_that_nobody_needs)
{
	peer("ip addr add 10.0.1.3/24 dev v1");
	follow("10.0.1.2");
	await("10.0.1.2", NEXTHOP_RESOLVED);
	follow("10.0.1.3");
	cr_assert(shell_true("test -z \"$(ip neigh show 10.0.1.2)\""));
	await("10.0.1.3", NEXTHOP_RESOLVED);
	cr_assert_null(netlink_nexthop(lab.netlink, &(struct lb_addr){0}));
}

Test(netlink_kernel, teardown_removes_our_entries_and_no_others)
{
	run("ip neigh add 10.0.1.50 lladdr 02:00:00:00:00:50 dev v0 nud permanent");
	run("ip neigh add 10.0.1.51 lladdr 02:00:00:00:00:51 dev v0 nud stale protocol zebra");
	run("ip neigh add 10.0.1.52 lladdr 02:00:00:00:00:52 dev v0 nud permanent protocol 83");
	struct lb_addr set[] = {address("10.0.1.2"), address("10.0.1.50"), address("10.0.1.51"),
				address("fd00:1::2"), address("10.0.1.2")};

	cr_assert_eq(netlink_set_destinations(lab.netlink, set, 5), 0);
	await("10.0.1.2", NEXTHOP_RESOLVED);
	await("fd00:1::2", NEXTHOP_RESOLVED);
	netlink_free(lab.netlink);
	lab.netlink = NULL;
	cr_assert(shell_true("test $(ip -d neigh | grep -c 'proto 83') -eq 3"));
	cr_assert_eq(netlink_teardown(), 2);
	cr_assert_eq(netlink_teardown(), 0);
	cr_assert(shell_true("ip neigh show 10.0.1.50 | grep -q PERMANENT"));
	cr_assert(shell_true("ip -d neigh show 10.0.1.51 | grep -q zebra"));
	cr_assert(shell_true("ip neigh show 10.0.1.52 | grep -q PERMANENT"));
	cr_assert(shell_true("test -z \"$(ip neigh show 10.0.1.2)$(ip -6 neigh show fd00:1::2)\""));
}

Test(netlink_kernel, the_next_agent_takes_over_what_it_needs_and_drops_the_rest)
{
	struct lb_addr set[] = {address("10.0.1.2"), address("10.0.1.3")};

	peer("ip addr add 10.0.1.3/24 dev v1");
	cr_assert_eq(netlink_set_destinations(lab.netlink, set, 2), 0);
	await("10.0.1.2", NEXTHOP_RESOLVED);
	await("10.0.1.3", NEXTHOP_RESOLVED);
	netlink_free(lab.netlink);
	cr_assert(shell_true("test $(ip -d neigh | grep managed | grep -c 'proto 83') -eq 2"));
	cr_assert_eq(netlink_new(lab.base, &ops, NULL, &lab.netlink), 0);
	follow("10.0.1.3");
	cr_assert_eq(get("10.0.1.3")->status, NEXTHOP_RESOLVED, "no gap");
	cr_assert(shell_true("test -z \"$(ip neigh show 10.0.1.2)\""));
}

Test(netlink_kernel, events_that_wait_together_are_reported_together)
{
	struct lb_addr set[64];

	for (int i = 0; i < 64; i++) {
		char text[LB_ADDR_TEXT_MAX];

		snprintf(text, sizeof(text), "10.9.%d.1", i);
		set[i] = address(text);
	}
	cr_assert_eq(netlink_set_destinations(lab.netlink, set, 64), 0);
	spin(50);
	cr_assert_eq(lab.nexthop_calls, 0, "the caller knows the first state");
	run("for i in $(seq 0 63); do echo route add blackhole 10.9.$i.0/24; done | ip -batch -");
	await("10.9.63.1", NEXTHOP_ROUTE_REFUSED);
	cr_assert_eq(lab.nexthop_calls, 1);
	cr_assert_eq(lab.changed, 64);
	/* Nothing of interest changes: nobody is called. */
	run("ip route add 10.77.0.0/16 via 10.0.1.2");
	run("ip addr add 10.66.0.1/24 dev v0");
	spin(100);
	cr_assert_eq(lab.nexthop_calls, 1);
}

/* Makes the buffer of the socket for events small, which is the one with a large one: to fill that
 * would take a minute where the kernel is emulated. */
static void shrink_event_buffer(void)
{
	const int small = 64 << 10;
	int n = 0;

	for (int fd = 0; fd < 256; fd++) {
		int domain, bytes;
		socklen_t len = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) || domain != AF_NETLINK)
			continue;
		len = sizeof(bytes);
		cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len), 0);
		if (bytes < 16 << 20)
			continue;
		cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
		n++;
	}
	cr_assert_eq(n, 1);
}

Test(netlink_kernel, recovers_from_lost_events)
{
	follow("10.9.8.7");
	shrink_event_buffer();
	/* Far more than the socket's buffer holds, while nobody reads. */
	run("for i in $(seq 5); do seq 0 255 | sed 's/.*/route add 10.77.&.0\\/24 via 10.0.1.2/'; "
	    "seq 0 255 | sed 's/.*/route del 10.77.&.0\\/24/'; done | ip -batch -");
	run("ip route add 10.9.0.0/16 via 10.0.1.2");
	run("ip link set v0 mtu 1400");
	cr_assert(shell_true("awk '{ drops += $9 } END { exit drops == 0 }' /proc/net/netlink"),
		  "the kernel was to drop events");
	cr_assert_eq(await("10.9.8.7", NEXTHOP_RESOLVED)->mtu, 1400);
	run("ip route del 10.9.0.0/16");
	await("10.9.8.7", NEXTHOP_NO_ROUTE);
}
