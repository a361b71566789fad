/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_bind.h - values into the parameters of a statement. For sqlite*.c
 * only.
 *
 * Text is bound where it lies (SQLITE_STATIC): it lives until the transaction
 * has ended.
 */
#ifndef SINK_SQLITE_BIND_H
#define SINK_SQLITE_BIND_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/report/report.h"
#include "common/sink/sqlite_db.h"

#define SQLITE_TEXTS_MAX ((size_t)16 << 20) /* of sqlite_texts_json */

/* Fills the parameters of a statement from the left; the first error stays. */
struct sqlite_binder {
	struct sqlite3_stmt *st;
	int at, code;
};

struct sqlite_binder sqlite_binder_of(
    struct sqlite_db *db, enum sqlite_statement which);

void sqlite_bind_text(struct sqlite_binder *b, const char *text);
void sqlite_bind_int(struct sqlite_binder *b, int64_t n);
/* 0 means that it is not known. */
void sqlite_bind_known_int(struct sqlite_binder *b, int64_t n);
void sqlite_bind_digest(
    struct sqlite_binder *b, const unsigned char digest[REPORT_ID_BYTES]);
/* All members. */
void sqlite_bind_source(struct sqlite_binder *b, const struct source *s);
void sqlite_bind_intake(struct sqlite_binder *b, const struct intake *in);

/* Run it; 1 when it gave a row, whose first column is *value. */
int sqlite_query(struct sqlite_db *db, struct sqlite_binder *b, int64_t *value,
    struct err *e);
int sqlite_insert(struct sqlite_db *db, struct sqlite_binder *b, struct err *e);
/* A row of a list: whose it is, its place there, and count texts. */
int sqlite_insert_item(struct sqlite_db *db, enum sqlite_statement which,
    int64_t owner_id, size_t position, const char *const *texts, size_t count,
    struct err *e);

/*
 * A JSON array, of 64 KiB and one text more at most; nothing when there are
 * none, so that out->data stays NULL. out is of SQLITE_TEXTS_MAX.
 */
int sqlite_texts_json(
    const char *const *texts, size_t count, struct buf *out, struct err *e);

#endif
