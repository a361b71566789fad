/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline_reporter.h - whose report is it? For pipeline.c.
 */
#ifndef COMMON_PIPELINE_REPORTER_H
#define COMMON_PIPELINE_REPORTER_H

#include "common/base/arena.h"
#include "common/base/conf.h"
#include "common/base/suffix.h"
#include "common/envelope.h"
#include "common/message/message.h"
#include "common/report/report.h"

/* What the servers that conf trusts say of who sent the mail. */
void reporter_claims(const struct conf *conf, const struct envelope *env,
    struct spill *mail, struct arena *a, struct auth_claims *claims);

/* A report, and the mail that brought it. All borrowed; NULL: none. */
struct reporter_case {
	const struct report *report;
	const struct auth_claims *claims; /* NULL: no server is believed */
	const char *from;                 /* address of the mail's From */
	/* RFC 8460, 5.3: TLS-Report-Domain, TLS-Report-Submitter */
	const char *tls_domain, *tls_submitter;
	const char *file; /* what the attachment is called */
	const struct suffix_list *suffixes;
	struct arena *arena; /* of what is made here */
};

/* Fill in reporter_auth and the discrepancies. */
void reporter_judge(const struct reporter_case *c, struct intake *intake);

#endif
