/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_again.c - the sources in the database seen again: a batch is read,
 * told anew without a lock, and written in a transaction of its own, so that
 * the daemon's mails get in between.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/report/category.h"
#include "common/sink/again.h"
#include "common/sink/sqlite_bind.h"

#define BATCH 2000
#define LOCK_MS (60 * 1000)
#define RESULTS_MAX 200 /* of one record; more say nothing new */

#define COLUMNS \
	"source_ip_address, source_country, source_reverse_dns," \
	" source_base_domain, source_name, source_type, source_asn," \
	" source_as_name, source_as_domain, intake_reverse_dns_confirmed"
#define SELECT(table) \
	"SELECT " COLUMNS ", id FROM " table " WHERE id > ?1" \
	" AND (?2 = 0 OR source_reverse_dns IS NULL) ORDER BY id LIMIT ?3"
#define UPDATE(table) \
	"UPDATE " table " SET (" COLUMNS ") =" \
	" (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?"

/* What a domain of ours authenticated, for the category (category.h). */
#define PASSED(table) \
	"SELECT r.header_from, a.domain FROM aggregate_record AS r " \
	"JOIN " table \
	" AS a ON a.record_id = r.id WHERE r.id = ?1 AND a.result = 'pass'" \
	" AND a.domain IS NOT NULL AND r.header_from IS NOT NULL"
static const char passed[] = PASSED(
    "aggregate_record_dkim") " UNION ALL " PASSED("aggregate_record_spf");
/* Only between these two does the name of the source decide. */
static const char categorize[] =
    "UPDATE aggregate_record SET intake_category = ?1 WHERE id = ?2"
    " AND intake_category IN ('misconfigured', 'unknown')";

/* In the order of COLUMNS, as sqlite_bind_source has it. */
enum {
	COLUMN_IP,
	COLUMN_COUNTRY,
	COLUMN_REVERSE_DNS,
	COLUMN_BASE_DOMAIN,
	COLUMN_NAME,
	COLUMN_TYPE,
	COLUMN_ASN,
	COLUMN_AS_NAME,
	COLUMN_AS_DOMAIN,
	COLUMN_CONFIRMED,
	COLUMN_ID
};

static const struct {
	const char *select, *update;
	bool has_category;
} tables[] = {
	{ SELECT("aggregate_record"), UPDATE("aggregate_record"), true },
	{ SELECT("failure_report"), UPDATE("failure_report"), false },
};

struct batch {
	struct sqlite_db *db;
	const struct again *how;
	sqlite3_stmt *select, *update;
	sqlite3_stmt *passed, *categorize; /* NULL: no category */
	struct suffix_list *suffixes;
	struct arena *text;
	int64_t last; /* id that was seen */
	int64_t ids[BATCH];
	struct source before[BATCH], now[BATCH];
	size_t count;
};

static const char *
text_of(struct batch *b, int column)
{
	return arena_strdup(
	    b->text, (const char *)sqlite3_column_text(b->select, column));
}

static void
take_row(struct batch *b)
{
	const bool knows =
	    sqlite3_column_type(b->select, COLUMN_CONFIRMED) != SQLITE_NULL;

	b->ids[b->count] = sqlite3_column_int64(b->select, COLUMN_ID);
	b->before[b->count] = (struct source){
		.ip_address = text_of(b, COLUMN_IP),
		.country = text_of(b, COLUMN_COUNTRY),
		.reverse_dns = text_of(b, COLUMN_REVERSE_DNS),
		.base_domain = text_of(b, COLUMN_BASE_DOMAIN),
		.name = text_of(b, COLUMN_NAME),
		.type = text_of(b, COLUMN_TYPE),
		.asn = sqlite3_column_int64(b->select, COLUMN_ASN),
		.as_name = text_of(b, COLUMN_AS_NAME),
		.as_domain = text_of(b, COLUMN_AS_DOMAIN),
		.confirmed = !knows ? SOURCE_UNKNOWN
			     : sqlite3_column_int(b->select, COLUMN_CONFIRMED)
				 ? SOURCE_YES
				 : SOURCE_NO,
	};
	b->now[b->count] = b->before[b->count];
	b->last = b->ids[b->count++];
}

static int
read_batch(struct batch *b, struct err *e)
{
	int code;

	arena_reset(b->text);
	b->count = 0;
	(void)sqlite3_bind_int64(b->select, 1, b->last);
	(void)sqlite3_bind_int(b->select, 2, b->how->only_missing);
	(void)sqlite3_bind_int(b->select, 3, BATCH);
	while ((code = sqlite3_step(b->select)) == SQLITE_ROW)
		take_row(b);
	(void)sqlite3_reset(b->select);
	return code == SQLITE_DONE ? 0 : sqlite_db_fail(b->db, code, e);
}

