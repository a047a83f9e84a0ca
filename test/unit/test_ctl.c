/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket's server, as its clients see it: whole, broken, slow and hostile ones. Server
 * and clients share one thread, and pump() lets the server have its turns, so that nothing here
 * depends on a schedule.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

#include "base/log.h"
#include "ctl.h"

#define BIG_REPLY_BYTES (24u << 20)

static struct event_base *base;
static struct ctl *server;
static char dir[64], path[96];
static int calls;

/* What a real agent would do is not of interest: "echo" shows that the arguments arrive. */
static json_t *handler(void *ctx, const char *command, const json_t *args, char **ret_error,
		       char **ret_diagnostics)
{
	calls++;
	if (!strcmp(command, "echo"))
		return json_pack("{s:O, s:f}", "args", args, "number", 0.1);
	if (!strcmp(command, "big")) {
		char *text = malloc(BIG_REPLY_BYTES + 1);
		json_t *data;

		memset(text, 'x', BIG_REPLY_BYTES);
		text[BIG_REPLY_BYTES] = '\0';
		data = json_string(text);
		free(text);
		return data;
	}
	*ret_error = strdup("no such thing");
	*ret_diagnostics = !strcmp(command, "plan") ? strdup("f:1:1: error: bad\n") : NULL;
	return NULL;
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/sluice-ctl-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/run/agent.sock", dir);
	log_set_level(LOG_LEVEL_WARNING);
	base = event_base_new();
	cr_assert_eq(ctl_new(base, path, NULL, handler, NULL, &server), 0);
}

static void teardown(void)
{
	char run[80];

	ctl_free(server);
	event_base_free(base);
	cr_assert_neq(access(path, F_OK), 0, "the socket is removed");
	snprintf(run, sizeof(run), "%s/run", dir);
	rmdir(run);
	rmdir(dir);
}

TestSuite(ctl, .init = setup, .fini = teardown, .timeout = 60);

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void pump(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static int dial(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0, "%s", strerror(errno));
	return fd;
}

/* Sends all of it, letting the server read meanwhile. False: the server has hung up. */
static bool send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
		pump();
	}
	return true;
}

static void say(int fd, const char *line)
{
	cr_assert(send_all(fd, line, strlen(line)));
}

/* One line, without its line feed, malloc'd; NULL: the server closed the connection. */
static char *hear(int fd)
{
	size_t cap = 64u << 20, len = 0;
	char *line = malloc(cap);
	double deadline = now_s() + 20;

	while (now_s() < deadline) {
		char *end;
		ssize_t n;

		pump();
		n = recv(fd, line + len, cap - len, MSG_PEEK);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			break;
		if (n < 0)
			continue;
		end = memchr(line + len, '\n', (size_t)n);
		if (end)
			n = end - (line + len) + 1;
		n = recv(fd, line + len, (size_t)n, 0);
		len += (size_t)n;
		if (end) {
			line[len - 1] = '\0';
			return line;
		}
	}
	cr_assert_lt(now_s(), deadline, "the server says nothing");
	free(line);
	return NULL;
}

static json_t *hear_json(int fd)
{
	char *line = hear(fd);
	json_t *reply;

	cr_assert_not_null(line, "the server hung up");
	reply = json_loads(line, 0, NULL);
	cr_assert_not_null(reply, "not JSON: %.200s", line);
	free(line);
	return reply;
}

static void expect_error(int fd, const char *part)
{
	json_t *reply = hear_json(fd);
	const char *error = json_string_value(json_object_get(reply, "error"));

	cr_assert(json_is_false(json_object_get(reply, "ok")));
	cr_assert_not_null(error);
	cr_expect_not_null(strstr(error, part), "'%s' does not hold '%s'", error, part);
	json_decref(reply);
}

static void expect_echo(int fd, int number)
{
	json_t *reply = hear_json(fd);
	json_t *args = json_object_get(json_object_get(reply, "data"), "args");

	cr_assert(json_is_true(json_object_get(reply, "ok")));
	cr_expect_eq(json_integer_value(json_object_get(args, "n")), number);
	json_decref(reply);
}

