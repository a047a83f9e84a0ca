/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attach.c - libxdp's side of lb-decap.
 *
 * libxdp puts the program behind its dispatcher, so that it lives beside other XDP programs; where
 * the kernel has no freplace, libxdp attaches it alone.
 */
#include "attach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <lb/abi.h>

#include "decap.skel.h"

#define DECAP_PROGRAM	"sluice_decap"
#define SKIP_DISPATCHER "LIBXDP_SKIP_DISPATCHER" /* libxdp(3): environment variables */

struct decap {
	struct decap_bpf *skel;
	struct xdp_program *prog;
	int ifindex;
	enum xdp_attach_mode mode;
	bool attached;
	char *pin_dir; /* NULL: nothing pinned */
	bool made_pin_dir;
};

static bool decap_verbose;

static int decap_print_bpf(enum libbpf_print_level level, const char *format, va_list ap)
{
	return decap_verbose ? vfprintf(stderr, format, ap) : 0;
}

static int decap_print_xdp(enum libxdp_print_level level, const char *format, va_list ap)
{
	return decap_verbose ? vfprintf(stderr, format, ap) : 0;
}

void decap_set_verbose(bool verbose)
{
	decap_verbose = verbose;
	libbpf_set_print(decap_print_bpf);
	libxdp_set_print(decap_print_xdp);
}

static int decap_open(struct decap *decap, const struct decap_wanted *wanted)
{
	int err;

	decap->skel = decap_bpf__open();
	if (!decap->skel)
		return -errno;
	decap->skel->rodata->lb_decap_gue_port_be = htons(wanted->gue_port);
	err = bpf_map__set_max_entries(decap->skel->maps.lb_decap, wanted->vip_count);
	if (err)
		return err;
	decap->prog = xdp_program__from_bpf_obj(decap->skel->obj, "xdp");
	err = libxdp_get_error(decap->prog);
	if (err)
		decap->prog = NULL;
	return err;
}

static int decap_try_mode(struct decap *decap, enum xdp_attach_mode mode)
{
	int err = xdp_program__attach(decap->prog, decap->ifindex, mode, 0);

	if (err)
		return err;
	decap->mode = mode;
	decap->attached = true;
	return 0;
}

static void decap_close(struct decap *decap)
{
	xdp_program__close(decap->prog);
	decap_bpf__destroy(decap->skel);
	decap->prog = NULL;
	decap->skel = NULL;
}

/* An object is loaded once, whether that succeeds or not: another try needs another. */
static int decap_reopen(struct decap *decap, const struct decap_wanted *wanted)
{
	decap_close(decap);
	return decap_open(decap, wanted);
}

static int decap_try_modes(struct decap *decap, enum decap_mode mode,
			   const struct decap_wanted *wanted)
{
	int err;

	if (mode == DECAP_MODE_GENERIC)
		return decap_try_mode(decap, XDP_MODE_SKB);
	err = decap_try_mode(decap, XDP_MODE_NATIVE);
	if (err == -EOPNOTSUPP && mode == DECAP_MODE_AUTO) {
		err = decap_reopen(decap, wanted);
		if (!err)
			err = decap_try_mode(decap, XDP_MODE_SKB);
	}
	return err;
}

/*
 * There are kernels that take libxdp's trial of its dispatcher and then refuse our program behind
 * it: an extension may not change packet data where the function that it replaces does not (Linux
 * 6.13, and 6.12's stable series), which is so in the dispatcher of libxdp before 1.5.
 */
static int decap_try_alone(struct decap *decap, enum decap_mode mode,
			   const struct decap_wanted *wanted)
{
	int err;

	err = decap_reopen(decap, wanted);
	if (err)
		return err;
	setenv(SKIP_DISPATCHER, "1", 1);
	err = decap_try_modes(decap, mode, wanted);
	unsetenv(SKIP_DISPATCHER);
	return err;
}

static int decap_fill(const struct decap *decap, const struct decap_wanted *wanted)
{
	const int fd = bpf_map__fd(decap->skel->maps.lb_decap);
	const __u32 yes = 1;

	for (size_t i = 0; i < wanted->vip_count; i++) {
		struct lb_decap_key key;

		memcpy(key.addr, wanted->vips[i].b, sizeof(key.addr));
		if (bpf_map_update_elem(fd, &key, &yes, BPF_ANY))
			return -errno;
	}
	return 0;
}

