/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.c - every mail of what a person named through the pipeline.
 * in: paths (source.c)    out: verdicts, counted; complaints on stderr
 *
 * Several threads take turns at the source, so that the mails in hand share
 * a transaction or a bulk request, or are read on all processors. Where the
 * order counts, what came of a mail is settled by the thread that is done with
 * the last one before it. Only who is AHEAD_MAX mails ahead waits, or has a
 * report in hand that is too large to be kept until its turn.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/sheet.h"
#include "common/base/text.h"
#include "common/envelope.h"
#include "common/verdict.h"

#include "cli/feed.h"
#include "cli/maildir.h"
#include "cli/progress.h"
#include "cli/source.h"

#define AHEAD_MAX 64 /* mails taken, from the first that is not settled on */

struct shift;

/* A mail that one thread has in hand, or that waits to be settled. */
struct hand {
	struct shift *shift;
	uint64_t number; /* in the order of the source */
	char *name;      /* owned */
	char *file;      /* in a Maildir; owned, NULL: it is in none */
	struct sheet sheet;
	struct outcome outcome;
	bool is_done; /* under the lock */
};

/* What the threads share; all of it is under lock. */
struct shift {
	pthread_mutex_t lock;
	struct feed *feed;
	struct mail_source *source;
	struct progress *bar; /* NULL: none */
	int rc;               /* of the last source_next; -1: *e ends it */
	struct err *e;
	uint64_t taken, turn; /* mails; the first that is not settled */
	struct hand *ahead[AHEAD_MAX]; /* from turn on, by number */
	bool is_settling;              /* one thread at a time does */
	pthread_cond_t turned;
};

/* "FILE: reason": both may hold strangers' text. */
static void
tell(struct progress *bar, const char *name, const char *reason)
{
	char name_text[1024], text[1024];

	progress_hide(bar);
	(void)fprintf(stderr, "%s: %s\n",
	    text_escape(name, name_text, sizeof(name_text)),
	    text_escape(reason, text, sizeof(text)));
}

/* 0 goes on with the next mail; -1 and *e do not. */
static int
heed(struct feed *f, struct progress *bar, const char *name,
    const struct outcome *o, struct err *e)
{
	if (!verdict_is_final(o->verdict)) {
		*e = o->why;
		if (e->kind == ERR_NONE)
			err_set(e, ERR_TEMP, "%s", verdict_name(o->verdict));
		return err_add(e, "%s", name);
	}
	f->reports += o->reports;
	f->stored += o->stored;
	f->duplicates += o->duplicates;
	switch (o->verdict) {
	case VERDICT_OTHER:
		f->not_reports++;
		tell(bar, name, "not a report");
		break;
	case VERDICT_KEPT:
	case VERDICT_BOTH:
		f->unreadable++;
		tell(bar, name,
		    o->why.kind != ERR_NONE ? o->why.text : "cannot be read");
		break;
	default:
		break;
	}
	return 0;
}

/* In its Maildir, if it is in one; what fails is told and counted. */
static void
mark(struct feed *f, struct progress *bar, const char *file,
    const struct outcome *o)
{
	struct err e = { 0 };

	if (f->maildir == NULL || file == NULL ||
	    maildir_mark(file, f->maildir, o, &e) == 0)
		return;
	f->unmarked++;
	tell(bar, file, e.text);
}

/* The input's fault is told and counted; ours ends the run. */
static int
heed_source(struct shift *sh, const char *name, struct err *e)
{
	static const struct outcome kept = { .verdict = VERDICT_KEPT };
	struct feed *f = sh->feed;

	switch (e->kind) {
	case ERR_CONF:
		f->missing++;
		break;
	case ERR_LIMIT:
	case ERR_MALFORMED:
		f->mails++;
		f->unreadable++;
		mark(f, sh->bar, source_maildir_file(sh->source), &kept);
		break;
	default:
		return err_add(e, "%s", name);
	}
	tell(sh->bar, name, e->text);
	err_clear(e);
	return 0;
}

/* The next mail. False: there is none, or something ended the run. */
static bool
take(struct shift *sh, struct spill *mail, struct hand *h)
{
	uint64_t done, total;
	const char *name, *file;
	struct err e = { 0 };
	int rc = -1;

	pthread_mutex_lock(&sh->lock);
	while (sh->rc == 1 && sh->feed->is_ordered &&
	       sh->taken - sh->turn == AHEAD_MAX)
		pthread_cond_wait(&sh->turned, &sh->lock);
	while (sh->rc == 1 &&
	       (rc = source_next(sh->source, mail, &name, &e)) < 0) {
		spill_clear(mail);
		if (heed_source(sh, name, &e) == 0)
			continue;
		*sh->e = e;
		sh->rc = -1;
	}
	if (rc == 0)
		sh->rc = 0;
	if (rc == 1) {
		file = source_maildir_file(sh->source);
		h->number = sh->taken++;
		h->name = xstrdup(name);
		h->file = file != NULL ? xstrdup(file) : NULL;
		if (sh->feed->is_ordered)
			sh->ahead[h->number % AHEAD_MAX] = h;
		source_position(sh->source, &done, &total);
		progress_set(sh->bar, sh->feed->mails++, done, total);
	}
	pthread_mutex_unlock(&sh->lock);
	return rc == 1;
}

