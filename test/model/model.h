/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h - what the data plane must do with a packet, said a second time.
 *
 * It is written from the RFCs, DESIGN.md, xdp/README.md, abi.h, hash.h and the help texts of
 * reasons.def, plainly and without a thought for speed, and shares no code with xdp/bpf. Packets
 * are bytes at offsets here; a stage that cannot go on returns the reason.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <lb/abi.h>

#include "scene.h"

#define MODEL_FRAME_MAX 4096

struct model_frame {
	size_t len;
	uint8_t bytes[MODEL_FRAME_MAX];
};

/* What became of a packet. */
struct model_verdict {
	enum lb_reason reason;
	uint32_t action; /* XDP_* */
	int vip;	 /* the id under which it counts as forwarded or dropped; -1: under none */
	int backend;	 /* the line under which it counts as forwarded; -1: under none */
	struct model_frame out;
};

/* A packet on its way through the stages. */
struct model_packet {
	const struct scene *scene;
	const struct model_frame *in;
	struct model_frame *out;

	/* Parsed. Offsets into the frame. */
	uint16_t ethertype;
	size_t l3, l4;
	size_t end; /* of the IP packet */
	uint8_t af; /* 4 or 6 */
	uint8_t traffic_class, proto;
	uint8_t src[16], dst[16]; /* IPv4 is v4-mapped */

	/* Selected. */
	const struct scene_vip *vip;
	uint32_t hash;
	uint16_t slot;
	const struct scene_backend *backend;
	uint32_t line;
};

#define MODEL_NEXT (-1)
/* MODEL_NEXT, or the enum lb_reason by which the packet's way ends. */
typedef int model_stage(struct model_packet *packet);

model_stage model_ethernet, model_ip, model_extensions, model_protocol, model_ports;
model_stage model_service, model_check, model_slot, model_backend;
model_stage model_forward;

/* All stages in order, and the verdict. */
void model_run(const struct scene *scene, const struct model_frame *in,
	       struct model_verdict *ret_verdict);

const char *model_reason_name(int reason);
/* XDP_PASS or XDP_DROP; XDP_TX for LB_REASON_FORWARDED. */
uint32_t model_reason_action(int reason);

/* Numbers on the wire. */
static inline uint16_t model_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void model_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071, over an even number of bytes. */
uint16_t model_checksum(const uint8_t *bytes, size_t len);

#endif
