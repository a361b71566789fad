/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - a session with an IMAP server (RFC 9051, and what came before it,
 * RFC 3501): commands out, replies in. Any -1 is the end of the session.
 */
#ifndef IMAP_CLIENT_H
#define IMAP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/imap_link.h"
#include "imap/name.h"
#include "imap/reply.h"
#include "imap/wire.h"

/* What the server offers of what we can use. */
enum imap_capability {
	IMAP_CAN_IDLE = 1,    /* RFC 2177 */
	IMAP_CAN_MOVE = 2,    /* RFC 6851 */
	IMAP_CAN_UIDPLUS = 4, /* RFC 4315 */
	IMAP_CAN_NAMESPACE = 8,
};

struct imap_client {
	struct imap_link *link;
	struct imap_wire wire;
	struct imap_names names;
	unsigned can;
	uint32_t tag; /* of the last command */
	int64_t timeout_ms;
	char *in; /* bytes that were read, from at to len */
	size_t at, len;
	uint32_t exists; /* mails in the mailbox */
	bool has_news;   /* there came some since this was cleared */
	/* Gets the mail of a BODY[] in pieces, before its reply; NULL: nobody
	 * has asked for one. */
	void (*on_body)(void *context, const void *p, size_t len);
	/* Gets each FETCH reply; -1 and *e end the session. */
	int (*on_fetch)(void *context, struct imap_fetch *f, struct err *e);
	void *context;
};

/* Connect, log in, and see what the server can do. */
int imap_client_open(struct imap_client **c, const struct conf_imap *conf,
    const struct conf_limits *limits, int stop_fd, struct err *e);

/* Send a command; its tag is c->tag then. */
int imap_client_send(struct imap_client *c, struct err *e, const char *fmt, ...)
    ATTR_PRINTF(3, 4);

/*
 * Read until the command of this tag is done; *done is how, good until the
 * next call. Those before it must have been waited for.
 */
int imap_client_wait(struct imap_client *c, uint32_t tag,
    struct imap_reply *done, struct err *e);

/* Both. */
int imap_client_run(struct imap_client *c, struct imap_reply *done,
    struct err *e, const char *fmt, ...) ATTR_PRINTF(4, 5);

/* "NO: text", as an err of this kind; done is not OK. */
int imap_client_refused(
    const struct imap_reply *done, enum err_kind kind, struct err *e);

struct imap_mailbox {
	uint32_t uidvalidity; /* 0: the server does not say */
	bool is_read_only;
};

/*
 * ERR_CONF when there is no such mailbox, ERR_TEMP when the server cannot open
 * it for now; the session goes on then.
 */
int imap_client_select(struct imap_client *c, const char *name,
    bool is_read_only, struct imap_mailbox *m, struct err *e);

/*
 * Wait until there is new mail, for at most wait_ms, with IDLE: 1 there is, 0
 * there is none or we shall stop.
 */
int imap_client_idle(struct imap_client *c, int64_t wait_ms, struct err *e);

/* With is_broken without a word more. Takes NULL; leaves NULL. */
void imap_client_close(struct imap_client **c, bool is_broken);

#endif
