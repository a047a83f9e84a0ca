/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shape.c - a lenient walk along a frame's headers, and checksums.
 */
#include "shape.h"

#include <netinet/in.h>
#include <string.h>

static void scan_v4(const struct model_frame *frame, struct shape *s)
{
	const uint8_t *ip = frame->bytes + s->l3;
	const size_t header = (ip[0] & 15) * 4;

	if (s->l3 + 20 > frame->len || header < 20 || s->l3 + header > frame->len)
		return;
	s->l4 = s->l3 + header;
	s->proto = ip[9];
	s->fragment = model_get16(ip + 6) & 0x1fff;
}

static bool is_extension(uint8_t number)
{
	static const uint8_t numbers[] = {0, 43, 44, 51, 60, 135, 139, 140};

	return memchr(numbers, number, sizeof(numbers));
}

static void scan_v6(const struct model_frame *frame, struct shape *s)
{
	size_t at = s->l3 + 40;
	uint8_t number;

	if (at > frame->len)
		return;
	number = frame->bytes[s->l3 + 6];
	while (is_extension(number) && at + 8 <= frame->len && s->n_extensions < SHAPE_HEADERS) {
		const uint8_t *header = frame->bytes + at;

		s->extensions[s->n_extensions] = at;
		s->extension_numbers[s->n_extensions++] = number;
		if (number == IPPROTO_FRAGMENT && model_get16(header + 2) >> 3)
			s->fragment = true;
		at += number == IPPROTO_FRAGMENT ? 8
		      : number == IPPROTO_AH	 ? (header[1] + 2u) * 4
						 : (header[1] + 1u) * 8;
		number = header[0];
	}
	if (at > frame->len || is_extension(number))
		return;
	s->l4 = at;
	s->proto = number;
}

void shape_scan(const struct model_frame *frame, struct shape *ret_shape)
{
	struct shape *s = ret_shape;
	size_t at = 12;

	memset(s, 0, sizeof(*s));
	s->ethertype = model_get16(frame->bytes + at);
	while ((s->ethertype == 0x8100 || s->ethertype == 0x88a8) && at + 6 <= frame->len) {
		at += 4;
		s->tags++;
		s->ethertype = model_get16(frame->bytes + at);
	}
	if (at + 2 >= frame->len)
		return;
	s->l3 = at + 2;
	s->af = s->ethertype == 0x0800 ? 4 : s->ethertype == 0x86dd ? 6 : 0;
	if (s->af == 4)
		scan_v4(frame, s);
	else if (s->af == 6)
		scan_v6(frame, s);
}

static uint32_t sum_bytes(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += model_get16(bytes + i);
	return len & 1 ? sum + (uint32_t)(bytes[len - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Offset of the checksum in the header of a protocol; -1: it has none that is known here. */
static int checksum_offset(const struct shape *s)
{
	switch (s->proto) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
		return s->af == 4 ? 2 : -1;
	case IPPROTO_ICMPV6:
		return s->af == 6 ? 2 : -1;
	default:
		return -1;
	}
}

void shape_checksums(struct model_frame *frame)
{
	uint8_t *ip, *l4;
	struct shape s;
	size_t end, len;
	uint32_t sum = 0;
	int at;

	shape_scan(frame, &s);
	if (!s.l4)
		return;
	ip = frame->bytes + s.l3;
	end = s.l3 + (s.af == 4 ? model_get16(ip + 2) : 40u + model_get16(ip + 4));
	if (s.af == 4) {
		model_put16(ip + 10, 0);
		model_put16(ip + 10, fold(sum_bytes(ip, s.l4 - s.l3, 0)));
	}
	at = checksum_offset(&s);
	if (end > frame->len || at < 0 || s.l4 + (size_t)at + 2 > end || s.fragment)
		return;
	len = end - s.l4;
	l4 = frame->bytes + s.l4;
	if (s.proto != IPPROTO_ICMP)
		sum = sum_bytes(ip + (s.af == 4 ? 12 : 8), s.af == 4 ? 8 : 32,
				(uint32_t)len + s.proto);
	model_put16(l4 + at, 0);
	model_put16(l4 + at, fold(sum_bytes(l4, len, sum)));
}
