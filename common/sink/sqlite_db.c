/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_db.c - the one writing connection of the SQLite sink.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/sink/sqlite_db.h"
#include "common/sink/sqlite_schema.h"

#define FILE_MODE 0640
#define LOCK_POLL_MS 2

/* What all three kinds of reports have, in the order of sqlite_bind_intake. */
#define INTAKE \
	" intake_transport, intake_received, intake_message_id," \
	" intake_envelope_from, intake_envelope_recipient," \
	" intake_reporter_auth_dkim, intake_reporter_auth_dmarc," \
	" intake_reporter_auth_spf, intake_reporter_auth_method," \
	" intake_reporter_auth_domain, intake_reporter_auth_reporter," \
	" intake_reporter_auth_aligned, intake_discrepancies"
#define INTAKE_VALUES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

static const char *const sql[STATEMENT_COUNT] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_VERSION] = "PRAGMA user_version",
	[STATEMENT_INSERT_REPORT] =
	    "INSERT INTO aggregate_report (key, org_name, org_email,"
	    " org_extra_contact_info, report_id, xml_schema, xml_namespace,"
	    " generator, date_begin, date_end, domain, adkim, aspf, p, sp, pct,"
	    " fo, np, testing, discovery_method, normalized_timespan, errors,"
	    " unreadable_count, complete," INTAKE
	    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " INTAKE_VALUES ")"
	    " ON CONFLICT (key) DO NOTHING",
	[STATEMENT_FIND_REPORT] =
	    "SELECT id FROM aggregate_report WHERE key = ?",
	[STATEMENT_COMPLETE_REPORT] = "UPDATE aggregate_report SET complete = 1"
				      " WHERE id = ? AND complete = 0",
	[STATEMENT_INSERT_RECORD] =
	    "INSERT INTO aggregate_record (report_id, position, day, digest,"
	    " date_begin, date_end, source_ip_address, source_country,"
	    " source_reverse_dns, source_base_domain, source_name, source_type,"
	    " source_asn, source_as_name, source_as_domain,"
	    " intake_reverse_dns_confirmed, message_count,"
	    " disposition, policy_dkim, policy_spf, dkim_aligned, spf_aligned,"
	    " passed_dmarc, header_from, envelope_from, envelope_to,"
	    " intake_category) VALUES (?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?) ON CONFLICT (report_id, position, day, digest) DO "
	    "NOTHING",
	[STATEMENT_INSERT_DKIM] =
	    "INSERT INTO aggregate_record_dkim (record_id, position, domain,"
	    " selector, result, human_result) VALUES (?, ?, ?, ?, ?, ?)",
	[STATEMENT_INSERT_SPF] =
	    "INSERT INTO aggregate_record_spf (record_id, position, domain,"
	    " scope, result, human_result) VALUES (?, ?, ?, ?, ?, ?)",
	[STATEMENT_INSERT_OVERRIDE] =
	    "INSERT INTO aggregate_record_override (record_id, position, type,"
	    " comment) VALUES (?, ?, ?, ?)",
	[STATEMENT_INSERT_REPORT_EXTENSION] =
	    "INSERT INTO aggregate_report_extension (report_id, position, path,"
	    " text) VALUES (?, ?, ?, ?)",
	[STATEMENT_INSERT_RECORD_EXTENSION] =
	    "INSERT INTO aggregate_record_extension (record_id, position, path,"
	    " text) VALUES (?, ?, ?, ?)",
	[STATEMENT_INSERT_TLS_REPORT] =
	    "INSERT INTO smtp_tls_report (key, org_name, contact_info,"
	    " report_id, date_begin, date_end, errors," INTAKE
	    ") VALUES (?, ?, ?, ?, ?, ?, ?, " INTAKE_VALUES ")"
	    " ON CONFLICT (key) DO NOTHING",
	[STATEMENT_INSERT_TLS_POLICY] =
	    "INSERT INTO smtp_tls_policy (report_id, position, policy_domain,"
	    " policy_type, policy_string, mx_host_patterns,"
	    " successful_session_count, failed_session_count) VALUES (?, ?, ?,"
	    " ?, ?, ?, ?, ?)",
	[STATEMENT_INSERT_TLS_FAILURE] =
	    "INSERT INTO smtp_tls_failure_detail (policy_id, position,"
	    " result_type, sending_mta_ip, receiving_ip,"
	    " receiving_mx_hostname, receiving_mx_helo, failed_session_count,"
	    " additional_information_uri, failure_reason_code,"
	    " sending_mta_reverse_dns, sending_mta_name,"
	    " receiving_reverse_dns, receiving_name) VALUES (?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?)",
	[STATEMENT_INSERT_FAILURE] =
	    "INSERT INTO failure_report (key, feedback_type, user_agent,"
	    " version, original_mail_from, original_rcpt_to,"
	    " original_envelope_id, arrival_date, domain,"
	    " authentication_results, delivery_results, source_ip_address,"
	    " source_country, source_reverse_dns, source_base_domain,"
	    " source_name, source_type, source_asn, source_as_name,"
	    " source_as_domain, intake_reverse_dns_confirmed,"
	    " authentication_mechanisms, auth_failure,"
	    " dkim_domain, errors, sample_raw, sample_headers_only,"
	    " sample_date, sample_subject, sample_body," INTAKE
	    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " INTAKE_VALUES ")"
	    " ON CONFLICT (key) DO NOTHING",
	[STATEMENT_INSERT_FAILURE_FIELD] =
	    "INSERT INTO failure_field (report_id, position, name, value)"
	    " VALUES (?, ?, ?, ?)",
	[STATEMENT_INSERT_SAMPLE_HEADER] =
	    "INSERT INTO failure_sample_header (report_id, position, name,"
	    " value) VALUES (?, ?, ?, ?)",
	[STATEMENT_INSERT_SAMPLE_ADDRESS] =
	    "INSERT INTO failure_sample_address (report_id, header, position,"
	    " display_name, address) VALUES (?, ?, ?, ?, ?)",
	[STATEMENT_INSERT_SAMPLE_ATTACHMENT] =
	    "INSERT INTO failure_sample_attachment (report_id, position,"
	    " filename, content_type, sha256) VALUES (?, ?, ?, ?, ?)",
};

