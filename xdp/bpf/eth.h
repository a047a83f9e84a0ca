/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * eth.h - Ethernet and VLAN headers, in and out.
 */
#ifndef LB_BPF_ETH_H
#define LB_BPF_ETH_H

#include "compiler.h"

#define LB_ETH_LEN	   14u
#define LB_VLAN_LEN	   4u

#define LB_ETH_P_8021Q_BE  bpf_htons(0x8100)
#define LB_ETH_P_8021AD_BE bpf_htons(0x88a8)

#define LB_MAC_MASK	   0x0000ffffffffffffull

static __always_inline int lb_eth_is_vlan(__be16 type)
{
	return type == LB_ETH_P_8021Q_BE || type == LB_ETH_P_8021AD_BE;
}

/*
 * Finds the network header behind at most two VLAN tags (IEEE 802.1Q; 802.1ad outside of it).
 * Returns LB_NEXT or LB_REASON_ETH_TRUNCATED. A third tag is left in *ret_type.
 */
static __always_inline int lb_eth_parse(const void *data, const void *data_end, __u32 *ret_l3_off,
					__be16 *ret_type)
{
	__be16 type;

	if (data + LB_ETH_LEN > data_end)
		return LB_REASON_ETH_TRUNCATED;
	type = *(const __be16 *)(data + 12);
	*ret_l3_off = LB_ETH_LEN;
	if (lb_unlikely(lb_eth_is_vlan(type))) {
		if (data + LB_ETH_LEN + LB_VLAN_LEN > data_end)
			return LB_REASON_ETH_TRUNCATED;
		type = *(const __be16 *)(data + 16);
		*ret_l3_off = LB_ETH_LEN + LB_VLAN_LEN;
		if (lb_eth_is_vlan(type)) {
			if (data + LB_ETH_LEN + 2 * LB_VLAN_LEN > data_end)
				return LB_REASON_ETH_TRUNCATED;
			type = *(const __be16 *)(data + 20);
			*ret_l3_off = LB_ETH_LEN + 2 * LB_VLAN_LEN;
		}
	}
	*ret_type = type;
	return LB_NEXT;
}

/*
 * Writes a whole new header: MACs in the low 48 bits of `dst` and `src` as they lie in memory,
 * the 802.1Q tag in the upper 16 bits of `dst`, 0 for none. Three or four stores; the caller has
 * checked that 18 bytes are there. Returns what lies behind the header.
 */
static __always_inline void *lb_eth_write(void *data, __u64 dst, __u64 src, __be16 type)
{
	const __u32 tci = dst >> 48;

	*(__u64 *)data = (dst & LB_MAC_MASK) | (src << 48);
	*(__u32 *)(data + 8) = (__u32)(src >> 16);
	if (lb_unlikely(tci)) {
		*(__u32 *)(data + 12) = LB_ETH_P_8021Q_BE | (tci << 16);
		*(__be16 *)(data + 16) = type;
		return data + LB_ETH_LEN + LB_VLAN_LEN;
	}
	*(__be16 *)(data + 12) = type;
	return data + LB_ETH_LEN;
}

static __always_inline __u32 lb_eth_length(__u64 dst)
{
	return dst >> 48 ? LB_ETH_LEN + LB_VLAN_LEN : LB_ETH_LEN;
}

#endif
