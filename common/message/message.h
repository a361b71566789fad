/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - one mail taken apart (MIME, RFC 2045 to 2049), and its
 * attachments opened (gzip, zip). The bytes stay where they are: parts and
 * attachments are streams.
 */
#ifndef MESSAGE_MESSAGE_H
#define MESSAGE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/reader.h"
#include "common/base/spill.h"
#include "common/message/auth_trust.h"

struct message;

/* Once in a process, before the first message. */
void message_setup(void);

/*
 * Take raw (after spill_finish; foreign, must outlive m) apart. What is no
 * mail but a bare XML, gzip or zip file becomes a message of one attachment.
 * limits and pool are borrowed until message_close.
 */
int message_open(struct message **m, struct spill *raw,
    const struct conf_limits *limits, struct spill_pool *pool, struct err *e);

/* NULL when the header is missing. Borrowed until message_close. */
const char *message_id(const struct message *m);
/* The same as it stands in the header, white space around it and all. */
const char *message_id_written(const struct message *m);
/* Date of the topmost Received (RFC 5321, 4.4); 0 when it cannot be told. */
int64_t message_received(const struct message *m);

/* Its Date, and that of the bottom-most Received; INT64_MIN: cannot be told. */
int64_t message_date(const struct message *m);
int64_t message_first_received(const struct message *m);

enum attachment_kind {
	ATTACHMENT_XML,      /* starts like XML */
	ATTACHMENT_JSON,     /* starts like a JSON object */
	ATTACHMENT_FEEDBACK, /* about another mail (RFC 5965) */
};

struct attachment {
	enum attachment_kind kind;
	const char *name;  /* "part 2: a.zip: b.xml"; borrowed until the next */
	struct reader *in; /* decoded and inflated; foreign, until the next */
	/* FEEDBACK: the mail that it is about, likewise; NULL: it has none */
	struct reader *sample;
	bool looks_like_report; /* by words that nothing else has */
};

/*
 * The next attachment that may be a report, by its content, not by its name
 * or type. 1 with *att filled, 0 at the end, -1 and *e when one cannot be
 * opened: unless *e is temporary, call again for the one after it.
 */
int attachment_next(struct message *m, struct attachment *att, struct err *e);

/*
 * After an attachment was read: what had to be repaired to read it, one
 * sentence (borrowed until the next call) a call, NULL after the last. *at
 * starts as 0.
 */
const char *attachment_repair(struct message *m, unsigned *at);

/*
 * Asked at the end: did anything look as if a report was meant (the Subject or
 * a file name of RFC 7489, 7.2.1.1, something packed that cannot be opened),
 * though none was found?
 */
bool message_looks_like_report(const struct message *m);

/*
 * Asked at the end: does something stand outside of the parts, as where a
 * boundary is broken, that may be one more?
 */
bool message_has_unseen(const struct message *m);

/*
 * A bounce or a receipt: what is in it is a mail that was sent from here, and
 * no report for us.
 */
bool message_is_notice(const struct message *m);

/* Is it forwarded, with a person's own words? Reads its texts. */
bool message_has_words(const struct message *m);

/*
 * The first field of that name, unfolded and decoded, and the first address of
 * From. Borrowed until message_close; NULL: none, or a bare file.
 */
const char *message_field(const struct message *m, const char *name);
const char *message_from(const struct message *m);
/*
 * What servers that we trust say of who sent a mail, in its first 64 KiB.
 * raw: after spill_finish; it need not be opened. Of a bare file: nothing.
 */
void message_claims(struct spill *raw, const struct auth_trust *trust,
    struct arena *a, struct auth_claims *claims);
/* Has it a header at all? */
bool message_is_bare(const struct message *m);

/* Takes NULL; leaves NULL. */
void message_close(struct message **m);

#endif
