/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rig.c - namespaces, mounts, and ip(8) for the network.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "genconf.h"

#define CARRIER_WAIT_MS 2000

static const char network[] =
    "link set lo up\n"
    "link add " RIG_INTERFACE " type veth peer name bench1\n"
    "link set " RIG_INTERFACE " up\n"
    "link set bench1 up\n"
    "address add 192.0.2.1/24 dev " RIG_INTERFACE "\n"
    "address add 2001:db8::1/64 dev " RIG_INTERFACE " nodad\n"
    "neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 nud permanent dev " RIG_INTERFACE "\n"
    "neighbour add 2001:db8::2 lladdr 02:00:00:00:00:02 nud permanent dev " RIG_INTERFACE "\n"
    "route add " GENCONF_BACKENDS_V4 " via 192.0.2.2\n"
    "route add " GENCONF_BACKENDS_V6 " via 2001:db8::2\n";

int rig_enter_private(struct err *err)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return err_set(err, -errno, "new namespaces: %s", strerror(errno));
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return err_set(err, -errno, "private mounts: %s", strerror(errno));
	if (mount("tmpfs", RIG_DIR, "tmpfs", MS_NODEV | MS_NOSUID, "mode=0755"))
		return err_set(err, -errno, "a tmpfs on %s: %s", RIG_DIR, strerror(errno));
	if (mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"))
		return err_set(err, -ENODEV, "a bpffs on /sys/fs/bpf: %s%s", strerror(errno),
			       errno == ENOENT ? "; is /sys mounted, and has the kernel BPF?" : "");
	return 0;
}

static int run_ip(int input, struct err *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, -errno, "fork: %s", strerror(errno));
	if (!pid) {
		dup2(input, STDIN_FILENO);
		execlp("ip", "ip", "-batch", "-", (char *)NULL);
		fprintf(stderr, "ip: %s; it is in the package iproute2\n", strerror(errno));
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, -errno, "waiting for ip: %s", strerror(errno));
	if (status)
		return err_set(err, -EIO, "ip could not build the network, see above");
	return 0;
}

static int build_network(struct err *err)
{
	const char *path = RIG_DIR "/network";
	int r = rig_write_file(path, network, sizeof(network) - 1, err);
	int fd;

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	r = run_ip(fd, err);
	close(fd);
	return r;
}

/* A new veth device has a carrier only when the kernel's link watch has run. */
int rig_wait_for_carrier(const char *device, struct err *err)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = -ETIMEDOUT;

	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	strncpy(request.ifr_name, device, IFNAMSIZ - 1);
	for (int i = 0; i < CARRIER_WAIT_MS && r; i++) {
		const struct timespec ms = {.tv_nsec = 1000000};

		if (!ioctl(fd, SIOCGIFFLAGS, &request) && request.ifr_flags & IFF_RUNNING)
			r = 0;
		else
			nanosleep(&ms, NULL);
	}
	close(fd);
	return r ? err_set(err, r, "%s has no carrier", device) : 0;
}

int rig_enter(struct err *err)
{
	int r = rig_enter_private(err);

	if (!r)
		r = build_network(err);
	if (!r)
		r = rig_wait_for_carrier(RIG_INTERFACE, err);
	return r;
}

int rig_write_file(const char *path, const char *text, size_t len, struct err *err)
{
	char part[256];
	FILE *file;
	int r = 0;

	snprintf(part, sizeof(part), "%s.new", path);
	file = fopen(part, "we");
	if (!file)
		return err_set(err, -errno, "%s: %s", part, strerror(errno));
	if (fwrite(text, 1, len, file) != len)
		r = -EIO;
	if (fclose(file))
		r = -EIO;
	if (!r && rename(part, path))
		r = -errno;
	return r ? err_set(err, r, "%s: %s", path, strerror(-r)) : 0;
}
