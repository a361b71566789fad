/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sqlite.c - what finish has answered with 0 is in the database once,
 * and what it has not is not counted. The database is read back with a
 * connection of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/sink/sink.h"
#include "common/sink/sqlite_report.h"
#include "common/sink/sqlite_schema.h"
#include "tests/unit/intake.h"
#include "tests/unit/schema_4.h"
#include "tests/unit/unit.h"

#define BEGIN_S 1700000000 /* 2023-11-14T22:13:20Z */
#define END_S (BEGIN_S + 86399)
#define NOBODY 65534

/* A database in a folder of its own. */
struct place {
	char folder[64];
	char path[96];
	struct conf conf;
	struct sink *sink;
};

static void
place_make(struct place *p)
{
	*p = (struct place){ .folder = "/tmp/test_sqlite.XXXXXX" };
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
remove_file(const struct place *p, const char *suffix)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s%s", p->path, suffix);
	if (unlink(name) < 0)
		assert_int_equal(errno, ENOENT);
}

static void
place_clear(struct place *p)
{
	sink_sqlite_ops.close(&p->sink);
	assert_null(p->sink);
	remove_file(p, "");
	remove_file(p, "-wal");
	remove_file(p, "-shm");
	remove_file(p, ".old");
	remove_file(p, ".old-wal");
	assert_int_equal(rmdir(p->folder), 0);
}

static sqlite3 *
place_connect(const struct place *p)
{
	sqlite3 *handle;

	assert_int_equal(
	    sqlite3_open_v2(p->path, &handle, SQLITE_OPEN_READWRITE, NULL),
	    SQLITE_OK);
	sqlite3_busy_timeout(handle, 10000);
	return handle;
}

