/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_probe.c - real probes over the loopback device, against servers that behave and servers that
 * do not, all on one event loop.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "probe_servers.h"

TestSuite(probe, .init = setup, .fini = teardown, .timeout = 60);

Test(probe, tcp_finds_an_open_port_on_both_families)
{
	static const char *const texts[] = {"127.0.0.1", "::1"};

	for (int i = 0; i < 2; i++) {
		struct server server = {.behaviour = NO_ACCEPT};
		struct probe_target t;
		const struct probe_status *status;

		serve(&server, texts[i], 64);
		t = target(texts[i], server.port, CONF_HEALTH_TCP);
		status = probe_one(&t, HEALTH_UP);
		cr_assert_str_eq(status->last_error, "");
		cr_assert_geq(status->ok, 1);
		cr_assert_eq(status->failed, 0);
		cr_assert_gt(status->last_ms, 0);
		cr_assert_eq(status->since_ms, status->last_ms);
	}
	cr_assert_eq(changes, 2);
}

Test(probe, the_application_never_sees_a_tcp_probe)
{
	struct server server = {.behaviour = NO_ACCEPT};
	struct probe_target t;

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_TCP);
	probe_one(&t, HEALTH_UP);
	spin(500);
	cr_assert_geq(status_of(&t)->ok, 3);
	cr_assert_eq(accept(server.fd, NULL, NULL), -1);
	cr_assert_eq(errno, EAGAIN);
}

Test(probe, tcp_says_when_the_port_is_closed)
{
	struct probe_target t = target("127.0.0.1", closed_port(), CONF_HEALTH_TCP);

	cr_assert_str_eq(probe_one(&t, HEALTH_DOWN)->last_error, "connection refused");
	cr_assert_eq(last_state, HEALTH_DOWN);
}

Test(probe, a_full_accept_queue_times_out_every_interval)
{
	struct server server = {.behaviour = NO_ACCEPT};
	struct probe_target t;
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	serve(&server, "127.0.0.1", 0);
	sa.sin_port = htons(server.port);
	for (int i = 0; i < 3; i++)
		connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&sa,
			sizeof(sa));
	t = target("127.0.0.1", server.port, CONF_HEALTH_TCP);
	cr_assert_str_eq(probe_one(&t, HEALTH_DOWN)->last_error, "timed out after 100ms");
	/* timeout = interval: still one probe an interval, not one in two. */
	spin(1000);
	cr_assert_geq(status_of(&t)->failed, 8);
	cr_assert_leq(status_of(&t)->failed, 13);
}

Test(probe, http_asks_for_the_path_and_accepts_the_status)
{
	struct server server = {.behaviour = ANSWER,
				.text = "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"};
	struct probe_target t;
	char host[64];

	serve(&server, "::1", 64);
	t = target("::1", server.port, CONF_HEALTH_HTTP);
	cr_assert_str_eq(probe_one(&t, HEALTH_UP)->last_error, "");
	cr_assert_eq(strncmp(server.request, "GET /healthz HTTP/1.1\r\n", 23), 0);
	snprintf(host, sizeof(host), "\r\nHost: [::1]:%u\r\n", server.port);
	cr_assert_not_null(strstr(server.request, host));
	cr_assert_not_null(strstr(server.request, "\r\nConnection: close\r\n"));
	cr_assert_str_eq(strstr(server.request, "\r\n\r\n"), "\r\n\r\n");
	t.health.host = "www.example.com";
	cr_assert_eq(probe_set_update(set, &t, 1), 0);
	spin(300);
	cr_assert_not_null(strstr(server.request, "\r\nHost: www.example.com\r\n"));
}

Test(probe, http_says_which_status_was_not_expected)
{
	expect_http(ANSWER, "HTTP/1.1 503 Service Unavailable\r\n\r\n", HEALTH_DOWN,
		    "HTTP status 503, expected 200-299");
	expect_http(ANSWER, "HTTP/1.0 404 Not Found\r\n\r\nno such page", HEALTH_DOWN,
		    "HTTP status 404, expected 200-299");
	expect_http(ANSWER, "HTTP/1.1 300\r\n\r\n", HEALTH_DOWN,
		    "HTTP status 300, expected 200-299");
	expect_http(ANSWER, "HTTP/1.1 199 x\r\n\r\nHTTP/1.1 199 x\r\n\r\n", HEALTH_DOWN,
		    "closed within the HTTP header");
}

