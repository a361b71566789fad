/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.c - build error sentences, outermost context first. A text that does
 * not fit is cut at the end: the context is worth more than the detail.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"

int
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	e->kind = kind;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

static enum err_kind
kind_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_FULL;
	default:
		return ERR_TEMP;
	}
}

int
err_set_errno(struct err *e, const char *fmt, ...)
{
	int errnum = errno;
	char scratch[128];
	const char *reason;
	size_t used;
	va_list ap;

	e->kind = kind_of_errno(errnum);
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	reason = strerror_r(errnum, scratch, sizeof(scratch)); /* GNU's */
	used = strlen(e->text);
	(void)snprintf(e->text + used, sizeof(e->text) - used, ": %s", reason);
	return -1;
}

int
err_add(struct err *e, const char *fmt, ...)
{
	char inner[sizeof(e->text)];
	size_t used;
	va_list ap;

	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	(void)snprintf(e->text + used, sizeof(e->text) - used, ": %.*s",
	    (int)sizeof(inner) - 1, inner);
	return -1;
}

void
err_clear(struct err *e)
{
	e->kind = ERR_NONE;
	e->text[0] = '\0';
}

int
err_is_temporary(const struct err *e)
{
	return e->kind == ERR_TEMP || e->kind == ERR_FULL ||
	       e->kind == ERR_RATE;
}
