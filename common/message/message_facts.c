/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_facts.c - what a mail says about itself, and what had to be repaired
 * in it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/message/lines.h"
#include "common/message/message_internal.h"

#define TOP_BYTES ((size_t)64 * 1024) /* where mail servers add something */

const struct layer *
message_innermost(const struct message *m)
{
	return m->layer_count > 0 ? &m->layers[m->layer_count - 1] : &m->mail;
}

const char *
message_id(const struct message *m)
{
	return m->parts == NULL ? NULL : parts_message_id(m->parts);
}

int64_t
message_received(const struct message *m)
{
	return m->parts == NULL ? 0 : parts_received(m->parts);
}

const char *
message_id_written(const struct message *m)
{
	return m->parts == NULL ? NULL : parts_message_id_written(m->parts);
}

int64_t
message_date(const struct message *m)
{
	return m->parts == NULL ? INT64_MIN : parts_date(m->parts);
}

int64_t
message_first_received(const struct message *m)
{
	return m->parts == NULL ? INT64_MIN : parts_first_received(m->parts);
}

/* The innermost mail; a bare file has none, and its parts are NULL. */
static const struct layer *
mail_of(const struct message *m)
{
	const struct layer *mail = &m->mail;
	unsigned i;

	for (i = 0; i < m->layer_count; i++)
		if (m->layers[i].kind == LAYER_MAIL)
			mail = &m->layers[i];
	return mail;
}

/* A repair that counts, where there was one. */
static const char *
counted(struct message *m, uint64_t count, const char *what)
{
	if (count == 0)
		return NULL;
	(void)snprintf(
	    m->repair, sizeof(m->repair), "%" PRIu64 " %s", count, what);
	return m->repair;
}

static const char *
named(struct message *m, const char *name, const char *what)
{
	if (*name == '\0')
		return NULL;
	(void)snprintf(m->repair, sizeof(m->repair), "%s %s", what, name);
	return m->repair;
}

#define REPAIRS 5

static const char *
repair(struct message *m, unsigned i)
{
	const struct layer *mail = mail_of(m);
	const struct part none = { 0 };
	const struct part *part =
	    mail->parts != NULL ? parts_current(mail->parts) : &none;

	switch (i) {
	case 0:
		return counted(m, part->joined_lines,
		    "lines that a relay folded rejoined");
	case 1:
		return part->is_mislabelled || m->was_base64
			   ? "transfer encoding is not the declared one"
			   : NULL;
	case 2:
		return named(m, m->charset.unknown,
		    "charset that nobody knows, read as UTF-8:");
	case 3:
		return mail->has_two_crs ? "line ends of CR CR LF repaired"
					 : NULL;
	default:
		return counted(m, m->charset.dropped,
		    "bytes that are no text in their charset dropped");
	}
}

const char *
attachment_repair(struct message *m, unsigned *at)
{
	const char *text = NULL;

	while (text == NULL && *at < REPAIRS)
		text = repair(m, (*at)++);
	return text;
}

bool
message_looks_like_report(const struct message *m)
{
	return evidence_is_enough(&m->evidence);
}

bool
message_has_unseen(const struct message *m)
{
	return m->has_unseen ||
	       (m->parts != NULL && parts_has_unseen(m->parts));
}

bool
message_is_notice(const struct message *m)
{
	return m->evidence.is_notice;
}

bool
message_has_words(const struct message *m)
{
	struct _GMimeMessage *mail;

	if (m->parts == NULL || parts_is_plain(m->parts))
		return false;
	mail = parts_gmime(m->parts);
	return mail != NULL && evidence_of_words(mail);
}

const char *
message_field(const struct message *m, const char *name)
{
	struct _GMimeMessage *mail =
	    m->parts != NULL ? parts_gmime(m->parts) : NULL;

	return mail == NULL ? NULL : evidence_field(mail, name);
}

const char *
message_from(const struct message *m)
{
	struct _GMimeMessage *mail =
	    m->parts != NULL ? parts_gmime(m->parts) : NULL;

	return mail == NULL ? NULL : evidence_from(mail);
}

/* The first bytes of a mail, with line ends as they should be; their number. */
static size_t
read_top(struct spill *raw, char *top, size_t size, struct err *e)
{
	struct reader *in = spill_reader(raw);
	size_t len = 0;
	const char *head;
	ssize_t n;

	in = reader_peeking(in);
	n = reader_peek(in, &head, e);
	if (n > 0 && lines_have_two_crs(head, (size_t)n))
		in = lines_with_one_cr(in);
	while (n > 0 && len < size &&
	       (n = reader_read(in, top + len, size - len, e)) > 0)
		len += (size_t)n;
	reader_close(&in);
	return n < 0 ? 0 : len;
}

void
message_claims(struct spill *raw, const struct auth_trust *trust,
    struct arena *a, struct auth_claims *claims)
{
	size_t size = (size_t)spill_size(raw), len;
	bool is_bare = false;
	struct err e;
	char *top;

	*claims = (struct auth_claims){ 0 };
	if (message_raw_is_bare(raw, &is_bare, &e) < 0 || is_bare)
		return;
	if (size > TOP_BYTES)
		size = TOP_BYTES;
	top = arena_alloc(a, size);
	if ((len = read_top(raw, top, size, &e)) > 0)
		auth_trust_read(claims, top, len, trust, a);
}

bool
message_is_bare(const struct message *m)
{
	return m->parts == NULL;
}
