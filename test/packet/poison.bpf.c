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

#define MOVED_MAX 256 /* the longest packet that is moved up */
#define MOVED_BY  204 /* TEST_RUN's 256 bytes of headroom, but for 52: 40 are the kernel's */

/* Whether to leave next to no headroom. */
volatile int poison_no_headroom;
volatile int poison_failed;

/*
 * Takes headroom away: the packet grows at its head, moves up there, and loses as much at its tail.
 * (As metadata it would be simpler, but in Linux 6.1 that is at most 32 bytes.)
 */
static __always_inline int poison_move(struct xdp_md *ctx)
{
	__u8 *data, *data_end;

	if (bpf_xdp_adjust_head(ctx, -MOVED_BY))
		return -1;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	for (int i = 0; i < MOVED_MAX; i++) {
		if (data + i + MOVED_BY + 1 > data_end)
			return (int)bpf_xdp_adjust_tail(ctx, -MOVED_BY);
		data[i] = data[i + MOVED_BY];
	}
	return -1;
}

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
	if (poison_no_headroom && poison_move(ctx))
		goto failed;
	bpf_tail_call_static(ctx, &poison_target, 0);
failed:
	poison_failed = 1;
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
