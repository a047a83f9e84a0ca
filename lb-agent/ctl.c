/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server of the control socket (ctl.h), on the agent's own loop. It must never make the agent
 * wait: sockets are nonblocking, a reply waits in an evbuffer until its reader takes it, and a
 * connection's next request is not looked at before the reply to the last one is gone. So one
 * connection holds at most one request and one reply, whatever its client does.
 */
#include "ctl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "base/log.h"
#include "ctl_socket.h"

#define CTL_CONNECTIONS_MAX 64
#define CTL_IDLE_S	    60
#define CTL_READ_BYTES	    (256u << 10) /* at one go, so that others get their turn */
#define CTL_INPUT_MAX	    (2ul * CTL_REQUEST_BYTES_MAX) /* of all connections together */
#define CTL_ACCEPT_RETRY_S  1				  /* after running out of descriptors */
#define CTL_SUBJECT_MAX	    320

struct ctl_conn {
	struct ctl *ctl;
	int fd;
	uid_t uid;
	pid_t pid;
	struct event *on_read;
	struct event *on_write;
	char *in; /* the bytes of a request so far, and perhaps of those after it */
	size_t in_len, in_cap;
	size_t scanned; /* bytes of `in` that are known to hold no line feed */
	struct evbuffer *out;
	bool eof;     /* the client sends no more */
	bool closing; /* the reply in `out` is the last one */
	LIST_ENTRY(ctl_conn) link;
};

struct ctl {
	struct event_base *base;
	ctl_handler handler;
	void *ctx;
	char *path;
	struct stat identity;
	int fd;
	struct event *on_accept;
	struct event *retry_accept;
	LIST_HEAD(, ctl_conn) conns;
	size_t n_conns;
	size_t input_bytes; /* sum of in_cap */
	struct timeval idle;
};

static void conn_free(struct ctl_conn *conn)
{
	if (!conn)
		return;
	if (conn->on_read)
		event_free(conn->on_read);
	if (conn->on_write)
		event_free(conn->on_write);
	if (conn->out)
		evbuffer_free(conn->out);
	conn->ctl->input_bytes -= conn->in_cap;
	free(conn->in);
	close(conn->fd);
	free(conn);
}

static void conn_close(struct ctl_conn *conn)
{
	LIST_REMOVE(conn, link);
	conn->ctl->n_conns--;
	conn_free(conn);
}

/* Replies. */

static void free_text(const void *data, size_t len, void *extra)
{
	free((void *)data);
}

/* Queues one reply; takes the reference. Without memory for it the connection ends. */
static void conn_reply(struct ctl_conn *conn, json_t *reply)
{
	/* 15 digits: a number that was written with fewer is printed as it was written. */
	char *text = reply ? json_dumps(reply, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	json_decref(reply);
	if (!text || evbuffer_add_reference(conn->out, text, strlen(text), free_text, NULL) < 0) {
		free(text);
		conn->closing = true;
		return;
	}
	if (evbuffer_add(conn->out, "\n", 1) < 0)
		conn->closing = true;
}

static void conn_reply_error(struct ctl_conn *conn, const char *error, const char *diagnostics)
{
	json_t *reply = json_pack("{s:b, s:s}", "ok", 0, "error", error);

	if (!reply) /* the only other cause is text that is not UTF-8 */
		reply = json_pack("{s:b, s:s}", "ok", 0, "error", "the agent ran out of memory");
	if (reply && diagnostics)
		json_object_set_new(reply, "diagnostics", json_string(diagnostics));
	conn_reply(conn, reply);
}

/* Requests. */

static bool command_only_reads(const char *command)
{
	static const char *const readers[] = {"status", "vips", "backends", "counters", "plan"};

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!strcmp(command, readers[i]))
			return true;
	}
	return false;
}

