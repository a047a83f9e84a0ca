/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses: text in, text out, and the families that must never alias. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"

static struct lb_addr parse(const char *text)
{
	struct lb_addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0, "%s", text);
	return addr;
}

static void expect_text(const char *in, const char *out)
{
	struct lb_addr addr = parse(in);
	char buf[LB_ADDR_TEXT_MAX];

	cr_expect_str_eq(addr_format(&addr, buf), out);
}

Test(addr, maps_ipv4_into_ffff)
{
	static const uint8_t want[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
	struct lb_addr addr = parse("192.0.2.1");

	cr_expect_arr_eq(addr.b, want, 16);
	cr_expect(addr_is_v4(&addr));
	cr_expect_eq(addr_family(&addr), AF_INET);
}

Test(addr, refuses_what_is_no_address)
{
	static const char *const bad[] = {
	    "",		  "1.2.3",     "1.2.3.4.5", "256.1.1.1",     "01.2.3.4",  "1.2.3.4 ",
	    " 1.2.3.4",	  "1.2.3.4/8", "::1::",	    ":::",	     "12345::",	  "g::",
	    "fe80::1%lo", "[::1]",     "host",	    "1:2:3:4:5:6:7", "0x1.2.3.4",
	};
	struct lb_addr addr;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(addr_parse(bad[i], &addr), -EINVAL, "accepted '%s'", bad[i]);
}

Test(addr, refuses_ipv6_text_that_would_alias_ipv4)
{
	struct lb_addr addr;

	cr_expect_eq(addr_parse("::ffff:192.0.2.1", &addr), -EINVAL);
	cr_expect_eq(addr_parse("::ffff:c000:201", &addr), -EINVAL);
	cr_expect_eq(addr_parse("0:0:0:0:0:ffff:0:0", &addr), -EINVAL);
	cr_expect_eq(addr_parse("::fffe:c000:201", &addr), 0);
	cr_expect_eq(addr_family(&addr), AF_INET6);
}

Test(addr, writes_the_canonical_text_of_rfc5952)
{
	expect_text("192.0.2.1", "192.0.2.1");
	expect_text("255.255.255.255", "255.255.255.255");
	expect_text("::", "::");
	expect_text("::1", "::1");
	expect_text("1::", "1::");
	expect_text("2001:0db8:0:0:0:0:0002:0001", "2001:db8::2:1");
	expect_text("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	expect_text("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
	expect_text("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	expect_text("2001:DB8::ABCD", "2001:db8::abcd");
	expect_text("0:0:1::", "0:0:1::");
	expect_text("1:0:0:2:3:4:5:0", "1::2:3:4:5:0");
	expect_text("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
	expect_text("::0.1.0.2", "::1:2");
	expect_text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

Test(addr, reads_back_every_text_that_it_writes)
{
	uint64_t x = 88172645463325252ull;

	for (int n = 0; n < 20000; n++) {
		struct lb_addr addr, again;
		char buf[LB_ADDR_TEXT_MAX];

		for (int i = 0; i < 8; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			/* half of the groups are zero, so that runs of every place and length occur
			 */
			uint16_t group = x & 1 ? (uint16_t)(x >> 20) : 0;

			addr.b[2 * i] = (uint8_t)(group >> 8);
			addr.b[2 * i + 1] = (uint8_t)group;
		}
		cr_assert_eq(addr_parse(addr_format(&addr, buf), &again), 0, "%s", buf);
		cr_assert(addr_equal(&addr, &again), "%s", buf);
	}
}

Test(addr, writes_endpoints_with_brackets_for_ipv6_only)
{
	struct lb_addr v4 = parse("192.0.2.1"), v6 = parse("2001:db8::1");
	struct lb_addr longest = parse("1111:2222:3333:4444:5555:6666:7777:8888");
	char buf[LB_ENDPOINT_TEXT_MAX];

	cr_expect_str_eq(addr_format_endpoint(&v4, 80, buf), "192.0.2.1:80");
	cr_expect_str_eq(addr_format_endpoint(&v6, 65535, buf), "[2001:db8::1]:65535");
	cr_expect_str_eq(addr_format_endpoint(&longest, 65535, buf),
			 "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

Test(addr, knows_the_special_ranges_of_both_families)
{
	static const struct {
		const char *text;
		bool unspecified, multicast, loopback, link_local;
	} rows[] = {
	    {"0.0.0.0", true, false, false, false},
	    {"::", true, false, false, false},
	    {"0.0.0.1", false, false, false, false},
	    {"224.0.0.1", false, true, false, false},
	    {"239.255.255.255", false, true, false, false},
	    {"240.0.0.1", false, false, false, false},
	    {"223.255.255.255", false, false, false, false},
	    {"ff02::1", false, true, false, false},
	    {"fe02::1", false, false, false, false},
	    {"127.0.0.1", false, false, true, false},
	    {"127.255.255.254", false, false, true, false},
	    {"128.0.0.1", false, false, false, false},
	    {"::1", false, false, true, false},
	    {"::2", false, false, false, false},
	    {"1::1", false, false, false, false},
	    {"169.254.0.1", false, false, false, true},
	    {"169.253.0.1", false, false, false, false},
	    {"fe80::1", false, false, false, true},
	    {"febf::1", false, false, false, true},
	    {"fec0::1", false, false, false, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lb_addr addr = parse(rows[i].text);

		cr_expect_eq(addr_is_unspecified(&addr), rows[i].unspecified, "%s", rows[i].text);
		cr_expect_eq(addr_is_multicast(&addr), rows[i].multicast, "%s", rows[i].text);
		cr_expect_eq(addr_is_loopback(&addr), rows[i].loopback, "%s", rows[i].text);
		cr_expect_eq(addr_is_link_local(&addr), rows[i].link_local, "%s", rows[i].text);
	}
}

Test(addr, orders_as_its_bytes)
{
	struct lb_addr low = parse("10.0.0.2"), high = parse("10.0.0.10"), v6 = parse("2001:db8::");

	cr_expect_lt(addr_cmp(&low, &high), 0);
	cr_expect_gt(addr_cmp(&high, &low), 0);
	cr_expect_eq(addr_cmp(&low, &low), 0);
	cr_expect_lt(addr_cmp(&high, &v6), 0);
	cr_expect_not(addr_equal(&low, &high));
}

Test(addr, goes_to_and_from_the_kernels_forms)
{
	struct lb_addr v4 = parse("192.0.2.7"), v6 = parse("2001:db8::7");
	struct lb_addr back;
	size_t len;
	const void *raw = addr_raw(&v4, &len);

	cr_expect_eq(len, 4);
	back = addr_from_v4(raw);
	cr_expect(addr_equal(&v4, &back));
	raw = addr_raw(&v6, &len);
	cr_expect_eq(len, 16);
	back = addr_from_v6(raw);
	cr_expect(addr_equal(&v6, &back));
}

Test(addr, fills_a_sockaddr_of_the_family)
{
	struct lb_addr v4 = parse("192.0.2.7"), v6 = parse("2001:db8::7");
	struct sockaddr_storage sa;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	char text[INET6_ADDRSTRLEN];

	memset(&sa, 0xa5, sizeof(sa));
	cr_expect_eq(addr_to_sockaddr(&v4, 80, &sa), sizeof(sin));
	memcpy(&sin, &sa, sizeof(sin));
	cr_expect_eq(sin.sin_family, AF_INET);
	cr_expect_eq(sin.sin_port, htons(80));
	cr_expect_str_eq(inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text)), "192.0.2.7");

	memset(&sa, 0xa5, sizeof(sa));
	cr_expect_eq(addr_to_sockaddr(&v6, 443, &sa), sizeof(sin6));
	memcpy(&sin6, &sa, sizeof(sin6));
	cr_expect_eq(sin6.sin6_family, AF_INET6);
	cr_expect_eq(sin6.sin6_port, htons(443));
	cr_expect_eq(sin6.sin6_scope_id, 0);
	cr_expect_eq(sin6.sin6_flowinfo, 0);
	cr_expect_str_eq(inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof(text)), "2001:db8::7");
}
