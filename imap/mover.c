/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mover.c - what is done to mails in a mailbox: MOVE (RFC 6851), or COPY and
 * UID EXPUNGE (RFC 4315), or COPY and a flag.
 */
#include <stdlib.h>

#include "imap/mover.h"

/* 0 or -1 of imap_client_run, and what the server said to it. */
static int
heed(int rc, const struct imap_reply *done, const char *what, struct err *e)
{
	if (rc < 0 || done->status == IMAP_STATUS_OK)
		return rc;
	(void)imap_client_refused(done, ERR_TEMP, e);
	(void)err_add(e, "%s", what);
	return 1;
}

static int
store_flag(
    struct imap_client *c, const char *set, const char *flag, struct err *e)
{
	struct imap_reply done;
	int rc = imap_client_run(
	    c, &done, e, "UID STORE %s +FLAGS.SILENT (%s)", set, flag);

	return heed(rc, &done, "STORE", e);
}

int
imap_mark_seen(struct imap_client *c, const char *set, struct err *e)
{
	return store_flag(c, set, "\\Seen", e);
}

int
imap_delete(struct imap_client *c, const char *set, struct err *e)
{
	struct imap_reply done;
	int rc = store_flag(c, set, "\\Deleted", e);

	if (rc != 0 || !(c->can & IMAP_CAN_UIDPLUS))
		return rc;
	rc = imap_client_run(c, &done, e, "UID EXPUNGE %s", set);
	return heed(rc, &done, "EXPUNGE", e);
}

/* 0, when the server refuses too: somebody else may have made it. -1. */
static int
create(struct imap_client *c, const char *quoted, struct err *e)
{
	struct imap_reply done;

	if (imap_client_run(c, &done, e, "CREATE %s", quoted) < 0)
		return -1;
	if (done.status != IMAP_STATUS_OK)
		return 0;
	/* many programs show what is subscribed only; no matter if it fails */
	return imap_client_run(c, &done, e, "SUBSCRIBE %s", quoted);
}

/* "MOVE" or "COPY"; a server that lacks the folder says so, more or less. */
static int
bring(struct imap_client *c, const char *verb, const char *set,
    const char *quoted, struct err *e)
{
	struct imap_reply done;
	struct err trouble;
	int rc;

	rc = imap_client_run(c, &done, e, "UID %s %s %s", verb, set, quoted);
	rc = heed(rc, &done, verb, &trouble);
	if (rc == 1 && (rc = create(c, quoted, e)) == 0) {
		rc = imap_client_run(
		    c, &done, e, "UID %s %s %s", verb, set, quoted);
		rc = heed(rc, &done, verb, &trouble);
	}
	if (rc != 1)
		return rc;
	*e = trouble;
	(void)err_add(e, "%s", quoted);
	return 1;
}

int
imap_move(
    struct imap_client *c, const char *set, const char *folder, struct err *e)
{
	char *quoted = imap_name_quoted(&c->names, folder);
	int rc =
	    bring(c, c->can & IMAP_CAN_MOVE ? "MOVE" : "COPY", set, quoted, e);

	free(quoted);
	return rc;
}
