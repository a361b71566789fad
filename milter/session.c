/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - one connection of an MTA, and the mail that is on it.
 * in: a complete mail (callbacks.c)    out: outcome and action (reply.c)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/mail_log.h"
#include "milter/progress.h"
#include "milter/session.h"

/* The MTA hears of us eight times before the budget ends: every 30 s. */
#define TELL_EACH 8

struct milter_session *
milter_session_new(struct milter_service *sv)
{
	struct milter_session *s;

	if (!milter_service_join(sv))
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->service = sv;
	s->conf = pipeline_hold_conf(sv->pipeline);
	return s;
}

void
milter_session_free(struct milter_session **s)
{
	if (*s == NULL)
		return;
	milter_mail_clear(&(*s)->mail);
	conf_free(&(*s)->conf);
	milter_service_part((*s)->service);
	free(*s);
	*s = NULL;
}

void
milter_session_name(struct milter_session *s, const char *queue_id)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	char *id = s->mail.id;
	size_t len = queue_id != NULL ? strspn(queue_id, safe) : 0;

	if (len == 0 || queue_id[len] != '\0' || len >= MILTER_ID_SIZE)
		(void)snprintf(id, MILTER_ID_SIZE, "no-queue-id-%08x",
		    milter_service_next_id(s->service));
	else
		memcpy(id, queue_id, len + 1);
}

void
milter_session_run(struct milter_session *s, void (*tell)(void *context),
    void *context, struct outcome *o)
{
	const struct conf_milter *conf = &s->conf->milter;
	const struct envelope env = milter_mail_envelope(&s->mail);
	struct milter_progress progress;
	struct deadline turn, d;

	s->start_ms = clock_mono_ms();
	milter_progress_start(
	    &progress, conf->budget_s * 1000 / TELL_EACH, tell, context);
	/* waiting for the turn is no lack of progress, but costs the budget */
	deadline_start(&turn, conf->budget_s * 1000, 0);
	s->is_in_hand = milter_service_take(s->service, conf->mails, &turn);
	deadline_start(
	    &d, conf->budget_s * 1000, conf->progress_timeout_s * 1000);
	d.hard_ms = turn.hard_ms;
	if (s->is_in_hand) {
		milter_mail_run(&s->mail, &env, &d, o);
	} else {
		*o = (struct outcome){ .verdict = VERDICT_LATER };
		err_set(&o->why, ERR_TEMP, "%llu mails are in hand",
		    (unsigned long long)conf->mails);
	}
	milter_progress_stop(&progress);
}

enum milter_action
milter_session_action(const struct milter_session *s, const struct outcome *o)
{
	return milter_action_of(
	    o->verdict, &s->conf->milter, milter_mail_share(&s->mail));
}

void
milter_session_end(
    struct milter_session *s, const struct outcome *o, const char *told)
{
	const struct envelope env = milter_mail_envelope(&s->mail);

	mail_log(&env, o, s->mail.size, clock_mono_ms() - s->start_ms,
	    verdict_name(o->verdict), told);
	milter_mail_clear(&s->mail);
	milter_service_done(s->service, s->is_in_hand);
}