/*
 * synchronous FULL: in WAL mode a commit is on the disk when it returns, and
 * no other connection sees it before. The size limit cuts a journal back that
 * a slow reader has let grow.
 */
static const char settings[] =
    /* each child gets the id of the row written just before it */
    "PRAGMA foreign_keys = OFF;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA cache_size = -8192;"
    /* no files in /tmp, which the cage does not let us write */
    "PRAGMA temp_store = MEMORY;"
    /* 16 MB: the last pages are hot, and go back once */
    "PRAGMA wal_autocheckpoint = 4000;"
    "PRAGMA journal_size_limit = 67108864;";

static bool
is_full(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
}

/*
 * SQLite says FULL for ENOSPC only. What an I/O error was about is known in
 * three places, and none of them knows all: the connection misses what
 * happens in COMMIT, each file has its own.
 */
static bool
is_out_of_space(struct sqlite3 *handle)
{
	sqlite3_file *journal = NULL;
	int file_errnum = 0, journal_errnum = 0;

	if (handle == NULL)
		return false;
	(void)sqlite3_file_control(
	    handle, "main", SQLITE_FCNTL_LAST_ERRNO, &file_errnum);
	(void)sqlite3_file_control(
	    handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal);
	if (journal != NULL && journal->pMethods != NULL)
		(void)journal->pMethods->xFileControl(
		    journal, SQLITE_FCNTL_LAST_ERRNO, &journal_errnum);
	return is_full(sqlite3_system_errno(handle)) || is_full(file_errnum) ||
	       is_full(journal_errnum);
}

static enum err_kind
kind_of(int code, struct sqlite3 *handle)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return is_out_of_space(handle) ? ERR_FULL : ERR_TEMP;
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		return ERR_REFUSED;
	default:
		return ERR_TEMP;
	}
}

int
sqlite_error(struct sqlite3 *handle, const char *path, int code, struct err *e)
{
	const char *text =
	    handle == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(handle);

	return err_set(
	    e, kind_of(code, handle), "sqlite: %s: %s (%d)", path, text, code);
}

