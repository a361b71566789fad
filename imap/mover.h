/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mover.h - what is done to mails in a mailbox, with what the server offers.
 * Each: 0 done, 1 the server refuses and *e says why, -1 the session is over.
 */
#ifndef IMAP_MOVER_H
#define IMAP_MOVER_H

#include "imap/client.h"

/*
 * Into folder (as the configuration spells it), which is made when it is not
 * there. Where the server cannot move they are copied, and the originals are
 * the caller's to delete.
 */
int imap_move(
    struct imap_client *c, const char *set, const char *folder, struct err *e);
int imap_mark_seen(struct imap_client *c, const char *set, struct err *e);
/*
 * Other people's deleted mail is never expunged: without UIDPLUS these stay,
 * marked as deleted.
 */
int imap_delete(struct imap_client *c, const char *set, struct err *e);

#endif
