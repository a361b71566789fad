/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - one mail and its attachments: parts are walked, and what is
 * packed is opened layer by layer until a report may begin.
 * in: the mail (transport)    out: attachments (report/)
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/message/message_internal.h"

void
message_setup(void)
{
	parts_setup();
}

/* Only its first bytes can tell. */
int
message_raw_is_bare(struct spill *raw, bool *bare, struct err *e)
{
	char head[READER_PEEK_MAX];
	ssize_t n = spill_read(raw, 0, head, sizeof(head), e);

	if (n < 0)
		return -1;
	switch (attachment_content(head, (size_t)n)) {
	case CONTENT_OTHER:
	case CONTENT_MAIL:
		*bare = false;
		break;
	default:
		*bare = true;
		break;
	}
	return 0;
}

int
message_open(struct message **m, struct spill *raw,
    const struct conf_limits *limits, struct spill_pool *pool, struct err *e)
{
	struct message *msg;
	bool bare = false;

	if (message_raw_is_bare(raw, &bare, e) < 0)
		return -1;
	msg = xcalloc(1, sizeof(*msg));
	msg->raw = raw;
	msg->pool = pool;
	msg->budget.limits = limits;
	msg->budget.packed = spill_size(raw);
	if (!bare && layer_open_mail(&msg->mail, raw, limits, pool, e) < 0) {
		free(msg);
		return -1;
	}
	msg->parts = msg->mail.parts;
	if (!bare && parts_is_plain(msg->parts))
		msg->evidence.has_subject = true;
	else if (!bare && parts_gmime(msg->parts) != NULL)
		evidence_of_mail(&msg->evidence, parts_gmime(msg->parts));
	*m = msg;
	return 0;
}

static void ATTR_PRINTF(3, 4)
    set_name(struct message *m, size_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(m->name + at, sizeof(m->name) - at, fmt, ap);
	va_end(ap);
}

/* The next thing in the mail itself, or the bare file. */
static int
next_outermost(struct message *m, struct reader **in, struct err *e)
{
	const char *name;
	int rc;

	if (m->parts == NULL) {
		if (m->bare_is_taken)
			return 0;
		m->bare_is_taken = true;
		set_name(m, 0, "file");
		*in = spill_reader(m->raw);
		return 1;
	}
	if ((rc = parts_next(m->parts, in, &name, e)) == 1)
		set_name(m, 0, "%s", name);
	return rc;
}

/* The next thing to look at, in the innermost layer that has one. */
static int
next_stream(struct message *m, struct reader **in, struct err *e)
{
	struct layer *l;
	const char *name;
	int rc;

	while (m->layer_count > 0) {
		l = &m->layers[m->layer_count - 1];
		m->name[l->name_len] = '\0';
		rc = layer_next(l, in, &name, e);
		if (rc == 1)
			set_name(m, l->name_len, ": %s", name);
		if (rc != 0)
			return rc < 0 ? err_add(e, "%s", m->name) : 1;
		m->has_unseen |= l->parts != NULL && parts_has_unseen(l->parts);
		layer_close(l);
		m->layer_count--;
	}
	return next_outermost(m, in, e);
}

/* Open what *in holds; *in is taken. */
static int
push(struct message *m, enum layer_kind kind, struct reader **in,
    uint64_t packed, struct err *e)
{
	struct layer *l = &m->layers[m->layer_count];
	struct reader *taken = *in;

	*in = NULL;
	if (layer_open(l, kind, taken, &m->budget, m->pool, e) < 0)
		return -1;
	l->packed = packed;
	l->name_len = strlen(m->name);
	m->layer_count++;
	return 0;
}

/* Text of a mail, in which a file may be uuencoded? */
static bool
is_text(const struct message *m)
{
	const struct layer *l = message_innermost(m);

	return l->kind == LAYER_MAIL && l->parts != NULL &&
	       m->layer_count < NESTING_MAX && parts_current(l->parts)->is_text;
}

/*
 * Take the layers off *in: 1 a report may begin there, 0 it is nothing of
 * ours, or it holds other things and is open now. *packed counts them.
 */
