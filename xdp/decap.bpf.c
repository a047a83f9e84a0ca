/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decap.bpf.c - a backend's side: removes the balancer's outer header, without a tunnel device.
 *
 * IP in IP and GUE, each 4in4, 6in6, 4in6 and 6in4, for inner destinations in lb_decap only; the
 * rest is passed on untouched. The outer destination is not compared with a list of addresses: the
 * frame came to this host's MAC address, or the kernel drops what is passed to it, as it does with
 * any other.
 */
#include "bpf/compiler.h"

#include "bpf/decap_csum.h"
#include "bpf/decap_parse.h"
#include "bpf/ecn.h"
#include "bpf/eth.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* user space sets it before loading */
	__type(key, struct lb_decap_key);
	__type(value, __u32);
} lb_decap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_DECAP_MAX);
	__type(key, __u32);
	__type(value, __u64);
} lb_decap_ctr SEC(".maps");

/* The Ethernet header with its tags, kept while the packet moves under it. */
struct lb_decap_eth {
	__u64 macs_low;
	__u32 macs_high;
	__u32 tag[2]; /* type and TCI of each */
};

static __always_inline int lb_decap_count(__u32 counter, int action)
{
	__u64 *packets = bpf_map_lookup_elem(&lb_decap_ctr, &counter);

	if (packets)
		(*packets)++;
	return action;
}

static __always_inline int lb_decap_is_configured(const struct lb_words *dst)
{
	struct lb_decap_key key;

	__builtin_memcpy(key.addr, dst, sizeof(key.addr));
	return bpf_map_lookup_elem(&lb_decap, &key) != NULL;
}

/* The caller's parser has seen the outer header, so there are 34 bytes at the least. */
static __always_inline void lb_decap_eth_save(const void *data, struct lb_decap_eth *ret_eth)
{
	ret_eth->macs_low = *(const __u64 *)data;
	ret_eth->macs_high = *(const __u32 *)(data + 8);
	ret_eth->tag[0] = *(const __u32 *)(data + 12);
	ret_eth->tag[1] = *(const __u32 *)(data + 16);
}

static __always_inline int lb_decap_eth_restore(struct xdp_md *ctx, const struct lb_decap_eth *eth,
						__u32 l3_off, __be16 type)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;

	/* For the verifier: the inner IP header makes it longer. */
	if (data + LB_ETH_LEN + 2 * LB_VLAN_LEN > data_end)
		return -1;
	*(__u64 *)data = eth->macs_low;
	*(__u32 *)(data + 8) = eth->macs_high;
	data += LB_ETH_LEN - 2;
	if (l3_off > LB_ETH_LEN) {
		*(__u32 *)data = eth->tag[0];
		data += LB_VLAN_LEN;
	}
	if (l3_off > LB_ETH_LEN + LB_VLAN_LEN) {
		*(__u32 *)data = eth->tag[1];
		data += LB_VLAN_LEN;
	}
	*(__be16 *)data = type;
	return 0;
}

SEC("xdp")
int sluice_decap(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct lb_tunnel tunnel = {};
	struct lb_decap_eth eth;
	int counter;

	counter = lb_tunnel_parse(data, data_end, &tunnel);
	if (counter != LB_DECAP_UNWRAPPED)
		return lb_decap_count(counter, XDP_PASS);
	if (!lb_decap_is_configured(&tunnel.inner_dst))
		return lb_decap_count(LB_DECAP_NOT_CONFIGURED, XDP_PASS);
	if (lb_decap_checksum_is_wrong(data, data_end, &tunnel))
		return lb_decap_count(LB_DECAP_BAD_CHECKSUM, XDP_DROP);
	if (lb_ecn_is_illegal(tunnel.outer_tos, tunnel.inner_tos))
		return lb_decap_count(LB_DECAP_ECN_DROPPED, XDP_DROP);

	lb_tunnel_mark(data, data_end, &tunnel);
	lb_decap_eth_save(data, &eth);
	if (bpf_xdp_adjust_head(ctx, tunnel.inner_off - tunnel.l3_off))
		return lb_decap_count(LB_DECAP_MALFORMED, XDP_PASS);
	if (lb_decap_eth_restore(ctx, &eth, tunnel.l3_off,
				 tunnel.inner_af == LB_IPV4 ? LB_ETH_P_IP_BE : LB_ETH_P_IPV6_BE))
		return lb_decap_count(LB_DECAP_MALFORMED, XDP_DROP);
	return lb_decap_count(LB_DECAP_UNWRAPPED, XDP_PASS);
}

char LICENSE[] SEC("license") = "GPL";
