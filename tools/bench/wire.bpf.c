/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire.bpf.c - both ends of 'lb-bench wire', and the boxes that are not Sluice.
 *
 * The kernel hands the generator frames out of a pool of pages (BPF_F_TEST_XDP_LIVE_FRAMES) and
 * does not clean them: what the last journey left in a frame is still there. So all of the headers
 * are written every time.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wire_abi.h"

#define ETH_LEN	       14
#define IPV4_CSUM      (ETH_LEN + 10)
#define IPV4_SADDR_LOW (ETH_LEN + 14)
#define IPV4_DADDR_LOW (ETH_LEN + 18)
#define IPV4_SPORT     (ETH_LEN + 20)
#define IPV6_SADDR_LOW (ETH_LEN + 22)
#define IPV6_DADDR_LOW (ETH_LEN + 38)
#define IPV6_SPORT     (ETH_LEN + 40)
#define FIRST_PORT     1024
#define WANT_OFF_MAX   (WIRE_FRAME_MIN - 4)
#define SOURCES_BITS   16 /* so many source addresses, then the next port */

struct wire_setup setup;
struct wire_count offered[WIRE_CPUS];
struct wire_count received[WIRE_ENDS][WIRE_CPUS];
/* At a receiver, and not what the generator's frames are to become. */
struct wire_count stray[WIRE_CPUS];

static __u32 random_state;

static __always_inline void count(struct wire_count *counts, __u64 bytes)
{
	struct wire_count *mine = &counts[bpf_get_smp_processor_id() & (WIRE_CPUS - 1)];

	mine->packets++;
	mine->bytes += bytes;
}

/* Flows come in random order: the low bits of this generator are poor, the high ones will do. */
static __always_inline __u32 next_flow(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (__u64)random_state * setup.flows >> 32;
}

static __always_inline void put16(void *data, int off, __u16 value_be)
{
	*(__u16 *)(data + off) = value_be;
}

static __always_inline int generate(struct xdp_md *ctx, const int ipv4)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 flow = next_flow(), csum;
	__u16 source = bpf_htons(flow), vip, port = bpf_htons(FIRST_PORT + (flow >> SOURCES_BITS));

	if (data + WIRE_FRAME_MIN > data_end)
		return XDP_ABORTED;
	vip = bpf_htons(setup.vip_low + flow % (setup.vips ?: 1));
	for (int i = 0; i < WIRE_HEADER_WORDS; i++)
		((__u64 *)data)[i] = setup.header[i];
	put16(data, ipv4 ? IPV4_SADDR_LOW : IPV6_SADDR_LOW, source);
	put16(data, ipv4 ? IPV4_DADDR_LOW : IPV6_DADDR_LOW, vip);
	put16(data, ipv4 ? IPV4_SPORT : IPV6_SPORT, port);
	if (ipv4) { /* RFC 1071: byte order does not matter to the sum */
		csum = setup.csum + source + vip;
		csum = (csum & 0xffff) + (csum >> 16);
		csum = (csum & 0xffff) + (csum >> 16);
		put16(data, IPV4_CSUM, ~csum);
	}
	count(offered, data_end - data);
	return bpf_redirect(setup.ifindex, 0);
}

SEC("xdp")
int generate4(struct xdp_md *ctx)
{
	return generate(ctx, 1);
}

SEC("xdp")
int generate6(struct xdp_md *ctx)
{
	return generate(ctx, 0);
}

static __always_inline int receive(struct xdp_md *ctx, const enum wire_end end)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 *word = data + (setup.want_off & (WIRE_FRAME_MIN - 1));

	if ((void *)(word + 1) <= data_end && (*word & setup.want_mask) == setup.want)
		count(received[end], data_end - data);
	else
		count(stray, data_end - data);
	return XDP_DROP;
}

SEC("xdp")
int receive_near(struct xdp_md *ctx)
{
	return receive(ctx, WIRE_NEAR);
}

SEC("xdp")
int receive_far(struct xdp_md *ctx)
{
	return receive(ctx, WIRE_FAR);
}

/* The least that a box can do and still send every packet on. */
SEC("xdp")
int bounce(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u16 *mac = data, kept[3];

	if (data + ETH_LEN > data_end)
		return XDP_DROP;
	for (int i = 0; i < 3; i++) {
		kept[i] = mac[i];
		mac[i] = mac[i + 3];
		mac[i + 3] = kept[i];
	}
	return XDP_TX;
}

/* Redirected frames reach a veth device only if it has a program. */
SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