/* "weight web/10.0.1.11 50"; the client wrote it, so nothing but plain text goes into the log. */
static void describe_request(const char *command, const json_t *args, char buf[CTL_SUBJECT_MAX])
{
	const char *pool = json_string_value(json_object_get(args, "pool"));
	const char *address = json_string_value(json_object_get(args, "address"));
	const json_t *weight = json_object_get(args, "weight");
	int n = snprintf(buf, CTL_SUBJECT_MAX, "%.64s%s%.80s%s%.64s", command, pool ? " " : "",
			 pool ? pool : "", address ? "/" : "", address ? address : "");

	if (json_is_integer(weight))
		snprintf(buf + n, CTL_SUBJECT_MAX - (size_t)n, " %lld",
			 (long long)json_integer_value(weight));
	for (char *p = buf; *p; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
	}
}

static void log_request(const struct ctl_conn *conn, const char *command, const json_t *args,
			const char *error)
{
	char subject[CTL_SUBJECT_MAX];

	describe_request(command, args, subject);
	if (command_only_reads(command))
		log_debug("%s by uid %u (pid %d)", subject, (unsigned int)conn->uid,
			  (int)conn->pid);
	else if (error)
		log_info("%s by uid %u (pid %d) refused: %s", subject, (unsigned int)conn->uid,
			 (int)conn->pid, error);
	else
		log_info("%s by uid %u (pid %d)", subject, (unsigned int)conn->uid, (int)conn->pid);
}

static void run_command(struct ctl_conn *conn, const char *command, const json_t *args)
{
	char *error = NULL, *diagnostics = NULL;
	json_t *data = conn->ctl->handler(conn->ctl->ctx, command, args, &error, &diagnostics);

	/* A reload may have taken seconds, which must not count as the client's idleness. */
	event_base_update_cache_time(conn->ctl->base);
	log_request(conn, command, args, data ? NULL : error ? error : "no reason given");
	if (data)
		conn_reply(conn, json_pack("{s:b, s:o}", "ok", 1, "data", data));
	else
		conn_reply_error(conn, error ? error : "the agent ran out of memory", diagnostics);
	free(error);
	free(diagnostics);
}

static void handle_request(struct ctl_conn *conn, const char *line, size_t len)
{
	json_error_t parse_error;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &parse_error);
	json_t *args = json_object_get(request, "args");
	const char *command = json_string_value(json_object_get(request, "command"));
	json_t *no_args = NULL;
	char text[sizeof(parse_error.text) + 32];

	if (!request) {
		/* Whatever this client speaks, its next line will be no better. */
		snprintf(text, sizeof(text), "the request is not JSON: %s", parse_error.text);
		conn->closing = true;
		conn_reply_error(conn, text, NULL);
		return;
	}
	if (!command) {
		conn_reply_error(conn, "the request has no \"command\" (a string)", NULL);
	} else if (args && !json_is_object(args)) {
		conn_reply_error(conn, "\"args\" is not an object", NULL);
	} else {
		no_args = args ? NULL : json_object();
		if (args || no_args)
			run_command(conn, command, args ? args : no_args);
		else
			conn->closing = true;
	}
	json_decref(no_args);
	json_decref(request);
}

static void drop_input(struct ctl_conn *conn, size_t len)
{
	memmove(conn->in, conn->in + len, conn->in_len - len);
	conn->in_len -= len;
	conn->scanned = 0;
	/* A large request's memory is not kept for the small ones after it. */
	if (conn->in_len == 0 && conn->in_cap > CTL_READ_BYTES) {
		conn->ctl->input_bytes -= conn->in_cap;
		free(conn->in);
		conn->in = NULL;
		conn->in_cap = 0;
	}
}

/* White space between requests; without this, a client's line feeds would cost a copy each. */
static void skip_blank(struct ctl_conn *conn)
{
	size_t n = 0;

	while (n < conn->in_len && strchr(" \t\r\n", conn->in[n]) && conn->in[n])
		n++;
	if (n > 0)
		drop_input(conn, n);
}