Test(probe, http_takes_every_valid_form_of_an_answer)
{
	expect_http(ANSWER, "HTTP/1.1 200 OK\r\n\r\n", HEALTH_UP, "");
	expect_http(ANSWER, "HTTP/1.0 299 \r\nA: b\r\n\r\nbody", HEALTH_UP, "");
	expect_http(ANSWER, "HTTP/1.1 200\n\n", HEALTH_UP, "");
	expect_http(ANSWER,
		    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
		    "HTTP/1.1 200 OK\r\n\r\n",
		    HEALTH_UP, "");
}

Test(probe, http_refuses_what_is_not_http)
{
	static const char error[] = "the answer is not HTTP/1.x";

	expect_http(ANSWER, "SSH-2.0-OpenSSH_9.2\r\n", HEALTH_DOWN, error);
	expect_http(KEEP, "SSH-", HEALTH_DOWN, error);
	expect_http(ANSWER, "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", HEALTH_DOWN, error);
	expect_http(ANSWER, "HTTP/2.0 200 OK\r\n\r\n", HEALTH_DOWN, error);
	expect_http(ANSWER, "HTTP/1.1 2000 OK\r\n\r\n", HEALTH_DOWN, error);
	expect_http(ANSWER, "HTTP/1.1 20 OK\r\n\r\n", HEALTH_DOWN, error);
	expect_http(ANSWER, "HTTP/1.1  200 OK\r\n\r\n", HEALTH_DOWN, error);
	expect_http(ANSWER, "HTTP/1.1 099 x\r\n\r\n", HEALTH_DOWN, error);
}

Test(probe, http_tells_how_the_connection_ended)
{
	expect_http(ANSWER, "", HEALTH_DOWN, "closed without an answer");
	expect_http(ANSWER, "HTTP/1.1 200 OK\r\nServer: x\r\n", HEALTH_DOWN,
		    "closed within the HTTP header");
	expect_http(RESET, "", HEALTH_DOWN, "connection reset");
}

Test(probe, http_takes_an_early_close_as_a_failure)
{
	struct server server = {.behaviour = AT_ONCE};
	struct probe_target t;

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_HTTP);
	/* FIN or reset, as the request and the close cross. */
	cr_assert_neq(probe_one(&t, HEALTH_DOWN)->last_error[0], '\0');
}

Test(probe, http_times_out_on_a_server_that_says_nothing_or_too_little)
{
	expect_http(HANG, "", HEALTH_DOWN,
		    "timed out after 300ms, connected but without an answer");
	expect_http(KEEP, "HTTP/1.1 200 OK\r\nServer", HEALTH_DOWN,
		    "timed out after 300ms, connected but the answer is incomplete");
}

Test(probe, http_waits_for_a_slow_answer_within_the_timeout)
{
	char text[400];

	expect_http(SLOW, "HTTP/1.1 200 OK\r\n\r\n", HEALTH_UP, "");
	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nX: %0200d\r\n\r\n", 0);
	expect_http(SLOW, text, HEALTH_DOWN,
		    "timed out after 300ms, connected but the answer is incomplete");
}

Test(probe, http_needs_no_end_of_the_body)
{
	expect_http(KEEP, "HTTP/1.1 200 OK\r\n\r\nbody", HEALTH_UP, "");
	expect_http(ENDLESS, "HTTP/1.1 200 OK\r\n\r\n", HEALTH_UP, "");
	expect_http(ENDLESS, "HTTP/1.1 500 x\r\n\r\n", HEALTH_DOWN,
		    "HTTP status 500, expected 200-299");
}

Test(probe, http_bounds_the_header)
{
	expect_http(ENDLESS, "HTTP/1.1 200 OK\r\nX: ", HEALTH_DOWN,
		    "the HTTP header is longer than 64 KiB");
}

Test(probe, leaves_no_socket_in_time_wait)
{
	struct server server = {.behaviour = ANSWER, .text = "HTTP/1.1 200 OK\r\n\r\nbody"};
	struct probe_target t;
	char command[128];

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_HTTP);
	probe_one(&t, HEALTH_UP);
	spin(350);
	/* State 06 is TIME_WAIT. */
	snprintf(command, sizeof(command), "grep -i ':%04X .* 06 ' /proc/net/tcp", server.port);
	cr_assert_neq(system(command), 0);
	cr_assert_geq(server.accepted, 3);
}

