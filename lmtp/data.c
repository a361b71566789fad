/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data.c - the bytes between DATA and the final dot.
 * in: what was read (stream.c)    out: spans of the mail (mail.c)
 */
#include <stdbool.h>
#include <string.h>

#include "lmtp/data.h"

void
lmtp_data_init(struct lmtp_data *d)
{
	/* the CRLF of the command DATA counts as the one before the dot */
	d->state = LMTP_DATA_LINE_START;
}

/*
 * The length of the text at p that ends before a dot at a line's start or
 * with the input, and the state after it. before: the byte in front was a CR.
 */
static size_t
text_length(const char *p, size_t len, bool before, enum lmtp_data_state *state)
{
	const char *at = p, *end = p + len;

	while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		bool crlf = at > p ? at[-1] == '\r' : before;

		at++;
		if (crlf && (at == end || *at == '.')) {
			*state = LMTP_DATA_LINE_START;
			return (size_t)(at - p);
		}
	}
	*state = end[-1] == '\r' ? LMTP_DATA_CR : LMTP_DATA_TEXT;
	return len;
}

static void
skip(struct bytes *in, size_t n)
{
	in->data = (const char *)in->data + n;
	in->len -= n;
}

enum lmtp_data_event
lmtp_data_next(struct lmtp_data *d, struct bytes *in, struct bytes *span)
{
	while (in->len > 0) {
		const char *p = in->data;

		if (d->state == LMTP_DATA_LINE_START && *p == '.') {
			d->state = LMTP_DATA_DOT;
			skip(in, 1);
		} else if (d->state == LMTP_DATA_DOT && *p == '\r') {
			d->state = LMTP_DATA_DOT_CR;
			skip(in, 1);
		} else if (d->state == LMTP_DATA_DOT_CR && *p == '\n') {
			skip(in, 1);
			return LMTP_DATA_END;
		} else if (d->state == LMTP_DATA_DOT_CR) {
			/* the dot was stuffed, the CR belongs to the mail */
			*span = (struct bytes){ "\r", 1 };
			d->state = LMTP_DATA_CR;
			return LMTP_DATA_SPAN;
		} else {
			span->data = p;
			span->len = text_length(
			    p, in->len, d->state == LMTP_DATA_CR, &d->state);
			skip(in, span->len);
			return LMTP_DATA_SPAN;
		}
	}
	return LMTP_DATA_MORE;
}
