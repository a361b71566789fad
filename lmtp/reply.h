/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - what the server says: codes of RFC 5321, enhanced codes of
 * RFC 3463, and a few words. Nothing internal stands in a reply.
 */
#ifndef LMTP_REPLY_H
#define LMTP_REPLY_H

#include "common/verdict.h"

enum lmtp_reply {
	LMTP_REPLY_NONE, /* nothing is wrong */
	LMTP_REPLY_OK,
	LMTP_REPLY_SENDER_OK,
	LMTP_REPLY_RECIPIENT_OK,
	LMTP_REPLY_GO_ON, /* after DATA */
	LMTP_REPLY_BYE,
	LMTP_REPLY_HELP,
	LMTP_REPLY_VRFY,
	LMTP_REPLY_STORED,
	LMTP_REPLY_KEPT,
	LMTP_REPLY_BOTH,
	LMTP_REPLY_WAITING,
	LMTP_REPLY_OTHER,
	LMTP_REPLY_STORED_OTHER,
	LMTP_REPLY_LATER,
	LMTP_REPLY_FULL,
	LMTP_REPLY_LIMITED,
	LMTP_REPLY_UNKNOWN,
	LMTP_REPLY_NOT_SMTP, /* HELO, EHLO */
	LMTP_REPLY_LINE_TOO_LONG,
	LMTP_REPLY_BAD_BYTES,
	LMTP_REPLY_SYNTAX,
	LMTP_REPLY_BAD_SENDER,
	LMTP_REPLY_BAD_RECIPIENT,
	LMTP_REPLY_NEEDS_UTF8,
	LMTP_REPLY_PARAMETER,
	LMTP_REPLY_SEQUENCE,
	LMTP_REPLY_NO_RECIPIENT,
	LMTP_REPLY_TOO_MANY_RECIPIENTS,
	LMTP_REPLY_NOT_OURS,
	LMTP_REPLY_TOO_LARGE,
	LMTP_REPLY_TIMEOUT,
	LMTP_REPLY_STOPPING,
	LMTP_REPLY_TOO_MANY_CONNECTIONS,
	LMTP_REPLY_NETWORK,
	LMTP_REPLY_COUNT
};

/* The whole line, without its CRLF. Static. */
const char *lmtp_reply_text(enum lmtp_reply r);

/* The answer for each recipient (RFC 2033, 4.2). */
enum lmtp_reply lmtp_reply_of(enum verdict v);

#endif
