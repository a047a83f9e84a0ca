/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * balancer.c - sizes of the balancer's tables, and the step that makes their addresses constants of
 * the program (see balancer.h).
 */
#include "balancer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "balancer.skel.h"
#include "lb/abi.h"

/* Bytes of a table that the configuration has no use for: less than any entry. */
#define UNUSED_TABLE 8u

#define SECTION	     "sluice_xdp" /* of the programs whose maps are tables */

static const char *const names[BALANCER_TABLES] = {
    [BALANCER_CONTROL] = "lb_control",
    [BALANCER_DISP] = "lb_disp",
    [BALANCER_SERVICES] = "lb_services",
    [BALANCER_RANGES] = "lb_ranges",
    [BALANCER_QUIC] = "lb_quic",
    [BALANCER_SLOTS] = "lb_slots",
    [BALANCER_SLOT_BASE] = "lb_slot_base",
    [BALANCER_BACKENDS] = "lb_backends",
    [BALANCER_POOLS] = "lb_pools",
    [BALANCER_VIP_BASE] = "lb_vip_base",
    [BALANCER_BE_BASE] = "lb_be_base",
    [BALANCER_COUNTERS] = "lb_counters",
    [BALANCER_REASON_CTR] = "lb_reason_ctr",
    [BALANCER_LIMITS] = "lb_limits",
    [BALANCER_LIMIT_CELLS] = "lb_limit_cells",
    [BALANCER_LIMIT_CTR] = "lb_limit_ctr",
};

static const char *const map_names[BALANCER_MAPS] = {
    [BALANCER_LIMIT_SOURCES] = "lb_limit_src",
};

/* Whole cache lines. */
static size_t lines(size_t bytes)
{
	return (bytes + LB_CACHE_LINE - 1) / LB_CACHE_LINE * LB_CACHE_LINE;
}

static uint32_t at_least_one(uint32_t n)
{
	return n ? n : 1;
}

const char *balancer_table_name(enum balancer_table table)
{
	return names[table];
}

const char *balancer_map_name(enum balancer_map map)
{
	return map_names[map];
}

size_t balancer_limit_row(const struct layout_caps *caps)
{
	return lines((size_t)at_least_one(caps->limits) * sizeof(struct lb_limit_counter));
}

size_t balancer_backend_column(const struct layout_caps *caps)
{
	return lines((size_t)at_least_one(caps->vips) * sizeof(struct lb_vip_counter));
}

size_t balancer_counter_row(const struct layout_caps *caps)
{
	return balancer_backend_column(caps) +
	       lines((size_t)at_least_one(caps->backends) * sizeof(struct lb_counter));
}

/* Not how many there may be: where numbers are left out, that is less. */
int balancer_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
	int last = -1, number;

	if (!file)
		return -errno;
	while (fscanf(file, "%*[-,]"), fscanf(file, "%d", &number) == 1)
		last = number;
	fclose(file);
	return last < 0 ? -EINVAL : last + 1;
}

size_t balancer_table_bytes(enum balancer_table table, const struct layout_caps *caps)
{
	const int cpus = balancer_cpus();
	const size_t rows = cpus > 0 ? (size_t)cpus : 1;
	const size_t slots = at_least_one(caps->slots), vips = at_least_one(caps->vips),
		     backends = at_least_one(caps->backends);

	switch (table) {
	case BALANCER_CONTROL:
		return sizeof(struct lb_control);
	case BALANCER_DISP:
		return 2 * sizeof(uint32_t) * caps->buckets;
	case BALANCER_SERVICES:
		return 2 * sizeof(struct lb_service) * caps->service_lines;
	case BALANCER_RANGES:
		return caps->ranges ? 2 * sizeof(struct lb_service) * caps->ranges : UNUSED_TABLE;
	case BALANCER_QUIC:
		return caps->quic ? 2 * sizeof(uint16_t) * caps->quic : UNUSED_TABLE;
	case BALANCER_SLOTS:
	case BALANCER_SLOT_BASE:
		return sizeof(uint16_t) * slots;
	case BALANCER_BACKENDS:
		return sizeof(struct lb_backend) * backends;
	case BALANCER_POOLS:
		return 2 * sizeof(struct lb_pool_record) * at_least_one(caps->pools);
	case BALANCER_VIP_BASE:
		return sizeof(struct lb_vip_counter) * vips;
	case BALANCER_BE_BASE:
		return sizeof(struct lb_counter) * backends;
	case BALANCER_COUNTERS:
		return rows * balancer_counter_row(caps);
	case BALANCER_REASON_CTR:
		return rows * sizeof(struct lb_counter) * LB_REASON_ROW;
	case BALANCER_LIMITS: /* one line where there is none: half of it is no line */
		return sizeof(struct lb_limit) * (caps->limits ? (size_t)2 * caps->limits : 1);
	case BALANCER_LIMIT_CELLS:
		return sizeof(struct lb_limit_cell) * at_least_one(caps->limits);
	case BALANCER_LIMIT_CTR: /* the last row is the agent's */
		return (rows + 1) * balancer_limit_row(caps);
	default:
		return 0;
	}
}

