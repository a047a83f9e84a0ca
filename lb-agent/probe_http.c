/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * probe_http.c - whether a GET is answered with an expected status (RFC 9110, RFC 9112).
 *
 * The whole header must come within the timeout; the status alone decides. The body is read and
 * thrown away for a moment only, so that a backend's small answer is taken to its end and its
 * application sees an orderly exchange; nothing is kept of an endless one.
 *
 * libevent's own HTTP client is not used: it hides why a connection failed, and resolves names.
 */
#include "probe_run.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEADER_BYTES_MAX 65536
#define BODY_BYTES_MAX	 65536
#define BODY_TIME_US	 250000
#define HTTP_VERSION	 "HTTP/1."

enum http_state {
	HTTP_SENDING,
	HTTP_STATUS_LINE,
	HTTP_FIELDS,
	HTTP_BODY,
};

struct http_run {
	struct probe_run run;
	enum http_state state;
	char *request;
	size_t request_len, sent;
	uint16_t expect_min, expect_max;
	uint16_t status;
	size_t header_bytes, body_bytes;
	char line[64];	 /* the beginning of the line that is being read */
	size_t line_len; /* of the whole line so far */
	uint32_t duration_us;
	char error[PROBE_ERROR_MAX]; /* empty: the status is an expected one */
};

static void fail(struct http_run *http, const char *error)
{
	probe_run_finish(&http->run, error, (uint32_t)(probe_now_us() - http->run.started_us));
}

static void finish(struct http_run *http)
{
	probe_run_finish(&http->run, http->error[0] ? http->error : NULL, http->duration_us);
}

