/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_answer.c - a path and its query to a page, JSON or CSV.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/sqlite_report.h"

#include "cli/html.h"
#include "cli/report.h"
#include "cli/report_lists.h"
#include "cli/report_time.h"
#include "cli/serve_answer.h"

static int
csv_all(const struct report_view *v, struct buf *out, struct err *e)
{
	return report_csv(v, NULL, out, e);
}

static const struct {
	const char *path, *content_type;
	int (*write)(
	    const struct report_view *v, struct buf *out, struct err *e);
} routes[] = {
	{ "/", "text/html; charset=utf-8", report_html },
	{ "/api/report", "application/json", report_json },
	{ "/api/report.csv", "text/csv; charset=utf-8", csv_all },
};

static const char *const names[] = { "since", "until", "domain", "source",
	"reporter", "report", "top" };

/* What a form leaves empty was not asked for. */
static const char *
value_of(const struct serve_query *q, const char *name)
{
	const char *value = q->lookup(q->context, name);

	return value == NULL || *value == '\0' ? NULL : value;
}

static int
number_of(const char *text, int64_t max, int64_t *n)
{
	if (text == NULL)
		return 0;
	return text_to_int64(text, strlen(text), n) < 0 || *n < 1 || *n > max
		   ? -1
		   : 0;
}

static int
time_of(const char *text, int64_t *at)
{
	return text == NULL ? 0 : report_time_parse(text, at);
}

/* 0, or -1: a parameter cannot be read. */
static int
filter_of(const struct serve_query *q, struct sqlite_report_filter *f)
{
	int64_t top = SERVE_TOP;

	f->domain = value_of(q, "domain");
	f->source = value_of(q, "source");
	f->reporter = value_of(q, "reporter");
	if (time_of(value_of(q, "since"), &f->since) < 0 ||
	    time_of(value_of(q, "until"), &f->until) < 0 ||
	    number_of(value_of(q, "report"), INT64_MAX, &f->report) < 0 ||
	    number_of(value_of(q, "top"), SERVE_TOP_MAX, &top) < 0)
		return -1;
	f->top = (size_t)top;
	return 0;
}

static int
say(int status, const char *text, struct buf *out, const char **content_type)
{
	struct err ignored; /* there is room for a line */

	buf_reset(out);
	(void)buf_add_text(out, text, &ignored);
	*content_type = "text/plain; charset=utf-8";
	return status;
}

static int
read_and_write(const struct serve_query *q,
    const struct sqlite_report_filter *filter, size_t route, struct arena *a,
    struct buf *out, const char **content_type, struct err *e)
{
	struct sqlite_report report;
	struct report_view v = { .r = &report,
		.filter = filter,
		.arena = a,
		.path = q->database,
		.now = clock_now(),
		.is_live = true };
	struct err ignored; /* an answer that is too long */

	switch (sqlite_report_read(&report, a, q->database, filter, e)) {
	case 1:
		break;
	case 0:
		return say(
		    503, "There is no database yet.\n", out, content_type);
	default:
		return say(503, "The database cannot be read now.\n", out,
		    content_type);
	}
	if (filter->report != 0 && report.totals.reports == 0)
		return say(404, "No such report.\n", out, content_type);
	if (routes[route].write(&v, out, &ignored) < 0)
		return say(503, "The answer is too long.\n", out, content_type);
	*content_type = routes[route].content_type;
	return 200;
}

int
serve_answer(const struct serve_query *q, struct buf *out,
    const char **content_type, struct err *e)
{
	struct sqlite_report_filter filter = { 0 };
	struct arena *a;
	size_t i;
	int status;

	for (i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (strcmp(routes[i].path, q->path) == 0)
			break;
	if (i == sizeof(routes) / sizeof(*routes))
		return say(404, "There is nothing here.\n", out, content_type);
	if (filter_of(q, &filter) < 0)
		return say(400,
		    "since and until are days (2026-11-01) or ages "
		    "(7d); report and top are numbers.\n",
		    out, content_type);
	a = arena_new();
	status = read_and_write(q, &filter, i, a, out, content_type, e);
	arena_free(&a);
	return status;
}

int
serve_key(const struct serve_query *q, struct buf *out)
{
	struct err e;
	struct html h;
	size_t i;

	html_begin(&h, out);
	html_put(&h, q->path);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		html_put(&h, "&");
		html_url(&h, value_of(q, names[i]));
	}
	return html_end(&h, &e);
}