int balancer_caps(const size_t bytes[BALANCER_TABLES], struct layout_caps *ret_caps,
		  struct err *err)
{
	*ret_caps = (struct layout_caps){
	    .slots = (uint32_t)(bytes[BALANCER_SLOTS] / sizeof(uint16_t)),
	    .backends = (uint32_t)(bytes[BALANCER_BACKENDS] / sizeof(struct lb_backend)),
	    .vips = (uint32_t)(bytes[BALANCER_VIP_BASE] / sizeof(struct lb_vip_counter)),
	    .pools = (uint32_t)(bytes[BALANCER_POOLS] / sizeof(struct lb_pool_record) / 2),
	    .service_lines = (uint32_t)(bytes[BALANCER_SERVICES] / sizeof(struct lb_service) / 2),
	    .ranges = (uint32_t)(bytes[BALANCER_RANGES] / sizeof(struct lb_service) / 2),
	    .quic = bytes[BALANCER_QUIC] == UNUSED_TABLE
			? 0
			: (uint32_t)(bytes[BALANCER_QUIC] / sizeof(uint16_t) / 2),
	    .buckets = (uint32_t)(bytes[BALANCER_DISP] / sizeof(uint32_t) / 2),
	    .limits = (uint32_t)(bytes[BALANCER_LIMITS] / sizeof(struct lb_limit) / 2),
	};
	for (int i = 0; i < BALANCER_TABLES; i++) {
		const size_t want = balancer_table_bytes(i, ret_caps);

		if (bytes[i] != want)
			return err_set(err, -EPROTO,
				       "table %s has %zu bytes where this version has %zu",
				       names[i], bytes[i], want);
	}
	return 0;
}

/* Whether an instruction's map is one of the tables; 0, 1 or -errno. */
static int is_table(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	for (int i = 0; i < BALANCER_TABLES; i++)
		if (!strcmp(info.name, names[i]))
			return 1;
	return 0;
}

/* Turns the reference to a table into its address. */
static int address_table(struct bpf_insn insn[2])
{
	const int r = is_table(insn[0].imm);

	if (r <= 0)
		return r;
	insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
	insn[1].imm = 0; /* offset into the value */
	return 0;
}

/* The setting that a mark names; `offset` is the mark's distance from LB_SETTING_MARK. */
static int find_setting(uint64_t offset, const struct lb_settings *settings, uint64_t *ret_value)
{
	if (offset >= sizeof(*settings) || offset % sizeof(*ret_value))
		return -EINVAL;
	memcpy(ret_value, (const char *)settings + offset, sizeof(*ret_value));
	return 0;
}

/* Turns the mark of a setting, where there is one, into its value. */
static int write_setting(struct bpf_insn insn[2], const struct lb_settings *settings)
{
	const uint64_t imm = (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;
	uint64_t value;
	int r;

	if (imm >> 32 != LB_SETTING_MARK >> 32)
		return 0;
	r = find_setting(imm - LB_SETTING_MARK, settings, &value);
	if (r)
		return r;
	insn[0].imm = (int32_t)value;
	insn[1].imm = (int32_t)(value >> 32);
	return 0;
}

static int write_immediate(struct bpf_insn *insn, const struct lb_settings *settings)
{
	uint64_t value;
	int r;

	if ((insn->imm & ~0xfff) != LB_SETTING_IMM)
		return 0;
	r = find_setting((uint32_t)(insn->imm - LB_SETTING_IMM), settings, &value);
	if (!r && value > UINT32_MAX)
		r = -ERANGE;
	if (!r)
		insn->imm = (int32_t)value;
	return r;
}

/* The object that is being loaded: libbpf's hook knows the program alone. */
static const struct lb_settings *loading;

/* libbpf calls this when a program's map references are resolved and it is not loaded yet. */
static int write_constants(struct bpf_program *program, struct bpf_prog_load_opts *opts,
			   long cookie)
{
	const size_t n = bpf_program__insn_cnt(program);
	struct bpf_insn *insns = malloc(n * sizeof(*insns));
	int r = insns && loading ? 0 : insns ? -EINVAL : -ENOMEM;

	if (!r)
		memcpy(insns, bpf_program__insns(program), n * sizeof(*insns));
	for (size_t i = 0; i < n && !r; i++) {
		struct bpf_insn *insn = &insns[i];

		if (insn->code == (BPF_ALU | BPF_AND | BPF_K) ||
		    insn->code == (BPF_ALU64 | BPF_RSH | BPF_K)) {
			r = write_immediate(insn, loading);
		} else if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insn->src_reg == BPF_PSEUDO_MAP_FD)
				r = address_table(insn);
			else if (!insn->src_reg)
				r = write_setting(insn, loading);
			i++; /* its second half */
		}
	}
	if (!r)
		r = bpf_program__set_insns(program, insns, n);
	free(insns);
	return r;
}

