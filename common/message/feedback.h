/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feedback.h - feedback about a mail (ARF, RFC 5965), and that mail, as two
 * streams. For common/message only.
 */
#ifndef MESSAGE_FEEDBACK_H
#define MESSAGE_FEEDBACK_H

#include <stdbool.h>

#include "common/base/reader.h"
#include "common/message/part.h"

/* Of one message. Starts zeroed; end with feedback_clear. */
struct feedback {
	bool was_seen;         /* once at least */
	struct reader *sample; /* owned; NULL: none. Ends with the next take */
	char front[READER_PEEK_MAX];
};

/*
 * Is the part that parts_next gave last feedback? 1: *in (owned by the caller
 * before and after) is its text, and f->sample the mail that it is about. 0:
 * no, *in has lost nothing. -1 and *e.
 */
int feedback_take(
    struct feedback *f, struct parts *parts, struct reader **in, struct err *e);

void feedback_clear(struct feedback *f);

#endif
