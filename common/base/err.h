/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - why something failed: a kind, which decides the reply that the
 * mail's sender gets, and a sentence for the log.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ATTR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_kind {
	ERR_NONE,
	ERR_TEMP,      /* try again: server away, timed out, busy */
	ERR_FULL,      /* try again: disk or temporary space full */
	ERR_RATE,      /* try again: too many of this sender in an hour */
	ERR_MALFORMED, /* this input can never be read */
	ERR_LIMIT,     /* larger or deeper than conf allows */
	ERR_REFUSED,   /* a sink refuses this document for good */
	ERR_CONF,      /* configuration or usage: the operator must act */
};

struct err {
	enum err_kind kind;
	char text[512];
};

/* Fill *e and return -1, so that "return err_set(...)" leaves a function. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    ATTR_PRINTF(3, 4);

/*
 * Fill *e from errno: "what: reason". ENOSPC, EDQUOT and EFBIG are ERR_FULL,
 * all else is ERR_TEMP. Returns -1.
 */
int err_set_errno(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Put "context: " before the text that is there; the kind stays. Returns -1. */
int err_add(struct err *e, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Forget what is in *e. */
void err_clear(struct err *e);

/* Is this worth another try later (ERR_TEMP, ERR_FULL, ERR_RATE)? */
int err_is_temporary(const struct err *e);

#endif