static void
run(sqlite3 *handle, const char *sql)
{
	if (sqlite3_exec(handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
}

static int64_t
ask(const struct place *p, const char *sql)
{
	sqlite3 *handle = place_connect(p);
	sqlite3_stmt *st;
	int64_t value;

	if (sqlite3_prepare_v2(handle, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(handle);
	return value;
}

static void
assert_text(const struct place *p, const char *sql, const char *expected)
{
	sqlite3 *handle = place_connect(p);
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(handle, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), expected);
	sqlite3_finalize(st);
	sqlite3_close(handle);
}

/* Nothing hangs on what does not exist, and the file is sound. */
static void
assert_sound(const struct place *p)
{
	assert_text(p, "PRAGMA integrity_check", "ok");
	assert_int_equal(
	    ask(p, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

/* 32 bytes that differ with n. */
static void
digest_of(unsigned char digest[REPORT_ID_BYTES], uint64_t n)
{
	size_t i;

	for (i = 0; i < REPORT_ID_BYTES; i++)
		digest[i] = (unsigned char)((n >> i % 8 * 8) + i);
}

static struct report
report_of_key(uint64_t key)
{
	struct report r = { .kind = REPORT_AGGREGATE };

	digest_of(r.key, key);
	r.intake = intake_full("lmtp", END_S + 3600);
	r.aggregate = (struct aggregate){ .xml_schema = "draft",
		.org_name = "r.example",
		.org_email = "noreply@r.example",
		.report_id = "id-1",
		.begin = BEGIN_S,
		.end = END_S };
	r.aggregate.policy = (struct policy_published){
		.domain = "d.example", .p = "reject", .sp = "none", .pct = "50"
	};
	return r;
}

static const struct dkim_result dkim = { "d.example", "s1", "pass", "good" };
static const struct spf_result spf = { "b.example", "mfrom", "fail", NULL };
static const struct policy_override override = { "local_policy", "list" };

static struct record
record_of(uint64_t key, uint64_t position)
{
	struct record rec = { .position = position,
		.interval_begin = BEGIN_S,
		.interval_end = END_S,
		.day = BEGIN_S / 86400,
		.source = { .ip_address = "192.0.2.1",
		    .country = "DE",
		    .asn = 64500 },
		.message_count = 3,
		.disposition = "none",
		.policy_dkim = "pass",
		.policy_spf = "fail",
		.dkim_aligned = true,
		.passed_dmarc = true,
		.header_from = "d.example",
		.envelope_from = "b.example",
		.category = "aligned",
		.overrides = &override,
		.override_count = 1,
		.dkim_results = &dkim,
		.dkim_count = 1,
		.spf_results = &spf,
		.spf_count = 1 };

	digest_of(rec.id, key * 1000003 + position);
	return rec;
}

/* One report on its way, and what came of it. */
struct delivery {
	struct place *place;
	uint64_t key;
	size_t count;
	const char *header_from; /* NULL: as usual */
	int64_t budget_ms;       /* 0: a minute */
	int rc;
	struct sink_count n;
	struct err err;
	pthread_t thread;
};

/* The stream goes on until count records are added, or one fails. */
static int
add_all(struct sink_stream *st, struct delivery *d)
{
	struct record rec;
	size_t i;

	for (i = 0; i < d->count; i++) {
		rec = record_of(d->key, i);
		if (d->header_from != NULL)
			rec.header_from = d->header_from;
		if (sink_sqlite_ops.add(st, &rec, &d->err) < 0)
			return -1;
	}
	return 0;
}

static void
deliver(struct delivery *d)
{
	struct report r = report_of_key(d->key);
	struct deadline deadline;
	struct sink_stream *st = NULL;

	d->rc = -1;
	deadline_start(&deadline, 0, d->budget_ms > 0 ? d->budget_ms : 60000);
	if (sink_sqlite_ops.begin(d->place->sink, &r, &deadline, &st, &d->err) <
	    0)
		return;
	if (add_all(st, d) < 0)
		sink_sqlite_ops.abort(&st);
	else
		d->rc = sink_sqlite_ops.finish(&st, &d->n, &d->err);
}

static void
assert_delivered(struct place *p, uint64_t key, size_t count, uint64_t stored,
    uint64_t duplicate)
{
	struct delivery d = { .place = p, .key = key, .count = count };

	deliver(&d);
	if (d.rc < 0)
		fail_msg("%s", d.err.text);
	assert_int_equal(d.n.stored, stored);
	assert_int_equal(d.n.duplicate, duplicate);
}

static void
assert_refused(struct place *p, uint64_t key, size_t count, enum err_kind kind)
{
	struct delivery d = { .place = p, .key = key, .count = count };

	deliver(&d);
	assert_int_equal(d.rc, -1);
	assert_int_equal(d.err.kind, kind);
	assert_string_not_equal(d.err.text, "");
}

/* SQLite calls this for each new connection: what the sink does is counted
 * where it happens. */
static _Atomic int commits;

static int
count_commit(void *unused)
{
	(void)unused;
	commits++;
	return 0;
}

static int
watch_commits(sqlite3 *handle, char **error, const void *api)
{
	(void)error;
	(void)api;
	sqlite3_commit_hook(handle, count_commit, NULL);
	return SQLITE_OK;
}

static int
limit_pages(sqlite3 *handle, char **error, const void *api)
{
	(void)error;
	(void)api;
	return sqlite3_exec(
	    handle, "PRAGMA max_page_count = 200", NULL, NULL, NULL);
}

#define EXTENSION(fn) ((void (*)(void))(uintptr_t)(fn))

static void
one_report(void **state)
{
	struct place p;
	struct stat st;

	(void)state;
	place_make(&p);
	place_open(&p);
	assert_delivered(&p, 1, 2, 2, 0);

	assert_int_equal(stat(p.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(ask(&p, "PRAGMA user_version"), sqlite_schema_version);
	assert_text(&p, "PRAGMA journal_mode", "wal");
	assert_text(&p,
	    "SELECT concat_all FROM (SELECT org_name || ' ' || org_email || ' '"
	    " || report_id || ' ' || domain || ' ' || p || ' ' || sp || ' ' ||"
	    " pct || ' ' || date_begin || ' ' || date_end || ' ' || complete ||"
	    " ' ' || intake_transport || ' ' || intake_received || ' ' ||"
	    " intake_message_id || ' ' || intake_envelope_from || ' ' ||"
	    " intake_envelope_recipient || ' ' || ifnull(errors, '-') AS"
	    " concat_all FROM aggregate_report WHERE length(key) = 32)",
	    "r.example noreply@r.example id-1 d.example reject none 50 "
	    "1700000000 1700086399 1 lmtp 1700089999 1@r.example "
	    "n@r.example rua@d.example -");
	assert_text(&p,
	    "SELECT concat_all FROM (SELECT kind || ' ' || org_name || ' ' ||"
	    " dkim || ' ' || dmarc || ' ' || spf || ' ' || method || ' ' ||"
	    " domain || ' ' || reporter || ' ' || aligned || ' ' ||"
	    " discrepancies || ' ' || intake_received AS concat_all"
	    " FROM view_reporter)",
	    "aggregate r.example pass none fail dkim m.r.example r.example 1 "
	    "[\"a is b\",\"c is \\\"d\\\"\"] 2023-11-15T23:13:19+00:00");
	assert_text(&p,
	    "SELECT position || ' ' || day || ' ' || length(digest) || ' ' ||"
	    " date_begin || ' ' || date_end || ' ' || source_ip_address || ' '"
	    " || source_country || ' ' || source_asn || ' ' || message_count ||"
	    " ' ' || disposition || ' ' || policy_dkim || ' ' || policy_spf ||"
	    " ' ' || dkim_aligned || ' ' || spf_aligned || ' ' || passed_dmarc"
	    " || ' ' || header_from || ' ' || envelope_from || ' ' ||"
	    " ifnull(envelope_to, '-') || ' ' || ifnull(source_name, '-')"
	    " FROM aggregate_record WHERE position = 1",
	    "1 19675 32 1700000000 1700086399 192.0.2.1 DE 64500 3 none pass "
	    "fail 1 0 1 d.example b.example - -");
	assert_text(&p,
	    "SELECT dkim_results_combined || ', ' || spf_results_combined ||"
	    " ', ' || date_begin || ' ' || intake_category"
	    " FROM view_aggregate_record LIMIT 1",
	    "s1 / d.example / pass, mfrom / b.example / fail, "
	    "2023-11-14T22:13:20+00:00 aligned");
	assert_text(&p,
	    "SELECT group_concat(type || ' ' || comment) FROM"
	    " aggregate_record_override",
	    "local_policy list,local_policy list");
	assert_sound(&p);
	place_clear(&p);
}

static void
copy_is_all_duplicates(void **state)
{
	struct place p;
	sqlite3 *handle;

	(void)state;
	place_make(&p);
	place_open(&p);
	assert_delivered(&p, 1, 3, 3, 0);
	handle = place_connect(&p);
	run(handle, "UPDATE aggregate_report SET org_email = 'first'");
	sqlite3_close(handle);
	assert_delivered(&p, 1, 3, 0, 3);
	assert_delivered(&p, 2, 3, 3, 0);

	/* and after a restart */
	sink_sqlite_ops.close(&p.sink);
	place_open(&p);
	assert_delivered(&p, 1, 3, 0, 3);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_report"), 2);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_record"), 6);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_record_dkim"), 6);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_report"
				 " WHERE org_email = 'first' AND complete"),
	    1);
	place_clear(&p);
}

static void
errors_are_json(void **state)
{
	const char *errors[] = { "a \"quoted\" one", "two" };
	struct report r = report_of_key(1);
	struct place p;
	struct deadline d;
	struct sink_stream *st;
	struct sink_count n;
	struct err e = { 0 };

	(void)state;
	place_make(&p);
	place_open(&p);
	r.aggregate.errors = errors;
	r.aggregate.error_count = 2;
	r.aggregate.policy.pct = "many";
	deadline_start(&d, 0, 60000);
	assert_int_equal(sink_sqlite_ops.begin(p.sink, &r, &d, &st, &e), 0);
	assert_int_equal(sink_sqlite_ops.finish(&st, &n, &e), 0);
	assert_null(st);
	assert_text(&p, "SELECT errors FROM aggregate_report",
	    "[\"a \\\"quoted\\\" one\",\"two\"]");
	assert_text(&p, "SELECT pct FROM aggregate_report", "many");
	place_clear(&p);
}

/* A record with extensions; what they lie in is not what is stored. */
static void
deliver_extensions(struct place *p, uint64_t key, uint64_t stored)
{
	const struct extension of_report[] = { { "feedback/extension/b", "1" },
		{ "policy_published/a", "\xe2\x9c\x93 \"q\"" } };
	struct extension of_record[] = { { "record/extension/arc", "pass" },
		{ "record/extension/arc", "fail" } };
	char lent[] = "record/extension/lent";
	struct report r = report_of_key(key);
	struct record rec = record_of(key, 0);
	struct record plain = record_of(key, 1);
	struct deadline d;
	struct sink_stream *st;
	struct sink_count n;
	struct err e = { 0 };

	r.aggregate.extensions = of_report;
	r.aggregate.extension_count = 2;
	rec.extensions = of_record;
	rec.extension_count = 2;
	of_record[1].path = lent;
	deadline_start(&d, 0, 60000);
	if (sink_sqlite_ops.begin(p->sink, &r, &d, &st, &e) < 0 ||
	    sink_sqlite_ops.add(st, &rec, &e) < 0 ||
	    sink_sqlite_ops.add(st, &plain, &e) < 0)
		fail_msg("%s", e.text);
	/* a record is borrowed until the next one only */
	memset(lent, 'x', sizeof(lent) - 1);
	memset(of_record, 0, sizeof(of_record));
	if (sink_sqlite_ops.finish(&st, &n, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(n.stored, stored);
	assert_int_equal(n.duplicate, 2 - stored);
}

static void
extensions_are_rows(void **state)
{
	struct place p;
	sqlite3 *handle;

	(void)state;
	place_make(&p);
	place_open(&p);
	assert_delivered(&p, 1, 1, 1, 0); /* one that has none */
	deliver_extensions(&p, 2, 2);
	deliver_extensions(&p, 2, 0);
	assert_text(&p,
	    "SELECT group_concat(x.position || x.path || '=' || x.text, ';')"
	    " FROM aggregate_report_extension AS x JOIN aggregate_report AS r"
	    " ON r.id = x.report_id WHERE substr(r.key, 1, 1) = x'02'",
	    "0feedback/extension/b=1;1policy_published/a=\xe2\x9c\x93 \"q\"");
	assert_text(&p,
	    "SELECT group_concat(x.position || x.path || '=' || x.text, ';')"
	    " FROM aggregate_record_extension AS x JOIN aggregate_record AS c"
	    " ON c.id = x.record_id WHERE c.position = 0",
	    "0record/extension/arc=pass;1record/extension/lent=fail");
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_report_extension"), 2);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_record_extension"), 2);
	assert_sound(&p);

	/* they go with their report */
	handle = place_connect(&p);
	run(handle, "PRAGMA foreign_keys = ON; DELETE FROM aggregate_report");
	sqlite3_close(handle);
	assert_int_equal(
	    ask(&p, "SELECT (SELECT count(*) FROM aggregate_report_extension)"
		    " + (SELECT count(*) FROM aggregate_record_extension)"),
	    0);
	place_clear(&p);
}

static const struct piece_case {
	const char *name;
	size_t count;
	int commits;
} piece_cases[] = {
	{ "a report without records", 0, 1 },
	{ "one record", 1, 1 },
	{ "4,999 records: one piece", 4999, 1 },
	{ "5,000 records: one piece", 5000, 1 },
	{ "5,001 records: two pieces", 5001, 2 },
	{ "12,000 records: three pieces", 12000, 3 },
};

static void
pieces(void **state)
{
	const struct piece_case *c = *state;
	struct place p;

	place_make(&p);
	sqlite3_auto_extension(EXTENSION(watch_commits));
	place_open(&p);
	sqlite3_cancel_auto_extension(EXTENSION(watch_commits));
	commits = 0;
	assert_delivered(&p, 7, c->count, c->count, 0);
	assert_int_equal(commits, c->commits);
	assert_delivered(&p, 7, c->count, 0, c->count);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_record"),
	    (int64_t)c->count);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_record_spf"),
	    (int64_t)c->count);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_report WHERE complete"), 1);
	place_clear(&p);
}

static _Atomic int started;

static void *
deliver_in_thread(void *arg)
{
	started++;
	deliver(arg);
	return NULL;
}

static void
pause_ms(long ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/*
 * Another process has the lock while these come: all wait, the first of them
 * for the lock and the others for their turn.
 */
static void
deliver_behind_lock(struct place *p, struct delivery *d, int count)
{
	sqlite3 *handle = place_connect(p);
	int i;

	run(handle, "BEGIN IMMEDIATE");
	started = 0;
	for (i = 0; i < count; i++)
		assert_int_equal(pthread_create(&d[i].thread, NULL,
				     deliver_in_thread, &d[i]),
		    0);
	for (i = 0; started < count && i < 1000; i++)
		pause_ms(10);
	assert_int_equal(started, count);
	pause_ms(300);
	run(handle, "ROLLBACK");
	for (i = 0; i < count; i++)
		assert_int_equal(pthread_join(d[i].thread, NULL), 0);
	sqlite3_close(handle);
}

static const struct share_case {
	const char *name;
	int threads;
	size_t records; /* of each */
	int commits;
} share_cases[] = {
	{ "two mails share a commit", 2, 5, 1 },
	{ "twenty mails share a commit", 20, 5, 1 },
	{ "but no more than 5,000 records", 4, 2500, 2 },
	{ "a full piece stands alone", 3, 5000, 3 },
};

static void
shared_commits(void **state)
{
	const struct share_case *c = *state;
	struct delivery d[20] = { 0 };
	struct place p;
	int i;

	place_make(&p);
	sqlite3_auto_extension(EXTENSION(watch_commits));
	place_open(&p);
	sqlite3_cancel_auto_extension(EXTENSION(watch_commits));
	for (i = 0; i < c->threads; i++) {
		d[i].place = &p;
		d[i].key = (uint64_t)i;
		d[i].count = c->records;
	}
	commits = 0;
	deliver_behind_lock(&p, d, c->threads);
	for (i = 0; i < c->threads; i++) {
		assert_int_equal(d[i].rc, 0);
		assert_int_equal(d[i].n.stored, c->records);
	}
	assert_int_equal(commits, c->commits);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_report WHERE complete"),
	    c->threads);
	assert_sound(&p);
	place_clear(&p);
}

#define LARGE_STREAMS 60
#define LARGE_RECORDS 50 /* of 8 KiB */

static void
add_large(struct sink_stream **st, struct delivery *d, const struct report *r,
    struct deadline *deadline)
{
	assert_int_equal(
	    sink_sqlite_ops.begin(d->place->sink, r, deadline, st, &d->err), 0);
	assert_int_equal(add_all(*st, d), 0);
}

/* 16 MiB of records wait in all streams together, and no more. */
static void
many_large_reports_come_in_smaller_pieces(void **state)
{
	static char text[8 * 1024];
	struct sink_stream *st[LARGE_STREAMS];
	struct delivery d[LARGE_STREAMS] = { 0 };
	struct report r[LARGE_STREAMS];
	struct deadline deadline;
	struct place p;
	int i, again;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	place_make(&p);
	place_open(&p);
	deadline_start(&deadline, 0, 60000);
	for (again = 0; again < 2; again++) {
		for (i = 0; i < LARGE_STREAMS; i++) {
			d[i] = (struct delivery){ .place = &p,
				.key = (uint64_t)(again * LARGE_STREAMS + i),
				.count = LARGE_RECORDS,
				.header_from = text };
			r[i] = report_of_key(d[i].key);
			add_large(&st[i], &d[i], &r[i], &deadline);
			if (i == LARGE_STREAMS / 2)
				assert_int_equal(
				    ask(&p, "SELECT count(*) "
					    "FROM aggregate_record"),
				    again * LARGE_STREAMS * LARGE_RECORDS);
		}
		assert_true(ask(&p, "SELECT count(*) FROM aggregate_record") >
			    again * LARGE_STREAMS * LARGE_RECORDS);
		for (i = 0; i < LARGE_STREAMS; i++) {
			assert_int_equal(
			    sink_sqlite_ops.finish(&st[i], &d[i].n, &d[i].err),
			    0);
			assert_int_equal(d[i].n.stored, LARGE_RECORDS);
		}
	}
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_report WHERE complete"),
	    2 * LARGE_STREAMS);
	place_clear(&p);
}

static void
poison_hurts_itself_only(void **state)
{
	struct delivery d[5] = { 0 };
	struct place p;
	sqlite3 *handle;
	size_t i;

	(void)state;
	place_make(&p);
	sqlite3_auto_extension(EXTENSION(watch_commits));
	place_open(&p);
	sqlite3_cancel_auto_extension(EXTENSION(watch_commits));
	handle = place_connect(&p);
	run(handle, "CREATE TRIGGER poison BEFORE INSERT ON aggregate_record"
		    " WHEN NEW.header_from = 'poison' AND NEW.position = 3"
		    " BEGIN SELECT raise(ABORT, 'poison'); END");
	sqlite3_close(handle);
	for (i = 0; i < 5; i++)
		d[i] = (struct delivery){ .place = &p, .key = i, .count = 5 };
	d[0].header_from = d[3].header_from = "poison";
	commits = 0;
	deliver_behind_lock(&p, d, 5);
	for (i = 0; i < 5; i++) {
		if (i == 0 || i == 3) {
			assert_int_equal(d[i].rc, -1);
			assert_int_equal(d[i].err.kind, ERR_REFUSED);
		} else {
			assert_int_equal(d[i].rc, 0);
			assert_int_equal(d[i].n.stored, 5);
		}
	}
	assert_int_equal(commits, 3); /* each again by itself */
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_report"), 3);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_record"), 15);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_record_override"), 15);
	place_clear(&p);
}

