/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp.bpf.c - what stands before the program under test in 'lb-bench xdp', and the two programs
 * that it is compared with: the empty one and the floor.
 *
 * BPF_PROG_TEST_RUN does not restore a packet between iterations. The wrapper does, with the same
 * instructions and the same one helper call whatever the program before did to the packet: the head
 * is moved by how far it stands off its place, which is 0 bytes after a program that left it
 * there. Which layout a frame has is decided by a few branches that go the same way for a row and
 * for the empty program before and after it. So the wrapper costs a row what it costs the empty
 * program, and what is net of that is the row's own.
 *
 * Every store is one that the program's loads can be forwarded from: a load that spans two stores
 * would wait for both to leave the store buffer, which no packet that came from a wire makes it do.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_shared.h"

#define ETH_LEN 14
#define TAG_LEN 4
#define V4_LEN	20
#define V6_LEN	40
#define PORTS	4 /* bytes */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} bench_floor_counter SEC(".maps");

struct xdp_wrapper bench_wrapper;
struct xdp_floor bench_floor_header;

/* Everything of a packet that a program may have changed. Tags and extra bytes before the ports are
 * constants. */
static __always_inline int restore(struct xdp_wrapper *w, const struct xdp_md *ctx, const int v6,
				   const int tags, const int extra)
{
	const int l3 = ETH_LEN + tags * TAG_LEN, ports = l3 + (v6 ? V6_LEN : V4_LEN) + extra;
	void *data = (void *)(long)ctx->data;
	__u32 flow, vip;

	if (data + ports + PORTS > (void *)(long)ctx->data_end)
		return -1;
	flow = xdp_wrapper_next(w, &vip);

	*(__u64 *)data = w->eth0;
	*(__u32 *)(data + 8) = w->eth8;
	if (tags > 0)
		*(__u32 *)(data + 12) = w->tag[0];
	if (tags > 1)
		*(__u32 *)(data + 16) = w->tag[1];
	*(__u16 *)(data + l3 - 2) = w->type;
	if (v6) {
		*(__u64 *)(data + l3 + 16) = bpf_cpu_to_be64(w->src_base + flow);
		*(__u64 *)(data + l3 + 32) = bpf_cpu_to_be64(w->dst_base + vip);
	} else {
		*(__u32 *)(data + l3 + 12) = bpf_htonl((__u32)w->src_base + flow);
		*(__u32 *)(data + l3 + 16) = bpf_htonl((__u32)w->dst_base + vip);
	}
	*(__u32 *)(data + ports) = w->sport_be | (__u32)w->dport_be << 16;
	return 0;
}

static __always_inline int restore_layout(struct xdp_wrapper *w, const struct xdp_md *ctx)
{
	switch (w->layout) {
	case XDP_LAYOUT_V4:
		return restore(w, ctx, 0, 0, 0);
	case XDP_LAYOUT_V6:
		return restore(w, ctx, 1, 0, 0);
	case XDP_LAYOUT_V4_TAG:
		return restore(w, ctx, 0, 1, 0);
	case XDP_LAYOUT_V6_TAG:
		return restore(w, ctx, 1, 1, 0);
	case XDP_LAYOUT_V4_TAGS:
		return restore(w, ctx, 0, 2, 0);
	case XDP_LAYOUT_V6_TAGS:
		return restore(w, ctx, 1, 2, 0);
	case XDP_LAYOUT_V4_OPTIONS:
		return restore(w, ctx, 0, 0, XDP_OPTIONS_LEN);
	case XDP_LAYOUT_V6_OPTIONS:
		return restore(w, ctx, 1, 0, XDP_EXTENSIONS_LEN);
	default:
		return -1;
	}
}

SEC("xdp")
int bench_wrap(struct xdp_md *ctx)
{
	struct xdp_wrapper *w = &bench_wrapper;
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u64 len = data_end - data;
	const __u32 left = w->left;
	int off;

	/* Kept from being reordered into arithmetic on a pointer, which the verifier refuses. */
	asm volatile("" : "+r"(len));
	off = (int)len - (int)w->frame_len;
	w->left = left - 1;
	if (left == w->timed)
		w->begun = bpf_ktime_get_ns();
	else if (left == 1)
		w->ended = bpf_ktime_get_ns();
	w->moved += (__s64)off;
	if (!bpf_xdp_adjust_head(ctx, off) && !restore_layout(w, ctx))
		bpf_tail_call_static(ctx, &bench_target, 0);
	w->failed++;
	return XDP_ABORTED;
}

SEC("xdp")
int bench_empty(struct xdp_md *ctx)
{
	return XDP_TX;
}

/* The least that an IPIP balancer can do: count, make room, write both headers. */
SEC("xdp")
int bench_floor(struct xdp_md *ctx)
{
	const struct xdp_floor *header = &bench_floor_header;
	__u64 *counter, *data;
	__u32 key = 0;

	counter = bpf_map_lookup_elem(&bench_floor_counter, &key);
	if (counter)
		++*counter;
	if (bpf_xdp_adjust_head(ctx, -XDP_FLOOR_HEADER))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	if ((void *)data + ETH_LEN + XDP_FLOOR_HEADER > (void *)(long)ctx->data_end)
		return XDP_DROP;
	for (int i = 0; i < 4; i++)
		data[i] = header->word[i];
	*(__u16 *)(data + 4) = header->last;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
