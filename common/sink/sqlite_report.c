/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report.c - what the database knows, added up for a reader. Records
 * are sqlite_report_scan.c's; here is the moment that all is read at, and what
 * is few.
 *
 * Sums are total() and not sum(): counts are strangers' numbers, and sum()
 * fails where they pass 63 bits.
 */
#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/sink/sqlite_db.h"
#include "common/sink/sqlite_report_internal.h"
#include "common/sink/sqlite_schema.h"

#define BUSY_TIMEOUT_MS 5000

static const char reports_sql[] =
    "SELECT count(*) FILTER (WHERE r.complete),"
    " count(*) FILTER (WHERE NOT r.complete)"
    " FROM aggregate_report AS r WHERE" REPORTS_FILTER;

static const char overrides_sql[] =
    "SELECT o.type, total(c.message_count) AS messages"
    " FROM aggregate_record_override AS o"
    " CROSS JOIN aggregate_record AS c ON c.id = o.record_id"
    " CROSS JOIN aggregate_report AS r ON r.id = c.report_id"
    " WHERE" RECORDS_FILTER
    " GROUP BY o.type ORDER BY messages DESC, o.type LIMIT ?3";

#define FAILURE_REPORTS \
	" FROM failure_report" \
	" WHERE (arrival_date > ?1 OR (arrival_date IS NULL AND ?1 < 0))" \
	" AND (arrival_date < ?4 OR (arrival_date IS NULL" \
	" AND ?4 = 9223372036854775807))" \
	" AND (?2 IS NULL OR domain = ?2 COLLATE NOCASE)" \
	" AND (?6 IS NULL OR source_ip_address = ?6 COLLATE NOCASE" \
	" OR source_name = ?6 COLLATE NOCASE" \
	" OR source_base_domain = ?6 COLLATE NOCASE)"

static const char failure_reports_sql[] = "SELECT count(*)" FAILURE_REPORTS;

static const char failed_mails_sql[] =
    "SELECT domain, source_ip_address, max(source_name),"
    " count(*) AS reports, max(arrival_date)" FAILURE_REPORTS
    " GROUP BY domain COLLATE NOCASE, source_ip_address"
    " ORDER BY reports DESC, domain, source_ip_address LIMIT ?3";

static const char samples_sql[] =
    "SELECT id, arrival_date, domain, source_ip_address, source_name,"
    " (SELECT address FROM failure_sample_address AS s"
    "  WHERE s.report_id = failure_report.id AND s.header = 'from'"
    "  AND s.position = 0), sample_subject,"
    " (SELECT group_concat(value, ', ') FROM json_each(auth_failure)),"
    " delivery_results" FAILURE_REPORTS
    " ORDER BY arrival_date DESC, id DESC LIMIT ?3";

#define TLS_POLICIES \
	" FROM smtp_tls_report AS r" \
	" JOIN smtp_tls_policy AS p ON p.report_id = r.id"
#define TLS_FILTER \
	" WHERE r.date_end > ?1 AND r.date_begin < ?4" \
	" AND (?2 IS NULL OR p.policy_domain = ?2 COLLATE NOCASE)" \
	" AND (?5 IS NULL OR r.org_name = ?5 COLLATE NOCASE)"

/* One without any policy is about no domain. */
static const char tls_reports_sql[] =
    "SELECT count(DISTINCT r.id), total(p.successful_session_count),"
    " total(p.failed_session_count) FROM smtp_tls_report AS r"
    " LEFT JOIN smtp_tls_policy AS p ON p.report_id = r.id" TLS_FILTER;

static const char tls_policies_sql[] =
    "SELECT p.policy_domain, p.policy_type, count(DISTINCT r.id),"
    " total(p.successful_session_count) AS successful,"
    " total(p.failed_session_count) AS failed,"
    " total(p.successful_session_count) + "
    "total(p.failed_session_count)" TLS_POLICIES TLS_FILTER
    " GROUP BY p.policy_domain COLLATE NOCASE, p.policy_type"
    " ORDER BY failed DESC, successful DESC, p.policy_domain, p.policy_type"
    " LIMIT ?3";

static const char tls_failures_sql[] =
    "SELECT p.policy_domain, f.result_type, f.receiving_mx_hostname,"
    " total(f.failed_session_count) AS failed" TLS_POLICIES
    " JOIN smtp_tls_failure_detail AS f ON f.policy_id = p.id" TLS_FILTER
    " GROUP BY p.policy_domain COLLATE NOCASE, f.result_type,"
    " f.receiving_mx_hostname COLLATE NOCASE"
    " ORDER BY failed DESC, p.policy_domain, f.result_type,"
    " f.receiving_mx_hostname LIMIT ?3";