int
sqlite_db_fail(struct sqlite_db *db, int code, struct err *e)
{
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		db->is_busy = true;
		break;
	case SQLITE_FULL:
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		break;
	default:
		/* who knows what this connection still believes */
		db->is_broken = true;
	}
	return sqlite_error(db->handle, db->path, code, e);
}

void
sqlite_db_init(struct sqlite_db *db, const char *path)
{
	*db = (struct sqlite_db){ .path = xstrdup(path) };
}

/* A lock is in the way: wait for it a little, as long as the mail may. */
static int
wait_for_lock(void *arg, int tries)
{
	const struct sqlite_db *db = arg;
	struct timespec ts = { 0 };
	int64_t pause = tries < LOCK_POLL_MS ? tries + 1 : LOCK_POLL_MS;

	if (db->deadline == NULL ||
	    (pause = deadline_left_ms(db->deadline, pause)) == 0)
		return 0;
	ts.tv_nsec = (long)pause * 1000000;
	(void)nanosleep(&ts, NULL);
	return 1;
}

/*
 * SQLite would make it readable for all. Only a file that is new may be
 * opened here: closing one that SQLite has open drops its locks (fcntl(2)).
 */
static int
create_file(const char *path, struct err *e)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, FILE_MODE);

	if (fd < 0)
		return errno == EEXIST ? 0
				       : err_set_errno(e, "sqlite: %s", path);
	(void)close(fd);
	return 0;
}

