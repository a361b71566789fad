/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_text.c - a report as tables for a terminal.
 */
#include "cli/report.h"
#include "cli/report_lists.h"
#include "cli/table.h"
#include "common/base/clock.h"
#include "common/sink/sqlite_report.h"

static void
print_totals(const struct report_view *v, FILE *out)
{
	const struct report_totals *t = &v->r->totals;
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	struct arena *a = v->arena;

	(void)fprintf(out,
	    "%s reports, %s records, %s messages, %s pass DMARC\n",
	    table_count(a, t->reports), table_count(a, t->records),
	    table_count(a, t->n.messages),
	    table_share(a, t->n.passed, t->n.messages));
	if (t->records > 0) {
		clock_date(t->begin, from);
		clock_date(t->end, to);
		(void)fprintf(out, "from %s to %s (UTC)\n", from, to);
	}
	if (t->incomplete > 0)
		(void)fprintf(out,
		    "not counted: %s reports that are not stored "
		    "completely yet\n",
		    table_count(a, t->incomplete));
}

static void
add_cell(struct table *t, const struct report_column *c, const void *row)
{
	char when[CLOCK_TEXT_SIZE];
	int64_t at;
	bool is_known;

	switch (c->cell) {
	case CELL_TEXT:
		table_add(t, report_text_of(c, row));
		break;
	case CELL_COUNT:
		table_add_count(t, report_count_of(c, row));
		break;
	case CELL_SHARE:
		table_add_share(
		    t, report_count_of(c, row), report_whole_of(c, row));
		break;
	case CELL_TIME:
	case CELL_DAY:
		is_known = report_time_of(c, row, &at);
		clock_plain(at, when);
		table_add(t, is_known ? when : NULL);
		break;
	}
}

static void
print_list(const struct report_list *list, const struct report_view *v,
    size_t width, FILE *out)
{
	struct table_column columns[TABLE_COLUMNS_MAX];
	const struct report_column *shown[TABLE_COLUMNS_MAX];
	size_t rows = report_rows(list, v->r), count = 0, i, row;
	struct table t;

	for (i = 0; i < list->column_count && count < TABLE_COLUMNS_MAX; i++) {
		const struct report_column *c = &list->columns[i];

		if ((c->where & IN_TEXT) == 0)
			continue;
		shown[count] = c;
		columns[count++] = (struct table_column){ c->title,
			c->cell == CELL_COUNT || c->cell == CELL_SHARE,
			c->is_cuttable };
	}
	table_init(&t, v->arena, columns, count);
	for (row = 0; row < rows; row++)
		for (i = 0; i < count; i++)
			add_cell(&t, shown[i], report_row(list, v->r, row));
	(void)fprintf(out, "\n%s\n", list->title);
	table_print(&t, width, out);
}

/* When there is nothing to count, say why. */
static void
print_nothing(const struct report_view *v, FILE *out)
{
	const struct sqlite_report_filter *f = v->filter;

	if (f->since != 0 || f->until != 0 || f->domain != NULL ||
	    f->source != NULL || f->reporter != NULL)
		(void)fprintf(out, "No reports match in %s.\n", v->path);
	else if (v->r->totals.incomplete > 0)
		(void)fprintf(out,
		    "No report is stored completely yet in %s.\n", v->path);
	else
		(void)fprintf(out, "No reports in %s yet.\n", v->path);
}

void
report_text(const struct report_view *v, size_t width, FILE *out)
{
	const struct report_totals *t = &v->r->totals;
	size_t i;

	if (t->reports + t->failure_reports + t->tls_reports == 0) {
		print_nothing(v, out);
		return;
	}
	if (t->reports + t->incomplete > 0)
		print_totals(v, out);
	if (t->failure_reports > 0)
		(void)fprintf(out, "%s failure reports\n",
		    table_count(v->arena, t->failure_reports));
	if (t->tls_reports > 0)
		(void)fprintf(out,
		    "%s SMTP TLS reports, %s sessions, %s successful\n",
		    table_count(v->arena, t->tls_reports),
		    table_count(v->arena, t->tls_successful + t->tls_failed),
		    table_share(v->arena, t->tls_successful,
			t->tls_successful + t->tls_failed));
	for (i = 0; i < report_list_count; i++) {
		const struct report_list *list = &report_lists[i];

		if ((list->where & IN_TEXT) == 0)
			continue;
		if (report_rows(list, v->r) > 0)
			print_list(list, v, width, out);
		else if (list->none != NULL && t->records > 0)
			(void)fprintf(out, "\n%s\n", list->none);
	}
}
