/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packets.h - frames for the packet tests, built from a description and independent of the BPF
 * code: own header layout, own checksums.
 */
#ifndef TEST_PACKETS_H
#define TEST_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 2048

struct frame {
	uint8_t data[FRAME_MAX];
	size_t len;
	size_t l3;     /* offset of the IP header */
	size_t l4;     /* offset of the TCP or UDP header */
	size_t ip_len; /* of the IP packet, without the frame's padding */
};

/* A byte to overwrite once the frame is built: how a packet lies. */
enum patch_base {
	PATCH_NONE,
	PATCH_ETH,
	PATCH_L3,
	PATCH_L4
};
struct patch {
	enum patch_base base;
	int offset;
	uint8_t value;
};

struct packet {
	int af;	   /* 4 or 6 */
	int proto; /* 6 TCP, 17 UDP; any other: 8 bytes of payload follow the IP header */
	const char *src, *dst; /* NULL: a client; the VIP */
	uint16_t sport, dport; /* 0: 40000; 80 */
	uint8_t tos;
	int vlans;	 /* 0 .. 3 */
	int ip_options;	 /* IPv4: bytes, a multiple of 4 */
	uint8_t ext[12]; /* IPv6: header numbers, until the first 255 */
	int ext_count;
	uint16_t frag;	/* IPv4 fragment field, or that of an IPv6 fragment header */
	int payload;	/* bytes after the L4 header */
	int padding;	/* bytes after the IP packet */
	int ip_len_add; /* added to what the IP header claims */
	int udp_len_add;
	bool no_checksum; /* the UDP checksum is 0; else it is right, as TCP's is */
	struct patch patches[3];
};

#define PACKET_CLIENT4 "198.51.100.7"
#define PACKET_CLIENT6 "2001:db8:c::7"
#define PACKET_VIP4    "192.0.2.80"
#define PACKET_VIP6    "2001:db8::80"
#define PACKET_PORT    80

void packet_build(const struct packet *packet, struct frame *ret_frame);
/* 16 bytes, IPv4 v4-mapped. */
void packet_address(const char *text, uint8_t ret_addr[16]);
const char *packet_src(const struct packet *packet);
const char *packet_dst(const struct packet *packet);
uint16_t packet_sport(const struct packet *packet);
uint16_t packet_dport(const struct packet *packet);

/* How a balancer should send a frame to a backend. */
struct wrap {
	uint8_t dst_mac[6], src_mac[6];
	uint16_t tci; /* 802.1Q tag, 0: none */
	int outer_af; /* 4 or 6; 0: no outer header (l2) */
	const char *outer_src, *outer_dst;
	uint32_t flow_label; /* outer IPv6 */
	uint16_t udp_dport;  /* not 0: UDP follows the outer IP header (GUE) */
	uint16_t udp_sport;
	bool gue_header;   /* GUE's own follows (variant 0) */
	bool udp_checksum; /* else 0 */
};

/* The frame as the wire should see it behind the balancer. `af` is the inner family. */
void packet_wrap(const struct frame *in, int af, const struct wrap *wrap, struct frame *ret_out);

/* The checksum of a TCP or UDP header and what follows it; its own field must be 0. `addresses` are
 * both, 8 or 32 bytes. */
uint16_t packet_l4_checksum(const uint8_t *addresses, size_t addresses_len, int proto,
			    const uint8_t *l4, size_t len);

/* RFC 1071 over `len` bytes, most significant byte first; 0 over a correct IPv4 header. */
uint16_t packet_checksum(const uint8_t *bytes, size_t len);

#endif
