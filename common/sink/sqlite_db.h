/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_db.h - the one writing connection of the SQLite sink: opened when it
 * is needed, opened again after trouble, with every statement prepared. One
 * thread at a time; sqlite.c sees to that.
 */
#ifndef SINK_SQLITE_DB_H
#define SINK_SQLITE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/err.h"

struct sqlite3;
struct sqlite3_stmt;

enum sqlite_statement {
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_VERSION,
	STATEMENT_INSERT_REPORT,
	STATEMENT_FIND_REPORT,
	STATEMENT_COMPLETE_REPORT,
	STATEMENT_INSERT_RECORD,
	STATEMENT_INSERT_DKIM,
	STATEMENT_INSERT_SPF,
	STATEMENT_INSERT_OVERRIDE,
	STATEMENT_INSERT_REPORT_EXTENSION,
	STATEMENT_INSERT_RECORD_EXTENSION,
	STATEMENT_INSERT_TLS_REPORT,
	STATEMENT_INSERT_TLS_POLICY,
	STATEMENT_INSERT_TLS_FAILURE,
	STATEMENT_INSERT_FAILURE,
	STATEMENT_INSERT_FAILURE_FIELD,
	STATEMENT_INSERT_SAMPLE_HEADER,
	STATEMENT_INSERT_SAMPLE_ADDRESS,
	STATEMENT_INSERT_SAMPLE_ATTACHMENT,
	STATEMENT_COUNT
};

struct sqlite_db {
	char *path;             /* owned */
	struct sqlite3 *handle; /* owned; NULL: closed */
	struct sqlite3_stmt *statement[STATEMENT_COUNT]; /* owned */
	const struct deadline *deadline; /* of who works now; foreign */
	bool is_broken; /* close and open it before the next use */
	bool is_busy;   /* what failed last did so because of a lock */
};

void sqlite_db_init(struct sqlite_db *db, const char *path);

/*
 * Open, create or upgrade the database, waiting for locks until the deadline.
 * ERR_CONF: it is a newer program's or somebody else's; else ERR_TEMP or
 * ERR_FULL. Does nothing when it is open.
 */
int sqlite_db_open(
    struct sqlite_db *db, const struct deadline *d, struct err *e);

/*
 * Start to write (BEGIN IMMEDIATE), opening it first where that is due.
 * ERR_TEMP or ERR_FULL.
 */
int sqlite_db_begin(
    struct sqlite_db *db, const struct deadline *d, struct err *e);

/* 0: durable. -1 and *e: rolled back. */
int sqlite_db_commit(struct sqlite_db *db, struct err *e);

/* Undo what was written since begin. It cannot fail. */
void sqlite_db_roll_back(struct sqlite_db *db);

/* Did trouble end the transaction already? */
bool sqlite_db_is_rolled_back(const struct sqlite_db *db);

/* Run a statement that takes and gives nothing. */
int sqlite_db_run(
    struct sqlite_db *db, enum sqlite_statement which, struct err *e);

/*
 * Fill *e from a result code: ERR_FULL, ERR_TEMP, or ERR_REFUSED for what
 * would fail the next time as well. Returns -1.
 */
int sqlite_db_fail(struct sqlite_db *db, int code, struct err *e);

/* Checkpoint and close. A later sqlite_db_open works. */
void sqlite_db_close(struct sqlite_db *db);
void sqlite_db_clear(struct sqlite_db *db);

/* The same for any connection; handle may be NULL. */
int sqlite_error(
    struct sqlite3 *handle, const char *path, int code, struct err *e);

#endif
