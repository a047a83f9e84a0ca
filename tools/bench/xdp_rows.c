/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_rows.c - which paths 'lb-bench xdp' measures, what they are called and what they aim at.
 *
 * A name says family, protocol, "syn" where the packet opens a connection, mode and state of the
 * slot; then what differs from one VIP, ten backends and one flow.
 */
#include <errno.h>
#include <fnmatch.h>
#include <linux/in.h>
#include <stdlib.h>
#include <string.h>

#include "xdp.h"

#define BACKENDS_FEW 10u

static int add(struct xdp_rows *rows, const char *pattern, const struct xdp_row *row)
{
	struct xdp_row *more;

	if (pattern && fnmatch(pattern, row->name, 0))
		return 0;
	more = reallocarray(rows->rows, rows->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	rows->rows = more;
	more[rows->n++] = *row;
	return 0;
}

/* 1000 → "1k", 1048576 → "1m". */
static const char *short_number(size_t n, char buffer[24])
{
	if (n == XDP_FLOWS_MANY)
		snprintf(buffer, 24, "1m");
	else if (n >= 1000000 && n % 1000000 == 0)
		snprintf(buffer, 24, "%zum", n / 1000000);
	else if (n >= 1000 && n % 1000 == 0)
		snprintf(buffer, 24, "%zuk", n / 1000);
	else
		snprintf(buffer, 24, "%zu", n);
	return buffer;
}

static void append(struct xdp_row *row, const char *format, size_t n)
{
	size_t len = strlen(row->name);
	char number[24];

	snprintf(row->name + len, sizeof(row->name) - len, format, short_number(n, number));
}

static struct xdp_row plain(int af, uint8_t proto, bool ipip)
{
	struct xdp_row row = {
	    .config = {.af = af,
		       .proto = proto,
		       .ipip = ipip,
		       .outer_af = af,
		       .vips = 1,
		       .backends = BACKENDS_FEW},
	    .proto = proto,
	    .flows = 1,
	};

	snprintf(row.name, sizeof(row.name), "v%d-%s-%s-clean", af,
		 proto == IPPROTO_TCP ? "tcp" : "udp", ipip ? "ipip" : "l2");
	if (!ipip)
		row.target_floors = 2;
	else if (af == 4)
		row.target_floors = 3;
	else if (proto == IPPROTO_TCP)
		row.target_floors = 3.5;
	return row;
}

static struct xdp_row syn(struct xdp_row row)
{
	row.syn = true;
	snprintf(row.name, sizeof(row.name), "v%d-tcp-syn-%s-clean", row.config.af,
		 row.config.ipip ? "ipip" : "l2");
	return row;
}

static struct xdp_row not_a_vip(int af, uint8_t proto)
{
	struct xdp_row row = plain(af, proto, true);

	row.expect = LB_REASON_NOT_A_VIP;
	row.target_floors = 1;
	snprintf(row.name, sizeof(row.name), "v%d-%snot-a-vip", af,
		 proto == IPPROTO_TCP ? "" : "udp-");
	return row;
}

static struct xdp_row sized(struct xdp_row row, size_t vips, size_t backends)
{
	row.config.vips = vips;
	row.config.backends = backends;
	row.order = XDP_ONE_VIP;
	row.target_floors = 0;
	if (vips != 1)
		append(&row, "-%s-vips", vips);
	if (backends != BACKENDS_FEW)
		append(&row, "-%s-backends", backends);
	return row;
}

static struct xdp_row flowing(struct xdp_row row, size_t flows, enum xdp_order order)
{
	const bool random = order == XDP_AT_RANDOM;

	row.flows = flows;
	row.order = order;
	row.versus = NULL;
	row.target_floors = random && row.expect == LB_REASON_FORWARDED && row.config.ipip &&
				    row.config.vips == 1 && row.config.backends == BACKENDS_FEW &&
				    flows == XDP_FLOWS_MANY
				? 4.5
				: 0;
	append(&row, random ? "-%s-random" : "-%s-flows", flows);
	return row;
}

/* One flow, many in turn, many in random order. */
static int add_flows(struct xdp_rows *rows, const char *pattern, const struct xdp_row *row,
		     size_t flows)
{
	const struct xdp_row in_turn = flowing(*row, flows, XDP_IN_TURN),
			     at_random = flowing(*row, flows, XDP_AT_RANDOM);
	int r = add(rows, pattern, row);

	if (r || flows == 1)
		return r;
	r = add(rows, pattern, &in_turn);
	return r ? r : add(rows, pattern, &at_random);
}

/* Each family with each protocol in each mode, and to no VIP, by one flow and by many. */
static int add_paths(struct xdp_rows *rows, const char *pattern, size_t vips, size_t backends,
		     size_t flows)
{
	int r = 0;

	for (int i = 0; i < 12 && !r; i++) {
		const int af = i < 6 ? 4 : 6, mode = i % 6 / 2;
		const uint8_t proto = i & 1 ? IPPROTO_UDP : IPPROTO_TCP;
		struct xdp_row row = mode == 2 ? not_a_vip(af, proto) : plain(af, proto, !mode);

		if (vips != 1 || backends != BACKENDS_FEW)
			row = sized(row, vips, backends);
		r = add_flows(rows, pattern, &row, flows);
	}
	return r;
}

static int add_syns(struct xdp_rows *rows, const char *pattern)
{
	int r = 0;

	for (int i = 0; i < 4 && !r; i++) {
		const struct xdp_row row = syn(plain(i & 2 ? 6 : 4, IPPROTO_TCP, !(i & 1)));

		r = add(rows, pattern, &row);
	}
	return r;
}

/* What the plain paths do not have: the other family outside, another device, another hash, no root
 * program. */
static int add_variants(struct xdp_rows *rows, const char *pattern)
{
	int r = 0;

	for (int af = 4; af <= 6 && !r; af += 2) {
		struct xdp_row other = plain(af, IPPROTO_TCP, true), redirect = other,
			       source = other, direct = other, pass = not_a_vip(af, IPPROTO_TCP);

		other.config.outer_af = af == 4 ? 6 : 4;
		snprintf(other.name, sizeof(other.name), "v%d-tcp-ipip%d-clean", af,
			 other.config.outer_af);
		redirect.config.redirect = true;
		strcat(redirect.name, "-redirect");
		source.config.source = true;
		strcat(source.name, "-source");
		direct.direct = pass.direct = true;
		strcat(direct.name, "-direct");
		strcat(pass.name, "-direct");
		other.target_floors = redirect.target_floors = source.target_floors = 0;
		direct.target_floors = pass.target_floors = 0;
		r = add(rows, pattern, &other);
		if (!r)
			r = add(rows, pattern, &redirect);
		if (!r)
			r = add(rows, pattern, &source);
		if (!r)
			r = add(rows, pattern, &direct);
		if (!r)
			r = add(rows, pattern, &pass);
	}
	return r;
}

/* A VIP with a range of ports, and what it costs a packet to none. */
static int add_ranges(struct xdp_rows *rows, const char *pattern)
{
	int r = 0;

	for (int af = 4; af <= 6 && !r; af += 2) {
		struct xdp_row range = plain(af, IPPROTO_TCP, false),
			       none = not_a_vip(af, IPPROTO_TCP);

		range.config.range = none.config.range = true;
		range.target_floors = none.target_floors = 0;
		strcat(range.name, "-range");
		strcat(none.name, "-range");
		r = add(rows, pattern, &range);
		if (!r)
			r = add(rows, pattern, &none);
	}
	return r;
}

/* By the connection id, in either header, and without one. */
static int add_quic(struct xdp_rows *rows, const char *pattern)
{
	static const struct {
		enum xdp_shape shape;
		const char *suffix;
	} shapes[] = {{XDP_SHAPE_QUIC_SHORT, "-quic-short"},
		      {XDP_SHAPE_QUIC_LONG, "-quic-long"},
		      {XDP_PLAIN, "-quic-no-id"}};
	int r = 0;

	for (int af = 4; af <= 6; af += 2)
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]) && !r; i++) {
			struct xdp_row row = plain(af, IPPROTO_UDP, false);

			row.config.quic = true;
			row.shape = shapes[i].shape;
			row.target_floors = 0;
			strcat(row.name, shapes[i].suffix);
			r = add(rows, pattern, &row);
		}
	return r;
}