static void decap_unpin(struct decap *decap)
{
	struct bpf_map *map;

	if (!decap->pin_dir)
		return;
	bpf_object__for_each_map (map, decap->skel->obj)
		if (bpf_map__is_pinned(map))
			bpf_map__unpin(map, NULL);
	if (decap->made_pin_dir)
		rmdir(decap->pin_dir);
	free(decap->pin_dir);
	decap->pin_dir = NULL;
}

static int decap_pin(struct decap *decap, const char *pin_dir)
{
	char path[PATH_MAX];
	struct bpf_map *map;
	int err;

	decap->pin_dir = strdup(pin_dir);
	if (!decap->pin_dir)
		return -ENOMEM;
	decap->made_pin_dir = mkdir(pin_dir, 0700) == 0;
	bpf_object__for_each_map (map, decap->skel->obj) {
		if (bpf_map__is_internal(map)) /* the program's constants */
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", pin_dir, bpf_map__name(map)) >=
		    (int)sizeof(path))
			return -ENAMETOOLONG;
		err = bpf_map__pin(map, path);
		if (err)
			return err;
	}
	return 0;
}

int decap_attach(int ifindex, enum decap_mode mode, const struct decap_wanted *wanted,
		 const char *pin_dir, struct decap **ret_decap, enum decap_step *ret_step,
		 uint32_t *ret_prog_id)
{
	struct decap *decap = calloc(1, sizeof(*decap));
	int err;

	*ret_step = DECAP_STEP_LOAD;
	if (!decap)
		return -ENOMEM;
	decap->ifindex = ifindex;
	if (!decap_find(ifindex, ret_prog_id)) { /* a dispatcher would take a second one */
		*ret_step = DECAP_STEP_BUSY;
		err = -EEXIST;
		goto out;
	}
	err = decap_open(decap, wanted);
	if (err)
		goto out;

	*ret_step = DECAP_STEP_ATTACH;
	err = decap_try_modes(decap, mode, wanted);
	if (err == -EINVAL)
		err = decap_try_alone(decap, mode, wanted);
	if (err) {
		if (bpf_xdp_query_id(ifindex, 0, ret_prog_id) == 0 && *ret_prog_id)
			*ret_step = DECAP_STEP_BUSY;
		goto out;
	}
	*ret_step = DECAP_STEP_FILL;
	err = decap_fill(decap, wanted);
	if (err)
		goto out;
	*ret_step = DECAP_STEP_PIN;
	if (pin_dir)
		err = decap_pin(decap, pin_dir);
out:
	if (err) {
		decap_free(decap);
		return err;
	}
	*ret_decap = decap;
	return 0;
}

const char *decap_mode_name(const struct decap *decap)
{
	return decap->mode == XDP_MODE_SKB ? "generic" : "native";
}

int decap_free(struct decap *decap)
{
	int err = 0;

	if (!decap)
		return 0;
	if (decap->attached)
		err = xdp_program__detach(decap->prog, decap->ifindex, decap->mode, 0);
	decap_unpin(decap);
	decap_close(decap);
	free(decap);
	return err;
}

/* Finds our program in what is attached, behind a dispatcher or alone. Borrowed from `multi`. */
static struct xdp_program *decap_pick(struct xdp_multiprog *multi)
{
	struct xdp_program *prog = NULL;

	if (xdp_multiprog__is_legacy(multi)) {
		prog = xdp_multiprog__main_prog(multi);
		if (prog && !strcmp(xdp_program__name(prog), DECAP_PROGRAM))
			return prog;
		return NULL;
	}
	while ((prog = xdp_multiprog__next_prog(prog, multi)))
		if (!strcmp(xdp_program__name(prog), DECAP_PROGRAM))
			return prog;
	return NULL;
}

int decap_find(int ifindex, uint32_t *ret_prog_id)
{
	struct xdp_multiprog *multi = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *prog;
	int err = libxdp_get_error(multi);

	if (err)
		return err;
	prog = decap_pick(multi);
	if (prog)
		*ret_prog_id = xdp_program__id(prog);
	xdp_multiprog__close(multi);
	return prog ? 0 : -ENOENT;
}

int decap_detach(int ifindex)
{
	struct xdp_multiprog *multi = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *prog;
	int err = libxdp_get_error(multi);

	if (err)
		return err;
	prog = decap_pick(multi);
	if (!prog)
		err = -ENOENT;
	else if (xdp_multiprog__is_legacy(multi))
		err = xdp_multiprog__detach(multi);
	else
		err = xdp_program__detach(prog, ifindex, xdp_multiprog__attach_mode(multi), 0);
	xdp_multiprog__close(multi);
	return err;
}
