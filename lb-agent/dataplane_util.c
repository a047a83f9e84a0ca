/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_util.c - questions to the kernel about programs and maps, and what the libraries say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "base/log.h"
#include "dataplane_internal.h"

/* The only state of its kind: the libraries' print hooks carry no context pointer. */
static char last_line[256];

void dp_log_clear(void)
{
	last_line[0] = '\0';
}

const char *dp_log_last(void)
{
	return last_line;
}

static void take_line(bool warning, const char *format, va_list args)
{
	char text[1024];
	size_t len;

	vsnprintf(text, sizeof(text), format, args);
	len = strcspn(text, "\n");
	text[len] = '\0';
	if (!len)
		return;
	log_debug("%s", text);
	if (warning)
		snprintf(last_line, sizeof(last_line), "%.*s", (int)sizeof(last_line) - 1, text);
}

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level <= LIBBPF_WARN)
		take_line(true, format, args);
	return 0;
}

static int print_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level <= LIBXDP_INFO)
		take_line(level <= LIBXDP_WARN, format, args);
	return 0;
}

void dp_log_install(void)
{
	libbpf_set_print(print_libbpf);
	libxdp_set_print(print_libxdp);
}

uint32_t dp_prog_id(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

uint32_t dp_map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

uint32_t *dp_prog_map_ids(int prog_fd, uint32_t *ret_n)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info), *ids, n;

	*ret_n = 0;
	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return NULL;
	n = info.nr_map_ids;
	ids = calloc(n ? n : 1, sizeof(*ids));
	if (!ids)
		return NULL;
	memset(&info, 0, sizeof(info));
	info.nr_map_ids = n;
	info.map_ids = (uint64_t)(uintptr_t)ids;
	len = sizeof(info);
	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len)) {
		free(ids);
		return NULL;
	}
	*ret_n = n < info.nr_map_ids ? n : info.nr_map_ids;
	return ids;
}

bool dp_prog_has_map(int prog_fd, uint32_t map_id)
{
	uint32_t n, *ids = dp_prog_map_ids(prog_fd, &n);
	bool found = false;

	for (uint32_t i = 0; i < n; i++)
		found = found || ids[i] == map_id;
	free(ids);
	return found;
}

/*
 * The kernel wants the programs of a tail call to have the same expected attach type (6.18, and
 * stable kernels since: "bpf: Enforce expected_attach_type for tailcall compatibility"). libbpf
 * gives an XDP program BPF_XDP; behind libxdp's dispatcher the root program is an extension, which
 * has to have none. So neither of the two has one, wherever it runs: XDP does without.
 */
void dp_unset_attach_type(struct bpf_program *program)
{
	bpf_program__set_expected_attach_type(program, 0);
}

static uint64_t map_memory(int fd)
{
	char path[64], line[128];
	unsigned long long bytes;
	uint64_t total = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			total += bytes;
	if (file)
		fclose(file);
	return total;
}

uint64_t dataplane_map_memory(const struct dataplane *dp)
{
	uint64_t total = 0;

	for (int i = 0; dp->live && i < BALANCER_TABLES; i++)
		total += map_memory(dp->live->map_fd[i]);
	for (int i = 0; dp->live && i < BALANCER_MAPS; i++)
		total += map_memory(dp->live->other_fd[i]);
	return total;
}