static struct xdp_row varied(int af, bool ipip, const char *suffix)
{
	struct xdp_row row = plain(af, IPPROTO_TCP, ipip);

	row.target_floors = 0;
	strcat(row.name, suffix);
	return row;
}

/* Both families outside, and outer sources of a prefix; GUE in variant 1, as by default. */
static int add_tunnels(struct xdp_rows *rows, const char *pattern)
{
	int r = 0;

	for (int i = 0; i < 4 && !r; i++) {
		const int af = i & 2 ? 6 : 4;
		struct xdp_row row = plain(af, i & 1 ? IPPROTO_UDP : IPPROTO_TCP, false), other,
			       prefix;

		row.config.gue = true;
		row.target_floors = 0;
		snprintf(row.name, sizeof(row.name), "v%d-%s-gue-clean", af, i & 1 ? "udp" : "tcp");
		r = add(rows, pattern, &row);
		if (r || i & 1)
			continue;
		other = prefix = row;
		other.config.outer_af = af == 4 ? 6 : 4;
		snprintf(other.name, sizeof(other.name), "v%d-tcp-gue%d-clean", af,
			 other.config.outer_af);
		prefix.config.prefix = true;
		strcat(prefix.name, "-prefix");
		r = add(rows, pattern, &other);
		if (!r)
			r = add(rows, pattern, &prefix);
		prefix = varied(af, true, "-prefix");
		prefix.config.prefix = true;
		if (!r)
			r = add(rows, pattern, &prefix);
	}
	return r;
}

