/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uidset.h - sets of UIDs as commands and the state file write them:
 * "3,7:9" (RFC 9051, 9, sequence-set). Pure.
 */
#ifndef IMAP_UIDSET_H
#define IMAP_UIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

/* RFC 7162, 4: a command has at most 8192 bytes. */
#define IMAP_UIDSET_BYTES 7000

/*
 * A set that is written in ascending order; uids next to each other share a
 * range. The text is never longer than IMAP_UIDSET_BYTES.
 */
struct imap_uidset {
	struct buf text;
	uint32_t first, last; /* of the range that is not written yet */
	size_t count;
};

void imap_uidset_init(struct imap_uidset *s);
/* false: it is full, and uid is not in it. */
bool imap_uidset_add(struct imap_uidset *s, uint32_t uid);
/* "3,7:9"; "" when it is empty. Nothing can be added after it. */
const char *imap_uidset_text(struct imap_uidset *s);
void imap_uidset_clear(struct imap_uidset *s);

/*
 * Each UID of text in turn: 1, 0 at the end, -1 when it is no set. *at and
 * *range start as text and 0. A range has at most 2^32 UIDs: stop in time.
 */
int imap_uidset_next(const char **at, uint64_t *range, uint32_t *uid);

#endif
