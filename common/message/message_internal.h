/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_internal.h - what message.c, which takes a mail apart, and
 * message_facts.c, which tells about it, share. For nobody else.
 */
#ifndef MESSAGE_MESSAGE_INTERNAL_H
#define MESSAGE_MESSAGE_INTERNAL_H

#include "common/message/attachment.h"
#include "common/message/charset.h"
#include "common/message/evidence.h"
#include "common/message/feedback.h"
#include "common/message/layer.h"
#include "common/message/message.h"
#include "common/message/part.h"

#define NESTING_MAX 16 /* conf cannot ask for more */

struct message {
	struct spill *raw;       /* foreign */
	struct spill_pool *pool; /* foreign */
	struct unpack_budget budget;
	struct layer mail;
	struct parts *parts; /* of the mail, foreign; NULL: a bare file */
	bool bare_is_taken;
	bool has_unseen;                  /* in a mail that is closed again */
	struct evidence evidence;         /* that a report was meant */
	struct layer layers[NESTING_MAX]; /* open ones, outermost first */
	unsigned layer_count;
	struct reader *in;      /* the attachment given out; owned */
	struct charset charset; /* of it */
	bool was_base64;        /* it stood as text where it should not */
	char repair[128];
	struct feedback feedback;
	char name[512];
};

/* Is it a file of its own and not a mail? -1: *e. */
int message_raw_is_bare(struct spill *raw, bool *bare, struct err *e);

/* The layer that is looked at: of zips, texts and mails in the mail, or it. */
const struct layer *message_innermost(const struct message *m);

#endif
