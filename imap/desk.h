/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desk.h - mails that are in hand: one thread fetches them, several take them
 * through the pipeline, so that they share transactions and bulk requests.
 */
#ifndef IMAP_DESK_H
#define IMAP_DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/spill.h"
#include "common/pipeline.h"

struct imap_mail {
	uint32_t uid;
	uint64_t size; /* as it came, or as the server says */
	struct spill bytes;
	struct err trouble; /* it could not be taken in whole */
	struct outcome outcome;
	int64_t ms;        /* in the pipeline */
	bool is_copied;    /* to its folder: the original is to be deleted */
	char session[160]; /* for the log */
	struct imap_mail *next;
};

struct imap_desk;

/* Both foreign, until imap_desk_free. NULL and *e without threads. */
struct imap_desk *imap_desk_new(
    struct pipeline *p, const struct conf_imap *account, struct err *e);

/* An empty mail, owned by the caller. */
struct imap_mail *imap_desk_mail(struct imap_desk *d);
void imap_mail_free(struct imap_mail **mail);

/* Has it room for one more? */
bool imap_desk_is_full(struct imap_desk *d);

/* Hand it in; it comes back from imap_desk_take. */
void imap_desk_hand(struct imap_desk *d, struct imap_mail *mail);

/* One that is judged, or NULL when none is within wait_ms or in hand. */
struct imap_mail *imap_desk_take(struct imap_desk *d, int64_t wait_ms);

/* How many are handed in and not taken back. */
size_t imap_desk_in_hand(struct imap_desk *d);

/* Waits for those in hand. Takes NULL; leaves NULL. */
void imap_desk_free(struct imap_desk **d);

#endif
