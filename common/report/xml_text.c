/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_text.c - the bytes of a report made fit for the XML reader.
 * in: an attachment (message/)    out: UTF-8 (xml.c)
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/report/xml_text.h"

#define CHUNK_BYTES (32 * 1024)
#define CHARACTER_MAX 4 /* bytes of the longest in UTF-8 */

struct xml_text {
	struct reader reader;
	struct reader *inner; /* foreign */
	uint64_t *dropped;    /* foreign */
	bool begun;           /* the first "<" was seen */
	bool ended;           /* inner has no more */
	size_t at, valid;     /* chunk[at..valid) goes out next */
	size_t len;           /* chunk[valid..len) is to be looked at */
	char chunk[CHUNK_BYTES];
};

/* NUL is UTF-8, but to libxml2 it is the end. How many bytes are left? */
static size_t
drop_nuls(struct xml_text *t, char *p, size_t len)
{
	char *to = memchr(p, '\0', len), *from, *end = p + len;

	if (to == NULL)
		return len;
	for (from = to; from < end; from++)
		if (*from != '\0')
			*to++ = *from;
	*t->dropped += (uint64_t)(end - to);
	return (size_t)(to - p);
}

/* More bytes behind what is left, which moves to the front. */
static int
refill(struct xml_text *t, struct err *e)
{
	ssize_t n;

	memmove(t->chunk, t->chunk + t->at, t->len - t->at);
	t->len -= t->at;
	t->valid -= t->at;
	t->at = 0;
	n = reader_read(
	    t->inner, t->chunk + t->len, sizeof(t->chunk) - t->len, e);
	if (n < 0)
		return -1;
	t->ended = n == 0;
	t->len += drop_nuls(t, t->chunk + t->len, (size_t)n);
	return 0;
}

/* Skip what may stand before a document but must not. */
static void
skip_lead(struct xml_text *t)
{
	while (!t->begun && t->at < t->len) {
		if (t->len - t->at >= 3 &&
		    memcmp(t->chunk + t->at, "\xef\xbb\xbf", 3) == 0)
			t->at += 3;
		else if (text_is_space(t->chunk[t->at]))
			t->at++;
		else if (t->chunk[t->at] == '\xef' && t->len - t->at < 3 &&
			 !t->ended)
			break; /* half a byte order mark, perhaps */
		else
			t->begun = true;
	}
	if (t->valid < t->at)
		t->valid = t->at;
}

/* Move valid on to the end, or to what may be half a character. */
static void
validate(struct xml_text *t)
{
	t->valid += text_utf8_valid(t->chunk + t->valid, t->len - t->valid);
	if (t->valid == t->len || t->valid > t->at)
		return; /* what is not valid gets its turn when at is there */
	if (t->len - t->valid < CHARACTER_MAX && !t->ended)
		return; /* the rest of the character may come */
	t->at = ++t->valid;
	(*t->dropped)++;
}

static ssize_t
xml_text_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct xml_text *t = (struct xml_text *)r;

	while (t->at == t->valid) {
		while (t->len - t->at < CHARACTER_MAX && !t->ended)
			if (refill(t, e) < 0)
				return -1;
		skip_lead(t);
		if (t->at == t->len && t->ended)
			return 0;
		validate(t);
	}
	if (len > t->valid - t->at)
		len = t->valid - t->at;
	memcpy(p, t->chunk + t->at, len);
	t->at += len;
	return (ssize_t)len;
}

static void
xml_text_close(struct reader *r)
{
	free(r);
}

struct reader *
xml_text_reader(struct reader *inner, uint64_t *dropped)
{
	struct xml_text *t = xmalloc(sizeof(*t));

	memset(t, 0, offsetof(struct xml_text, chunk));
	t->reader.read = xml_text_read;
	t->reader.close = xml_text_close;
	t->inner = inner;
	t->dropped = dropped;
	*dropped = 0;
	return &t->reader;
}