/* With one and two tags in, one and none out; none in, one out. */
static int add_tags(struct xdp_rows *rows, const char *pattern, int af, bool ipip)
{
	static const struct {
		unsigned int in;
		bool out;
		const char *suffix;
	} tags[] = {
	    {1, false, "-tags-1-0"}, {1, true, "-tags-1-1"}, {2, false, "-tags-2-0"},
	    {2, true, "-tags-2-1"},  {0, true, "-tags-0-1"},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]) && !r; i++) {
		struct xdp_row row = varied(af, ipip, tags[i].suffix);

		row.tags = tags[i].in;
		row.config.tag = tags[i].out;
		r = add(rows, pattern, &row);
	}
	return r;
}

/* Packets that are forwarded and are not plain ones. */
static int add_shapes(struct xdp_rows *rows, const char *pattern)
{
	int r = 0;

	for (int i = 0; i < 4 && !r; i++) {
		const int af = i & 2 ? 6 : 4;
		struct xdp_row options = varied(af, !(i & 1), af == 4 ? "-options" : "-extensions"),
			       large = varied(af, !(i & 1), "-large");

		options.shape = XDP_SHAPE_OPTIONS;
		large.shape = XDP_SHAPE_LARGE;
		r = add_tags(rows, pattern, af, !(i & 1));
		if (!r)
			r = add(rows, pattern, &options);
		if (!r)
			r = add(rows, pattern, &large);
	}
	return r;
}

#define V4 1u
#define V6 2u

/* VIPs with rate limits that no packet reaches: what it costs to be counted. */
static int add_limited(struct xdp_rows *rows, const char *pattern)
{
	static const struct {
		const char *name, *limits;
	} kinds[] = {
	    {"-limited-source", "{per: source, rate: 100M/s}"},
	    {"-limited-vip", "{per: vip, rate: 100M/s}"},
	    {"-limited-both", "{per: source, rate: 100M/s}, {per: vip, rate: 100M/s}"},
	    {"-limited-connections", "{per: source, count: connections, rate: 1/s}"},
	};
	int r = 0;

	for (int af = 4; af <= 6 && !r; af += 2)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !r; i++) {
			struct xdp_row row = varied(af, true, kinds[i].name);

			row.config.limits = kinds[i].limits;
			r = add(rows, pattern, &row);
		}
	return r;
}

/* What is not for the balancer: left to the kernel, or malformed. */
static const struct {
	enum xdp_shape shape;
	enum lb_reason reason;
	uint8_t proto;
	unsigned int families;
	bool of_vip; /* it is refused when its VIP is known */
} refused[] = {
    {XDP_SHAPE_ARP, LB_REASON_NOT_IP, IPPROTO_TCP, V4, false},
    {XDP_SHAPE_ICMP, LB_REASON_ICMP, IPPROTO_TCP, V4 | V6, false},
    {XDP_SHAPE_FRAGMENT, LB_REASON_FRAGMENT, IPPROTO_UDP, V4 | V6, false},
    {XDP_SHAPE_TRUNCATED, LB_REASON_IP_TRUNCATED, IPPROTO_TCP, V4 | V6, false},
    {XDP_SHAPE_VERSION, LB_REASON_IP_VERSION, IPPROTO_TCP, V4 | V6, false},
    {XDP_SHAPE_HEADER_LENGTH, LB_REASON_IP_HEADER_LENGTH, IPPROTO_TCP, V4, false},
    {XDP_SHAPE_L4_TRUNCATED, LB_REASON_L4_TRUNCATED, IPPROTO_TCP, V4 | V6, true},
    {XDP_SHAPE_L4_LENGTH, LB_REASON_TCP_HEADER_LENGTH, IPPROTO_TCP, V4 | V6, true},
    {XDP_SHAPE_L4_LENGTH, LB_REASON_UDP_LENGTH, IPPROTO_UDP, V4 | V6, true},
    {XDP_SHAPE_EXT_TRUNCATED, LB_REASON_IPV6_EXT_TRUNCATED, IPPROTO_TCP, V6, false},
    {XDP_SHAPE_EXT_LIMIT, LB_REASON_IPV6_EXT_LIMIT, IPPROTO_TCP, V6, false},
    {XDP_SHAPE_JUMBOGRAM, LB_REASON_IPV6_JUMBOGRAM, IPPROTO_TCP, V6, false},
    {XDP_SHAPE_MAPPED, LB_REASON_IP_MAPPED, IPPROTO_TCP, V6, true},
};

