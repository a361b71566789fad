/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - the bytes of a server, cut into replies (RFC 9051, 4.3 and 7). Pure:
 * no input or output. A mail in a reply (BODY[]) is never gathered: it is
 * handed out in pieces.
 */
#ifndef IMAP_WIRE_H
#define IMAP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct imap_wire {
	struct buf text; /* the reply so far, its literals in it */
	size_t line_at;  /* where the line that is being read starts in it */
	uint64_t body_max;
	uint64_t literal; /* bytes of one that are still to come */
	bool in_body;     /* it is the mail */
	bool has_body;    /* this reply had one */
	bool is_over;     /* the reply was handed out */
};

enum imap_wire_event {
	IMAP_WIRE_MORE,  /* *in is used up */
	IMAP_WIRE_BODY,  /* *span is a piece of the mail in this reply */
	IMAP_WIRE_REPLY, /* text is a whole reply, without its last CRLF */
};

/*
 * A reply has at most text_max bytes (the CR at its end counts), and a mail in
 * it body_max.
 */
void imap_wire_init(struct imap_wire *w, size_t text_max, uint64_t body_max);

/*
 * Take from the front of *in: an event, or -1 and *e (ERR_LIMIT,
 * ERR_MALFORMED) after which nothing more can be read. The mail's place in
 * text has a NIL. span borrows from *in; text is good until the next call.
 */
int imap_wire_next(
    struct imap_wire *w, struct bytes *in, struct bytes *span, struct err *e);

void imap_wire_clear(struct imap_wire *w);

#endif
