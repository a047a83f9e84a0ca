/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_bpf_trace.c - the counts of 'lb-bench xdp' are of what the instructions do: one property of
 * the interpreter a test, in programs of a few instructions. That it does what the kernel does is
 * tested against the kernel (test/packet/test_bpf_trace_kernel.c).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "bpf_assembler.h"
#include "bpf_trace.h"

#define CONFIG_ID     7
#define COUNTER_ID    8
#define PERCPU_ID     9
#define ARRAY_ID      10
#define RODATA_ID     11
#define HASH_ID	      12

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* 16 values of 8 bytes: two lines. */
static uint64_t config_memory[16] __attribute__((aligned(64)));
static uint64_t counter_memory[32] __attribute__((aligned(64)));
static uint32_t array_memory[2];
static struct bpf_trace_result result;
static struct err error;

static const struct bpf_trace_map maps[] = {
    {CONFIG_ID, "config", BPF_MAP_TYPE_ARRAY, 8, 16, false, config_memory},
    /* One value, as where a table is addressed directly. */
    {COUNTER_ID, "counters", BPF_MAP_TYPE_ARRAY, 256, 1, false, counter_memory},
    {PERCPU_ID, "percpu", BPF_MAP_TYPE_PERCPU_ARRAY, 16, 4, false, NULL},
    {ARRAY_ID, "programs", BPF_MAP_TYPE_PROG_ARRAY, 4, 2, false, array_memory},
    {RODATA_ID, "rodata", BPF_MAP_TYPE_ARRAY, 128, 1, true, config_memory},
    {HASH_ID, "hash", BPF_MAP_TYPE_HASH, 8, 16, false, NULL},
};

/* Runs two programs on 64 bytes of 0, 1, 2, …; only the first one gets the packet. */
static int run_two(const struct bpf_insn *first, size_t n_first, const struct bpf_insn *second,
		   size_t n_second)
{
	const struct bpf_trace_program programs[] = {{1, "first", first, n_first},
						     {2, "second", second, n_second}};
	uint8_t frame[64];
	const struct bpf_trace_input input = {
	    .programs = programs,
	    .n_programs = 2,
	    .maps = maps,
	    .n_maps = LENGTH(maps),
	    .frame = frame,
	    .len = sizeof(frame),
	    .ingress_ifindex = 3,
	    .cpu = 5,
	    .ktime_ns = 123456789,
	    .jiffies = 4242,
	};

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
	error = (struct err){0};
	return bpf_trace_run(&input, &result, &error);
}

#define RUN(program) run_two(program, LENGTH(program), NULL, 0)

/* The program ends, with this in r0. */
#define EXPECT(value, ...)                                                                         \
	do {                                                                                       \
		const struct bpf_insn program_[] = {__VA_ARGS__, EXIT};                            \
		cr_assert_eq(RUN(program_), 0, "%s", error.text);                                  \
		cr_assert_eq(result.action, (uint32_t)(value), "0x%x", result.action);             \
	} while (0)

/* The program is wrong, and the error says where and what. */
#define REFUSE(text_, ...)                                                                         \
	do {                                                                                       \
		const struct bpf_insn program_[] = {__VA_ARGS__, EXIT};                            \
		cr_assert_eq(RUN(program_), -EBADMSG);                                             \
		cr_assert(strstr(error.text, text_), "'%s' is not in: %s", text_, error.text);     \
	} while (0)

/* r0 from a 64-bit register's upper half. */
#define UPPER(r) MOV_REG(0, r), ALU_IMM(BPF_ALU64, BPF_RSH, 0, 32)

