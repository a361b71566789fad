/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample.h - the mail that a failure report is about, or its header
 * (RFC 6591, 3.2), taken apart as far as it is kept.
 */
#ifndef MESSAGE_SAMPLE_H
#define MESSAGE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/spill.h"

/* A field of a header or of a feedback report, in the order found. */
struct header_field {
	const char *name;     /* lower case */
	const char *spelling; /* of the name, as written */
	const char *value;    /* RFC 2047 decoded; line folds stay */
};

struct mail_address {
	const char *display_name; /* NULL: none */
	const char *address;
};

struct mail_addresses {
	const struct mail_address *item;
	size_t count;
};

struct sample_attachment {
	const char *filename; /* NULL: none */
	const char *content_type;
	char sha256[65]; /* of the decoded content, hex */
};

/* Text is UTF-8, NULL means none; all of it lies in the arena. */
struct sample {
	bool is_there;         /* the report has one */
	enum conf_sample kept; /* what follows is filled that far */
	bool headers_only;     /* as the reporter sent it */
	const char *raw;       /* NULL when not kept */
	const struct header_field *headers;
	size_t header_count;
	int64_t date; /* INT64_MIN: none */
	const char *subject, *body;
	struct mail_addresses from, to, reply_to, cc, bcc;
	const struct sample_attachment *attachments;
	size_t attachment_count;
	const char *from_domain; /* lower case; filled whatever is kept */
	const char *notes[4];    /* what was cut, for people */
	size_t note_count;
};

/*
 * Take the sample in raw (after spill_finish; line ends are LF) apart. Nothing
 * in it is an error: what cannot be read is left out. -1 and *e only when its
 * bytes cannot be had.
 */
int sample_parse(struct sample *s, struct spill *raw,
    const struct conf_limits *limits, enum conf_sample keep, struct arena *a,
    struct err *e);

#endif
