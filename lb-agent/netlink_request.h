/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_request.h - asking rtnetlink: many small requests at once, and dumps.
 *
 * The kernel works a request off while it is being sent, so nothing here waits on anything but the
 * kernel's own work.
 */
#ifndef LB_NETLINK_REQUEST_H
#define LB_NETLINK_REQUEST_H

#include <stddef.h>

struct netlink_requester; /* opaque */
struct nl_msg;
struct nlmsghdr;

int netlink_requester_new(struct netlink_requester **ret_requester);
void netlink_requester_free(struct netlink_requester *requester);

/* Fills in request number `i`: an empty message of at most NETLINK_REQUEST_BYTES; its sequence
 * number is set afterwards. Each request must make the kernel send exactly one message back:
 * a data message or an error, or, with NLM_F_ACK, an acknowledgement. -errno ends the run. */
typedef int (*netlink_build)(void *ctx, size_t i, struct nl_msg *message);
/* The answer to request `i`: `error` is 0 or the kernel's (positive) errno, `answer` the data
 * message or NULL. The order is that of the requests. */
typedef void (*netlink_answer)(void *ctx, size_t i, int error, const struct nlmsghdr *answer);

#define NETLINK_REQUEST_BYTES 128

/* Sends `n` requests, many in a packet, and hands over their answers. -errno of the socket; an
 * error of a single request is its answer, not a failure of the run. */
int netlink_request_many(struct netlink_requester *requester, size_t n, netlink_build build,
			 netlink_answer answer, void *ctx);

/* Asks for a dump and hands over each message. -EAGAIN: the table changed while it was read, so
 * that entries may be missing (NLM_F_DUMP_INTR): ask again. */
int netlink_request_dump(struct netlink_requester *requester, struct nl_msg *request,
			 void (*entry)(void *ctx, const struct nlmsghdr *message), void *ctx);

/* A connected rtnetlink socket with the kernel-side buffers raised to `receive_bytes`, beyond
 * net.core.rmem_max where we may. libnl's error as -errno. */
struct nl_sock;
int netlink_socket_open(size_t receive_bytes, struct nl_sock **ret_socket);
/* libnl has error numbers of its own. */
int netlink_errno(int libnl_error);

#endif