int
sqlite_reading_fail(const struct reading *r, int code, struct err *e)
{
	return sqlite_error(r->handle, r->path, code, e);
}

const char *
sqlite_reading_text(const struct reading *r, sqlite3_stmt *st, int column)
{
	return arena_strdup(
	    r->arena, (const char *)sqlite3_column_text(st, column));
}

uint64_t
sqlite_reading_count(sqlite3_stmt *st, int column)
{
	int64_t n = sqlite3_column_int64(st, column);

	return n > 0 ? (uint64_t)n : 0;
}

static void
take_reports(struct reading *r, sqlite3_stmt *st, size_t row)
{
	struct report_totals *t = &r->out->totals;

	(void)row; /* there is one */
	t->reports = sqlite_reading_count(st, 0);
	t->incomplete = sqlite_reading_count(st, 1);
}

static void
take_override(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->overrides[row] = (struct report_override){
		.type = sqlite_reading_text(r, st, 0),
		.messages = sqlite_reading_count(st, 1),
	};
	r->out->override_count = row + 1;
}

static void
take_failure_reports(struct reading *r, sqlite3_stmt *st, size_t row)
{
	(void)row; /* there is one */
	r->out->totals.failure_reports = sqlite_reading_count(st, 0);
}

static void
take_failed_mail(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->failed_mails[row] = (struct report_failed_mail){
		.domain = sqlite_reading_text(r, st, 0),
		.ip_address = sqlite_reading_text(r, st, 1),
		.name = sqlite_reading_text(r, st, 2),
		.reports = sqlite_reading_count(st, 3),
		.last_arrival = sqlite3_column_type(st, 4) == SQLITE_NULL
				    ? INT64_MIN
				    : sqlite3_column_int64(st, 4),
	};
	r->out->failed_mail_count = row + 1;
}

static void
take_sample(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->samples[row] = (struct report_sample){
		.id = sqlite3_column_int64(st, 0),
		.arrival = sqlite3_column_type(st, 1) == SQLITE_NULL
			       ? INT64_MIN
			       : sqlite3_column_int64(st, 1),
		.domain = sqlite_reading_text(r, st, 2),
		.ip_address = sqlite_reading_text(r, st, 3),
		.name = sqlite_reading_text(r, st, 4),
		.from = sqlite_reading_text(r, st, 5),
		.subject = sqlite_reading_text(r, st, 6),
		.auth_failure = sqlite_reading_text(r, st, 7),
		.delivery = sqlite_reading_text(r, st, 8),
	};
	r->out->sample_count = row + 1;
}

static void
take_tls_reports(struct reading *r, sqlite3_stmt *st, size_t row)
{
	struct report_totals *t = &r->out->totals;

	(void)row; /* there is one */
	t->tls_reports = sqlite_reading_count(st, 0);
	t->tls_successful = sqlite_reading_count(st, 1);
	t->tls_failed = sqlite_reading_count(st, 2);
}

static void
take_tls_policy(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->tls_policies[row] = (struct report_tls_policy){
		.domain = sqlite_reading_text(r, st, 0),
		.type = sqlite_reading_text(r, st, 1),
		.reports = sqlite_reading_count(st, 2),
		.successful = sqlite_reading_count(st, 3),
		.failed = sqlite_reading_count(st, 4),
		.sessions = sqlite_reading_count(st, 5),
	};
	r->out->tls_policy_count = row + 1;
}

static void
take_tls_failure(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->tls_failures[row] = (struct report_tls_failure){
		.domain = sqlite_reading_text(r, st, 0),
		.result_type = sqlite_reading_text(r, st, 1),
		.mx_hostname = sqlite_reading_text(r, st, 2),
		.failed = sqlite_reading_count(st, 3),
	};
	r->out->tls_failure_count = row + 1;
}

/* Bind what the query has; a parameter that it has not is out of range. */
static int
bind_filter(const struct reading *r, sqlite3_stmt *st)
{
	const struct sqlite_report_filter *f = r->filter;
	int count = sqlite3_bind_parameter_count(st);
	const struct {
		int64_t number;
		const char *text;
		bool is_text;
	} values[] = {
		/* from the start means begins before 1970 as well */
		{ .number = f->since == 0 ? INT64_MIN : f->since },
		{ .text = f->domain, .is_text = true },
		{ .number = (int64_t)f->top },
		{ .number = f->until == 0 ? INT64_MAX : f->until },
		{ .text = f->reporter, .is_text = true },
		{ .text = f->source, .is_text = true },
		{ .number = f->report },
	};
	int code = SQLITE_OK, i;

	for (i = 0; i < count && code == SQLITE_OK; i++)
		code = values[i].is_text
			   ? sqlite3_bind_text(
				 st, i + 1, values[i].text, -1, SQLITE_STATIC)
			   : sqlite3_bind_int64(st, i + 1, values[i].number);
	return code;
}

