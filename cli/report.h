/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - the forms in which "dmarc-intake report" and "serve" tell what
 * the database says. All come from the same lists (report_lists.h).
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"

struct sqlite_report;
struct sqlite_report_filter;
struct report_list;

/* What is told, and how; all borrowed. */
struct report_view {
	const struct sqlite_report *r;
	const struct sqlite_report_filter *filter;
	struct arena *arena;
	const char *path; /* of the database */
	int64_t now;
	bool is_live; /* names are links, and there is a form */
};

/* For a person at a terminal of that width. */
void report_text(const struct report_view *v, size_t width, FILE *out);

/*
 * For programs; list NULL: all of them, in one table with a column "list". 0,
 * or -1 and *e: larger than the buffer may be.
 */
int report_csv(const struct report_view *v, const struct report_list *list,
    struct buf *out, struct err *e);
int report_json(const struct report_view *v, struct buf *out, struct err *e);

/* One page of HTML that needs nothing else. 0, or -1 and *e. */
int report_html(const struct report_view *v, struct buf *out, struct err *e);

/* What is different from the time before; both with all their rows. */
void report_changes(const struct sqlite_report *now,
    const struct sqlite_report *before, struct arena *a, FILE *out);

/*
 * Send text and page to an address, with what changed (NULL: not known) on
 * top. 0, or -1 and *e.
 */
int report_mail(const struct report_view *v, const char *changes,
    const struct conf *conf, const char *to, struct err *e);

#endif
