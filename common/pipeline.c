/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.c - the whole way of a mail: run_message() below is the picture.
 * in: bytes and envelope (transport)    out: verdict
 */
#include <inttypes.h>
#include <string.h>

#include "common/enrich/enrich.h"
#include "common/message/message.h"
#include "common/pipeline_admit.h"
#include "common/pipeline_internal.h"
#include "common/pipeline_rate.h"
#include "common/pipeline_reporter.h"
#include "common/report/category.h"
#include "common/report/report.h"

/* One mail on its way. */
struct run {
	struct pipeline *p;
	const struct conf *conf; /* held */
	const struct envelope *env;
	struct spill *mail;
	struct deadline *d;
	struct outcome *o;
	struct message *message;
	struct enrichment *names; /* NULL: nothing was stored yet */
	struct arena *arena;      /* of what is known of the mail */
	struct auth_claims claims;
	struct err fault;  /* the first thing that cannot be read or stored */
	struct err doubt;  /* likewise, of what may be no report at all */
	bool has_feedback; /* about a mail: its sample is no forwarded report */
	bool has_report;   /* one was read, stored or not */
	enum pipeline_try try;
};

static void
fault_add(struct run *r, const struct err *e)
{
	if (r->fault.kind == ERR_NONE)
		r->fault = *e;
}

static void
abort_all(struct pipeline *p, struct sink_stream **streams)
{
	size_t i;

	for (i = 0; i < p->sink_count; i++)
		p->sinks[i]->ops->abort(&streams[i]);
}

/* Names for the addresses of a report: best effort, cannot fail. */
static void
enrich(struct run *r, struct report_reader *rr)
{
	if (r->names == NULL)
		r->names = enrich_begin(r->p->enrich, r->conf);
	enrich_report(r->names, rr, r->d);
}

/* All records of a report into all sinks; durable when 0 returns. */
static int
store(struct run *r, struct report_reader *rr, struct err *e)
{
	struct pipeline *p = r->p;
	struct sink_stream *streams[PIPELINE_SINKS_MAX] = { 0 };
	struct sink_count n, first = { 0 };
	struct record rec;
	size_t i;
	int rc;

	if (p->is_plain)
		report_omit_ids(rr);
	enrich(r, rr);
	for (i = 0; i < p->sink_count; i++)
		if (p->sinks[i]->ops->begin(
			p->sinks[i], report_of(rr), r->d, &streams[i], e) < 0)
			goto fail;
	while ((rc = report_next(rr, &rec, e)) == 1) {
		enrich_record(r->names, &rec);
		if (!p->is_plain && report_of(rr)->kind == REPORT_AGGREGATE)
			rec.category = category_of(&rec, p->suffixes);
		for (i = 0; i < p->sink_count; i++)
			if (p->sinks[i]->ops->add(streams[i], &rec, e) < 0)
				goto fail;
	}
	if (rc < 0)
		goto fail;
	for (i = 0; i < p->sink_count; i++) {
		if (p->sinks[i]->ops->finish(&streams[i], &n, e) < 0)
			goto fail;
		if (i == 0)
			first = n; /* the one that the log speaks of */
		r->o->partial += n.partial;
	}
	r->o->stored += first.stored;
	r->o->duplicates += first.duplicate;
	return 0;
fail:
	abort_all(p, streams);
	if (err_is_temporary(e))
		r->o->away = *e;
	return -1;
}

/* Who reports about which domain, for the log. */
static void
note_names(struct run *r, const struct report *report)
{
	const char *at =
	    r->env->from == NULL ? NULL : strrchr(r->env->from, '@');
	const char *org = NULL, *domain = NULL;
	struct outcome *o = r->o;

	switch (report->kind) {
	case REPORT_FAILURE: /* it does not say whose it is */
		org = at == NULL ? NULL : at + 1;
		domain = report->failure.domain;
		break;
	case REPORT_TLS:
		org = report->tls.org_name;
		if (report->tls.policy_count > 0)
			domain = report->tls.policies[0].policy_domain;
		break;
	default:
		org = report->aggregate.org_name;
		domain = report->aggregate.policy.domain;
		break;
	}
	(void)snprintf(
	    o->org_name, sizeof(o->org_name), "%s", org != NULL ? org : "");
	(void)snprintf(
	    o->domain, sizeof(o->domain), "%s", domain != NULL ? domain : "");
}

