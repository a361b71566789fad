/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_summary.c - reports for a person: who says what about which domain,
 * a table of the records, and the total.
 * in: reports and their records    out: text in a buffer
 *
 * The first records wait until there are enough of them to know how wide the
 * columns are; those after them use the same widths. Strangers' text goes to
 * a terminal, so it is escaped and cut.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/print.h"
#include "common/sink/print_summary.h"

#define ROWS_MAX 200 /* looked at for the widths */
#define CELL_SIZE 64

enum column {
	COLUMN_SOURCE,
	COLUMN_COUNT,
	COLUMN_DISPOSITION,
	COLUMN_DKIM,
	COLUMN_SPF,
	COLUMN_HEADER_FROM,
	COLUMNS
};

struct summary_row {
	char cell[COLUMNS][CELL_SIZE];
};

struct print_as_summary {
	const struct report *report; /* borrowed while it is printed */
	struct summary_row *rows;    /* ROWS_MAX, owned */
	size_t row_count;
	bool has_widths;
	size_t width[COLUMNS];
	uint64_t records, messages, passed;
};

/* The output. */
struct summary_page {
	bool has_report; /* one stands above */
};

static const struct summary_row titles = { { "SOURCE", "COUNT", "DISPOSITION",
    "DKIM", "SPF", "HEADER FROM" } };

static void *
as_summary_new(const struct conf *conf)
{
	struct print_as_summary *p = xcalloc(1, sizeof(*p));

	(void)conf; /* a summary names no index */
	p->rows = xcalloc(ROWS_MAX, sizeof(*p->rows));
	return p;
}

static void
as_summary_free(void *self)
{
	struct print_as_summary *p = self;

	free(p->rows);
	free(p);
}

size_t
print_width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* " key=value", nothing for what the reporter did not say. */
static int
setting(struct buf *out, const char *key, const char *value, struct err *e)
{
	char text[CELL_SIZE];

	if (value == NULL)
		return 0;
	return buf_printf(
	    out, e, " %s=%s", key, text_escape(value, text, sizeof(text)));
}

static int
policy_line(struct buf *out, const struct policy_published *p, struct err *e)
{
	char domain[256];

	if (buf_printf(out, e, "  domain  %s ",
		text_escape(p->domain, domain, sizeof(domain))) < 0 ||
	    setting(out, "p", p->p, e) < 0 ||
	    setting(out, "sp", p->sp, e) < 0 ||
	    setting(out, "np", p->np, e) < 0 ||
	    setting(out, "pct", p->pct, e) < 0 ||
	    setting(out, "adkim", p->adkim, e) < 0 ||
	    setting(out, "aspf", p->aspf, e) < 0 ||
	    setting(out, "fo", p->fo, e) < 0 ||
	    setting(out, "testing", p->testing, e) < 0 ||
	    setting(out, "discovery", p->discovery_method, e) < 0)
		return -1;
	return buf_add(out, "\n", 1, e);
}

static int
error_lines(struct buf *out, const struct aggregate *a, struct err *e)
{
	char text[256];
	size_t i;

	for (i = 0; i < a->error_count; i++)
		if (buf_printf(out, e, "  note    %s\n",
			text_escape(a->errors[i], text, sizeof(text))) < 0)
			return -1;
	if (a->unreadable_count == 0)
		return 0;
	return buf_printf(out, e, "  note    %llu records cannot be read\n",
	    (unsigned long long)a->unreadable_count);
}

static int
begin_aggregate(struct print_as_summary *p, const struct report *r,
    struct buf *out, struct err *e)
{
	const struct aggregate *a = &r->aggregate;
	char org[256], email[256], id[256];
	char begin[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];

	p->row_count = 0;
	p->has_widths = false;
	p->records = p->messages = p->passed = 0;
	clock_plain(a->begin, begin);
	clock_plain(a->end, end);
	if (buf_printf(
		out, e, "%s", text_escape(a->org_name, org, sizeof(org))) < 0 ||
	    (a->org_email != NULL &&
		buf_printf(out, e, " <%s>",
		    text_escape(a->org_email, email, sizeof(email))) < 0) ||
	    buf_printf(out, e, "\n  id      %s\n",
		text_escape(a->report_id, id, sizeof(id))) < 0 ||
	    policy_line(out, &a->policy, e) < 0 ||
	    buf_printf(out, e, "  range   %s to %s UTC\n", begin, end) < 0)
		return -1;
	return error_lines(out, a, e);
}

static int
as_summary_begin(
    void *self, const struct report *r, struct buf *out, struct err *e)
{
	struct print_as_summary *p = self;

	p->report = r;
	if (r->kind == REPORT_TLS)
		return print_summary_tls(r, out, e);
	if (r->kind == REPORT_FAILURE)
		return print_summary_failure(r, out, e);
	return begin_aggregate(p, r, out, e);
}

static int
put_row(const struct print_as_summary *p, const struct summary_row *row,
    struct buf *out, struct err *e)
{
	size_t i, pad;

