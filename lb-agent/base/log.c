/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.c - the messages of every program here: one write(2) a line, so that lines of several
 * threads or processes on one descriptor never mix.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static atomic_int max_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",	 [LOG_LEVEL_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

int log_parse_level(const char *text, enum log_level *ret_level)
{
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		if (strcmp(text, level_names[level]) == 0) {
			*ret_level = (enum log_level)level;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * Whether the journal reads standard error: systemd.exec(5) sets JOURNAL_STREAM to the device and
 * inode of the stream, so that a redirected descriptor is told apart.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* One message is one line: what would break it, or drive a terminal, becomes '?'. */
static void make_printable(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c < 0x20 || c == 0x7f)
			line[i] = '?';
	}
}

void log_at(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	int saved_errno = errno;
	size_t len, prefix;
	va_list args;
	int n;

	if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
		return;

	if (stderr_is_journal())
		prefix = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	else
		prefix = (size_t)snprintf(line, sizeof(line), "%s: ", level_names[level]);
	errno = saved_errno; /* for %m */
	va_start(args, format);
	n = vsnprintf(line + prefix, sizeof(line) - prefix - 1, format, args);
	va_end(args);
	if (n < 0)
		n = 0;

	len = prefix + (size_t)n;
	if (len > sizeof(line) - 2) { /* cut: say so */
		len = sizeof(line) - 2;
		memcpy(line + len - 3, "...", 3);
	}
	make_printable(line, len);
	line[len++] = '\n';
	for (size_t done = 0; done < len;) {
		ssize_t written = write(STDERR_FILENO, line + done, len - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break; /* nowhere left to say it */
		done += (size_t)written;
	}
	errno = saved_errno;
}
