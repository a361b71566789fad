/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.c - every mail of what a person named through the pipeline.
 * in: paths (source.c)    out: verdicts, counted; complaints on stderr
 */
#include <stdio.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/envelope.h"
#include "common/verdict.h"

#include "cli/feed.h"
#include "cli/progress.h"
#include "cli/source.h"

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

static int
run_mail(struct feed *f, struct progress *bar, const char *name,
    struct spill *mail, struct err *e)
{
	struct envelope env = { .transport = "file", .session = "file" };
	struct outcome o = { 0 };
	struct deadline d;

	f->mails++;
	env.received = clock_now();
	deadline_start(&d, 0, f->budget_ms);
	pipeline_run(f->pipeline, &env, mail, &d, &o);
	return heed(f, bar, name, &o, e);
}

/* The input's fault is told and counted; ours ends the run. */
static int
heed_source(
    struct feed *f, struct progress *bar, const char *name, struct err *e)
{
	switch (e->kind) {
	case ERR_CONF:
		f->missing++;
		break;
	case ERR_LIMIT:
	case ERR_MALFORMED:
		f->mails++;
		f->unreadable++;
		break;
	default:
		return err_add(e, "%s", name);
	}
	tell(bar, name, e->text);
	err_clear(e);
	return 0;
}

int
feed_run(struct feed *f, char *const *paths, size_t count, struct err *e)
{
	struct mail_source *s = source_open(paths, count, &f->conf->limits);
	struct progress *bar = f->is_silent ? NULL : progress_start();
	struct spill mail;
	const char *name = NULL;
	uint64_t done, total;
	int rc;

	do {
		pipeline_mail_init(f->pipeline, &mail);
		rc = source_next(s, &mail, &name, e);
		source_position(s, &done, &total);
		progress_set(bar, f->mails, done, total);
		if (rc == 1)
			rc = run_mail(f, bar, name, &mail, e) < 0 ? -1 : 1;
		else if (rc < 0)
			rc = heed_source(f, bar, name, e) < 0 ? -1 : 1;
		spill_clear(&mail);
	} while (rc == 1);
	progress_stop(&bar);
	source_close(&s);
	return rc;
}

int
feed_exit_code(const struct feed *f)
{
	if (f->unreadable + f->not_reports > 0)
		return EX_DATAERR;
	return f->missing > 0 ? EX_NOINPUT : EX_OK;
}
