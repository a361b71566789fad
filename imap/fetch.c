/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - whole mails, several commands ahead of the answers.
 * in: UIDs (poll.c)    out: mails (desk.c)
 *
 * A mail that was asked for when the connection broke is a suspect: it is
 * asked for again alone, behind all others, and rests when that goes wrong
 * too. So a mail that the server cannot give holds up nobody. Some servers say
 * so by a mail of no bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "imap/round.h"
#include "imap/uidset.h"

#define COMMANDS_AHEAD 4
#define COMMAND_MAILS 16
#define COMMAND_BYTES (4 * 1024 * 1024)
#define BREAKS_MAX 3
#define REST_MS (60 * 60 * 1000)
#define GATHER_MS 1000

/* A command that was sent; its mails are todo[first] to todo[end]. */
struct sent {
	uint32_t tag;
	size_t first, end;
};

struct imap_suspect *
imap_suspect_of(struct imap_box *b, uint32_t uid)
{
	size_t i;

	for (i = 0; i < b->suspect_count; i++)
		if (b->suspects[i].uid == uid)
			return &b->suspects[i];
	return NULL;
}

void
imap_suspect_add(struct imap_box *b, uint32_t uid)
{
	struct imap_suspect *s = imap_suspect_of(b, uid);

	if (s == NULL) {
		if (b->suspect_count == IMAP_SUSPECTS_MAX)
			return; /* it is tried among others again */
		s = &b->suspects[b->suspect_count++];
		*s = (struct imap_suspect){ .uid = uid };
	}
	if (++s->breaks < BREAKS_MAX)
		return;
	s->rest_until_ms = clock_mono_ms() + REST_MS;
	log_warn("%s/%" PRIu32 ": the server does not give this mail: tried "
		 "again in an hour",
	    b->label, uid);
}

void
imap_suspect_drop(struct imap_box *b, uint32_t uid)
{
	struct imap_suspect *s = imap_suspect_of(b, uid);

	if (s != NULL)
		*s = b->suspects[--b->suspect_count];
}

/* The server could not give it. */
static void
put_off(struct imap_round *r, struct imap_todo *t)
{
	imap_suspect_add(r->box, t->uid);
	t->state = IMAP_TODO_LATER;
	r->box->later++;
}

/* The mail that is coming, and of which a piece is here. */
static void
take_piece(void *context, const void *p, size_t len)
{
	struct imap_round *r = context;
	const struct conf_limits *limits = &r->box->conf->limits;
	struct imap_mail *mail;

	if (r->coming == NULL)
		r->coming = imap_desk_mail(r->box->desk);
	mail = r->coming;
	mail->size += len;
	if (mail->trouble.kind != ERR_NONE)
		return;
	if (mail->size > limits->message)
		err_set(&mail->trouble, ERR_LIMIT,
		    "more than %" PRIu64 " bytes", limits->message);
	else if (spill_add(&mail->bytes, p, len, &mail->trouble) == 0)
		return;
	spill_clear(&mail->bytes);
}

static void
hand_in(struct imap_round *r, struct imap_todo *t, struct imap_mail *mail)
{
	mail->uid = t->uid;
	(void)snprintf(mail->session, sizeof(mail->session), "%s/%" PRIu32,
	    r->box->label, t->uid);
	t->state = IMAP_TODO_IN_HAND;
	while (imap_desk_is_full(r->box->desk))
		imap_round_gather(r, GATHER_MS);
	imap_desk_hand(r->box->desk, mail);
}

/* The reply that the pieces were in is over: whose were they? */
static int
take_mail(void *context, struct imap_fetch *f, struct err *e)
{
	struct imap_round *r = context;
	struct imap_todo *t = imap_round_find(r, f->uid);
	struct imap_mail *mail;

	(void)e;
	if (f->body.len > 0) /* quoted: it came as no literal */
		take_piece(r, f->body.data, f->body.len);
	else if (f->has_body) /* of no bytes at all */
		take_piece(r, "", 0);
	mail = r->coming;
	r->coming = NULL;
	if (mail == NULL)
		return 0; /* of flags, or the like */
	if (t == NULL || t->state != IMAP_TODO_FETCH) {
		imap_mail_free(&mail);
	} else if (mail->size == 0 && t->size > 0) {
		imap_mail_free(&mail);
		put_off(r, t);
	} else {
		imap_suspect_drop(r->box, t->uid);
		hand_in(r, t, mail);
	}
	return 0;
}

