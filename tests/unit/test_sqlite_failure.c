/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sqlite_failure.c - failure reports are in the database once and as a
 * whole, also in one that an older version made; and the reader counts them.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/sink/sink.h"
#include "common/sink/sqlite_report.h"
#include "common/sink/sqlite_schema.h"
#include "tests/unit/intake.h"
#include "tests/unit/schema_1.h"
#include "tests/unit/unit.h"

#define AT 1767306600 /* 2026-01-01T22:30:00Z */

struct place {
	char folder[64], path[96];
	struct conf conf;
	struct sink *sink;
};

static void
place_make(struct place *p)
{
	*p = (struct place){ .folder = "/tmp/test_sqlite_failure.XXXXXX" };
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/reports.db", p->folder);
	p->conf.sqlite.on = true;
	p->conf.sqlite.path = p->path;
}

static void
place_open(struct place *p)
{
	struct err e = { 0 };

	if (sink_sqlite_ops.open(&p->sink, &p->conf, &e) < 0)
		fail_msg("open: %s", e.text);
}

static void
place_clear(struct place *p)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char name[128];
	size_t i;

	sink_sqlite_ops.close(&p->sink);
	for (i = 0; i < 3; i++) {
		(void)snprintf(
		    name, sizeof(name), "%s%s", p->path, suffixes[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(p->folder), 0);
}

/* The first column of the first row; NULL: no row, or NULL in it. */
static char *
ask(const struct place *p, const char *sql)
{
	sqlite3 *handle;
	sqlite3_stmt *st;
	char *text = NULL;

	assert_int_equal(
	    sqlite3_open_v2(p->path, &handle, SQLITE_OPEN_READWRITE, NULL),
	    SQLITE_OK);
	if (sqlite3_prepare_v2(handle, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
	if (sqlite3_step(st) == SQLITE_ROW &&
	    sqlite3_column_text(st, 0) != NULL)
		text = xstrdup((const char *)sqlite3_column_text(st, 0));
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(handle);
	return text;
}

static void
assert_answer(const struct place *p, const char *sql, const char *wanted)
{
	char *text = ask(p, sql);

	if (wanted == NULL)
		assert_null(text);
	else if (text == NULL)
		fail_msg("%s: NULL, not %s", sql, wanted);
	else
		assert_string_equal(text, wanted);
	free(text);
}

static const struct mail_address from[] = { { "A", "a@d.example" } };
static const struct mail_address to[] = { { NULL, "b@r.example" },
	{ "C", "c@r.example" } };
static const struct header_field headers[] = { { "from", "From",
						   "A <a@d.example>" },
	{ "received", "Received", "one" }, { "received", "Received", "two" } };
static const struct header_field fields[] = { { "version", "Version", "1" },
	{ "reported-uri", "Reported-URI", "https://x.example/" } };
static const struct sample_attachment attachments[] = { { NULL, "image/png",
    "00" } };
static const char *const auth_failure[] = { "dmarc", "spf" };
static const char *errors[] = { "something was missing" };

static struct report
make_report(unsigned char number, const char *domain, int64_t at)
{
	struct report r = { .kind = REPORT_FAILURE,
		.key = { number },
		.intake = { "lmtp", AT + 9, "1@r.example", "f@r.example",
		    "t@d.example" } };
	struct failure *f = &r.failure;

	f->feedback_type = "auth-failure";
	f->domain = domain;
	f->arrival_date = at;
	f->delivery_results = "reject";
	f->auth_failure = auth_failure;
	f->auth_failure_count = 2;
	f->fields = fields;
	f->field_count = 2;
	f->errors = errors;
	f->error_count = 1;
	f->source.ip_address = "192.0.2.1";
	f->sample = (struct sample){ .is_there = true,
		.kept = CONF_SAMPLE_FULL,
		.raw = "From: A <a@d.example>\n",
		.headers = headers,
		.header_count = 3,
		.date = AT - 60,
		.subject = "s",
		.body = "text",
		.from = { from, 1 },
		.to = { to, 2 },
		.attachments = attachments,
		.attachment_count = 1 };
	return r;
}

static void
deliver(struct place *p, const struct report *r, uint64_t stored)
{
	struct record rec = { .position = 0,
		.interval_begin = r->failure.arrival_date,
		.source = { .ip_address = "192.0.2.1", .country = "DE" } };
	struct sink_stream *st = NULL;
	struct sink_count n = { 0 };
	struct deadline d;
	struct err e = { 0 };

	deadline_start(&d, 20000, 20000);
	memcpy(rec.id, r->key, sizeof(rec.id));
	if (sink_sqlite_ops.begin(p->sink, r, &d, &st, &e) < 0 ||
	    sink_sqlite_ops.add(st, &rec, &e) < 0 ||
	    sink_sqlite_ops.finish(&st, &n, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(n.stored, stored);
	assert_int_equal(n.duplicate, 1 - stored);
}

static void
one_report(void **state)
{
	struct report r = make_report(1, "d.example", AT);
	struct place p;

	(void)state;
	place_make(&p);
	place_open(&p);
	deliver(&p, &r, 1);
	assert_answer(&p,
	    "SELECT arrival_date || ' ' || domain || ' ' || source_country ||"
	    " ' ' || auth_failure || ' ' || errors || ' ' || sample_from || ' '"
	    " || sample_to || ' ' || sample_date || ' ' || intake_message_id"
	    " FROM view_failure_report",
	    "2026-01-01T22:30:00 d.example DE [\"dmarc\",\"spf\"] "
	    "[\"something was missing\"] a@d.example b@r.example "
	    "2026-01-01T22:29:00+00:00 1@r.example");
	assert_answer(&p,
	    "SELECT sample_raw || sample_body || sample_subject ||"
	    " sample_headers_only FROM failure_report",
	    "From: A <a@d.example>\ntexts0");
	assert_answer(&p,
	    "SELECT group_concat(name || '=' || value, ';')"
	    " FROM failure_field",
	    "version=1;reported-uri=https://x.example/");
	assert_answer(&p,
	    "SELECT group_concat(position || name || '=' || value, ';')"
	    " FROM failure_sample_header",
	    "0from=A <a@d.example>;1received=one;2received=two");
	assert_answer(&p,
	    "SELECT group_concat(header || position || coalesce(display_name,"
	    " '-') || address, ';') FROM failure_sample_address",
	    "from0Aa@d.example;to0-b@r.example;to1Cc@r.example");
	assert_answer(&p,
	    "SELECT coalesce(filename, '-') || content_type || sha256"
	    " FROM failure_sample_attachment",
	    "-image/png00");
	place_clear(&p);
}

static void
a_copy_is_stored_once(void **state)
{
	struct report r = make_report(1, "d.example", AT);
	struct report other = make_report(2, "d.example", AT);
	struct place p;

	(void)state;
	place_make(&p);
	place_open(&p);
	deliver(&p, &r, 1);
	r.failure.sample = (struct sample){ .date = INT64_MIN };
	deliver(&p, &r, 0);
	deliver(&p, &other, 1);
	deliver(&p, &other, 0);
	assert_answer(&p, "SELECT count(*) FROM failure_report", "2");
	assert_answer(&p, "SELECT count(*) FROM failure_field", "4");
	assert_answer(&p, "SELECT count(*) FROM failure_sample_header", "6");
	place_clear(&p);
}

static void
nothing_is_known(void **state)
{
	struct report r = make_report(1, "d.example", INT64_MIN);
	struct place p;

	(void)state;
	r.failure.sample = (struct sample){ .date = INT64_MIN };
	place_make(&p);
	place_open(&p);
	deliver(&p, &r, 1);
	assert_answer(&p,
	    "SELECT (arrival_date IS NULL) || (sample_headers_only IS NULL) ||"
	    " (sample_date IS NULL) || (authentication_mechanisms IS NULL)"
	    " FROM failure_report",
	    "1111");
	assert_answer(&p, "SELECT arrival_date FROM view_failure_report", NULL);
	place_clear(&p);
}

/* A database of version 1 with a report in it takes failure reports too. */
static void
upgrade_from_version_1(void **state)
{
	struct report r = make_report(1, "d.example", AT);
	struct place p;
	sqlite3 *handle;
	char version[16], *error = NULL;

	(void)state;
	place_make(&p);
	assert_int_equal(sqlite3_open(p.path, &handle), SQLITE_OK);
	if (sqlite3_exec(handle, schema_1, NULL, NULL, &error) != SQLITE_OK ||
	    sqlite3_exec(handle,
		"INSERT INTO aggregate_report (key, org_name, date_begin,"
		" date_end, normalized_timespan, unreadable_count, complete)"
		" VALUES (x'01', 'r.example', 1, 2, 0, 0, 1);"
		"INSERT INTO aggregate_record (report_id, position, day,"
		" digest, date_begin, date_end, message_count, dkim_aligned,"
		" spf_aligned, passed_dmarc) VALUES (1, 0, 0, x'02', 1, 2, 7,"
		" 1, 1, 1)",
		NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	sqlite3_close(handle);
	assert_answer(&p, "PRAGMA user_version", "1");

	place_open(&p);
	deliver(&p, &r, 1);
	(void)snprintf(version, sizeof(version), "%d", sqlite_schema_version);
	assert_answer(&p, "PRAGMA user_version", version);
	assert_answer(&p, "SELECT count(*) FROM view_failure_report", "1");
	assert_answer(&p,
	    "SELECT org_name || message_count FROM view_aggregate_record",
	    "r.example7");
	place_clear(&p);
}

/* What is left of a database is the same, whichever version began it. */
static void
upgraded_is_as_new(void **state)
{
	static const char sql[] =
	    "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master"
	    " ORDER BY name)";
	struct place fresh, old;
	sqlite3 *handle;
	char *wanted;

	(void)state;
	place_make(&fresh);
	place_open(&fresh);
	place_make(&old);
	assert_int_equal(sqlite3_open(old.path, &handle), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(handle, schema_1, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
	place_open(&old);
	wanted = ask(&fresh, sql);
	assert_non_null(wanted);
	assert_answer(&old, sql, wanted);
	free(wanted);
	place_clear(&fresh);
	place_clear(&old);
}

static void
the_reader_counts(void **state)
{
	struct sqlite_report_filter filter = { .top = 10 };
	struct report reports[] = { make_report(1, "d.example", AT),
		make_report(2, "D.Example", AT + 5),
		make_report(3, "e.example", AT - 86400),
		make_report(4, "f.example", INT64_MIN) };
	struct arena *a = arena_new();
	struct sqlite_report out;
	struct err e = { 0 };
	struct place p;
	size_t i;

	(void)state;
	place_make(&p);
	place_open(&p);
	for (i = 0; i < 4; i++)
		deliver(&p, &reports[i], 1);
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 1);
	assert_int_equal(out.totals.failure_reports, 4);
	assert_int_equal(out.failed_mail_count, 3);
	assert_string_equal(out.failed_mails[0].domain, "D.Example");
	assert_string_equal(out.failed_mails[0].ip_address, "192.0.2.1");
	assert_int_equal(out.failed_mails[0].reports, 2);
	assert_int_equal(out.failed_mails[0].last_arrival, AT + 5);
	assert_true(out.failed_mails[2].last_arrival == INT64_MIN);

	filter.since = AT - 100; /* the undated one is not known to be later */
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 1);
	assert_int_equal(out.totals.failure_reports, 2);
	filter =
	    (struct sqlite_report_filter){ .top = 1, .domain = "E.EXAMPLE" };
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 1);
	assert_int_equal(out.totals.failure_reports, 1);
	assert_int_equal(out.failed_mail_count, 1);
	arena_free(&a);
	place_clear(&p);
}

int
main(void)
{
	static struct unit u;

	UNIT_ONE(&u, one_report);
	UNIT_ONE(&u, a_copy_is_stored_once);
	UNIT_ONE(&u, nothing_is_known);
	UNIT_ONE(&u, upgrade_from_version_1);
	UNIT_ONE(&u, upgraded_is_as_new);
	UNIT_ONE(&u, the_reader_counts);
	return unit_run("sqlite_failure", &u);
}
