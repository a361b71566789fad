/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c - a growing buffer that always has a maximum, and xmalloc.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

#define BUF_FIRST 256 /* bytes of the first allocation */

static void *
checked(void *p)
{
	if (p == NULL) {
		(void)fputs("dmarc-intake: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
xmalloc(size_t size)
{
	return checked(malloc(size > 0 ? size : 1));
}

void *
xcalloc(size_t count, size_t size)
{
	return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *
xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size > 0 ? size : 1));
}

char *
xstrdup(const char *text)
{
	return checked(strdup(text));
}

char *
xstrndup(const char *text, size_t len)
{
	return checked(strndup(text, len));
}

char *
xasprintf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return checked(text);
}

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

char *
buf_grow(struct buf *b, size_t len, struct err *e)
{
	size_t need, size;

	if (len > b->max - b->len) {
		err_set(e, ERR_LIMIT, "more than %zu bytes", b->max);
		return NULL;
	}
	need = b->len + len + 1; /* the NUL */
	if (need > b->size) {
		size = b->size > 0 ? b->size : BUF_FIRST;
		while (size < need)
			size *= 2;
		b->data = xrealloc(b->data, size);
		b->size = size;
	}
	return b->data + b->len;
}

int
buf_add(struct buf *b, const void *p, size_t len, struct err *e)
{
	char *at = buf_reserve(b, len, e);

	if (at == NULL)
		return -1;
	if (len > 0)
		memcpy(at, p, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int
buf_add_text(struct buf *b, const char *text, struct err *e)
{
	return buf_add(b, text, strlen(text), e);
}

int
buf_printf(struct buf *b, struct err *e, const char *fmt, ...)
{
	char *at;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return err_set(e, ERR_MALFORMED, "bad format");
	if ((at = buf_reserve(b, (size_t)len, e)) == NULL)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf(at, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
	return 0;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
buf_clear(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}
