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

	lb_stop_if(data + LB_ETH_LEN > data_end, LB_REASON_ETH_TRUNCATED);
	type = *(const __be16 *)(data + 12);
	*ret_l3_off = LB_ETH_LEN;
	if (lb_unlikely(lb_eth_is_vlan(type))) {
		lb_stop_if(data + LB_ETH_LEN + LB_VLAN_LEN > data_end, LB_REASON_ETH_TRUNCATED);
		type = *(const __be16 *)(data + 16);
		*ret_l3_off = LB_ETH_LEN + LB_VLAN_LEN;
		if (lb_eth_is_vlan(type)) {
			lb_stop_if(data + LB_ETH_LEN + 2 * LB_VLAN_LEN > data_end,
				   LB_REASON_ETH_TRUNCATED);
			type = *(const __be16 *)(data + 20);
			*ret_l3_off = LB_ETH_LEN + 2 * LB_VLAN_LEN;
		}
	}
	*ret_type = type;
	return LB_NEXT;
}

/* What a whole new header is made of; the words as they lie in memory. */
struct lb_eth {
	__u64 word0; /* bytes 0-7 */
	__u32 word8; /* bytes 8-11 */
	__be16 tci;  /* of an 802.1Q tag; 0: none */
	__be16 type; /* of what follows */
};

/*
 * Writes the header by three stores, or four with a tag; the caller has checked that 18 bytes are
 * there. Returns what lies behind it.
 */
static __always_inline void *lb_eth_write(void *data, const struct lb_eth *eth)
{
	*(__u64 *)data = eth->word0;
	*(__u32 *)(data + 8) = eth->word8;
	if (lb_unlikely(eth->tci)) {
		*(__u32 *)(data + 12) = LB_ETH_P_8021Q_BE | ((__u32)eth->tci << 16);
		*(__be16 *)(data + 16) = eth->type;
		return data + LB_ETH_LEN + LB_VLAN_LEN;
	}
	*(__be16 *)(data + 12) = eth->type;
	return data + LB_ETH_LEN;
}

static __always_inline __u32 lb_eth_length(__be16 tci)
{
	return tci ? LB_ETH_LEN + LB_VLAN_LEN : LB_ETH_LEN;
}

#endif