/* The end of the first request in `in`; NULL: it is not complete. */
static char *conn_find_end(struct ctl_conn *conn)
{
	char *end = conn->in_len > conn->scanned
			? memchr(conn->in + conn->scanned, '\n', conn->in_len - conn->scanned)
			: NULL;

	if (end)
		return end;
	conn->scanned = conn->in_len;
	/* A last line without its line feed counts: JSON itself says whether it is whole. */
	return conn->eof && conn->in_len > 0 ? conn->in + conn->in_len : NULL;
}

/* Answers the first request in `in`, if it is complete. */
static void conn_take_request(struct ctl_conn *conn)
{
	char *end;
	size_t len;

	skip_blank(conn);
	end = conn_find_end(conn);
	if (end) {
		len = (size_t)(end - conn->in);
		*end = '\0'; /* past a last line there is room: conn_read() leaves it */
		handle_request(conn, conn->in, len);
		drop_input(conn, len < conn->in_len ? len + 1 : len);
		skip_blank(conn);
	} else if (conn->in_len > CTL_REQUEST_BYTES_MAX) {
		conn->closing = true;
		conn_reply_error(conn, "the request is too long (64 MiB at the most)", NULL);
	}
}

/* Events. */

static int conn_make_room(struct ctl_conn *conn)
{
	size_t cap = conn->in_cap ? conn->in_cap : 4096;
	char *in;

	while (cap < conn->in_len + 2048)
		cap *= 2;
	if (cap == conn->in_cap)
		return 0;
	if (conn->ctl->input_bytes - conn->in_cap + cap > CTL_INPUT_MAX)
		return -ENOBUFS;
	in = realloc(conn->in, cap);
	if (!in)
		return -ENOMEM;
	conn->ctl->input_bytes += cap - conn->in_cap;
	conn->in = in;
	conn->in_cap = cap;
	return 0;
}

