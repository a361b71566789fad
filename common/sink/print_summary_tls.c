/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_summary_tls.c - an SMTP TLS report for a person: who says what about
 * which policies, and what failed.
 * in: a report    out: text in a buffer
 */
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/print_summary.h"

#define CELL_SIZE 64
#define COLUMNS_MAX 6

/* What two tables have in common: a row is made twice, for its width too. */
struct table {
	const char *const *titles; /* COLUMNS_MAX at most, then NULL */
	unsigned right;            /* bit of a column: numbers */
	size_t width[COLUMNS_MAX];
};

struct row {
	char cell[COLUMNS_MAX][CELL_SIZE];
};

static void
set_text(struct row *row, size_t column, const char *text)
{
	text_escape(text != NULL ? text : "-", row->cell[column], CELL_SIZE);
}

static void
set_count(struct row *row, size_t column, int64_t n)
{
	(void)snprintf(row->cell[column], CELL_SIZE, "%lld", (long long)n);
}

static void
policy_row(struct row *row, const struct tls_policy *p)
{
	set_text(row, 0, p->policy_domain);
	set_text(row, 1, p->policy_type);
	set_count(row, 2, p->successful_session_count);
	set_count(row, 3, p->failed_session_count);
}

static void
failure_row(
    struct row *row, const struct tls_policy *p, const struct tls_failure *f)
{
	set_text(row, 0, f->result_type);
	set_count(row, 1, f->failed_session_count);
	set_text(row, 2, p->policy_domain);
	set_text(row, 3, f->sending_mta_ip);
	set_text(row, 4, f->receiving_mx_hostname);
	set_text(row, 5, f->receiving_ip);
}

static void
widen(struct table *t, const struct row *row)
{
	size_t i, width;

	for (i = 0; i < COLUMNS_MAX && t->titles[i] != NULL; i++) {
		width = print_width(row->cell[i]);
		if (width > t->width[i])
			t->width[i] = width;
	}
}

static void
start_table(struct table *t, struct row *titles)
{
	size_t i;

	for (i = 0; i < COLUMNS_MAX && t->titles[i] != NULL; i++)
		set_text(titles, i, t->titles[i]);
	widen(t, titles);
}

static int
put_row(const struct table *t, const struct row *row, struct buf *out,
    struct err *e)
{
	size_t i;
	int pad;

	for (i = 0; i < COLUMNS_MAX && t->titles[i] != NULL; i++) {
		pad = (int)(t->width[i] - print_width(row->cell[i]));
		if (t->right & 1u << i) {
			if (buf_printf(
				out, e, "  %*s%s", pad, "", row->cell[i]) < 0)
				return -1;
			continue;
		}
		if (i + 1 == COLUMNS_MAX || t->titles[i + 1] == NULL)
			pad = 0;
		if (buf_printf(out, e, "  %s%*s", row->cell[i], pad, "") < 0)
			return -1;
	}
	return buf_add(out, "\n", 1, e);
}

static int
put_policies(const struct tls_report *r, struct buf *out, struct err *e)
{
	static const char *const titles[] = { "POLICY DOMAIN", "TYPE",
		"SUCCESSFUL", "FAILED", NULL };
	struct table t = { .titles = titles, .right = 1u << 2 | 1u << 3 };
	struct row row;
	size_t i;

	if (r->policy_count == 0)
		return buf_add_text(out, "\n  no policies\n", e);
	start_table(&t, &row);
	for (i = 0; i < r->policy_count; i++) {
		policy_row(&row, &r->policies[i]);
		widen(&t, &row);
	}
	start_table(&t, &row);
	if (buf_add(out, "\n", 1, e) < 0 || put_row(&t, &row, out, e) < 0)
		return -1;
	for (i = 0; i < r->policy_count; i++) {
		policy_row(&row, &r->policies[i]);
		if (put_row(&t, &row, out, e) < 0)
			return -1;
	}
	return 0;
}

/* Without out: only how wide its rows are. */
static int
put_failures_of(
    struct table *t, const struct tls_policy *p, struct buf *out, struct err *e)
{
	struct row row;
	size_t i;

	for (i = 0; i < p->failure_count; i++) {
		failure_row(&row, p, &p->failures[i]);
		if (out == NULL)
			widen(t, &row);
		else if (put_row(t, &row, out, e) < 0)
			return -1;
	}
	return 0;
}

static int
put_failures(const struct tls_report *r, struct buf *out, struct err *e)
{
	static const char *const titles[] = { "FAILURE", "COUNT",
		"POLICY DOMAIN", "SENDER", "MX", "ADDRESS" };
	struct table t = { .titles = titles, .right = 1u << 1 };
	size_t i, count = 0;
	struct row row;

	for (i = 0; i < r->policy_count; i++) {
		count += r->policies[i].failure_count;
		(void)put_failures_of(&t, &r->policies[i], NULL, e);
	}
	if (count == 0)
		return 0;
	start_table(&t, &row);
	if (buf_add(out, "\n", 1, e) < 0 || put_row(&t, &row, out, e) < 0)
		return -1;
	for (i = 0; i < r->policy_count; i++)
		if (put_failures_of(&t, &r->policies[i], out, e) < 0)
			return -1;
	return 0;
}

/* "  name    text", nothing for what the reporter did not say. */
static int
put_line(const char *name, const char *text, struct buf *out, struct err *e)
{
	char escaped[256];

	if (text == NULL)
		return 0;
	return buf_printf(out, e, "  %-7s %s\n", name,
	    text_escape(text, escaped, sizeof(escaped)));
}

int
print_summary_tls(const struct report *r, struct buf *out, struct err *e)
{
	const struct tls_report *t = &r->tls;
	char begin[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE], org[256];
	size_t i;

	clock_plain(t->begin, begin);
	clock_plain(t->end, end);
	if (buf_printf(out, e, "%s: SMTP TLS\n",
		text_escape(t->org_name != NULL ? t->org_name : "-", org,
		    sizeof(org))) < 0 ||
	    put_line("id", t->report_id, out, e) < 0 ||
	    put_line("contact", t->contact_info, out, e) < 0 ||
	    buf_printf(out, e, "  range   %s to %s UTC\n", begin, end) < 0)
		return -1;
	for (i = 0; i < t->error_count; i++)
		if (put_line("note", t->errors[i], out, e) < 0)
			return -1;
	if (put_policies(t, out, e) < 0)
		return -1;
	return put_failures(t, out, e);
}
