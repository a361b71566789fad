/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail.c - one mail as the MTA tells it, bit by bit.
 * in: envelope, headers, body (callbacks.c)    out: the pipeline
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/recipient.h"
#include "common/base/text.h"
#include "milter/mail.h"

/* Without <> and source route (RFC 5321, 4.1.2). */
static char *
bare(const char *path)
{
	size_t len = strlen(path);
	const char *route;

	if (len >= 2 && path[0] == '<' && path[len - 1] == '>') {
		path++;
		len -= 2;
	}
	if (len > 0 && *path == '@' &&
	    (route = memchr(path, ':', len)) != NULL) {
		len -= (size_t)(route + 1 - path);
		path = route + 1;
	}
	return xstrndup(path, len);
}

void
milter_mail_clear(struct milter_mail *m)
{
	if (m->is_open)
		spill_clear(&m->bytes);
	while (m->count > 0) {
		free(m->given[--m->count]);
		free(m->ours[m->count]);
	}
	free(m->given);
	free(m->ours);
	free(m->from);
	free(m->mta);
	*m = (struct milter_mail){ .has_leading_space = m->has_leading_space };
}

void
milter_mail_begin(struct milter_mail *m, struct pipeline *p,
    const struct conf *conf, const char *from)
{
	milter_mail_clear(m);
	m->pipeline = p;
	m->conf = conf;
	m->is_open = true;
	m->from = bare(from);
	pipeline_mail_init(p, &m->bytes);
}

void
milter_mail_mta(struct milter_mail *m, const char *name)
{
	free(m->mta);
	m->mta = name != NULL ? xstrdup(name) : NULL;
}

/* An empty list is nobody here: the MTA shows us everybody's mail. */
void
milter_mail_recipient(struct milter_mail *m, const char *recipient)
{
	const struct conf_list *patterns = &m->conf->intake.recipients;
	char *address = bare(recipient);

	if (patterns->count == 0 || m->count >= MILTER_RECIPIENTS_MAX ||
	    !recipient_is_ours(patterns, address)) {
		free(address);
		m->others++;
		return;
	}
	m->given = xrealloc(m->given, (m->count + 1) * sizeof(*m->given));
	m->ours = xrealloc(m->ours, (m->count + 1) * sizeof(*m->ours));
	m->given[m->count] = xstrdup(recipient);
	m->ours[m->count++] = address;
}

/*
 * Types that a report hides in, generously: the pipeline looks at the rest.
 * What is plainly text for people is not even read.
 */
static bool
is_report_type(const char *value)
{
	static const char *const types[] = { "multipart/", "application/",
		"message/", "text/xml" };
	size_t i;

	while (text_is_space(*value))
		value++;
	if (text_starts_nocase(value, "multipart/alternative"))
		return false;
	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (text_starts_nocase(value, types[i]))
			return true;
	return false;
}

bool
milter_mail_may_be_wanted(const struct milter_mail *m)
{
	return m->count > 0 || m->conf->milter.match != CONF_MATCH_RECIPIENT;
}

bool
milter_mail_is_wanted(const struct milter_mail *m)
{
	if (m->count > 0 && m->conf->milter.match != CONF_MATCH_CONTENT)
		return true;
	return m->conf->milter.match != CONF_MATCH_RECIPIENT &&
	       m->looks_like_report;
}

enum milter_share
milter_mail_share(const struct milter_mail *m)
{
	if (m->count == 0)
		return MILTER_OTHERS;
	return m->others > 0 ? MILTER_MIXED : MILTER_OURS;
}

static void
add(struct milter_mail *m, const void *p, size_t len)
{
	m->size += len;
	if (m->trouble.kind != ERR_NONE || len == 0)
		return;
	if (m->size > m->conf->limits.message_hard)
		err_set(&m->trouble, ERR_LIMIT, "more than %llu bytes",
		    (unsigned long long)m->conf->limits.message_hard);
	else if (spill_add(&m->bytes, p, len, &m->trouble) == 0)
		return;
	/* it will not be used: others may have the space at once */
	spill_clear(&m->bytes);
}

/*
 * MTAs write the line ends of a folded header as LF; one has CRLF. Whatever
 * stands behind one stays in this field: it is no field of its own, and not
 * the end of the header.
 */
static void
add_lines(struct milter_mail *m, const char *p)
{
	size_t len;

	for (;;) {
		len = strcspn(p, "\n");
		add(m, p,
		    len > 0 && p[len] == '\n' && p[len - 1] == '\r' ? len - 1
								    : len);
		add(m, "\r\n", 2);
		p += len;
		if (*p == '\0')
			return;
		if (*++p != ' ' && *p != '\t')
			add(m, " ", 1);
	}
}

void
milter_mail_header(struct milter_mail *m, const char *name, const char *value)
{
	if (text_equal_nocase(name, MILTER_FIELD))
		m->forged++;
	if (text_equal_nocase(name, "Content-Type") && is_report_type(value))
		m->looks_like_report = true;
	add(m, name, strlen(name));
	/* without SMFIP_HDR_LEADSPC the MTA took one space off */
	if (m->has_leading_space || *value == ' ' || *value == '\t' ||
	    *value == '\n' || *value == '\r')
		add(m, ":", 1);
	else
		add(m, ": ", 2);
	add_lines(m, value);
}

void
milter_mail_header_end(struct milter_mail *m)
{
	add(m, "\r\n", 2);
}

void
milter_mail_body(struct milter_mail *m, const void *p, size_t len)
{
	add(m, p, len);
}

struct envelope
milter_mail_envelope(const struct milter_mail *m)
{
	return (struct envelope){
		.transport = "milter",
		.session = m->id,
		.from = m->from,
		.recipients = (const char *const *)m->ours,
		.recipient_count = m->count,
		.received = clock_now(),
		.mta_name = m->mta,
	};
}

void
milter_mail_run(struct milter_mail *m, const struct envelope *env,
    struct deadline *d, struct outcome *o)
{
	struct err why;

	if (m->trouble.kind == ERR_LIMIT) { /* not ours to refuse */
		*o = (struct outcome){ .verdict = VERDICT_KEPT };
		o->why = m->trouble;
	} else if (m->trouble.kind != ERR_NONE) {
		*o = (struct outcome){ .verdict =
					   verdict_of_trouble(&m->trouble) };
		o->why = m->trouble;
	} else if (m->size > m->conf->limits.message) {
		err_set(&why, ERR_LIMIT, "%llu bytes are more than %llu",
		    (unsigned long long)m->size,
		    (unsigned long long)m->conf->limits.message);
		pipeline_keep(m->pipeline, env, &m->bytes, &why, o);
	} else {
		pipeline_run(m->pipeline, env, &m->bytes, d, o);
	}
}
