/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counters.c - finds the counters' map of an attached program, adds up its CPUs.
 */
#include "counters.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define COUNTERS_MAP  "lb_decap_ctr"
#define PROG_MAPS_MAX 16

static int counters_sum(int fd, uint64_t ret_packets[LB_DECAP_MAX])
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t key = 0; key < LB_DECAP_MAX && !err; key++) {
		ret_packets[key] = 0;
		if (bpf_map_lookup_elem(fd, &key, values))
			err = -errno;
		for (int cpu = 0; cpu < cpus && !err; cpu++)
			ret_packets[key] += values[cpu];
	}
	free(values);
	return err;
}

/* A descriptor of the map of that name among `ids`, or -errno. */
static int counters_open_map(const uint32_t *ids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct bpf_map_info info = {};
		uint32_t len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(ids[i]);

		if (fd < 0)
			return -errno;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, COUNTERS_MAP))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

int counters_read(uint32_t prog_id, uint64_t ret_packets[LB_DECAP_MAX])
{
	uint32_t ids[PROG_MAPS_MAX] = {}, len;
	struct bpf_prog_info info = {};
	int prog_fd, map_fd, err;

	prog_fd = bpf_prog_get_fd_by_id(prog_id);
	if (prog_fd < 0)
		return -errno;
	info.map_ids = (uintptr_t)ids;
	info.nr_map_ids = PROG_MAPS_MAX;
	len = sizeof(info);
	err = bpf_obj_get_info_by_fd(prog_fd, &info, &len) ? -errno : 0;
	close(prog_fd);
	if (err)
		return err;
	map_fd = counters_open_map(ids, info.nr_map_ids < PROG_MAPS_MAX ? info.nr_map_ids
									: PROG_MAPS_MAX);
	if (map_fd < 0)
		return map_fd;
	err = counters_sum(map_fd, ret_packets);
	close(map_fd);
	return err;
}

int counters_read_pinned(const char *pin_dir, uint64_t ret_packets[LB_DECAP_MAX])
{
	char path[PATH_MAX];
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/%s", pin_dir, COUNTERS_MAP) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	err = counters_sum(fd, ret_packets);
	close(fd);
	return err;
}

void counters_print(FILE *out, const uint64_t packets[LB_DECAP_MAX])
{
	static const struct {
		const char *name, *help;
	} counters[] = {
#define LB_DECAP_COUNTER(id, name, help) {name, help},
#include <lb/decap_counters.def>
#undef LB_DECAP_COUNTER
	};

	fprintf(out, "%12s  %-16s %s\n", "PACKETS", "COUNTER", "MEANING");
	for (int i = 0; i < LB_DECAP_MAX; i++)
		fprintf(out, "%12llu  %-16s %s\n", (unsigned long long)packets[i], counters[i].name,
			counters[i].help);
}
