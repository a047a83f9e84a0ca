/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf_trace_internal.h - what the bpf_trace*.c files share: bpf_trace.c (instructions),
 * bpf_trace_memory.c (addresses, bounds, cache lines), bpf_trace_helper.c (helper calls).
 */
#ifndef LB_BENCH_BPF_TRACE_INTERNAL_H
#define LB_BENCH_BPF_TRACE_INTERNAL_H

#include "bpf_trace.h"

#define TRACE_STACK	 512u /* bytes of one frame */
#define TRACE_FRAMES	 8u   /* the verifier's limit */
#define TRACE_REGS	 11u
#define TRACE_TAIL_CALLS 33u /* the kernel's limit */
#define TRACE_LINES	 256u

/* The program's addresses: a region in the upper bits, an offset into it in the lower ones. No
 * address of one region is near another's, and none is a real one. */
enum trace_region {
	TRACE_NULL,
	TRACE_CTX,
	TRACE_STACKS,
	TRACE_PACKET,
	TRACE_MAPS, /* + 2 * index: the map itself; + 1: its values */
};
#define TRACE_REGION_SHIFT 40
#define TRACE_BASE	   (1ull << 32) /* the offset of a region's first byte */

static inline uint64_t trace_address(uint64_t region, uint64_t offset)
{
	return (region << TRACE_REGION_SHIFT) + TRACE_BASE + offset;
}

/* A cache line of a map with what the program made of it. */
struct trace_line {
	size_t map;
	uint64_t number;
	bool written;
	uint8_t bytes[BPF_TRACE_LINE];
};

struct trace_frame {
	uint64_t saved[5]; /* r6-r10 of the caller */
	size_t return_pc;
};

struct trace {
	const struct bpf_trace_input *input;
	struct bpf_trace_result *result;
	struct err *err;
	const struct bpf_trace_program *program;
	size_t pc;
	uint64_t reg[TRACE_REGS];
	struct trace_frame frames[TRACE_FRAMES];
	size_t depth; /* callers */
	size_t tail_calls;
	size_t data, data_end; /* in packet[] */
	struct trace_line lines[TRACE_LINES];
	size_t n_lines;
	uint8_t stack[TRACE_FRAMES * TRACE_STACK];
	uint8_t packet[XDP_PACKET_HEADROOM + BPF_TRACE_PACKET_MAX];
};

/* "PROGRAM, instruction N: …"; returns -EBADMSG. */
int trace_fail(struct trace *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* size: 1 to 64 bytes. The value is in the host's byte order, in the lower bytes. */
int trace_read(struct trace *t, uint64_t address, size_t size, void *ret_bytes);
int trace_write(struct trace *t, uint64_t address, size_t size, const void *bytes);
/* The context is no memory: a field becomes what the kernel makes of it. */
int trace_read_ctx(struct trace *t, uint64_t address, size_t size, uint64_t *ret_value);
bool trace_is_ctx(uint64_t address);

int trace_find_map(struct trace *t, uint32_t id, size_t *ret_index);
/* The map that an address of a map itself stands for. */
int trace_map_of(struct trace *t, uint64_t address, size_t *ret_index);
/* Bytes from one value to the next. */
uint64_t trace_map_stride(const struct bpf_trace_map *map);

/* Executes helper `id`: r1 to r5 in, r0 out. `*ret_switched`: another program begins. */
int trace_helper(struct trace *t, int32_t id, bool *ret_switched);
/* r1 to r10 as a program finds them. */
void trace_enter(struct trace *t, const struct bpf_trace_program *program);

#endif
