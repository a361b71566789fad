/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail.h - one mail on its way in, and what is said and logged of it.
 */
#ifndef LMTP_MAIL_H
#define LMTP_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/pipeline.h"
#include "lmtp/reply.h"

struct lmtp_mail {
	struct pipeline *pipeline; /* foreign */
	const struct conf *conf;   /* borrowed until it ends */
	struct spill bytes;        /* empty once there is trouble */
	uint64_t size;             /* all that came */
	struct err trouble;        /* ERR_NONE: everything is in bytes */
};

/* Ends with lmtp_mail_clear. */
void lmtp_mail_begin(
    struct lmtp_mail *m, struct pipeline *p, const struct conf *conf);

/* Cannot fail: trouble is remembered, and the rest is swallowed. */
void lmtp_mail_add(struct lmtp_mail *m, const void *p, size_t len);

/*
 * It is complete: take it through the pipeline, log its line, and return the
 * reply for each of its recipients.
 */
enum lmtp_reply lmtp_mail_end(struct lmtp_mail *m, const struct envelope *env);

void lmtp_mail_clear(struct lmtp_mail *m);

#endif
