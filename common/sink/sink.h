/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.h - where records become durable. A sink is one file that exports one
 * struct sink_ops; it is shared by all threads of a process.
 *
 * A report goes in as a stream: begin, add for each record, finish. What is
 * added may be written before finish, but counts only once finish has
 * returned 0. Messages that are in finish at the same time share one commit.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/report/report.h"

struct sink_count {
	uint64_t stored;    /* records that were not there before */
	uint64_t duplicate; /* records that were there already */
	/* records that another program had stored, though not the whole report
	 * (elastic_saved.h) */
	uint64_t partial;
};

struct sheet;
struct sink; /* each implementation embeds it first */
struct sink_stream;

struct sink_ops {
	const char *name; /* as the section of the conf file spells it */

	/* conf is borrowed until close. Works with the server away. */
	int (*open)(struct sink **s, const struct conf *conf, struct err *e);

	/* r and d are borrowed until finish or abort. */
	int (*begin)(struct sink *s, const struct report *r, struct deadline *d,
	    struct sink_stream **st, struct err *e);

	/* rec is borrowed for the call only. */
	int (*add)(
	    struct sink_stream *st, const struct record *rec, struct err *e);

	/*
	 * Wait until every record is durable, and free the stream, also on
	 * failure. 0: *n counts. -1: *e; ERR_REFUSED when the sink will never
	 * take it, else ERR_TEMP or ERR_FULL.
	 */
	int (*finish)(
	    struct sink_stream **st, struct sink_count *n, struct err *e);

	/* Instead of finish. Takes NULL; leaves NULL. */
	void (*abort)(struct sink_stream **st);

	/*
	 * Reachable and writable? For "dmarc-intake check". 0 with a text in
	 * *e: yes, but the operator should know this.
	 */
	int (*check)(struct sink *s, struct err *e);

	/*
	 * Is what will be written safe there? Only asks; for a daemon that
	 * starts. 0 with a text in *e: the operator should know this. -1: no
	 * answer. NULL: nothing can be asked.
	 */
	int (*look)(struct sink *s, struct err *e);

	/* Takes NULL; leaves NULL. */
	void (*close)(struct sink **s);
};

struct sink {
	const struct sink_ops *ops;
	/* takes what the reporter says: records have no id and no category */
	bool is_plain;
};

struct sink_stream {
	struct sink *sink; /* foreign */
};

extern const struct sink_ops sink_sqlite_ops;
extern const struct sink_ops sink_elastic_ops;
extern const struct sink_ops sink_ndjson_ops;

/*
 * The sinks for "dmarc-intake parse": nothing is stored, all goes to out, by
 * way of the sheet of its mail (base/sheet.h), or at once where a report comes
 * without one. close writes what ends the output and flushes it.
 */
int sink_print_open(struct sink **s, const char *format, FILE *out,
    const struct conf *conf, struct err *e);
/*
 * The reports on a mail's sheet, when its turn has come: by one thread at a
 * time. -1 and *e: the output fails.
 */
int sink_print_put(struct sink *s, struct sheet *sheet, struct err *e);
/* "json ndjson csv summary": the names that sink_print_open knows. */
extern const char *const sink_print_formats[];

#endif