Test(bpf_trace, an_operation_of_32_bits_clears_the_upper_half)
{
	EXPECT(0xffffffff, MOV(1, -1), UPPER(1));
	EXPECT(0, MOV(1, -1), ALU_IMM(BPF_ALU, BPF_ADD, 1, 0), UPPER(1));
	EXPECT(0, ALU_IMM(BPF_ALU, BPF_MOV, 1, -1), UPPER(1));
	EXPECT(0, MOV(1, -1), ALU_IMM(BPF_ALU, BPF_ARSH, 1, 4), UPPER(1));
	EXPECT(0xffffffff, MOV(1, -16), ALU_IMM(BPF_ALU, BPF_ARSH, 1, 4), MOV_REG(0, 1));
	EXPECT(0, MOV(1, 5), ALU_IMM(BPF_ALU, BPF_NEG, 1, 0), UPPER(1));
}

Test(bpf_trace, a_division_by_zero_is_zero_and_its_remainder_the_dividend)
{
	EXPECT(0, MOV(0, 42), MOV(1, 0), ALU_REG(BPF_ALU64, BPF_DIV, 0, 1));
	EXPECT(42, MOV(0, 42), MOV(1, 0), ALU_REG(BPF_ALU64, BPF_MOD, 0, 1));
	EXPECT(5, MOV(0, 42), MOV(1, 8), ALU_REG(BPF_ALU64, BPF_DIV, 0, 1));
	EXPECT(0x7fffffff, MOV(0, -1), ALU_IMM(BPF_ALU, BPF_DIV, 0, 2));
}

Test(bpf_trace, byte_order_is_told_by_the_instruction_and_cuts_the_register)
{
	EXPECT(0x3412, IMM64(0, 0x99999999aaaa1234ull), SWAP(BPF_TO_BE, 0, 16));
	EXPECT(0x78563412, IMM64(0, 0x9999999912345678ull), SWAP(BPF_TO_BE, 0, 32));
	EXPECT(0x04030201, IMM64(0, 0x0102030405060708ull), SWAP(BPF_TO_BE, 0, 64));
	EXPECT(0x1234, IMM64(0, 0x99999999aaaa1234ull), SWAP(BPF_TO_LE, 0, 16));
}

/* r0 is 1 where the jump was taken. */
#define JUMPS(yes, class, op, a, b)                                                                \
	EXPECT(yes, MOV(0, 1), MOV(1, a), MOV(2, b), JUMP_REG(class, op, 1, 2, 1), MOV(0, 0));     \
	EXPECT(yes, MOV(0, 1), MOV(1, a), JUMP_IMM(class, op, 1, b, 1), MOV(0, 0))

Test(bpf_trace, comparisons_are_signed_or_not_and_wide_or_not)
{
	JUMPS(1, BPF_JMP, BPF_JGT, -1, 1);
	JUMPS(0, BPF_JMP, BPF_JSGT, -1, 1);
	JUMPS(1, BPF_JMP, BPF_JSLT, -1, 1);
	JUMPS(1, BPF_JMP32, BPF_JSLT, -1, 1);
	JUMPS(0, BPF_JMP, BPF_JLT, -1, 1);
	JUMPS(1, BPF_JMP, BPF_JSET, 6, 2);
	JUMPS(0, BPF_JMP, BPF_JSET, 6, 1);
	JUMPS(1, BPF_JMP, BPF_JGE, 3, 3);
	JUMPS(1, BPF_JMP, BPF_JSLE, 3, 3);
	JUMPS(0, BPF_JMP, BPF_JNE, 3, 3);
	EXPECT(1, MOV(0, 1), IMM64(1, 0x500000003ull), JUMP_IMM(BPF_JMP32, BPF_JEQ, 1, 3, 1),
	       MOV(0, 0));
	EXPECT(0, MOV(0, 1), IMM64(1, 0x500000003ull), JUMP_IMM(BPF_JMP, BPF_JEQ, 1, 3, 1),
	       MOV(0, 0));
}