static void expect_hang_up(int fd)
{
	char *line = hear(fd);

	cr_expect_null(line, "expected the end, heard %.100s", line);
	free(line);
}

Test(ctl, hands_arguments_over_and_the_data_back)
{
	int fd = dial();
	char *line;

	say(fd, "{\"command\": \"echo\", \"args\": {\"n\": 7}}\n");
	line = hear(fd);
	cr_assert_str_eq(line, "{\"ok\":true,\"data\":{\"args\":{\"n\":7},\"number\":0.1}}");
	free(line);
	close(fd);
}

Test(ctl, gives_the_handler_an_object_where_the_request_has_no_args)
{
	int fd = dial();
	char *line;

	say(fd, "{\"command\": \"echo\"}\n");
	line = hear(fd);
	cr_assert_str_eq(line, "{\"ok\":true,\"data\":{\"args\":{},\"number\":0.1}}");
	free(line);
	close(fd);
}

Test(ctl, passes_a_refusal_and_its_diagnostics_on)
{
	int fd = dial();
	json_t *reply;

	say(fd, "{\"command\": \"plan\"}\n");
	reply = hear_json(fd);
	cr_expect(json_is_false(json_object_get(reply, "ok")));
	cr_expect_str_eq(json_string_value(json_object_get(reply, "error")), "no such thing");
	cr_expect_str_eq(json_string_value(json_object_get(reply, "diagnostics")),
			 "f:1:1: error: bad\n");
	json_decref(reply);
	close(fd);
}

Test(ctl, answers_garbage_with_an_error_and_hangs_up)
{
	int fd = dial();

	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	expect_error(fd, "not JSON");
	expect_hang_up(fd);
	cr_expect_eq(calls, 0);
	close(fd);
}

Test(ctl, survives_binary_garbage)
{
	static const char zeros[] = "\0\xff\xfe{\0\n";
	int fd = dial();

	send_all(fd, zeros, sizeof(zeros) - 1);
	expect_error(fd, "not JSON");
	expect_hang_up(fd);
	close(fd);
}

Test(ctl, refuses_json_of_the_wrong_shape_and_goes_on)
{
	int fd = dial();

	say(fd, "[]\n");
	expect_error(fd, "command");
	say(fd, "{\"command\": 3}\n");
	expect_error(fd, "command");
	say(fd, "{\"command\": \"echo\", \"args\": []}\n");
	expect_error(fd, "args");
	cr_expect_eq(calls, 0);
	say(fd, "{\"command\": \"echo\", \"args\": {\"n\": 1}}\n");
	expect_echo(fd, 1);
	close(fd);
}

Test(ctl, answers_several_requests_of_one_segment_in_order)
{
	int fd = dial();
	char text[4096];
	size_t len = 0;

	for (int i = 0; i < 50; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"{\"command\": \"echo\", \"args\": {\"n\": %d}}\n%s", i,
					i % 3 ? "" : "\n \r\n");
	cr_assert(send_all(fd, text, len));
	for (int i = 0; i < 50; i++)
		expect_echo(fd, i);
	cr_expect_eq(calls, 50);
	close(fd);
}

Test(ctl, puts_a_request_together_from_single_bytes)
{
	const char *text = "{\"command\": \"echo\", \"args\": {\"n\": 5}}\n{\"command\":";
	int fd = dial();

	for (const char *p = text; *p; p++) {
		cr_assert(send_all(fd, p, 1));
		pump();
	}
	expect_echo(fd, 5);
	cr_expect_eq(calls, 1, "half a request is not run");
	say(fd, "\"echo\", \"args\": {\"n\": 6}}\n");
	expect_echo(fd, 6);
	close(fd);
}

Test(ctl, answers_a_client_that_sends_no_more)
{
	const char *text = "{\"command\":\"echo\",\"args\":{\"n\":1}}\n"
			   "{\"command\":\"echo\",\"args\":{\"n\":2}}";
	int fd = dial();

	cr_assert_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	shutdown(fd, SHUT_WR);
	expect_echo(fd, 1);
	expect_echo(fd, 2);
	expect_hang_up(fd);
	close(fd);
}

