/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one connection of an MTA, as smfi_getpriv keeps it, and the
 * mail that is on it.
 */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include "milter/mail.h"
#include "milter/service.h"

struct milter_session {
	struct milter_service *service; /* foreign */
	struct conf *conf;   /* held: a connection keeps what it negotiated */
	unsigned long steps; /* what was negotiated: SMFIP_* */
	struct milter_mail mail;
	int64_t start_ms; /* of the end of message */
	bool is_in_hand;  /* one of those that are counted */
};

/* NULL when the service ends. */
struct milter_session *milter_session_new(struct milter_service *sv);
/* Takes NULL; leaves NULL. */
void milter_session_free(struct milter_session **s);

/* The MTA's id of the mail (NULL: it tells none) goes to the log. */
void milter_session_name(struct milter_session *s, const char *queue_id);

/*
 * The mail is complete: store it. tell(context) tells the MTA meanwhile that
 * it goes on. *o says what became of it. Ends with milter_session_end.
 */
void milter_session_run(struct milter_session *s, void (*tell)(void *context),
    void *context, struct outcome *o);

/* What the MTA shall do with it. */
enum milter_action milter_session_action(
    const struct milter_session *s, const struct outcome *o);

/* The mail's log line, and its end; told is what the MTA was told. */
void milter_session_end(
    struct milter_session *s, const struct outcome *o, const char *told);

#endif
