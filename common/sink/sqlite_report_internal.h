/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report_internal.h - shared by the files of the reader.
 */
#ifndef SINK_SQLITE_REPORT_INTERNAL_H
#define SINK_SQLITE_REPORT_INTERNAL_H

#include <sqlite3.h>

#include "common/sink/sqlite_report.h"

/* One read: the connection and what all its queries share. */
struct reading {
	sqlite3 *handle;
	const char *path;
	const struct sqlite_report_filter *filter;
	struct arena *arena;
	struct sqlite_report *out;
};

/*
 * Parameters of every query, where it has them: 1 since, 2 domain, 3 top,
 * 4 until, 5 reporter, 6 source, 7 report.
 */
#define REPORTS_FILTER \
	" r.date_end > ?1 AND r.date_begin < ?4" \
	" AND (?2 IS NULL OR r.domain = ?2 COLLATE NOCASE)" \
	" AND (?5 IS NULL OR r.org_name = ?5 COLLATE NOCASE)" \
	" AND (?7 = 0 OR r.id = ?7)"
#define RECORDS_FILTER \
	" r.complete AND" REPORTS_FILTER \
	" AND c.date_end > ?1 AND c.date_begin < ?4" \
	" AND (?6 IS NULL OR c.source_ip_address = ?6 COLLATE NOCASE" \
	" OR c.source_name = ?6 COLLATE NOCASE" \
	" OR c.source_base_domain = ?6 COLLATE NOCASE)"

int sqlite_reading_fail(const struct reading *r, int code, struct err *e);

/* Text of a column, in the arena. */
const char *sqlite_reading_text(
    const struct reading *r, sqlite3_stmt *st, int column);
uint64_t sqlite_reading_count(sqlite3_stmt *st, int column);

/* Each row of the answer, in order. 0 or -1. */
int sqlite_reading_query(struct reading *r, const char *sql,
    void (*take)(struct reading *r, sqlite3_stmt *st, size_t row),
    struct err *e);
/* The same, with an argument of the caller's. */
int sqlite_reading_each(struct reading *r, const char *sql,
    void (*take)(void *arg, sqlite3_stmt *st), void *arg, struct err *e);

/* All that is added up from records. */
int sqlite_report_scan(struct reading *r, struct err *e);
/* The records of filter->report. */
int sqlite_report_records(struct reading *r, struct err *e);
/* What DKIM and SPF said of the records that out->failures names. */
int sqlite_report_why(struct reading *r, struct err *e);

#endif
