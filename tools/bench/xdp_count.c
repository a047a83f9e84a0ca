/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_count.c - what a row's first packet does on its way: the scene's programs and maps handed to
 * bpf_trace, and its verdict and packet compared with what the kernel's run of the same programs
 * made of the same packet. Only counts of a walk that came out right are given.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf_trace.h"
#include "dataplane.h"
#include "xdp.h"
#include "xdp_packet.h"

#define MAPS_MAX     32u
#define PROGRAMS_MAX 16u /* of a program array */
#define OUT_MAX	     (BPF_TRACE_PACKET_MAX + XDP_PACKET_HEADROOM)

struct subject {
	struct bpf_trace_program programs[2]; /* root, balancer */
	struct bpf_trace_map maps[MAPS_MAX];
	struct bpf_map_info infos[MAPS_MAX];
	size_t mapped[MAPS_MAX];   /* bytes of `memory` that are to be unmapped */
	uint8_t *copied[MAPS_MAX]; /* the same where it cannot be mapped; malloc'd */
	uint32_t array[MAPS_MAX][PROGRAMS_MAX];
	size_t n_maps;
};

static void subject_free(struct subject *s)
{
	for (size_t i = 0; s && i < MAPS_MAX; i++) {
		if (s->mapped[i])
			munmap((void *)(uintptr_t)s->maps[i].memory, s->mapped[i]);
		free(s->copied[i]);
	}
	if (s)
		free(s->programs[1].executed);
	free(s);
}

static int read_program_array(int fd, const struct bpf_map_info *info, uint32_t ids[PROGRAMS_MAX],
			      struct err *err)
{
	if (info->max_entries > PROGRAMS_MAX)
		return err_set(err, -E2BIG, "map %s has %u entries; %u are the most here",
			       info->name, info->max_entries, PROGRAMS_MAX);
	for (uint32_t key = 0; key < info->max_entries; key++)
		if (bpf_map_lookup_elem(fd, &key, &ids[key]))
			ids[key] = 0;
	return 0;
}

/* libbpf makes a .rodata that user space has no name in without BPF_F_MMAPABLE. */
static int copy_values(struct subject *s, int fd, size_t stride, struct err *err)
{
	struct bpf_trace_map *map = &s->maps[s->n_maps];
	uint8_t *copy = calloc(map->max_entries, stride);

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	s->copied[s->n_maps] = copy;
	map->memory = copy;
	for (uint32_t key = 0; key < map->max_entries; key++)
		if (bpf_map_lookup_elem(fd, &key, copy + key * stride))
			return err_set(err, -errno, "reading %s: %s", map->name, strerror(errno));
	return 0;
}

static int map_values(struct subject *s, int fd, struct err *err)
{
	struct bpf_trace_map *map = &s->maps[s->n_maps];
	const size_t stride = ((size_t)map->value_size + 7) / 8 * 8,
		     bytes = stride * map->max_entries;
	void *memory;

	if (!(s->infos[s->n_maps].map_flags & BPF_F_MMAPABLE))
		return copy_values(s, fd, stride, err);
	memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return err_set(err, -errno, "mapping %s: %s", map->name, strerror(errno));
	map->memory = memory;
	s->mapped[s->n_maps] = bytes;
	return 0;
}

/* The entries that an LRU hash has now: values first, keys behind them. */
#define HASH_ENTRIES 1024u
static int copy_entries(struct subject *s, int fd, struct err *err)
{
	struct bpf_trace_map *map = &s->maps[s->n_maps];
	const size_t stride = 8, key_size = s->infos[s->n_maps].key_size;
	uint8_t *copy, *keys, *at = NULL;
	uint32_t n = 0;

	if (map->value_size > stride)
		return err_set(err, -E2BIG, "map %s has values of %u bytes", map->name,
			       map->value_size);
	copy = s->copied[s->n_maps] = calloc(HASH_ENTRIES, stride + key_size);
	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	keys = copy + HASH_ENTRIES * stride;
	while (n < HASH_ENTRIES && !bpf_map_get_next_key(fd, at, keys + n * key_size)) {
		at = keys + n * key_size;
		if (!bpf_map_lookup_elem(fd, at, copy + n * stride))
			n++;
	}
	map->memory = copy;
	map->keys = keys;
	map->key_size = (uint32_t)key_size;
	map->max_entries = n;
	return 0;
}

