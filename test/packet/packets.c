/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packets.c - builds frames byte by byte, so that a mistake of the BPF code is not made twice.
 */
#include "packets.h"

#include <arpa/inet.h>
#include <string.h>

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

uint16_t packet_checksum(const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : bytes[i] * 256u;
	while (sum > 0xffff)
		sum = sum % 0x10000 + sum / 0x10000;
	return 0xffff - sum;
}

void packet_address(const char *text, uint8_t ret_addr[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memcpy(ret_addr, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, ret_addr + 12) != 1)
		inet_pton(AF_INET6, text, ret_addr);
}

const char *packet_src(const struct packet *packet)
{
	if (packet->src)
		return packet->src;
	return packet->af == 4 ? PACKET_CLIENT4 : PACKET_CLIENT6;
}

const char *packet_dst(const struct packet *packet)
{
	if (packet->dst)
		return packet->dst;
	return packet->af == 4 ? PACKET_VIP4 : PACKET_VIP6;
}

uint16_t packet_sport(const struct packet *packet)
{
	return packet->sport ? packet->sport : 40000;
}

uint16_t packet_dport(const struct packet *packet)
{
	return packet->dport ? packet->dport : PACKET_PORT;
}

static size_t put_ethernet(uint8_t *at, const struct packet *packet)
{
	size_t len = 12;

	memcpy(at, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	for (int i = 0; i < packet->vlans; i++) {
		put16(at + len, i == 0 && packet->vlans > 1 ? 0x88a8 : 0x8100);
		put16(at + len + 2, 0x6000 | (100 + i));
		len += 4;
	}
	put16(at + len, packet->af == 4 ? 0x0800 : 0x86dd);
	return len + 2;
}

static size_t put_ipv4(uint8_t *at, const struct packet *packet, size_t l4_len)
{
	const size_t len = 20 + packet->ip_options;
	uint8_t addr[16];

	at[0] = 0x40 | (len / 4);
	at[1] = packet->tos;
	put16(at + 2, len + l4_len + packet->ip_len_add);
	put16(at + 4, 0x1234);
	put16(at + 6, packet->frag);
	at[8] = 61;
	at[9] = packet->proto;
	packet_address(packet_src(packet), addr);
	memcpy(at + 12, addr + 12, 4);
	packet_address(packet_dst(packet), addr);
	memcpy(at + 16, addr + 12, 4);
	memset(at + 20, 1, packet->ip_options); /* no operation */
	put16(at + 10, packet_checksum(at, len));
	return len;
}

static size_t put_extension(uint8_t *at, int type, int next, const struct packet *packet)
{
	const size_t len = type == 51 ? 24 : type == 44 ? 8 : 16;

	memset(at, 0, len);
	at[0] = next;
	if (type == 51)
		at[1] = len / 4 - 2;
	else if (type == 44)
		put16(at + 2, packet->frag);
	else
		at[1] = len / 8 - 1;
	return len;
}

static size_t put_ipv6(uint8_t *at, const struct packet *packet, size_t l4_len)
{
	size_t len = 40;

	for (int i = 0; i < packet->ext_count; i++)
		len += put_extension(at + len, packet->ext[i],
				     i + 1 < packet->ext_count ? packet->ext[i + 1] : packet->proto,
				     packet);
	put32(at, 6u << 28 | (uint32_t)packet->tos << 20 | 0x54321);
	put16(at + 4, len - 40 + l4_len + packet->ip_len_add);
	at[6] = packet->ext_count ? packet->ext[0] : packet->proto;
	at[7] = 61;
	packet_address(packet_src(packet), at + 8);
	packet_address(packet_dst(packet), at + 24);
	return len;
}

static size_t l4_header_length(const struct packet *packet)
{
	return packet->proto == 6 ? 20 : 8;
}

static void put_l4(uint8_t *at, const struct packet *packet)
{
	const size_t header = l4_header_length(packet), len = header + packet->payload;

	memset(at, 0, header);
	put16(at, packet_sport(packet));
	put16(at + 2, packet_dport(packet));
	if (packet->proto == 6) {
		put32(at + 4, 0x01020304);
		at[12] = 0x50;
		at[13] = 0x10;
		put16(at + 14, 0xffff);
	} else {
		put16(at + 4, len + packet->udp_len_add);
	}
	for (int i = 0; i < packet->payload; i++)
		at[header + i] = 0xa0 + i;
}

static void put_patches(const struct packet *packet, struct frame *frame)
{
	for (size_t i = 0; i < sizeof(packet->patches) / sizeof(packet->patches[0]); i++) {
		const struct patch *patch = &packet->patches[i];
		const size_t base = patch->base == PATCH_L4   ? frame->l4
				    : patch->base == PATCH_L3 ? frame->l3
							      : 0;

		if (patch->base != PATCH_NONE)
			frame->data[base + patch->offset] = patch->value;
	}
}

/* As the headers have it: with extension headers, without a routing header's final destination. */
static void put_checksum(const struct packet *packet, struct frame *frame, size_t l4_len)
{
	uint8_t *ip = frame->data + frame->l3, *l4 = frame->data + frame->l4;
	uint8_t *check = l4 + (packet->proto == 6 ? 16 : 6);
	uint16_t sum;

	if (packet->proto != 6 && packet->proto != 17)
		return;
	put16(check, 0);
	if (packet->proto == 17 && packet->no_checksum)
		return;
	sum = packet_l4_checksum(ip + (packet->af == 4 ? 12 : 8), packet->af == 4 ? 8 : 32,
				 packet->proto, l4, l4_len);
	put16(check, sum || packet->proto == 6 ? sum : 0xffff);
}

void packet_build(const struct packet *packet, struct frame *ret_frame)
{
	const size_t l4_len = l4_header_length(packet) + packet->payload;

	memset(ret_frame, 0, sizeof(*ret_frame));
	ret_frame->l3 = put_ethernet(ret_frame->data, packet);
	ret_frame->l4 = ret_frame->l3;
	if (packet->af == 4)
		ret_frame->l4 += put_ipv4(ret_frame->data + ret_frame->l3, packet, l4_len);
	else
		ret_frame->l4 += put_ipv6(ret_frame->data + ret_frame->l3, packet, l4_len);
	put_l4(ret_frame->data + ret_frame->l4, packet);
	ret_frame->ip_len = ret_frame->l4 - ret_frame->l3 + l4_len;
	ret_frame->len = ret_frame->l3 + ret_frame->ip_len;
	put_checksum(packet, ret_frame, l4_len);
	memset(ret_frame->data + ret_frame->len, 0xee, packet->padding);
	ret_frame->len += packet->padding;
	put_patches(packet, ret_frame);
}

/* The UDP header of a tunnel, and what GUE puts behind it; the inner packet is not there yet. */
static size_t put_gue(uint8_t *at, size_t ip_len, int af, const struct wrap *wrap)
{
	put16(at, wrap->udp_sport);
	put16(at + 2, wrap->udp_dport);
	put16(at + 4, 8 + (wrap->gue_header ? 4 : 0) + ip_len);
	put16(at + 6, 0);
	if (!wrap->gue_header)
		return 8;
	put32(at + 8, af == 4 ? 4u << 16 : 41u << 16);
	return 12;
}

static size_t gue_length(const struct wrap *wrap)
{
	return !wrap->udp_dport ? 0 : wrap->gue_header ? 12 : 8;
}

static size_t put_outer(uint8_t *at, const struct frame *in, int af, const struct wrap *wrap)
{
	const uint8_t *inner = in->data + in->l3;
	const unsigned int tos =
	    af == 4 ? inner[1] : (unsigned int)((inner[0] & 15) << 4 | inner[1] >> 4);
	const int proto = wrap->udp_dport ? 17 : af == 4 ? 4 : 41;
	uint8_t addr[16];

	if (wrap->outer_af == 4) {
		memset(at, 0, 20);
		at[0] = 0x45;
		at[1] = tos;
		put16(at + 2, 20 + gue_length(wrap) + in->ip_len);
		at[6] = 0x40;
		at[8] = 64;
		at[9] = proto;
		packet_address(wrap->outer_src, addr);
		memcpy(at + 12, addr + 12, 4);
		packet_address(wrap->outer_dst, addr);
		memcpy(at + 16, addr + 12, 4);
		put16(at + 10, packet_checksum(at, 20));
		return 20;
	}
	put32(at, 6u << 28 | tos << 20 | wrap->flow_label);
	put16(at + 4, gue_length(wrap) + in->ip_len);
	at[6] = proto;
	at[7] = 64;
	packet_address(wrap->outer_src, at + 8);
	packet_address(wrap->outer_dst, at + 24);
	return 40;
}

uint16_t packet_l4_checksum(const uint8_t *addresses, size_t addresses_len, int proto,
			    const uint8_t *l4, size_t len)
{
	uint8_t bytes[32 + 8 + FRAME_MAX] = {0};

	memcpy(bytes, addresses, addresses_len);
	put32(bytes + addresses_len, len);
	put32(bytes + addresses_len + 4, proto);
	memcpy(bytes + addresses_len + 8, l4, len);
	return packet_checksum(bytes, addresses_len + 8 + len + (len & 1));
}

void packet_wrap(const struct frame *in, int af, const struct wrap *wrap, struct frame *ret_out)
{
	uint8_t *at = ret_out->data, *udp;
	int type = wrap->outer_af ? wrap->outer_af : af;

	memset(ret_out, 0, sizeof(*ret_out));
	memcpy(at, wrap->dst_mac, 6);
	memcpy(at + 6, wrap->src_mac, 6);
	at += 12;
	if (wrap->tci) {
		put16(at, 0x8100);
		put16(at + 2, wrap->tci);
		at += 4;
	}
	put16(at, type == 4 ? 0x0800 : 0x86dd);
	at += 2;
	ret_out->l3 = at - ret_out->data;
	if (wrap->outer_af)
		at += put_outer(at, in, af, wrap);
	udp = at;
	if (wrap->udp_dport)
		at += put_gue(at, in->ip_len, af, wrap);
	memcpy(at, in->data + in->l3, in->len - in->l3);
	if (wrap->udp_checksum) {
		const uint16_t check =
		    packet_l4_checksum(udp - 32, 32, 17, udp, gue_length(wrap) + in->ip_len);

		put16(udp + 6, check ? check : 0xffff);
	}
	at += in->len - in->l3;
	ret_out->len = at - ret_out->data;
}
