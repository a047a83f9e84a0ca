/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * err.c - see err.h.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;

	if (err) {
		va_start(args, format);
		vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return code;
}

int err_prefix(struct err *err, int code, const char *format, ...)
{
	char rest[sizeof(err->text)];
	va_list args;
	int n;

	if (!err)
		return code;
	memcpy(rest, err->text, sizeof(rest));
	va_start(args, format);
	n = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", rest);
	return code;
}