/* Takes in what there is. False: the connection is broken. */
static bool conn_read(struct ctl_conn *conn)
{
	size_t budget = CTL_READ_BYTES;

	while (budget > 0 && conn->in_len <= CTL_REQUEST_BYTES_MAX) {
		size_t room;
		ssize_t n;

		if (conn_make_room(conn)) {
			conn->closing = true;
			conn_reply_error(conn, "too many large requests at a time; try again",
					 NULL);
			return true;
		}
		room = conn->in_cap - conn->in_len - 1; /* for a terminating zero */
		n = recv(conn->fd, conn->in + conn->in_len, room < budget ? room : budget, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		if (n == 0) {
			conn->eof = true;
			return true;
		}
		conn->in_len += (size_t)n;
		budget -= (size_t)n;
	}
	return true;
}

/* Sends what the client takes. False: the connection is broken. */
static bool conn_write(struct ctl_conn *conn)
{
	while (evbuffer_get_length(conn->out) > 0) {
		struct evbuffer_iovec vec;
		ssize_t n;

		if (evbuffer_peek(conn->out, -1, NULL, &vec, 1) < 1)
			return false;
		n = send(conn->fd, vec.iov_base, vec.iov_len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		evbuffer_drain(conn->out, (size_t)n);
	}
	return true;
}

/*
 * One step: answers a request if nothing waits to be sent, sends, and says what to wait for. At
 * most one request is run in a step, so that a client that sends a thousand does not hold up the
 * loop; and nothing is read before the requests at hand are answered.
 */
static void conn_step(struct ctl_conn *conn)
{
	if (!conn->closing && evbuffer_get_length(conn->out) == 0)
		conn_take_request(conn);
	if (!conn_write(conn)) {
		conn_close(conn);
		return;
	}
	event_del(conn->on_read);
	if (evbuffer_get_length(conn->out) > 0) {
		event_add(conn->on_write, &conn->ctl->idle);
		return;
	}
	event_del(conn->on_write);
	if (conn->closing || (conn->eof && conn->in_len == 0))
		conn_close(conn);
	else if (conn_find_end(conn))
		event_active(conn->on_write, EV_WRITE, 0); /* the next request, in the next turn */
	else
		event_add(conn->on_read, &conn->ctl->idle);
}

static void conn_on_read(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *conn = arg;

	/* Both bits: the loop was busy for long, not the client. */
	if (!(what & EV_READ) || !conn_read(conn))
		conn_close(conn);
	else
		conn_step(conn);
}

static void conn_on_write(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *conn = arg;

	if (!(what & EV_WRITE))
		conn_close(conn);
	else
		conn_step(conn);
}

static int conn_new(struct ctl *ctl, int fd)
{
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t cred_len = sizeof(cred);
	struct ctl_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return -ENOMEM;
	conn->ctl = ctl;
	conn->fd = fd;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len);
	conn->uid = cred.uid;
	conn->pid = cred.pid;
	conn->out = evbuffer_new();
	conn->on_read = event_new(ctl->base, fd, EV_READ, conn_on_read, conn);
	conn->on_write = event_new(ctl->base, fd, EV_WRITE, conn_on_write, conn);
	if (!conn->out || !conn->on_read || !conn->on_write ||
	    event_add(conn->on_read, &conn->ctl->idle) < 0) {
		conn_free(conn);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&ctl->conns, conn, link);
	ctl->n_conns++;
	return 0;
}

static void refuse_connection(int fd)
{
	static const char reply[] =
	    "{\"ok\":false,\"error\":\"too many connections (64 at the most); try again\"}\n";

	send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void ctl_on_accept(evutil_socket_t listener, short what, void *arg)
{
	static const struct timeval retry = {.tv_sec = CTL_ACCEPT_RETRY_S};
	struct ctl *ctl = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		if (ctl->n_conns >= CTL_CONNECTIONS_MAX)
			refuse_connection(fd);
		else if (conn_new(ctl, fd) < 0)
			log_warning("control socket %s: out of memory for a connection", ctl->path);
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* Out of descriptors: the listener stays readable, so look away for a while. */
	log_warning("control socket %s: cannot accept: %s", ctl->path, strerror(errno));
	event_del(ctl->on_accept);
	event_add(ctl->retry_accept, &retry);
}

static void ctl_on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	event_add(ctl->on_accept, NULL);
}

int ctl_new(struct event_base *base, const char *path, const char *group, ctl_handler handler,
	    void *ctx, struct ctl **ret_ctl)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int r = -ENOMEM;

	if (!ctl)
		return -ENOMEM;
	ctl->base = base;
	ctl->handler = handler;
	ctl->ctx = ctx;
	ctl->fd = -1;
	ctl->idle.tv_sec = CTL_IDLE_S;
	LIST_INIT(&ctl->conns);
	ctl->path = strdup(path);
	if (!ctl->path)
		goto out;
	r = ctl_socket_listen(path, group, &ctl->fd, &ctl->identity);
	if (r)
		goto out;
	r = -ENOMEM;
	ctl->on_accept = event_new(base, ctl->fd, EV_READ | EV_PERSIST, ctl_on_accept, ctl);
	ctl->retry_accept = evtimer_new(base, ctl_on_retry, ctl);
	if (!ctl->on_accept || !ctl->retry_accept || event_add(ctl->on_accept, NULL) < 0)
		goto out;
	r = 0;
out:
	if (r) {
		ctl_free(ctl);
		return r;
	}
	*ret_ctl = ctl;
	return 0;
}

void ctl_set_idle_ms(struct ctl *ctl, unsigned int idle_ms)
{
	ctl->idle.tv_sec = idle_ms / 1000;
	ctl->idle.tv_usec = (suseconds_t)(idle_ms % 1000) * 1000;
}

void ctl_free(struct ctl *ctl)
{
	struct ctl_conn *conn;

	if (!ctl)
		return;
	while ((conn = LIST_FIRST(&ctl->conns)))
		conn_close(conn);
	if (ctl->on_accept)
		event_free(ctl->on_accept);
	if (ctl->retry_accept)
		event_free(ctl->retry_accept);
	if (ctl->fd >= 0) {
		ctl_socket_remove(ctl->path, &ctl->identity);
		close(ctl->fd);
	}
	free(ctl->path);
	free(ctl);
}
