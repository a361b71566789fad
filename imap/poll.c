/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.c - one look at a mailbox: imap_poll() below is the picture.
 *
 * New mails come first, in the order of their arrival; then those that could
 * not be stored the last time; last of all, one by one, those that the server
 * had trouble with. What is new is looked at in blocks: what it is made of
 * before the mail itself.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "imap/poll.h"
#include "imap/preview.h"
#include "imap/round.h"
#include "imap/uidset.h"

#define BLOCK_MAILS 64
#define PROGRESS_MS 10000   /* between two lines */
#define PROGRESS_MAILS 1000 /* fewer are not worth one */
#define SAVE_MS 5000
#define GATHER_MS 1000
#define ALIVE_MS (120 * 1000) /* a server that hears nothing may close */

static int
by_uid(const void *a, const void *b)
{
	const struct imap_todo *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

struct imap_todo *
imap_round_find(struct imap_round *r, uint32_t uid)
{
	const struct imap_todo key = { .uid = uid };

	if (r->count == 0)
		return NULL;
	return bsearch(&key, r->todo, r->count, sizeof(key), by_uid);
}

/* Was it judged, by what is remembered? */
static bool
is_known(const struct imap_box *b, uint32_t uid)
{
	return uid < b->memory->next && !imap_memory_is_later(b->memory, uid);
}

static int
take_listed(void *context, struct imap_fetch *f, struct err *e)
{
	struct imap_round *r = context;

	(void)e;
	if (f->uid == 0 || f->is_deleted || !f->has_size ||
	    is_known(r->box, f->uid))
		return 0;
	if (r->count == r->box->conf->limits.imap_mails) {
		if (r->dropped == 0 || f->uid < r->dropped)
			r->dropped = f->uid;
		return 0;
	}
	if (r->count == r->room) {
		r->room = r->room > 0 ? 2 * r->room : BLOCK_MAILS;
		r->todo = xrealloc(r->todo, r->room * sizeof(*r->todo));
	}
	r->todo[r->count++] =
	    (struct imap_todo){ .uid = f->uid, .size = f->size };
	return 0;
}

/* A server may name a mail twice. */
static void
sort_todo(struct imap_round *r)
{
	size_t i, n = 0;

	if (r->count == 0)
		return;
	qsort(r->todo, r->count, sizeof(*r->todo), by_uid);
	for (i = 1; i < r->count; i++)
		if (r->todo[i].uid != r->todo[n].uid)
			r->todo[++n] = r->todo[i];
	r->count = n + 1;
}

/* What was judged before the connection broke is not fetched again. */
static void
find_judged(struct imap_round *r)
{
	struct imap_mail **at = &r->box->judged, *mail;
	struct imap_todo *t;

	while ((mail = *at) != NULL) {
		if ((t = imap_round_find(r, mail->uid)) != NULL) {
			t->state = IMAP_TODO_IN_HAND;
			at = &mail->next;
		} else {
			*at = mail->next;
			imap_mail_free(&mail);
		}
	}
}

/* What is gone is no suspect: the few places are for those that are there. */
static void
forget_suspects(struct imap_round *r)
{
	struct imap_box *b = r->box;
	size_t i = b->suspect_count;

	while (i-- > 0)
		if (imap_round_find(r, b->suspects[i].uid) == NULL)
			imap_suspect_drop(b, b->suspects[i].uid);
}

/* Every mail that is not settled. */
static int
list(struct imap_round *r, struct err *e)
{
	const struct imap_memory *m = r->box->memory;
	struct imap_client *c = r->client;
	struct imap_uidset later;
	struct imap_reply done;
	size_t i;
	int rc;

	if (c->exists == 0) {
		r->is_listed = true;
		find_judged(r);
		forget_suspects(r);
		return 0;
	}
	imap_uidset_init(&later);
	for (i = 0; i < m->later_count; i++)
		(void)imap_uidset_add(&later, m->later[i]);
	c->on_fetch = take_listed;
	rc = imap_client_run(c, &done, e,
	    "UID FETCH %s%s%" PRIu32 ":* (UID FLAGS RFC822.SIZE)",
	    imap_uidset_text(&later), m->later_count > 0 ? "," : "", m->next);
	c->on_fetch = NULL;
	imap_uidset_clear(&later);
	if (rc == 0 && done.status != IMAP_STATUS_OK)
		rc = imap_client_refused(&done, ERR_TEMP, e);
	if (rc < 0)
		return err_add(e, "list of mails");
	r->is_listed = true;
	sort_todo(r);
	find_judged(r);
	forget_suspects(r);
	return 0;
}

static int
take_preview(void *context, struct imap_fetch *f, struct err *e)
{
	struct imap_round *r = context;
	struct imap_todo *t = imap_round_find(r, f->uid);

	(void)e;
	if (t == NULL || t->state != IMAP_TODO_NEW || !f->has_structure)
		return 0;
	if (imap_preview_may_be_report(f)) {
		t->state = IMAP_TODO_FETCH;
		return 0;
	}
	t->state = IMAP_TODO_SETTLED;
	r->settled++;
	log_debug("%s/%" PRIu32 ": no report, by what it is made of",
	    r->box->label, f->uid);
	return 0;
}

/* The new ones of todo[first] to todo[end]: which of them are wanted? */
static int
preview(struct imap_round *r, size_t first, size_t end, struct err *e)
{
	struct imap_client *c = r->client;
	struct imap_uidset set;
	struct imap_reply done;
	size_t i;
	int rc = 0;

	imap_uidset_init(&set);
	for (i = first; i < end; i++)
		if (r->todo[i].state == IMAP_TODO_NEW)
			(void)imap_uidset_add(&set, r->todo[i].uid);
	c->on_fetch = take_preview;
	if (set.count > 0)
		rc = imap_client_run(c, &done, e,
		    "UID FETCH %s (UID " IMAP_PREVIEW_ITEMS ")",
		    imap_uidset_text(&set));
	c->on_fetch = NULL;
	imap_uidset_clear(&set);
	/* what it did not tell of is gone, or fetched and seen then */
	for (i = first; i < end; i++) {
		if (r->todo[i].state != IMAP_TODO_NEW)
			continue;
		r->todo[i].state = IMAP_TODO_FETCH;
		if (rc < 0) {
			imap_suspect_add(r->box, r->todo[i].uid);
			r->todo[i].state = IMAP_TODO_LATER;
		}
	}
	return rc;
}

static void
tell_progress(struct imap_round *r)
{
	int64_t now = clock_mono_ms(), ms = now - r->start_ms;

	if (r->count < PROGRESS_MAILS || now - r->told_ms < PROGRESS_MS)
		return;
	r->told_ms = now;
	log_info("%s: %zu of %zu mails, %" PRId64 " a second", r->box->label,
	    r->settled, r->count, (int64_t)r->settled * 1000 / (ms + 1));
}

/* Until nothing is in hand. The session is kept alive meanwhile. */
static int
wait_all(struct imap_round *r, struct err *e)
{
	int64_t spoken_ms = clock_mono_ms();
	struct imap_reply done;

	while (imap_desk_in_hand(r->box->desk) > 0) {
		imap_round_gather(r, GATHER_MS);
		tell_progress(r);
		if (clock_mono_ms() - spoken_ms < ALIVE_MS)
			continue;
		if (imap_client_run(r->client, &done, e, "NOOP") < 0)
			return -1;
		spoken_ms = clock_mono_ms();
	}
	return 0;
}

/* The first UID that the next look must begin at; fills in m->later. */
static uint32_t
first_unsettled(const struct imap_round *r, struct imap_memory *m)
{
	const uint32_t next = m->next;
	const struct imap_todo *t;
	uint32_t end = next;
	size_t i;

	m->later_count = 0;
	for (i = 0; i < r->count; i++) {
		t = &r->todo[i];
		/* what was for later and is not settled still is */
		if (t->uid < next ? t->state != IMAP_TODO_SETTLED
				  : t->state == IMAP_TODO_LATER) {
			if (m->later_count == IMAP_LATER_MAX)
				break;
			m->later[m->later_count++] = t->uid;
		} else if (t->state != IMAP_TODO_SETTLED) {
			break;
		}
		if (t->uid >= end) /* the last of all UIDs has none behind it */
			end = t->uid < UINT32_MAX ? t->uid + 1 : UINT32_MAX;
	}
	return r->dropped > 0 && end > r->dropped ? r->dropped : end;
}

/*
 * What is settled by now. It can be said again: a failure only costs time. Of
 * half a list nothing is known: what it does not name may still be there.
 */
static void
remember(struct imap_round *r)
{
	struct imap_memory *m = r->box->memory, before;
	struct err e;

	r->saved_ms = clock_mono_ms();
	if (!r->is_listed)
		return;
	before = *m;
	m->next = first_unsettled(r, m);
	if (before.next == m->next && before.later_count == m->later_count &&
	    memcmp(before.later, m->later,
		m->later_count * sizeof(*m->later)) == 0)
		return;
	if (imap_memory_save(m, &e) < 0)
		log_err("%s: %s", r->box->label, e.text);
}

/* Those wanted, and what came back meanwhile to its place. */
static int
work(struct imap_round *r, size_t first, size_t end, struct err *e)
{
	if (imap_round_fetch(r, first, end, e) < 0)
		return -1;
	r->has_asked = true;
	/* while nothing can be stored, one mail at a time asks */
	if (r->box->is_away && wait_all(r, e) < 0)
		return -1;
	imap_round_gather(r, 0);
	tell_progress(r);
	if (imap_round_settle(r, e) != 0)
		return -1;
	if (clock_mono_ms() - r->saved_ms >= SAVE_MS)
		remember(r);
	return 0;
}

static bool
is_over(const struct imap_round *r)
{
	return r->box->stop->asked || r->box->is_away;
}

static int
do_new(struct imap_round *r, struct err *e)
{
	const struct imap_memory *m = r->box->memory;
	size_t at = 0, end;

	while (at < r->count && r->todo[at].uid < m->next)
		at++; /* those for later */
	for (; at < r->count; at = end) {
		end = at + (r->box->is_away ? 1 : BLOCK_MAILS);
		if (end > r->count)
			end = r->count;
		if (preview(r, at, end, e) < 0 || work(r, at, end, e) < 0)
			return -1;
		if (is_over(r))
			break;
	}
	return 0;
}

/* Those that a sink, or the server, had trouble with. */
static int
do_later(struct imap_round *r, struct err *e)
{
	struct imap_box *b = r->box;
	int64_t now = clock_mono_ms();
	const struct imap_suspect *s;
	size_t i;

	if (now < b->later_ms)
		return 0;
	for (i = 0; i < r->count && r->todo[i].uid < b->memory->next; i++) {
		if (r->todo[i].state != IMAP_TODO_NEW)
			continue;
		s = imap_suspect_of(b, r->todo[i].uid);
		if (s != NULL && now < s->rest_until_ms) {
			r->todo[i].state = IMAP_TODO_LATER;
			continue;
		}
		r->todo[i].state = IMAP_TODO_FETCH;
		if (work(r, i, i + 1, e) < 0)
			return -1;
		if (is_over(r))
			break;
	}
	b->later_ms = now + b->account->check_timeout_s * 1000;
	return 0;
}

int
imap_poll(struct imap_box *b, struct imap_client *c, struct err *e)
{
	struct imap_round r = { .box = b, .client = c };
	const uint32_t next = b->memory->next;
	int rc;

	r.start_ms = r.told_ms = r.saved_ms = clock_mono_ms();
	c->context = &r;
	c->has_news = false;
	rc = list(&r, e);
	if (rc == 0)
		rc = imap_round_settle(&r, e) != 0 ? -1 : 0;
	if (rc == 0)
		rc = do_new(&r, e);
	if (rc == 0 && !b->stop->asked && !(b->is_away && r.has_asked))
		rc = do_later(&r, e);
	if (rc == 0 && (rc = wait_all(&r, e)) == 0)
		rc = imap_round_settle(&r, e) != 0 ? -1 : 0;
	while (imap_desk_in_hand(b->desk) > 0) /* the session is over */
		imap_round_gather(&r, GATHER_MS);
	remember(&r);
	c->context = NULL;
	free(r.todo);
	/* the rest at once, unless it would be the same mails again */
	return rc < 0 ? -1 : r.dropped > 0 && b->memory->next > next;
}
