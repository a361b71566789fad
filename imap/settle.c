/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.c - what becomes of a mail in its mailbox, by what became of its
 * reports; and its line in the log, when that is done.
 * in: mails that were judged (desk.c)    out: commands (mover.c)
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/mail_log.h"
#include "imap/mover.h"
#include "imap/round.h"
#include "imap/uidset.h"

/* Fewer mails for later in a row may be the fault of each. */
#define AWAY_LEAST 4

enum target {
	TARGET_NONE, /* it stays as it is */
	TARGET_AGGREGATE,
	TARGET_FAILURE,
	TARGET_TLS,
	TARGET_INVALID,
	TARGET_SEEN,
	TARGET_DELETE,
	TARGET_COUNT,
};

static const struct {
	const char *folder; /* below archive_folder; NULL: it stays there */
	int (*act)(struct imap_client *c, const char *set, struct err *e);
	const char *told;
} targets[TARGET_COUNT] = {
	[TARGET_NONE] = { NULL, NULL, "left as it is" },
	[TARGET_AGGREGATE] = { "Aggregate", NULL, "moved to" },
	[TARGET_FAILURE] = { "Failure", NULL, "moved to" },
	[TARGET_TLS] = { "SMTP-TLS", NULL, "moved to" },
	[TARGET_INVALID] = { "Invalid", NULL, "moved to" },
	[TARGET_SEEN] = { NULL, imap_mark_seen, "marked as read" },
	[TARGET_DELETE] = { NULL, imap_delete, "deleted" },
};

/*
 * Of a mail with reports of several kinds: who may not see failure reports,
 * which have personal data, must not find one among the others.
 */
static enum target
folder_of(const struct outcome *o)
{
	if (o->has_failure)
		return TARGET_FAILURE;
	return o->has_aggregate ? TARGET_AGGREGATE : TARGET_TLS;
}

static enum target
target_of(const struct imap_box *b, const struct outcome *o)
{
	static const enum target stored[] = {
		[CONF_MARK_SEEN] = TARGET_SEEN,
		[CONF_MARK_DELETE] = TARGET_DELETE,
		[CONF_MARK_NONE] = TARGET_NONE,
	};
	enum conf_mark mark = b->account->mark;

	switch (o->verdict) {
	case VERDICT_STORED:
		return mark == CONF_MARK_MOVE ? folder_of(o) : stored[mark];
	case VERDICT_KEPT: /* never deleted: nobody else has it */
	case VERDICT_BOTH:
		return mark == CONF_MARK_MOVE || mark == CONF_MARK_DELETE
			   ? TARGET_INVALID
			   : TARGET_NONE;
	default:
		return TARGET_NONE;
	}
}

static char *
folder_path(const struct imap_box *b, enum target target)
{
	return xasprintf(
	    "%s/%s", b->account->archive_folder, targets[target].folder);
}

/* Is this mailbox the folder? Brought to itself, a mail would be new again. */
static bool
is_here(const struct imap_round *r, enum target target)
{
	const struct imap_names *names = &r->client->names;
	char *path, *folder, *here;
	bool is_same;

	if (targets[target].folder == NULL)
		return false;
	path = folder_path(r->box, target);
	folder = imap_name_quoted(names, path);
	here = imap_name_quoted(names, r->box->folder);
	is_same = text_equal_nocase(folder, here);
	free(path);
	free(folder);
	free(here);
	return is_same;
}

static void
tell(const struct imap_box *b, const struct imap_mail *mail, enum target target)
{
	const struct envelope env = { .transport = "imap",
		.session = mail->session };
	char reply[256];

	(void)snprintf(reply, sizeof(reply), "%s%s%s%s%s%s",
	    b->is_test && target != TARGET_NONE ? "would be " : "",
	    targets[target].told, targets[target].folder != NULL ? " " : "",
	    targets[target].folder != NULL ? b->account->archive_folder : "",
	    targets[target].folder != NULL ? "/" : "",
	    targets[target].folder != NULL ? targets[target].folder : "");
	mail_log(&env, &mail->outcome, mail->size, mail->ms,
	    verdict_name(mail->outcome.verdict), reply);
}

static void
note_state(struct imap_round *r, uint32_t uid, enum imap_todo_state state)
{
	struct imap_todo *t = imap_round_find(r, uid);

	if (t != NULL)
		t->state = state;
	r->settled++;
}

/* It stays, and is tried again. */
static void
put_off(struct imap_round *r, struct imap_mail *mail)
{
	struct imap_box *b = r->box;
	uint64_t away =
	    b->account->mails < AWAY_LEAST ? AWAY_LEAST : b->account->mails;

	tell(b, mail, TARGET_NONE);
	note_state(r, mail->uid, IMAP_TODO_LATER);
	b->later++;
	if (++r->later_run >= away)
		b->is_away = true; /* the log tells: mail_log.c */
}

