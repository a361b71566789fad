/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.h - one look at a mailbox: every mail that is new, or that waits for
 * another try, through the pipeline and to its place.
 */
#ifndef IMAP_POLL_H
#define IMAP_POLL_H

#include "imap/box.h"
#include "imap/client.h"

/*
 * The mailbox is selected. 0: all was done; 1: more is there than one look
 * takes; -1 and *e: the session must end.
 */
int imap_poll(struct imap_box *b, struct imap_client *c, struct err *e);

#endif
