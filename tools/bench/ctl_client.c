/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ctl_client.c - a line out, a line in (lb-agent/ctl.h says the protocol).
 */
#include "ctl_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"

#define REPLY_BYTES_FIRST (64u << 10)

/* "{…}\n", malloc'd. */
static char *request_line(const char *command, json_t *args)
{
	json_t *request =
	    json_pack("{s:s, s:o}", "command", command, "args", args ? args : json_object());
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;

	json_decref(request);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + len, "\n", 2);
	return line;
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Reads up to the end of the line. */
static int receive_line(int fd, char **ret_line, size_t *ret_len)
{
	size_t size = REPLY_BYTES_FIRST, len = 0;
	char *line = malloc(size);

	while (line) {
		ssize_t n = recv(fd, line + len, size - len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int r = n ? -errno : -ECONNRESET;

			free(line);
			return r;
		}
		len += (size_t)n;
		if (line[len - 1] == '\n') {
			*ret_line = line;
			*ret_len = len;
			return 0;
		}
		if (len == size) {
			char *more = realloc(line, size *= 2);

			if (!more)
				free(line);
			line = more;
		}
	}
	return -ENOMEM;
}

static int exchange(const char *socket_path, const char *line, char **ret_reply, size_t *ret_len,
		    double *ret_ms)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;
	double begun = bench_now_ms();

	if (fd < 0)
		return -errno;
	strncpy(address.sun_path, socket_path, sizeof(address.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		r = -errno;
	if (!r)
		r = send_all(fd, line, strlen(line));
	if (!r)
		r = receive_line(fd, ret_reply, ret_len);
	*ret_ms = bench_now_ms() - begun;
	close(fd);
	return r;
}

static int take_reply(const char *command, const char *text, size_t len, json_t **ret_data,
		      struct err *err)
{
	json_t *reply = json_loadb(text, len, 0, NULL);
	int r = 0;

	if (!reply)
		return err_set(err, -EBADMSG, "%s: the reply is no JSON", command);
	if (!json_is_true(json_object_get(reply, "ok"))) {
		const char *why = json_string_value(json_object_get(reply, "error"));

		r = err_set(err, -EREMOTEIO, "%s: %s", command, why ? why : "refused");
	} else if (ret_data) {
		*ret_data = json_incref(json_object_get(reply, "data"));
	}
	json_decref(reply);
	return r;
}

int ctl_client_command(const char *socket_path, const char *command, json_t *args,
		       json_t **ret_data, double *ret_ms, struct err *err)
{
	char *line = request_line(command, args), *reply = NULL;
	size_t len = 0;
	double ms = 0;
	int r;

	if (!line)
		return err_set(err, -ENOMEM, "out of memory");
	r = exchange(socket_path, line, &reply, &len, &ms);
	if (r)
		err_set(err, r, "%s: %s", command, strerror(-r));
	else
		r = take_reply(command, reply, len, ret_data, err);
	if (!r && ret_ms)
		*ret_ms = ms;
	free(reply);
	free(line);
	return r;
}
