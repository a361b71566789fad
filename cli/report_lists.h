/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_lists.h - the lists of a report and their columns, told once for all
 * forms: text, CSV, JSON and the page. So they have the same numbers.
 */
#ifndef CLI_REPORT_LISTS_H
#define CLI_REPORT_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite_report;

enum report_cell {
	CELL_TEXT,
	CELL_COUNT,
	CELL_SHARE, /* of a count in another */
	CELL_TIME,
	CELL_DAY,
};

/* Which forms have it. */
enum {
	IN_TEXT = 1,
	IN_DATA = 2, /* CSV and JSON */
	IN_PAGE = 4,
	IN_ALL = IN_TEXT | IN_DATA | IN_PAGE,
};

/* What the live page makes of a name. */
enum report_link {
	LINK_NONE,
	LINK_DOMAIN,
	LINK_SOURCE,
	LINK_REPORTER,
	LINK_REPORT, /* by the id that its row begins with */
};

struct report_column {
	const char *key, *title;
	enum report_cell cell;
	size_t offset, whole; /* in a row */
	unsigned where;
	bool is_cuttable; /* in text, when the line is too long */
	enum report_link link;
};

struct report_list {
	const char *name, *title;
	const char *note; /* NULL: the title says it all */
	const char *none; /* what to say when it is empty; NULL: nothing */
	const struct report_column *columns;
	size_t column_count;
	size_t rows, count, row_size; /* in struct sqlite_report */
	unsigned where;
};

extern const struct report_list report_lists[];
extern const size_t report_list_count;

/* NULL: there is none of that name. */
const struct report_list *report_list_of(const char *name);

size_t report_rows(
    const struct report_list *list, const struct sqlite_report *r);
const void *report_row(
    const struct report_list *list, const struct sqlite_report *r, size_t row);

/* No list is longer than top, but the days. */
void report_lists_cut(struct sqlite_report *r, size_t top);

const char *report_text_of(const struct report_column *c, const void *row);
uint64_t report_count_of(const struct report_column *c, const void *row);
uint64_t report_whole_of(const struct report_column *c, const void *row);
/* false: not known */
bool report_time_of(
    const struct report_column *c, const void *row, int64_t *at);

#endif
