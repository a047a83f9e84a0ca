/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balancer_tables.c - loads the balancer as lb-agent does, maps what it is to read and sums what it
 * counted. Where a counter lies is worked out here once more, from abi.h alone.
 */
#include "balancer_tables.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/libbpf.h>
#include <criterion/criterion.h>

#include "balancer.skel.h"
#include "lb/abi.h"

#define LINE 64u

void balancer_tables_open(struct balancer_tables *tables, const struct layout_caps *caps,
			  uint64_t seed, const struct lb_encap *encap)
{
	struct err err = {0};
	int r;

	memset(tables, 0, sizeof(*tables));
	tables->caps = *caps;
	r = balancer_open(caps, &tables->skel, &err);
	cr_assert_eq(r, 0, "%s", err.text);
	r = balancer_load(tables->skel, caps, seed, encap);
	cr_assert_eq(r, 0, "the balancer does not load: %s", strerror(-r));
	for (int i = 0; i < BALANCER_TABLES; i++) {
		int fd = bpf_object__find_map_fd_by_name(tables->skel->obj, balancer_table_name(i));

		tables->bytes[i] = balancer_table_bytes(i, caps);
		tables->memory[i] =
		    mmap(NULL, tables->bytes[i], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		cr_assert_neq(tables->memory[i], MAP_FAILED, "mapping %s: %s",
			      balancer_table_name(i), strerror(errno));
	}
}

void balancer_tables_close(struct balancer_tables *tables)
{
	for (int i = 0; i < BALANCER_TABLES; i++)
		munmap(tables->memory[i], tables->bytes[i]);
	balancer_bpf__destroy(tables->skel);
}

static size_t whole_lines(size_t bytes)
{
	return (bytes + LINE - 1) / LINE * LINE;
}

static void sum(const struct balancer_tables *tables, enum balancer_table table, size_t row,
		size_t at, size_t words, uint64_t *ret_words)
{
	const char *rows = tables->memory[table];

	cr_assert_eq(tables->bytes[table] % row, 0);
	memset(ret_words, 0, words * sizeof(*ret_words));
	for (size_t from = 0; from < tables->bytes[table]; from += row)
		for (size_t w = 0; w < words; w++)
			ret_words[w] += ((const uint64_t *)(rows + from + at))[w];
}

static size_t backend_column(const struct balancer_tables *tables)
{
	return whole_lines(tables->caps.vips * sizeof(struct lb_vip_counter));
}

static size_t counter_row(const struct balancer_tables *tables)
{
	return backend_column(tables) +
	       whole_lines(tables->caps.backends * sizeof(struct lb_counter));
}

void balancer_tables_vip(const struct balancer_tables *tables, uint32_t id,
			 struct lb_vip_counter *ret_sum)
{
	sum(tables, BALANCER_COUNTERS, counter_row(tables), id * sizeof(*ret_sum), 4,
	    (uint64_t *)ret_sum);
}

void balancer_tables_backend(const struct balancer_tables *tables, uint32_t id,
			     struct lb_counter *ret_sum)
{
	sum(tables, BALANCER_COUNTERS, counter_row(tables),
	    backend_column(tables) + id * sizeof(*ret_sum), 2, (uint64_t *)ret_sum);
}

void balancer_tables_reason(const struct balancer_tables *tables, uint32_t reason,
			    struct lb_counter *ret_sum)
{
	sum(tables, BALANCER_REASON_CTR, LB_REASON_ROW * sizeof(*ret_sum),
	    reason * sizeof(*ret_sum), 2, (uint64_t *)ret_sum);
}
