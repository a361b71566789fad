/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one line for one thing that happened. The only writable static
 * data of the library is here.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "common/base/log.h"

#define LINE_BYTES 4096

static _Atomic(const char *) log_ident = "dmarc-intake";
static _Atomic int log_to = LOG_TARGET_STDERR;
static _Atomic int log_most = LOG_LEVEL_INFO;

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERR] = { "err", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warn", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

void
log_reopen(enum log_target target, enum log_level most)
{
	if (target == LOG_TARGET_AUTO) {
		if (getenv("JOURNAL_STREAM") != NULL)
			target = LOG_TARGET_JOURNAL;
		else if (isatty(STDERR_FILENO))
			target = LOG_TARGET_STDERR;
		else
			target = LOG_TARGET_SYSLOG;
	}
	if (target == LOG_TARGET_SYSLOG)
		openlog(log_ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
	log_to = target;
	log_most = (int)most;
}

void
log_open(const char *ident, enum log_target target, enum log_level most)
{
	log_ident = ident;
	log_reopen(target, most);
}

bool
log_is_on(enum log_level level)
{
	return (int)level <= log_most;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list ap;

	if (!log_is_on(level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	switch (atomic_load(&log_to)) {
	case LOG_TARGET_SYSLOG:
		syslog(LOG_MAIL | levels[level].priority, "%s %s",
		    levels[level].name, line);
		break;
	case LOG_TARGET_JOURNAL:
		(void)dprintf(STDERR_FILENO, "<%d>%s %s\n",
		    levels[level].priority, levels[level].name, line);
		break;
	default: /* no lock of stderr, for which the threads would queue */
		(void)dprintf(STDERR_FILENO, "%s: %s %s\n", log_ident,
		    levels[level].name, line);
	}
}
