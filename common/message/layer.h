/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer.h - what holds other things: a mail its parts, a zip its members, a
 * text its uuencoded files. message.c has a stack of them. For
 * common/message only.
 */
#ifndef MESSAGE_LAYER_H
#define MESSAGE_LAYER_H

#include "common/base/reader.h"
#include "common/base/spill.h"
#include "common/message/attachment.h"
#include "common/message/part.h"

enum layer_kind { LAYER_MAIL, LAYER_ZIP, LAYER_TEXT };

struct layer {
	enum layer_kind kind;
	struct reader *in;   /* owned; NULL: the mail itself */
	uint64_t packed;     /* how often it was packed, itself too */
	size_t name_len;     /* of message.c's name for it */
	struct spill copy;   /* of a mail's bytes, where they had to be */
	bool has_two_crs;    /* the mail's lines ended in CR CR LF */
	struct parts *parts; /* LAYER_MAIL */
	struct zip *zip;     /* LAYER_ZIP */
	struct uu *uu;       /* LAYER_TEXT */
};

/*
 * Open what in gives (owned from here on, also on failure). budget and pool
 * are borrowed until layer_close.
 */
int layer_open(struct layer *l, enum layer_kind kind, struct reader *in,
    struct unpack_budget *budget, struct spill_pool *pool, struct err *e);

/* The same for the mail itself, raw (foreign) after spill_finish. */
int layer_open_mail(struct layer *l, struct spill *raw,
    const struct conf_limits *limits, struct spill_pool *pool, struct err *e);

/*
 * The next thing in it: 1 with *in (owned by the caller, to be closed before
 * the next call) and *name (until the next call), 0 at the end, -1 and *e:
 * unless that is temporary, the next call goes on behind it.
 */
int layer_next(
    struct layer *l, struct reader **in, const char **name, struct err *e);

void layer_close(struct layer *l);

#endif
