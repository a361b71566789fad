/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail.h - one mail as the MTA tells it, bit by bit. Knows no libmilter.
 */
#ifndef MILTER_MAIL_H
#define MILTER_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/pipeline.h"
#include "milter/action.h"

#define MILTER_ID_SIZE 48
#define MILTER_RECIPIENTS_MAX 1000 /* of ours; what is past it is delivered */

struct milter_mail {
	struct pipeline *pipeline; /* foreign */
	const struct conf *conf;   /* borrowed until it is cleared */
	bool is_open;
	bool has_leading_space; /* the MTA leaves header values as they are */
	bool looks_like_report; /* its header does */
	char id[MILTER_ID_SIZE];
	char *from; /* owned, without <> */
	char *mta;  /* owned; what the MTA calls itself, or NULL */
	/* those of ours: as the MTA wrote them, and without <>; owned */
	char **given, **ours;
	size_t count, others;
	unsigned forged;    /* headers that only we may add */
	struct spill bytes; /* empty once there is trouble */
	uint64_t size;
	struct err trouble; /* ERR_NONE: everything is in bytes */
};

/* Forget the last one, and begin. from is as the MTA wrote it. */
void milter_mail_begin(struct milter_mail *m, struct pipeline *p,
    const struct conf *conf, const char *from);
void milter_mail_recipient(struct milter_mail *m, const char *recipient);
/* NULL: the MTA does not say what it calls itself. */
void milter_mail_mta(struct milter_mail *m, const char *name);

/* Cannot fail: trouble is remembered. No value may be NULL. */
void milter_mail_header(
    struct milter_mail *m, const char *name, const char *value);
void milter_mail_header_end(struct milter_mail *m);
void milter_mail_body(struct milter_mail *m, const void *p, size_t len);

/* Before its header is known, and after. */
bool milter_mail_may_be_wanted(const struct milter_mail *m);
bool milter_mail_is_wanted(const struct milter_mail *m);

enum milter_share milter_mail_share(const struct milter_mail *m);

/* It is complete: take it through the pipeline. */
void milter_mail_run(struct milter_mail *m, const struct envelope *env,
    struct deadline *d, struct outcome *o);

/* What the pipeline and the log are told. Borrows from m. */
struct envelope milter_mail_envelope(const struct milter_mail *m);

/* Also right after zeroing, and again. */
void milter_mail_clear(struct milter_mail *m);

#endif
