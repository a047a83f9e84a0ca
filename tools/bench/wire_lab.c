/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wire_lab.c - the namespaces of 'lb-bench wire', their devices and addresses.
 *
 * The namespaces have no names: file descriptors of this process hold them, so they end with it.
 */
#include "wire_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "wire.skel.h"

#define MTU "1600" /* a tunnel header on top of a full frame fits */

static const char *const names[WIRE_BOXES] = {
    [WIRE_SINK] = "sink",	[WIRE_BOUNCE] = "bounce", [WIRE_SLUICE] = "sluice",
    [WIRE_FORWARD] = "forward", [WIRE_NFT] = "nft",	  [WIRE_IPVS] = "ipvs",
};

const char *wire_box_name(enum wire_box box)
{
	return names[box];
}

unsigned int wire_class(const struct wire_path *path)
{
	return (path->ipip ? 0 : 2) + (path->end == WIRE_FAR);
}

static int open_space(struct wire_space *ret_space, struct err *err)
{
	ret_space->ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ret_space->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ret_space->ns < 0 || ret_space->socket < 0)
		return err_set(err, -errno, "the new network namespace: %s", strerror(errno));
	return 0;
}

static int new_space(struct wire_space *ret_space, struct err *err)
{
	if (unshare(CLONE_NEWNET))
		return err_set(err, -errno, "a network namespace: %s", strerror(errno));
	return open_space(ret_space, err);
}

static void close_space(struct wire_space *space)
{
	if (space->ns >= 0)
		close(space->ns);
	if (space->socket >= 0)
		close(space->socket);
}

int wire_enter(const struct wire_space *space, struct err *err)
{
	if (setns(space->ns, CLONE_NEWNET))
		return err_set(err, -errno, "setns: %s", strerror(errno));
	return 0;
}

