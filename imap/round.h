/* SPDX-License-Identifier: Apache-2.0 */
/*
 * round.h - one look at a mailbox: what poll.c, fetch.c and settle.c share.
 * For nobody else.
 */
#ifndef IMAP_ROUND_H
#define IMAP_ROUND_H

#include "imap/box.h"
#include "imap/client.h"

enum imap_todo_state {
	IMAP_TODO_NEW,     /* not looked at yet */
	IMAP_TODO_FETCH,   /* the whole mail is wanted */
	IMAP_TODO_IN_HAND, /* it is here */
	IMAP_TODO_SETTLED, /* moved, marked, left for good, or gone */
	IMAP_TODO_LATER,   /* to be tried again */
};

struct imap_todo {
	uint32_t uid;
	enum imap_todo_state state;
	uint64_t size;
};

struct imap_round {
	struct imap_box *box;
	struct imap_client *client;
	struct imap_todo *todo; /* by UID */
	size_t count, room;
	uint32_t dropped;         /* the lowest UID that was too many; 0 */
	struct imap_mail *coming; /* is being received */
	unsigned later_run;       /* mails for later without another between */
	size_t settled;
	bool is_listed;            /* todo has all that there is */
	bool has_asked;            /* whether mails can be stored again */
	int64_t start_ms, told_ms; /* for the progress line */
	int64_t saved_ms;          /* when what is settled was written down */
};

/* The one with this UID; NULL: there is none. */
struct imap_todo *imap_round_find(struct imap_round *r, uint32_t uid);

/* fetch.c: mails first to end that are wanted, as far as they are given. */
int imap_round_fetch(
    struct imap_round *r, size_t first, size_t end, struct err *e);

/* NULL: it is none. */
struct imap_suspect *imap_suspect_of(struct imap_box *b, uint32_t uid);
void imap_suspect_add(struct imap_box *b, uint32_t uid);
void imap_suspect_drop(struct imap_box *b, uint32_t uid);

/*
 * settle.c: take back what was judged, waiting at most wait_ms for the first,
 * and note what is to become of it.
 */
void imap_round_gather(struct imap_round *r, int64_t wait_ms);
/*
 * Move or mark what was gathered. -1: the session is over; 1: the server
 * refuses, and *e says why.
 */
int imap_round_settle(struct imap_round *r, struct err *e);

#endif
