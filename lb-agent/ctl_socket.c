/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket's file. Access to it is the only access control that the agent has, so there
 * must be no moment at which it is open to more users than it should be.
 */
#include "ctl_socket.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CTL_SOCKET_MODE 0660
#define CTL_BACKLOG	64

static int find_group(const char *name, gid_t *ret_gid)
{
	size_t size = 16384;
	struct group entry, *found = NULL;
	char *buf = malloc(size);
	int r;

	if (!buf)
		return -ENOMEM;
	r = getgrnam_r(name, &entry, buf, size, &found);
	if (!r && found)
		*ret_gid = found->gr_gid;
	free(buf);
	if (r)
		return -r;
	return found ? 0 : -ENOENT;
}

/* Makes the directory that `path` lies in; the one above it must be there. */
static int make_parent(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (mkdir(dir, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* Whatever the umask was: members of the group must be able to reach the socket. */
	return chmod(dir, 0755) < 0 ? -errno : 0;
}

/* Does somebody answer at the address? 0: nobody; -EADDRINUSE; or what else went wrong. */
static int probe_listener(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0)
		r = -EADDRINUSE;
	else if (errno == EAGAIN) /* it listens, and its backlog is full: unix(7) */
		r = -EADDRINUSE;
	else if (errno == ECONNREFUSED || errno == ENOENT)
		r = 0;
	else
		r = -errno;
	close(fd);
	return r;
}

/* Takes away a socket that nobody listens on; anything that is not a socket is left alone. */
static int remove_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int r;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	r = probe_listener(sa);
	if (r)
		return r;
	return unlink(sa->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_and_open(int fd, const struct sockaddr_un *sa, const char *group, gid_t gid,
			 struct stat *ret_stat)
{
	int r;

	/* The file takes over the socket's own mode: nobody but root gets in before chown. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0)
		return -errno;
	if (group && lchown(sa->sun_path, (uid_t)-1, gid) < 0)
		goto fail;
	if (chmod(sa->sun_path, CTL_SOCKET_MODE) < 0)
		goto fail;
	if (lstat(sa->sun_path, ret_stat) < 0)
		goto fail;
	if (listen(fd, CTL_BACKLOG) < 0)
		goto fail;
	return 0;
fail:
	r = -errno;
	unlink(sa->sun_path);
	return r;
}

int ctl_socket_listen(const char *path, const char *group, int *ret_fd, struct stat *ret_stat)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	gid_t gid = (gid_t)-1;
	int fd, r;

	if (!*path)
		return -EINVAL;
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);

	r = group ? find_group(group, &gid) : 0;
	if (r)
		return r;
	r = make_parent(path);
	if (r)
		return r;
	r = remove_stale(&sa);
	if (r)
		return r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind_and_open(fd, &sa, group, gid, ret_stat);
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

void ctl_socket_remove(const char *path, const struct stat *identity)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == identity->st_dev && st.st_ino == identity->st_ino)
		unlink(path);
}
