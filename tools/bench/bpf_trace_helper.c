/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf_trace_helper.c - the helpers that a traced program may call, as linux/bpf.h describes them.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <string.h>

#include "bpf_trace_internal.h"

#define FRAME_STRUCT 40u /* the kernel keeps its struct xdp_frame at the headroom's beginning */

static const char *helper_name(int32_t id)
{
#define HELPER_NAME(name) #name
	static const char *const names[] = {__BPF_FUNC_MAPPER(HELPER_NAME)};
#undef HELPER_NAME

	return id >= 0 && (size_t)id < sizeof(names) / sizeof(names[0]) ? names[id] : "?";
}

static int lookup_hash(struct trace *t, const struct bpf_trace_map *map, size_t index)
{
	uint8_t key[64];
	int r = map->key_size > sizeof(key)
		    ? trace_fail(t, "map %s has keys of %u bytes", map->name, map->key_size)
		    : trace_read(t, t->reg[BPF_REG_2], map->key_size, key);

	if (r)
		return r;
	t->reg[BPF_REG_0] = 0;
	for (uint32_t i = 0; i < map->max_entries; i++)
		if (!memcmp(map->keys + (size_t)i * map->key_size, key, map->key_size))
			t->reg[BPF_REG_0] =
			    trace_address(TRACE_MAPS + 2 * index + 1, i * trace_map_stride(map));
	return 0;
}

static int lookup(struct trace *t)
{
	const struct bpf_trace_map *map;
	uint32_t key;
	size_t index;
	int r = trace_map_of(t, t->reg[BPF_REG_1], &index);

	if (r)
		return r;
	map = &t->input->maps[index];
	if (map->type == BPF_MAP_TYPE_LRU_HASH)
		return lookup_hash(t, map, index);
	if (map->type != BPF_MAP_TYPE_ARRAY && map->type != BPF_MAP_TYPE_PERCPU_ARRAY)
		return trace_fail(t, "a look-up in map %s, whose type %u is not known", map->name,
				  map->type);
	r = trace_read(t, t->reg[BPF_REG_2], sizeof(key), &key);
	if (r)
		return r;
	t->reg[BPF_REG_0] = key < map->max_entries ? trace_address(TRACE_MAPS + 2 * index + 1,
								   key * trace_map_stride(map))
						   : 0;
	return 0;
}

static int tail_call(struct trace *t, bool *ret_switched)
{
	const uint32_t key = (uint32_t)t->reg[BPF_REG_3];
	const struct bpf_trace_map *map;
	uint32_t id;
	size_t index;
	int r = trace_map_of(t, t->reg[BPF_REG_2], &index);

	if (r)
		return r;
	map = &t->input->maps[index];
	if (!trace_is_ctx(t->reg[BPF_REG_1]) || map->type != BPF_MAP_TYPE_PROG_ARRAY)
		return trace_fail(t, "a tail call without the context or a program array");
	if (t->depth)
		return trace_fail(t, "a tail call from a subprogram is not known");
	if (key >= map->max_entries || t->tail_calls == TRACE_TAIL_CALLS)
		return 0;
	id = ((const uint32_t *)map->memory)[key];
	if (!id)
		return 0;
	for (size_t i = 0; i < t->input->n_programs; i++)
		if (t->input->programs[i].id == id) {
			t->tail_calls++;
			trace_enter(t, &t->input->programs[i]);
			*ret_switched = true;
			return 0;
		}
	return trace_fail(t, "a tail call to program %u, which was not passed in", id);
}

static int adjust_head(struct trace *t)
{
	const int64_t data = (int64_t)t->data + (int32_t)t->reg[BPF_REG_2];

	if (!trace_is_ctx(t->reg[BPF_REG_1]))
		return trace_fail(t, "xdp_adjust_head without the context");
	t->reg[BPF_REG_0] = (uint64_t)-EINVAL;
	if (data < FRAME_STRUCT || data > (int64_t)t->data_end - ETH_HLEN)
		return 0;
	t->data = (size_t)data;
	t->reg[BPF_REG_0] = 0;
	return 0;
}

int trace_helper(struct trace *t, int32_t id, bool *ret_switched)
{
	*ret_switched = false;
	if (id == BPF_FUNC_map_lookup_elem)
		t->result->lookups++;
	else
		t->result->helper_calls++;

	switch (id) {
	case BPF_FUNC_map_lookup_elem:
		return lookup(t);
	case BPF_FUNC_tail_call:
		return tail_call(t, ret_switched);
	case BPF_FUNC_xdp_adjust_head:
		return adjust_head(t);
	case BPF_FUNC_redirect:
		t->result->redirect_ifindex = (uint32_t)t->reg[BPF_REG_1];
		t->reg[BPF_REG_0] = t->reg[BPF_REG_2] ? XDP_ABORTED : XDP_REDIRECT;
		return 0;
	case BPF_FUNC_get_smp_processor_id:
		t->reg[BPF_REG_0] = t->input->cpu;
		return 0;
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_ktime_get_coarse_ns:
		t->reg[BPF_REG_0] = t->input->ktime_ns;
		return 0;
	case BPF_FUNC_jiffies64:
		t->reg[BPF_REG_0] = t->input->jiffies;
		return 0;
	default:
		return trace_fail(t, "helper %" PRId32 " (bpf_%s) is not known", id,
				  helper_name(id));
	}
}