Test(probe, rise_and_fall_are_counted_and_each_change_is_told_once)
{
	struct server server = {.behaviour = ANSWER, .text = "HTTP/1.1 200 OK\r\n\r\n"};
	struct probe_target t;
	const struct probe_status *status;

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_HTTP);
	t.health.interval_ms = t.health.timeout_ms = 60;
	t.health.rise = 2;
	t.health.fall = 3;
	probe_one(&t, HEALTH_UP);
	cr_assert_eq(changes, 1);
	server.text = "HTTP/1.1 500 x\r\n\r\n";
	status = await(&t, HEALTH_DOWN);
	cr_assert_eq(status->failed, 3);
	cr_assert_eq(changes, 2);
	server.text = "HTTP/1.1 200 OK\r\n\r\n";
	status = await(&t, HEALTH_UP);
	cr_assert_eq(changes, 3);
	cr_assert_str_eq(status->last_error, "");
}

Test(probe, an_update_keeps_the_state_and_applies_new_parameters)
{
	struct server server = {.behaviour = ANSWER, .text = "HTTP/1.1 404 x\r\n\r\n"};
	struct probe_target t[2];
	uint64_t failed;

	serve(&server, "127.0.0.1", 64);
	t[0] = target("127.0.0.1", server.port, CONF_HEALTH_HTTP);
	probe_one(&t[0], HEALTH_DOWN);
	failed = status_of(&t[0])->failed;
	t[1] = target("127.0.0.2", server.port, CONF_HEALTH_TCP);
	t[1].initial = HEALTH_UP;
	cr_assert_eq(probe_set_update(set, t, 2), 0);
	cr_assert_eq(status_of(&t[0])->health.state, HEALTH_DOWN);
	cr_assert_geq(status_of(&t[0])->failed, failed);
	cr_assert_eq(status_of(&t[1])->health.state, HEALTH_UP, "as told");
	t[0].health.expect_min = t[0].health.expect_max = 404;
	cr_assert_eq(probe_set_update(set, t, 1), 0);
	await(&t[0], HEALTH_UP);
	cr_assert_null(probe_set_status(set, "web", &t[1].address));
	cr_assert_null(probe_set_status(set, "other", &t[0].address));
}

Test(probe, a_shorter_interval_applies_at_once)
{
	struct server server = {.behaviour = NO_ACCEPT};
	struct probe_target t;

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_TCP);
	t.health.interval_ms = 3600 * 1000;
	cr_assert_eq(probe_set_update(set, &t, 1), 0);
	t.health.interval_ms = 100;
	probe_one(&t, HEALTH_UP);
}

Test(probe, a_target_may_go_while_its_probe_runs)
{
	struct server server = {.behaviour = HANG};
	struct probe_target t;
	unsigned accepted;

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_HTTP);
	t.health.interval_ms = t.health.timeout_ms = 300;
	cr_assert_eq(probe_set_update(set, &t, 1), 0);
	for (int i = 0; i < 500 && !server.accepted; i++)
		spin(2);
	cr_assert_eq(server.accepted, 1);
	cr_assert_eq(probe_set_update(set, NULL, 0), 0);
	accepted = server.accepted;
	spin(500);
	cr_assert_eq(server.accepted, accepted);
	cr_assert_eq(changes, 0);
}

Test(probe, a_lack_of_own_descriptors_is_not_the_backends_failure)
{
	struct server server = {.behaviour = NO_ACCEPT};
	struct rlimit before, none;
	struct probe_target t;

	serve(&server, "127.0.0.1", 64);
	t = target("127.0.0.1", server.port, CONF_HEALTH_TCP);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	cr_assert_eq(probe_set_update(set, &t, 1), 0);
	spin(350);
	setrlimit(RLIMIT_NOFILE, &before);
	cr_assert_str_eq(status_of(&t)->last_error, "not probed: Too many open files");
	cr_assert_eq(status_of(&t)->health.state, HEALTH_UNKNOWN);
	cr_assert_eq(status_of(&t)->ok + status_of(&t)->failed, 0);
	await(&t, HEALTH_UP);
}