	for (i = 0; i < COLUMNS; i++) {
		pad = print_width(row->cell[i]);
		pad = pad < p->width[i] ? p->width[i] - pad : 0;
		if (i == COLUMN_COUNT) {
			if (buf_printf(out, e, "  %*s%s", (int)pad, "",
				row->cell[i]) < 0)
				return -1;
		} else if (buf_printf(out, e, "  %s%*s", row->cell[i],
			       i + 1 < COLUMNS ? (int)pad : 0, "") < 0) {
			return -1;
		}
	}
	return buf_add(out, "\n", 1, e);
}

static void
widen(struct print_as_summary *p, const struct summary_row *row)
{
	size_t i, width;

	for (i = 0; i < COLUMNS; i++)
		if ((width = print_width(row->cell[i])) > p->width[i])
			p->width[i] = width;
}

/* Fix the widths and print the rows that waited for them. */
static int
put_waiting(struct print_as_summary *p, struct buf *out, struct err *e)
{
	size_t i;

	memset(p->width, 0, sizeof(p->width));
	widen(p, &titles);
	for (i = 0; i < p->row_count; i++)
		widen(p, &p->rows[i]);
	p->has_widths = true;
	if (buf_add(out, "\n", 1, e) < 0 || put_row(p, &titles, out, e) < 0)
		return -1;
	for (i = 0; i < p->row_count; i++)
		if (put_row(p, &p->rows[i], out, e) < 0)
			return -1;
	return 0;
}

static void
fill_row(struct summary_row *row, const struct record *rec)
{
	const struct source *s = &rec->source;
	char source[256];

	(void)snprintf(source, sizeof(source), "%s%s%s",
	    s->ip_address != NULL ? s->ip_address : "-",
	    s->name != NULL ? " " : "", s->name != NULL ? s->name : "");
	text_escape(source, row->cell[COLUMN_SOURCE], CELL_SIZE);
	(void)snprintf(row->cell[COLUMN_COUNT], CELL_SIZE, "%lld",
	    (long long)rec->message_count);
	text_escape(rec->disposition, row->cell[COLUMN_DISPOSITION], CELL_SIZE);
	text_escape(rec->dkim_aligned ? "pass" : "fail", row->cell[COLUMN_DKIM],
	    CELL_SIZE);
	text_escape(rec->spf_aligned ? "pass" : "fail", row->cell[COLUMN_SPF],
	    CELL_SIZE);
	text_escape(rec->header_from, row->cell[COLUMN_HEADER_FROM], CELL_SIZE);
}

static int
as_summary_add(
    void *self, const struct record *rec, struct buf *out, struct err *e)
{
	struct print_as_summary *p = self;
	struct summary_row row;

	if (p->report->kind != REPORT_AGGREGATE)
		return 0; /* begin has all of it */
	p->records++;
	p->messages += (uint64_t)rec->message_count;
	if (rec->passed_dmarc)
		p->passed += (uint64_t)rec->message_count;
	fill_row(&row, rec);
	if (p->has_widths)
		return put_row(p, &row, out, e);
	p->rows[p->row_count++] = row;
	return p->row_count == ROWS_MAX ? put_waiting(p, out, e) : 0;
}

/* Cut, not rounded: 100.0 % means all of them. */
static int
pass_rate(const struct print_as_summary *p, struct buf *out, struct err *e)
{
	uint64_t permille;

	if (p->messages == 0)
		return 0;
	permille = p->passed > UINT64_MAX / 1000
		       ? p->passed / (p->messages / 1000)
		       : p->passed * 1000 / p->messages;
	return buf_printf(out, e, ", %llu pass DMARC (%llu.%llu %%)",
	    (unsigned long long)p->passed, (unsigned long long)permille / 10,
	    (unsigned long long)permille % 10);
}

static int
as_summary_end(void *self, struct buf *out, struct err *e)
{
	struct print_as_summary *p = self;
	bool is_whole = p->report->kind != REPORT_AGGREGATE;

	p->report = NULL;
	if (is_whole)
		return 0;
	if (p->records == 0)
		return buf_add_text(out, "\n  no records: no mail seen\n", e);
	if (!p->has_widths && put_waiting(p, out, e) < 0)
		return -1;
	if (buf_printf(out, e, "\n  total: %llu record%s, %llu message%s",
		(unsigned long long)p->records, p->records == 1 ? "" : "s",
		(unsigned long long)p->messages,
		p->messages == 1 ? "" : "s") < 0 ||
	    pass_rate(p, out, e) < 0)
		return -1;
	return buf_add(out, "\n", 1, e);
}

static void *
summary_page_new(void)
{
	return xcalloc(1, sizeof(struct summary_page));
}

static int
summary_page_join(void *self, enum report_kind kind, struct buf *out,
    struct buf **place, struct err *e)
{
	struct summary_page *page = self;
	bool is_first = !page->has_report;

	(void)kind;
	*place = out;
	page->has_report = true;
	return is_first ? 0 : buf_add(out, "\n", 1, e);
}

const struct print_format print_summary = {
	.name = "summary",
	.is_plain = true,
	.new = as_summary_new,
	.begin = as_summary_begin,
	.add = as_summary_add,
	.end = as_summary_end,
	.free = as_summary_free,
	.page_new = summary_page_new,
	.page_begin = print_nothing,
	.page_join = summary_page_join,
	.page_end = print_nothing,
	.page_free = free,
};
