/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report_scan.h - rows of the scan while it adds up; shared with who
 * sorts them. For sqlite_report_s*.c only.
 */
#ifndef SINK_SQLITE_REPORT_SCAN_H
#define SINK_SQLITE_REPORT_SCAN_H

#include <stdbool.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/tally.h"
#include "common/sink/sqlite_report_internal.h"

/* A row of sources, and what most of its mails have in common. */
struct source {
	struct report_source row; /* the first */
	struct report_sender *sender;
	uint64_t categories; /* in which it was counted, a bit for each */
};

struct category {
	struct report_category row; /* the first */
	unsigned number;
};

/* A sender's mails in the name of one domain. */
struct pair {
	struct report_domain *domain;
	struct report_sender *sender;
	uint64_t messages, passed;
};

struct scan {
	struct reading *r;
	sqlite3_stmt *records, *details;
	struct tally *days, *domains, *senders, *sources, *pairs;
	struct tally *failures, *reporters, *categories;
	/* of the report in hand */
	struct report_domain *domain;
	struct report_reporter *reporter;
	struct buf domain_key;
	bool has_records;
	struct category *category;  /* the last one that was added to */
	struct report_mails before; /* the totals, before this report */
	size_t report_count;        /* that have records */
	struct report_day *day;     /* the last one that was added to */
	int code;                   /* SQLITE_OK, or what went wrong inside */
};

static inline bool
is_empty(const char *text)
{
	return text == NULL || *text == '\0';
}

/* No text comes before any. */
static inline int
compare_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* Counts are strangers' numbers: they stop at the end. */
static inline void
count_add(uint64_t *sum, uint64_t n)
{
	if (__builtin_add_overflow(*sum, n, sum))
		*sum = UINT64_MAX;
}

/* Sort, cut and hand out all lists. */
void sqlite_scan_hand_out(struct scan *s);

#endif