static int add_refused(struct xdp_rows *rows, const char *pattern, int af)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !r; i++) {
		struct xdp_row row = plain(af, refused[i].proto, true);

		if (!(refused[i].families & (af == 4 ? V4 : V6)))
			continue;
		if (!refused[i].of_vip)
			row.config.proto = IPPROTO_TCP; /* one configuration does for all */
		row.of_vip = refused[i].of_vip;
		row.proto = refused[i].proto;
		row.shape = refused[i].shape;
		row.expect = refused[i].reason;
		row.target_floors = 0;
		snprintf(row.name, sizeof(row.name), "v%d-%s%s", af,
			 xdp_reason_passes(row.expect) ? "" : "malformed-",
			 xdp_reason_name(row.expect));
		r = add(rows, pattern, &row);
	}
	return r;
}

/* A pool has 16,384 backends at most, so that 100,000 are not there for one VIP. */
static int add_sizes(struct xdp_rows *rows, const char *pattern, bool quick)
{
	static const struct {
		size_t vips, backends;
		bool quick;
	} sizes[] = {
	    {1, 1000, true},	   {1000, 10, true},  {1000, 1000, true},
	    {1000, 100000, false}, {10000, 10, true}, {10000, 1000, false},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !r; i++)
		for (int af = 4; af <= (quick ? 4 : 6) && !r; af += 2) {
			const struct xdp_row row =
			    sized(plain(af, IPPROTO_TCP, true), sizes[i].vips, sizes[i].backends);

			if (!quick || sizes[i].quick)
				r = add_flows(rows, pattern, &row, XDP_FLOWS_MANY);
		}
	return r;
}

/* 10,000 VIPs and 100,000 backends: a warm flow there is to cost little more than where there is
 * one VIP. */
static int add_largest(struct xdp_rows *rows, const char *pattern, bool quick)
{
	int r = 0;

	for (int af = 4; af <= (quick ? 4 : 6) && !r; af += 2) {
		struct xdp_row ipip = sized(plain(af, IPPROTO_TCP, true), 10000, 100000),
			       l2 = sized(plain(af, IPPROTO_TCP, false), 10000, 100000),
			       none = sized(not_a_vip(af, IPPROTO_TCP), 10000, 100000);

		ipip.versus = af == 4 ? "v4-tcp-ipip-clean" : "v6-tcp-ipip-clean";
		l2.versus = af == 4 ? "v4-tcp-l2-clean" : "v6-tcp-l2-clean";
		ipip.target_ratio = l2.target_ratio = 1.5;
		r = add_flows(rows, pattern, &ipip, XDP_FLOWS_MANY);
		if (!r)
			r = add_flows(rows, pattern, &none, XDP_FLOWS_MANY);
		if (!r && !quick)
			r = add_flows(rows, pattern, &l2, XDP_FLOWS_MANY);
	}
	return r;
}

static int add_standard(struct xdp_rows *rows, const char *pattern, bool quick)
{
	int r = add_paths(rows, pattern, 1, BACKENDS_FEW, XDP_FLOWS_MANY);

	if (!r)
		r = add_syns(rows, pattern);
	if (!r)
		r = add_variants(rows, pattern);
	if (!r)
		r = add_ranges(rows, pattern);
	if (!r)
		r = add_quic(rows, pattern);
	if (!r)
		r = add_tunnels(rows, pattern);
	if (!r)
		r = add_shapes(rows, pattern);
	if (!r)
		r = add_limited(rows, pattern);
	if (!r)
		r = add_refused(rows, pattern, 4);
	if (!r)
		r = add_refused(rows, pattern, 6);
	if (!r)
		r = add_sizes(rows, pattern, quick);
	return r ? r : add_largest(rows, pattern, quick);
}

int xdp_rows_make(const struct xdp_size *size, const char *pattern, struct xdp_rows *ret_rows)
{
	int r;

	*ret_rows = (struct xdp_rows){0};
	if (size->vips || size->backends || size->flows)
		r = add_paths(ret_rows, pattern, size->vips ? size->vips : 1,
			      size->backends ? size->backends : BACKENDS_FEW,
			      size->flows ? size->flows : XDP_FLOWS_MANY);
	else
		r = add_standard(ret_rows, pattern, size->quick);
	if (r)
		xdp_rows_free(ret_rows);
	return r;
}

void xdp_rows_free(struct xdp_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->rows[i].samples);
	free(rows->rows);
	*rows = (struct xdp_rows){0};
}