/* Once a process: libbpf keeps handlers for good. */
static int register_section(void)
{
	static int handler = -1;
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = write_constants);

	if (handler < 0)
		handler = libbpf_register_prog_handler(SECTION, BPF_PROG_TYPE_XDP, 0, &opts);
	return handler < 0 ? handler : 0;
}

static int set_sizes(struct balancer_bpf *skel, const struct layout_caps *caps, struct err *err)
{
	for (int i = 0; i < BALANCER_TABLES; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, names[i]);
		const size_t bytes = balancer_table_bytes(i, caps);
		int r;

		if (bytes > BALANCER_TABLE_MAX)
			return err_set(err, -E2BIG,
				       "table %s would take %zu MiB, and a program cannot address "
				       "more than %u",
				       names[i], bytes >> 20, BALANCER_TABLE_MAX >> 20);
		r = map ? bpf_map__set_value_size(map, (uint32_t)bytes) : -ENOENT;
		if (r)
			return err_set(err, r, "sizing table %s: %s", names[i], strerror(-r));
	}
	return bpf_map__set_max_entries(skel->maps.lb_limit_src, at_least_one(caps->limit_sources));
}

static void make_settings(const struct layout_caps *caps, uint64_t seed,
			  const struct lb_encap *encap, int cpus, struct lb_settings *ret_settings)
{
	*ret_settings = (struct lb_settings){
	    .seed = seed,
	    .bucket_half = caps->buckets,
	    .bucket_shift = 64 - (unsigned int)__builtin_ctz(caps->buckets),
	    .service_half = caps->service_lines,
	    .service_shift = 64 - (unsigned int)__builtin_ctz(caps->service_lines),
	    .ranges = caps->ranges,
	    .quic = 2ull * caps->quic,
	    .slots = at_least_one(caps->slots),
	    .backends = at_least_one(caps->backends),
	    .vips = at_least_one(caps->vips),
	    .cpus = (uint32_t)cpus,
	    .counter_row = balancer_counter_row(caps),
	    .backend_column = balancer_backend_column(caps),
	    .limit_lines = 2 * (uint64_t)caps->limits,
	    .limits = caps->limits,
	    .limit_row = balancer_limit_row(caps),
	    .source4_mask = encap->source4_mask_be,
	    .source6_mask = encap->source6_mask_be,
	    .gue_port_be = encap->gue_port_be,
	    .gue_header = encap->gue_header,
	    .gue_zero6 = encap->gue_zero6,
	};
}

int balancer_open(const struct layout_caps *caps, struct balancer_bpf **ret_skel, struct err *err)
{
	struct balancer_bpf *skel;
	int r = register_section();

	*ret_skel = NULL;
	if (r)
		return err_set(err, r, "libbpf takes no handler for %s: %s", SECTION, strerror(-r));
	skel = balancer_bpf__open();
	if (!skel)
		return err_set(err, -errno, "cannot open the balancer object: %s", strerror(errno));
	r = set_sizes(skel, caps, err);
	if (r) {
		balancer_bpf__destroy(skel);
		return r;
	}
	*ret_skel = skel;
	return 0;
}

int balancer_load(struct balancer_bpf *skel, const struct layout_caps *caps, uint64_t seed,
		  const struct lb_encap *encap)
{
	const int cpus = balancer_cpus();
	struct lb_settings settings;
	int r;

	if (cpus < 0)
		return cpus;
	make_settings(caps, seed, encap, cpus, &settings);
	loading = &settings;
	r = balancer_bpf__load(skel);
	loading = NULL;
	return r;
}