int
sqlite_reading_each(struct reading *r, const char *sql,
    void (*take)(void *arg, sqlite3_stmt *st), void *arg, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(r->handle, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = bind_filter(r, st);
	if (code == SQLITE_OK)
		while ((code = sqlite3_step(st)) == SQLITE_ROW)
			take(arg, st);
	if (code != SQLITE_DONE)
		(void)sqlite_reading_fail(r, code, e);
	(void)sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : -1;
}

struct rows {
	struct reading *reading;
	void (*take)(struct reading *r, sqlite3_stmt *st, size_t row);
	size_t count;
};

static void
take_next(void *arg, sqlite3_stmt *st)
{
	struct rows *rows = arg;

	rows->take(rows->reading, st, rows->count++);
}

int
sqlite_reading_query(struct reading *r, const char *sql,
    void (*take)(struct reading *r, sqlite3_stmt *st, size_t row),
    struct err *e)
{
	struct rows rows = { .reading = r, .take = take };

	return sqlite_reading_each(r, sql, take_next, &rows, e);
}

#define LIST(r, name) \
	(r)->out->name = arena_alloc( \
	    (r)->arena, (r)->filter->top * sizeof(*(r)->out->name))

/* Nobody reports TLS by sender. */
static int
read_tls(struct reading *r, struct err *e)
{
	if (r->filter->source != NULL || r->filter->report != 0)
		return 0;
	LIST(r, tls_policies);
	LIST(r, tls_failures);
	if (sqlite_reading_query(r, tls_reports_sql, take_tls_reports, e) < 0 ||
	    sqlite_reading_query(r, tls_policies_sql, take_tls_policy, e) < 0)
		return -1;
	return sqlite_reading_query(r, tls_failures_sql, take_tls_failure, e);
}

/* A failure report does not name its reporter. */
static int
read_failed_mails(struct reading *r, struct err *e)
{
	if (r->filter->reporter != NULL || r->filter->report != 0)
		return 0;
	LIST(r, failed_mails);
	LIST(r, samples);
	if (sqlite_reading_query(
		r, failure_reports_sql, take_failure_reports, e) < 0 ||
	    sqlite_reading_query(r, failed_mails_sql, take_failed_mail, e) < 0)
		return -1;
	return sqlite_reading_query(r, samples_sql, take_sample, e);
}

static int
read_all(struct reading *r, struct err *e)
{
	struct report_totals *t = &r->out->totals;

	LIST(r, overrides);
	if (sqlite_reading_query(r, reports_sql, take_reports, e) < 0)
		return -1;
	if (r->filter->source != NULL)
		t->reports = t->incomplete = 0; /* the scan counts them */
	if (sqlite_report_scan(r, e) < 0 || sqlite_report_why(r, e) < 0 ||
	    sqlite_report_records(r, e) < 0 ||
	    sqlite_reading_query(r, overrides_sql, take_override, e) < 0 ||
	    read_failed_mails(r, e) < 0)
		return -1;
	return read_tls(r, e);
}

/* All queries see the same moment. */
static int
read_snapshot(struct reading *r, struct err *e)
{
	int code, version;

	(void)sqlite3_extended_result_codes(r->handle, 1);
	(void)sqlite3_busy_timeout(r->handle, BUSY_TIMEOUT_MS);
	code = sqlite3_exec(r->handle,
	    "PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; BEGIN", NULL,
	    NULL, NULL);
	if (code != SQLITE_OK)
		return sqlite_reading_fail(r, code, e);
	if (sqlite_schema_check(r->handle, r->path, &version, e) < 0)
		return -1;
	if (version == 0)
		return 0; /* created, and nothing stored yet */
	if (version != sqlite_schema_version)
		return err_set(e, ERR_CONF,
		    "sqlite: %s: has version %d; it is upgraded when the first "
		    "report is stored",
		    r->path, version);
	return read_all(r, e);
}

int
sqlite_report_read(struct sqlite_report *out, struct arena *a, const char *path,
    const struct sqlite_report_filter *filter, struct err *e)
{
	struct reading r = {
		.path = path, .filter = filter, .arena = a, .out = out
	};
	int code, rc;

	*out = (struct sqlite_report){ 0 };
	if (access(path, F_OK) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return err_set_errno(e, "sqlite: %s", path);
	}
	code = sqlite3_open_v2(
	    path, &r.handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		rc = read_snapshot(&r, e);
	else
		rc = sqlite_reading_fail(&r, code, e);
	(void)sqlite3_close(r.handle);
	return rc < 0 ? -1 : 1;
}
