/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf_trace_memory.c - what an address of the traced program stands for, and which cache lines of
 * map memory it has touched.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf_trace_internal.h"

int trace_fail(struct trace *t, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return err_set(t->err, -EBADMSG, "%s, instruction %zu: %s", t->program->name, t->pc, text);
}

static uint64_t region_of(uint64_t address)
{
	return address >> TRACE_REGION_SHIFT;
}

/* Of an address before its region's first byte it is huge, so that one comparison is enough. */
static uint64_t offset_of(uint64_t address)
{
	return (address & ((1ull << TRACE_REGION_SHIFT) - 1)) - TRACE_BASE;
}

bool trace_is_ctx(uint64_t address)
{
	return region_of(address) == TRACE_CTX;
}

int trace_find_map(struct trace *t, uint32_t id, size_t *ret_index)
{
	for (size_t i = 0; i < t->input->n_maps; i++)
		if (t->input->maps[i].id == id) {
			*ret_index = i;
			return 0;
		}
	return trace_fail(t, "a map with id %u was not passed in", id);
}

int trace_map_of(struct trace *t, uint64_t address, size_t *ret_index)
{
	const uint64_t region = region_of(address), index = (region - TRACE_MAPS) / 2;

	if (region < TRACE_MAPS || (region - TRACE_MAPS) % 2 || index >= t->input->n_maps ||
	    offset_of(address))
		return trace_fail(t, "0x%" PRIx64 " is not a map", address);
	*ret_index = index;
	return 0;
}

uint64_t trace_map_stride(const struct bpf_trace_map *map)
{
	const uint64_t align = map->type == BPF_MAP_TYPE_PERCPU_ARRAY ? BPF_TRACE_LINE : 8;

	return (map->value_size + align - 1) / align * align;
}

/* The line's copy, made when it is first touched. */
static struct trace_line *touch(struct trace *t, size_t index, uint64_t number)
{
	const struct bpf_trace_map *map = &t->input->maps[index];
	const uint64_t total = trace_map_stride(map) * map->max_entries;
	const uint64_t begin = number * BPF_TRACE_LINE;
	struct trace_line *line;

	for (size_t i = 0; i < t->n_lines; i++)
		if (t->lines[i].map == index && t->lines[i].number == number)
			return &t->lines[i];
	if (t->n_lines == TRACE_LINES) {
		trace_fail(t, "more than %u cache lines of maps", TRACE_LINES);
		return NULL;
	}
	line = &t->lines[t->n_lines++];
	*line = (struct trace_line){.map = index, .number = number};
	if (map->type != BPF_MAP_TYPE_PERCPU_ARRAY)
		memcpy(line->bytes, (const uint8_t *)map->memory + begin,
		       total - begin < BPF_TRACE_LINE ? total - begin : BPF_TRACE_LINE);
	return line;
}

/* All of the access within one value. */
static int check_map_access(struct trace *t, uint64_t address, size_t size, bool write,
			    size_t *ret_index)
{
	const uint64_t offset = offset_of(address),
		       index = (region_of(address) - TRACE_MAPS - 1) / 2;
	const struct bpf_trace_map *map;
	uint64_t stride;

	if ((region_of(address) - TRACE_MAPS) % 2 == 0 || index >= t->input->n_maps)
		return trace_fail(t, "%s of %zu bytes at 0x%" PRIx64 ", which is no memory",
				  write ? "a write" : "a read", size, address);
	map = &t->input->maps[index];
	stride = trace_map_stride(map);
	if (offset >= stride * map->max_entries || offset % stride + size > map->value_size)
		return trace_fail(t,
				  "%s of %zu bytes at offset %" PRId64
				  " of map %s, which has %u values of %u bytes",
				  write ? "a write" : "a read", size, (int64_t)offset, map->name,
				  map->max_entries, map->value_size);
	if (write && map->read_only)
		return trace_fail(t, "a write to map %s, which is read-only", map->name);
	*ret_index = index;
	return 0;
}