Test(ctl, refuses_an_overlong_request)
{
	size_t len = CTL_REQUEST_BYTES_MAX + (1u << 20);
	char *text = malloc(len);
	int fd = dial();

	memset(text, 'a', len);
	send_all(fd, text, len); /* false where it hung up before the end, and it may */
	free(text);
	expect_error(fd, "too long");
	expect_hang_up(fd);
	close(fd);
}

Test(ctl, bounds_what_all_connections_together_may_hold)
{
	size_t len = CTL_REQUEST_BYTES_MAX - 4096;
	char *text = malloc(len);
	int fds[3];

	memset(text, 'a', len);
	for (int i = 0; i < 3; i++) {
		fds[i] = dial();
		send_all(fds[i], text, len);
	}
	free(text);
	expect_error(fds[2], "too many large requests");
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

Test(ctl, serves_64_connections_and_tells_the_65th_to_come_back)
{
	int fds[64], extra, again;

	for (int i = 0; i < 64; i++) {
		fds[i] = dial();
		say(fds[i], "{\"command\": \"echo\", \"args\": {\"n\": 1}}\n");
		expect_echo(fds[i], 1);
	}
	extra = dial();
	expect_error(extra, "too many connections");
	expect_hang_up(extra);
	close(extra);

	close(fds[0]);
	for (int i = 0; i < 10; i++)
		pump();
	again = dial();
	say(again, "{\"command\": \"echo\", \"args\": {\"n\": 2}}\n");
	expect_echo(again, 2);
	close(again);
	for (int i = 1; i < 64; i++)
		close(fds[i]);
}

Test(ctl, serves_others_while_one_does_not_read_its_reply)
{
	int slow = dial(), other = dial();

	say(slow, "{\"command\": \"big\"}\n");
	for (int i = 0; i < 100; i++)
		pump();
	say(other, "{\"command\": \"echo\", \"args\": {\"n\": 9}}\n");
	expect_echo(other, 9);
	close(slow);
	close(other);
}

Test(ctl, runs_no_request_before_the_reply_to_the_last_is_gone)
{
	static char buf[65536];
	size_t heard = 0;
	char *line;
	int fd = dial();

	say(fd, "{\"command\": \"big\"}\n{\"command\": \"big\"}\n");
	while (heard < BIG_REPLY_BYTES / 2) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		heard += n > 0 ? (size_t)n : 0;
		pump();
		cr_assert_eq(calls, 1, "a second reply waits besides the first");
	}
	line = hear(fd);
	cr_expect_gt(heard + strlen(line), BIG_REPLY_BYTES);
	free(line);
	line = hear(fd);
	cr_assert_not_null(line);
	cr_expect_gt(strlen(line), BIG_REPLY_BYTES);
	free(line);
	close(fd);
}

Test(ctl, hangs_up_on_a_client_that_says_nothing)
{
	int idle;

	ctl_set_idle_ms(server, 200);
	idle = dial();
	expect_hang_up(idle);
	close(idle);
}

Test(ctl, hangs_up_on_a_client_that_does_not_read_and_keeps_one_that_does)
{
	static const char big[] = "{\"command\": \"big\"}\n";
	static char buf[4096];
	struct pollfd slow = {0};
	int reader;
	double start;

	/* Long against a pause in which a busy machine runs neither side. */
	ctl_set_idle_ms(server, 3000);
	slow.fd = dial();
	reader = dial();
	/* Both before the server has a turn, since it takes a while over a reply of this size. */
	cr_assert_gt(send(slow.fd, big, strlen(big), 0), 0);
	cr_assert_gt(send(reader, big, strlen(big), 0), 0);
	for (start = now_s(); now_s() < start + 30 && !(slow.revents & POLLHUP);) {
		/* A full socket buffer takes more when a good part of it was read. */
		for (int i = 0; i < 40; i++) {
			ssize_t n = recv(reader, buf, sizeof(buf), 0);
			bool open = n > 0 || (n < 0 && errno == EAGAIN);

			cr_assert(open, "the reader was cut off");
		}
		for (double t = now_s(); now_s() < t + 0.1;)
			pump();
		poll(&slow, 1, 0);
	}
	cr_expect(slow.revents & POLLHUP, "the slow one is still connected");
	cr_expect_eq(send(reader, "\n", 1, MSG_NOSIGNAL), 1, "the reader is gone");
	close(slow.fd);
	close(reader);
}

