/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model_forward.c - what leaves for the backend, byte by byte (DESIGN.md, section 5; RFC 2003, RFC
 * 2473, RFC 6040, RFC 6438, RFC 6864).
 */
#include "model.h"

#include <netinet/in.h>
#include <string.h>

#define OUTER_TTL 64

/*
 * What can be put before a packet without headroom (test/packet/poison.bpf.c): 52 bytes are left,
 * of which the kernel keeps struct xdp_frame, 40.
 */
#define ROOM_NONE 12
#define ROOM	  216 /* XDP_PACKET_HEADROOM less the same 40 */

static size_t put_ethernet(uint8_t *at, const struct scene_backend *backend, uint8_t af)
{
	size_t len = 12;

	memcpy(at, backend->eth_dst, 6);
	memcpy(at + 6, backend->eth_src, 6);
	if (backend->tci) {
		model_put16(at + len, 0x8100);
		model_put16(at + len + 2, backend->tci);
		len += 4;
	}
	model_put16(at + len, af == 4 ? 0x0800 : 0x86dd);
	return len + 2;
}

/* "Don't fragment" and id 0: the packet is never fragmented (RFC 6864, 4.1). */
static size_t put_outer4(uint8_t *at, const struct model_packet *p)
{
	memset(at, 0, 20);
	at[0] = 0x45;
	at[1] = p->traffic_class;
	model_put16(at + 2, (uint32_t)(20 + p->end - p->l3));
	at[6] = 0x40;
	at[8] = OUTER_TTL;
	at[9] = p->af == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	memcpy(at + 12, p->backend->outer_src + 12, 4);
	memcpy(at + 16, p->backend->outer_dst + 12, 4);
	model_put16(at + 10, model_checksum(at, 20));
	return 20;
}

static size_t put_outer6(uint8_t *at, const struct model_packet *p)
{
	const uint32_t label = p->hash & 0xfffff;

	at[0] = (uint8_t)(0x60 | p->traffic_class >> 4);
	at[1] = (uint8_t)(p->traffic_class << 4 | label >> 16);
	model_put16(at + 2, label & 0xffff);
	model_put16(at + 4, (uint32_t)(p->end - p->l3));
	at[6] = p->af == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	at[7] = OUTER_TTL;
	memcpy(at + 8, p->backend->outer_src, 16);
	memcpy(at + 24, p->backend->outer_dst, 16);
	return 40;
}

int model_forward(struct model_packet *p)
{
	const struct scene_backend *backend = p->backend;
	const uint8_t outer_af = scene_is_v4(backend->outer_dst) ? 4 : 6;
	const size_t room = p->scene->no_headroom ? ROOM_NONE : ROOM;
	uint8_t *out = p->out->bytes;
	size_t outer = 0, head, tail = p->in->len - p->l3;

	if (p->vip->forward == LB_FORWARD_IPIP)
		outer = outer_af == 4 ? 20 : 40;
	else if (p->vip->forward != LB_FORWARD_L2)
		return LB_REASON_TABLE_FAULT;
	if (p->end - p->l3 + outer > backend->mtu)
		return LB_REASON_TOO_BIG;
	head = put_ethernet(out, backend, outer ? outer_af : p->af);
	if (head + outer > p->l3 + room)
		return LB_REASON_NO_HEADROOM;
	if (outer)
		head += outer_af == 4 ? put_outer4(out + head, p) : put_outer6(out + head, p);
	memcpy(out + head, p->in->bytes + p->l3, tail);
	p->out->len = head + tail;
	return LB_REASON_FORWARDED;
}
