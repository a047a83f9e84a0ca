/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_bench_count.c - 'lb-bench xdp --count' has figures only for packets that took the row's
 * path, and took it in the interpreter as in the kernel.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "dataplane.h"
#include "xdp.h"

/* One row of the small configurations, in its scene. */
static struct xdp_rows one_row(const char *name)
{
	const struct xdp_size size = {.quick = true};
	struct xdp_rows rows;
	struct err err = {0};

	cr_assert_eq(xdp_rows_make(&size, name, &rows), 0);
	cr_assert_eq(rows.n, 1, "%zu rows match %s", rows.n, name);
	cr_assert_eq(xdp_scene_open(&rows.rows[0].config, &rows.rows[0].scene, &err), 0, "%s",
		     err.text);
	return rows;
}

/* xdp_count_row() compares with the kernel: a row that is counted came out the same. */
Test(bench_count, counts_a_packet_of_every_path_that_comes_out_as_in_the_kernel)
{
	const struct xdp_size size = {.quick = true};
	size_t counted = 0;
	struct xdp_rows rows;

	cr_assert_eq(xdp_rows_make(&size, NULL, &rows), 0);
	for (size_t i = 0; i < rows.n; i++) {
		struct xdp_row *row = &rows.rows[i];
		struct err err = {0};

		if (row->config.backends > 1000 || row->config.vips > 1000)
			continue;
		cr_assert_eq(xdp_scene_open(&row->config, &row->scene, &err), 0, "%s: %s",
			     row->name, err.text);
		cr_assert_eq(xdp_count_row(row, NULL, &err), 0, "%s: %s", row->name, err.text);
		cr_assert_gt(row->cost.instructions, 10, "%s", row->name);
		if (row->expect == LB_REASON_FORWARDED)
			cr_assert_geq(row->cost.config_lines, 3, "%s", row->name);
		cr_assert_geq(row->cost.counter_lines, 1, "%s", row->name);
		xdp_scene_close(row->scene);
		counted++;
	}
	cr_assert_geq(counted, 40);
	xdp_rows_free(&rows);
}

Test(bench_count, the_files_of_a_path_add_up_to_the_balancers_instructions)
{
	struct xdp_rows rows = one_row("v6-tcp-ipip-clean-direct");
	struct xdp_row *row = &rows.rows[0];
	struct xdp_lines *lines;
	struct err err = {0};
	uint64_t sum = 0, forward = 0, other = 0;

	cr_assert_eq(xdp_lines_open(&lines, &err), 0, "%s", err.text);
	cr_assert_eq(xdp_count_row(row, lines, &err), 0, "%s", err.text);
	for (size_t i = 0; i < row->files.n; i++) {
		const struct xdp_file *file = &row->files.files[i];

		cr_assert(!i || file->instructions <= file[-1].instructions);
		cr_assert_gt(file->instructions, 0);
		sum += file->instructions;
		if (!strcmp(file->name, "fwd_ipip.h"))
			forward += file->instructions;
		else if (!strcmp(file->name, "fwd_l2.h"))
			other += file->instructions;
	}
	cr_assert_eq(sum, row->cost.instructions);
	/* The compiler may share some between both, and names one. */
	cr_assert_gt(forward, 20);
	cr_assert_lt(other, 10);
	xdp_lines_close(lines);
	xdp_scene_close(row->scene);
	xdp_rows_free(&rows);
}

Test(bench_count, what_lies_behind_the_programs_own_section_is_of_subprograms)
{
	static uint32_t executed[1u << 16];
	struct xdp_files files = {0};
	struct xdp_lines *lines;
	struct err err = {0};

	executed[(1u << 16) - 1] = 3;
	cr_assert_eq(xdp_lines_open(&lines, &err), 0, "%s", err.text);
	cr_assert_eq(xdp_lines_add(lines, executed, 1u << 16, &files), 0);
	cr_assert_eq(files.n, 1);
	cr_assert_str_eq(files.files[0].name, "(subprograms)");
	cr_assert_eq(files.files[0].instructions, 3);
	xdp_lines_close(lines);
}

static struct xdp_cost cost_of(const char *name)
{
	struct xdp_rows rows = one_row(name);
	struct xdp_cost cost;
	struct err err = {0};

	cr_assert_eq(xdp_count_row(&rows.rows[0], NULL, &err), 0, "%s", err.text);
	cost = rows.rows[0].cost;
	xdp_scene_close(rows.rows[0].scene);
	xdp_rows_free(&rows);
	return cost;
}

