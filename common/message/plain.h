/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain.h - a mail of the one shape that nearly all report mails have, taken
 * apart without building a tree of it. For common/message only.
 *
 * The shape: Subject as RFC 7489, 7.2.1.1 has it, and an attachment as the
 * whole body, or in a multipart/mixed of a few parts; all of it in ASCII and
 * without a doubt. Whatever else a mail is, plain_read says so and GMime
 * reads it, with the same result where both can (tests/unit/test_plain.c).
 */
#ifndef MESSAGE_PLAIN_H
#define MESSAGE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <gmime/gmime.h>

#include "common/base/buf.h"
#include "common/base/conf.h"

#define PLAIN_PARTS_MAX 8
#define PLAIN_VALUE_SIZE 256

struct plain_part {
	char filename[PLAIN_VALUE_SIZE]; /* "": none */
	char charset[PLAIN_VALUE_SIZE];  /* "": none */
	GMimeContentEncoding encoding;   /* none that only GMime can decode */
	struct bytes content;            /* as it stands in the mail */
};

struct plain {
	char message_id[PLAIN_VALUE_SIZE]; /* without <>; "": none */
	size_t count;
	struct plain_part part[PLAIN_PARTS_MAX];
};

/*
 * Take mail apart; *p borrows from it. False: it is not of that shape, and *p
 * is nothing.
 */
bool plain_read(struct plain *p, const struct bytes *mail,
    const struct conf_limits *limits);

#endif