static int add_map(struct subject *s, uint32_t id, struct err *err)
{
	const size_t n = s->n_maps;
	struct bpf_map_info *info = &s->infos[n];
	uint32_t len = sizeof(*info);
	int fd, r = 0;

	for (size_t i = 0; i < n; i++)
		if (s->maps[i].id == id)
			return 0;
	if (n == MAPS_MAX)
		return err_set(err, -E2BIG, "the programs use more than %u maps", MAPS_MAX);
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, info, &len)) {
		r = err_set(err, -errno, "opening map %u: %s", id, strerror(errno));
		goto out;
	}
	s->maps[n] = (struct bpf_trace_map){
	    .id = id,
	    .name = info->name,
	    .type = info->type,
	    .value_size = info->value_size,
	    .max_entries = info->max_entries,
	    .read_only = info->map_flags & BPF_F_RDONLY_PROG,
	    .memory = s->array[n],
	};
	if (info->type == BPF_MAP_TYPE_PROG_ARRAY)
		r = read_program_array(fd, info, s->array[n], err);
	else if (info->type == BPF_MAP_TYPE_ARRAY)
		r = map_values(s, fd, err);
	else if (info->type == BPF_MAP_TYPE_LRU_HASH)
		r = copy_entries(s, fd, err);
	s->n_maps += !r;
out:
	if (fd >= 0)
		close(fd);
	return r;
}

static int add_program(struct subject *s, size_t i, int fd, const struct dataplane_code *code,
		       struct err *err)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);
	int r = 0;

	if (!code)
		return err_set(err, -ENOENT, "the program's instructions were not kept");
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return err_set(err, -errno, "asking about a program: %s", strerror(errno));
	s->programs[i] = (struct bpf_trace_program){
	    .id = info.id,
	    .name = i ? "sluice_balancer" : "sluice_root",
	    .insns = code->insns,
	    .n_insns = code->n_insns,
	};
	if (i) {
		s->programs[i].executed = calloc(code->n_insns, sizeof(uint32_t));
		if (!s->programs[i].executed)
			return err_set(err, -ENOMEM, "out of memory");
	}
	for (size_t k = 0; k < code->n_insns && !r; k++) {
		const struct bpf_insn *insn = &code->insns[k];

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE)
			r = add_map(s, (uint32_t)insn->imm, err);
		k++;
	}
	return r;
}

static int subject_of(const struct xdp_row *row, struct subject **ret_subject, struct err *err)
{
	struct subject *s = calloc(1, sizeof(*s));
	int r;

	*ret_subject = NULL;
	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	r = add_program(s, 0, xdp_scene_root_fd(row->scene), xdp_scene_root_code(row->scene), err);
	if (!r)
		r = add_program(s, 1, xdp_scene_balancer_fd(row->scene),
				xdp_scene_balancer_code(row->scene), err);
	if (r)
		subject_free(s);
	else
		*ret_subject = s;
	return r;
}

