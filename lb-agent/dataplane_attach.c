/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dataplane_attach.c - the root program on devices, through libxdp.
 *
 * libxdp puts programs behind its dispatcher, beside other XDP programs, where the kernel supports
 * freplace; elsewhere it attaches ours alone. Which of the two it became is read back from the
 * device. An instance of the root program is known to be ours by the map that it uses.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "dataplane_internal.h"
#include "root.skel.h"

#define DISPATCHER_PROGRAMS 10			     /* libxdp: MAX_DISPATCHER_ACTIONS */
#define SKIP_DISPATCHER	    "LIBXDP_SKIP_DISPATCHER" /* libxdp(3): environment variables */

static bool is_ours(struct xdp_program *prog, uint32_t programs_id)
{
	return prog && dp_prog_has_map(xdp_program__fd(prog), programs_id);
}

/*
 * What libxdp knows of a device. libxdp 1.3 never closes the descriptor by which it looks at the
 * main program (xdp_multiprog__from_id(); mended later): it is the first that it opens to keep,
 * hence the lowest that was free, and not the one that the multiprog owns.
 */
static struct xdp_multiprog *get_multi(int ifindex)
{
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct xdp_multiprog *multi;
	struct xdp_program *main_prog;

	if (lowest >= 0)
		close(lowest);
	multi = xdp_multiprog__get_from_ifindex(ifindex);
	if (libxdp_get_error(multi))
		return NULL;
	main_prog = xdp_multiprog__main_prog(multi);
	if (lowest >= 0 && main_prog && lowest != xdp_program__fd(main_prog) &&
	    dp_prog_id(lowest) == xdp_program__id(main_prog))
		close(lowest);
	return multi;
}

/* Our program on a device, and the multiprog that owns it; NULL: not there. */
static struct xdp_program *find_ours(int ifindex, uint32_t programs_id,
				     struct xdp_multiprog **ret_multi)
{
	struct xdp_multiprog *multi = get_multi(ifindex);
	struct xdp_program *prog = NULL;

	*ret_multi = NULL;
	if (!multi)
		return NULL;
	if (xdp_multiprog__is_legacy(multi)) {
		prog = xdp_multiprog__main_prog(multi);
		if (!is_ours(prog, programs_id))
			prog = NULL;
	} else {
		while ((prog = xdp_multiprog__next_prog(prog, multi)))
			if (is_ours(prog, programs_id))
				break;
	}
	if (prog)
		*ret_multi = multi;
	else
		xdp_multiprog__close(multi);
	return prog;
}

static void describe(struct xdp_multiprog *multi, struct dataplane_attachment *ret)
{
	ret->attached = true;
	ret->dispatcher = !xdp_multiprog__is_legacy(multi);
	ret->mode = xdp_multiprog__attach_mode(multi) == XDP_MODE_SKB ? DATAPLANE_GENERIC
								      : DATAPLANE_NATIVE;
}

/* The name and id of a program that holds a device alone. */
static void describe_foreign(int ifindex, char *buf, size_t len)
{
	struct xdp_multiprog *multi = get_multi(ifindex);
	struct xdp_program *prog;

	snprintf(buf, len, "another XDP program");
	if (!multi)
		return;
	prog = xdp_multiprog__main_prog(multi);
	if (prog && xdp_multiprog__is_legacy(multi))
		snprintf(buf, len, "another XDP program, %s (id %u),", xdp_program__name(prog),
			 xdp_program__id(prog));
	xdp_multiprog__close(multi);
}

/* Programs of others behind the dispatcher: all of a device are in one mode, which they have chosen
 * if they are there. */
struct others {
	unsigned int n;
	enum dataplane_mode mode;
	char names[96];
};

static void find_others(int ifindex, uint32_t programs_id, struct others *ret)
{
	struct xdp_multiprog *multi = get_multi(ifindex);
	struct dataplane_attachment all;
	struct xdp_program *prog = NULL;
	size_t used = 0;

	*ret = (struct others){0};
	if (!multi)
		return;
	describe(multi, &all);
	ret->mode = all.mode;
	while (all.dispatcher && (prog = xdp_multiprog__next_prog(prog, multi))) {
		if (is_ours(prog, programs_id))
			continue;
		ret->n++;
		if (used < sizeof(ret->names))
			used += snprintf(ret->names + used, sizeof(ret->names) - used, "%s%s",
					 used ? ", " : "", xdp_program__name(prog));
	}
	xdp_multiprog__close(multi);
}

static const char *mode_name(enum dataplane_mode mode)
{
	return mode == DATAPLANE_GENERIC ? "generic" : "native";
}

