/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part.h - the MIME parts of a mail, one after the other, decoded. For
 * common/message only; the one place that knows GMime is part.c.
 */
#ifndef MESSAGE_PART_H
#define MESSAGE_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/reader.h"
#include "common/base/spill.h"

struct parts;

void parts_setup(void);

/*
 * Would the mail in raw (after spill_finish) cost too much to take apart? 0,
 * or -1 and ERR_LIMIT for header bytes, header fields, parts or depth.
 * *ends_differ: a boundary line ends in CR LF and the line before it in LF, or
 * the other way round. GMime takes the line end before a boundary for as long
 * as the one behind it, and so a byte too much or too few.
 */
int parts_check(struct spill *raw, const struct conf_limits *limits,
    bool *ends_differ, struct err *e);

/* Take the mail in raw (after spill_finish; foreign) apart. */
int parts_open(struct parts **p, struct spill *raw,
    const struct conf_limits *limits, struct err *e);

/*
 * Is it a mail of the shape that plain.h tells? Then a report is surely
 * meant, and it is no notice and nothing that a person wrote.
 */
bool parts_is_plain(const struct parts *p);

/*
 * The next part that has content of its own (no multipart, no message):
 * 1 with *content (owned by the caller) and *name ("part 2: a.xml.gz";
 * borrowed until the next), 0 at the end, -1 and ERR_LIMIT when there are too
 * many or they are nested too deep: then there is no next one.
 */
int parts_next(
    struct parts *p, struct reader **content, const char **name, struct err *e);

/*
 * After the last part: does something stand outside of them that may be one?
 */
bool parts_has_unseen(const struct parts *p);

/* Is the part that parts_next gave feedback about a mail (RFC 5965)? */
bool parts_is_feedback(const struct parts *p);
/*
 * That part is feedback: the mail that it is about, owned by the caller; p
 * must outlive it. NULL: there is none. parts_next leaves it out.
 */
struct reader *parts_sample(struct parts *p);

/* What parts_next gave last. */
struct part {
	const char *charset;   /* as declared; NULL without */
	bool is_text;          /* it stands in the mail as it is */
	bool is_mislabelled;   /* its transfer encoding is another one */
	bool has_field;        /* fields of another part stand in it: so far */
	uint64_t joined_lines; /* that a relay folded: so far */
};
const struct part *parts_current(const struct parts *p);

/* A field of the mail's own header, unfolded and decoded; NULL without. */
const char *parts_message_id(struct parts *p);
const char *parts_message_id_written(struct parts *p); /* not unfolded */
int64_t parts_received(struct parts *p);               /* 0: cannot be told */
/* INT64_MIN: cannot be told; the bottom-most Received that can be read */
int64_t parts_first_received(struct parts *p);
int64_t parts_date(struct parts *p);

/* For evidence.c; NULL when GMime made nothing of the mail. */
struct _GMimeMessage *parts_gmime(struct parts *p);

/* Takes NULL; leaves NULL. */
void parts_close(struct parts **p);

#endif