static void
note_report(struct run *r, const struct report *report)
{
	const struct aggregate *g = &report->aggregate;
	struct outcome *o = r->o;
	struct err e;

	if (o->reports++ == 0)
		note_names(r, report);
	o->has_aggregate |= report->kind == REPORT_AGGREGATE;
	o->has_failure |= report->kind == REPORT_FAILURE;
	o->has_tls |= report->kind == REPORT_TLS;
	if (report->kind == REPORT_AGGREGATE && g->is_followed) {
		err_set(&e, ERR_MALFORMED,
		    "another report begins behind report %.128s",
		    g->report_id != NULL ? g->report_id : "?");
		fault_add(r, &e);
	}
	if (g->unreadable_count == 0)
		return;
	o->unreadable += g->unreadable_count;
	err_set(&e, ERR_MALFORMED,
	    "%" PRIu64 " records of report %.128s cannot be read",
	    g->unreadable_count, g->report_id != NULL ? g->report_id : "?");
	fault_add(r, &e);
}

static void
set_intake(
    struct run *r, const struct attachment *att, struct report_reader *rr)
{
	const struct envelope *env = r->env;
	const struct message *m = r->message;
	struct intake intake = { .transport = env->transport,
		.sheet = env->sheet,
		.received = env->received,
		.message_id = message_id(m),
		.envelope_from = env->from,
		.envelope_recipient =
		    env->recipient_count > 0 ? env->recipients[0] : NULL };
	struct reporter_case c = { .report = report_of(rr),
		.file = att->name,
		.suffixes = r->p->suffixes,
		.arena = r->arena };

	if (r->conf->intake.authserv_ids.count > 0)
		c.claims = &r->claims;
	if (c.report->kind == REPORT_FAILURE)
		c.from = message_from(m);
	if (c.report->kind == REPORT_TLS) {
		c.tls_domain = message_field(m, "TLS-Report-Domain");
		c.tls_submitter = message_field(m, "TLS-Report-Submitter");
	}
	reporter_judge(&c, &intake);
	report_set_intake(rr, &intake);
}

static int
read_failure(struct run *r, const struct attachment *att,
    const struct report_setup *setup, struct report_reader **rr, struct err *e)
{
	const struct failure_mail mail = { .message_id =
					       message_id_written(r->message),
		.date = message_date(r->message),
		.first_received = message_first_received(r->message) };

	return failure_read(rr, att->in, att->sample, &mail,
	    r->conf->intake.failure_sample, setup, e);
}

/* 1 *rr is a report, 0 it is none, -1 *e. */
static int
read_report(struct run *r, const struct attachment *att,
    struct report_reader **rr, struct err *e)
{
	const struct report_setup setup = { &r->conf->limits, r->p->pool,
		r->p->suffixes };

	switch (att->kind) {
	case ATTACHMENT_FEEDBACK:
		return read_failure(r, att, &setup, rr, e);
	case ATTACHMENT_JSON:
		return tls_read(rr, att->in, &setup, e);
	default:
		return aggregate_read(rr, att->in, &setup, e);
	}
}

/* What had to be repaired on the way to the report. */
static void
note_repairs(struct run *r, struct report_reader *rr)
{
	const char *text;
	unsigned at = 0;

	while ((text = attachment_repair(r->message, &at)) != NULL)
		report_note(rr, text);
}

/* One attachment: 1 a report was stored, 0 it is none, -1 *e. */
static int
take_attachment(
    struct run *r, const struct attachment *att, bool *is_report, struct err *e)
{
	struct report_reader *rr = NULL;
	int rc;

	*is_report = att->looks_like_report;
	if (att->kind == ATTACHMENT_FEEDBACK)
		r->has_feedback = true;
	if ((rc = read_report(r, att, &rr, e)) <= 0)
		return rc;
	*is_report = r->has_report = true;
	note_repairs(r, rr);
	set_intake(r, att, rr);
	rc = -1;
	if (r->p->out == NULL && pipeline_admit(&r->conf->intake, r->env,
				     r->message, report_of(rr), e) < 0)
		goto out;
	if (store(r, rr, e) < 0)
		goto out;
	note_report(r, report_of(rr));
	rc = 1;
out:
	report_close(&rr);
	return rc;
}

/*
 * A temporary trouble ends the run; anything else is the mail's own fault, or
 * none when it turns out that no report was meant.
 */
static int
sort_out(struct run *r, bool is_report, const struct err *e)
{
	if (err_is_temporary(e))
		return -1;
	if (is_report)
		fault_add(r, e);
	else if (r->doubt.kind == ERR_NONE)
		r->doubt = *e;
	return 0;
}

/* Who sent it, and may one more of this sender come? A replay is none more. */
static int
check_sender(struct run *r, struct err *e)
{
	reporter_claims(r->conf, r->env, r->mail, r->arena, &r->claims);
	if (r->try != PIPELINE_FIRST)
		return 0;
	return pipeline_rate(r->p->rate, r->p->suffixes, &r->conf->intake,
	    r->env, &r->claims, e);
}

