/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.c - the order of the stages, and what their reasons mean (DESIGN.md, section 1).
 */
#include "model.h"

#include <string.h>

#include <linux/bpf.h>

static model_stage *const stages[] = {
    model_ethernet, model_ip,	 model_extensions, model_protocol, model_ports,
    model_service,  model_check, model_slot,	   model_backend,  model_forward,
};

static const struct {
	const char *name;
	uint32_t action;
} reasons[] = {
#define FORWARD				  XDP_TX
#define PASS				  XDP_PASS
#define DROP				  XDP_DROP
#define LB_REASON(id, name, action, help) {name, action},
#include <lb/reasons.def>
#undef LB_REASON
#undef FORWARD
#undef PASS
#undef DROP
};

const char *model_reason_name(int reason)
{
	return reasons[reason].name;
}

uint32_t model_reason_action(int reason)
{
	return reasons[reason].action;
}

uint16_t model_checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += model_get16(bytes + i);
	while (sum > 0xffff)
		sum = sum - 0xffff;
	return (uint16_t)~sum;
}

void model_run(const struct scene *scene, const struct model_frame *in,
	       struct model_verdict *ret_verdict)
{
	struct model_packet packet = {.scene = scene, .in = in, .out = &ret_verdict->out};
	int reason = MODEL_NEXT;

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]) && reason == MODEL_NEXT; i++)
		reason = stages[i](&packet);
	ret_verdict->reason = (enum lb_reason)reason;
	ret_verdict->action = model_reason_action(reason);
	ret_verdict->vip = -1;
	ret_verdict->backend = -1;
	if (packet.vip && ret_verdict->action != XDP_PASS)
		ret_verdict->vip = (int)packet.vip->id;
	if (reason == LB_REASON_FORWARDED) {
		ret_verdict->backend = (int)packet.line;
		if (packet.backend->ifindex != SCENE_IFINDEX)
			ret_verdict->action = XDP_REDIRECT;
		return;
	}
	/* Passed and dropped packets are left as they came. */
	memcpy(ret_verdict->out.bytes, in->bytes, in->len);
	ret_verdict->out.len = in->len;
}
