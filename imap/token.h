/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token.h - the words of a reply (RFC 9051, 9): atoms, strings, literals and
 * parentheses. Pure.
 */
#ifndef IMAP_TOKEN_H
#define IMAP_TOKEN_H

#include <stddef.h>

#include "common/base/buf.h"

enum imap_token {
	IMAP_TOKEN_END,
	IMAP_TOKEN_BAD,    /* no reply goes on like this: nothing follows */
	IMAP_TOKEN_OPEN,   /* ( */
	IMAP_TOKEN_CLOSE,  /* ) */
	IMAP_TOKEN_ATOM,   /* BODY[TEXT]<0> is one */
	IMAP_TOKEN_NIL,    /* likewise, but nothing */
	IMAP_TOKEN_STRING, /* quoted, or a literal */
};

/* What is left of a reply. */
struct imap_tokens {
	char *p, *end; /* foreign; quoted strings are unescaped in place */
};

/* *value borrows from the reply; it is empty for all but atom and string. */
enum imap_token imap_token_next(struct imap_tokens *t, struct bytes *value);

/* Behind a value, or the list that starts with this token. */
void imap_token_skip(struct imap_tokens *t, enum imap_token first);

#endif
