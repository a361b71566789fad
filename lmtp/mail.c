/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail.c - one mail on its way in, and what is said and logged of it.
 * in: bytes of the mail (session.c)    out: the pipeline, and its verdict
 */
#include <stdio.h>

#include "common/mail_log.h"
#include "lmtp/mail.h"

void
lmtp_mail_begin(
    struct lmtp_mail *m, struct pipeline *p, const struct conf *conf)
{
	*m = (struct lmtp_mail){ .pipeline = p, .conf = conf };
	pipeline_mail_init(p, &m->bytes);
}

void
lmtp_mail_add(struct lmtp_mail *m, const void *p, size_t len)
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

void
lmtp_mail_clear(struct lmtp_mail *m)
{
	spill_clear(&m->bytes);
}

/* The reply's codes are enough: its words are known. */
static void
log_mail(const struct envelope *env, const struct outcome *o, uint64_t size,
    int64_t ms, const char *status, enum lmtp_reply reply)
{
	char code[10];

	(void)snprintf(code, sizeof(code), "%s", lmtp_reply_text(reply));
	mail_log(env, o, size, ms, status, code);
}

/* Past the limit a mail is not read, but it is not lost either. */
static void
handle(struct lmtp_mail *m, const struct envelope *env, struct outcome *o)
{
	const struct conf_lmtp *lmtp = &m->conf->lmtp;
	struct deadline d;
	struct err why;

	if (m->size > m->conf->limits.message) {
		err_set(&why, ERR_LIMIT, "%llu bytes are more than %llu",
		    (unsigned long long)m->size,
		    (unsigned long long)m->conf->limits.message);
		pipeline_keep(m->pipeline, env, &m->bytes, &why, o);
		return;
	}
	deadline_start(
	    &d, lmtp->budget_s * 1000, lmtp->progress_timeout_s * 1000);
	pipeline_run(m->pipeline, env, &m->bytes, &d, o);
}

enum lmtp_reply
lmtp_mail_end(struct lmtp_mail *m, const struct envelope *env)
{
	int64_t start_ms = clock_mono_ms();
	struct outcome o = { 0 };
	const char *status;
	enum lmtp_reply reply;

	if (m->trouble.kind == ERR_LIMIT) {
		o.why = m->trouble;
		status = "refused";
		reply = LMTP_REPLY_TOO_LARGE;
	} else {
		if (m->trouble.kind == ERR_NONE) {
			handle(m, env, &o);
		} else {
			o.why = m->trouble;
			o.verdict = verdict_of_trouble(&o.why);
		}
		status = verdict_name(o.verdict);
		reply = lmtp_reply_of(o.verdict);
	}
	log_mail(env, &o, m->size, clock_mono_ms() - start_ms, status, reply);
	return reply;
}
