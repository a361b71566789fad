/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - what a reply of the server says (RFC 9051, 7). Pure.
 */
#ifndef IMAP_REPLY_H
#define IMAP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "imap/structure.h"
#include "imap/token.h"

enum imap_reply_kind {
	IMAP_REPLY_OTHER,      /* nothing that we ask for */
	IMAP_REPLY_GO_ON,      /* + */
	IMAP_REPLY_DONE,       /* the end of a command: tag and status */
	IMAP_REPLY_STATUS,     /* status of the server itself */
	IMAP_REPLY_EXISTS,     /* number */
	IMAP_REPLY_EXPUNGE,    /* number */
	IMAP_REPLY_FETCH,      /* rest */
	IMAP_REPLY_CAPABILITY, /* rest */
	IMAP_REPLY_NAMESPACE,  /* rest */
	IMAP_REPLY_LIST,       /* rest */
};

enum imap_status {
	IMAP_STATUS_OK,
	IMAP_STATUS_NO,
	IMAP_STATUS_BAD,
	IMAP_STATUS_BYE,
	IMAP_STATUS_PREAUTH,
};

/* All of it borrows from the text that was parsed. */
struct imap_reply {
	enum imap_reply_kind kind;
	uint32_t tag; /* of DONE */
	enum imap_status status;
	struct bytes code; /* of a status: what is in [], "" without */
	struct bytes text; /* of a status: what is for people */
	uint32_t number;   /* of EXISTS and FETCH */
	struct imap_tokens rest;
};

/* The server's words for a log line: its start, escaped. Returns shown. */
#define IMAP_SHOWN_BYTES 200
const char *imap_reply_shown(
    const char *p, size_t len, char shown[IMAP_SHOWN_BYTES]);

/* Our tags: this and a number. */
#define IMAP_TAG "I"

/* text is changed. -1 and ERR_MALFORMED when it is no reply. */
int imap_reply_parse(
    struct imap_reply *r, char *text, size_t len, struct err *e);

/* Has the code this word, and the number behind it? */
bool imap_reply_is_code(const struct imap_reply *r, const char *word);
bool imap_reply_code_number(
    const struct imap_reply *r, const char *word, uint32_t *number);

/* One mail, as far as FETCH tells. */
struct imap_fetch {
	uint32_t uid; /* 0: not told */
	uint64_t size;
	bool has_size, is_deleted, has_structure;
	bool has_body; /* BODY[] is told, be it of no bytes at all */
	struct imap_structure structure;
	struct bytes header; /* of HEADER.FIELDS */
	struct bytes start;  /* of BODY[TEXT]<0> */
	struct bytes body;   /* of BODY[], where it was no literal */
};

/* r is FETCH; its rest is used up. -1 and ERR_MALFORMED. */
int imap_fetch_parse(struct imap_reply *r, struct imap_fetch *f, struct err *e);

#endif