/*
 * The way of a mail. 0: all of it was looked at, what reads is durable, and
 * r->fault is the first thing that does not. -1: *e, a temporary trouble.
 */
static int
run_message(struct run *r, struct err *e)
{
	struct attachment att;
	struct err unread;
	bool is_report;
	int rc;

	if (check_sender(r, e) < 0) {
		/* judge_trouble() asks it how long the MTA has held it */
		(void)message_open(&r->message, r->mail, &r->conf->limits,
		    r->p->pool, &unread);
		return -1;
	}
	if (message_open(
		&r->message, r->mail, &r->conf->limits, r->p->pool, e) < 0)
		return sort_out(r, true, e);
	if (message_is_notice(r->message))
		return 0;
	while ((rc = attachment_next(r->message, &att, e)) != 0) {
		is_report = false;
		if (rc == 1 &&
		    (rc = take_attachment(r, &att, &is_report, e)) < 0)
			err_add(e, "%s", att.name);
		if (rc < 0 && sort_out(r, is_report, e) < 0)
			return -1;
	}
	if (message_has_unseen(r->message)) {
		err_set(e, ERR_MALFORMED,
		    "outside of the parts of the mail there may be one more");
		return sort_out(r, false, e);
	}
	return 0;
}

/* The same, unless the program crashed on this very mail: then it is kept. */
static int
run_guarded(struct run *r, struct err *e)
{
	struct crash *crash = r->p->crash;
	char name[SHA256_HEX_SIZE];
	struct crash_slot *slot;
	struct err why;
	int rc;

	if (crash == NULL)
		return run_message(r, e);
	if (spill_sha256(r->mail, name, e) < 0)
		return -1;
	if (r->try != PIPELINE_AGAIN && crash_is_known(crash, name)) {
		err_set(&why, ERR_MALFORMED,
		    "the program crashed on this mail: it is not read again");
		fault_add(r, &why);
		return 0;
	}
	slot = crash_begin(crash, name);
	rc = run_message(r, e);
	crash_end(slot);
	return rc;
}

/* Do mails that are not kept as waiting stay with the caller? */
static bool
stays(const struct run *r)
{
	return r->p->keeps_waiting_only && r->try == PIPELINE_FIRST;
}

/* Keep the mail, where this pipeline keeps mails at all. */
static int
keep(struct run *r, enum quarantine_class class, const char *reason,
    struct err *e)
{
	bool is_new;

	if (r->p->quarantine == NULL || r->p->is_dry ||
	    (class != QUARANTINE_WAITING && stays(r)))
		return 0;
	return quarantine_keep(
	    r->p->quarantine, class, r->env, r->mail, reason, &is_new, e);
}

/* Has the MTA held this mail for so long that it may give up soon? */
static bool
is_held_long(struct run *r)
{
	int64_t received = message_received(r->message);

	return received > 0 &&
	       received < r->env->received - r->conf->intake.hold_limit_s;
}

/*
 * Is it that, or is it so large that it would start over for ever? A mail that
 * should stay with the caller waits only when there is a report in it.
 */
static bool
must_wait(struct run *r)
{
	if (r->p->quarantine == NULL || r->message == NULL)
		return false;
	if (stays(r) && !r->has_report)
		return false;
	return is_held_long(r) || (deadline_is_hard_over(r->d) &&
				      clock_mono_ms() < r->d->progress_ms);
}

static enum verdict
judge_trouble(struct run *r, struct err *e)
{
	struct err kept;

	r->o->why = *e;
	if (r->try != PIPELINE_FIRST || !must_wait(r))
		return verdict_of_trouble(e);
	if (keep(r, QUARANTINE_WAITING, e->text, &kept) == 0)
		return VERDICT_WAITING;
	err_add(&r->o->why, "quarantine: %s; because", kept.text);
	return verdict_of_trouble(&kept);
}

/* What may be no report is a fault where there is one, or was one meant. */
static void
settle_doubt(struct run *r)
{
	bool is_meant =
	    r->message != NULL && message_looks_like_report(r->message);

	if (r->fault.kind != ERR_NONE)
		return;
	if (r->doubt.kind != ERR_NONE && (r->o->reports > 0 || is_meant))
		r->fault = r->doubt;
	else if (r->o->reports == 0 && is_meant)
		err_set(&r->fault, ERR_MALFORMED,
		    "looks like a report, but none is in it");
}

