/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf_trace.h - one packet walked through XDP programs, instruction by instruction, in user space:
 * how many instructions its path has, what it looks up, which helpers it calls and how many cache
 * lines of map memory it touches. A clock tells how long a path takes, and differently each time;
 * this tells why, and always the same.
 *
 * Pure: programs and maps are passed in, the maps' memory is only read (what a program writes is
 * kept aside), time and CPU are passed in too. What is executed is the program as it was given to
 * the kernel: the kernel's own translation (look-ups made inline, branches that cannot be taken
 * removed, constants blinded) is not in the figures, so that they are the same on all kernels.
 *
 * Every access is checked against the memory that there is, so that a wrong program is an error
 * with its place. The verifier's work is not repeated beyond that. An instruction, helper or map
 * type that is not known is an error which names it: a count is right or there is none.
 * Instructions: RFC 9669 up to "-mcpu=v3", without the legacy packet access.
 */
#ifndef LB_BENCH_BPF_TRACE_H
#define LB_BENCH_BPF_TRACE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BPF_TRACE_PACKET_MAX 2048u
#define BPF_TRACE_LINE	     64u /* bytes of a cache line */

/* Borrowed, all of it. */
struct bpf_trace_program {
	uint32_t id; /* as a program array has it; not 0 */
	const char *name;
	/* An ld_imm64 with BPF_PSEUDO_MAP_FD or _VALUE holds the map's id in place of a file
	 * descriptor, as in the kernel's own dumps. */
	const struct bpf_insn *insns;
	size_t n_insns;	    /* slots: an ld_imm64 has two */
	uint32_t *executed; /* grows by how often each was executed; NULL: not wanted */
};

/* ARRAY, PERCPU_ARRAY (starts as zeroes), PROG_ARRAY, and LRU_HASH with the entries that it has,
 * each a key and a value of 8 bytes at the most; others are an error when they are used. */
struct bpf_trace_map {
	uint32_t id;
	const char *name;
	enum bpf_map_type type;
	uint32_t value_size, max_entries;
	bool read_only;
	/* ARRAY, LRU_HASH: the values, each at a multiple of value_size rounded up to 8, the first
	 * one at the beginning of a cache line. PROG_ARRAY: uint32_t ids of programs, 0 where there
	 * is none. PERCPU_ARRAY: not looked at. */
	const void *memory;
	const uint8_t *keys; /* LRU_HASH: max_entries of them, key_size bytes each */
	uint32_t key_size;
};

struct bpf_trace_input {
	const struct bpf_trace_program *programs; /* the first one gets the packet */
	size_t n_programs;
	const struct bpf_trace_map *maps;
	size_t n_maps;
	const uint8_t *frame;
	size_t len;
	uint32_t ingress_ifindex;
	uint32_t cpu;
	uint64_t ktime_ns, jiffies;
};

struct bpf_trace_result {
	uint32_t action;	   /* what the program returned, XDP_* */
	uint32_t redirect_ifindex; /* of the last bpf_redirect(); 0: there was none */
	uint8_t out[BPF_TRACE_PACKET_MAX + XDP_PACKET_HEADROOM];
	size_t out_len;

	uint64_t instructions; /* executed, of all programs; an ld_imm64 is one */
	uint64_t lookups;      /* calls of bpf_map_lookup_elem() */
	uint64_t helper_calls; /* of all other helpers, tail calls among them */
	/* Distinct cache lines of map memory (.rodata, .data and .bss are maps too). Those of a
	 * PERCPU_ARRAY are counted as if each value began a line. */
	uint64_t config_lines;	/* that were read only */
	uint64_t counter_lines; /* that were written */
};

/* -EBADMSG: the program did something that it must not, or that is not known here; -E2BIG: the
 * frame is too long; -ENOMEM. */
int bpf_trace_run(const struct bpf_trace_input *input, struct bpf_trace_result *ret_result,
		  struct err *err);

#endif