int dataplane_query(struct dataplane *dp, const char *ifname,
		    struct dataplane_attachment *ret_attachment)
{
	struct xdp_multiprog *multi;
	int ifindex = (int)if_nametoindex(ifname);

	*ret_attachment = (struct dataplane_attachment){0};
	if (!ifindex)
		return -ENODEV;
	if (find_ours(ifindex, dp->programs_id, &multi)) {
		describe(multi, ret_attachment);
		xdp_multiprog__close(multi);
	}
	return 0;
}

static int detach(int ifindex, uint32_t programs_id, bool *ret_was_there)
{
	struct xdp_multiprog *multi;
	struct xdp_program *prog = find_ours(ifindex, programs_id, &multi);
	int r;

	*ret_was_there = prog;
	if (!prog)
		return 0;
	if (xdp_multiprog__is_legacy(multi))
		r = xdp_multiprog__detach(multi);
	else
		r = xdp_program__detach(prog, ifindex, xdp_multiprog__attach_mode(multi), 0);
	xdp_multiprog__close(multi);
	return r;
}

static int attach_once(struct dataplane *dp, int ifindex, enum xdp_attach_mode mode, bool alone)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts);
	struct root_bpf *skel = root_bpf__open();
	struct xdp_program *prog = NULL;
	int r = skel ? bpf_map__reuse_fd(skel->maps.lb_programs, dp->programs_fd) : -ENOMEM;

	if (!r) {
		dp_unset_attach_type(skel->progs.sluice_root);
		opts.obj = skel->obj;
		opts.prog_name = "sluice_root";
		prog = xdp_program__create(&opts);
		r = (int)libxdp_get_error(prog);
	}
	if (alone)
		setenv(SKIP_DISPATCHER, "1", 1);
	if (!r)
		r = xdp_program__attach(prog, ifindex, mode, 0);
	if (alone)
		unsetenv(SKIP_DISPATCHER);
	if (!libxdp_get_error(prog))
		xdp_program__close(prog);
	root_bpf__destroy(skel);
	return r;
}

/*
 * libxdp falls back by itself where the kernel refuses every extension. But there are kernels that
 * take its own trial program and then refuse ours: an extension may not change packet data where
 * the function that it replaces does not (Linux 6.13, and 6.12's stable series), which is so in
 * the dispatcher of libxdp before 1.5, and a tail call counts as a change. Alone we can be there.
 */
static int attach_root(struct dataplane *dp, int ifindex, enum xdp_attach_mode mode)
{
	int r = attach_once(dp, ifindex, mode, false);

	return r == -EINVAL ? attach_once(dp, ifindex, mode, true) : r;
}

static int attach_error(const char *ifname, int ifindex, int r, const struct others *others,
			struct err *err)
{
	char foreign[96];

	if ((r == -EBUSY || r == -EEXIST) && others->n)
		return err_set(err, -EBUSY,
			       "%s: other XDP programs (%s) are attached to it, and this kernel "
			       "refuses to put ours beside them behind this libxdp's dispatcher; "
			       "remove them or choose another device",
			       ifname, others->names);
	if (r == -EBUSY || r == -EEXIST) {
		describe_foreign(ifindex, foreign, sizeof(foreign));
		return err_set(err, -EBUSY,
			       "%s: %s is attached to it and was not loaded by libxdp; remove it "
			       "(ip link set dev %s xdp off) or choose another device",
			       ifname, foreign, ifname);
	}
	if (r == -EOPNOTSUPP)
		return err_set(err, r,
			       "%s: its driver has no native XDP; set xdp_mode to generic or auto",
			       ifname);
	return err_set(err, r, "%s: attaching the XDP program: %s%s%s", ifname, strerror(-r),
		       *dp_log_last() ? "; " : "", dp_log_last());
}

static int attach_in_mode(struct dataplane *dp, int ifindex, enum dataplane_mode mode)
{
	int r;

	dp_log_clear();
	r = attach_root(dp, ifindex, mode == DATAPLANE_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE);
	if (mode == DATAPLANE_AUTO && (r == -EOPNOTSUPP || r == -EINVAL || r == -ENOTSUP))
		r = attach_root(dp, ifindex, XDP_MODE_SKB);
	return r;
}

int dataplane_attach(struct dataplane *dp, const char *ifname, enum dataplane_mode mode,
		     struct dataplane_attachment *ret_attachment, struct err *err)
{
	int ifindex = (int)if_nametoindex(ifname), r;
	struct dataplane_attachment before;
	struct others others;
	bool was_there;