static int
set_aside(struct run *r, const char *reason, struct err *e)
{
	const struct other other = {
		.conf = r->conf,
		.env = r->env,
		.mail = r->mail,
		.message = r->message,
		.d = r->d,
		.reason = reason,
		.is_last_try = r->try != PIPELINE_FIRST || is_held_long(r),
	};

	return stays(r) ? 0 : pipeline_other(r->p, &other, r->o, e);
}

/* Everything was looked at: what became of the mail, and where does it go? */
static enum verdict
judge(struct run *r)
{
	struct err e = { 0 };
	enum verdict v;
	int rc = 0;

	settle_doubt(r);
	r->o->why = r->fault;
	if (r->fault.kind != ERR_NONE) {
		v = r->o->reports > 0 ? VERDICT_BOTH : VERDICT_KEPT;
		if ((rc = keep(r, QUARANTINE_KEPT, r->fault.text, &e)) < 0)
			err_add(&e, "quarantine");
	} else if (r->o->reports == 0) {
		v = VERDICT_OTHER;
		rc = set_aside(r, "not a report", &e);
	} else if (!r->has_feedback && message_has_words(r->message)) {
		v = VERDICT_STORED_OTHER;
		rc = set_aside(
		    r, "a person's words around a report, which is stored", &e);
	} else {
		v = VERDICT_STORED;
	}
	if (rc == 0)
		return v;
	r->o->why = e;
	/* what is left of the room is for reports that would go back */
	if (e.kind == ERR_FULL && v != VERDICT_OTHER && r->message != NULL &&
	    r->try == PIPELINE_FIRST && is_held_long(r) &&
	    keep(r, QUARANTINE_WAITING, r->o->why.text, &e) == 0)
		return VERDICT_WAITING;
	return verdict_of_trouble(&e);
}

/* One line for the operator when the sinks go, and one when they are back. */
static void
note_turn(struct run *r)
{
	struct pipeline *p = r->p;
	struct outcome *o = r->o;

	pthread_mutex_lock(&p->lock);
	if (o->away.kind != ERR_NONE && r->try == PIPELINE_FIRST) {
		if (p->put_off++ == 0) {
			p->away_since_ms = clock_mono_ms();
			o->turn = TURN_AWAY;
		}
	} else if (p->put_off > 0 && o->stored + o->duplicates > 0) {
		o->turn = TURN_BACK;
		o->put_off = p->put_off;
		o->away_ms = clock_mono_ms() - p->away_since_ms;
		p->put_off = 0;
	}
	pthread_mutex_unlock(&p->lock);
}

void
pipeline_take(struct pipeline *p, const struct envelope *env,
    struct spill *mail, struct deadline *d, enum pipeline_try try,
    struct outcome *o)
{
	struct conf *conf = pipeline_hold_conf(p);
	struct run r = {
		.p = p,
		.conf = conf,
		.env = env,
		.mail = mail,
		.d = d,
		.o = o,
		.try = try,
		.arena = arena_new(),
	};
	struct err e = { 0 };
	const void *bytes;
	size_t len;
	int fd;

	memset(o, 0, sizeof(*o));
	if (spill_finish(mail, &bytes, &len, &fd, &e) < 0 ||
	    run_guarded(&r, &e) < 0)
		o->verdict = judge_trouble(&r, &e);
	else
		o->verdict = judge(&r);
	if (r.message != NULL && message_id(r.message) != NULL)
		(void)snprintf(o->message_id, sizeof(o->message_id), "%s",
		    message_id(r.message));
	note_turn(&r);
	message_close(&r.message);
	enrich_end(&r.names);
	arena_free(&r.arena);
	conf_free(&conf);
}

void
pipeline_run(struct pipeline *p, const struct envelope *env, struct spill *mail,
    struct deadline *d, struct outcome *o)
{
	pipeline_take(p, env, mail, d, PIPELINE_FIRST, o);
}

void
pipeline_keep(struct pipeline *p, const struct envelope *env,
    struct spill *mail, const struct err *why, struct outcome *o)
{
	struct conf *conf = pipeline_hold_conf(p);
	struct run r = {
		.p = p,
		.conf = conf,
		.env = env,
		.mail = mail,
		.o = o,
		.arena = arena_new(),
	};
	struct err e = { 0 };
	const void *bytes;
	size_t len;
	int fd;

	memset(o, 0, sizeof(*o));
	r.fault = *why;
	if (spill_finish(mail, &bytes, &len, &fd, &e) < 0 ||
	    check_sender(&r, &e) < 0)
		o->verdict = judge_trouble(&r, &e);
	else
		o->verdict = judge(&r);
	arena_free(&r.arena);
	conf_free(&conf);
}
