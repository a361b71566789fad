/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_other.c - where a mail goes that is not a report: on to a reader,
 * or apart. Before the sender hears anything: either place has it then.
 * in: verdict "other" (pipeline.c)    out: an SMTP server, or the quarantine
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/smtp_send.h"
#include "common/message/message.h"
#include "common/pipeline_internal.h"

/* In front of what is forwarded; what has it is not forwarded again. */
#define LOOP_FIELD "X-DMARC-Intake-Forwarded"

#define SEND_TIMEOUT_MS (240 * 1000)

/* A bounce stays one: the null sender never draws another (RFC 5321, 4.5.5). */
static char *
sender_of(const struct conf_intake *conf, const struct envelope *env)
{
	const char *domain = NULL;

	if (env->from == NULL || *env->from == '\0')
		return xstrdup("");
	if (conf->forward_from != NULL)
		return xstrdup(conf->forward_from);
	if (env->recipient_count > 0)
		domain = strrchr(env->recipients[0], '@');
	return domain != NULL ? xasprintf("postmaster%s", domain) : xstrdup("");
}

static int
forward(const struct other *other, struct err *e)
{
	/* how long a sink may say nothing is no matter of this server's */
	const struct deadline d = { .hard_ms = other->d->hard_ms };
	char now[CLOCK_TEXT_SIZE];
	struct smtp_mail mail = {
		.to = other->conf->intake.forward_to,
		.mail = other->mail,
		.timeout_ms = deadline_left_ms(&d, SEND_TIMEOUT_MS),
	};
	char *from = sender_of(&other->conf->intake, other->env), *head;
	int rc;

	clock_iso(clock_now(), now);
	head = xasprintf("%s: not a report; %s\r\n", LOOP_FIELD, now);
	mail.from = from;
	mail.head = head;
	rc = smtp_send(&other->conf->smtp, &mail, e);
	free(head);
	free(from);
	return rc < 0 ? err_add(e, "forward") : 0;
}

static int
keep_apart(struct pipeline *p, const struct other *other, const char *reason,
    struct err *e)
{
	bool is_new;

	if (quarantine_keep(p->quarantine, QUARANTINE_OTHER, other->env,
		other->mail, reason, &is_new, e) < 0)
		return err_add(e, "quarantine");
	return 0;
}

/* NULL: it may be forwarded. Else why it is kept apart. */
static const char *
why_kept(const struct other *other, struct err *why)
{
	if (other->conf->intake.other == CONF_OTHER_KEEP)
		return other->reason;
	if (message_is_bare(other->message))
		return "not a report, and no mail";
	if (message_field(other->message, LOOP_FIELD) == NULL)
		return NULL;
	err_set(why, ERR_REFUSED, "forwarded before, and back again: kept");
	return why->text;
}

int
pipeline_other(struct pipeline *p, const struct other *other, struct outcome *o,
    struct err *e)
{
	struct err why = { 0 };
	const char *reason;

	if (p->quarantine == NULL)
		return 0; /* it stays with the caller */
	reason = why_kept(other, &o->why);
	if (p->is_dry) {
		o->is_forwarded = reason == NULL;
		return 0;
	}
	if (reason != NULL)
		return keep_apart(p, other, reason, e);
	if (forward(other, &why) == 0) {
		o->is_forwarded = true;
		return 0;
	}
	if (err_is_temporary(&why) && !other->is_last_try) {
		*e = why;
		return -1;
	}
	if (keep_apart(p, other, why.text, e) < 0)
		return -1;
	o->why = why;
	return 0;
}
