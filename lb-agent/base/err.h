/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * err.h - an error's text on its way up: the layer that knows what went wrong writes one line, the
 * layer that knows for whom logs it.
 */
#ifndef LB_BASE_ERR_H
#define LB_BASE_ERR_H

struct err {
	char text[512];
};

/* Writes the line and returns `code`, so that `return err_set(err, -ENODEV, "…")` is one step.
 * `err` may be NULL. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "PREFIX: " before what is there; returns `code`. */
int err_prefix(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
