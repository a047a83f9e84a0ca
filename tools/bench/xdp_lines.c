/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdp_lines.c - which source file an instruction of the balancer comes from. Each stage of the data
 * plane is a header, so that this says what a stage costs, inlined as it is.
 *
 * The compiler's line table is in the object's .BTF.ext (Documentation/bpf/btf.rst); libbpf reads
 * the section and does not tell the lines. Offsets are those of the object's section, which are
 * those of the loaded program: libbpf appends what the section calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "xdp.h"

#include "balancer.skel.h"

#define SUBPROGRAMS "(subprograms)"

struct xdp_lines {
	struct btf *btf;    /* has the names */
	const char **files; /* by instruction; NULL: no line is known */
	size_t n;
};

/* .BTF.ext's header and the head of the lines of one section. */
struct ext_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t header_len;
	uint32_t func_off, func_len; /* counted from the header's end, as is the next pair */
	uint32_t line_off, line_len;
};

struct ext_section {
	uint32_t name_off, n_records;
};

struct ext_line {
	uint32_t insn_off; /* bytes */
	uint32_t file_name_off, line_off, line_column;
};

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* A line holds until the next one. */
static void take_section(struct xdp_lines *lines, const uint8_t *records, uint32_t n,
			 uint32_t record_size)
{
	for (uint32_t i = 0; i < n; i++) {
		struct ext_line line;

		memcpy(&line, records + (size_t)i * record_size, sizeof(line));
		for (size_t k = line.insn_off / sizeof(struct bpf_insn); k < lines->n; k++)
			lines->files[k] =
			    base_name(btf__name_by_offset(lines->btf, line.file_name_off));
	}
}

/* Of the line part: the size of its records, then sections. -ENOENT: not this one. */
static int take_lines(struct xdp_lines *lines, const uint8_t *part, size_t len, const char *section)
{
	uint32_t record_size;
	size_t at = sizeof(record_size);

	if (len < at)
		return -EBADMSG;
	memcpy(&record_size, part, sizeof(record_size));
	if (record_size < sizeof(struct ext_line))
		return -EBADMSG;
	while (at + sizeof(struct ext_section) <= len) {
		struct ext_section head;
		const char *name;

		memcpy(&head, part + at, sizeof(head));
		at += sizeof(head);
		if (head.n_records > (len - at) / record_size)
			return -EBADMSG;
		name = btf__name_by_offset(lines->btf, head.name_off);
		if (name && !strcmp(name, section)) {
			take_section(lines, part + at, head.n_records, record_size);
			return 0;
		}
		at += (size_t)head.n_records * record_size;
	}
	return -ENOENT;
}

static int take_ext(struct xdp_lines *lines, const struct btf_ext *ext, const char *section)
{
	struct ext_header header;
	uint32_t len;
	const uint8_t *raw = btf_ext__get_raw_data(ext, &len);

	if (!raw || len < sizeof(header))
		return -EBADMSG;
	memcpy(&header, raw, sizeof(header));
	if (header.header_len > len || header.line_off > len - header.header_len ||
	    header.line_len > len - header.header_len - header.line_off)
		return -EBADMSG;
	return take_lines(lines, raw + header.header_len + header.line_off, header.line_len,
			  section);
}

/* libbpf reads BTF from files alone. */
static int read_elf(struct xdp_lines *lines, const char *section)
{
	struct btf_ext *ext = NULL;
	char path[64];
	size_t size;
	const void *elf = balancer_bpf__elf_bytes(&size);
	int fd = memfd_create("balancer.bpf.o", MFD_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, elf, size) != (ssize_t)size) {
		r = -EIO;
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		lines->btf = btf__parse_elf(path, &ext);
		r = lines->btf ? 0 : -errno;
	}
	if (!r)
		r = ext ? take_ext(lines, ext, section) : -ENOENT;
	btf_ext__free(ext);
	close(fd);
	return r;
}

int xdp_lines_open(struct xdp_lines **ret_lines, struct err *err)
{
	struct xdp_lines *lines = calloc(1, sizeof(*lines));
	struct balancer_bpf *skel = balancer_bpf__open();
	int r = lines && skel ? 0 : -ENOMEM;

	if (!r) {
		lines->n = bpf_program__insn_cnt(skel->progs.sluice_balancer);
		lines->files = calloc(lines->n, sizeof(*lines->files));
		r = lines->files ? 0 : -ENOMEM;
	}
	if (!r)
		r = read_elf(lines, bpf_program__section_name(skel->progs.sluice_balancer));
	balancer_bpf__destroy(skel);
	if (r) {
		xdp_lines_close(lines);
		return err_set(err, r, "the balancer's line table: %s", strerror(-r));
	}
	*ret_lines = lines;
	return 0;
}

void xdp_lines_close(struct xdp_lines *lines)
{
	if (!lines)
		return;
	free(lines->files);
	btf__free(lines->btf);
	free(lines);
}

static int add(struct xdp_files *files, const char *name, uint64_t n)
{
	size_t i = 0;

	while (i < files->n && strcmp(files->files[i].name, name))
		i++;
	if (i == XDP_FILES_MAX)
		return -E2BIG;
	if (i == files->n) {
		files->n++;
		snprintf(files->files[i].name, sizeof(files->files[i].name), "%s", name);
	}
	files->files[i].instructions += n;
	return 0;
}

static int most_first(const void *a, const void *b)
{
	const struct xdp_file *x = a, *y = b;

	if (x->instructions != y->instructions)
		return x->instructions < y->instructions ? 1 : -1;
	return strcmp(x->name, y->name);
}

int xdp_lines_add(const struct xdp_lines *lines, const uint32_t *executed, size_t n,
		  struct xdp_files *files)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (executed[i])
			r = add(files,
				i >= lines->n	  ? SUBPROGRAMS
				: lines->files[i] ? lines->files[i]
						  : "?",
				executed[i]);
	qsort(files->files, files->n, sizeof(*files->files), most_first);
	return r;
}
