/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.c - memory of one message or one job: it all dies together.
 */
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/buf.h"

#define BLOCK_BYTES (8 * 1024)

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

struct arena {
	struct block *blocks; /* newest first; never empty */
	size_t used;
};

static struct block *
block_new(size_t size, struct block *next)
{
	struct block *b = xmalloc(sizeof(*b) + size);

	b->next = next;
	b->used = 0;
	b->size = size;
	return b;
}

struct arena *
arena_new(void)
{
	struct arena *a = xcalloc(1, sizeof(*a));

	a->blocks = block_new(BLOCK_BYTES, NULL);
	return a;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	size_t padded = (size + align - 1) & ~(align - 1);
	struct block *b = a->blocks;
	void *p;

	if (padded < size)
		padded = size; /* malloc will refuse it */
	if (padded > b->size - b->used) {
		b = block_new(padded > BLOCK_BYTES ? padded : BLOCK_BYTES, b);
		a->blocks = b;
	}
	p = b->data + b->used;
	b->used += padded;
	a->used += padded;
	return memset(p, 0, size);
}

char *
arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *
arena_strdup(struct arena *a, const char *text)
{
	return text == NULL ? NULL : arena_strndup(a, text, strlen(text));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = arena_alloc(a, (len > 0 ? (size_t)len : 0) + 1);
	va_start(ap, fmt);
	(void)vsnprintf(text, (len > 0 ? (size_t)len : 0) + 1, fmt, ap);
	va_end(ap);
	return text;
}

void
arena_reset(struct arena *a)
{
	struct block *b;

	while (a->blocks->next != NULL) {
		b = a->blocks;
		a->blocks = b->next;
		free(b);
	}
	a->blocks->used = 0;
	a->used = 0;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}

void
arena_free(struct arena **a)
{
	if (*a == NULL)
		return;
	arena_reset(*a);
	free((*a)->blocks);
	free(*a);
	*a = NULL;
}