static int access_map(struct trace *t, uint64_t address, size_t size, uint8_t *bytes, bool write)
{
	uint64_t offset = offset_of(address);
	size_t index = 0;
	int r = check_map_access(t, address, size, write, &index);

	while (!r && size) {
		const size_t at = offset % BPF_TRACE_LINE;
		const size_t n = size < BPF_TRACE_LINE - at ? size : BPF_TRACE_LINE - at;
		struct trace_line *line = touch(t, index, offset / BPF_TRACE_LINE);

		if (!line)
			return -EBADMSG;
		if (write)
			memcpy(line->bytes + at, bytes, n);
		else
			memcpy(bytes, line->bytes + at, n);
		line->written |= write;
		bytes += n;
		offset += n;
		size -= n;
	}
	return r;
}

static int access_packet(struct trace *t, uint64_t address, size_t size, bool write,
			 uint8_t **ret_memory)
{
	const uint64_t offset = offset_of(address);

	if (offset < t->data || offset >= t->data_end || size > t->data_end - offset)
		return trace_fail(
		    t, "%s of %zu bytes at byte %" PRId64 " of the packet, which has %zu",
		    write ? "a write" : "a read", size, (int64_t)(offset - t->data),
		    t->data_end - t->data);
	*ret_memory = t->packet + offset;
	return 0;
}

static int access_stack(struct trace *t, uint64_t address, size_t size, bool write,
			uint8_t **ret_memory)
{
	const uint64_t offset = offset_of(address), end = (t->depth + 1) * TRACE_STACK;

	if (offset >= end || size > end - offset)
		return trace_fail(t, "%s of %zu bytes %" PRId64 " bytes from the top of the stack",
				  write ? "a write" : "a read", size, (int64_t)(offset - end));
	*ret_memory = t->stack + offset;
	return 0;
}

/* `*ret_memory`: where the bytes are; NULL: they are a map's, and were moved. */
static int access(struct trace *t, uint64_t address, size_t size, uint8_t *bytes, bool write,
		  uint8_t **ret_memory)
{
	*ret_memory = NULL;
	switch (region_of(address)) {
	case TRACE_STACKS:
		return access_stack(t, address, size, write, ret_memory);
	case TRACE_PACKET:
		return access_packet(t, address, size, write, ret_memory);
	case TRACE_CTX:
		return trace_fail(t, "%s of the context that is not a load of one of its fields",
				  write ? "a write" : "a read");
	case TRACE_NULL:
		return trace_fail(t, "%s of %zu bytes at 0x%" PRIx64 ", which is no memory",
				  write ? "a write" : "a read", size, address);
	default:
		return access_map(t, address, size, bytes, write);
	}
}

int trace_read(struct trace *t, uint64_t address, size_t size, void *ret_bytes)
{
	uint8_t *memory;
	int r = access(t, address, size, ret_bytes, false, &memory);

	if (!r && memory)
		memcpy(ret_bytes, memory, size);
	return r;
}

int trace_write(struct trace *t, uint64_t address, size_t size, const void *bytes)
{
	uint8_t *memory;
	int r = access(t, address, size, (uint8_t *)(uintptr_t)bytes, true, &memory);

	if (!r && memory)
		memcpy(memory, bytes, size);
	return r;
}

int trace_read_ctx(struct trace *t, uint64_t address, size_t size, uint64_t *ret_value)
{
	const uint64_t offset = offset_of(address);

	if (size != 4)
		return trace_fail(t, "a load of %zu bytes from the context, not of 4", size);
	switch (offset) {
	case offsetof(struct xdp_md, data):
	case offsetof(struct xdp_md, data_meta): /* there is none: it begins where it ends */
		*ret_value = trace_address(TRACE_PACKET, t->data);
		return 0;
	case offsetof(struct xdp_md, data_end):
		*ret_value = trace_address(TRACE_PACKET, t->data_end);
		return 0;
	case offsetof(struct xdp_md, ingress_ifindex):
		*ret_value = t->input->ingress_ifindex;
		return 0;
	case offsetof(struct xdp_md, rx_queue_index):
		*ret_value = 0;
		return 0;
	default:
		return trace_fail(t, "the context's field at offset %" PRId64 " is not known",
				  (int64_t)offset);
	}
}
