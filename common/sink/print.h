/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.h - a printed output: the formats are files of their own, and print.c
 * is the sink around them.
 */
#ifndef SINK_PRINT_H
#define SINK_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/report/report.h"

/*
 * One report is written by any thread, beside others: self is what new gave
 * for it alone. The page is all of the output: what joins reports is written
 * in their order, by one thread at a time. Both only add to buffers, which
 * print.c writes out when they are large. Every function but new and free
 * returns 0 or -1.
 */
struct print_format {
	const char *name;
	bool is_plain; /* as in struct sink */

	void *(*new)(const struct conf *conf);
	int (*begin)(
	    void *self, const struct report *r, struct buf *out, struct err *e);
	int (*add)(void *self, const struct record *rec, struct buf *out,
	    struct err *e);
	/* Also after a failure: what was begun gets its end. */
	int (*end)(void *self, struct buf *out, struct err *e);
	void (*free)(void *self);

	void *(*page_new)(void);
	int (*page_begin)(void *page, struct buf *out, struct err *e);
	/* A report comes: write what stands before it, and tell by *place where
	 * it goes, to out or to a buffer of the page's own. */
	int (*page_join)(void *page, enum report_kind kind, struct buf *out,
	    struct buf **place, struct err *e);
	int (*page_end)(void *page, struct buf *out, struct err *e);
	void (*page_free)(void *page);
};

extern const struct print_format print_json;
extern const struct print_format print_ndjson;
extern const struct print_format print_csv;
extern const struct print_format print_summary;

/* print.c: where nothing stands behind a report, or around all of them. */
int print_nothing(void *self, struct buf *out, struct err *e);

#endif