Test(bpf_trace, counts_what_is_executed_and_a_long_immediate_once)
{
	EXPECT(2, IMM64(0, 2), JUMP(1), MOV(0, 9));
	cr_assert_eq(result.instructions, 3);
	EXPECT(0, MOV(0, 10), ADD(0, -1), JUMP_IMM(BPF_JMP, BPF_JNE, 0, 0, -2));
	cr_assert_eq(result.instructions, 1 + 10 * 2 + 1);
}

/* r0: the value with this key. */
#define LOOKUP(map, key)                                                                           \
	STORE_IMM(BPF_W, 10, key, -4), MOV_REG(2, 10), ADD(2, -4), MAP(1, map),                    \
	    CALL(BPF_FUNC_map_lookup_elem)

Test(bpf_trace, a_look_up_finds_the_value_and_its_line_is_configuration)
{
	config_memory[9] = 1234;
	EXPECT(1234, LOOKUP(CONFIG_ID, 9), LOAD(BPF_DW, 0, 0, 0));
	cr_assert_eq(result.lookups, 1);
	cr_assert_eq(result.helper_calls, 0);
	cr_assert_eq(result.config_lines, 1);
	cr_assert_eq(result.counter_lines, 0);
}

Test(bpf_trace, a_look_up_alone_touches_no_line)
{
	EXPECT(1, LOOKUP(CONFIG_ID, 9), MOV(0, 1));
	cr_assert_eq(result.config_lines, 0);
}

Test(bpf_trace, a_key_past_the_end_finds_nothing)
{
	EXPECT(0, LOOKUP(CONFIG_ID, 16));
	EXPECT(0, LOOKUP(CONFIG_ID, -1));
}

Test(bpf_trace, a_line_counts_once_however_often_it_is_touched)
{
	EXPECT(0, MAP_VALUE(1, COUNTER_ID, 0), LOAD(BPF_DW, 2, 1, 0), LOAD(BPF_B, 2, 1, 63),
	       MOV(0, 0));
	cr_assert_eq(result.config_lines, 1);
	EXPECT(0, MAP_VALUE(1, COUNTER_ID, 0), LOAD(BPF_DW, 2, 1, 0), LOAD(BPF_B, 2, 1, 64),
	       MOV(0, 0));
	cr_assert_eq(result.config_lines, 2);
}

Test(bpf_trace, an_access_across_two_lines_counts_both)
{
	memset(counter_memory, 0, sizeof(counter_memory));
	((uint8_t *)counter_memory)[63] = 0x11;
	((uint8_t *)counter_memory)[64] = 0x22;
	EXPECT(0x2211, MAP_VALUE(1, COUNTER_ID, 0), LOAD(BPF_H, 0, 1, 63));
	cr_assert_eq(result.config_lines, 2);
}

Test(bpf_trace, a_table_addressed_directly_is_no_look_up_and_its_lines_count)
{
	counter_memory[17] = 99;
	EXPECT(99, MAP_VALUE(1, COUNTER_ID, 8), MOV(2, 128), ALU_REG(BPF_ALU64, BPF_ADD, 1, 2),
	       LOAD(BPF_DW, 0, 1, 0));
	cr_assert_eq(result.lookups, 0);
	cr_assert_eq(result.config_lines, 1);
}

Test(bpf_trace, a_line_that_is_written_is_a_counters_even_if_it_was_read_before)
{
	EXPECT(0, MAP_VALUE(1, COUNTER_ID, 0), LOAD(BPF_DW, 2, 1, 0), ADD(2, 1),
	       STORE(BPF_DW, 1, 2, 0), MOV(0, 0));
	cr_assert_eq(result.config_lines, 0);
	cr_assert_eq(result.counter_lines, 1);
}

Test(bpf_trace, counters_by_cpu_are_where_the_cpu_says)
{
	memset(counter_memory, 0, sizeof(counter_memory));
	counter_memory[5] = 77;
	EXPECT(77, CALL(BPF_FUNC_get_smp_processor_id), ALU_IMM(BPF_ALU64, BPF_LSH, 0, 3),
	       MAP_VALUE(1, COUNTER_ID, 0), ALU_REG(BPF_ALU64, BPF_ADD, 1, 0),
	       LOAD(BPF_DW, 0, 1, 0));
	cr_assert_eq(result.helper_calls, 1);
}

