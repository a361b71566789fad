/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - the bytes of a server, cut into replies.
 * in: bytes (client.c)    out: replies (reply.c), pieces of a mail
 */
#include <string.h>

#include "common/base/text.h"
#include "imap/wire.h"

#define DIGITS_MAX 18

void
imap_wire_init(struct imap_wire *w, size_t text_max, uint64_t body_max)
{
	*w = (struct imap_wire){ .body_max = body_max };
	buf_init(&w->text, text_max);
}

void
imap_wire_clear(struct imap_wire *w)
{
	buf_clear(&w->text);
}

static void
begin(struct imap_wire *w)
{
	buf_reset(&w->text);
	w->line_at = 0;
	w->has_body = w->is_over = false;
}

static int
gather(struct imap_wire *w, const char *p, size_t len, struct err *e)
{
	if (buf_add(&w->text, p, len, e) < 0)
		return err_add(e, "reply of the server");
	return 0;
}

/* "OK", "NO" and their kin are for people to read: "{5}" in them is text. */
static bool
is_status(const char *text)
{
	static const char *const words[] = { "OK", "NO", "BAD", "BYE",
		"PREAUTH" };
	const char *word = strchr(text, ' ');
	size_t i, len;

	if (*text == '+' || word == NULL)
		return true;
	word++;
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		len = strlen(words[i]);
		if (text_starts_nocase(word, words[i]) &&
		    (word[len] == ' ' || word[len] == '\0'))
			return true;
	}
	return false;
}

/* Where the line's "{123}" at its end begins; NULL: it has none. */
static char *
literal_of(struct imap_wire *w, uint64_t *size)
{
	char *start = w->text.data + w->line_at, *end, *p;
	int64_t n;

	end = w->text.data + w->text.len;
	if (end - start < 3 || end[-1] != '}')
		return NULL;
	for (p = end - 1; p > start && p[-1] >= '0' && p[-1] <= '9';)
		p--;
	if (p == start || p[-1] != '{' || p == end - 1 ||
	    end - 1 - p > DIGITS_MAX || is_status(w->text.data) ||
	    text_to_int64(p, (size_t)(end - 1 - p), &n) < 0)
		return NULL;
	*size = (uint64_t)n;
	return p - 1;
}

static bool
is_body(const struct imap_wire *w, const char *brace)
{
	static const char name[] = "BODY[] ";
	size_t len = sizeof(name) - 1;

	return (size_t)(brace - w->text.data) >= len &&
	       text_equal_nocase_n(brace - len, name, len);
}

/* A mail: its place is taken by a NIL. */
static int
begin_body(struct imap_wire *w, const char *brace, uint64_t size, struct err *e)
{
	if (w->has_body)
		return err_set(
		    e, ERR_MALFORMED, "reply of the server: two mails in one");
	if (size > w->body_max)
		return err_set(e, ERR_LIMIT, "mail of %llu bytes",
		    (unsigned long long)size);
	w->text.len = (size_t)(brace - w->text.data);
	w->in_body = w->has_body = true;
	w->literal = size;
	if (gather(w, "NIL", 3, e) < 0)
		return -1;
	w->line_at = w->text.len;
	return 0;
}

/* A line is over: 1 the reply is too, 0 a literal follows, -1 *e. */
static int
line_end(struct imap_wire *w, struct err *e)
{
	uint64_t size = 0;
	char *brace;

	if (w->text.len > w->line_at && w->text.data[w->text.len - 1] == '\r')
		w->text.data[--w->text.len] = '\0';
	if (w->text.len == 0)
		return err_set(
		    e, ERR_MALFORMED, "reply of the server: an empty line");
	if ((brace = literal_of(w, &size)) == NULL) {
		w->is_over = true;
		return 1;
	}
	if (is_body(w, brace))
		return begin_body(w, brace, size, e);
	if (size > w->text.max - w->text.len)
		return err_set(e, ERR_LIMIT,
		    "reply of the server: more than %zu bytes", w->text.max);
	w->literal = size;
	if (gather(w, "\r\n", 2, e) < 0)
		return -1;
	w->line_at = w->text.len;
	return 0;
}

/* What belongs to the literal: to the text, or out as a span. */
static int
take_literal(
    struct imap_wire *w, struct bytes *in, struct bytes *span, struct err *e)
{
	size_t len = in->len < w->literal ? in->len : (size_t)w->literal;

	*span = (struct bytes){ in->data, len };
	in->data = (const char *)in->data + len;
	in->len -= len;
	w->literal -= len;
	if (!w->in_body && gather(w, span->data, len, e) < 0)
		return -1;
	if (w->literal == 0)
		w->line_at = w->text.len;
	return w->in_body ? IMAP_WIRE_BODY : IMAP_WIRE_MORE;
}

static int
take_line(struct imap_wire *w, struct bytes *in, struct err *e)
{
	const char *p = in->data, *stop = memchr(p, '\n', in->len);
	size_t len = stop != NULL ? (size_t)(stop - p) : in->len;

	if (gather(w, p, len, e) < 0)
		return -1;
	if (stop != NULL)
		len++;
	in->data = p + len;
	in->len -= len;
	return stop != NULL ? line_end(w, e) : 0;
}

int
imap_wire_next(
    struct imap_wire *w, struct bytes *in, struct bytes *span, struct err *e)
{
	int rc;

	if (w->is_over)
		begin(w);
	while (in->len > 0) {
		if (w->literal > 0) {
			rc = take_literal(w, in, span, e);
			if (rc != IMAP_WIRE_MORE)
				return rc;
			continue;
		}
		w->in_body = false;
		if ((rc = take_line(w, in, e)) != 0)
			return rc > 0 ? IMAP_WIRE_REPLY : -1;
	}
	return IMAP_WIRE_MORE;
}
