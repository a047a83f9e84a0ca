/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_bpf_trace_kernel.c - the interpreter of 'lb-bench xdp' does what the kernel does: random
 * programs, the same verdict and the same packet from both. They work on what the verifier cannot
 * know (the packet), so that it leaves every instruction in.
 */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "../unit/bpf_assembler.h"
#include "bpf_trace.h"

#define PROGRAMS 500
#define STEPS	 120
#define FRAME	 80
#define SLOTS	 8 /* words of the stack that are used */
#define INSNS	 1024
#define LOG	 (1u << 16)

struct code {
	struct bpf_insn insns[INSNS];
	size_t n;
};

/* xorshift (Marsaglia, "Xorshift RNGs", 2003): the same programs in every run. */
static uint64_t state = 0x9e3779b97f4a7c15ull;

static uint32_t pick(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

static void add(struct code *code, struct bpf_insn insn)
{
	code->insns[code->n++] = insn;
}

/* Numbers at the edges more often than others. */
static int32_t number(void)
{
	static const int32_t edges[] = {0,  1,	-1,  2,	    31,	       32,
					63, 64, 255, 65535, INT32_MAX, INT32_MIN};

	if (pick(2))
		return edges[pick(sizeof(edges) / sizeof(edges[0]))];
	return (int32_t)(pick(1u << 16) << 16 | pick(1u << 16));
}

/* r0, r2 to r8 are numbers; r9 is the packet, r10 the stack. */
static uint8_t reg(void)
{
	static const uint8_t regs[] = {0, 2, 3, 4, 5, 6, 7, 8};

	return regs[pick(sizeof(regs))];
}

static uint8_t size(size_t *ret_bytes)
{
	static const uint8_t sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};
	const uint32_t i = pick(4);

	*ret_bytes = 1u << i;
	return sizes[i];
}

static void add_alu(struct code *code)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV,  BPF_MOD, BPF_OR, BPF_AND,
				      BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOV, BPF_NEG};
	const uint8_t op = ops[pick(sizeof(ops))], class = pick(2) ? BPF_ALU : BPF_ALU64;
	const bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	int32_t imm = number();

	if (op == BPF_NEG) {
		add(code, BPF_INSN(class | BPF_NEG, reg(), 0, 0, 0));
	} else if (pick(2)) {
		add(code, ALU_REG(class, op, reg(), reg()));
	} else {
		if (shift)
			imm = (int32_t)pick(class == BPF_ALU ? 32 : 64);
		if ((op == BPF_DIV || op == BPF_MOD) && !imm)
			imm = 3; /* the verifier refuses it */
		add(code, ALU_IMM(class, op, reg(), imm));
	}
}

static void add_swap(struct code *code)
{
	static const int bits[] = {16, 32, 64};

	add(code, SWAP(pick(2) ? BPF_TO_BE : BPF_TO_LE, reg(), bits[pick(3)]));
}

/* Over one instruction, which is of one slot. */
static void add_jump(struct code *code)
{
	static const uint8_t ops[] = {BPF_JEQ,	BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				      BPF_JSET, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE};
	const uint8_t op = ops[pick(sizeof(ops))], class = pick(2) ? BPF_JMP : BPF_JMP32;

	add(code, pick(2) ? JUMP_REG(class, op, reg(), reg(), 1)
			  : JUMP_IMM(class, op, reg(), number(), 1));
	add_alu(code);
}

static void add_memory(struct code *code)
{
	const bool stack = pick(2);
	size_t bytes;
	const uint8_t s = size(&bytes), base = stack ? BPF_REG_10 : BPF_REG_9;
	const size_t span = stack ? SLOTS * 8 : FRAME;
	/* The verifier wants the stack's accesses aligned where a register may be spilled. */
	const int16_t at =
	    (int16_t)((int)(pick((uint32_t)(span / bytes)) * bytes) - (stack ? SLOTS * 8 : 0));

	switch (pick(3)) {
	case 0:
		add(code, LOAD(s, reg(), base, at));
		break;
	case 1:
		add(code, STORE(s, base, reg(), at));
		break;
	default:
		add(code, STORE_IMM(s, base, number(), at));
	}
}