static void send_request(struct http_run *http)
{
	while (http->sent < http->request_len) {
		ssize_t n = send(http->run.fd, http->request + http->sent,
				 http->request_len - http->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			probe_run_wait(&http->run, EV_WRITE);
			return;
		}
		if (n < 0) {
			probe_run_finish_errno(&http->run, errno);
			return;
		}
		http->sent += (size_t)n;
	}
	http->state = HTTP_STATUS_LINE;
	probe_run_wait(&http->run, EV_READ);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.x NNN", then a space and a reason, or nothing (RFC 9112 section 4). 0: it is none. */
static uint16_t parse_status(const char *line, size_t len)
{
	const size_t version = strlen(HTTP_VERSION);
	const char *code = line + version + 2;

	if (len < version + 5 || strncmp(line, HTTP_VERSION, version) != 0)
		return 0;
	if (!is_digit(line[version]) || line[version + 1] != ' ')
		return 0;
	if (!is_digit(code[0]) || !is_digit(code[1]) || !is_digit(code[2]))
		return 0;
	if (len > version + 5 && code[3] != ' ')
		return 0;
	return (uint16_t)((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
}

static void judge(struct http_run *http)
{
	if (http->status >= http->expect_min && http->status <= http->expect_max)
		http->error[0] = '\0';
	else if (http->expect_min == http->expect_max)
		snprintf(http->error, sizeof(http->error), "HTTP status %u, expected %u",
			 http->status, http->expect_min);
	else
		snprintf(http->error, sizeof(http->error), "HTTP status %u, expected %u-%u",
			 http->status, http->expect_min, http->expect_max);
}

/* The header is complete. 1xx answers but 101 come before the real one (RFC 9110 section 15.2). */
static void end_of_header(struct http_run *http)
{
	uint64_t now = probe_now_us();

	if (http->status < 200 && http->status != 101) {
		http->state = HTTP_STATUS_LINE;
		return;
	}
	judge(http);
	http->duration_us = (uint32_t)(now - http->run.started_us);
	http->state = HTTP_BODY;
	if (http->run.deadline_us > now + BODY_TIME_US)
		http->run.deadline_us = now + BODY_TIME_US;
}

/* false: the probe is over and `http` is gone. */
static bool take_line(struct http_run *http)
{
	size_t len = http->line_len;

	/* A bare LF is allowed as a line's end (RFC 9112 section 2.2). */
	if (len && len <= sizeof(http->line) && http->line[len - 1] == '\r')
		len--;
	http->line_len = 0;
	if (http->state == HTTP_FIELDS) {
		if (len == 0)
			end_of_header(http);
		return true;
	}
	http->status =
	    parse_status(http->line, len < sizeof(http->line) ? len : sizeof(http->line));
	if (http->status < 100) {
		fail(http, "the answer is not HTTP/1.x");
		return false;
	}
	http->state = HTTP_FIELDS;
	return true;
}

/* Whether the bytes so far can be the beginning of a status line. */
static bool is_plausible(const struct http_run *http)
{
	size_t len = strlen(HTTP_VERSION);

	if (http->line_len < len)
		len = http->line_len;
	return strncmp(http->line, HTTP_VERSION, len) == 0;
}

/* false: the probe is over. */
static bool take_header_byte(struct http_run *http, char c)
{
	if (++http->header_bytes > HEADER_BYTES_MAX) {
		fail(http, "the HTTP header is longer than 64 KiB");
		return false;
	}
	if (c == '\n')
		return take_line(http);
	if (http->line_len < sizeof(http->line))
		http->line[http->line_len] = c;
	http->line_len++;
	if (http->state == HTTP_STATUS_LINE && !is_plausible(http)) {
		fail(http, "the answer is not HTTP/1.x");
		return false;
	}
	return true;
}

static bool take_bytes(struct http_run *http, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (http->state == HTTP_BODY) {
			http->body_bytes += n - i;
			break;
		}
		if (!take_header_byte(http, bytes[i]))
			return false;
	}
	if (http->state == HTTP_BODY && http->body_bytes > BODY_BYTES_MAX) {
		finish(http);
		return false;
	}
	return true;
}

/* The connection ended: by the backend's FIN (error 0) or by an error. */
static void end_of_connection(struct http_run *http, int error)
{
	if (http->state == HTTP_BODY)
		finish(http);
	else if (error)
		probe_run_finish_errno(&http->run, error);
	else if (http->header_bytes == 0)
		fail(http, "closed without an answer");
	else
		fail(http, "closed within the HTTP header");
}

static void receive(struct http_run *http)
{
	char bytes[4096];

	for (;;) {
		ssize_t n = recv(http->run.fd, bytes, sizeof(bytes), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			end_of_connection(http, n < 0 ? errno : 0);
			return;
		}
		if (!take_bytes(http, bytes, (size_t)n))
			return;
	}
	probe_run_wait(&http->run, EV_READ);
}

static void connected(struct probe_run *run)
{
	send_request((struct http_run *)run);
}

static void ready(struct probe_run *run)
{
	struct http_run *http = (struct http_run *)run;

	if (http->state == HTTP_SENDING)
		send_request(http);
	else
		receive(http);
}

static void late(struct probe_run *run)
{
	struct http_run *http = (struct http_run *)run;
	char text[PROBE_ERROR_MAX], duration[16];

	if (http->state == HTTP_BODY) {
		finish(http);
		return;
	}
	snprintf(text, sizeof(text), "timed out after %s, connected but %s",
		 probe_duration_text(run->timeout_ms, duration),
		 http->header_bytes ? "the answer is incomplete" : "without an answer");
	fail(http, text);
}

static void destroy(struct probe_run *run)
{
	struct http_run *http = (struct http_run *)run;

	free(http->request);
	free(http);
}

static const struct probe_kind http_kind = {
    .connected = connected,
    .ready = ready,
    .late = late,
    .destroy = destroy,
};

/* Host without the port where it is the default one (RFC 9110 section 7.2). */
static void default_host(const struct lb_addr *address, uint16_t port,
			 char host[LB_ENDPOINT_TEXT_MAX])
{
	addr_format_endpoint(address, port, host);
	if (port == 80)
		*strrchr(host, ':') = '\0';
}

static int write_request(struct http_run *http, const struct lb_addr *address,
			 const struct conf_health *health)
{
	char host[LB_ENDPOINT_TEXT_MAX];
	int len;

	default_host(address, health->port, host);
	len = asprintf(&http->request,
		       "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice/" SLUICE_VERSION "\r\n"
		       "Accept: */*\r\nConnection: close\r\n\r\n",
		       health->path ? health->path : "/", health->host ? health->host : host);
	if (len < 0) {
		http->request = NULL;
		return -ENOMEM;
	}
	http->request_len = (size_t)len;
	return 0;
}

int probe_http_start(struct event_base *base, const struct lb_addr *address,
		     const struct conf_health *health, probe_done done, void *ctx,
		     struct probe_run **ret_run)
{
	struct http_run *http = calloc(1, sizeof(*http));
	int ret;

	if (!http)
		return -ENOMEM;
	http->run.kind = &http_kind;
	http->expect_min = health->expect_min;
	http->expect_max = health->expect_max;
	ret = write_request(http, address, health);
	if (ret == 0)
		ret = probe_run_connect(&http->run, base, address, health, done, ctx);
	if (ret < 0) {
		destroy(&http->run);
		return ret;
	}
	*ret_run = &http->run;
	return 0;
}