static int
unwrap(struct message *m, struct reader **in, enum content *content,
    uint64_t *packed, struct err *e)
{
	const uint64_t outside = *packed;
	const char *p;
	ssize_t n;

	for (;;) {
		*in = reader_peeking(*in);
		if ((n = reader_peek(*in, &p, e)) < 0)
			return -1;
		*content = attachment_content(p, (size_t)n);
		if (*content == CONTENT_XML || *content == CONTENT_JSON)
			return 1;
		if (*content == CONTENT_OTHER)
			return *packed == outside && is_text(m)
				   ? push(m, LAYER_TEXT, in, *packed, e)
				   : 0;
		if (++*packed > m->budget.limits->nesting ||
		    m->layer_count == NESTING_MAX)
			return err_set(e, ERR_LIMIT,
			    "packed more than %" PRIu64 " times",
			    m->budget.limits->nesting);
		if (*content == CONTENT_ZIP)
			return push(m, LAYER_ZIP, in, *packed, e);
		if (*content == CONTENT_MAIL)
			return push(m, LAYER_MAIL, in, *packed, e);
		m->was_base64 = m->was_base64 || *content == CONTENT_BASE64;
		*in = *content == CONTENT_BASE64
			  ? attachment_base64(*in, NULL)
			  : attachment_gzip(*in, &m->budget);
	}
}

/*
 * Text of a report: UTF-8 from here on. What a mail says of the charset holds
 * for what stands in it, and not for what is packed in that.
 */
static void
take_text(struct message *m, uint64_t packed)
{
	const struct layer *l = message_innermost(m);
	const char *declared = NULL;

	if (l->kind == LAYER_MAIL && l->parts != NULL &&
	    packed - l->packed == (m->was_base64 ? 1 : 0))
		declared = parts_current(l->parts)->charset;
	m->in = charset_reader(m->in, declared, &m->charset);
}

/* Is the part that came last feedback? 1, 0, or -1 and *e. */
static int
take_feedback(struct message *m, struct attachment *att, struct err *e)
{
	const struct layer *l = message_innermost(m);
	int rc;

	if (l->kind != LAYER_MAIL || l->parts == NULL)
		return 0;
	rc = feedback_take(&m->feedback, l->parts, &m->in, e);
	if (rc == 1)
		*att = (struct attachment){ .kind = ATTACHMENT_FEEDBACK,
			.name = m->name,
			.in = m->in,
			.sample = m->feedback.sample };
	return rc;
}

static int
next_attachment(struct message *m, struct attachment *att, struct err *e)
{
	enum content content = CONTENT_OTHER;
	uint64_t packed;
	int rc;

	do {
		reader_close(&m->in);
		m->was_base64 = false;
		m->charset = (struct charset){ 0 };
		if ((rc = next_stream(m, &m->in, e)) <= 0)
			return rc;
		evidence_of_name(&m->evidence, m->name);
		rc = take_feedback(m, att, e);
		if (rc == 1)
			return 1;
		packed = message_innermost(m)->packed;
		if (rc == 0)
			rc = unwrap(m, &m->in, &content, &packed, e);
	} while (rc == 0);
	if (rc < 0)
		return err_add(e, "%s", m->name);
	take_text(m, packed);
	att->sample = NULL;
	att->kind = content == CONTENT_XML ? ATTACHMENT_XML : ATTACHMENT_JSON;
	att->name = m->name;
	att->in = m->in;
	return 1;
}

int
attachment_next(struct message *m, struct attachment *att, struct err *e)
{
	int rc = next_attachment(m, att, e);
	const char *p;
	ssize_t n;

	if (rc < 0 && !err_is_temporary(e))
		evidence_of_failure(&m->evidence, m->name);
	if (rc != 1)
		return rc;
	att->looks_like_report = true;
	if (att->kind != ATTACHMENT_XML && att->kind != ATTACHMENT_JSON)
		return 1;
	if ((n = reader_peek(att->in, &p, e)) < 0)
		return err_add(e, "%s", m->name);
	att->looks_like_report = evidence_in_content(p, (size_t)n);
	return 1;
}

void
message_close(struct message **m)
{
	if (*m == NULL)
		return;
	reader_close(&(*m)->in);
	feedback_clear(&(*m)->feedback);
	while ((*m)->layer_count > 0)
		layer_close(&(*m)->layers[--(*m)->layer_count]);
	if ((*m)->parts != NULL)
		layer_close(&(*m)->mail);
	free(*m);
	*m = NULL;
}
