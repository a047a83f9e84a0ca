/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf_assembler.h - BPF instructions as a test writes them: one expression each, for programs that
 * no compiler would make.
 */
#ifndef TEST_BPF_ASSEMBLER_H
#define TEST_BPF_ASSEMBLER_H

#include <linux/bpf.h>

#define BPF_INSN(c, d, s, o, i)                                                                    \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

/* class: BPF_ALU or BPF_ALU64; op: BPF_ADD, … */
#define ALU_IMM(class, op, d, i) BPF_INSN((class) | (op) | BPF_K, d, 0, 0, i)
#define ALU_REG(class, op, d, s) BPF_INSN((class) | (op) | BPF_X, d, s, 0, 0)
#define MOV(d, i)		 ALU_IMM(BPF_ALU64, BPF_MOV, d, i)
#define MOV_REG(d, s)		 ALU_REG(BPF_ALU64, BPF_MOV, d, s)
#define ADD(d, i)		 ALU_IMM(BPF_ALU64, BPF_ADD, d, i)
#define SWAP(order, d, bits)	 BPF_INSN(BPF_ALU | BPF_END | (order), d, 0, 0, bits)
/* class: BPF_JMP or BPF_JMP32 */
#define JUMP(o)			     BPF_INSN(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define JUMP_IMM(class, op, d, i, o) BPF_INSN((class) | (op) | BPF_K, d, 0, o, i)
#define JUMP_REG(class, op, d, s, o) BPF_INSN((class) | (op) | BPF_X, d, s, o, 0)
#define CALL(helper)		     BPF_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define CALL_SUB(o)		     BPF_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, o)
#define EXIT			     BPF_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* size: BPF_B, BPF_H, BPF_W, BPF_DW */
#define LOAD(size, d, s, o)	  BPF_INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, s, o)	  BPF_INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define STORE_IMM(size, d, i, o)  BPF_INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)
#define ATOMIC(size, op, d, s, o) BPF_INSN(BPF_STX | BPF_ATOMIC | (size), d, s, o, op)
/* Two slots each. */
#define IMM64(d, value)                                                                            \
	BPF_INSN(BPF_LD | BPF_IMM | BPF_DW, d, 0, 0, (int)(value)),                                \
	    BPF_INSN(0, 0, 0, 0, (int)((unsigned long long)(value) >> 32))
#define MAP(d, id)                                                                                 \
	BPF_INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, id), (struct bpf_insn)        \
	{                                                                                          \
		0                                                                                  \
	}
#define MAP_VALUE(d, id, at)                                                                       \
	BPF_INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_VALUE, 0, id),                       \
	    BPF_INSN(0, 0, 0, 0, at)

#endif
