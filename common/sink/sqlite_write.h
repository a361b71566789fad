/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_write.h - reports and records as rows. Inside a transaction.
 */
#ifndef SINK_SQLITE_WRITE_H
#define SINK_SQLITE_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/report/report.h"
#include "common/sink/sqlite_db.h"

/*
 * The row of this report: what the first delivery wrote stays. With
 * is_complete every record is there at the end of this transaction, and
 * readers may count the report.
 */
int sqlite_write_report(struct sqlite_db *db, const struct report *r,
    bool is_complete, int64_t *report_id, struct err *e);

/* One record with its results; *is_new is false when it was there already. */
int sqlite_write_record(struct sqlite_db *db, int64_t report_id,
    const struct record *rec, bool *is_new, struct err *e);

/*
 * A whole SMTP TLS report; *is_new is false when it was there already.
 * sqlite_tls.c
 */
int sqlite_write_tls(
    struct sqlite_db *db, const struct report *r, bool *is_new, struct err *e);

/* Likewise a whole failure report, source being its record's. sqlite_failure.c
 */
int sqlite_write_failure(struct sqlite_db *db, const struct report *r,
    const struct source *source, bool *is_new, struct err *e);

#endif
