/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generate.c - packets put together header by header, with whole, right lengths; mutate.c spoils
 * them. A packet is aimed at a VIP of the scene, or at its near neighbour in one field of the key.
 */
#include "generate.h"

#include <netinet/in.h>
#include <string.h>

#include "bench.h"
#include "shape.h"

/* What a packet is to be. */
struct aim {
	int af;
	uint8_t proto; /* of the VIP */
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
};

static uint8_t *grow(struct model_frame *frame, size_t bytes)
{
	uint8_t *at = frame->bytes + frame->len;

	memset(at, 0, bytes);
	frame->len += bytes;
	return at;
}

static void random_bytes(struct random *r, uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)random_next(r);
}

static void aim_source(struct aim *aim, struct random *r)
{
	static const uint8_t special4[][4] = {
	    {0, 0, 0, 0},   {127, 0, 0, 1}, {224, 0, 0, 1},   {255, 255, 255, 255},
	    {240, 0, 0, 1}, {10, 0, 0, 1},  {169, 254, 1, 1},
	};

	memcpy(aim->src, aim->dst, 12);
	if (random_percent(r, 2)) { /* LAND */
		memcpy(aim->src, aim->dst, 16);
	} else if (aim->af == 4) {
		memcpy(aim->src + 12, "\xc6\x33\x64", 3); /* 198.51.100.0/24 */
		aim->src[15] = (uint8_t)random_next(r);
		if (random_percent(r, 30))
			random_bytes(r, aim->src + 12, 4);
		else if (random_percent(r, 3))
			memcpy(aim->src + 12, random_of(r, special4), 4);
	} else {
		memset(aim->src, 0, 16);
		memcpy(aim->src, "\x20\x01\x0d\xb8\x00\x0c", 6);
		random_bytes(r, aim->src + 15, 1);
		if (random_percent(r, 30))
			random_bytes(r, aim->src + 2, 14);
		else if (random_percent(r, 4))
			memset(aim->src, random_percent(r, 50) ? 0 : 0xff, 8 + random_below(r, 8));
		else if (random_percent(r, 2))
			memcpy(aim->src, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	}
	aim->sport = random_percent(r, 80) ? (uint16_t)(1024 + random_below(r, 64000))
					   : (uint16_t)random_next(r);
	if (random_percent(r, 2))
		aim->sport = aim->dport;
}

static void aim_at(const struct scene *scene, struct aim *aim, struct random *r)
{
	const struct scene_vip *vip = &scene->vips[random_below(r, scene->n_vips)];

	aim->af = scene_is_v4(vip->addr) ? 4 : 6;
	aim->proto = vip->proto;
	aim->dport = vip->port;
	if (vip->port_last != vip->port)
		aim->dport =
		    (uint16_t)(random_percent(r, 50)
				   ? (random_percent(r, 50) ? vip->port : vip->port_last) +
					 random_below(r, 3) - 1
				   : vip->port + random_below(r, vip->port_last - vip->port + 1u));
	memcpy(aim->dst, vip->addr, 16);
	if (random_percent(r, 12)) {
		switch (random_below(r, 4)) {
		case 0:
			aim->proto ^= IPPROTO_TCP ^ IPPROTO_UDP;
			break;
		case 1:
			aim->dport ^= (uint16_t)(1u << random_below(r, 16));
			break;
		case 2:
			aim->dst[aim->af == 4 ? 12 + random_below(r, 4) : random_below(r, 16)] ^=
			    (uint8_t)(1u << random_below(r, 8));
			break;
		default: /* the other family's packet to the last four bytes */
			if (aim->af == 4)
				memset(aim->dst, 0, 12);
			else
				memcpy(aim->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
			aim->af = random_percent(r, 80) ? 10 - aim->af : aim->af;
			break;
		}
	}
	aim_source(aim, r);
}

static void put_ethernet(struct model_frame *frame, const struct aim *aim, struct random *r)
{
	static const uint16_t others[] = {0x0806, 0x88cc, 0x0600, 0x002e, 0x05dc, 0x8847,
					  0x9100, 0x0000, 0xffff, 0x888e, 0x8863};
	const int tags = random_percent(r, 60)	 ? 0
			 : random_percent(r, 50) ? 1
			 : random_percent(r, 85) ? 2
						 : 3;
	uint16_t type = aim->af == 4 ? 0x0800 : 0x86dd;
	uint8_t *at = grow(frame, 14 + (size_t)tags * 4);

	random_bytes(r, at, 12);
	at[0] &= 0xfe;
	at[6] &= 0xfe;
	at += 12;
	for (int i = 0; i < tags; i++, at += 4) {
		model_put16(at, random_percent(r, 70) ? 0x8100 : 0x88a8);
		model_put16(at + 2, (uint16_t)random_next(r));
	}
	if (random_percent(r, 2))
		type = random_percent(r, 20) ? (uint16_t)(type ^ 0x0800 ^ 0x86dd)
					     : random_of(r, others);
	model_put16(at, type);
}

/* Fragments: first, middle, last, tiny, and flags alone. */
static uint16_t fragment_field(struct random *r)
{
	static const uint16_t fields[] = {0x2000, 0x0001, 0x2001, 0x00b9, 0x20b9,
					  0x1fff, 0x3fff, 0xa000, 0x6000};

	if (random_percent(r, 92))
		return random_percent(r, 50) ? 0x4000 : random_percent(r, 95) ? 0 : 0x8000;
	return random_of(r, fields);
}

/* Returns where the total length stands; the caller fills it. */
static size_t put_v4(struct model_frame *frame, const struct aim *aim, uint8_t proto,
		     struct random *r)
{
	static const uint8_t ttls[] = {64, 255, 128, 1, 0};
	const size_t options = random_percent(r, 85) ? 0 : 4 * (1 + random_below(r, 10));
	uint8_t *ip = grow(frame, 20 + options);

	ip[0] = (uint8_t)(0x40 | (20 + options) / 4);
	ip[1] = random_percent(r, 50) ? 0 : (uint8_t)random_next(r);
	model_put16(ip + 4, (uint16_t)random_next(r));
	model_put16(ip + 6, fragment_field(r));
	ip[8] = random_percent(r, 90) ? 57 : random_of(r, ttls);
	ip[9] = proto;
	memcpy(ip + 12, aim->src + 12, 4);
	memcpy(ip + 16, aim->dst + 12, 4);
	if (random_percent(r, 50))
		memset(ip + 20, 1, options);
	else
		random_bytes(r, ip + 20, options);
	return (size_t)(ip - frame->bytes);
}

static void put_extension(struct model_frame *frame, uint8_t number, uint8_t next, struct random *r)
{
	const uint8_t units = random_percent(r, 70) ? 0 : (uint8_t)random_below(r, 4);
	uint8_t *at;

	if (number == IPPROTO_FRAGMENT) {
		at = grow(frame, 8);
		random_bytes(r, at + 4, 4);
		if (random_percent(r, 25))
			model_put16(at + 2, (uint32_t)random_next(r) & 0xffff);
		else if (random_percent(r, 20))
			at[3] = 0x06; /* reserved bits alone */
		at[1] = random_percent(r, 80) ? 0 : (uint8_t)random_next(r);
	} else if (number == IPPROTO_AH) {
		at = grow(frame, 8 + units * 4u);
		at[1] = units;
	} else {
		at = grow(frame, 8 + units * 8u);
		at[1] = units;
		if (number == IPPROTO_HOPOPTS || number == IPPROTO_DSTOPTS) {
			at[2] = 1; /* PadN */
			at[3] = (uint8_t)(4 + units * 8);
		}
	}
	at[0] = next;
}

static size_t put_v6(struct model_frame *frame, const struct aim *aim, uint8_t proto,
		     struct random *r)
{
	static const uint8_t numbers[] = {0, 43, 44, 44, 51, 60, 60, 135, 139, 140};
	static const uint8_t hops[] = {64, 64, 255, 1, 0};
	const int n = random_percent(r, 75)   ? 0
		      : random_percent(r, 80) ? 1 + (int)random_below(r, 3)
					      : (int)random_below(r, 11);
	const size_t at = frame->len;
	uint8_t *ip = grow(frame, 40), chain[12];

	for (int i = 0; i < n; i++)
		chain[i] = random_of(r, numbers);
	chain[n] = proto;
	ip[0] = 0x60;
	if (random_percent(r, 50))
		random_bytes(r, ip + 1, 3);
	if (random_percent(r, 50))
		ip[0] |= (uint8_t)random_below(r, 16);
	ip[6] = chain[0];
	ip[7] = random_percent(r, 90) ? 57 : random_of(r, hops);
	memcpy(ip + 8, aim->src, 16);
	memcpy(ip + 24, aim->dst, 16);
	for (int i = 0; i < n; i++)
		put_extension(frame, chain[i], chain[i + 1], r);
	return at;
}

static void put_tcp(struct model_frame *frame, const struct aim *aim, struct random *r)
{
	static const uint8_t flags[] = {0x02, 0x12, 0x10, 0x10, 0x18, 0x18, 0x11, 0x04, 0x14, 0xc2};
	const size_t options = random_percent(r, 50) ? 0 : 4 * random_below(r, 11);
	uint8_t *at = grow(frame, 20 + options);

	random_bytes(r, at + 4, 8);
	model_put16(at, aim->sport);
	model_put16(at + 2, aim->dport);
	at[12] = (uint8_t)((20 + options) / 4 << 4 | random_below(r, 2));
	at[13] = random_percent(r, 85) ? random_of(r, flags) : (uint8_t)random_next(r);
	random_bytes(r, at + 14, 2);
	memset(at + 20, 1, options);
	if (options >= 12)
		memcpy(at + 20, "\x01\x01\x08\x0a", 4); /* time stamps */
}

/* QUIC v1 (RFC 9000, 17): a long header's or a short one's first bytes. */
static void put_quic(struct model_frame *frame, struct random *r)
{
	uint8_t *at = grow(frame, 32);

	random_bytes(r, at, 32);
	if (random_percent(r, 50)) {
		at[0] |= 0xc0;
		memcpy(at + 1, "\0\0\0\x01", 4);
		at[5] = (uint8_t)(random_percent(r, 80) ? 8 : random_below(r, 30));
	} else {
		at[0] = (uint8_t)((at[0] & 0x3f) | 0x40);
	}
}

static void put_l4(struct model_frame *frame, const struct aim *aim, uint8_t proto,
		   struct random *r);

/* An error quotes a packet that the VIP sent: from there to the client (RFC 792, RFC 4443). */
static void put_icmp(struct model_frame *frame, const struct aim *aim, struct random *r)
{
	static const uint8_t types4[] = {8, 0, 3, 3, 11, 12, 5, 13};
	static const uint8_t types6[] = {128, 129, 1, 2, 3, 4, 135, 136};
	const struct aim quoted = {.af = aim->af, .sport = aim->dport, .dport = aim->sport};
	uint8_t *at = grow(frame, 8);
	size_t from, ip;

	at[0] = aim->af == 4 ? random_of(r, types4) : random_of(r, types6);
	at[1] = (uint8_t)random_below(r, 6);
	random_bytes(r, at + 4, 4);
	if (random_percent(r, 30))
		return;
	from = frame->len;
	ip = from;
	if (aim->af == 4) {
		uint8_t *q = grow(frame, 20);

		q[0] = 0x45;
		model_put16(q + 2, 20 + random_below(r, 1480));
		q[8] = 63;
		q[9] = aim->proto;
		memcpy(q + 12, aim->dst + 12, 4);
		memcpy(q + 16, aim->src + 12, 4);
		model_put16(frame->bytes + ip + 10, model_checksum(frame->bytes + ip, 20));
	} else {
		uint8_t *q = grow(frame, 40);

		q[0] = 0x60;
		model_put16(q + 4, random_below(r, 1480));
		q[6] = aim->proto;
		q[7] = 63;
		memcpy(q + 8, aim->dst, 16);
		memcpy(q + 24, aim->src, 16);
	}
	from = frame->len;
	put_l4(frame, &quoted, aim->proto, r);
	if (random_percent(r, 50) && frame->len > from + 8)
		frame->len = from + 8;
}

static void put_l4(struct model_frame *frame, const struct aim *aim, uint8_t proto,
		   struct random *r)
{
	uint8_t *at;

	switch (proto) {
	case IPPROTO_TCP:
		put_tcp(frame, aim, r);
		break;
	case IPPROTO_UDP:
		at = grow(frame, 8); /* its length is filled in when it is known */
		model_put16(at, aim->sport);
		model_put16(at + 2, aim->dport);
		if (random_percent(r, 30))
			put_quic(frame, r);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put_icmp(frame, aim, r);
		break;
	default: /* GRE, IPIP, SCTP, ESP…: something that could be ports, or an inner packet */
		at = grow(frame, 24);
		random_bytes(r, at, 24);
		at[0] = random_percent(r, 50) ? 0x45 : 0;
		break;
	}
}

static uint8_t choose_protocol(const struct aim *aim, struct random *r)
{
	static const uint8_t others[] = {47, 4, 41, 50, 132, 59, 2, 89, 255, 1, 58, 0, 61};

	if (random_percent(r, 90))
		return aim->proto;
	if (random_percent(r, 60))
		return aim->af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	return random_of(r, others);
}

/* Bytes of payload: few, some, or as many as just fit, or just do not, a backend's way. */
static size_t payload_length(const struct scene *scene, size_t headers, struct random *r)
{
	const struct scene_pool *pool = &scene->pools[random_below(r, scene->n_pools)];
	uint32_t want;

	if (random_percent(r, 60))
		return random_below(r, 64);
	if (random_percent(r, 50) || !pool->n_backends)
		return random_below(r, 1400);
	want = pool->backends[random_below(r, pool->n_backends)].mtu + random_below(r, 3) - 1 -
	       20 * random_below(r, 3);
	if (want > BENCH_FRAME_MAX - 100 || want < headers)
		return random_below(r, 100);
	return want - headers;
}

static void fill_lengths(struct model_frame *frame, const struct aim *aim, size_t ip, size_t l4,
			 uint8_t proto)
{
	uint8_t *bytes = frame->bytes;

	if (aim->af == 4)
		model_put16(bytes + ip + 2, (uint32_t)(frame->len - ip));
	else
		model_put16(bytes + ip + 4, (uint32_t)(frame->len - ip - 40));
	if (proto == IPPROTO_UDP)
		model_put16(bytes + l4 + 4, (uint32_t)(frame->len - l4));
}

static void build(const struct scene *scene, struct random *r, struct model_frame *frame)
{
	struct aim aim;
	uint8_t proto;
	size_t ip, l4, payload;

	aim_at(scene, &aim, r);
	proto = choose_protocol(&aim, r);
	put_ethernet(frame, &aim, r);
	ip = aim.af == 4 ? put_v4(frame, &aim, proto, r) : put_v6(frame, &aim, proto, r);
	l4 = frame->len;
	put_l4(frame, &aim, proto, r);
	payload = payload_length(scene, frame->len - ip, r);
	if (frame->len + payload < BENCH_FRAME_MAX)
		memset(grow(frame, payload), (int)random_below(r, 256), payload);
	fill_lengths(frame, &aim, ip, l4, proto);
	if (random_percent(r, 20))
		random_bytes(r, grow(frame, 24), 24);
	else if (frame->len < 60 && random_percent(r, 50))
		grow(frame, 60 - frame->len);
	shape_checksums(frame);
}

/* A frame of a real protocol, sent to a VIP of its family. */
static void retarget(struct model_frame *frame, const struct scene *scene, struct random *r)
{
	struct aim aim;
	struct shape s;

	shape_scan(frame, &s);
	if (!s.l4)
		return;
	for (int tries = 0; tries < 8; tries++) {
		aim_at(scene, &aim, r);
		if (aim.af == s.af && (aim.proto == s.proto || tries > 5))
			break;
	}
	if (aim.af != s.af)
		return;
	if (aim.af == 4)
		memcpy(frame->bytes + s.l3 + 16, aim.dst + 12, 4);
	else
		memcpy(frame->bytes + s.l3 + 24, aim.dst, 16);
	if (s.l4 + 4 <= frame->len && !s.fragment &&
	    (s.proto == IPPROTO_TCP || s.proto == IPPROTO_UDP))
		model_put16(frame->bytes + s.l4 + 2, aim.dport);
	shape_checksums(frame);
}

void generate_packet(const struct scene *scene, const struct corpus *corpus, struct random *r,
		     struct model_frame *ret_frame)
{
	const size_t longest = scene->no_headroom ? BENCH_MOVED_MAX : BENCH_FRAME_MAX;

	if (corpus->n && random_percent(r, 15)) {
		const struct model_frame *frame = &corpus->frames[random_below(r, corpus->n)];

		ret_frame->len = frame->len;
		memcpy(ret_frame->bytes, frame->bytes, frame->len);
		if (random_percent(r, 80))
			retarget(ret_frame, scene, r);
	} else {
		ret_frame->len = 0;
		build(scene, r, ret_frame);
	}
	if (random_percent(r, 40))
		for (uint32_t i = random_below(r, 3) + 1; i > 0; i--)
			mutate(ret_frame, corpus, r);
	if (ret_frame->len < BENCH_FRAME_MIN)
		grow(ret_frame, BENCH_FRAME_MIN - ret_frame->len);
	if (ret_frame->len > longest)
		ret_frame->len = longest;
}
