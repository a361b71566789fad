/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - a growing buffer that always has a maximum, and xmalloc.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "common/base/err.h"

/* Borrowed bytes. */
struct bytes {
	const void *data;
	size_t len;
};

struct buf {
	char *data; /* owned; NUL-terminated once something was added */
	size_t len;
	size_t size; /* allocated */
	size_t max;  /* len never passes this */
};

/* Out of memory ends the process: the peer still has the mail. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
/* Like snprintf into fresh memory that the caller frees. */
char *xasprintf(const char *fmt, ...) ATTR_PRINTF(1, 2);

/* Start an empty buffer that may grow to max bytes. */
void buf_init(struct buf *b, size_t max);

/* Append; past max nothing is added, *e says ERR_LIMIT, and -1 returns. */
int buf_add(struct buf *b, const void *p, size_t len, struct err *e);
int buf_add_text(struct buf *b, const char *text, struct err *e);
int buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
    ATTR_PRINTF(3, 4);

/* buf_reserve where the room has to be made. */
char *buf_grow(struct buf *b, size_t len, struct err *e);

/*
 * Room for len more bytes and a NUL, to be written at the returned place and
 * then counted by adding to b->len; NULL and *e when max is passed.
 */
static inline char *
buf_reserve(struct buf *b, size_t len, struct err *e)
{
	/* nearly always it is there */
	if (len < b->size - b->len && len <= b->max - b->len)
		return b->data + b->len;
	return buf_grow(b, len, e);
}

/* Empty it, and keep the memory for the next use. */
void buf_reset(struct buf *b);

/* Free the memory; the buffer can be used again. */
void buf_clear(struct buf *b);

#endif
