/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp.bpf.c - what stands before the program under test in 'lb-bench xdp', and the two programs
 * that it is compared with: the empty one and the floor.
 *
 * BPF_PROG_TEST_RUN does not restore a packet between iterations. The wrapper does, with the same
 * instructions and the same one helper call whatever the program before did to the packet: the head
 * is moved by how far it stands off its place, which is 0 bytes after a program that left it
 * there. So the wrapper costs each row what it costs the empty program, and what is net of that is
 * the program's own.
 *
 * Every store is one that the program's loads can be forwarded from: a load that spans two stores
 * would wait for both to leave the store buffer, which no packet that came from a wire makes it do.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp_shared.h"

#define ETH_LEN	  14
#define V4_SOURCE (ETH_LEN + 12)
#define V4_PORTS  (ETH_LEN + 20)
#define V6_SOURCE (ETH_LEN + 16) /* low half */
#define V6_DEST	  (ETH_LEN + 32)
#define V6_PORTS  (ETH_LEN + 40)

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

static __always_inline int wrap(struct xdp_md *ctx, const int v6)
{
	struct xdp_wrapper *w = &bench_wrapper;
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u64 len = data_end - data;
	const __u32 left = w->left;
	__u32 flow, vip;
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
	if (bpf_xdp_adjust_head(ctx, off))
		goto failed;
	data = (void *)(long)ctx->data;
	if (data + V6_PORTS + 4 > (void *)(long)ctx->data_end)
		goto failed;

	flow = (w->flow * w->flow_mul + w->flow_add) & w->flow_mask;
	w->flow = flow;
	vip = w->vip + 1;
	if (vip >= w->vips)
		vip = 0;
	w->vip = vip;

	*(__u64 *)data = w->eth0;
	*(__u32 *)(data + 8) = w->eth8;
	*(__u16 *)(data + 12) = w->eth12;
	if (v6) {
		*(__u64 *)(data + V6_SOURCE) = bpf_cpu_to_be64(w->src_base + flow);
		*(__u64 *)(data + V6_DEST) = bpf_cpu_to_be64(w->dst_base + vip);
		*(__u32 *)(data + V6_PORTS) = w->sport_be | (__u32)w->dport_be << 16;
	} else {
		*(__u32 *)(data + V4_SOURCE) = bpf_htonl((__u32)w->src_base + flow);
		*(__u32 *)(data + V4_SOURCE + 4) = bpf_htonl((__u32)w->dst_base + vip);
		*(__u32 *)(data + V4_PORTS) = w->sport_be | (__u32)w->dport_be << 16;
	}
	bpf_tail_call_static(ctx, &bench_target, 0);
failed:
	w->failed++;
	return XDP_ABORTED;
}

SEC("xdp")
int bench_wrap_v4(struct xdp_md *ctx)
{
	return wrap(ctx, 0);
}

SEC("xdp")
int bench_wrap_v6(struct xdp_md *ctx)
{
	return wrap(ctx, 1);
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
