/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ctl_socket.h - making the control socket's file: who may open it, and what is done with one that
 * a dead agent left behind.
 */
#ifndef LB_CTL_SOCKET_H
#define LB_CTL_SOCKET_H

#include <sys/stat.h>

/*
 * Makes a listening, nonblocking UNIX stream socket at `path`, mode 0660 and of group `group`
 * (NULL: unchanged). Its directory is made (0755) where it is missing. 0, the descriptor and the
 * file's identity, or what ctl_new() says.
 */
int ctl_socket_listen(const char *path, const char *group, int *ret_fd, struct stat *ret_stat);

/* Removes `path` if it still is the file that ctl_socket_listen() made. */
void ctl_socket_remove(const char *path, const struct stat *identity);

#endif
