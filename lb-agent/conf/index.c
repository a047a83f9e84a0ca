/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * index.c - open addressing with linear probing, at most half full.
 */
#include "conf/index.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	const void *key; /* NULL: empty */
	size_t len;
	size_t value;
	uint64_t hash;
};

struct index {
	struct entry *entries;
	size_t capacity; /* a power of two */
	size_t used;
};

#define INITIAL_CAPACITY 64

struct index *index_new(void)
{
	struct index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->capacity = INITIAL_CAPACITY;
	index->entries = calloc(index->capacity, sizeof(*index->entries));
	if (!index->entries) {
		free(index);
		return NULL;
	}
	return index;
}

void index_free(struct index *index)
{
	if (!index)
		return;
	free(index->entries);
	free(index);
}

/* FNV-1a over the bytes, then a finalizer (splitmix64's), since the low bits choose the place. */
static uint64_t hash_bytes(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
	return h ^ (h >> 31);
}

/* The entry of the key, or the empty one where it belongs. */
static struct entry *locate(struct entry *entries, size_t capacity, const void *key, size_t len,
			    uint64_t hash)
{
	size_t i = hash & (capacity - 1);

	for (;; i = (i + 1) & (capacity - 1)) {
		struct entry *e = &entries[i];

		if (!e->key)
			return e;
		if (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0)
			return e;
	}
}

static int grow(struct index *index)
{
	size_t capacity = index->capacity * 2;
	struct entry *entries = calloc(capacity, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < index->capacity; i++) {
		const struct entry *e = &index->entries[i];

		if (e->key)
			*locate(entries, capacity, e->key, e->len, e->hash) = *e;
	}
	free(index->entries);
	index->entries = entries;
	index->capacity = capacity;
	return 0;
}

int index_add(struct index *index, const void *key, size_t len, size_t value, size_t *ret_first)
{
	uint64_t hash = hash_bytes(key, len);
	struct entry *e = locate(index->entries, index->capacity, key, len, hash);

	if (e->key) {
		if (ret_first)
			*ret_first = e->value;
		return -EEXIST;
	}
	if (2 * (index->used + 1) > index->capacity) {
		int err = grow(index);

		if (err)
			return err;
		e = locate(index->entries, index->capacity, key, len, hash);
	}
	*e = (struct entry){.key = key, .len = len, .value = value, .hash = hash};
	index->used++;
	return 0;
}

bool index_find(const struct index *index, const void *key, size_t len, size_t *ret_value)
{
	const struct entry *e =
	    locate(index->entries, index->capacity, key, len, hash_bytes(key, len));

	if (!e->key)
		return false;
	*ret_value = e->value;
	return true;
}