static void add_atomic(struct code *code)
{
	static const int32_t ops[] = {BPF_ADD,	BPF_ADD | BPF_FETCH, BPF_AND, BPF_AND | BPF_FETCH,
				      BPF_OR,	BPF_OR | BPF_FETCH,  BPF_XOR, BPF_XOR | BPF_FETCH,
				      BPF_XCHG, BPF_CMPXCHG};
	const bool wide = pick(2);
	const int16_t at = (int16_t)(-8 * (int)(1 + pick(SLOTS)));

	add(code, ATOMIC(wide ? BPF_DW : BPF_W, ops[pick(sizeof(ops) / sizeof(ops[0]))], BPF_REG_10,
			 reg(), at));
}

/* Registers and stack from the packet, whose length is checked. */
static void add_prologue(struct code *code)
{
	add(code, LOAD(BPF_W, 9, 1, offsetof(struct xdp_md, data)));
	add(code, LOAD(BPF_W, 2, 1, offsetof(struct xdp_md, data_end)));
	add(code, MOV_REG(3, 9));
	add(code, ADD(3, FRAME));
	add(code, JUMP_REG(BPF_JMP, BPF_JLE, 3, 2, 2));
	add(code, MOV(0, 0));
	add(code, EXIT);
	for (uint8_t r = 0; r <= 8; r++)
		if (r != 1)
			add(code, LOAD(BPF_DW, r, 9, (int16_t)(r * 8)));
	for (int16_t i = 1; i <= SLOTS; i++)
		add(code, STORE(BPF_DW, 10, 2 + i % 7, (int16_t)(-8 * i)));
}

/* All registers and the stack into the verdict, and the packet. */
static void add_epilogue(struct code *code)
{
	for (uint8_t r = 2; r <= 8; r++) {
		add(code, STORE(BPF_DW, 9, r, (int16_t)(r * 8)));
		add(code, ALU_REG(BPF_ALU64, BPF_XOR, 0, r));
	}
	for (int16_t i = 1; i <= SLOTS; i++) {
		add(code, LOAD(BPF_DW, 2, 10, (int16_t)(-8 * i)));
		add(code, ALU_IMM(BPF_ALU64, BPF_MUL, 0, 31));
		add(code, ALU_REG(BPF_ALU64, BPF_XOR, 0, 2));
	}
	add(code, MOV_REG(2, 0));
	add(code, ALU_IMM(BPF_ALU64, BPF_RSH, 2, 32));
	add(code, ALU_REG(BPF_ALU64, BPF_XOR, 0, 2));
	add(code, EXIT);
}

static void make_program(struct code *code)
{
	size_t jumps = 0;

	code->n = 0;
	add_prologue(code);
	for (size_t i = 0; i < STEPS; i++)
		switch (pick(8)) {
		case 0:
			add_swap(code);
			break;
		case 1:
			/* Each one may double what the verifier has to look at. */
			if (jumps++ < 7)
				add_jump(code);
			break;
		case 2:
		case 3:
			add_memory(code);
			break;
		case 4:
			add_atomic(code);
			break;
		default:
			add_alu(code);
		}
	add_epilogue(code);
}

static int load_program(const struct code *code)
{
	static char log[LOG];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 0);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "random", "GPL", code->insns, code->n, &opts);

	cr_assert_geq(fd, 0, "the kernel refuses the program: %.2000s", log);
	return fd;
}

Test(bpf_trace_kernel, random_programs_do_the_same_here_and_there)
{
	for (int i = 0; i < PROGRAMS; i++) {
		static struct bpf_trace_result traced;
		static struct code code;
		uint8_t frame[FRAME], out[2 * FRAME];
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = FRAME,
			    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
		const struct bpf_trace_program program = {1, "random", code.insns, 0};
		struct bpf_trace_program programs[] = {program};
		const struct bpf_trace_input input = {
		    .programs = programs, .n_programs = 1, .frame = frame, .len = FRAME};
		struct err err = {0};
		int fd;

		make_program(&code);
		programs[0].n_insns = code.n;
		for (size_t k = 0; k < FRAME; k++)
			frame[k] = (uint8_t)(pick(3) ? pick(256) : pick(2) * 255);
		fd = load_program(&code);
		cr_assert_eq(bpf_prog_test_run_opts(fd, &opts), 0);
		close(fd);
		cr_assert_eq(bpf_trace_run(&input, &traced, &err), 0, "%s", err.text);
		cr_assert_eq(traced.action, opts.retval, "program %d: 0x%x, in the kernel 0x%x", i,
			     traced.action, opts.retval);
		cr_assert_eq(traced.out_len, opts.data_size_out);
		cr_assert_eq(memcmp(traced.out, out, FRAME), 0, "program %d: another packet", i);
	}
}
