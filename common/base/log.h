/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line for one thing that happened, to syslog (facility mail),
 * the journal or stderr. Only transports and mains log; stages return *e.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "common/base/err.h"

enum log_level {
	LOG_LEVEL_ERR,  /* the operator must act */
	LOG_LEVEL_WARN, /* this message suffered */
	LOG_LEVEL_INFO, /* one for each message */
	LOG_LEVEL_DEBUG,
};

enum log_target {
	LOG_TARGET_AUTO, /* journal when it is there, stderr on a terminal, else
			    syslog */
	LOG_TARGET_STDERR,
	LOG_TARGET_SYSLOG,
	LOG_TARGET_JOURNAL, /* stderr with <N> level prefixes, sd-daemon(3) */
};

/* ident is kept (borrowed). */
void log_open(const char *ident, enum log_target target, enum log_level most);
/* Another target and level. */
void log_reopen(enum log_target target, enum log_level most);
bool log_is_on(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) ATTR_PRINTF(2, 3);

#define log_err(...) log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
