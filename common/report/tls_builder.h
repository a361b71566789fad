/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_builder.h - an SMTP TLS report while it is made out of JSON. For tls*.c
 * only.
 */
#ifndef REPORT_TLS_BUILDER_H
#define REPORT_TLS_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/report/report_reader.h"
#include "common/report/tls_json.h"

#define TLS_ERRORS_MAX 100 /* noted; past it they are counted */

struct tls_builder {
	struct report_reader *rr; /* foreign; filled */
	const struct conf_limits *limits;
	const char *org_name; /* as written */
	uint64_t entries;     /* policies and failure details so far */
	uint64_t error_count; /* also those past TLS_ERRORS_MAX */
};

/* Note a repair or a gap; doc/record-schema.md: errors. */
void tls_note(struct tls_builder *b, const char *fmt, ...) ATTR_PRINTF(2, 3);

/*
 * Fill b->rr->report.tls from root. -1 and *e: what must be there is not, or
 * a limit is passed.
 */
int tls_fill(struct tls_builder *b, const json_t *root,
    const struct tls_json *told, struct err *e);

/* tls_value.c. where and name are for the notes. */
/* Trimmed text in the report's arena; NULL when there is none or a blank. */
const char *tls_text(struct tls_builder *b, const json_t *object,
    const char *where, const char *name);
/* A text or a list of texts. */
void tls_texts(struct tls_builder *b, const json_t *object, const char *where,
    const char *name, const char *const **texts, size_t *count);
/* A count of sessions; what cannot be one is 0, and noted. */
int64_t tls_count(struct tls_builder *b, const json_t *object,
    const char *where, const char *name);

/*
 * Seconds UTC from a date-time of RFC 3339 and its near relations. 0 or -1;
 * *at is untouched on failure.
 */
int tls_time(const char *text, int64_t *at);

#endif
