/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_conf_index.c - the arena and the hash index below the parser.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "conf/arena.h"
#include "conf/index.h"

Test(conf_index, finds_what_was_added_among_many)
{
	enum {
		N = 100000
	};
	static uint32_t keys[N];
	struct index *index = index_new();
	uint32_t missing = N;
	size_t value;

	for (uint32_t i = 0; i < N; i++) {
		keys[i] = i;
		cr_assert_eq(index_add(index, &keys[i], sizeof(keys[i]), i * 3u, NULL), 0);
	}
	for (uint32_t i = 0; i < N; i++) {
		cr_assert(index_find(index, &keys[i], sizeof(keys[i]), &value));
		cr_assert_eq(value, i * 3u);
	}
	cr_assert_not(index_find(index, &missing, sizeof(missing), &value));
	index_free(index);
}

Test(conf_index, keeps_the_first_of_equal_keys)
{
	struct index *index = index_new();
	size_t first = 0;

	cr_assert_eq(index_add(index, "abc", 3, 1, NULL), 0);
	cr_assert_eq(index_add(index, "abcd", 4, 2, NULL), 0);
	cr_assert_eq(index_add(index, "abcX", 3, 3, &first), -EEXIST);
	cr_assert_eq(first, 1);
	cr_assert_eq(index_add(index, "", 0, 4, NULL), 0);
	cr_assert_eq(index_add(index, "", 0, 5, &first), -EEXIST);
	cr_assert_eq(first, 4);
	index_free(index);
	index_free(NULL);
}

Test(conf_arena, gives_aligned_zeroed_memory_that_does_not_overlap)
{
	struct arena *arena = arena_new();
	unsigned char *blocks[300];

	for (size_t i = 0; i < 300; i++) {
		size_t size = i * 37;

		blocks[i] = arena_alloc(arena, size);
		cr_assert_not_null(blocks[i]);
		cr_assert_eq((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < size; j++)
			cr_assert_eq(blocks[i][j], 0);
		memset(blocks[i], (int)i | 1, size);
		cr_assert_str_eq(arena_text(arena, "abcdef", 3), "abc");
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t j = 0; j < i * 37; j++)
			cr_assert_eq(blocks[i][j], (unsigned char)(i | 1));
	arena_free(arena);
	arena_free(NULL);
}

Test(conf_arena, takes_a_block_larger_than_its_own)
{
	struct arena *arena = arena_new();
	char *large = arena_alloc(arena, 10 << 20);

	cr_assert_not_null(large);
	memset(large, 1, 10 << 20);
	cr_assert_null(arena_array(arena, SIZE_MAX / 2, 4));
	cr_assert_null(arena_alloc(arena, SIZE_MAX - 8));
	arena_free(arena);
}
