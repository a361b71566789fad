/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - was a report meant? What a mail says about itself, for when no
 * report was found in it: doubt is kept, what is surely none goes elsewhere.
 * For common/message only.
 */
#ifndef MESSAGE_EVIDENCE_H
#define MESSAGE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <gmime/gmime.h>

struct evidence {
	bool has_subject;     /* RFC 7489, 7.2.1.1; RFC 8460, 5.3 */
	bool has_tls_header;  /* RFC 8460, 5.3 */
	bool has_report_type; /* RFC 6522, of a kind that is ours */
	bool has_file_name;   /* RFC 7489, 7.2.1.1; RFC 8460, 5.1 */
	bool has_unopened;    /* something packed could not be opened */
	/* A bounce or a receipt (RFC 3464, RFC 8098): what is in it is a mail
	 * that we sent, and perhaps a report about others. */
	bool is_notice;
	bool has_feedback; /* a part of RFC 5965 */
};

/* Look at the header and the structure; all of *v is set. */
void evidence_of_mail(struct evidence *v, GMimeMessage *message);

/* The first field of that name, unfolded and decoded; NULL: none. */
const char *evidence_field(GMimeMessage *message, const char *name);
/* The first address of From; NULL: none. */
const char *evidence_from(GMimeMessage *message);

/* A part or a member of an archive is called so. */
void evidence_of_name(struct evidence *v, const char *name);

/* What is called so could not be opened; NULL: parts could not be found. */
void evidence_of_failure(struct evidence *v, const char *name);

/* Was a report meant? */
bool evidence_is_enough(const struct evidence *v);

/* Has this, the start of XML or JSON, what only reports have? */
bool evidence_in_content(const char *p, size_t len);

/*
 * Did a person forward this, and say something about it? Then the mail is
 * for a reader, whatever is attached.
 */
bool evidence_of_words(GMimeMessage *message);

#endif