Test(bpf_trace, what_is_written_is_read_again_and_the_map_stays_as_it_was)
{
	memset(counter_memory, 0, sizeof(counter_memory));
	EXPECT(41, MAP_VALUE(1, COUNTER_ID, 60), STORE_IMM(BPF_DW, 1, 41, 0),
	       LOAD(BPF_DW, 0, 1, 0));
	cr_assert_eq(result.counter_lines, 2);
	for (size_t i = 0; i < LENGTH(counter_memory); i++)
		cr_assert_eq(counter_memory[i], 0);
}

Test(bpf_trace, values_of_a_per_cpu_array_begin_as_zero_and_have_a_line_each)
{
	EXPECT(0, LOOKUP(PERCPU_ID, 0), STORE_IMM(BPF_DW, 0, 1, 0), LOOKUP(PERCPU_ID, 1),
	       STORE_IMM(BPF_DW, 0, 1, 8), LOAD(BPF_DW, 0, 0, 0));
	cr_assert_eq(result.counter_lines, 2);
	cr_assert_eq(result.lookups, 2);
}

Test(bpf_trace, atomics_change_memory_and_fetch_what_was_there)
{
	EXPECT(12, STORE_IMM(BPF_DW, 10, 5, -8), MOV(1, 7), ATOMIC(BPF_DW, BPF_ADD, 10, 1, -8),
	       LOAD(BPF_DW, 0, 10, -8));
	EXPECT(5, STORE_IMM(BPF_DW, 10, 5, -8), MOV(1, 7),
	       ATOMIC(BPF_DW, BPF_ADD | BPF_FETCH, 10, 1, -8), MOV_REG(0, 1));
	EXPECT(5, STORE_IMM(BPF_W, 10, 5, -8), MOV(1, 7), ATOMIC(BPF_W, BPF_XCHG, 10, 1, -8),
	       MOV_REG(0, 1));
	EXPECT(7, STORE_IMM(BPF_DW, 10, 5, -8), MOV(0, 5), MOV(1, 7),
	       ATOMIC(BPF_DW, BPF_CMPXCHG, 10, 1, -8), LOAD(BPF_DW, 0, 10, -8));
	EXPECT(5, STORE_IMM(BPF_DW, 10, 5, -8), MOV(0, 6), MOV(1, 7),
	       ATOMIC(BPF_DW, BPF_CMPXCHG, 10, 1, -8), LOAD(BPF_DW, 0, 10, -8));
}

Test(bpf_trace, a_subprogram_has_its_own_stack_and_saved_registers)
{
	EXPECT(11 + 3, MOV(6, 11), STORE_IMM(BPF_DW, 10, 3, -8), CALL_SUB(4), MOV_REG(0, 6),
	       LOAD(BPF_DW, 1, 10, -8), ALU_REG(BPF_ALU64, BPF_ADD, 0, 1), EXIT,
	       /* the subprogram */
	       MOV(6, 99), STORE_IMM(BPF_DW, 10, 99, -8));
}

Test(bpf_trace, a_tail_call_goes_to_the_program_in_the_array)
{
	const struct bpf_insn first[] = {MAP(2, ARRAY_ID), MOV(3, 1), CALL(BPF_FUNC_tail_call),
					 MOV(0, 1), EXIT};
	const struct bpf_insn second[] = {
	    LOAD(BPF_W, 0, 1, offsetof(struct xdp_md, ingress_ifindex)), ADD(0, 20), EXIT};

	array_memory[1] = 2;
	cr_assert_eq(run_two(first, LENGTH(first), second, LENGTH(second)), 0, "%s", error.text);
	cr_assert_eq(result.action, 23);
	cr_assert_eq(result.instructions, 6);
	cr_assert_eq(result.helper_calls, 1);
}

