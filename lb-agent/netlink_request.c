/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * netlink_request.c - requests in batches, so that a hundred thousand routes are asked for in well
 * under a second: the kernel takes any number of messages in one send, and answers each before the
 * send returns. A batch is bounded by what our receive buffer surely holds, since an answer that
 * does not fit is lost.
 */
#include "netlink_request.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BATCH	      128
#define RECEIVE_BYTES (4u << 20)
/* The kernel's dump packets are at most 32 KiB (netlink_recvmsg() in af_netlink.c). */
#define BUFFER_BYTES (64u << 10)
/* Far beyond any answer time; only so that a kernel bug cannot hang the agent. */
#define TIMEOUT_S 10

struct netlink_requester {
	struct nl_sock *socket;
	uint32_t sequence; /* of the last request sent */
	char *receive_buffer;
	char send_buffer[BATCH * NETLINK_REQUEST_BYTES];
};

int netlink_errno(int libnl_error)
{
	switch (-libnl_error) {
	case NLE_SUCCESS:
		return 0;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_NOACCESS:
		return -EACCES;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	case NLE_AF_NOSUPPORT:
	case NLE_PROTO_MISMATCH:
		return -EAFNOSUPPORT;
	case NLE_INVAL:
		return -EINVAL;
	default:
		return -EIO;
	}
}

static void raise_buffer(int fd, int option_force, int option, int bytes)
{
	/* Best effort: a smaller buffer means an overrun sooner, which is handled. */
	if (setsockopt(fd, SOL_SOCKET, option_force, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
}

int netlink_socket_open(size_t receive_bytes, struct nl_sock **ret_socket)
{
	struct nl_sock *sk = nl_socket_alloc();
	int ret;

	if (!sk)
		return -ENOMEM;
	nl_socket_disable_auto_ack(sk);
	ret = netlink_errno(nl_connect(sk, NETLINK_ROUTE));
	if (ret < 0) {
		nl_socket_free(sk);
		return ret;
	}
	raise_buffer(nl_socket_get_fd(sk), SO_RCVBUFFORCE, SO_RCVBUF, (int)receive_bytes);
	raise_buffer(nl_socket_get_fd(sk), SO_SNDBUFFORCE, SO_SNDBUF, 1 << 20);
	*ret_socket = sk;
	return 0;
}

int netlink_requester_new(struct netlink_requester **ret_requester)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct netlink_requester *requester = calloc(1, sizeof(*requester));
	int ret = -ENOMEM;

	if (!requester)
		return -ENOMEM;
	requester->receive_buffer = malloc(BUFFER_BYTES);
	if (!requester->receive_buffer)
		goto out;
	ret = netlink_socket_open(RECEIVE_BYTES, &requester->socket);
	if (ret < 0)
		goto out;
	if (setsockopt(nl_socket_get_fd(requester->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0) {
		ret = -errno;
		goto out;
	}
	*ret_requester = requester;
	return 0;
out:
	netlink_requester_free(requester);
	return ret;
}

void netlink_requester_free(struct netlink_requester *requester)
{
	if (!requester)
		return;
	nl_socket_free(requester->socket);
	free(requester->receive_buffer);
	free(requester);
}

static int send_all(struct netlink_requester *requester, void *bytes, size_t len)
{
	int sent = nl_sendto(requester->socket, bytes, len);

	return sent < 0 ? netlink_errno(sent) : 0;
}

/* One packet into the receive buffer: its length, or -errno. Not nl_recv(): that allocates for each
 * packet and does not tell an overrun from a lack of memory. */
static ssize_t receive(struct netlink_requester *requester)
{
	ssize_t len;

	do {
		len = recv(nl_socket_get_fd(requester->socket), requester->receive_buffer,
			   BUFFER_BYTES, MSG_TRUNC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if ((size_t)len > BUFFER_BYTES)
		return -EMSGSIZE;
	return len;
}

/* The kernel's positive errno in an error message; 0: an acknowledgement. */
static int error_of(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = nlmsg_data(message);

	return nlmsg_valid_hdr(message, sizeof(*error)) ? -error->error : EBADMSG;
}

struct batch {
	size_t first, count;
	uint32_t first_sequence;
	size_t answered;
};

static int send_batch(struct netlink_requester *requester, struct batch *batch, netlink_build build,
		      void *ctx)
{
	size_t len = 0;
	int ret = 0;

	batch->first_sequence = requester->sequence + 1;
	for (size_t i = 0; i < batch->count && ret == 0; i++) {
		struct nl_msg *message = nlmsg_alloc_size(NETLINK_REQUEST_BYTES);
		struct nlmsghdr *nlh;

		if (!message)
			return -ENOMEM;
		ret = build(ctx, batch->first + i, message);
		if (ret == 0) {
			nlh = nlmsg_hdr(message);
			nlh->nlmsg_flags |= NLM_F_REQUEST;
			nlh->nlmsg_seq = ++requester->sequence;
			memcpy(requester->send_buffer + len, nlh, nlh->nlmsg_len);
			len += NLMSG_ALIGN(nlh->nlmsg_len);
		}
		nlmsg_free(message);
	}
	return ret < 0 ? ret : send_all(requester, requester->send_buffer, len);
}

/* Answers come in the order of the requests; anything that is not the next one is left over from a
 * run that failed. */
static void take_answers(struct netlink_requester *requester, ssize_t len, struct batch *batch,
			 netlink_answer answer, void *ctx)
{
	struct nlmsghdr *message = (struct nlmsghdr *)requester->receive_buffer;
	int left = (int)len;

	for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
		size_t i = batch->first + batch->answered;

		if (batch->answered == batch->count ||
		    message->nlmsg_seq != batch->first_sequence + batch->answered)
			continue;
		batch->answered++;
		if (message->nlmsg_type == NLMSG_ERROR)
			answer(ctx, i, error_of(message), NULL);
		else
			answer(ctx, i, 0, message);
	}
}

int netlink_request_many(struct netlink_requester *requester, size_t n, netlink_build build,
			 netlink_answer answer, void *ctx)
{
	for (size_t done = 0; done < n;) {
		struct batch batch = {
		    .first = done,
		    .count = n - done < BATCH ? n - done : BATCH,
		};
		int ret = send_batch(requester, &batch, build, ctx);

		if (ret < 0)
			return ret;
		while (batch.answered < batch.count) {
			ssize_t len = receive(requester);

			if (len < 0)
				return (int)len;
			take_answers(requester, len, &batch, answer, ctx);
		}
		done += batch.count;
	}
	return 0;
}

/* 1: the dump is complete. */
static int take_dump(struct netlink_requester *requester, ssize_t len, bool *interrupted,
		     void (*entry)(void *ctx, const struct nlmsghdr *message), void *ctx)
{
	struct nlmsghdr *message = (struct nlmsghdr *)requester->receive_buffer;
	int left = (int)len;

	for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != requester->sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR)
			return -error_of(message);
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		entry(ctx, message);
	}
	return 0;
}

int netlink_request_dump(struct netlink_requester *requester, struct nl_msg *request,
			 void (*entry)(void *ctx, const struct nlmsghdr *message), void *ctx)
{
	struct nlmsghdr *nlh = nlmsg_hdr(request);
	bool interrupted = false;
	int ret;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++requester->sequence;
	ret = send_all(requester, nlh, nlh->nlmsg_len);
	while (ret == 0) {
		ssize_t len = receive(requester);

		ret = len < 0 ? (int)len : take_dump(requester, len, &interrupted, entry, ctx);
	}
	if (ret < 0)
		return ret;
	return interrupted ? -EAGAIN : 0;
}
