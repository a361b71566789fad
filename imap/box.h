/* SPDX-License-Identifier: Apache-2.0 */
/*
 * box.h - one mailbox of one account, which one thread reads, and what it
 * keeps while connections come and go.
 */
#ifndef IMAP_BOX_H
#define IMAP_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/pipeline.h"
#include "imap/desk.h"
#include "imap/memory.h"

#define IMAP_SUSPECTS_MAX 256

/* How the program tells its threads to end. */
struct imap_stop {
	_Atomic bool asked;
	int fd; /* readable from then on, and never read */
};

/* A mail that was on its way when the connection broke, or was not given. */
struct imap_suspect {
	uint32_t uid;
	unsigned breaks;
	int64_t rest_until_ms; /* not asked for before */
};

struct imap_box {
	struct pipeline *pipeline;       /* foreign */
	struct conf *conf;               /* held */
	const struct conf_imap *account; /* in conf */
	const char *folder;              /* likewise */
	struct imap_stop *stop;          /* foreign */
	bool is_test;                    /* look, and change nothing */
	bool is_once;    /* one round of all, and no second try */
	char label[128]; /* for the log */

	struct imap_memory *memory;
	struct imap_desk *desk;
	/* Judged, and not moved or marked yet; with the UIDVALIDITY that their
	 * UIDs are of. */
	struct imap_mail *judged;
	uint32_t uidvalidity;
	struct imap_suspect suspects[IMAP_SUSPECTS_MAX];
	size_t suspect_count;
	bool is_away;     /* nothing can be stored: one mail asks again */
	int64_t later_ms; /* when the mails that wait were tried last */

	/* what became of the mails, for the exit code */
	uint64_t stored, unreadable, later;
};

#endif
