/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.c - what the server says.
 */
#include "lmtp/reply.h"

static const char *const texts[LMTP_REPLY_COUNT] = {
	[LMTP_REPLY_NONE] = "250 2.0.0 ok",
	[LMTP_REPLY_OK] = "250 2.0.0 ok",
	[LMTP_REPLY_SENDER_OK] = "250 2.1.0 ok",
	[LMTP_REPLY_RECIPIENT_OK] = "250 2.1.5 ok",
	[LMTP_REPLY_GO_ON] = "354 end the mail with a dot alone on its line",
	[LMTP_REPLY_BYE] = "221 2.0.0 bye",
	[LMTP_REPLY_HELP] =
	    "214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT",
	[LMTP_REPLY_VRFY] = "252 2.0.0 cannot verify, send the mail",
	[LMTP_REPLY_STORED] = "250 2.0.0 stored",
	[LMTP_REPLY_KEPT] = "250 2.0.0 kept",
	[LMTP_REPLY_BOTH] = "250 2.0.0 stored and kept",
	[LMTP_REPLY_WAITING] = "250 2.0.0 kept for later",
	[LMTP_REPLY_OTHER] = "250 2.0.0 taken, not a report",
	[LMTP_REPLY_STORED_OTHER] = "250 2.0.0 stored and taken",
	[LMTP_REPLY_LATER] = "451 4.3.0 cannot store now, try again later",
	[LMTP_REPLY_FULL] = "452 4.3.1 no space, try again later",
	[LMTP_REPLY_LIMITED] =
	    "451 4.7.1 too many mails of this sender, try again later",
	[LMTP_REPLY_UNKNOWN] = "500 5.5.1 unknown command",
	[LMTP_REPLY_NOT_SMTP] = "500 5.5.1 this is LMTP, say LHLO",
	[LMTP_REPLY_LINE_TOO_LONG] = "500 5.5.2 line too long",
	[LMTP_REPLY_BAD_BYTES] = "500 5.5.2 bytes that no command has",
	[LMTP_REPLY_SYNTAX] = "501 5.5.4 bad arguments",
	[LMTP_REPLY_BAD_SENDER] = "501 5.1.7 bad sender address syntax",
	[LMTP_REPLY_BAD_RECIPIENT] = "501 5.1.3 bad recipient address syntax",
	[LMTP_REPLY_NEEDS_UTF8] = "501 5.6.7 this address needs SMTPUTF8",
	[LMTP_REPLY_PARAMETER] = "555 5.5.4 unknown parameter",
	[LMTP_REPLY_SEQUENCE] = "503 5.5.1 not now",
	[LMTP_REPLY_NO_RECIPIENT] = "503 5.5.1 no accepted recipient",
	[LMTP_REPLY_TOO_MANY_RECIPIENTS] = "452 4.5.3 too many recipients",
	[LMTP_REPLY_NOT_OURS] = "550 5.1.1 no such recipient",
	[LMTP_REPLY_TOO_LARGE] = "552 5.3.4 mail too large",
	[LMTP_REPLY_TIMEOUT] = "421 4.4.2 timeout",
	[LMTP_REPLY_STOPPING] = "421 4.3.2 shutting down",
	[LMTP_REPLY_TOO_MANY_CONNECTIONS] = "421 4.3.2 too many connections",
	[LMTP_REPLY_NETWORK] = "421 4.7.1 not from your network",
};

static const enum lmtp_reply answers[VERDICT_COUNT] = {
	[VERDICT_STORED] = LMTP_REPLY_STORED,
	[VERDICT_KEPT] = LMTP_REPLY_KEPT,
	[VERDICT_BOTH] = LMTP_REPLY_BOTH,
	[VERDICT_WAITING] = LMTP_REPLY_WAITING,
	[VERDICT_OTHER] = LMTP_REPLY_OTHER,
	[VERDICT_STORED_OTHER] = LMTP_REPLY_STORED_OTHER,
	[VERDICT_LATER] = LMTP_REPLY_LATER,
	[VERDICT_FULL] = LMTP_REPLY_FULL,
	[VERDICT_LIMITED] = LMTP_REPLY_LIMITED,
};

const char *
lmtp_reply_text(enum lmtp_reply r)
{
	return texts[r];
}

enum lmtp_reply
lmtp_reply_of(enum verdict v)
{
	return answers[v];
}
