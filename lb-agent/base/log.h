/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.h - one line a message on standard error, with the sd-daemon(3) priority prefix where
 * the journal reads it.
 *
 * Lower layers return errors; the agent, ctl and main log once and name the object.
 */
#ifndef LB_BASE_LOG_H
#define LB_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3, /* the numbers are syslog's priorities */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* The most talkative level that is printed; LOG_LEVEL_INFO at the start. */
void log_set_level(enum log_level level);
/* 0, or -EINVAL where `text` names no level (error, warning, notice, info, debug). */
int log_parse_level(const char *text, enum log_level *ret_level);

void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