#define MANY 60

/* Every second report is the other thread's as well. */
static void *
deliver_many(void *arg)
{
	struct delivery *d = arg;
	struct delivery one;
	uint64_t i;

	for (i = 0; i < MANY; i++) {
		one = (struct delivery){ .place = d->place, .count = d->count };
		one.key = i % 2 == 0 ? i : i + d->key * MANY;
		deliver(&one);
		if (one.rc < 0) {
			d->err = one.err;
			return NULL;
		}
		d->n.stored += one.n.stored;
		d->n.duplicate += one.n.duplicate;
	}
	d->rc = 0;
	return NULL;
}

static void
two_threads(void **state)
{
	struct delivery d[2];
	struct place p;
	uint64_t i;

	(void)state;
	place_make(&p);
	place_open(&p);
	for (i = 0; i < 2; i++) {
		d[i] = (struct delivery){
			.place = &p, .key = i + 1, .count = 5, .rc = -1
		};
		assert_int_equal(
		    pthread_create(&d[i].thread, NULL, deliver_many, &d[i]), 0);
	}
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_join(d[i].thread, NULL), 0);
	for (i = 0; i < 2; i++)
		if (d[i].rc < 0)
			fail_msg("%s", d[i].err.text);
	assert_int_equal(d[0].n.stored + d[1].n.stored, MANY / 2 * 3 * 5);
	assert_int_equal(d[0].n.duplicate + d[1].n.duplicate, MANY / 2 * 5);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_report WHERE complete"),
	    MANY / 2 * 3);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_record"), MANY / 2 * 3 * 5);
	assert_sound(&p);
	place_clear(&p);
}

