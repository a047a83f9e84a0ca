/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * arena.c - a bump allocator over growing blocks. 100,000 backends are a million allocations;
 * malloc() for each would cost more than the parsing.
 */
#include "conf/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN ((size_t)4096)
#define BLOCK_MAX ((size_t)1 << 20)

struct block {
	struct block *next;
	size_t size, used;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct block *blocks; /* the newest first */
	size_t next_size;
};

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena)
		arena->next_size = BLOCK_MIN;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct block *b = arena->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(arena);
}

static struct block *block_add(struct arena *arena, size_t at_least)
{
	size_t size = arena->next_size > at_least ? arena->next_size : at_least;
	struct block *b = malloc(sizeof(*b) + size);

	if (!b)
		return NULL;
	b->size = size;
	b->used = 0;
	b->next = arena->blocks;
	arena->blocks = b;
	if (arena->next_size < BLOCK_MAX)
		arena->next_size *= 2;
	return b;
}

static void *take(struct arena *arena, size_t size, size_t align)
{
	struct block *b = arena->blocks;
	size_t start = b ? (b->used + align - 1) & ~(align - 1) : 0;

	if (!b || start > b->size || size > b->size - start) {
		if (size > SIZE_MAX / 2)
			return NULL;
		b = block_add(arena, size);
		start = 0;
	}
	if (!b)
		return NULL;
	b->used = start + size;
	return b->bytes + start;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *p = take(arena, size, alignof(max_align_t));

	return p ? memset(p, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return arena_alloc(arena, bytes);
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
	char *copy = take(arena, len + 1, 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}
