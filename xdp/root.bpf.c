/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * root.bpf.c - the program that is attached to a device and stays there for good.
 *
 * It tail-calls the balancer through lb_programs, so that a new balancer is switched in by one map
 * update: the driver is not reset and no packet is lost (DESIGN, section 8). The index is a
 * constant, so the JIT makes the call a direct jump that the kernel patches on an update.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <lb/abi.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, LB_PROGRAM_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} lb_programs SEC(".maps");

SEC("xdp")
int sluice_root(struct xdp_md *ctx)
{
	bpf_tail_call_static(ctx, &lb_programs, LB_PROGRAM_BALANCER);
	return XDP_PASS; /* no balancer is installed: the kernel sees everything */
}

char LICENSE[] SEC("license") = "GPL";