/* The kernel's run of the same packet. */
static int compare_with_kernel(const struct xdp_row *row, const uint8_t *frame, size_t len,
			       const struct bpf_trace_result *traced, struct err *err)
{
	uint8_t out[OUT_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	int fd = row->direct ? xdp_scene_balancer_fd(row->scene) : xdp_scene_root_fd(row->scene);

	if (bpf_prog_test_run_opts(fd, &opts))
		return err_set(err, -errno, "BPF_PROG_TEST_RUN: %s", strerror(errno));
	if (opts.retval != traced->action)
		return err_set(err, -EBADMSG, "counting: the action is %u, in the kernel %u",
			       traced->action, opts.retval);
	if (opts.data_size_out != traced->out_len)
		return err_set(err, -EBADMSG, "counting: %zu bytes come out, in the kernel %u",
			       traced->out_len, opts.data_size_out);
	for (size_t i = 0; i < traced->out_len; i++)
		if (out[i] != traced->out[i])
			return err_set(err, -EBADMSG,
				       "counting: byte %zu of the packet is 0x%02x, in the kernel "
				       "0x%02x",
				       i, traced->out[i], out[i]);
	return 0;
}

/* The programs may have done the same in both, and another thing than the row is about. */
static int check_path(const struct xdp_row *row, size_t len, const struct bpf_trace_result *traced,
		      struct err *err)
{
	const uint32_t action = xdp_row_action(row);
	const size_t out_len = (size_t)((int64_t)len + xdp_row_growth(row));

	if (traced->action != action)
		return err_set(err, -EBADMSG, "counting: the action is %u, not %u", traced->action,
			       action);
	if (traced->out_len != out_len)
		return err_set(err, -EBADMSG, "counting: %zu bytes come out, not %zu",
			       traced->out_len, out_len);
	if (action == XDP_REDIRECT && traced->redirect_ifindex != XDP_IFINDEX_OTHER)
		return err_set(err, -EBADMSG, "counting: the packet goes to device %u, not %u",
			       traced->redirect_ifindex, XDP_IFINDEX_OTHER);
	return 0;
}

/* The root program is one file, and has the row's other instructions. */
static int count_files(struct xdp_row *row, const struct xdp_lines *lines, const struct subject *s,
		       struct err *err)
{
	const struct bpf_trace_program *balancer = &s->programs[1];

	if (!lines)
		return 0;
	row->files = (struct xdp_files){0};
	if (xdp_lines_add(lines, balancer->executed, balancer->n_insns, &row->files))
		return err_set(err, -E2BIG, "the balancer is made of more than %u files",
			       XDP_FILES_MAX);
	return 0;
}

/* A source that limits know already is what is counted: most packets are from one. */
static int meet_limits(const struct xdp_row *row, const uint8_t *frame, size_t len, struct err *err)
{
	uint8_t out[OUT_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	if (row->config.limits && bpf_prog_test_run_opts(xdp_scene_balancer_fd(row->scene), &opts))
		return err_set(err, -errno, "BPF_PROG_TEST_RUN: %s", strerror(errno));
	return 0;
}

int xdp_count_row(struct xdp_row *row, const struct xdp_lines *lines, struct err *err)
{
	uint8_t frame[XDP_PACKET_MAX];
	const size_t len = xdp_row_frame(row, frame);
	struct bpf_trace_result traced;
	struct bpf_trace_input input;
	struct subject *s;
	int r = meet_limits(row, frame, len, err);

	if (!r)
		r = subject_of(row, &s, err);

	if (r)
		return r;
	input = (struct bpf_trace_input){
	    .programs = s->programs + row->direct,
	    .n_programs = 2 - (size_t)row->direct,
	    .maps = s->maps,
	    .n_maps = s->n_maps,
	    .frame = frame,
	    .len = len,
	    .ingress_ifindex = XDP_IFINDEX_IN,
	};
	r = bpf_trace_run(&input, &traced, err);
	if (r)
		err_prefix(err, r, "counting");
	if (!r)
		r = compare_with_kernel(row, frame, len, &traced, err);
	if (!r)
		r = check_path(row, len, &traced, err);
	if (!r)
		r = count_files(row, lines, s, err);
	if (!r)
		row->cost = (struct xdp_cost){
		    .instructions = traced.instructions,
		    .lookups = traced.lookups,
		    .helper_calls = traced.helper_calls,
		    .config_lines = traced.config_lines,
		    .counter_lines = traced.counter_lines,
		};
	subject_free(s);
	return r;
}
