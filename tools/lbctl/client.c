/* SPDX-License-Identifier: GPL-2.0-only */
/* One request to the agent and its reply; see client.h. */
#include "client.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"

#define CLIENT_TIMEOUT_MS    60000 /* without a byte from the agent */
#define CLIENT_REPLY_MAX     (1ul << 30)
#define CLIENT_READ_AT_LEAST (64ul << 10)

static char *explain_denied(const char *path)
{
	struct stat st;
	const struct group *group = stat(path, &st) == 0 && st.st_gid ? getgrgid(st.st_gid) : NULL;

	if (group)
		return text_format("no permission for %s: run lbctl as root or as a member of "
				   "group %s",
				   path, group->gr_name);
	return text_format("no permission for %s: run lbctl as root or as a member of the "
			   "socket's group",
			   path);
}

static int dial(const char *path, char **ret_error)
{
	static const struct timeval patience = {.tv_sec = CLIENT_TIMEOUT_MS / 1000};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, e;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		*ret_error = text_format("%s: a socket's path has at most %zu bytes", path,
					 sizeof(sa.sun_path) - 1);
		return -1;
	}
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		return fd;
	}
	e = errno;
	if (fd >= 0)
		close(fd);
	if (e == EACCES || e == EPERM)
		*ret_error = explain_denied(path);
	else if (e == ENOENT || e == ECONNREFUSED || e == ENOTDIR)
		*ret_error = text_format("lb-agent does not answer at %s: is it running? "
					 "(systemctl status lb-agent)",
					 path);
	else
		*ret_error = text_format("%s: %s", path, strerror(e));
	return -1;
}

/* An agent that hangs up early has still sent a reply that says why, so this reports nothing. */
static void send_text(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static char *grow(char *line, size_t cap)
{
	char *larger = realloc(line, cap);

	if (larger)
		return larger;
	fputs("lbctl: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

/* One line of any length, without its line feed; NULL: none came. */
static char *receive_line(int fd, size_t *ret_len)
{
	size_t len = 0, cap = 2 * CLIENT_READ_AT_LEAST;
	char *line = grow(NULL, cap);

	while (len < CLIENT_REPLY_MAX) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		char *end;
		ssize_t n;

		if (cap - len < CLIENT_READ_AT_LEAST)
			line = grow(line, cap *= 2);
		n = poll(&pfd, 1, CLIENT_TIMEOUT_MS);
		if (n > 0)
			n = recv(fd, line + len, cap - len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		end = memchr(line + len, '\n', (size_t)n);
		len += (size_t)n;
		if (end) {
			*ret_len = (size_t)(end - line);
			return line;
		}
	}
	free(line);
	return NULL;
}

static enum client_result read_reply(const struct lbctl *lb, const char *line, size_t len,
				     struct client_reply *ret_reply)
{
	json_t *reply = json_loadb(line, len, 0, NULL);
	const json_t *ok = json_object_get(reply, "ok");
	const char *error = json_string_value(json_object_get(reply, "error"));
	const char *diagnostics = json_string_value(json_object_get(reply, "diagnostics"));
	json_t *data = json_object_get(reply, "data");
	enum client_result result;

	if (json_is_true(ok) && data) {
		ret_reply->data = json_incref(data);
		result = CLIENT_OK;
	} else if (json_is_false(ok) && error) {
		ret_reply->error = text_clean(error);
		ret_reply->diagnostics = diagnostics ? text_format("%s", diagnostics) : NULL;
		result = CLIENT_REFUSED;
	} else {
		ret_reply->error = text_format("what answers at %s does not speak lb-agent's "
					       "protocol",
					       lb->socket);
		result = CLIENT_UNREACHABLE;
	}
	json_decref(reply);
	return result;
}

enum client_result client_call(const struct lbctl *lb, const char *command, json_t *args,
			       struct client_reply *ret_reply)
{
	json_t *request = json_pack("{s:s, s:o*}", "command", command, "args", args);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	enum client_result result = CLIENT_UNREACHABLE;
	char *line;
	size_t len;
	int fd;

	memset(ret_reply, 0, sizeof(*ret_reply));
	json_decref(request);
	if (!text) {
		ret_reply->error = text_format("an argument is not UTF-8 text");
		return CLIENT_REFUSED;
	}
	fd = dial(lb->socket, &ret_reply->error);
	if (fd < 0)
		goto out;
	send_text(fd, text, strlen(text));
	send_text(fd, "\n", 1);
	line = receive_line(fd, &len);
	close(fd);
	if (line)
		result = read_reply(lb, line, len, ret_reply);
	else
		ret_reply->error = text_format("lb-agent at %s gave no answer to '%s': see its log "
					       "(journalctl -u lb-agent)",
					       lb->socket, command);
	free(line);
out:
	free(text);
	return result;
}

void client_reply_free(struct client_reply *reply)
{
	json_decref(reply->data);
	free(reply->error);
	free(reply->diagnostics);
	memset(reply, 0, sizeof(*reply));
}

int client_fetch(const struct lbctl *lb, const char *command, json_t *args, json_t **ret_data)
{
	struct client_reply reply;
	enum client_result result = client_call(lb, command, args, &reply);

	if (result == CLIENT_OK) {
		*ret_data = reply.data;
		return EXIT_OK;
	}
	if (reply.diagnostics)
		fputs(reply.diagnostics, stderr);
	fprintf(stderr, "lbctl: %s\n", reply.error);
	client_reply_free(&reply);
	return result == CLIENT_UNREACHABLE ? EXIT_UNREACHABLE : EXIT_FAILED;
}
