/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report.c - what the database knows, added up for a reader.
 *
 * Sums are total() and not sum(): counts are strangers' numbers, and sum()
 * fails where they pass 63 bits.
 */
#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/sink/sqlite_db.h"
#include "common/sink/sqlite_report.h"
#include "common/sink/sqlite_schema.h"

#define BUSY_TIMEOUT_MS 5000

/* Parameters of every query: 1 since, 2 domain, 3 top. */
#define REPORTS \
	" FROM aggregate_report AS r" \
	" WHERE r.date_end > ?1" \
	" AND (?2 IS NULL OR r.domain = ?2 COLLATE NOCASE)"
#define RECORDS \
	" FROM aggregate_report AS r" \
	" JOIN aggregate_record AS c ON c.report_id = r.id" \
	" WHERE r.complete AND r.date_end > ?1 AND c.date_end > ?1" \
	" AND (?2 IS NULL OR r.domain = ?2 COLLATE NOCASE)"

static const char reports_sql[] =
    "SELECT count(*) FILTER (WHERE r.complete),"
    " count(*) FILTER (WHERE NOT r.complete)" REPORTS;

static const char records_sql[] = "SELECT count(*), total(c.message_count),"
				  " total(c.message_count * c.passed_dmarc),"
				  " min(c.date_begin), max(c.date_end)" RECORDS;

/* Bare columns come from the row that has the max() (SQLite, 2.4). */
static const char domains_sql[] =
    "SELECT domain, p, sp, pct, max(date_end), count(*),"
    " total(messages) AS messages, total(passed) FROM (SELECT r.domain, r.p,"
    " r.sp, r.pct, r.date_end, total(c.message_count) AS messages,"
    " total(c.message_count * c.passed_dmarc) AS passed" RECORDS
    " GROUP BY r.id)"
    " GROUP BY domain COLLATE NOCASE ORDER BY messages DESC, domain LIMIT ?3";

static const char sources_sql[] =
    "SELECT c.source_ip_address, max(c.source_name), max(c.source_country),"
    " total(c.message_count) AS messages,"
    " total(c.message_count * c.passed_dmarc)" RECORDS
    " GROUP BY c.source_ip_address"
    " ORDER BY messages DESC, c.source_ip_address LIMIT ?3";

/* Before version 7 it was not told. There are few: all of them. */
static const char categories_sql[] =
    "SELECT c.intake_category, total(c.message_count) AS messages,"
    " count(DISTINCT c.source_ip_address)" RECORDS
    " GROUP BY c.intake_category ORDER BY messages DESC, c.intake_category"
    " LIMIT 8";

static const char failures_sql[] =
    "SELECT c.header_from, c.source_ip_address, max(c.source_name),"
    " c.disposition, c.policy_dkim, c.policy_spf,"
    " total(c.message_count) AS messages" RECORDS " AND NOT c.passed_dmarc"
    " GROUP BY c.header_from, c.source_ip_address, c.disposition,"
    " c.policy_dkim, c.policy_spf"
    " ORDER BY messages DESC, c.header_from, c.source_ip_address LIMIT ?3";

static const char reporters_sql[] =
    "SELECT org_name, count(*) AS reports, total(messages) AS messages,"
    " max(received) FROM (SELECT r.org_name,"
    " total(c.message_count) AS messages,"
    " max(r.intake_received) AS received" RECORDS " GROUP BY r.id)"
    " GROUP BY org_name ORDER BY reports DESC, messages DESC, org_name"
    " LIMIT ?3";

#define FAILURE_REPORTS \
	" FROM failure_report" \
	" WHERE (arrival_date > ?1 OR (arrival_date IS NULL AND ?1 < 0))" \
	" AND (?2 IS NULL OR domain = ?2 COLLATE NOCASE)"

static const char failure_reports_sql[] = "SELECT count(*)" FAILURE_REPORTS;

static const char failed_mails_sql[] =
    "SELECT domain, source_ip_address, max(source_name),"
    " count(*) AS reports, max(arrival_date)" FAILURE_REPORTS
    " GROUP BY domain COLLATE NOCASE, source_ip_address"
    " ORDER BY reports DESC, domain, source_ip_address LIMIT ?3";

#define TLS_POLICIES \
	" FROM smtp_tls_report AS r" \
	" JOIN smtp_tls_policy AS p ON p.report_id = r.id"
