/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * poison.bpf.c - stands before the program under test and spoils the memory that TEST_RUN zeroes,
 * so that a header byte which the program forgets to write is seen.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define POISON_BYTES 128 /* more than any header that is put on */
#define POISON_WORD  0xa5a5a5a5a5a5a5a5ull

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} poison_target SEC(".maps");

/* Bytes of headroom to take away (as metadata), a multiple of 4. */
volatile int poison_reserve;
volatile int poison_failed;

SEC("xdp")
int poison(struct xdp_md *ctx)
{
	void *data, *data_end;
	__u64 *word;

	if (bpf_xdp_adjust_head(ctx, -POISON_BYTES))
		goto failed;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + POISON_BYTES > data_end)
		goto failed;
	word = data;
	for (int i = 0; i < POISON_BYTES / 8; i++)
		word[i] = POISON_WORD;
	if (bpf_xdp_adjust_head(ctx, POISON_BYTES))
		goto failed;
	if (poison_reserve && bpf_xdp_adjust_meta(ctx, -poison_reserve))
		goto failed;
	bpf_tail_call_static(ctx, &poison_target, 0);
failed:
	poison_failed = 1;
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
