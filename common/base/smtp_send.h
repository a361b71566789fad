/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_send.h - hand one mail to a server by SMTP (RFC 5321), through libcurl.
 */
#ifndef BASE_SMTP_SEND_H
#define BASE_SMTP_SEND_H

#include <stdint.h>

#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/spill.h"

struct smtp_mail {
	const char *from;   /* without <>; "" is the null reverse-path */
	const char *to;     /* without <> */
	const char *head;   /* goes before the mail: lines that end in CRLF */
	struct spill *mail; /* after spill_finish */
	int64_t timeout_ms; /* of all of it */
};

/*
 * 0: the server has acknowledged the mail. -1: it has not; ERR_REFUSED when it
 * refused sender, recipient or mail for good, ERR_TEMP for all else: also for
 * a login that fails, which is not the mail's fault. Its lines end in CRLF on
 * the way, whatever they ended in.
 */
int smtp_send(
    const struct conf_smtp *conf, const struct smtp_mail *mail, struct err *e);

/* Can it be reached, and does it know us? Sends nothing. 0 or -1 and *e. */
int smtp_check(const struct conf_smtp *conf, struct err *e);

#endif
