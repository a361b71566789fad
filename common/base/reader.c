/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c - a stream of bytes that is pulled.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/reader.h"

ssize_t
reader_read(struct reader *r, void *p, size_t len, struct err *e)
{
	return r->read(r, p, len, e);
}

ssize_t
reader_read_full(struct reader *r, void *p, size_t len, struct err *e)
{
	size_t used = 0;
	ssize_t n;

	while (used < len) {
		if ((n = r->read(r, (char *)p + used, len - used, e)) < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

void
reader_close(struct reader **r)
{
	if (*r != NULL)
		(*r)->close(*r);
	*r = NULL;
}

struct peeking {
	struct reader reader;
	struct reader *inner; /* owned */
	size_t at, len;
	bool filled;
	char head[READER_PEEK_MAX];
};

static int
peek_fill(struct peeking *k, struct err *e)
{
	ssize_t n;

	if (k->filled)
		return 0;
	if ((n = reader_read_full(k->inner, k->head, sizeof(k->head), e)) < 0)
		return -1;
	k->len = (size_t)n;
	k->filled = true;
	return 0;
}

static ssize_t
peeking_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct peeking *k = (struct peeking *)r;
	size_t n = k->len - k->at;

	if (n == 0)
		return reader_read(k->inner, p, len, e);
	if (n > len)
		n = len;
	memcpy(p, k->head + k->at, n);
	k->at += n;
	return (ssize_t)n;
}

static void
peeking_close(struct reader *r)
{
	struct peeking *k = (struct peeking *)r;

	reader_close(&k->inner);
	free(k);
}

struct reader *
reader_peeking(struct reader *inner)
{
	struct peeking *k = xmalloc(sizeof(*k)); /* head is filled on demand */

	k->reader.read = peeking_read;
	k->reader.close = peeking_close;
	k->inner = inner;
	k->at = k->len = 0;
	k->filled = false;
	return &k->reader;
}

ssize_t
reader_peek(struct reader *peeking, const char **p, struct err *e)
{
	struct peeking *k = (struct peeking *)peeking;

	if (peek_fill(k, e) < 0)
		return -1;
	*p = k->head + k->at;
	return (ssize_t)(k->len - k->at);
}

struct in_memory {
	struct reader reader;
	const char *p; /* borrowed */
	size_t len;
};

static ssize_t
in_memory_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct in_memory *m = (struct in_memory *)r;

	(void)e; /* memory does not fail */
	if (len > m->len)
		len = m->len;
	memcpy(p, m->p, len);
	m->p += len;
	m->len -= len;
	return (ssize_t)len;
}

static void
in_memory_close(struct reader *r)
{
	free(r);
}

struct reader *
reader_of_bytes(const void *p, size_t len)
{
	struct in_memory *m = xcalloc(1, sizeof(*m));

	m->reader.read = in_memory_read;
	m->reader.close = in_memory_close;
	m->p = p;
	m->len = len;
	return &m->reader;
}
