/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_schema.h - the tables of the SQLite sink and their versions
 * (PRAGMA user_version).
 */
#ifndef SINK_SQLITE_SCHEMA_H
#define SINK_SQLITE_SCHEMA_H

#include "common/base/err.h"

struct sqlite3;

/* The version that this program writes. */
extern const int sqlite_schema_version;

/*
 * Which version is it? 0: empty, not ours yet. ERR_CONF when it is a newer
 * program's or another program's database.
 */
int sqlite_schema_check(
    struct sqlite3 *handle, const char *path, int *version, struct err *e);

/* Bring it to this program's version, in one transaction. */
int sqlite_schema_upgrade(
    struct sqlite3 *handle, const char *path, struct err *e);

#endif