/* In the child; no return. */
static void exec_command(const struct wire_space *space, const char *const argv[], int input)
{
	if (setns(space->ns, CLONE_NEWNET) || dup2(input, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(126);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int wire_command(const struct wire_space *space, const char *const argv[], const char *input,
		 struct err *err)
{
	int fd = memfd_create("input", MFD_CLOEXEC), status = -1;
	size_t len = strlen(input);
	pid_t pid;

	if (fd < 0 || write(fd, input, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		err_set(err, -EIO, "the input of %s: %s", argv[0], strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	pid = fork();
	if (!pid)
		exec_command(space, argv, fd);
	close(fd);
	if (pid < 0)
		return err_set(err, -errno, "fork: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? err_set(err, -EIO, "%s failed, see above", argv[0]) : 0;
}

static int ip_batch(const struct wire_space *space, const char *input, struct err *err)
{
	static const char *const argv[] = {"ip", "-batch", "-", NULL};

	return wire_command(space, argv, input, err);
}

int wire_set_sysctl(const char *name, const char *value, struct err *err)
{
	char path[128];
	int fd, r = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		r = err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

/* ND and MLD of the ends would come to the receivers. */
static int silence_ipv6(struct err *err)
{
	return wire_set_sysctl("ipv6/conf/default/disable_ipv6", "1", err);
}

/* Both pairs of a box, made in the ends' namespaces. */
static int make_devices(struct wire_lab *lab, enum wire_box box, struct err *err)
{
	char text[1024];
	int pid = getpid(), r;

	snprintf(text, sizeof(text),
		 "link add gen-%s mtu " MTU " type veth peer name bench0 netns /proc/%d/fd/%d\n"
		 "link set gen-%s up\n",
		 names[box], pid, lab->boxes[box].ns, names[box]);
	r = ip_batch(&lab->generator, text, err);
	if (r)
		return r;
	snprintf(text, sizeof(text),
		 "link add end-%s mtu " MTU " type veth peer name bench1 netns /proc/%d/fd/%d\n"
		 "link set end-%s up\n",
		 names[box], pid, lab->boxes[box].ns, names[box]);
	r = ip_batch(&lab->far, text, err);
	if (r)
		return r;
	return ip_batch(
	    &lab->boxes[box],
	    "link set lo up\n"
	    "link set bench0 mtu " MTU " address 02:00:00:00:00:01 up\n"
	    "link set bench1 mtu " MTU " address 02:00:00:00:00:04 up\n"
	    "address add 192.0.2.1/24 dev bench0\n"
	    "address add 2001:db8:1::1/64 dev bench0 nodad\n"
	    "address add 198.51.100.1/24 dev bench1\n"
	    "address add 2001:db8:2::1/64 dev bench1 nodad\n"
	    "neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 nud permanent dev bench0\n"
	    "neigh add 2001:db8:1::2 lladdr 02:00:00:00:00:02 nud permanent dev bench0\n"
	    "neigh add 198.51.100.2 lladdr 02:00:00:00:00:03 nud permanent dev bench1\n"
	    "neigh add 2001:db8:2::2 lladdr 02:00:00:00:00:03 nud permanent dev bench1\n"
	    "route add " WIRE_NEAR4 ".0.0/16 via 192.0.2.2\n"
	    "route add " WIRE_NEAR6 "::/64 via 2001:db8:1::2\n"
	    "route add " WIRE_FAR4 ".0.0/16 via 198.51.100.2\n"
	    "route add " WIRE_FAR6 "::/64 via 2001:db8:2::2\n",
	    err);
}

static int attach_end(const struct wire_space *space, const char *end, enum wire_box box,
		      const struct bpf_program *program, unsigned int *ret_ifindex, struct err *err)
{
	char device[IFNAMSIZ];
	int r = wire_enter(space, err);

	if (r)
		return r;
	snprintf(device, sizeof(device), "%s-%s", end, names[box]);
	*ret_ifindex = if_nametoindex(device);
	r = bpf_xdp_attach((int)*ret_ifindex, bpf_program__fd(program), XDP_FLAGS_DRV_MODE, NULL);
	return r ? err_set(err, r, "XDP on %s: %s", device, strerror(-r)) : 0;
}

/*
 * A program that is not attached anywhere is put into the kernel's XDP dispatcher for each test run
 * and taken out after it, with an RCU grace period of many milliseconds. So the generator's are
 * attached to a pair that is never up.
 */
static int hold_generators(struct wire_lab *lab, struct err *err)
{
	struct {
		const char *device;
		const struct bpf_program *program;
	} held[] = {{"hold4", lab->bpf->progs.generate4}, {"hold6", lab->bpf->progs.generate6}};
	int r = ip_batch(&lab->generator, "link add hold4 type veth peer name hold6\n", err);

	if (!r)
		r = wire_enter(&lab->generator, err);
	for (size_t i = 0; i < 2 && !r; i++) {
		r = bpf_xdp_attach((int)if_nametoindex(held[i].device),
				   bpf_program__fd(held[i].program), XDP_FLAGS_DRV_MODE, NULL);
		if (r)
			err_set(err, r, "XDP on %s: %s", held[i].device, strerror(-r));
	}
	return r;
}

static int make_box(struct wire_lab *lab, enum wire_box box, int binary, struct err *err)
{
	struct wire_space *space = &lab->boxes[box];
	unsigned int far_ifindex;
	int r = new_space(space, err);

	if (!r)
		r = make_devices(lab, box, err);
	if (!r)
		r = attach_end(&lab->generator, "gen", box, lab->bpf->progs.receive_near,
			       &lab->ifindex[box], err);
	if (!r)
		r = attach_end(&lab->far, "end", box, lab->bpf->progs.receive_far, &far_ifindex,
			       err);
	if (!r)
		r = wire_enter(space, err);
	if (!r)
		r = rig_wait_for_carrier("bench0", err);
	if (!r)
		r = rig_wait_for_carrier("bench1", err);
	if (!r)
		r = wire_box_start(lab, box, binary, err);
	if (r)
		err_prefix(err, r, "the box '%s'", names[box]);
	return r;
}

static struct wire_lab *lab_alloc(const struct wire_options *options)
{
	struct wire_lab *lab = calloc(1, sizeof(*lab));

	if (!lab)
		return NULL;
	lab->options = options;
	lab->generator = lab->far = (struct wire_space){-1, -1};
	for (size_t i = 0; i < WIRE_BOXES; i++)
		lab->boxes[i] = (struct wire_space){-1, -1};
	lab->bpf = wire_bpf__open_and_load();
	if (lab->bpf)
		return lab;
	free(lab);
	return NULL;
}

int wire_lab_new(const struct wire_options *options, int binary, struct wire_lab **ret_lab,
		 struct err *err)
{
	struct wire_lab *lab;
	int r = rig_enter_private(err);

	if (r)
		return r;
	lab = lab_alloc(options);
	if (!lab)
		return err_set(err, -EIO, "the generator's programs could not be loaded");
	r = open_space(&lab->generator, err);
	if (!r)
		r = silence_ipv6(err);
	if (!r)
		r = new_space(&lab->far, err);
	if (!r)
		r = silence_ipv6(err);
	if (!r)
		r = hold_generators(lab, err);
	for (size_t i = 0; i < WIRE_BOXES && !r; i++)
		r = make_box(lab, i, binary, err);
	if (!r)
		r = wire_enter(&lab->generator, err);
	if (!r) /* now, that the agent may run on every CPU */
		r = wire_clock_start(&lab->clock, err);
	if (r) {
		wire_lab_free(lab);
		return r;
	}
	*ret_lab = lab;
	return 0;
}

void wire_lab_free(struct wire_lab *lab)
{
	if (!lab)
		return;
	agent_process_kill(lab->agent);
	wire_bpf__destroy(lab->bpf);
	close_space(&lab->generator);
	close_space(&lab->far);
	for (size_t i = 0; i < WIRE_BOXES; i++)
		close_space(&lab->boxes[i]);
	free(lab);
}

const char *wire_lab_lacks(const struct wire_lab *lab, enum wire_box box)
{
	return lab->lacks[box];
}

bool wire_lab_by_wall(const struct wire_lab *lab)
{
	return !lab->clock.softirq[0];
}
