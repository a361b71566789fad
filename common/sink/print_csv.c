/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_csv.c - reports as parsedmarc's CSV (RFC 4180), a table for each
 * kind. Where the kind changes an empty line and its header come first.
 * in: reports and their records    out: rows in a buffer
 */
#include <stdlib.h>

#include "common/base/text.h"
#include "common/sink/csv_row.h"
#include "common/sink/print.h"

#define SHARED_MAX ((size_t)64 << 20)

static const char aggregate_header[] =
    "xml_schema,org_name,org_email,org_extra_contact_info,report_id,"
    "begin_date,end_date,normalized_timespan,errors,domain,adkim,aspf,p,sp,"
    "np,pct,fo,testing,discovery_method,source_ip_address,source_country,"
    "source_reverse_dns,source_base_domain,source_name,source_type,"
    "source_asn,source_as_name,source_as_domain,count,spf_aligned,"
    "dkim_aligned,dmarc_aligned,disposition,policy_override_reasons,"
    "policy_override_comments,envelope_from,header_from,envelope_to,"
    "dkim_domains,dkim_selectors,dkim_results,spf_domains,spf_scopes,"
    "spf_results\r\n";

static const char *const headers[] = {
	[REPORT_AGGREGATE] = aggregate_header,
	[REPORT_FAILURE] = print_csv_failure_header,
	[REPORT_TLS] = print_csv_tls_header,
};

/* The output: one table after the other. */
struct csv_page {
	bool has_header;
	enum report_kind kind; /* of the table that was begun last */
};

/* A report. */
struct print_as_csv {
	enum report_kind kind;
	struct buf first;  /* of every row: to report_id */
	struct buf second; /* after the dates: to discovery_method */
	struct buf joined; /* of one cell */
};

static void *
as_csv_new(const struct conf *conf)
{
	struct print_as_csv *p = xcalloc(1, sizeof(*p));

	(void)conf; /* the columns are fixed */
	buf_init(&p->first, SHARED_MAX);
	buf_init(&p->second, SHARED_MAX);
	buf_init(&p->joined, SHARED_MAX);
	return p;
}

static void
as_csv_free(void *self)
{
	struct print_as_csv *p = self;

	buf_clear(&p->first);
	buf_clear(&p->second);
	buf_clear(&p->joined);
	free(p);
}

static void
second_part(
    struct print_as_csv *p, const struct aggregate *a, struct csv_row *second)
{
	size_t i;

	csv_cell_bool(second, a->normalized_timespan);
	for (i = 0; i < a->error_count; i++)
		csv_join(second, &p->joined, "|", i, a->errors[i]);
	csv_cell_joined(second, &p->joined, a->error_count);
	csv_cell(second, a->policy.domain);
	csv_cell(second, a->policy.adkim);
	csv_cell(second, a->policy.aspf);
	csv_cell(second, a->policy.p);
	csv_cell(second, a->policy.sp);
	csv_cell(second, a->policy.np);
	csv_cell(second, a->policy.pct);
	csv_cell(second, a->policy.fo);
	csv_cell(second, a->policy.testing);
	csv_cell(second, a->policy.discovery_method);
}

static int
begin_aggregate(struct print_as_csv *p, const struct report *r, struct err *e)
{
	const struct aggregate *a = &r->aggregate;
	struct csv_row first = { .out = &p->first, .e = e };
	struct csv_row second = { .out = &p->second, .e = e };

	buf_reset(&p->first);
	buf_reset(&p->second);
	csv_cell(&first, a->xml_schema);
	csv_cell(&first, a->org_name);
	csv_cell(&first, a->org_email);
	csv_cell(&first, a->org_extra_contact_info);
	csv_cell(&first, a->report_id);
	second_part(p, a, &second);
	return first.rc < 0 || second.rc < 0 ? -1 : 0;
}

static int
as_csv_begin(void *self, const struct report *r, struct buf *out, struct err *e)
{
	struct print_as_csv *p = self;

	p->kind = r->kind;
	if (r->kind == REPORT_TLS)
		return print_csv_tls(r, out, e);
	if (r->kind == REPORT_FAILURE)
		return print_csv_failure(r, out, e);
	return begin_aggregate(p, r, e);
}

static void
source_cells(struct csv_row *r, const struct source *s)
{
	csv_cell(r, s->ip_address);
	csv_cell(r, s->country);
	csv_cell(r, s->reverse_dns);
	csv_cell(r, s->base_domain);
	csv_cell(r, s->name);
	csv_cell(r, s->type);
	if (s->asn != 0)
		csv_cell_int(r, s->asn);
	else
		csv_cell(r, NULL);
	csv_cell(r, s->as_name);
	csv_cell(r, s->as_domain);
}