static void hold_up(evutil_socket_t fd, short what, void *ctx)
{
	usleep(1000 * *(unsigned *)ctx);
}

/* A server with a loop of its own; the kernel ends it with this process. */
static void serve_apart(int listener)
{
	static const char answer_text[] = "HTTP/1.1 200 OK\r\n\r\n";
	char request[1024];
	int fd;

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fcntl(listener, F_SETFL, 0);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (recv(fd, request, sizeof(request), 0) > 0)
			send(fd, answer_text, strlen(answer_text), MSG_NOSIGNAL);
		close(fd);
	}
	_exit(0);
}

/* The loop is busy from just after a probe's connect() to beyond its deadline, as a large reload
 * keeps it: the first hold-up makes the probe's timer and the second hold-up due together. */
Test(probe, a_loop_that_is_busy_beyond_the_deadline_is_not_the_backends_failure)
{
	struct server server = {.behaviour = NO_ACCEPT};
	unsigned first_ms = 40, second_ms = 150;
	struct event *first = evtimer_new(base, hold_up, &first_ms);
	struct event *second = evtimer_new(base, hold_up, &second_ms);
	struct timeval tv = {0};
	struct probe_target t;
	char error[80] = "";
	uint64_t due;

	serve(&server, "127.0.0.1", 64);
	serve_apart(server.fd);
	t = target("127.0.0.1", server.port, CONF_HEALTH_HTTP);
	t.health.interval_ms = 400;
	probe_one(&t, HEALTH_UP);
	due = status_of(&t)->last_ms - status_of(&t)->last_duration_us / 1000 + 400;
	tv.tv_usec = (suseconds_t)(due - now_ms() - 20) * 1000;
	event_add(first, &tv);
	tv.tv_usec += 35000;
	event_add(second, &tv);
	for (uint64_t end = now_ms() + WAIT_MS; status_of(&t)->ok < 3 && now_ms() < end;) {
		spin(10);
		if (status_of(&t)->last_error[0])
			snprintf(error, sizeof(error), "%s", status_of(&t)->last_error);
	}
	event_free(first);
	event_free(second);
	cr_assert_geq(status_of(&t)->ok, 3);
	cr_assert_eq(status_of(&t)->failed, 0, "%s", error);
}

Test(probe, an_unreachable_backend_fails_at_once)
{
	struct probe_target t = target("192.0.2.1", 80, CONF_HEALTH_TCP);

	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("needs root (a network namespace without routes)");
	cr_assert_str_eq(probe_one(&t, HEALTH_DOWN)->last_error, "network is unreachable");
}

Test(probe, probes_are_spread_over_the_interval)
{
	enum {
		N = 400,
		PARTS = 10,
		INTERVAL = 1000
	};
	static struct probe_target t[N];
	unsigned parts[PARTS] = {0};
	uint16_t port = closed_port();

	for (int i = 0; i < N; i++) {
		char text[32];

		snprintf(text, sizeof(text), "127.0.%d.%d", i / 250, i % 250 + 1);
		t[i] = target(text, port, CONF_HEALTH_TCP);
		t[i].health.interval_ms = t[i].health.timeout_ms = INTERVAL;
	}
	cr_assert_eq(probe_set_update(set, t, N), 0);
	spin(INTERVAL + 300);
	for (int i = 0; i < N; i++) {
		cr_assert_geq(status_of(&t[i])->failed, 1, "each within its first interval");
		parts[status_of(&t[i])->last_ms % INTERVAL / (INTERVAL / PARTS)]++;
	}
	for (int i = 0; i < PARTS; i++)
		cr_expect(parts[i] >= 15 && parts[i] <= 80, "part %d has %u of %d", i, parts[i], N);
}

static void update_within(void *ctx, const char *pool, const struct lb_addr *addr,
			  const struct probe_status *status)
{
	probe_set_update(*(struct probe_set **)ctx, NULL, 0);
}

Test(probe, an_update_from_within_the_callback_is_a_bug, .signal = SIGABRT)
{
	struct probe_target t = target("127.0.0.1", closed_port(), CONF_HEALTH_TCP);
	struct probe_set *other;

	cr_assert_eq(probe_set_new(base, update_within, &other, &other), 0);
	cr_assert_eq(probe_set_update(other, &t, 1), 0);
	spin(WAIT_MS);
}
