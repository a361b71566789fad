/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print_json.c - reports as parsedmarc prints them: one object with an array
 * for each kind; and the documents as lines.
 * in: reports and their records    out: JSON in a buffer
 */
#include <stdlib.h>

#include "common/report/document.h"
#include "common/sink/ndjson_line.h"
#include "common/sink/print.h"

#define WAITING_MAX ((size_t)1 << 30)

struct print_as_json {
	struct json json;
	const struct report *report; /* borrowed while it is printed */
};

static void *
as_json_new(const struct conf *conf)
{
	(void)conf; /* the shape is fixed */
	return xcalloc(1, sizeof(struct print_as_json));
}

/* The writer's errors stick, and so does the buffer it writes to. */
static int
told(const struct print_as_json *p, struct err *e)
{
	if (p->json.err.kind == ERR_NONE)
		return 0;
	*e = p->json.err;
	return -1;
}

static int
as_json_begin(
    void *self, const struct report *r, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	p->report = r;
	json_begin(&p->json, out);
	if (r->kind == REPORT_TLS)
		report_json_tls(&p->json, r);
	else if (r->kind == REPORT_FAILURE)
		report_json_failure(&p->json, r);
	else
		report_json_begin(&p->json, r);
	return told(p, e);
}

static int
as_json_add(
    void *self, const struct record *rec, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	if (p->report->kind != REPORT_AGGREGATE)
		return 0; /* it has no other than itself */
	p->json.out = out;
	report_json_record(&p->json, p->report, rec);
	return told(p, e);
}

static int
as_json_end(void *self, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	p->json.out = out;
	if (p->report->kind == REPORT_AGGREGATE)
		report_json_end(&p->json, p->report);
	return told(p, e);
}

/*
 * Aggregate reports are printed as they come. Those of the other kinds stand
 * in arrays of their own behind them: they wait.
 */
struct json_page {
	bool has_aggregate;
	struct buf failures, tls;
};

static void *
json_page_new(void)
{
	struct json_page *page = xcalloc(1, sizeof(*page));

	buf_init(&page->failures, WAITING_MAX);
	buf_init(&page->tls, WAITING_MAX);
	return page;
}

static void
json_page_free(void *self)
{
	struct json_page *page = self;

	buf_clear(&page->failures);
	buf_clear(&page->tls);
	free(page);
}

static int
json_page_begin(void *self, struct buf *out, struct err *e)
{
	(void)self;
	return buf_add_text(out, "{\"aggregate_reports\":[", e);
}

static int
json_page_join(void *self, enum report_kind kind, struct buf *out,
    struct buf **place, struct err *e)
{
	struct json_page *page = self;
	bool is_first;

	if (kind == REPORT_AGGREGATE) {
		*place = out;
		is_first = !page->has_aggregate;
		page->has_aggregate = true;
	} else {
		*place = kind == REPORT_TLS ? &page->tls : &page->failures;
		is_first = (*place)->len == 0;
	}
	return is_first ? 0 : buf_add(*place, ",", 1, e);
}

static int
json_page_end(void *self, struct buf *out, struct err *e)
{
	const struct json_page *page = self;

	if (buf_add_text(out, "],\"failure_reports\":[", e) < 0 ||
	    buf_add(out, page->failures.data, page->failures.len, e) < 0 ||
	    buf_add_text(out, "],\"smtp_tls_reports\":[", e) < 0 ||
	    buf_add(out, page->tls.data, page->tls.len, e) < 0)
		return -1;
	return buf_add_text(out, "]}\n", e);
}

const struct print_format print_json = {
	.name = "json",
	.is_plain = true,
	.new = as_json_new,
	.begin = as_json_begin,
	.add = as_json_add,
	.end = as_json_end,
	.free = free,
	.page_new = json_page_new,
	.page_begin = json_page_begin,
	.page_join = json_page_join,
	.page_end = json_page_end,
	.page_free = json_page_free,
};

struct print_as_lines {
	const struct conf *conf; /* borrowed */
	struct ndjson_line line;
};

static void *
as_lines_new(const struct conf *conf)
{
	struct print_as_lines *p = xcalloc(1, sizeof(*p));

	p->conf = conf;
	return p;
}

static int
as_lines_begin(
    void *self, const struct report *r, struct buf *out, struct err *e)
{
	struct print_as_lines *p = self;

	(void)out;
	(void)e;
	ndjson_line_init(&p->line, r, &p->conf->index);
	return 0;
}

static int
as_lines_add(
    void *self, const struct record *rec, struct buf *out, struct err *e)
{
	struct print_as_lines *p = self;

	return ndjson_line_add(&p->line, rec, out, e);
}

static int
as_lines_end(void *self, struct buf *out, struct err *e)
{
	struct print_as_lines *p = self;

	(void)out;
	(void)e;
	ndjson_line_clear(&p->line);
	return 0;
}

/* Lines stand one below the other, and nothing else. */
static void *
lines_page_new(void)
{
	return NULL;
}

static int
lines_page_join(void *page, enum report_kind kind, struct buf *out,
    struct buf **place, struct err *e)
{
	(void)page;
	(void)kind;
	(void)e;
	*place = out;
	return 0;
}

const struct print_format print_ndjson = {
	.name = "ndjson",
	.new = as_lines_new,
	.begin = as_lines_begin,
	.add = as_lines_add,
	.end = as_lines_end,
	.free = free,
	.page_new = lines_page_new,
	.page_begin = print_nothing,
	.page_join = lines_page_join,
	.page_end = print_nothing,
	.page_free = free,
};