static void
override_cells(struct csv_row *r, struct buf *joined, const struct record *rec)
{
	size_t i;

	for (i = 0; i < rec->override_count; i++)
		csv_join(r, joined, ",", i, rec->overrides[i].type);
	csv_cell_joined(r, joined, rec->override_count);
	for (i = 0; i < rec->override_count; i++)
		csv_join(r, joined, "|", i, rec->overrides[i].comment);
	csv_cell_joined(r, joined, rec->override_count);
}

/* Lower case, as parsedmarc has these six columns. */
static void
cell_joined_lower(struct csv_row *r, const struct buf *joined, size_t count)
{
	if (count > 0 && r->rc == 0)
		text_lower(joined->data);
	csv_cell_joined(r, joined, count);
}

static void
dkim_cells(struct csv_row *r, struct buf *joined, const struct record *rec)
{
	size_t i, count = rec->dkim_count;

	for (i = 0; i < count; i++)
		csv_join(r, joined, ",", i, rec->dkim_results[i].domain);
	cell_joined_lower(r, joined, count);
	for (i = 0; i < count; i++)
		csv_join(r, joined, ",", i, rec->dkim_results[i].selector);
	cell_joined_lower(r, joined, count);
	for (i = 0; i < count; i++)
		csv_join(r, joined, ",", i, rec->dkim_results[i].result);
	cell_joined_lower(r, joined, count);
}

static void
spf_cells(struct csv_row *r, struct buf *joined, const struct record *rec)
{
	size_t i, count = rec->spf_count;

	for (i = 0; i < count; i++)
		csv_join(r, joined, ",", i, rec->spf_results[i].domain);
	cell_joined_lower(r, joined, count);
	for (i = 0; i < count; i++)
		csv_join(r, joined, ",", i, rec->spf_results[i].scope);
	cell_joined_lower(r, joined, count);
	for (i = 0; i < count; i++)
		csv_join(r, joined, ",", i, rec->spf_results[i].result);
	cell_joined_lower(r, joined, count);
}

static int
as_csv_add(void *self, const struct record *rec, struct buf *out, struct err *e)
{
	struct print_as_csv *p = self;
	struct csv_row r = { .out = out, .e = e };
	size_t before = out->len;

	if (p->kind != REPORT_AGGREGATE)
		return 0; /* begin has all of it */
	csv_put(&r, p->first.data, p->first.len);
	csv_cell_time(&r, rec->interval_begin);
	csv_cell_time(&r, rec->interval_end);
	csv_put(&r, p->second.data, p->second.len);
	source_cells(&r, &rec->source);
	csv_cell_int(&r, rec->message_count);
	csv_cell_bool(&r, rec->spf_aligned);
	csv_cell_bool(&r, rec->dkim_aligned);
	csv_cell_bool(&r, rec->passed_dmarc);
	csv_cell(&r, rec->disposition);
	override_cells(&r, &p->joined, rec);
	csv_cell(&r, rec->envelope_from);
	csv_cell(&r, rec->header_from);
	csv_cell(&r, rec->envelope_to);
	dkim_cells(&r, &p->joined, rec);
	spf_cells(&r, &p->joined, rec);
	csv_end_row(&r);
	if (r.rc < 0)
		out->len = before; /* no half a row */
	return r.rc;
}

static void *
csv_page_new(void)
{
	return xcalloc(1, sizeof(struct csv_page));
}

static int
csv_page_join(void *self, enum report_kind kind, struct buf *out,
    struct buf **place, struct err *e)
{
	struct csv_page *page = self;

	*place = out;
	if (page->has_header && page->kind == kind)
		return 0;
	if (page->has_header && buf_add(out, "\r\n", 2, e) < 0)
		return -1;
	page->has_header = true;
	page->kind = kind;
	return buf_add_text(out, headers[kind], e);
}

/* There is a header even when there is nothing below it. */
static int
csv_page_end(void *self, struct buf *out, struct err *e)
{
	struct csv_page *page = self;
	struct buf *place;

	return page->has_header
		   ? 0
		   : csv_page_join(page, REPORT_AGGREGATE, out, &place, e);
}

const struct print_format print_csv = {
	.name = "csv",
	.is_plain = true,
	.new = as_csv_new,
	.begin = as_csv_begin,
	.add = as_csv_add,
	.end = print_nothing, /* rows need none */
	.free = as_csv_free,
	.page_new = csv_page_new,
	.page_begin = print_nothing,
	.page_join = csv_page_join,
	.page_end = csv_page_end,
	.page_free = free,
};