/* Too large to be read: judged without being fetched. */
static void
refuse_large(struct imap_round *r, struct imap_todo *t)
{
	uint64_t limit = r->box->conf->limits.message;
	struct imap_mail *mail = imap_desk_mail(r->box->desk);

	mail->size = t->size;
	err_set(&mail->trouble, ERR_LIMIT,
	    "%" PRIu64 " bytes are more than %" PRIu64, t->size, limit);
	hand_in(r, t, mail);
}

/* As many from *at on as one command should have; *at is behind them then. */
static void
gather_uids(
    struct imap_round *r, size_t *at, size_t end, struct imap_uidset *set)
{
	uint64_t bytes = 0;
	struct imap_todo *t;

	for (; *at < end; (*at)++) {
		t = &r->todo[*at];
		if (t->state != IMAP_TODO_FETCH)
			continue;
		if (t->size > r->box->conf->limits.message) {
			refuse_large(r, t);
			continue;
		}
		if (set->count == COMMAND_MAILS ||
		    (set->count > 0 && bytes + t->size > COMMAND_BYTES) ||
		    !imap_uidset_add(set, t->uid))
			return;
		bytes += t->size;
	}
}

/* 1 sent, 0 nothing is left to be asked for, -1. */
static int
send_next(struct imap_round *r, size_t *at, size_t end, struct sent *sent,
    struct err *e)
{
	struct imap_uidset set;
	int rc = 0;

	imap_uidset_init(&set);
	sent->first = *at;
	gather_uids(r, at, end, &set);
	sent->end = *at;
	if (set.count > 0)
		rc = imap_client_send(r->client, e,
			 "UID FETCH %s (UID BODY.PEEK[])",
			 imap_uidset_text(&set)) < 0
			 ? -1
			 : 1;
	sent->tag = r->client->tag;
	imap_uidset_clear(&set);
	return rc;
}

/*
 * What did not come is gone, or the server has trouble with it; some say OK
 * then all the same. The next list tells which.
 */
static void
account_for(struct imap_round *r, const struct sent *sent)
{
	struct imap_todo *t;
	size_t i;

	for (i = sent->first; i < sent->end; i++) {
		t = &r->todo[i];
		if (t->state != IMAP_TODO_FETCH)
			continue;
		put_off(r, t);
		if (r->box->is_once)
			log_warn("%s/%" PRIu32 ": the server did not give "
				 "this mail: left for the next time",
			    r->box->label, t->uid);
	}
}

/* The connection broke: with which of these, who knows. */
static void
suspect_all(struct imap_round *r, size_t first, size_t end)
{
	size_t i;

	imap_mail_free(&r->coming);
	for (i = first; i < end; i++)
		if (r->todo[i].state == IMAP_TODO_FETCH)
			put_off(r, &r->todo[i]);
}

int
imap_round_fetch(struct imap_round *r, size_t first, size_t end, struct err *e)
{
	struct sent sent[COMMANDS_AHEAD];
	struct imap_client *c = r->client;
	struct imap_reply done;
	size_t at = first, head = 0, count = 0;
	int rc = 0;

	c->on_body = take_piece;
	c->on_fetch = take_mail;
	for (;;) {
		while (count < COMMANDS_AHEAD && !r->box->stop->asked &&
		       (rc = send_next(r, &at, end,
			    &sent[(head + count) % COMMANDS_AHEAD], e)) == 1)
			count++;
		if (rc < 0 || count == 0)
			break;
		if ((rc = imap_client_wait(c, sent[head].tag, &done, e)) < 0)
			break;
		account_for(r, &sent[head]);
		head = (head + 1) % COMMANDS_AHEAD;
		count--;
	}
	c->on_body = NULL;
	c->on_fetch = NULL;
	if (rc < 0)
		suspect_all(r, first, at);
	return rc < 0 ? -1 : 0;
}