/* For a report that is too large to be kept until its turn. */
static void
wait_turn(void *context)
{
	struct hand *h = context;
	struct shift *sh = h->shift;

	pthread_mutex_lock(&sh->lock);
	while (sh->turn != h->number)
		pthread_cond_wait(&sh->turned, &sh->lock);
	pthread_mutex_unlock(&sh->lock);
}

static struct hand *
hand_new(struct shift *sh)
{
	struct hand *h = xcalloc(1, sizeof(*h));

	h->shift = sh;
	sheet_init(&h->sheet, wait_turn, h);
	return h;
}

static void
hand_free(struct hand *h)
{
	sheet_clear(&h->sheet);
	free(h->name);
	free(h->file);
	free(h);
}

/* Under the lock. */
static void
end_run(struct shift *sh, const struct err *e)
{
	if (sh->rc < 0)
		return; /* the first trouble counts */
	*sh->e = *e;
	sh->rc = -1;
}

/* Under the lock: what came of a mail. */
static void
settle(struct shift *sh, struct hand *h)
{
	struct err e;

	if (heed(sh->feed, sh->bar, h->name, &h->outcome, &e) == 0)
		mark(sh->feed, sh->bar, h->file, &h->outcome);
	else
		end_run(sh, &e);
	hand_free(h);
}

/* Under the lock, which is given back meanwhile. */
static void
print(struct shift *sh, struct hand *h)
{
	struct err e;
	int rc;

	pthread_mutex_unlock(&sh->lock);
	rc = pipeline_print(sh->feed->pipeline, &h->sheet, &e);
	pthread_mutex_lock(&sh->lock);
	if (rc < 0)
		end_run(sh, &e);
}

/* Under the lock: all mails that are done, up to the first that is not. */
static void
settle_in_order(struct shift *sh)
{
	struct hand *h;

	if (sh->is_settling)
		return; /* that thread comes to this mail too */
	sh->is_settling = true;
	while (sh->turn < sh->taken &&
	       (h = sh->ahead[sh->turn % AHEAD_MAX])->is_done) {
		print(sh, h);
		settle(sh, h);
		sh->turn++;
		pthread_cond_broadcast(&sh->turned);
	}
	sh->is_settling = false;
}

static void
run_mail(struct shift *sh, struct spill *mail, struct hand *h)
{
	struct feed *f = sh->feed;
	struct envelope env = { .transport = "file",
		.session = "file",
		.sheet = f->is_ordered ? &h->sheet : NULL };
	struct deadline d;

	env.received = clock_now();
	deadline_start(&d, 0, f->budget_ms);
	pipeline_run(f->pipeline, &env, mail, &d, &h->outcome);
	pthread_mutex_lock(&sh->lock);
	h->is_done = true;
	if (f->is_ordered)
		settle_in_order(sh);
	else
		settle(sh, h);
	pthread_mutex_unlock(&sh->lock);
}

static void *
work(void *argument)
{
	struct shift *sh = argument;
	struct hand *h = hand_new(sh);
	struct spill mail;

	pipeline_mail_init(sh->feed->pipeline, &mail);
	while (take(sh, &mail, h)) {
		run_mail(sh, &mail, h);
		spill_clear(&mail);
		h = hand_new(sh);
	}
	hand_free(h);
	return NULL;
}

int
feed_run(struct feed *f, char *const *paths, size_t count, struct err *e)
{
	struct shift sh = { .feed = f, .rc = 1, .e = e };
	pthread_t thread[FEED_JOBS_MAX];
	unsigned i, started = 0;

	pthread_mutex_init(&sh.lock, NULL);
	pthread_cond_init(&sh.turned, NULL);
	sh.source = source_open(paths, count, &f->conf->limits);
	sh.bar = f->is_silent ? NULL : progress_start();
	/* with fewer threads than wanted it goes on, only slower */
	while (started + 1 < f->jobs &&
	       pthread_create(&thread[started], NULL, work, &sh) == 0)
		started++;
	(void)work(&sh);
	for (i = 0; i < started; i++)
		(void)pthread_join(thread[i], NULL);
	progress_stop(&sh.bar);
	source_close(&sh.source);
	pthread_cond_destroy(&sh.turned);
	pthread_mutex_destroy(&sh.lock);
	return sh.rc;
}

int
feed_exit_code(const struct feed *f)
{
	if (f->unmarked > 0)
		return EX_CANTCREAT;
	if (f->unreadable + f->not_reports > 0)
		return EX_DATAERR;
	return f->missing > 0 ? EX_NOINPUT : EX_OK;
}