static void
note(struct imap_round *r, struct imap_mail *mail)
{
	struct imap_box *b = r->box;
	const struct outcome *o = &mail->outcome;
	enum target target = target_of(b, o);

	if (!verdict_is_final(o->verdict)) {
		put_off(r, mail);
		imap_mail_free(&mail);
		return;
	}
	r->later_run = 0;
	b->is_away = b->is_away && o->reports == 0;
	b->stored += o->verdict == VERDICT_STORED;
	b->unreadable +=
	    o->verdict == VERDICT_KEPT || o->verdict == VERDICT_BOTH;
	if (is_here(r, target))
		target = TARGET_NONE;
	if (b->is_test || target == TARGET_NONE) {
		tell(b, mail, target);
		note_state(r, mail->uid, IMAP_TODO_SETTLED);
		imap_mail_free(&mail);
		return;
	}
	mail->next = b->judged;
	b->judged = mail;
}

void
imap_round_gather(struct imap_round *r, int64_t wait_ms)
{
	struct imap_mail *mail;

	while ((mail = imap_desk_take(r->box->desk, wait_ms)) != NULL) {
		note(r, mail);
		wait_ms = 0;
	}
}

static int
by_uid(const void *a, const void *b)
{
	const struct imap_mail *x = *(struct imap_mail *const *)a;
	const struct imap_mail *y = *(struct imap_mail *const *)b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* The gathered ones by UID, as sets are written; the caller frees it. */
static struct imap_mail **
sort_judged(struct imap_box *b, size_t *count)
{
	struct imap_mail *mail, **sorted;
	size_t n = 0;

	for (mail = b->judged; mail != NULL; mail = mail->next)
		n++;
	sorted = xcalloc(n, sizeof(*sorted));
	*count = 0;
	for (mail = b->judged; mail != NULL; mail = mail->next)
		sorted[(*count)++] = mail;
	qsort(sorted, n, sizeof(*sorted), by_uid);
	return sorted;
}

static int
act(struct imap_round *r, enum target target, const char *set, struct err *e)
{
	const struct imap_box *b = r->box;
	char *folder;
	int rc;

	if (targets[target].folder == NULL)
		return targets[target].act(r->client, set, e);
	folder = folder_path(b, target);
	rc = imap_move(r->client, set, folder, e);
	free(folder);
	return rc;
}

/* What is to be done to it next. */
static enum target
target_now(const struct imap_box *b, const struct imap_mail *mail)
{
	return mail->is_copied ? TARGET_DELETE : target_of(b, &mail->outcome);
}

static void
drop_judged(struct imap_round *r, struct imap_mail *mail)
{
	struct imap_mail **at = &r->box->judged;

	while (*at != mail)
		at = &(*at)->next;
	*at = mail->next;
	tell(r->box, mail, target_of(r->box, &mail->outcome));
	note_state(r, mail->uid, IMAP_TODO_SETTLED);
	imap_mail_free(&mail);
}

/* All with this target: as many in a command as it holds. */
static int
settle_target(struct imap_round *r, struct imap_mail **mails, size_t count,
    enum target target, struct err *e)
{
	struct imap_uidset set;
	const bool is_copy =
	    targets[target].folder != NULL && !(r->client->can & IMAP_CAN_MOVE);
	size_t i, from = 0;
	int rc = 0;

	while (rc == 0 && from < count) {
		imap_uidset_init(&set);
		for (i = from; i < count; i++)
			if (mails[i] != NULL &&
			    target_now(r->box, mails[i]) == target &&
			    !imap_uidset_add(&set, mails[i]->uid))
				break;
		if (set.count > 0)
			rc = act(r, target, imap_uidset_text(&set), e);
		for (; rc == 0 && from < i; from++) {
			if (mails[from] == NULL ||
			    target_now(r->box, mails[from]) != target)
				continue;
			if (is_copy) {
				mails[from]->is_copied = true;
				continue;
			}
			drop_judged(r, mails[from]);
			mails[from] = NULL;
		}
		imap_uidset_clear(&set);
	}
	return rc;
}

int
imap_round_settle(struct imap_round *r, struct err *e)
{
	struct imap_mail **mails;
	size_t count;
	int target, rc = 0;

	if (r->box->judged == NULL)
		return 0;
	mails = sort_judged(r->box, &count);
	for (target = 0; rc == 0 && target < TARGET_COUNT; target++) {
		rc = settle_target(r, mails, count, (enum target)target, e);
		if (rc == 0) /* originals of what was copied */
			rc = settle_target(r, mails, count, TARGET_DELETE, e);
	}
	free(mails);
	return rc;
}
