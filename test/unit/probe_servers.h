/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_servers.h - servers on the loopback that behave well, badly or not at all, on the test's
 * own event loop, and what it takes to wait for a probe's result.
 */
#ifndef TEST_PROBE_SERVERS_H
#define TEST_PROBE_SERVERS_H
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define WAIT_MS 8000

enum behaviour {
	ANSWER,	  /* read the request, send `text`, close */
	KEEP,	  /* the same, without closing */
	SLOW,	  /* the same, a byte every 4 ms */
	ENDLESS,  /* the same, and a body that does not end */
	HANG,	  /* accept, nothing more */
	RESET,	  /* reset once the request is there */
	AT_ONCE,  /* close without reading */
	NO_ACCEPT /* listen only */
};

struct server {
	int fd;
	uint16_t port;
	enum behaviour behaviour;
	const char *text;
	struct event *event;
	unsigned accepted;
	char request[1024]; /* the last one */
};

struct client {
	struct server *server;
	struct event *event;
	size_t sent;
	bool answering;
};

static struct event_base *base;
static struct probe_set *set;
static struct event *listeners[64]; /* of all servers of a test */
static size_t n_listeners;
static unsigned changes;
static enum health_state last_state;

static void on_change(void *ctx, const char *pool, const struct lb_addr *address,
		      const struct probe_status *status)
{
	cr_assert_str_eq(pool, "web");
	changes++;
	last_state = status->health.state;
}

static void setup(void)
{
	base = event_base_new();
	changes = 0;
	cr_assert_eq(probe_set_new(base, on_change, NULL, &set), 0);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void spin(unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static void teardown(void)
{
	probe_set_free(set);
	spin(20); /* the servers see their connections end */
	for (size_t i = 0; i < n_listeners; i++)
		event_free(listeners[i]);
	event_base_free(base);
}

/* The servers */

static void end_client(struct client *client, bool reset)
{
	const struct linger linger = {.l_onoff = reset};
	int fd = event_get_fd(client->event);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	event_free(client->event);
	close(fd);
	free(client);
}

static void on_client(evutil_socket_t fd, short what, void *ctx);

static void again(struct client *client, short what, unsigned ms)
{
	struct timeval tv = {.tv_usec = ms * 1000};
	int fd = event_get_fd(client->event);

	event_assign(client->event, base, fd, what, on_client, client);
	event_add(client->event, ms ? &tv : NULL);
}

static void answer(struct client *client)
{
	static const char body[4096];
	struct server *server = client->server;
	int fd = event_get_fd(client->event);
	size_t left = strlen(server->text) - client->sent;

	if (server->behaviour == SLOW && left > 1)
		left = 1;
	if (left) {
		ssize_t n = send(fd, server->text + client->sent, left, MSG_NOSIGNAL);

		if (n < 0) {
			end_client(client, false);
			return;
		}
		client->sent += (size_t)n;
		again(client, server->behaviour == SLOW ? EV_TIMEOUT : EV_WRITE,
		      server->behaviour == SLOW ? 4 : 0);
	} else if (server->behaviour == ENDLESS) {
		if (send(fd, body, sizeof(body), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			end_client(client, false);
		else
			again(client, EV_WRITE, 0);
	} else if (server->behaviour == KEEP) {
		client->answering = false; /* until the prober ends it */
		again(client, EV_READ, 0);
	} else {
		end_client(client, false);
	}
}

static void on_client(evutil_socket_t fd, short what, void *ctx)
{
	struct client *client = ctx;
	struct server *server = client->server;
	ssize_t n;

	if (client->answering) {
		answer(client);
		return;
	}
	n = recv(fd, server->request, sizeof(server->request) - 1, 0);
	if (n <= 0) {
		end_client(client, false);
		return;
	}
	server->request[n] = '\0';
	if (server->behaviour == RESET) {
		end_client(client, true);
	} else if (server->behaviour == HANG) {
		again(client, EV_READ, 0);
	} else {
		client->answering = true;
		answer(client);
	}
}

static void on_accept(evutil_socket_t fd, short what, void *ctx)
{
	struct server *server = ctx;
	int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	struct client *client;

	if (conn < 0)
		return;
	server->accepted++;
	if (server->behaviour == AT_ONCE) {
		close(conn);
		return;
	}
	client = calloc(1, sizeof(*client));
	client->server = server;
	client->event = event_new(base, conn, EV_READ, on_client, client);
	event_add(client->event, NULL);
}

static struct lb_addr address(const char *text)
{
	struct lb_addr addr;

	cr_assert_eq(addr_parse(text, &addr), 0);
	return addr;
}

static void serve(struct server *server, const char *text, int backlog)
{
	struct lb_addr addr = address(text);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&addr, 0, &sa);

	server->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	cr_assert_eq(bind(server->fd, (struct sockaddr *)&sa, len), 0);
	cr_assert_eq(listen(server->fd, backlog), 0);
	getsockname(server->fd, (struct sockaddr *)&sa, &len);
	/* sin_port and sin6_port lie at the same place. */
	server->port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	if (server->behaviour == NO_ACCEPT)
		return;
	server->event = event_new(base, server->fd, EV_READ | EV_PERSIST, on_accept, server);
	event_add(server->event, NULL);
	cr_assert_lt(n_listeners, sizeof(listeners) / sizeof(listeners[0]));
	listeners[n_listeners++] = server->event;
}

/* A port that nobody listens on: one that is bound, so that nobody else can. */
static uint16_t closed_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	return ntohs(sa.sin_port);
}

/* The targets */

static struct probe_target target(const char *text, uint16_t port, enum conf_health_type type)
{
	struct probe_target t = {
	    .pool = "web",
	    .address = address(text),
	    .health = {.type = type,
		       .port = port,
		       .path = type == CONF_HEALTH_HTTP ? "/healthz" : NULL,
		       .expect_min = 200,
		       .expect_max = 299,
		       .interval_ms = 100,
		       .timeout_ms = 100,
		       .rise = 1,
		       .fall = 1},
	    .initial = HEALTH_UNKNOWN,
	};
	return t;
}

static const struct probe_status *status_of(const struct probe_target *t)
{
	const struct probe_status *status = probe_set_status(set, t->pool, &t->address);

	cr_assert_not_null(status);
	return status;
}

static const struct probe_status *await(const struct probe_target *t, enum health_state state)
{
	uint64_t deadline = now_ms() + WAIT_MS;

	while (status_of(t)->health.state != state && now_ms() < deadline)
		spin(5);
	cr_assert_eq(status_of(t)->health.state, state, "%s: %s",
		     health_state_name(status_of(t)->health.state), status_of(t)->last_error);
	return status_of(t);
}

static const struct probe_status *probe_one(struct probe_target *t, enum health_state state)
{
	cr_assert_eq(probe_set_update(set, t, 1), 0);
	return await(t, state);
}

/* One HTTP server that behaves so gives this state and error. */
static void expect_http(enum behaviour behaviour, const char *text, enum health_state state,
			const char *error)
{
	struct server server = {.behaviour = behaviour, .text = text};
	struct probe_target t;

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_HTTP);
	t.health.interval_ms = 400;
	t.health.timeout_ms = 300;
	cr_assert_str_eq(probe_one(&t, state)->last_error, error);
	probe_set_update(set, NULL, 0);
	spin(5); /* the server sees its connection end */
	event_del(server.event);
	close(server.fd);
}

#endif
