/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf_trace.c - the instructions (see bpf_trace.h). Section numbers are those of RFC 9669.
 */
#include "bpf_trace_internal.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INSTRUCTIONS_MAX 1000000u /* more than that is a loop that does not end */

static int unknown(struct trace *t, const struct bpf_insn *insn)
{
	return trace_fail(t,
			  "opcode 0x%02x (dst r%u, src r%u, offset %d, immediate %d) is not known",
			  insn->code, insn->dst_reg, insn->src_reg, insn->off, insn->imm);
}

/* Section 4.1. False: there is no such operation. Shifts count modulo the width, as the JITs have
 * it; a division by 0 is 0, a remainder of one leaves the dividend. */
static bool alu(uint8_t op, bool wide, uint64_t a, uint64_t b, uint64_t *ret_value)
{
	const unsigned int shift = (unsigned int)(b & (wide ? 63 : 31));

	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (op) {
	case BPF_ADD:
		a += b;
		break;
	case BPF_SUB:
		a -= b;
		break;
	case BPF_MUL:
		a *= b;
		break;
	case BPF_DIV:
		a = b ? a / b : 0;
		break;
	case BPF_MOD:
		a = b ? a % b : a;
		break;
	case BPF_OR:
		a |= b;
		break;
	case BPF_AND:
		a &= b;
		break;
	case BPF_XOR:
		a ^= b;
		break;
	case BPF_LSH:
		a <<= shift;
		break;
	case BPF_RSH:
		a >>= shift;
		break;
	case BPF_ARSH:
		a = wide ? (uint64_t)((int64_t)a >> shift) : (uint64_t)((int32_t)a >> shift);
		break;
	case BPF_NEG:
		a = -a;
		break;
	case BPF_MOV:
		a = b;
		break;
	default:
		return false;
	}
	*ret_value = wide ? a : (uint32_t)a;
	return true;
}

/* Section 4.2. */
static int byte_swap(struct trace *t, const struct bpf_insn *insn)
{
	const bool big = BPF_SRC(insn->code) == BPF_TO_BE;
	uint64_t *dst = &t->reg[insn->dst_reg];

	switch (insn->imm) {
	case 16:
		*dst = big ? htobe16((uint16_t)*dst) : htole16((uint16_t)*dst);
		return 0;
	case 32:
		*dst = big ? htobe32((uint32_t)*dst) : htole32((uint32_t)*dst);
		return 0;
	case 64:
		*dst = big ? htobe64(*dst) : htole64(*dst);
		return 0;
	default:
		return unknown(t, insn);
	}
}

/* The second operand: a register, or the immediate with its sign. */
static uint64_t source(const struct trace *t, const struct bpf_insn *insn)
{
	return BPF_SRC(insn->code) == BPF_X ? t->reg[insn->src_reg] : (uint64_t)(int64_t)insn->imm;
}

static int step_alu(struct trace *t, const struct bpf_insn *insn)
{
	const bool wide = BPF_CLASS(insn->code) == BPF_ALU64;
	uint64_t *dst = &t->reg[insn->dst_reg];

	if (insn->off) /* signed operations of later instruction sets */
		return unknown(t, insn);
	if (BPF_OP(insn->code) == BPF_END)
		return wide ? unknown(t, insn) : byte_swap(t, insn);
	return alu(BPF_OP(insn->code), wide, *dst, source(t, insn), dst) ? 0 : unknown(t, insn);
}

/* Section 4.3; -1: there is no such comparison. */
static int compare(uint8_t op, bool wide, uint64_t a, uint64_t b)
{
	const int64_t sa = wide ? (int64_t)a : (int32_t)a, sb = wide ? (int64_t)b : (int32_t)b;

	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSET:
		return (a & b) != 0;
	case BPF_JSGT:
		return sa > sb;
	case BPF_JSGE:
		return sa >= sb;
	case BPF_JSLT:
		return sa < sb;
	case BPF_JSLE:
		return sa <= sb;
	default:
		return -1;
	}
}

/* A subprogram has its own r6 to r9 and its own stack. */
static int call_subprogram(struct trace *t, const struct bpf_insn *insn)
{
	struct trace_frame *frame = &t->frames[t->depth];

	if (t->depth + 1 == TRACE_FRAMES)
		return trace_fail(t, "more than %u calls deep", TRACE_FRAMES);
	memcpy(frame->saved, &t->reg[BPF_REG_6], sizeof(frame->saved));
	frame->return_pc = t->pc + 1;
	t->depth++;
	t->reg[BPF_REG_10] += TRACE_STACK;
	t->pc += (size_t)((int64_t)insn->imm + 1);
	return 0;
}

