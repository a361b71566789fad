/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_replay.c - mails of the quarantine, taken through the pipeline
 * again; and those that were there for too long, removed.
 */
#include <stdio.h>
#include <string.h>

#include "common/pipeline_internal.h"

#define IN_VAIN_MAX 5 /* in a row: the sink is away, or it seems so */

/*
 * Is the mail somewhere else now? Then its place here is free. A mail that was
 * kept again in the same class is the same file.
 */
static bool
has_left(enum quarantine_class class, const struct outcome *o)
{
	switch (o->verdict) {
	case VERDICT_STORED:
		return true;
	case VERDICT_KEPT:
	case VERDICT_BOTH:
		return class != QUARANTINE_KEPT;
	case VERDICT_OTHER:
	case VERDICT_STORED_OTHER:
		return o->is_forwarded || class != QUARANTINE_OTHER;
	default:
		return false;
	}
}

/*
 * One mail: 1 it came to something, 0 it did not for now, -1 somebody else has
 * it, or it is gone.
 */
static int
replay_one(struct pipeline *p, const struct quarantine_item *item,
    struct outcome *o, bool *is_gone)
{
	struct envelope env = item->env;
	struct conf *conf;
	struct deadline d;
	struct spill mail;
	struct err e = { 0 };
	int fd;

	memset(o, 0, sizeof(*o));
	if (quarantine_take(p->quarantine, item, &fd, &e) != 1)
		return -1;
	if (env.received == 0)
		env.received = item->kept; /* the reason is lost */
	conf = pipeline_hold_conf(p);
	/* no MTA waits for this one: it may take as long as it gets on */
	deadline_start(&d, 0, conf->lmtp.progress_timeout_s * 1000);
	conf_free(&conf);
	spill_of_file(&mail, p->pool, fd, item->size);
	pipeline_take(p, &env, &mail, &d,
	    item->class == QUARANTINE_WAITING ? PIPELINE_WAITED
					      : PIPELINE_AGAIN,
	    o);
	spill_clear(&mail);
	*is_gone = has_left(item->class, o);
	if (quarantine_release(
		p->quarantine, item, &fd, *is_gone && !p->is_dry, &e) < 0 &&
	    o->why.kind == ERR_NONE)
		o->why = e; /* it is stored; a second time is a duplicate */
	return verdict_is_final(o->verdict) ? 1 : 0;
}

static bool
is_stopped(const struct pipeline_again *how)
{
	return how->stop != NULL && *how->stop;
}

static bool
is_wanted(const struct pipeline_again *how, const struct quarantine_item *item)
{
	return how->name == NULL ||
	       strncmp(item->name, how->name, strlen(how->name)) == 0;
}

/* The place behind the mail of this name; 0 when it is not there any more. */
static size_t
place_behind(
    const struct quarantine_item *items, size_t count, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < count; i++)
		if (strcmp(items[i].name, name) == 0)
			return i + 1;
	return 0;
}

/*
 * Without a sink the others are not worth a try. One that cannot be stored
 * alone, as where only its index is closed, must not stop them for ever, so
 * that the next round begins behind the one that this round ended with.
 */
static int
replay_class(struct pipeline *p, enum quarantine_class class,
    const struct pipeline_again *how, struct pipeline_again_count *n,
    struct err *e)
{
	struct quarantine_item *items;
	struct arena *a = arena_new();
	struct outcome o;
	size_t i, k, first, count = 0;
	unsigned in_vain = 0;
	bool is_gone;
	int rc, tried;

	rc = quarantine_list(p->quarantine, class, a, &items, &count, e);
	first = place_behind(items, count, how->behind);
	for (k = 0; k < count && !is_stopped(how) && in_vain < IN_VAIN_MAX;
	     k++) {
		i = (first + k) % count;
		if (!is_wanted(how, &items[i]))
			continue;
		tried = replay_one(p, &items[i], &o, &is_gone);
		if (tried < 0) {
			n->busy++;
			continue;
		}
		n->tried++;
		*(is_gone ? &n->left : &n->stayed) += 1;
		how->told(how->context, &items[i], &o, is_gone);
		in_vain = o.verdict == VERDICT_LATER ? in_vain + 1 : 0;
		if (tried > 0)
			continue;
		*e = o.away.kind != ERR_NONE ? o.away : o.why;
		rc = -1;
		if (how->behind != NULL)
			(void)snprintf(how->behind, QUARANTINE_NAME_SIZE, "%s",
			    items[i].name);
	}
	arena_free(&a);
	return rc;
}

int
pipeline_again(struct pipeline *p, const struct pipeline_again *how,
    struct pipeline_again_count *n, struct err *e)
{
	const bool wanted[QUARANTINE_CLASSES] = {
		[QUARANTINE_KEPT] = how->kept,
		[QUARANTINE_WAITING] = how->waiting,
		[QUARANTINE_OTHER] = how->other,
	};
	int class, rc = 0;

	*n = (struct pipeline_again_count){ 0 };
	for (class = 0; class < QUARANTINE_CLASSES; class ++)
		if (wanted[class] && p->quarantine != NULL &&
		    replay_class(p, (enum quarantine_class) class, how, n, e) <
			0)
			rc = -1;
	return rc;
}

struct log_context {
	void (*log_done)(const struct envelope *env, const struct outcome *o);
};

static void
log_left(void *context, const struct quarantine_item *item,
    const struct outcome *o, bool is_gone)
{
	const struct log_context *log = context;

	if (is_gone)
		log->log_done(&item->env, o);
}

int
pipeline_replay(struct pipeline *p, _Atomic bool *stop,
    void (*log_done)(const struct envelope *env, const struct outcome *o),
    struct pipeline_again_count *n, struct err *e)
{
	struct log_context log = { log_done };
	const struct pipeline_again how = { .waiting = true,
		.behind = p->replayed,
		.stop = stop,
		.told = log_left,
		.context = &log };

	return pipeline_again(p, &how, n, e);
}

int
pipeline_expire(struct pipeline *p, uint64_t *removed, struct err *e)
{
	*removed = 0;
	if (p->quarantine == NULL)
		return 0;
	return quarantine_expire(p->quarantine, clock_now(), removed, e);
}
