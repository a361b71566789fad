/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment_uu.c - the uuencoded files in a text, as streams (POSIX
 * uuencode, the historical algorithm).
 * in: a text part    out: files
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/message/attachment.h"

#define CHUNK_BYTES (16 * 1024)
#define LINE_MAX_BYTES 256 /* what is behind is of no interest */

struct uu {
	struct reader member; /* what uu_next gives out */
	struct reader *text;  /* foreign */
	bool in_file;         /* between "begin" and "end" */
	bool is_over;         /* the text cannot be read on */
	size_t at, len;       /* chunk[at..len) is to be looked at */
	char line[LINE_MAX_BYTES];
	size_t line_len;
	unsigned char out[48]; /* of the last line */
	size_t out_at, out_len;
	char name[LINE_MAX_BYTES];
	char chunk[CHUNK_BYTES];
};

static void
line_add(struct uu *u, const char *p, size_t len)
{
	if (len > sizeof(u->line) - u->line_len)
		len = sizeof(u->line) - u->line_len;
	memcpy(u->line + u->line_len, p, len);
	u->line_len += len;
}

/* The next line, cut to what fits, without its end: 1, 0 at the end, -1. */
static int
next_line(struct uu *u, struct err *e)
{
	const char *from, *stop;
	bool any = false;
	ssize_t n;

	if (u->is_over)
		return 0;
	u->line_len = 0;
	for (;;) {
		if (u->at == u->len) {
			n = reader_read(u->text, u->chunk, sizeof(u->chunk), e);
			u->is_over = n <= 0;
			if (n < 0)
				return -1;
			if (n == 0)
				return any ? 1 : 0;
			u->at = 0;
			u->len = (size_t)n;
		}
		any = true;
		from = u->chunk + u->at;
		stop = memchr(from, '\n', u->len - u->at);
		line_add(u, from,
		    (size_t)((stop != NULL ? stop : u->chunk + u->len) - from));
		if (stop == NULL) {
			u->at = u->len;
			continue;
		}
		u->at = (size_t)(stop + 1 - u->chunk);
		while (u->line_len > 0 && u->line[u->line_len - 1] == '\r')
			u->line_len--;
		return 1;
	}
}

static bool
is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* "begin 644 name": three or four digits, and a name. */
static bool
is_begin(struct uu *u)
{
	const char *p = u->line;
	size_t i = 6;

	if (u->line_len < 11 || memcmp(p, "begin ", 6) != 0)
		return false;
	while (i < u->line_len && is_octal(p[i]))
		i++;
	if (i < 9 || i > 10 || i + 1 >= u->line_len || p[i] != ' ')
		return false;
	(void)snprintf(u->name, sizeof(u->name), "%.*s",
	    (int)(u->line_len - i - 1), p + i + 1);
	return true;
}

/* Trailing spaces, which some relay took off, are zeros. */
static unsigned
digit(const struct uu *u, size_t i)
{
	return i < u->line_len ? ((unsigned char)u->line[i] - 32u) & 63 : 0;
}

static void
decode_line(struct uu *u)
{
	size_t len = digit(u, 0), i, from = 1;
	unsigned bits;

	if (len > 45)
		len = 45;
	for (i = 0; i < len; i += 3, from += 4) {
		bits = digit(u, from) << 18 | digit(u, from + 1) << 12 |
		       digit(u, from + 2) << 6 | digit(u, from + 3);
		u->out[i] = (unsigned char)(bits >> 16);
		u->out[i + 1] = (unsigned char)(bits >> 8);
		u->out[i + 2] = (unsigned char)bits;
	}
	u->out_at = 0;
	u->out_len = len;
}

static ssize_t
member_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct uu *u = (struct uu *)r;
	int rc;

	while (u->out_at == u->out_len) {
		if (!u->in_file)
			return 0;
		if ((rc = next_line(u, e)) < 0)
			return -1;
		if (rc == 0 ||
		    (u->line_len >= 3 && memcmp(u->line, "end", 3) == 0)) {
			u->in_file = false;
			return 0;
		}
		decode_line(u);
	}
	if (len > u->out_len - u->out_at)
		len = u->out_len - u->out_at;
	memcpy(p, u->out + u->out_at, len);
	u->out_at += len;
	return (ssize_t)len;
}

static void
member_close(struct reader *r)
{
	(void)r; /* the text owns it */
}

struct uu *
uu_open(struct reader *text)
{
	struct uu *u = xmalloc(sizeof(*u));

	memset(u, 0, offsetof(struct uu, chunk));
	u->member.read = member_read;
	u->member.close = member_close;
	u->text = text;
	return u;
}

int
uu_next(struct uu *u, struct reader **member, const char **name, struct err *e)
{
	char rest[4096];
	ssize_t n;
	int rc;

	while ((n = member_read(&u->member, rest, sizeof(rest), e)) > 0)
		continue; /* what nobody wanted of the file before */
	if (n < 0)
		return -1;
	do {
		if ((rc = next_line(u, e)) <= 0)
			return rc;
	} while (!is_begin(u));
	u->in_file = true;
	u->out_at = u->out_len = 0;
	*member = &u->member;
	*name = u->name;
	return 1;
}

void
uu_close(struct uu **u)
{
	free(*u);
	*u = NULL;
}
