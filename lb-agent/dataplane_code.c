/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_code.c - a program's instructions as the kernel was given them, for who wants to know
 * what a packet does on its way (lb-bench xdp). The kernel's own dump is of what it made of them,
 * and another one on each kernel.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "dataplane_internal.h"

static bool names_map(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) &&
	       (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE);
}

int dataplane_copy_code(const struct bpf_program *program, struct dataplane_code *ret_code)
{
	const size_t n = bpf_program__insn_cnt(program);
	struct bpf_insn *insns = malloc(n * sizeof(*insns));

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(program), n * sizeof(*insns));
	for (size_t i = 0; i < n; i++) {
		uint32_t id;

		if (!names_map(&insns[i]))
			continue;
		id = dp_map_id(insns[i].imm);
		if (!id) {
			free(insns);
			return -EBADF;
		}
		insns[i++].imm = (int32_t)id; /* and past its second half */
	}
	*ret_code = (struct dataplane_code){.insns = insns, .n_insns = n};
	return 0;
}

void dataplane_code_free(struct dataplane_code *code)
{
	free(code->insns);
	*code = (struct dataplane_code){0};
}

const struct dataplane_code *dataplane_program_code(const struct dataplane *dp)
{
	const struct dp_generation *gen = dp_generation_target(dp);

	return gen && gen->code.insns ? &gen->code : NULL;
}
