/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - a stream of bytes that is pulled: a part of a mail, an inflated
 * attachment, a file. An implementation embeds struct reader first.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"

struct reader {
	/* Up to len bytes; 0 at the end; -1 and *e on failure. */
	ssize_t (*read)(struct reader *r, void *p, size_t len, struct err *e);
	/* Free the reader itself and what it owns. */
	void (*close)(struct reader *r);
};

ssize_t reader_read(struct reader *r, void *p, size_t len, struct err *e);

/* Read until p is full or the stream ends; returns the bytes read or -1. */
ssize_t reader_read_full(struct reader *r, void *p, size_t len, struct err *e);

/* Takes NULL; leaves NULL. */
void reader_close(struct reader **r);

/*
 * A reader of inner with the first bytes looked at ahead: reader_peek gives
 * up to PEEK_MAX of them without taking them. Owns inner.
 */
#define READER_PEEK_MAX 4096
struct reader *reader_peeking(struct reader *inner);
ssize_t reader_peek(struct reader *peeking, const char **p, struct err *e);

/* Bytes in memory, borrowed until reader_close. */
struct reader *reader_of_bytes(const void *p, size_t len);

#endif