Test(bpf_trace, a_tail_call_to_nothing_goes_on_behind_it)
{
	array_memory[1] = 0;
	EXPECT(1, MAP(2, ARRAY_ID), MOV(3, 1), CALL(BPF_FUNC_tail_call), MOV(0, 1));
	EXPECT(1, MAP(2, ARRAY_ID), MOV(3, 2), CALL(BPF_FUNC_tail_call), MOV(0, 1));
}

Test(bpf_trace, programs_that_call_each_other_end_at_the_kernels_limit)
{
	array_memory[0] = 1;
	EXPECT(1, MAP(2, ARRAY_ID), MOV(3, 0), CALL(BPF_FUNC_tail_call), MOV(0, 1));
	cr_assert_eq(result.helper_calls, 34);
}

Test(bpf_trace, the_head_moves_and_the_packet_with_it)
{
	EXPECT(XDP_TX, MOV_REG(6, 1), MOV(2, -20), CALL(BPF_FUNC_xdp_adjust_head),
	       LOAD(BPF_W, 1, 6, 0), STORE_IMM(BPF_B, 1, 0x5a, 0), MOV(0, XDP_TX));
	cr_assert_eq(result.out_len, 84);
	cr_assert_eq(result.out[0], 0x5a);
	cr_assert_eq(result.out[1], 0);
	cr_assert_eq(result.out[20 + 7], 7);
}

Test(bpf_trace, the_head_stays_where_there_is_no_room)
{
	EXPECT(-EINVAL, MOV(2, -XDP_PACKET_HEADROOM), CALL(BPF_FUNC_xdp_adjust_head));
	cr_assert_eq(result.out_len, 64);
	EXPECT(-EINVAL, MOV(2, 64 - 13), CALL(BPF_FUNC_xdp_adjust_head));
	EXPECT(0, MOV(2, 64 - 14), CALL(BPF_FUNC_xdp_adjust_head));
	cr_assert_eq(result.out_len, 14);
}

Test(bpf_trace, clock_and_device_are_those_passed_in)
{
	EXPECT(123456789, CALL(BPF_FUNC_ktime_get_ns));
	EXPECT(4242, CALL(BPF_FUNC_jiffies64));
	EXPECT(XDP_REDIRECT, MOV(1, 9), MOV(2, 0), CALL(BPF_FUNC_redirect));
	cr_assert_eq(result.redirect_ifindex, 9);
}

#define PACKET(r)     LOAD(BPF_W, r, 1, offsetof(struct xdp_md, data))
#define PACKET_END(r) LOAD(BPF_W, r, 1, offsetof(struct xdp_md, data_end))

Test(bpf_trace, the_packet_lies_between_its_ends)
{
	EXPECT(64, PACKET(2), PACKET_END(0), ALU_REG(BPF_ALU64, BPF_SUB, 0, 2));
	EXPECT(63, PACKET(2), LOAD(BPF_B, 0, 2, 63));
	REFUSE("first, instruction 1: a read of 1 bytes at byte 64 of the packet, which has 64",
	       PACKET(2), LOAD(BPF_B, 0, 2, 64));
	REFUSE("a write of 2 bytes at byte 63 of", PACKET(2), STORE_IMM(BPF_H, 2, 0, 63));
	REFUSE("a read of 1 bytes at byte -1 of", PACKET(2), LOAD(BPF_B, 0, 2, -1));
}