Test(bench_count, counts_the_root_program_with_the_balancer)
{
	const struct xdp_cost whole = cost_of("v6-tcp-ipip-clean"),
			      direct = cost_of("v6-tcp-ipip-clean-direct");

	cr_assert_eq(whole.helper_calls, direct.helper_calls + 1); /* the tail call */
	cr_assert_gt(whole.instructions, direct.instructions + 3);
	cr_assert_eq(whole.config_lines, direct.config_lines);
}

Test(bench_count, counts_the_same_with_a_large_configuration)
{
	const struct xdp_cost small = cost_of("v4-tcp-ipip-clean"),
			      large = cost_of("v4-tcp-ipip-clean-1k-vips-1k-backends");

	cr_assert_eq(small.instructions, large.instructions);
	cr_assert_eq(small.config_lines, large.config_lines);
	cr_assert_eq(small.counter_lines, large.counter_lines);
}

Test(bench_count, counting_changes_nothing_but_by_the_kernels_run)
{
	struct xdp_rows rows = one_row("v4-udp-ipip-clean");
	struct err err = {0};
	uint64_t packets;
	size_t used;

	cr_assert_eq(xdp_count_row(&rows.rows[0], NULL, &err), 0, "%s", err.text);
	cr_assert_eq(xdp_scene_backend_packets(rows.rows[0].scene, &packets, &used, &err), 0);
	cr_assert_eq(packets, 1);
	xdp_scene_close(rows.rows[0].scene);
	xdp_rows_free(&rows);
}

/* `word` is in the error of a row that lies about itself. */
static void refuse_count(struct xdp_rows *rows, const char *word)
{
	struct err err = {0};

	cr_assert_eq(xdp_count_row(&rows->rows[0], NULL, &err), -EBADMSG);
	cr_assert(strstr(err.text, word), "'%s' is not in: %s", word, err.text);
	cr_assert_eq(rows->rows[0].cost.instructions, 0);
	xdp_scene_close(rows->rows[0].scene);
	xdp_rows_free(rows);
}

Test(bench_count, does_not_count_a_packet_that_was_dropped)
{
	struct xdp_rows rows = one_row("v4-tcp-ipip-clean");

	xdp_scene_spoil(rows.rows[0].scene);
	refuse_count(&rows, "the action is 1, not 3");
}

Test(bench_count, does_not_count_a_packet_that_came_out_longer_than_its_row_says)
{
	struct xdp_rows rows = one_row("v4-tcp-l2-clean");

	rows.rows[0].config.ipip = true;
	refuse_count(&rows, "64 bytes come out, not 84");
}

Test(bench_count, does_not_count_a_root_program_without_a_balancer_behind_it)
{
	struct xdp_rows rows = one_row("v4-tcp-ipip-clean");

	xdp_scene_empty_root(rows.rows[0].scene);
	refuse_count(&rows, "the action is 2, not 3");
}

/* The interpreter, and it alone, finds another root program. */
static void change_root(struct xdp_rows *rows, const struct bpf_insn *insns, size_t n)
{
	const struct dataplane_code *code = xdp_scene_root_code(rows->rows[0].scene);

	cr_assert_leq(n, code->n_insns);
	memcpy(code->insns, insns, n * sizeof(*insns));
}

Test(bench_count, does_not_count_a_walk_with_another_verdict_than_the_kernels)
{
	static const struct bpf_insn drop[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	struct xdp_rows rows = one_row("v4-not-a-vip");

	change_root(&rows, drop, 2);
	refuse_count(&rows, "the action is 1, in the kernel 2");
}

Test(bench_count, does_not_count_a_walk_that_makes_another_packet_than_the_kernels)
{
	static const struct bpf_insn spoil[] = {
	    {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1},
	    {.code = BPF_ST | BPF_MEM | BPF_B, .dst_reg = BPF_REG_2, .off = 5, .imm = 0x77},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	struct xdp_rows rows = one_row("v4-not-a-vip");

	change_root(&rows, spoil, 4);
	refuse_count(&rows, "byte 5 of the packet is 0x77, in the kernel 0xfe");
}

Test(bench_count, does_not_count_what_it_cannot_follow)
{
	static const struct bpf_insn random[] = {
	    {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_prandom_u32},
	};
	struct xdp_rows rows = one_row("v4-not-a-vip");

	change_root(&rows, random, 1);
	refuse_count(&rows, "sluice_root, instruction 0: helper 7 (bpf_get_prandom_u32)");
}