static int step_call(struct trace *t, const struct bpf_insn *insn)
{
	bool switched;
	int r;

	if (insn->src_reg == BPF_PSEUDO_CALL)
		return call_subprogram(t, insn);
	if (insn->src_reg)
		return unknown(t, insn);
	r = trace_helper(t, insn->imm, &switched);
	if (!r && !switched)
		t->pc++;
	return r;
}

static void step_exit(struct trace *t, bool *ret_done)
{
	struct trace_frame *frame;

	*ret_done = !t->depth;
	if (*ret_done)
		return;
	frame = &t->frames[--t->depth];
	memcpy(&t->reg[BPF_REG_6], frame->saved, sizeof(frame->saved));
	t->pc = frame->return_pc;
}

static int step_jump(struct trace *t, const struct bpf_insn *insn, bool *ret_done)
{
	const bool wide = BPF_CLASS(insn->code) == BPF_JMP;
	int taken = 1;

	if (insn->code == (BPF_JMP | BPF_CALL))
		return step_call(t, insn);
	if (insn->code == (BPF_JMP | BPF_EXIT)) {
		step_exit(t, ret_done);
		return 0;
	}
	if (insn->code != (BPF_JMP | BPF_JA))
		taken = compare(BPF_OP(insn->code), wide, t->reg[insn->dst_reg], source(t, insn));
	if (taken < 0)
		return unknown(t, insn);
	t->pc += (size_t)(1 + (taken ? (int64_t)insn->off : 0));
	return 0;
}

static size_t size_of(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

/* Values of 1 to 8 bytes in the host's order. */
static uint64_t from_bytes(const uint8_t *bytes, size_t size)
{
	uint16_t half;
	uint32_t word;
	uint64_t value;

	switch (size) {
	case 1:
		return *bytes;
	case 2:
		memcpy(&half, bytes, sizeof(half));
		return half;
	case 4:
		memcpy(&word, bytes, sizeof(word));
		return word;
	default:
		memcpy(&value, bytes, sizeof(value));
		return value;
	}
}

static int load(struct trace *t, uint64_t address, size_t size, uint64_t *ret_value)
{
	uint8_t bytes[8];
	int r;

	if (trace_is_ctx(address))
		return trace_read_ctx(t, address, size, ret_value);
	r = trace_read(t, address, size, bytes);
	if (!r)
		*ret_value = from_bytes(bytes, size);
	return r;
}

static int store(struct trace *t, uint64_t address, size_t size, uint64_t value)
{
	const uint16_t half = (uint16_t)value;
	const uint32_t word = (uint32_t)value;
	const uint8_t byte = (uint8_t)value;

	switch (size) {
	case 1:
		return trace_write(t, address, size, &byte);
	case 2:
		return trace_write(t, address, size, &half);
	case 4:
		return trace_write(t, address, size, &word);
	default:
		return trace_write(t, address, size, &value);
	}
}

/* Section 5.3: what a read-modify-write leaves in memory. False: there is none such. */
static bool atomic_result(int32_t op, bool wide, uint64_t old, uint64_t operand, uint64_t expected,
			  uint64_t *ret_value)
{
	switch (op) {
	case BPF_XCHG:
		*ret_value = operand;
		return true;
	case BPF_CMPXCHG:
		*ret_value = old == (wide ? expected : (uint32_t)expected) ? operand : old;
		return true;
	case BPF_ADD:
	case BPF_ADD | BPF_FETCH:
	case BPF_AND:
	case BPF_AND | BPF_FETCH:
	case BPF_OR:
	case BPF_OR | BPF_FETCH:
	case BPF_XOR:
	case BPF_XOR | BPF_FETCH:
		return alu((uint8_t)(op & ~BPF_FETCH), wide, old, operand, ret_value);
	default:
		return false;
	}
}

static int step_atomic(struct trace *t, const struct bpf_insn *insn, uint64_t address)
{
	const size_t size = size_of(insn);
	uint64_t old, value;
	int r;

	if (size < 4)
		return unknown(t, insn);
	r = load(t, address, size, &old);
	if (r)
		return r;
	if (!atomic_result(insn->imm, size == 8, old, t->reg[insn->src_reg], t->reg[BPF_REG_0],
			   &value))
		return unknown(t, insn);
	r = store(t, address, size, value);
	if (insn->imm == BPF_CMPXCHG)
		t->reg[BPF_REG_0] = old;
	else if (insn->imm & BPF_FETCH)
		t->reg[insn->src_reg] = old;
	t->pc++;
	return r;
}

static int step_store(struct trace *t, const struct bpf_insn *insn)
{
	const uint64_t address = t->reg[insn->dst_reg] + (uint64_t)(int64_t)insn->off;
	const bool immediate = BPF_CLASS(insn->code) == BPF_ST;

	if (BPF_MODE(insn->code) == BPF_ATOMIC && !immediate)
		return step_atomic(t, insn, address);
	if (BPF_MODE(insn->code) != BPF_MEM)
		return unknown(t, insn);
	t->pc++;
	return store(t, address, size_of(insn),
		     immediate ? (uint64_t)(int64_t)insn->imm : t->reg[insn->src_reg]);
}

static int step_load(struct trace *t, const struct bpf_insn *insn)
{
	const uint64_t address = t->reg[insn->src_reg] + (uint64_t)(int64_t)insn->off;
	int r;

	if (BPF_MODE(insn->code) != BPF_MEM)
		return unknown(t, insn);
	r = load(t, address, size_of(insn), &t->reg[insn->dst_reg]);
	t->pc += !r;
	return r;
}

/* Section 5.4: a 64-bit constant, a map, or a place in the only value of one. */
static int step_immediate(struct trace *t, const struct bpf_insn *insn)
{
	uint64_t *dst = &t->reg[insn->dst_reg];
	size_t index;
	int r = 0;

	if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) || t->pc + 1 >= t->program->n_insns)
		return unknown(t, insn);
	switch (insn->src_reg) {
	case 0:
		*dst = (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;
		break;
	case BPF_PSEUDO_MAP_FD:
		r = trace_find_map(t, (uint32_t)insn->imm, &index);
		if (!r)
			*dst = trace_address(TRACE_MAPS + 2 * index, 0);
		break;
	case BPF_PSEUDO_MAP_VALUE:
		r = trace_find_map(t, (uint32_t)insn->imm, &index);
		if (!r)
			*dst = trace_address(TRACE_MAPS + 2 * index + 1, (uint32_t)insn[1].imm);
		break;
	default:
		return unknown(t, insn);
	}
	t->pc += r ? 0 : 2;
	return r;
}

