/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - one mailbox, read until the program stops: connect, look, wait for
 * what is new, and connect again when that is over.
 */
#ifndef IMAP_WATCH_H
#define IMAP_WATCH_H

#include "imap/box.h"

/* How the last session ended. */
enum imap_end {
	IMAP_END_WELL,    /* all mails are settled */
	IMAP_END_LATER,   /* the server or a sink is away */
	IMAP_END_REFUSED, /* the login is */
	IMAP_END_CONF,    /* the operator must act */
};

/* Returns after imap_stop, or with is_once after the first look. */
enum imap_end imap_watch(struct imap_box *b);

#endif
