/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html.c - write HTML into a buffer; the one place that escapes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

#include "cli/html.h"

#define TEXT_MAX 256 /* characters; the database has the rest */
#define PRINTF_MAX 512

void
html_begin(struct html *h, struct buf *out)
{
	*h = (struct html){ .out = out };
}

int
html_end(struct html *h, struct err *e)
{
	if (h->err.kind == ERR_NONE)
		return 0;
	*e = h->err;
	return -1;
}

static void
put(struct html *h, const char *p, size_t len)
{
	if (h->err.kind == ERR_NONE)
		(void)buf_add(h->out, p, len, &h->err);
}

void
html_put(struct html *h, const char *markup)
{
	put(h, markup, strlen(markup));
}

void
html_printf(struct html *h, const char *fmt, ...)
{
	char text[PRINTF_MAX];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(text))
		abort(); /* ours and short: a mistake of ours */
	put(h, text, (size_t)len);
}

static const char *
entity_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '`': /* a quote to old browsers */
		return "&#96;";
	default:
		return NULL;
	}
}

/* The character of valid UTF-8 of len bytes. */
static unsigned
code_point(const char *p, size_t len)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned c = (unsigned char)*p & masks[len];

	while (--len > 0)
		c = c << 6 | ((unsigned char)*++p & 0x3f);
	return c;
}

/* Controls, what joins or hides, and what turns the direction (UAX 9). */
static bool
is_hidden(unsigned c)
{
	static const struct {
		unsigned first, last;
	} ranges[] = {
		{ 0x00, 0x1f },
		{ 0x7f, 0x9f },
		{ 0xad, 0xad },
		{ 0x34f, 0x34f },
		{ 0x61c, 0x61c },
		{ 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 },
		{ 0x180b, 0x180f },
		{ 0x200b, 0x200f },
		{ 0x2028, 0x202e },
		{ 0x2060, 0x206f },
		{ 0x3164, 0x3164 },
		{ 0xe000, 0xf8ff },
		{ 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb },
		{ 0xfffe, 0xffff },
		{ 0xe0000, 0x10ffff },
	};
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static void
put_char(struct html *h, const char *p, size_t len)
{
	const char *entity = len == 1 ? entity_of(*p) : NULL;

	if (entity != NULL)
		html_put(h, entity);
	else if (is_hidden(code_point(p, len)))
		html_printf(h, "\\u{%X}", code_point(p, len));
	else
		put(h, p, len);
}

void
html_text(struct html *h, const char *text)
{
	size_t left = text == NULL ? 0 : strlen(text), len, count = 0;

	while (left > 0) {
		if (count++ == TEXT_MAX) {
			html_put(h, "\xe2\x80\xa6"); /* ... */
			return;
		}
		len = text_utf8_char(text, left);
		if (len == 0) {
			html_put(h, "\xef\xbf\xbd"); /* U+FFFD */
			len = 1;
		} else {
			put_char(h, text, len);
		}
		text += len;
		left -= len;
	}
}

void
html_url(struct html *h, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; text != NULL && *text != '\0'; text++)
		if (strchr(plain, *text) != NULL)
			put(h, text, 1);
		else
			html_printf(h, "%%%02X", (unsigned char)*text);
}