	*ret_attachment = (struct dataplane_attachment){0};
	if (!ifindex)
		return err_set(err, -ENODEV, "there is no device %s", ifname);
	dataplane_query(dp, ifname, &before);
	*ret_attachment = before;
	if (before.attached && (mode == DATAPLANE_AUTO || mode == before.mode))
		return 0;
	find_others(ifindex, dp->programs_id, &others);
	if (others.n && mode == DATAPLANE_AUTO)
		mode = others.mode;
	if (others.n && mode != others.mode)
		return err_set(err, -EBUSY,
			       "%s: other XDP programs (%s) are attached to it in %s mode, which "
			       "all of a device share; set xdp_mode to %s or auto, or remove them",
			       ifname, others.names, mode_name(others.mode),
			       mode_name(others.mode));
	if (before.attached) {
		r = detach(ifindex, dp->programs_id, &was_there);
		if (r)
			return err_set(err, r, "%s: changing the XDP mode: %s", ifname,
				       strerror(-r));
	}
	r = attach_in_mode(dp, ifindex, mode);
	if (r) {
		attach_error(ifname, ifindex, r, &others, err);
		if (before.attached) /* a refused change leaves the device as it was */
			attach_in_mode(dp, ifindex, before.mode);
		dataplane_query(dp, ifname, ret_attachment);
		return r == -EEXIST ? -EBUSY : r;
	}
	dataplane_query(dp, ifname, ret_attachment);
	if (!ret_attachment->attached)
		return err_set(err, -EIO, "%s: the XDP program is not there after attaching it",
			       ifname);
	return 0;
}

int dataplane_detach(struct dataplane *dp, const char *ifname, struct err *err)
{
	int ifindex = (int)if_nametoindex(ifname), r;
	bool was_there;

	if (!ifindex)
		return 0;
	r = detach(ifindex, dp->programs_id, &was_there);
	return r ? err_set(err, r, "%s: detaching the XDP program: %s", ifname, strerror(-r)) : 0;
}

/* Takes our programs out of a directory of libxdp's, and the directory away if nothing is left. */
static void remove_pins(const char *dir, uint32_t programs_id)
{
	char prog[PATH_MAX], link[PATH_MAX];

	for (int i = 0; i < DISPATCHER_PROGRAMS; i++) {
		int fd;

		if (snprintf(prog, sizeof(prog), "%s/prog%d-prog", dir, i) >= (int)sizeof(prog) ||
		    snprintf(link, sizeof(link), "%s/prog%d-link", dir, i) >= (int)sizeof(link))
			return;
		fd = bpf_obj_get(prog);
		if (fd < 0)
			continue;
		if (dp_prog_has_map(fd, programs_id)) {
			unlink(link);
			unlink(prog);
		}
		close(fd);
	}
	rmdir(dir);
}

/*
 * libxdp pins what is behind a dispatcher under xdp/dispatch-<device>-<dispatcher>, and a device
 * that is deleted leaves that behind: our program would stay in the kernel for ever. Pins of other
 * programs are left to their owners.
 */
static void remove_dead_pins(uint32_t programs_id)
{
	const char *bpffs = getenv("LIBXDP_BPFFS");
	char base[PATH_MAX / 2], path[PATH_MAX], name[IF_NAMESIZE];
	unsigned int ifindex, dispatcher;
	struct dirent *entry;
	DIR *dir;

	snprintf(base, sizeof(base), "%s/xdp", bpffs ? bpffs : "/sys/fs/bpf");
	dir = opendir(base);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (sscanf(entry->d_name, "dispatch-%u-%u", &ifindex, &dispatcher) != 2 ||
		    if_indextoname(ifindex, name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", base, entry->d_name);
		remove_pins(path, programs_id);
	}
	closedir(dir);
}

int dp_detach_all(uint32_t programs_id, bool (*keep)(void *ctx, const char *ifname), void *ctx,
		  struct err *err)
{
	struct if_nameindex *devices = if_nameindex();
	int r = 0, n = 0;

	if (!devices)
		return err_set(err, -errno, "listing devices: %s", strerror(errno));
	for (struct if_nameindex *d = devices; d->if_index && !r; d++) {
		bool was_there = false;

		if (keep && keep(ctx, d->if_name))
			continue;
		r = detach((int)d->if_index, programs_id, &was_there);
		if (r)
			err_set(err, r, "%s: detaching the XDP program: %s", d->if_name,
				strerror(-r));
		n += was_there;
	}
	if_freenameindex(devices);
	remove_dead_pins(programs_id);
	return r ? r : n;
}

int dataplane_detach_others(struct dataplane *dp, bool (*keep)(void *ctx, const char *ifname),
			    void *ctx, struct err *err)
{
	int r = dp_detach_all(dp->programs_id, keep, ctx, err);

	return r < 0 ? r : 0;
}
