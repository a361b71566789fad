/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quarantine.h - mails that are kept as they came, each with the reason.
 *
 * A Maildir++: kept mails in the root, .Waiting and .Other below it, so that
 * any mail reader opens it. Beside new/ and cur/ of each stands why/NAME.json
 * with sender, recipients, transport, time, reason, program version and
 * SHA-256. NAME is the SHA-256 of the mail in hex: the same mail is kept once.
 * Thread-safe; several processes may share a folder.
 */
#ifndef COMMON_QUARANTINE_H
#define COMMON_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/spill.h"
#include "common/envelope.h"

enum quarantine_class {
	QUARANTINE_KEPT,    /* unreadable, or refused by a sink for good */
	QUARANTINE_WAITING, /* readable; the sink is away for too long */
	QUARANTINE_OTHER,   /* not a report */
	QUARANTINE_CLASSES
};

struct quarantine;

/* Makes the folders where they are missing. conf is borrowed until close. */
int quarantine_open(
    struct quarantine **q, const struct conf_quarantine *conf, struct err *e);

/*
 * Keep mail (after spill_finish). 0: file, reason and folders are fsynced,
 * and *is_new tells a copy from a first. -1: nothing is kept; ERR_FULL when
 * the disk or the quarantine's cap is full, ERR_TEMP for the rest. A file
 * whose fsync failed is unlinked and never fsynced again.
 */
int quarantine_keep(struct quarantine *q, enum quarantine_class class,
    const struct envelope *env, struct spill *mail, const char *reason,
    bool *is_new, struct err *e);

#define QUARANTINE_NAME_SIZE 65 /* SHA-256, hex */

struct quarantine_item {
	enum quarantine_class class;
	char name[QUARANTINE_NAME_SIZE];
	struct envelope env; /* as at quarantine_keep; in the arena */
	const char *reason;  /* in the arena */
	int64_t kept;        /* when, seconds UTC */
	uint64_t size;       /* bytes */
	const char *path;    /* of the mail now; in the arena */
};

/*
 * Items of a class, oldest first, as they are now: *items is an array in a.
 * An unreadable why file gives an item with an empty envelope.
 */
int quarantine_list(struct quarantine *q, enum quarantine_class class,
    struct arena *a, struct quarantine_item **items, size_t *count,
    struct err *e);

/*
 * Take one for handling: locks it against other processes and threads.
 * 1: *fd is the open mail (owned by the caller: quarantine_release). 0: it is
 * gone or somebody else has it. -1: *e.
 */
int quarantine_take(struct quarantine *q, const struct quarantine_item *item,
    int *fd, struct err *e);
/* Put it back, or with done remove it and its reason. Closes *fd. */
int quarantine_release(struct quarantine *q, const struct quarantine_item *item,
    int *fd, bool done, struct err *e);

struct quarantine_count {
	uint64_t mails, bytes;
	int64_t oldest; /* when the oldest was kept; 0: none */
};
int quarantine_count(struct quarantine *q, enum quarantine_class class,
    struct quarantine_count *n, struct err *e);

/* Likewise for who only looks: nothing is made, and no folder is no mail. */
int quarantine_peek(const struct conf_quarantine *conf,
    enum quarantine_class class, struct quarantine_count *n, struct err *e);

/* Remove what is older than max_age (never waiting mails). */
int quarantine_expire(
    struct quarantine *q, int64_t now, uint64_t *removed, struct err *e);

/* Can a mail be written there now? */
int quarantine_check(struct quarantine *q, struct err *e);

/* Takes NULL; leaves NULL. */
void quarantine_close(struct quarantine **q);

#endif