static int step(struct trace *t, bool *ret_done)
{
	const struct bpf_insn *insn;
	int r;

	if (t->pc >= t->program->n_insns)
		return trace_fail(t, "the program has no such instruction");
	insn = &t->program->insns[t->pc];
	if (insn->dst_reg >= TRACE_REGS || insn->src_reg >= TRACE_REGS)
		return unknown(t, insn);
	if (t->result->instructions++ == INSTRUCTIONS_MAX)
		return trace_fail(t, "more than %u instructions were executed", INSTRUCTIONS_MAX);
	if (t->program->executed)
		t->program->executed[t->pc]++;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		r = step_alu(t, insn);
		t->pc += !r;
		return r;
	case BPF_JMP:
	case BPF_JMP32:
		return step_jump(t, insn, ret_done);
	case BPF_LDX:
		return step_load(t, insn);
	case BPF_ST:
	case BPF_STX:
		return step_store(t, insn);
	default:
		return step_immediate(t, insn);
	}
}

void trace_enter(struct trace *t, const struct bpf_trace_program *program)
{
	t->program = program;
	t->pc = 0;
	memset(t->reg, 0, sizeof(t->reg));
	t->reg[BPF_REG_1] = trace_address(TRACE_CTX, 0);
	t->reg[BPF_REG_10] = trace_address(TRACE_STACKS, TRACE_STACK);
}

static void finish(struct trace *t)
{
	struct bpf_trace_result *result = t->result;

	result->action = (uint32_t)t->reg[BPF_REG_0];
	result->out_len = t->data_end - t->data;
	memcpy(result->out, t->packet + t->data, result->out_len);
	for (size_t i = 0; i < t->n_lines; i++)
		if (t->lines[i].written)
			result->counter_lines++;
		else
			result->config_lines++;
}

int bpf_trace_run(const struct bpf_trace_input *input, struct bpf_trace_result *ret_result,
		  struct err *err)
{
	struct trace *t;
	bool done = false;
	int r = 0;

	*ret_result = (struct bpf_trace_result){0};
	if (input->len > BPF_TRACE_PACKET_MAX)
		return err_set(err, -E2BIG, "a frame of %zu bytes; %u are the most", input->len,
			       BPF_TRACE_PACKET_MAX);
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	t->input = input;
	t->result = ret_result;
	t->err = err;
	t->data = XDP_PACKET_HEADROOM;
	t->data_end = t->data + input->len;
	memcpy(t->packet + t->data, input->frame, input->len);
	trace_enter(t, &input->programs[0]);
	while (!r && !done)
		r = step(t, &done);
	if (!r)
		finish(t);
	free(t);
	return r;
}
