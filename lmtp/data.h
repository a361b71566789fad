/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data.h - the bytes between DATA and the final dot (RFC 5321, 4.5.2).
 * Pure: no input or output.
 */
#ifndef LMTP_DATA_H
#define LMTP_DATA_H

#include "common/base/buf.h"

enum lmtp_data_state {
	LMTP_DATA_LINE_START, /* after CRLF, and at the very start */
	LMTP_DATA_TEXT,
	LMTP_DATA_CR,     /* a CR in the text, already handed out */
	LMTP_DATA_DOT,    /* a dot at the line's start, held back */
	LMTP_DATA_DOT_CR, /* and a CR after it, held back too */
};

struct lmtp_data {
	enum lmtp_data_state state;
};

enum lmtp_data_event {
	LMTP_DATA_MORE, /* *in is used up */
	LMTP_DATA_SPAN, /* *span is part of the mail: call again */
	LMTP_DATA_END,  /* that was the final dot; *in is what follows it */
};

void lmtp_data_init(struct lmtp_data *d);

/*
 * Take from the front of *in. Only CRLF dot CRLF ends the mail: a bare CR, a
 * bare LF and NUL are bytes like all others, whatever stands beside them.
 * span borrows from *in.
 */
enum lmtp_data_event lmtp_data_next(
    struct lmtp_data *d, struct bytes *in, struct bytes *span);

#endif