/* Runs fn in a process of its own; it must end well. */
static void
in_child(void (*fn)(struct place *p), struct place *p)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		fn(p);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
count_with_reader(
    struct place *p, uint64_t reports, uint64_t incomplete, uint64_t records)
{
	const struct sqlite_report_filter filter = { .top = 5 };
	struct sqlite_report out;
	struct arena *a = arena_new();
	struct err e = { 0 };

	if (sqlite_report_read(&out, a, p->path, &filter, &e) != 1)
		fail_msg("%s", e.text);
	assert_int_equal(out.totals.reports, reports);
	assert_int_equal(out.totals.incomplete, incomplete);
	assert_int_equal(out.totals.records, records);
	arena_free(&a);
}

/* Version 4 added the tables of the extensions. */
static void
upgrade_from_version_3(void **state)
{
	static const char schema[] =
	    "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master"
	    " ORDER BY name)";
	struct place p, fresh;
	sqlite3 *handle, *other;
	sqlite3_stmt *st;

	(void)state;
	place_make(&p);
	place_open(&p);
	assert_delivered(&p, 1, 3, 3, 0);
	sink_sqlite_ops.close(&p.sink);
	handle = place_connect(&p);
	run(handle, BACK_TO_SCHEMA_4 "DROP TABLE aggregate_report_extension;"
				     "DROP TABLE aggregate_record_extension;"
				     "PRAGMA user_version = 3");
	sqlite3_close(handle);

	place_open(&p);
	assert_int_equal(ask(&p, "PRAGMA user_version"), sqlite_schema_version);
	assert_delivered(&p, 1, 3, 0, 3);
	deliver_extensions(&p, 2, 2);
	count_with_reader(&p, 2, 0, 5);
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_report_extension"), 2);
	assert_sound(&p);
	place_make(&fresh);
	place_open(&fresh);
	other = place_connect(&fresh);
	assert_int_equal(
	    sqlite3_prepare_v2(other, schema, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_text(&p, schema, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(other);
	place_clear(&fresh);
	place_clear(&p);
}

static void
killed_half_way(void **state)
{
	struct delivery d;
	struct report r = report_of_key(9);
	struct deadline deadline;
	struct sink_stream *st;
	struct place p;
	pid_t pid;
	int status;

	(void)state;
	place_make(&p);
	if ((pid = fork()) == 0) {
		place_open(&p);
		d = (struct delivery){ .place = &p, .key = 9, .count = 12000 };
		deadline_start(&deadline, 0, 60000);
		if (sink_sqlite_ops.begin(p.sink, &r, &deadline, &st, &d.err) <
			0 ||
		    add_all(st, &d) < 0)
			_exit(1);
		(void)kill(getpid(), SIGKILL); /* before finish */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(
	    ask(&p, "SELECT count(*) FROM aggregate_record"), 10000);
	count_with_reader(&p, 0, 1, 0);

	place_open(&p);
	assert_delivered(&p, 9, 12000, 2000, 10000);
	count_with_reader(&p, 1, 0, 12000);
	assert_delivered(&p, 9, 12000, 0, 12000);
	assert_sound(&p);
	place_clear(&p);
}

static void
aborted_stream(void **state)
{
	struct report r = report_of_key(9);
	struct delivery d = { .key = 9, .count = 4000 };
	struct deadline deadline;
	struct sink_stream *st;
	struct place p;

	(void)state;
	place_make(&p);
	place_open(&p);
	deadline_start(&deadline, 0, 60000);
	assert_int_equal(
	    sink_sqlite_ops.begin(p.sink, &r, &deadline, &st, &d.err), 0);
	assert_int_equal(add_all(st, &d), 0);
	sink_sqlite_ops.abort(&st);
	assert_null(st);
	sink_sqlite_ops.abort(&st);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_report"), 0);
	place_clear(&p);
}

static void
read_only(struct place *p)
{
	if (geteuid() == 0 &&
	    (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)) /* root writes anyway */
		_exit(2);
	place_open(p);
	assert_delivered(p, 1, 3, 3, 0);
	sink_sqlite_ops.close(&p->sink);
	assert_int_equal(chmod(p->path, 0440), 0);
	place_open(p); /* the daemon starts all the same */
	assert_refused(p, 2, 3, ERR_TEMP);
	assert_refused(p, 2, 3, ERR_TEMP);
	assert_int_equal(chmod(p->path, 0640), 0);
	assert_delivered(p, 2, 3, 3, 0);
	assert_delivered(p, 1, 3, 0, 3);
	sink_sqlite_ops.close(&p->sink);
}

static void
read_only_then_recovers(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	if (geteuid() == 0)
		assert_int_equal(chown(p.folder, NOBODY, NOBODY), 0);
	in_child(read_only, &p);
	place_clear(&p);
}

static void
folder_missing_then_made(void **state)
{
	struct place p;
	struct err e = { 0 };

	(void)state;
	place_make(&p);
	assert_int_equal(rmdir(p.folder), 0);
	place_open(&p);
	assert_refused(&p, 1, 3, ERR_TEMP);
	assert_int_equal(sink_sqlite_ops.check(p.sink, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_refused(&p, 1, 6000, ERR_TEMP);
	assert_int_equal(mkdir(p.folder, 0700), 0);
	assert_delivered(&p, 1, 3, 3, 0);
	assert_int_equal(sink_sqlite_ops.check(p.sink, &e), 0);
	place_clear(&p);
}

static void
out_of_pages(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	sqlite3_auto_extension(EXTENSION(limit_pages));
	place_open(&p);
	sqlite3_cancel_auto_extension(EXTENSION(limit_pages));
	assert_delivered(&p, 1, 3, 3, 0);
	assert_refused(&p, 2, 4000, ERR_FULL);
	assert_delivered(&p, 3, 3, 3, 0); /* there is room for a small one */
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_report"), 2);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_record"), 6);
	count_with_reader(&p, 2, 0, 6);

	sink_sqlite_ops.close(&p.sink);
	place_open(&p);
	assert_delivered(&p, 2, 4000, 4000, 0);
	assert_sound(&p);
	place_clear(&p);
}

/* As a full disk does it: writes fail, and work again later. */
static void
full_disk(struct place *p)
{
	struct rlimit limit, before;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 1024 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_refused(p, 2, 12000, ERR_FULL);
	assert_refused(p, 2, 4000, ERR_FULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	count_with_reader(p, 1, 0, 3);
	assert_delivered(p, 2, 12000, 12000, 0);
	assert_delivered(p, 1, 3, 0, 3);
}

static void
disk_full_then_recovers(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	place_open(&p);
	assert_delivered(&p, 1, 3, 3, 0);
	full_disk(&p);
	count_with_reader(&p, 2, 0, 12003);
	assert_sound(&p);
	place_clear(&p);
}

static const struct foreign_case {
	const char *name;
	const char *sql;
} foreign_cases[] = {
	{ "a newer version is refused", "PRAGMA user_version = 99" },
	{ "another program's database is refused",
	    "PRAGMA application_id = 7" },
	{ "tables of nobody are refused",
	    "PRAGMA application_id = 0; PRAGMA user_version = 0" },
};

static void
foreign_database(void **state)
{
	const struct foreign_case *c = *state;
	const struct sqlite_report_filter filter = { .top = 5 };
	struct sqlite_report out;
	struct arena *a = arena_new();
	struct err e = { 0 };
	struct place p;
	sqlite3 *handle;

	place_make(&p);
	place_open(&p);
	sink_sqlite_ops.close(&p.sink);
	handle = place_connect(&p);
	run(handle, c->sql);
	sqlite3_close(handle);
	assert_int_equal(sink_sqlite_ops.open(&p.sink, &p.conf, &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	assert_null(p.sink);
	err_clear(&e);
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	arena_free(&a);
	place_clear(&p);
}

static void
upgraded_under_us(void **state)
{
	struct place p;
	sqlite3 *handle;
	char back[64];

	(void)state;
	place_make(&p);
	place_open(&p);
	assert_delivered(&p, 1, 3, 3, 0);
	handle = place_connect(&p);
	run(handle, "PRAGMA user_version = 99");
	assert_refused(&p, 2, 3, ERR_TEMP);
	assert_refused(&p, 2, 3, ERR_TEMP);
	(void)snprintf(back, sizeof(back), "PRAGMA user_version = %d",
	    sqlite_schema_version);
	run(handle, back);
	sqlite3_close(handle);
	assert_delivered(&p, 2, 3, 3, 0);
	place_clear(&p);
}

static void
not_a_database(void **state)
{
	static const char garbage[8192] = "this is no database";
	struct place p;
	int fd;

	(void)state;
	place_make(&p);
	fd = open(p.path, O_CREAT | O_WRONLY, 0640);
	assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
	close(fd);
	place_open(&p);
	assert_refused(&p, 1, 3, ERR_TEMP);
	remove_file(&p, "");
	assert_delivered(&p, 1, 3, 3, 0);
	place_clear(&p);
}

static void
moved_under_us(void **state)
{
	struct place p;
	char old[128];

	(void)state;
	place_make(&p);
	place_open(&p);
	assert_delivered(&p, 1, 3, 3, 0);
	(void)snprintf(old, sizeof(old), "%s.old", p.path);
	assert_int_equal(rename(p.path, old), 0);
	remove_file(&p, "-wal");
	remove_file(&p, "-shm");
	assert_delivered(&p, 1, 3, 3, 0);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_record"), 3);
	place_clear(&p);
}

static void
locked_until_deadline(void **state)
{
	struct delivery d[3] = { 0 };
	struct place p;
	sqlite3 *handle;
	int64_t start;
	int i;

	(void)state;
	place_make(&p);
	place_open(&p);
	for (i = 0; i < 3; i++)
		d[i] = (struct delivery){ .place = &p,
			.key = (uint64_t)i,
			.count = 3,
			.budget_ms = i == 0 ? 2000 : 300 };
	handle = place_connect(&p);
	run(handle, "BEGIN IMMEDIATE");
	start = clock_mono_ms();
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&d[i].thread, NULL,
				     deliver_in_thread, &d[i]),
		    0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(d[i].thread, NULL), 0);
		assert_int_equal(d[i].rc, -1);
		assert_int_equal(d[i].err.kind, ERR_TEMP);
	}
	assert_in_range(clock_mono_ms() - start, 1900, 9000);
	run(handle, "ROLLBACK");
	sqlite3_close(handle);
	assert_delivered(&p, 1, 3, 3, 0);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_report"), 1);
	place_clear(&p);
}

/* A failed piece is not forgotten by a caller who goes on to finish. */
static void
failed_piece_sticks(void **state)
{
	struct report r = report_of_key(4);
	struct delivery d = { .key = 4, .count = 5001 };
	struct deadline deadline;
	struct sink_stream *st;
	struct place p;
	sqlite3 *handle;

	(void)state;
	place_make(&p);
	place_open(&p);
	handle = place_connect(&p);
	run(handle, "BEGIN IMMEDIATE");
	deadline_start(&deadline, 0, 300);
	assert_int_equal(
	    sink_sqlite_ops.begin(p.sink, &r, &deadline, &st, &d.err), 0);
	assert_int_equal(add_all(st, &d), -1);
	assert_int_equal(d.err.kind, ERR_TEMP);
	run(handle, "ROLLBACK");
	sqlite3_close(handle);
	deadline_progress(&deadline);
	err_clear(&d.err);
	assert_int_equal(sink_sqlite_ops.finish(&st, &d.n, &d.err), -1);
	assert_int_equal(d.err.kind, ERR_TEMP);
	assert_null(st);
	assert_int_equal(ask(&p, "SELECT count(*) FROM aggregate_report"), 0);
	place_clear(&p);
}

#define SMALL_REPORTS 40

static void
deliver_set(struct place *p)
{
	struct delivery d;
	uint64_t i;

	place_open(p);
	for (i = 0; i < SMALL_REPORTS + 1; i++) {
		d = (struct delivery){ .place = p, .key = i, .count = 5 };
		if (i == SMALL_REPORTS / 2)
			d.count = 12000;
		deliver(&d);
		if (d.rc < 0) {
			(void)fprintf(stderr, "%s\n", d.err.text);
			_exit(1);
		}
	}
	sink_sqlite_ops.close(&p->sink);
}

/* The same mails come to two at once, who also create the database at once. */
static void
two_processes(void **state)
{
	struct place p;
	pid_t pid[2];
	int i, status;

	(void)state;
	place_make(&p);
	for (i = 0; i < 2; i++) {
		if ((pid[i] = fork()) == 0) {
			deliver_set(&p);
			_exit(0);
		}
		assert_true(pid[i] > 0);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	count_with_reader(&p, SMALL_REPORTS + 1, 0, SMALL_REPORTS * 5 + 12000);
	assert_sound(&p);
	place_clear(&p);
}

/* Records that differ from the usual one for the reader to add up. */
static void
deliver_one_record(struct place *p, const struct report *r,
    const struct record *rec, struct err *e)
{
	struct deadline d;
	struct sink_stream *st;
	struct sink_count n;

	deadline_start(&d, 0, 60000);
	if (sink_sqlite_ops.begin(p->sink, r, &d, &st, e) < 0 ||
	    sink_sqlite_ops.add(st, rec, e) < 0 ||
	    sink_sqlite_ops.finish(&st, &n, e) < 0)
		fail_msg("%s", e->text);
	assert_int_equal(n.stored, 1);
}

static void
fill_for_reader(struct place *p)
{
	struct report r = report_of_key(2);
	struct record rec = record_of(2, 0);
	struct err e = { 0 };

	assert_delivered(p, 1, 2, 2, 0); /* 6 messages, all pass */
	r.aggregate.org_name = "other.example";
	r.aggregate.policy.domain = "D.Example";
	r.aggregate.policy.p = "quarantine";
	r.aggregate.end = rec.interval_end = END_S + 86400;
	rec.source.ip_address = "192.0.2.9";
	rec.source.name = "Spam Inc";
	rec.header_from = "d.example";
	rec.disposition = "quarantine";
	rec.policy_dkim = "fail";
	rec.dkim_aligned = rec.passed_dmarc = false;
	rec.message_count = 10;
	deliver_one_record(p, &r, &rec, &e);

	r = report_of_key(3);
	rec = record_of(3, 0);
	r.aggregate.policy.domain = "b.example";
	r.aggregate.begin = rec.interval_begin = BEGIN_S - 10 * 86400;
	r.aggregate.end = rec.interval_end = END_S - 10 * 86400;
	rec.message_count = 1;
	deliver_one_record(p, &r, &rec, &e);
}

static void
reader_adds_up(void **state)
{
	struct sqlite_report_filter filter = { .top = 5 };
	struct sqlite_report out;
	struct arena *a = arena_new();
	struct err e = { 0 };
	struct place p;

	(void)state;
	place_make(&p);
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 0);
	place_open(&p);
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 1);
	assert_int_equal(out.totals.reports, 0);
	fill_for_reader(&p);

	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 1);
	assert_int_equal(out.totals.reports, 3);
	assert_int_equal(out.totals.records, 4);
	assert_int_equal(out.totals.n.messages, 17);
	assert_int_equal(out.totals.n.passed, 7);
	assert_int_equal(out.totals.begin, BEGIN_S - 10 * 86400);
	assert_int_equal(out.totals.end, END_S + 86400);
	assert_int_equal(out.domain_count, 2);
	assert_string_equal(out.domains[0].p, "quarantine"); /* the latest */
	assert_int_equal(out.domains[0].reports, 2);
	assert_int_equal(out.domains[0].n.messages, 16);
	assert_int_equal(out.domains[0].n.passed, 6);
	assert_string_equal(out.domains[1].domain, "b.example");
	assert_int_equal(out.source_count, 2);
	assert_string_equal(out.sources[0].ip_address, "192.0.2.9");
	assert_string_equal(out.sources[0].name, "Spam Inc");
	assert_int_equal(out.sources[0].n.passed, 0);
	assert_int_equal(out.sources[1].n.messages, 7);
	assert_int_equal(out.failure_count, 1);
	assert_string_equal(out.failures[0].header_from, "d.example");
	assert_string_equal(out.failures[0].disposition, "quarantine");
	assert_string_equal(out.failures[0].dkim, "fail");
	assert_int_equal(out.failures[0].messages, 10);
	assert_int_equal(out.reporter_count, 2);
	assert_string_equal(out.reporters[0].org_name, "r.example");
	assert_int_equal(out.reporters[0].reports, 2);
	assert_int_equal(out.reporters[0].last_received, END_S + 3600);

	filter.domain = "d.EXAMPLE";
	filter.top = 1;
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 1);
	assert_int_equal(out.totals.n.messages, 16);
	assert_int_equal(out.source_count, 1);
	filter.domain = NULL;
	filter.since = END_S;
	assert_int_equal(sqlite_report_read(&out, a, p.path, &filter, &e), 1);
	assert_int_equal(out.totals.reports, 1);
	assert_int_equal(out.totals.n.messages, 10);
	arena_free(&a);
	place_clear(&p);
}

static void
huge_counts_add_up(void **state)
{
	struct sqlite_report_filter filter = { .top = 5 };
	struct sqlite_report out;
	struct arena *a = arena_new();
	struct report r;
	struct record rec;
	struct err e = { 0 };
	struct place p;
	uint64_t key;

	(void)state;
	place_make(&p);
	place_open(&p);
	for (key = 1; key <= 3; key++) {
		r = report_of_key(key);
		rec = record_of(key, 0);
		rec.message_count = INT64_MAX;
		deliver_one_record(&p, &r, &rec, &e);
	}
	if (sqlite_report_read(&out, a, p.path, &filter, &e) != 1)
		fail_msg("%s", e.text);
	assert_int_equal(out.totals.reports, 3);
	assert_true(out.totals.n.messages >= INT64_MAX);
	arena_free(&a);
	place_clear(&p);
}

int
main(void)
{
	struct unit u = { 0 };

	UNIT_ONE(&u, one_report);
	UNIT_ONE(&u, copy_is_all_duplicates);
	UNIT_ONE(&u, errors_are_json);
	UNIT_ONE(&u, extensions_are_rows);
	UNIT_ROWS(&u, piece_cases, pieces);
	UNIT_ROWS(&u, share_cases, shared_commits);
	UNIT_ONE(&u, many_large_reports_come_in_smaller_pieces);
	UNIT_ONE(&u, poison_hurts_itself_only);
	UNIT_ONE(&u, two_threads);
	UNIT_ONE(&u, killed_half_way);
	UNIT_ONE(&u, aborted_stream);
	UNIT_ONE(&u, read_only_then_recovers);
	UNIT_ONE(&u, folder_missing_then_made);
	UNIT_ONE(&u, out_of_pages);
	UNIT_ONE(&u, disk_full_then_recovers);
	UNIT_ROWS(&u, foreign_cases, foreign_database);
	UNIT_ONE(&u, upgrade_from_version_3);
	UNIT_ONE(&u, upgraded_under_us);
	UNIT_ONE(&u, not_a_database);
	UNIT_ONE(&u, moved_under_us);
	UNIT_ONE(&u, locked_until_deadline);
	UNIT_ONE(&u, failed_piece_sticks);
	UNIT_ONE(&u, two_processes);
	UNIT_ONE(&u, reader_adds_up);
	UNIT_ONE(&u, huge_counts_add_up);
	return unit_run("sqlite", &u);
}
