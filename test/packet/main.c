/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * main.c - a packet suite's entry: where the kernel does not let us load a program, the whole suite
 * is skipped by the exit code that Meson understands, instead of passing without having run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/bpf.h>

#define EXIT_SKIPPED 77

/* Loads "return XDP_PASS" and lets it go. 0 or -errno. */
static int probe_loading(void)
{
	static const struct bpf_insn pass[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", pass,
			       sizeof(pass) / sizeof(pass[0]), NULL);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct criterion_test_set *tests;
	int code = 0, err = probe_loading();

	if (err == -EPERM) {
		fprintf(stderr, "SKIP: packet tests load XDP programs: run as root, or with "
				"CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON\n");
		return EXIT_SKIPPED;
	}
	if (err) {
		fprintf(stderr, "FAIL: the kernel loads no XDP program: %s\n", strerror(-err));
		return 1;
	}
	tests = criterion_initialize();
	if (criterion_handle_args(argc, argv, true))
		code = !criterion_run_all_tests(tests);
	criterion_finalize(tests);
	return code;
}
