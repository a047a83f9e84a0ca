/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_tcp.c - whether the backend's kernel accepts connections on the port.
 *
 * The backend's SYN+ACK is all that is needed to know. Our ACK is held back (TCP_QUICKACK off) and
 * a reset sent in its place, so the connection is never complete on the backend: its application
 * does not see it, nothing lies in its accept queue, and no log fills with empty connections. A
 * backend whose accept queue is full does not answer a SYN, and so fails as it should. Should this
 * process be late by more than the delayed ACK's time (200 ms), the application sees a
 * connection that is reset: no harm either.
 */
#include "probe_run.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

static void prepare(int fd)
{
	const int off = 0;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

static void connected(struct probe_run *run)
{
	probe_run_finish(run, NULL, (uint32_t)(probe_now_us() - run->started_us));
}

static void destroy(struct probe_run *run)
{
	free(run);
}

static const struct probe_kind tcp = {
    .prepare = prepare,
    .connected = connected,
    .destroy = destroy,
};

int probe_tcp_start(struct event_base *base, const struct lb_addr *address,
		    const struct conf_health *health, probe_done done, void *ctx,
		    struct probe_run **ret_run)
{
	struct probe_run *run = calloc(1, sizeof(*run));
	int ret;

	if (!run)
		return -ENOMEM;
	run->kind = &tcp;
	ret = probe_run_connect(run, base, address, health, done, ctx);
	if (ret < 0) {
		free(run);
		return ret;
	}
	*ret_run = run;
	return 0;
}