/* Two that do this at the same time get BUSY, and SQLite does not wait. */
static int
use_wal(struct sqlite_db *db, struct err *e)
{
	int code, tries = 0;

	do {
		code = sqlite3_exec(
		    db->handle, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	} while ((code & 0xff) == SQLITE_BUSY && wait_for_lock(db, tries++));
	return code == SQLITE_OK ? 0 : sqlite_db_fail(db, code, e);
}

/*
 * A process that was killed between writing a commit and its fsync leaves a
 * commit that is visible after recovery though the disk may not have it. A
 * mail that comes again would be all duplicates and get its 250 for that.
 */
static int
sync_journal(const struct sqlite_db *db, struct err *e)
{
	char *name = xasprintf("%s-wal", db->path);
	int rc = 0, fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		rc = err_set_errno(e, "sqlite: %s", name);
	if (fd >= 0 && fsync(fd) < 0)
		rc = err_set_errno(e, "sqlite: %s: fsync", name);
	if (fd >= 0)
		(void)close(fd);
	free(name);
	return rc;
}

static int
prepare(struct sqlite_db *db, struct err *e)
{
	int code, i;

	for (i = 0; i < STATEMENT_COUNT; i++) {
		code = sqlite3_prepare_v3(db->handle, sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &db->statement[i], NULL);
		if (code != SQLITE_OK)
			return sqlite_db_fail(db, code, e);
	}
	return 0;
}

static int
open_steps(struct sqlite_db *db, struct err *e)
{
	int code, version;

	if (create_file(db->path, e) < 0)
		return -1;
	/* counts under a lock, at each allocation, what nobody asks for */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	code = sqlite3_open_v2(db->path, &db->handle,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return sqlite_db_fail(db, code, e);
	(void)sqlite3_extended_result_codes(db->handle, 1);
	(void)sqlite3_busy_handler(db->handle, wait_for_lock, db);
	(void)sqlite3_db_config(
	    db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	if (sqlite3_db_readonly(db->handle, "main") == 1)
		return sqlite_db_fail(db, SQLITE_READONLY, e);
	if (sqlite_schema_check(db->handle, db->path, &version, e) < 0)
		return -1;
	if (use_wal(db, e) < 0)
		return -1;
	code = sqlite3_exec(db->handle, settings, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return sqlite_db_fail(db, code, e);
	if (version < sqlite_schema_version &&
	    sqlite_schema_upgrade(db->handle, db->path, e) < 0)
		return -1;
	if (sync_journal(db, e) < 0)
		return -1;
	return prepare(db, e);
}

/*
 * Unless all is well, no last checkpoint, which also deletes the journal: the
 * file may be gone and the journal's name another one's now.
 */
static void
drop(struct sqlite_db *db, bool is_well)
{
	int i;

	for (i = 0; i < STATEMENT_COUNT; i++) {
		(void)sqlite3_finalize(db->statement[i]);
		db->statement[i] = NULL;
	}
	if (db->handle != NULL && !is_well)
		(void)sqlite3_db_config(db->handle,
		    SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	(void)sqlite3_close(db->handle);
	db->handle = NULL;
	db->is_broken = false;
}

int
sqlite_db_open(struct sqlite_db *db, const struct deadline *d, struct err *e)
{
	int rc = 0;

	db->deadline = d;
	db->is_busy = false;
	if (db->handle == NULL && (rc = open_steps(db, e)) < 0)
		drop(db, false);
	db->deadline = NULL;
	return rc;
}

/* Was the file moved or deleted under us? Nobody would find what we store. */
static bool
has_moved(const struct sqlite_db *db)
{
	int moved = 0;

	return sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED,
		   &moved) == SQLITE_OK &&
	       moved;
}

/* A newer program may have upgraded it since we opened it. */
static int
check_version(struct sqlite_db *db, struct err *e)
{
	sqlite3_stmt *st = db->statement[STATEMENT_VERSION];
	int code = sqlite3_step(st), version = 0;

	if (code == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	else
		(void)sqlite_db_fail(db, code, e);
	(void)sqlite3_reset(st);
	if (code != SQLITE_ROW)
		return -1;
	if (version == sqlite_schema_version)
		return 0;
	db->is_broken = true;
	return err_set(e, ERR_TEMP, "sqlite: %s: has version %d now, not %d",
	    db->path, version, sqlite_schema_version);
}

int
sqlite_db_begin(struct sqlite_db *db, const struct deadline *d, struct err *e)
{
	int rc;

	if (db->handle != NULL && (db->is_broken || has_moved(db)))
		drop(db, false);
	if (sqlite_db_open(db, d, e) < 0) {
		if (e->kind != ERR_FULL) /* an operator's matter, but no loss */
			e->kind = ERR_TEMP;
		return -1;
	}
	db->deadline = d;
	rc = sqlite_db_run(db, STATEMENT_BEGIN, e);
	db->deadline = NULL;
	if (rc == 0 && (rc = check_version(db, e)) < 0)
		(void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int
sqlite_db_run(struct sqlite_db *db, enum sqlite_statement which, struct err *e)
{
	sqlite3_stmt *st = db->statement[which];
	int code = sqlite3_step(st);
	int rc = 0;

	if (code != SQLITE_DONE)
		rc = sqlite_db_fail(db, code, e);
	(void)sqlite3_reset(st);
	return rc;
}

bool
sqlite_db_is_rolled_back(const struct sqlite_db *db)
{
	return sqlite3_get_autocommit(db->handle) != 0;
}

int
sqlite_db_commit(struct sqlite_db *db, struct err *e)
{
	if (sqlite_db_run(db, STATEMENT_COMMIT, e) == 0)
		return 0;
	sqlite_db_roll_back(db);
	return -1;
}

void
sqlite_db_roll_back(struct sqlite_db *db)
{
	struct err ignored = { 0 };

	if (!sqlite_db_is_rolled_back(db) &&
	    sqlite_db_run(db, STATEMENT_ROLLBACK, &ignored) < 0)
		db->is_broken = true; /* closing it ends the transaction */
}

void
sqlite_db_close(struct sqlite_db *db)
{
	bool is_well = db->handle != NULL && !db->is_broken && !has_moved(db);

	if (is_well) {
		(void)sqlite3_exec(db->handle,
		    "PRAGMA analysis_limit = 400; PRAGMA optimize", NULL, NULL,
		    NULL);
		(void)sqlite3_wal_checkpoint_v2(
		    db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	}
	drop(db, is_well);
}

void
sqlite_db_clear(struct sqlite_db *db)
{
	sqlite_db_close(db);
	free(db->path);
	db->path = NULL;
}