#define TLS_FILTER \
	" WHERE r.date_end > ?1" \
	" AND (?2 IS NULL OR p.policy_domain = ?2 COLLATE NOCASE)"

/* One without any policy is about no domain. */
static const char tls_reports_sql[] =
    "SELECT count(DISTINCT r.id) FROM smtp_tls_report AS r"
    " LEFT JOIN smtp_tls_policy AS p ON p.report_id = r.id" TLS_FILTER;

static const char tls_policies_sql[] =
    "SELECT p.policy_domain, p.policy_type, count(DISTINCT r.id),"
    " total(p.successful_session_count) AS successful,"
    " total(p.failed_session_count) AS failed" TLS_POLICIES TLS_FILTER
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

/* One read: the connection and what all its queries share. */
struct reading {
	sqlite3 *handle;
	const char *path;
	const struct sqlite_report_filter *filter;
	struct arena *arena;
	struct sqlite_report *out;
};

static int
fail(const struct reading *r, int code, struct err *e)
{
	return sqlite_error(r->handle, r->path, code, e);
}

static const char *
text_of(const struct reading *r, sqlite3_stmt *st, int column)
{
	return arena_strdup(
	    r->arena, (const char *)sqlite3_column_text(st, column));
}

static uint64_t
count_of(sqlite3_stmt *st, int column)
{
	int64_t n = sqlite3_column_int64(st, column);

	return n > 0 ? (uint64_t)n : 0;
}

static void
take_reports(struct reading *r, sqlite3_stmt *st, size_t row)
{
	struct report_totals *t = &r->out->totals;

	(void)row; /* there is one */
	t->reports = count_of(st, 0);
	t->incomplete = count_of(st, 1);
}

static void
take_records(struct reading *r, sqlite3_stmt *st, size_t row)
{
	struct report_totals *t = &r->out->totals;

	(void)row; /* there is one */
	t->records = count_of(st, 0);
	t->messages = count_of(st, 1);
	t->passed = count_of(st, 2);
	t->begin = sqlite3_column_int64(st, 3);
	t->end = sqlite3_column_int64(st, 4);
}

static void
take_domain(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->domains[row] = (struct report_domain){
		.domain = text_of(r, st, 0),
		.p = text_of(r, st, 1),
		.sp = text_of(r, st, 2),
		.pct = text_of(r, st, 3),
		.reports = count_of(st, 5),
		.messages = count_of(st, 6),
		.passed = count_of(st, 7),
	};
	r->out->domain_count = row + 1;
}

static void
take_source(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->sources[row] = (struct report_source){
		.ip_address = text_of(r, st, 0),
		.name = text_of(r, st, 1),
		.country = text_of(r, st, 2),
		.messages = count_of(st, 3),
		.passed = count_of(st, 4),
	};
	r->out->source_count = row + 1;
}

static void
take_category(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->categories[row] = (struct report_category){
		.category = text_of(r, st, 0),
		.messages = count_of(st, 1),
		.sources = count_of(st, 2),
	};
	r->out->category_count = row + 1;
}

static void
take_failure(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->failures[row] = (struct report_failure){
		.header_from = text_of(r, st, 0),
		.ip_address = text_of(r, st, 1),
		.name = text_of(r, st, 2),
		.disposition = text_of(r, st, 3),
		.dkim = text_of(r, st, 4),
		.spf = text_of(r, st, 5),
		.messages = count_of(st, 6),
	};
	r->out->failure_count = row + 1;
}

static void
take_reporter(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->reporters[row] = (struct report_reporter){
		.org_name = text_of(r, st, 0),
		.reports = count_of(st, 1),
		.messages = count_of(st, 2),
		.last_received = sqlite3_column_int64(st, 3),
	};
	r->out->reporter_count = row + 1;
}

static void
take_failure_reports(struct reading *r, sqlite3_stmt *st, size_t row)
{
	(void)row; /* there is one */
	r->out->totals.failure_reports = count_of(st, 0);
}

static void
take_failed_mail(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->failed_mails[row] = (struct report_failed_mail){
		.domain = text_of(r, st, 0),
		.ip_address = text_of(r, st, 1),
		.name = text_of(r, st, 2),
		.reports = count_of(st, 3),
		.last_arrival = sqlite3_column_type(st, 4) == SQLITE_NULL
				    ? INT64_MIN
				    : sqlite3_column_int64(st, 4),
	};
	r->out->failed_mail_count = row + 1;
}

