/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - one mailbox, read until the program stops.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "imap/poll.h"
#include "imap/watch.h"

/* RFC 2177: a server may close after 30 minutes, so IDLE is renewed before. */
#define IDLE_MS (28 * 60 * 1000)
#define REST_FIRST_MS 1000
#define REST_MAX_MS (5 * 60 * 1000)
/* each wrong password may bring a server nearer to locking us out */
#define REFUSED_FIRST_MS (60 * 1000)
#define REPEAT_MS (60 * 60 * 1000) /* the same trouble is told again */
#define WELL_MS (60 * 1000) /* a session that lasts for so long is well */

/* What keeps the mailbox from being read, so that it is told once. */
struct trouble {
	struct err last;
	int64_t told_ms, rest_ms;
};

/* false: we shall stop. */
static bool
sleep_ms(struct imap_box *b, int64_t ms)
{
	struct pollfd p = { .fd = b->stop->fd, .events = POLLIN };
	int64_t until_ms = clock_mono_ms() + ms, left;

	while ((left = until_ms - clock_mono_ms()) > 0 && !b->stop->asked)
		(void)poll(&p, 1, (int)left);
	return !b->stop->asked;
}

static void
tell_connected(const struct imap_box *b, const struct imap_client *c)
{
	log_info("%s: connected, mails=%u idle=%s move=%s uidplus=%s", b->label,
	    (unsigned)c->exists, c->can & IMAP_CAN_IDLE ? "yes" : "no",
	    c->can & IMAP_CAN_MOVE ? "yes" : "no",
	    c->can & IMAP_CAN_UIDPLUS ? "yes" : "no");
}

static void
tell_trouble(struct imap_box *b, const struct err *e, struct trouble *t)
{
	int64_t now = clock_mono_ms();
	enum log_level level = e->kind == ERR_REFUSED || e->kind == ERR_CONF
				   ? LOG_LEVEL_ERR
				   : LOG_LEVEL_WARN;

	if (strcmp(t->last.text, e->text) == 0 && now - t->told_ms < REPEAT_MS)
		return;
	t->last = *e;
	t->told_ms = now;
	log_line(level, "%s: %s%s", b->label, e->text,
	    b->is_once ? "" : "; trying again");
}

/* UIDs mean something else now: what is known by them is void. */
static void
begin_mailbox(struct imap_box *b, uint32_t uidvalidity)
{
	struct imap_mail *mail;

	if (b->uidvalidity != uidvalidity || uidvalidity == 0) {
		while ((mail = b->judged) != NULL) {
			b->judged = mail->next;
			imap_mail_free(&mail);
		}
		b->suspect_count = 0;
	}
	b->uidvalidity = uidvalidity;
	imap_memory_begin(b->memory, uidvalidity);
}

static int
open_mailbox(struct imap_box *b, struct imap_client *c, struct err *e)
{
	bool only_reads = b->is_test || b->account->mark == CONF_MARK_NONE;
	struct imap_mailbox m;

	if (imap_client_select(c, b->folder, only_reads, &m, e) < 0)
		return -1;
	if (m.is_read_only && !only_reads)
		return err_set(e, ERR_CONF,
		    "mailbox %s can only be read: what is stored cannot be "
		    "moved (mark = none leaves it)",
		    b->folder);
	begin_mailbox(b, m.uidvalidity);
	return 0;
}

/* Until there may be something to do. */
static int
wait_for_news(struct imap_box *b, struct imap_client *c, struct err *e)
{
	int64_t wait_ms = b->account->check_timeout_s * 1000;
	bool has_later = b->memory->later_count > 0;
	struct imap_reply done;

	if (!b->is_away && (c->can & IMAP_CAN_IDLE) != 0)
		return imap_client_idle(
		    c, has_later && wait_ms < IDLE_MS ? wait_ms : IDLE_MS, e);
	(void)sleep_ms(b, wait_ms);
	return b->stop->asked ? 0 : imap_client_run(c, &done, e, "NOOP");
}

/* While the session lives; 0: it was ended by us. */
static int
read_mailbox(struct imap_box *b, struct imap_client *c, struct err *e)
{
	int rc;

	while (!b->stop->asked) {
		if ((rc = imap_poll(b, c, e)) < 0)
			return -1;
		if (b->stop->asked || rc > 0)
			continue;
		if (b->is_once)
			break;
		if (!c->has_news && wait_for_news(b, c, e) < 0)
			return -1;
	}
	return 0;
}

static int
session(struct imap_box *b, struct trouble *t, struct err *e)
{
	const uint64_t read = b->stored + b->unreadable;
	struct imap_client *c = NULL;
	int64_t start_ms;
	int rc;

	if (imap_client_open(&c, b->account, &b->conf->limits, b->stop->fd, e) <
	    0)
		return -1;
	if ((rc = open_mailbox(b, c, e)) == 0) {
		tell_connected(b, c);
		start_ms = clock_mono_ms();
		rc = read_mailbox(b, c, e);
		/* one that ends at once, time and again, gets its rest too */
		if (clock_mono_ms() - start_ms >= WELL_MS)
			*t = (struct trouble){ 0 };
		else if (b->stored + b->unreadable > read)
			t->rest_ms = 0;
	}
	imap_client_close(&c, rc < 0);
	return rc;
}

static int64_t
next_rest(struct trouble *t, const struct err *e)
{
	int64_t first =
	    e->kind == ERR_REFUSED ? REFUSED_FIRST_MS : REST_FIRST_MS;

	t->rest_ms = 2 * t->rest_ms > first ? 2 * t->rest_ms : first;
	if (t->rest_ms > REST_MAX_MS)
		t->rest_ms = REST_MAX_MS;
	return t->rest_ms;
}

static int
open_box(struct imap_box *b, struct err *e)
{
	if (b->is_test && b->memory == NULL)
		b->memory = imap_memory_blank();
	if (b->memory == NULL &&
	    imap_memory_open(&b->memory, b->conf->intake.state_path, b->account,
		b->folder, e) < 0)
		return -1;
	if (b->desk == NULL &&
	    (b->desk = imap_desk_new(b->pipeline, b->account, e)) == NULL)
		return -1;
	return 0;
}

static void
close_box(struct imap_box *b)
{
	struct imap_mail *mail;

	imap_desk_free(&b->desk);
	imap_memory_close(&b->memory);
	while ((mail = b->judged) != NULL) {
		b->judged = mail->next;
		imap_mail_free(&mail);
	}
}

static enum imap_end
end_of(const struct imap_box *b, int rc, const struct err *e)
{
	if (rc == 0)
		return b->later > 0 ? IMAP_END_LATER : IMAP_END_WELL;
	if (e->kind == ERR_REFUSED)
		return IMAP_END_REFUSED;
	return e->kind == ERR_CONF ? IMAP_END_CONF : IMAP_END_LATER;
}

enum imap_end
imap_watch(struct imap_box *b)
{
	struct trouble t = { 0 };
	struct err e = { 0 };
	int rc;

	for (;;) {
		rc = open_box(b, &e);
		if (rc == 0)
			rc = session(b, &t, &e);
		if (b->stop->asked)
			break;
		if (rc < 0)
			tell_trouble(b, &e, &t);
		if (b->is_once || !sleep_ms(b, next_rest(&t, &e)))
			break;
	}
	close_box(b);
	return end_of(b, b->stop->asked ? 0 : rc, &e);
}