Test(ctl, outlives_a_client_that_leaves_before_its_reply)
{
	int fd = dial();

	/* The reply's write fails with EPIPE; with SIGPIPE this process would be gone. */
	say(fd, "{\"command\": \"big\"}\n");
	close(fd);
	for (int i = 0; i < 100; i++)
		pump();
	fd = dial();
	say(fd, "{\"command\": \"echo\", \"args\": {\"n\": 3}}\n");
	expect_echo(fd, 3);
	close(fd);
}

Test(ctl, closes_its_connections_when_it_is_freed)
{
	int fd = dial();
	char buf[65536];
	ssize_t n;

	say(fd, "{\"command\": \"big\"}\n");
	pump();
	ctl_free(server);
	server = NULL;
	do
		n = recv(fd, buf, sizeof(buf), 0);
	while (n > 0);
	cr_expect(n == 0 || errno == ECONNRESET, "the connection is still open");
	close(fd);
}

/* The socket's file. */

Test(ctl, makes_the_socket_for_owner_and_group_only)
{
	struct stat st;
	char run[80];

	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0660, "mode %o", st.st_mode);
	snprintf(run, sizeof(run), "%s/run", dir);
	cr_assert_eq(stat(run, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0755, "mode %o", st.st_mode);
}

Test(ctl, leaves_a_socket_alone_on_which_another_answers)
{
	struct ctl *second = NULL;
	int fd;

	cr_expect_eq(ctl_new(base, path, NULL, handler, NULL, &second), -EADDRINUSE);
	cr_expect_null(second);
	fd = dial();
	say(fd, "{\"command\": \"echo\", \"args\": {\"n\": 4}}\n");
	expect_echo(fd, 4);
	close(fd);
}

static void leave_stale_socket(const char *at)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", at);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	listen(fd, 1);
	close(fd); /* as after kill -9: the file stays */
	cr_assert_eq(access(at, F_OK), 0);
}

Test(ctl, replaces_a_socket_that_nobody_listens_on)
{
	int fd;

	ctl_free(server);
	server = NULL;
	leave_stale_socket(path);
	cr_assert_eq(ctl_new(base, path, NULL, handler, NULL, &server), 0);
	fd = dial();
	say(fd, "{\"command\": \"echo\", \"args\": {\"n\": 8}}\n");
	expect_echo(fd, 8);
	close(fd);
}

Test(ctl, never_removes_a_file_that_is_no_socket)
{
	char file[96];
	struct ctl *second = NULL;
	int fd;

	snprintf(file, sizeof(file), "%s/precious", dir);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	close(fd);
	cr_expect_eq(ctl_new(base, file, NULL, handler, NULL, &second), -ENOTSOCK);
	cr_expect_eq(access(file, F_OK), 0);
	unlink(file);
}

Test(ctl, leaves_its_successors_socket_alone)
{
	struct ctl *second;
	int fd;

	unlink(path); /* an operator's rm; then a new agent comes up while the old one still ends */
	cr_assert_eq(ctl_new(base, path, NULL, handler, NULL, &second), 0);
	ctl_free(server);
	server = second;
	fd = dial();
	say(fd, "{\"command\": \"echo\", \"args\": {\"n\": 2}}\n");
	expect_echo(fd, 2);
	close(fd);
}

Test(ctl, says_what_is_wrong_with_a_path_or_a_group)
{
	struct ctl *second = NULL;
	char longer[200], missing[128];

	memset(longer, 'a', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	cr_expect_eq(ctl_new(base, longer, NULL, handler, NULL, &second), -ENAMETOOLONG);
	snprintf(missing, sizeof(missing), "%s/no/such/sock", dir);
	cr_expect_eq(ctl_new(base, missing, NULL, handler, NULL, &second), -ENOENT);
	snprintf(missing, sizeof(missing), "%s/run/other", dir);
	cr_expect_eq(ctl_new(base, missing, "no-such-group", handler, NULL, &second), -ENOENT);
	cr_expect_neq(access(missing, F_OK), 0, "nothing is left behind");
	cr_expect_null(second);
}
