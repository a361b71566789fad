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

/*
 * Aggregate reports are printed as they come. Those of the other kinds stand
 * in arrays of their own behind them: they wait.
 */
struct print_as_json {
	struct json json;
	const struct report *report; /* borrowed while it is printed */
	struct buf failures, tls;    /* items, each with a comma behind it */
};

static void *
as_json_new(const struct conf *conf)
{
	struct print_as_json *p = xcalloc(1, sizeof(*p));

	(void)conf; /* the shape is fixed */
	buf_init(&p->failures, WAITING_MAX);
	buf_init(&p->tls, WAITING_MAX);
	return p;
}

static void
as_json_free(void *self)
{
	struct print_as_json *p = self;

	buf_clear(&p->failures);
	buf_clear(&p->tls);
	free(p);
}

/* The writer's errors stick, and so does the buffer it began with. */
static int
told(const struct print_as_json *p, struct err *e)
{
	if (p->json.err.kind == ERR_NONE)
		return 0;
	*e = p->json.err;
	return -1;
}

static int
as_json_start(void *self, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	json_begin(&p->json, out);
	json_object_begin(&p->json);
	json_key(&p->json, "aggregate_reports");
	json_array_begin(&p->json);
	return told(p, e);
}

/* The whole of a report that is one object. */
static int
wait_with(struct buf *waiting,
    void (*write)(struct json *j, const struct report *r),
    const struct report *r, struct err *e)
{
	size_t before = waiting->len;
	struct json j;

	json_begin(&j, waiting);
	write(&j, r);
	if (json_end(&j, e) == 0 && buf_add(waiting, ",", 1, e) == 0)
		return 0;
	waiting->len = before;
	return -1;
}

static int
as_json_begin(
    void *self, const struct report *r, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	(void)out;
	p->report = r;
	if (r->kind == REPORT_TLS)
		return wait_with(&p->tls, report_json_tls, r, e);
	if (r->kind == REPORT_FAILURE)
		return wait_with(&p->failures, report_json_failure, r, e);
	report_json_begin(&p->json, r);
	return told(p, e);
}

static int
as_json_add(
    void *self, const struct record *rec, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	(void)out;
	if (p->report->kind != REPORT_AGGREGATE)
		return 0; /* it has no other than itself */
	report_json_record(&p->json, p->report, rec);
	return told(p, e);
}

static int
as_json_end(void *self, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	(void)out;
	if (p->report->kind == REPORT_AGGREGATE)
		report_json_end(&p->json, p->report);
	p->report = NULL;
	return told(p, e);
}

static void
put_waiting(struct json *j, const char *key, const struct buf *waiting)
{
	json_key(j, key);
	json_array_begin(j);
	if (waiting->len > 0)
		json_raw(j, waiting->data, waiting->len - 1);
	json_array_end(j);
}

static int
as_json_stop(void *self, struct buf *out, struct err *e)
{
	struct print_as_json *p = self;

	json_array_end(&p->json);
	put_waiting(&p->json, "failure_reports", &p->failures);
	put_waiting(&p->json, "smtp_tls_reports", &p->tls);
	json_object_end(&p->json);
	if (json_end(&p->json, e) < 0)
		return -1;
	return buf_add(out, "\n", 1, e);
}

const struct print_format print_json = {
	.name = "json",
	.new = as_json_new,
	.start = as_json_start,
	.begin = as_json_begin,
	.add = as_json_add,
	.end = as_json_end,
	.stop = as_json_stop,
	.free = as_json_free,
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

/* Lines need neither a start nor a stop. */
static int
as_lines_nothing(void *self, struct buf *out, struct err *e)
{
	(void)self;
	(void)out;
	(void)e;
	return 0;
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

const struct print_format print_ndjson = {
	.name = "ndjson",
	.new = as_lines_new,
	.start = as_lines_nothing,
	.begin = as_lines_begin,
	.add = as_lines_add,
	.end = as_lines_end,
	.stop = as_lines_nothing,
	.free = free,
};