static void
take_tls_reports(struct reading *r, sqlite3_stmt *st, size_t row)
{
	(void)row; /* there is one */
	r->out->totals.tls_reports = count_of(st, 0);
}

static void
take_tls_policy(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->tls_policies[row] = (struct report_tls_policy){
		.domain = text_of(r, st, 0),
		.type = text_of(r, st, 1),
		.reports = count_of(st, 2),
		.successful = count_of(st, 3),
		.failed = count_of(st, 4),
	};
	r->out->tls_policy_count = row + 1;
}

static void
take_tls_failure(struct reading *r, sqlite3_stmt *st, size_t row)
{
	r->out->tls_failures[row] = (struct report_tls_failure){
		.domain = text_of(r, st, 0),
		.result_type = text_of(r, st, 1),
		.mx_hostname = text_of(r, st, 2),
		.failed = count_of(st, 3),
	};
	r->out->tls_failure_count = row + 1;
}

static int
bind_filter(const struct reading *r, sqlite3_stmt *st)
{
	const struct sqlite_report_filter *f = r->filter;
	/* from the start means begins before 1970 as well */
	int64_t since = f->since == 0 ? INT64_MIN : f->since;
	int code = sqlite3_bind_int64(st, 1, since);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(st, 2, f->domain, -1, SQLITE_STATIC);
	if (code == SQLITE_OK && sqlite3_bind_parameter_count(st) == 3)
		code = sqlite3_bind_int64(st, 3, (int64_t)f->top);
	return code;
}

static int
query(struct reading *r, const char *sql,
    void (*take)(struct reading *r, sqlite3_stmt *st, size_t row),
    struct err *e)
{
	sqlite3_stmt *st = NULL;
	size_t row = 0;
	int code = sqlite3_prepare_v2(r->handle, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = bind_filter(r, st);
	if (code == SQLITE_OK)
		while ((code = sqlite3_step(st)) == SQLITE_ROW)
			take(r, st, row++);
	if (code != SQLITE_DONE)
		(void)fail(r, code, e);
	(void)sqlite3_finalize(st);
	return code == SQLITE_DONE ? 0 : -1;
}

static int
read_tls(struct reading *r, struct err *e)
{
	size_t top = r->filter->top;

	r->out->tls_policies =
	    arena_alloc(r->arena, top * sizeof(*r->out->tls_policies));
	r->out->tls_failures =
	    arena_alloc(r->arena, top * sizeof(*r->out->tls_failures));
	if (query(r, tls_reports_sql, take_tls_reports, e) < 0 ||
	    query(r, tls_policies_sql, take_tls_policy, e) < 0)
		return -1;
	return query(r, tls_failures_sql, take_tls_failure, e);
}

static int
read_all(struct reading *r, struct err *e)
{
	size_t top = r->filter->top;

	r->out->domains = arena_alloc(r->arena, top * sizeof(*r->out->domains));
	r->out->sources = arena_alloc(r->arena, top * sizeof(*r->out->sources));
	r->out->failures =
	    arena_alloc(r->arena, top * sizeof(*r->out->failures));
	r->out->reporters =
	    arena_alloc(r->arena, top * sizeof(*r->out->reporters));
	r->out->failed_mails =
	    arena_alloc(r->arena, top * sizeof(*r->out->failed_mails));
	if (query(r, failure_reports_sql, take_failure_reports, e) < 0 ||
	    query(r, failed_mails_sql, take_failed_mail, e) < 0 ||
	    query(r, reports_sql, take_reports, e) < 0 ||
	    query(r, records_sql, take_records, e) < 0 ||
	    query(r, domains_sql, take_domain, e) < 0 ||
	    query(r, sources_sql, take_source, e) < 0 ||
	    query(r, categories_sql, take_category, e) < 0 ||
	    query(r, failures_sql, take_failure, e) < 0)
		return -1;
	if (query(r, reporters_sql, take_reporter, e) < 0)
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
		return fail(r, code, e);
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
	code = sqlite3_open_v2(path, &r.handle, SQLITE_OPEN_READONLY, NULL);
	if (code == SQLITE_OK)
		rc = read_snapshot(&r, e);
	else
		rc = fail(&r, code, e);
	(void)sqlite3_close(r.handle);
	return rc < 0 ? -1 : 1;
}