/* The category of a record that failed, with its source as it is now. */
static int
find_category(struct batch *b, size_t i, const char **category, struct err *e)
{
	struct dkim_result results[RESULTS_MAX];
	struct record rec = { .source = b->now[i], .dkim_results = results };
	int code;

	(void)sqlite3_bind_int64(b->passed, 1, b->ids[i]);
	while ((code = sqlite3_step(b->passed)) == SQLITE_ROW &&
	       rec.dkim_count < RESULTS_MAX) {
		rec.header_from = arena_strdup(
		    b->text, (const char *)sqlite3_column_text(b->passed, 0));
		results[rec.dkim_count++] = (struct dkim_result){
			.domain = arena_strdup(b->text,
			    (const char *)sqlite3_column_text(b->passed, 1)),
			.result = "pass",
		};
	}
	(void)sqlite3_reset(b->passed);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return sqlite_db_fail(b->db, code, e);
	*category = category_of(&rec, b->suffixes);
	return 0;
}

static int
write_category(struct batch *b, size_t i, struct err *e)
{
	struct sqlite_binder binder = { b->categorize, 0, SQLITE_OK };
	const char *category;

	if (b->categorize == NULL)
		return 0;
	if (find_category(b, i, &category, e) < 0)
		return -1;
	sqlite_bind_text(&binder, category);
	sqlite_bind_int(&binder, b->ids[i]);
	return sqlite_insert(b->db, &binder, e);
}

/* Those that are other now. */
static int
write_rows(struct batch *b, uint64_t *changed, struct err *e)
{
	size_t i;

	for (i = 0; i < b->count; i++) {
		struct sqlite_binder binder = { b->update, 0, SQLITE_OK };

		if (!again_differs(&b->before[i], &b->now[i]))
			continue;
		++*changed;
		if (b->how->is_dry)
			continue;
		sqlite_bind_source(&binder, &b->now[i]);
		sqlite_bind_int(&binder, b->ids[i]);
		if (sqlite_insert(b->db, &binder, e) < 0 ||
		    write_category(b, i, e) < 0)
			return -1;
	}
	return 0;
}

static int
write_batch(struct batch *b, struct err *e)
{
	struct deadline d;
	uint64_t changed = 0;

	deadline_start(&d, LOCK_MS, 0);
	if (b->how->is_dry) {
		(void)write_rows(b, &changed, e);
	} else {
		if (sqlite_db_begin(b->db, &d, e) < 0)
			return -1;
		if (write_rows(b, &changed, e) < 0) {
			struct err ignored;

			(void)sqlite_db_run(
			    b->db, STATEMENT_ROLLBACK, &ignored);
			return -1;
		}
		if (sqlite_db_commit(b->db, e) < 0)
			return -1;
	}
	b->how->count->seen += b->count;
	b->how->count->changed += changed;
	return 0;
}

static int
prepare(struct batch *b, const char *sql, sqlite3_stmt **st, struct err *e)
{
	int code = sqlite3_prepare_v2(b->db->handle, sql, -1, st, NULL);

	return code == SQLITE_OK ? 0 : sqlite_db_fail(b->db, code, e);
}

static int
run_table(struct batch *b, size_t table, struct err *e)
{
	const struct again *how = b->how;
	int rc;

	b->last = INT64_MIN;
	if ((rc = prepare(b, tables[table].select, &b->select, e)) < 0 ||
	    (rc = prepare(b, tables[table].update, &b->update, e)) < 0)
		goto out;
	if (tables[table].has_category &&
	    ((rc = prepare(b, passed, &b->passed, e)) < 0 ||
		(rc = prepare(b, categorize, &b->categorize, e)) < 0))
		goto out;
	do {
		if ((rc = read_batch(b, e)) < 0)
			goto out;
		how->classify(how->context, b->now, b->count);
		if ((rc = write_batch(b, e)) < 0)
			goto out;
		how->told(how->context, how->count);
	} while (b->count == BATCH);
out:
	(void)sqlite3_finalize(b->select);
	(void)sqlite3_finalize(b->update);
	(void)sqlite3_finalize(b->passed);
	(void)sqlite3_finalize(b->categorize);
	b->select = b->update = b->passed = b->categorize = NULL;
	return rc;
}

int
sqlite_again(const struct conf *conf, const struct again *how, struct err *e)
{
	struct batch *b;
	struct sqlite_db db;
	struct deadline d;
	size_t i;
	int rc;

	if (access(conf->sqlite.path, F_OK) < 0)
		return err_set_errno(e, "sqlite: %s", conf->sqlite.path);
	sqlite_db_init(&db, conf->sqlite.path);
	deadline_start(&d, LOCK_MS, 0);
	b = xcalloc(1, sizeof(*b));
	b->db = &db;
	b->how = how;
	b->text = arena_new();
	b->suffixes = suffix_list_open();
	rc = sqlite_db_open(&db, &d, e);
	for (i = 0; rc == 0 && i < sizeof(tables) / sizeof(*tables); i++)
		rc = run_table(b, i, e);
	suffix_list_close(&b->suffixes);
	arena_free(&b->text);
	free(b);
	sqlite_db_clear(&db);
	return rc;
}
