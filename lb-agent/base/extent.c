/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * extent.c - first-fit runs in logarithmic time, however fragmented the id space is.
 *
 * The free runs and those in quarantine are two treaps (Aragon, Seidel, "Randomized Search Trees",
 * 1989), sorted by place, each node knowing the longest run below it. Nodes lie in one array and
 * refer to each other by index, so that a clone is one copy.
 */
#include "base/extent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NIL 0u /* node 0 is never used */

struct node {
	uint32_t first, count;
	uint32_t longest; /* largest count in this subtree */
	uint32_t left, right;
	uint32_t priority; /* a heap: no child has a larger one */
};

struct extent_pool {
	uint32_t capacity;
	uint32_t n_free; /* ids */
	uint32_t free_root, quarantine_root;
	/* No run of hint_count ids at a multiple of hint_align lies below hint_from. */
	uint32_t hint_from, hint_count, hint_align;
	uint64_t random; /* of priorities; a fixed start, so that nothing here varies by run */
	uint32_t spare;	 /* list of unused nodes, linked by `left` */
	uint32_t n_nodes, room;
	struct node *nodes;
};

static uint64_t end_of(const struct node *node)
{
	return (uint64_t)node->first + node->count;
}

/* Makes sure that the next `n` node_new() cannot fail. */
static int reserve_nodes(struct extent_pool *pool, uint32_t n)
{
	uint32_t room = pool->room ? pool->room : 16;
	struct node *nodes;

	while (room < pool->n_nodes + n)
		room *= 2;
	if (room == pool->room)
		return 0;
	nodes = realloc(pool->nodes, (size_t)room * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	pool->nodes = nodes;
	pool->room = room;
	return 0;
}

static uint32_t node_new(struct extent_pool *pool, uint32_t first, uint32_t count)
{
	uint32_t n = pool->spare;

	if (n)
		pool->spare = pool->nodes[n].left;
	else
		n = pool->n_nodes++;
	pool->random = pool->random * 6364136223846793005ull + 1442695040888963407ull;
	pool->nodes[n] = (struct node){
	    .first = first,
	    .count = count,
	    .longest = count,
	    .priority = (uint32_t)(pool->random >> 32),
	};
	return n;
}

static void node_put(struct extent_pool *pool, uint32_t n)
{
	pool->nodes[n].left = pool->spare;
	pool->spare = n;
}

static void update(struct extent_pool *pool, uint32_t n)
{
	struct node *node = &pool->nodes[n];
	uint32_t left = node->left ? pool->nodes[node->left].longest : 0;
	uint32_t right = node->right ? pool->nodes[node->right].longest : 0;

	node->longest = node->count;
	if (left > node->longest)
		node->longest = left;
	if (right > node->longest)
		node->longest = right;
}

/* Splits into runs that start before `at`, and the others. */
static void split(struct extent_pool *pool, uint32_t n, uint32_t at, uint32_t *ret_left,
		  uint32_t *ret_right)
{
	uint32_t rest;

	if (n == NIL) {
		*ret_left = *ret_right = NIL;
		return;
	}
	if (pool->nodes[n].first < at) {
		split(pool, pool->nodes[n].right, at, &rest, ret_right);
		pool->nodes[n].right = rest;
		*ret_left = n;
	} else {
		split(pool, pool->nodes[n].left, at, ret_left, &rest);
		pool->nodes[n].left = rest;
		*ret_right = n;
	}
	update(pool, n);
}

/* Every run of `a` lies before every run of `b`. */
static uint32_t join(struct extent_pool *pool, uint32_t a, uint32_t b)
{
	if (a == NIL || b == NIL)
		return a ? a : b;
	if (pool->nodes[a].priority > pool->nodes[b].priority) {
		pool->nodes[a].right = join(pool, pool->nodes[a].right, b);
		update(pool, a);
		return a;
	}
	pool->nodes[b].left = join(pool, a, pool->nodes[b].left);
	update(pool, b);
	return b;
}

/* First run that ends after `at`, or NIL. */
static uint32_t find_ending_after(const struct extent_pool *pool, uint32_t n, uint32_t at)
{
	uint32_t found = NIL;

	while (n) {
		if (end_of(&pool->nodes[n]) > at) {
			found = n;
			n = pool->nodes[n].left;
		} else {
			n = pool->nodes[n].right;
		}
	}
	return found;
}

static bool overlaps(const struct extent_pool *pool, uint32_t root, uint32_t first, uint32_t count)
{
	uint32_t n = find_ending_after(pool, root, first);

	return n && pool->nodes[n].first < (uint64_t)first + count;
}

/* Takes the run that starts at `first` out of the tree. */
static void remove_run(struct extent_pool *pool, uint32_t *root, uint32_t first)
{
	uint32_t left, middle, right;

	split(pool, *root, first, &left, &right);
	split(pool, right, first + 1, &middle, &right);
	node_put(pool, middle);
	*root = join(pool, left, right);
}

/* Needs a reserved node. */
static void insert_run(struct extent_pool *pool, uint32_t *root, uint32_t first, uint32_t count)
{
	uint32_t left, right;

	split(pool, *root, first, &left, &right);
	left = join(pool, left, node_new(pool, first, count));
	*root = join(pool, left, right);
}

/* Puts a run in and melts it with its neighbours. Needs a reserved node. */
static void add_run(struct extent_pool *pool, uint32_t *root, uint32_t first, uint32_t count)
{
	uint32_t before = first ? find_ending_after(pool, *root, first - 1) : NIL;
	uint32_t after = find_ending_after(pool, *root, first + count - 1);
	uint32_t end = first + count;

	if (before && end_of(&pool->nodes[before]) == first) {
		first = pool->nodes[before].first;
		remove_run(pool, root, first);
	}
	if (after && pool->nodes[after].first == end) {
		uint32_t next = end;

		end += pool->nodes[after].count;
		remove_run(pool, root, next);
	}
	insert_run(pool, root, first, end - first);
}

struct extent_pool *extent_new(uint32_t capacity)
{
	struct extent_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->n_nodes = 1;
	if (reserve_nodes(pool, 2)) {
		free(pool);
		return NULL;
	}
	extent_grow(pool, capacity);
	return pool;
}

void extent_free(struct extent_pool *pool)
{
	if (!pool)
		return;
	free(pool->nodes);
	free(pool);
}

struct extent_pool *extent_clone(const struct extent_pool *pool)
{
	struct extent_pool *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *pool;
	copy->nodes = malloc((size_t)pool->room * sizeof(*copy->nodes));
	if (!copy->nodes) {
		free(copy);
		return NULL;
	}
	memcpy(copy->nodes, pool->nodes, (size_t)pool->n_nodes * sizeof(*copy->nodes));
	return copy;
}

/* Where in the run `count` ids fit at a multiple of `align`, not before `from`. */
static bool fits(const struct node *node, uint64_t from, uint32_t count, uint32_t align,
		 uint32_t *ret_at)
{
	uint64_t at = node->first > from ? node->first : from;

	at = (at + align - 1) / align * align;
	if (at + count > end_of(node))
		return false;
	*ret_at = (uint32_t)at;
	return true;
}

static uint32_t first_fit(const struct extent_pool *pool, uint32_t n, uint32_t from, uint32_t count,
			  uint32_t align, uint32_t *ret_at)
{
	uint32_t found;

	while (n && pool->nodes[n].longest >= count) {
		const struct node *node = &pool->nodes[n];

		if (node->first > from) {
			found = first_fit(pool, node->left, from, count, align, ret_at);
			if (found)
				return found;
		}
		if (fits(node, from, count, align, ret_at))
			return n;
		n = node->right;
	}
	return NIL;
}

/* Cuts [first, first + count) out of the free run `n`, which holds it. Needs two reserved nodes. */
static void take(struct extent_pool *pool, uint32_t n, uint32_t first, uint32_t count)
{
	uint32_t run_first = pool->nodes[n].first;
	uint32_t before = first - run_first;
	uint32_t after = pool->nodes[n].count - before - count;

	remove_run(pool, &pool->free_root, run_first);
	if (before)
		insert_run(pool, &pool->free_root, run_first, before);
	if (after)
		insert_run(pool, &pool->free_root, first + count, after);
	pool->n_free -= count;
}

int extent_alloc(struct extent_pool *pool, uint32_t count, uint32_t align, uint32_t *ret_first)
{
	uint32_t from = 0, at = 0, n;
	int rc;

	if (count == 0 || align == 0)
		return -EINVAL;
	/* What did not fit fewer ids, or a laxer alignment, does not fit these. */
	if (pool->hint_align && count >= pool->hint_count && align % pool->hint_align == 0)
		from = pool->hint_from;
	n = first_fit(pool, pool->free_root, from, count, align, &at);
	if (!n)
		return -ENOSPC;
	rc = reserve_nodes(pool, 2);
	if (rc)
		return rc;
	take(pool, n, at, count);
	pool->hint_from = at;
	pool->hint_count = count;
	pool->hint_align = align;
	*ret_first = at;
	return 0;
}

int extent_claim(struct extent_pool *pool, uint32_t first, uint32_t count)
{
	uint64_t end = (uint64_t)first + count;
	uint32_t n;
	int rc;

	if (end > pool->capacity)
		return -ERANGE;
	if (count == 0)
		return 0;
	n = find_ending_after(pool, pool->free_root, first);
	if (!n || pool->nodes[n].first > first || end_of(&pool->nodes[n]) < end)
		return -EEXIST;
	rc = reserve_nodes(pool, 2);
	if (rc)
		return rc;
	take(pool, n, first, count);
	return 0;
}

int extent_release(struct extent_pool *pool, uint32_t first, uint32_t count)
{
	int rc;

	if (count == 0 || (uint64_t)first + count > pool->capacity ||
	    overlaps(pool, pool->free_root, first, count) ||
	    overlaps(pool, pool->quarantine_root, first, count))
		return -EINVAL;
	rc = reserve_nodes(pool, 1);
	if (rc)
		return rc;
	add_run(pool, &pool->quarantine_root, first, count);
	return 0;
}

void extent_reap(struct extent_pool *pool)
{
	if (!pool->quarantine_root)
		return;
	while (pool->quarantine_root) {
		struct node run = pool->nodes[pool->quarantine_root];

		/* The node that this gives back is the one that add_run() needs. */
		remove_run(pool, &pool->quarantine_root, run.first);
		add_run(pool, &pool->free_root, run.first, run.count);
		pool->n_free += run.count;
	}
	pool->hint_align = 0;
}

bool extent_has_quarantine(const struct extent_pool *pool)
{
	return pool->quarantine_root != NIL;
}

int extent_grow(struct extent_pool *pool, uint32_t capacity)
{
	uint32_t more = capacity - pool->capacity;
	int rc;

	if (capacity < pool->capacity)
		return -EINVAL;
	if (more == 0)
		return 0;
	rc = reserve_nodes(pool, 1);
	if (rc)
		return rc;
	add_run(pool, &pool->free_root, pool->capacity, more);
	pool->capacity = capacity;
	pool->n_free += more;
	/* The last run is longer now, and may hold what did not fit below the hint. */
	pool->hint_align = 0;
	return 0;
}

uint32_t extent_capacity(const struct extent_pool *pool)
{
	return pool->capacity;
}

uint32_t extent_used(const struct extent_pool *pool)
{
	return pool->capacity - pool->n_free;
}
