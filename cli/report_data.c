/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_data.c - a report for programs: CSV and JSON.
 */
#include <string.h>

#include "cli/report.h"
#include "cli/report_lists.h"
#include "common/base/clock.h"
#include "common/base/csv.h"
#include "common/base/json.h"
#include "common/sink/sqlite_report.h"

#define KEYS_MAX 64 /* of all lists together */

/* 0.9876, cut and not rounded: 1 means all. */
static const char *
share_text(char text[16], uint64_t part, uint64_t whole)
{
	unsigned share;

	if (part >= whole)
		return "1";
	share = (unsigned)((double)part / (double)whole * 10000);
	(void)snprintf(text, 16, "0.%04u", share > 9999 ? 9999 : share);
	return text;
}

static void
time_text(const struct report_column *c, int64_t at, char text[CLOCK_TEXT_SIZE])
{
	if (c->cell == CELL_DAY)
		clock_date(at, text);
	else
		clock_iso(at, text);
}

static int64_t
capped(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* The columns of a list, or of all; count of them. */
static size_t
keys_of(const struct report_list *only, const char *keys[KEYS_MAX])
{
	size_t count = 0, i, k, seen;

	for (i = 0; i < report_list_count; i++) {
		const struct report_list *list = &report_lists[i];

		if (only != NULL && list != only)
			continue;
		for (k = 0; k < list->column_count && count < KEYS_MAX; k++) {
			if ((list->columns[k].where & IN_DATA) == 0)
				continue;
			for (seen = 0; seen < count; seen++)
				if (strcmp(keys[seen], list->columns[k].key) ==
				    0)
					break;
			if (seen == count)
				keys[count++] = list->columns[k].key;
		}
	}
	return count;
}

static void
csv_value(struct csv_row *out, const struct report_column *c, const void *row)
{
	char text[CLOCK_TEXT_SIZE], share[16];
	uint64_t whole;
	int64_t at;

	switch (c->cell) {
	case CELL_TEXT:
		csv_cell(out, report_text_of(c, row));
		break;
	case CELL_COUNT:
		csv_cell_int(out, capped(report_count_of(c, row)));
		break;
	case CELL_SHARE:
		whole = report_whole_of(c, row);
		csv_cell(out, whole == 0 ? NULL
					 : share_text(share,
					       report_count_of(c, row), whole));
		break;
	case CELL_TIME:
	case CELL_DAY:
		if (report_time_of(c, row, &at)) {
			time_text(c, at, text);
			csv_cell(out, text);
		} else {
			csv_cell(out, NULL);
		}
		break;
	}
}

static const struct report_column *
column_of(const struct report_list *list, const char *key)
{
	size_t i;

	for (i = 0; i < list->column_count; i++)
		if ((list->columns[i].where & IN_DATA) != 0 &&
		    strcmp(list->columns[i].key, key) == 0)
			return &list->columns[i];
	return NULL;
}

static void
csv_rows(const struct report_view *v, const struct report_list *list,
    bool is_named, const char *const *keys, size_t count, struct csv_row *out)
{
	size_t rows = report_rows(list, v->r), row, i;

	for (row = 0; row < rows; row++) {
		if (is_named)
			csv_cell(out, list->name);
		for (i = 0; i < count; i++) {
			const struct report_column *c =
			    column_of(list, keys[i]);

			if (c == NULL)
				csv_cell(out, NULL);
			else
				csv_value(out, c, report_row(list, v->r, row));
		}
		csv_end_row(out);
	}
}

int
report_csv(const struct report_view *v, const struct report_list *list,
    struct buf *out, struct err *e)
{
	struct csv_row csv = { .out = out, .e = e };
	const char *keys[KEYS_MAX];
	size_t count = keys_of(list, keys), i;

	if (list == NULL)
		csv_cell(&csv, "list");
	for (i = 0; i < count; i++)
		csv_cell(&csv, keys[i]);
	csv_end_row(&csv);
	for (i = 0; i < report_list_count; i++)
		if (list == NULL || list == &report_lists[i])
			csv_rows(v, &report_lists[i], list == NULL, keys, count,
			    &csv);
	return csv.rc;
}

static void
json_value(struct json *j, const struct report_column *c, const void *row)
{
	char text[CLOCK_TEXT_SIZE], share[16];
	const char *number;
	uint64_t whole;
	int64_t at;

	json_key(j, c->key);
	switch (c->cell) {
	case CELL_TEXT:
		json_text(j, report_text_of(c, row));
		break;
	case CELL_COUNT:
		json_int(j, capped(report_count_of(c, row)));
		break;
	case CELL_SHARE:
		whole = report_whole_of(c, row);
		number = whole == 0 ? "null"
				    : share_text(share, report_count_of(c, row),
					  whole);
		json_raw(j, number, strlen(number));
		break;
	case CELL_TIME:
	case CELL_DAY:
		if (report_time_of(c, row, &at)) {
			time_text(c, at, text);
			json_text(j, text);
		} else {
			json_put_null(j);
		}
		break;
	}
}

static void
json_list(struct json *j, const struct report_list *list,
    const struct sqlite_report *r)
{
	size_t rows = report_rows(list, r), row, i;

	json_key(j, list->name);
	json_array_begin(j);
	for (row = 0; row < rows; row++) {
		json_object_begin(j);
		for (i = 0; i < list->column_count; i++)
			if ((list->columns[i].where & IN_DATA) != 0)
				json_value(j, &list->columns[i],
				    report_row(list, r, row));
		json_object_end(j);
	}
	json_array_end(j);
}

static void
json_time(struct json *j, const char *key, int64_t at, bool is_known)
{
	char text[CLOCK_TEXT_SIZE];

	clock_iso(at, text);
	json_field(j, key, is_known ? text : NULL);
}

static void
json_totals(struct json *j, const struct report_totals *t)
{
	const struct {
		const char *key;
		uint64_t n;
	} counts[] = {
		{ "reports", t->reports },
		{ "incomplete", t->incomplete },
		{ "records", t->records },
		{ "messages", t->n.messages },
		{ "passed", t->n.passed },
		{ "failed", t->n.failed },
		{ "dkim", t->n.dkim },
		{ "spf", t->n.spf },
		{ "quarantined", t->n.quarantined },
		{ "rejected", t->n.rejected },
		{ "at_risk", t->n.at_risk },
		{ "failure_reports", t->failure_reports },
		{ "tls_reports", t->tls_reports },
		{ "tls_successful", t->tls_successful },
		{ "tls_failed", t->tls_failed },
	};
	size_t i;

	json_key(j, "totals");
	json_object_begin(j);
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		json_field_int(j, counts[i].key, capped(counts[i].n));
	json_time(j, "begin", t->begin, t->records > 0);
	json_time(j, "end", t->end, t->records > 0);
	json_object_end(j);
}

static void
json_filter(struct json *j, const struct sqlite_report_filter *f)
{
	json_key(j, "filter");
	json_object_begin(j);
	json_time(j, "since", f->since, f->since != 0);
	json_time(j, "until", f->until, f->until != 0);
	json_field(j, "domain", f->domain);
	json_field(j, "source", f->source);
	json_field(j, "reporter", f->reporter);
	json_field_int(j, "top", (int64_t)f->top);
	json_object_end(j);
}

int
report_json(const struct report_view *v, struct buf *out, struct err *e)
{
	struct json j;
	size_t i;

	json_begin(&j, out);
	json_object_begin(&j);
	json_time(&j, "generated", v->now, true);
	json_filter(&j, v->filter);
	json_totals(&j, &v->r->totals);
	for (i = 0; i < report_list_count; i++)
		json_list(&j, &report_lists[i], v->r);
	json_object_end(&j);
	if (json_end(&j, e) < 0)
		return -1;
	return buf_add(out, "\n", 1, e);
}