Test(bpf_trace, an_access_outside_of_memory_is_refused)
{
	REFUSE("a read of 8 bytes at 0x0, which is no memory", MOV(1, 0), LOAD(BPF_DW, 0, 1, 0));
	REFUSE("which is no memory", MOV(1, 4711), STORE_IMM(BPF_B, 1, 0, 0));
	REFUSE("which is no memory", IMM64(1, 0x7fffdeadbeef1234ull), LOAD(BPF_DW, 0, 1, 0));
	REFUSE("which is no memory", MAP(1, CONFIG_ID), LOAD(BPF_DW, 0, 1, 0));
	REFUSE("a write of 8 bytes -4 bytes from the top of the stack",
	       STORE_IMM(BPF_DW, 10, 0, -4));
	REFUSE("-513 bytes from the top of the stack", LOAD(BPF_B, 0, 10, -513));
	REFUSE("at offset 9 of map config, which has 16 values of 8 bytes", LOOKUP(CONFIG_ID, 1),
	       LOAD(BPF_DW, 0, 0, 1));
	REFUSE("at offset -8 of map config", LOOKUP(CONFIG_ID, 0), LOAD(BPF_DW, 0, 0, -8));
	REFUSE("at offset 256 of map counters", MAP_VALUE(1, COUNTER_ID, 0),
	       LOAD(BPF_B, 0, 1, 256));
	REFUSE("a write to map rodata, which is read-only", MAP_VALUE(1, RODATA_ID, 0),
	       STORE_IMM(BPF_B, 1, 0, 0));
	REFUSE("a load of 8 bytes from the context", LOAD(BPF_DW, 0, 1, 0));
	REFUSE("the context's field at offset 20 is not known", LOAD(BPF_W, 0, 1, 20));
	REFUSE("a write of the context", STORE_IMM(BPF_W, 1, 0, 0));
}

Test(bpf_trace, what_is_not_known_is_named)
{
	REFUSE("first, instruction 1: helper 69 (bpf_fib_lookup) is not known", MOV(0, 0),
	       CALL(BPF_FUNC_fib_lookup));
	REFUSE("helper 9999 (bpf_?)", CALL(9999));
	REFUSE("opcode 0x30", BPF_INSN(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 0));
	REFUSE("opcode 0xbf (dst r0, src r1, offset 8, immediate 0) is not known",
	       BPF_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 8, 0));
	REFUSE("opcode 0x18 (dst r1, src r4",
	       BPF_INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_FUNC, 0, 0), (struct bpf_insn){0});
	REFUSE("a map with id 99 was not passed in", MAP(1, 99));
	REFUSE("a look-up in map hash, whose type 1 is not known", LOOKUP(HASH_ID, 0));
	REFUSE("is not a map", MOV(1, 8), CALL(BPF_FUNC_map_lookup_elem));
}

Test(bpf_trace, a_tail_call_to_a_program_that_is_not_there_is_refused)
{
	array_memory[1] = 55;
	REFUSE("program 55, which was not passed in", MAP(2, ARRAY_ID), MOV(3, 1),
	       CALL(BPF_FUNC_tail_call));
	array_memory[1] = 0;
}

Test(bpf_trace, a_program_that_does_not_end_is_refused)
{
	REFUSE("more than 1000000 instructions", JUMP(-1));
	REFUSE("more than 8 calls deep", CALL_SUB(-1));
	REFUSE("first, instruction 3: the program has no such instruction", JUMP(2), EXIT);
}

Test(bpf_trace, a_frame_that_is_too_long_is_refused)
{
	static const struct bpf_insn program[] = {{.code = BPF_JMP | BPF_EXIT}};
	static uint8_t frame[BPF_TRACE_PACKET_MAX + 1];
	const struct bpf_trace_program programs[] = {{1, "first", program, 1}};
	struct bpf_trace_input input = {
	    .programs = programs, .n_programs = 1, .frame = frame, .len = sizeof(frame)};

	cr_assert_eq(bpf_trace_run(&input, &result, &error), -E2BIG);
	input.len--;
	cr_assert_eq(bpf_trace_run(&input, &result, &error), 0);
	cr_assert_eq(result.out_len, BPF_TRACE_PACKET_MAX);
}
