/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.c - the words of a reply.
 */
#include <string.h>

#include "common/base/text.h"
#include "imap/token.h"

static enum imap_token
bad(struct imap_tokens *t)
{
	t->p = t->end;
	return IMAP_TOKEN_BAD;
}

/* Behind the first quote. */
static enum imap_token
quoted(struct imap_tokens *t, struct bytes *value)
{
	char *from = t->p, *to = t->p, *start = t->p;

	while (from < t->end && *from != '"') {
		if (*from == '\\' && from + 1 < t->end)
			from++;
		*to++ = *from++;
	}
	if (from == t->end)
		return bad(t);
	t->p = from + 1;
	*value = (struct bytes){ start, (size_t)(to - start) };
	return IMAP_TOKEN_STRING;
}

/* "{3}CRLFabc"; wire.c has seen that all of it is there. */
static enum imap_token
literal(struct imap_tokens *t, struct bytes *value)
{
	char *brace = memchr(t->p, '}', (size_t)(t->end - t->p));
	int64_t size;
	char *start;

	if (brace == NULL ||
	    text_to_int64(t->p + 1, (size_t)(brace - t->p - 1), &size) < 0)
		return bad(t);
	start = brace + 3;
	if (size < 0 || t->end - brace < 3 || size > t->end - start)
		return bad(t);
	t->p = start + size;
	*value = (struct bytes){ start, (size_t)size };
	return IMAP_TOKEN_STRING;
}

/* What is in brackets belongs to an atom, white space and all. */
static enum imap_token
atom(struct imap_tokens *t, struct bytes *value)
{
	char *start = t->p;
	unsigned depth = 0;

	for (; t->p < t->end; t->p++) {
		if (*t->p == '[')
			depth++;
		else if (*t->p == ']' && depth > 0)
			depth--;
		else if (depth == 0 && strchr(" ()\"", *t->p) != NULL)
			break;
	}
	*value = (struct bytes){ start, (size_t)(t->p - start) };
	if (value->len == 0)
		return bad(t);
	if (value->len != 3 || !text_equal_nocase_n(start, "NIL", 3))
		return IMAP_TOKEN_ATOM;
	value->len = 0;
	return IMAP_TOKEN_NIL;
}

enum imap_token
imap_token_next(struct imap_tokens *t, struct bytes *value)
{
	*value = (struct bytes){ "", 0 };
	while (
	    t->p < t->end && (*t->p == ' ' || *t->p == '\r' || *t->p == '\n'))
		t->p++;
	if (t->p == t->end)
		return IMAP_TOKEN_END;
	switch (*t->p) {
	case '(':
		t->p++;
		return IMAP_TOKEN_OPEN;
	case ')':
		t->p++;
		return IMAP_TOKEN_CLOSE;
	case '"':
		t->p++;
		return quoted(t, value);
	case '~': /* literal8, RFC 9051 */
		t->p++;
		return t->p < t->end && *t->p == '{' ? literal(t, value)
						     : bad(t);
	case '{':
		return literal(t, value);
	default:
		return atom(t, value);
	}
}

void
imap_token_skip(struct imap_tokens *t, enum imap_token first)
{
	size_t depth = first == IMAP_TOKEN_OPEN ? 1 : 0;
	struct bytes value;

	while (depth > 0) {
		switch (imap_token_next(t, &value)) {
		case IMAP_TOKEN_OPEN:
			depth++;
			break;
		case IMAP_TOKEN_CLOSE:
			depth--;
			break;
		case IMAP_TOKEN_END:
		case IMAP_TOKEN_BAD:
			return;
		default:
			break;
		}
	}
}
