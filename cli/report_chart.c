/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_chart.c - mails over time as columns, and the share that passed, in
 * SVG without text: it stretches to any width, and the words stand around it.
 */
#include "cli/report_page.h"
#include "cli/table.h"
#include "common/base/clock.h"
#include "common/sink/sqlite_report.h"

#define COLUMNS_MAX 62
#define HEIGHT 100.0

/* Days that share a column. */
struct bucket {
	int64_t at;
	struct report_mails n;
};

struct chart {
	struct bucket buckets[COLUMNS_MAX];
	size_t count;
	int64_t days; /* of one bucket */
	uint64_t max;
};

static int64_t
width_of(int64_t days)
{
	static const int64_t widths[] = { 1, 2, 7, 14, 28, 91, 182, 364 };
	size_t i;

	for (i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		if (days <= widths[i] * COLUMNS_MAX)
			return widths[i];
	return days / COLUMNS_MAX + 1;
}

static void
bucket_add(struct bucket *b, const struct report_mails *n)
{
	b->n.messages += n->messages;
	b->n.passed += n->passed;
	b->n.failed += n->failed;
	b->n.quarantined += n->quarantined;
	b->n.rejected += n->rejected;
}

static void
chart_fill(struct chart *c, const struct sqlite_report *r)
{
	int64_t first = r->days[0].at / CLOCK_DAY_S, day;
	int64_t last = r->days[r->day_count - 1].at / CLOCK_DAY_S;
	size_t i;

	c->days = width_of(last - first + 1);
	c->count = (size_t)((last - first) / c->days) + 1;
	for (i = 0; i < c->count; i++)
		c->buckets[i].at = (first + (int64_t)i * c->days) * CLOCK_DAY_S;
	for (i = 0; i < r->day_count; i++) {
		day = r->days[i].at / CLOCK_DAY_S - first;
		bucket_add(&c->buckets[day / c->days], &r->days[i].n);
	}
	for (i = 0; i < c->count; i++)
		if (c->buckets[i].n.messages > c->max)
			c->max = c->buckets[i].n.messages;
}

static void
piece(struct html *h, const char *class, size_t column, double *top, uint64_t n,
    uint64_t max)
{
	double height = (double)n / (double)max * HEIGHT;

	if (n == 0)
		return;
	*top -= height;
	html_printf(h,
	    "<rect class=\"%s\" x=\"%zu.14\" y=\"%.3f\" width=\".72\" "
	    "height=\"%.3f\"/>",
	    class, column, *top, height);
}

static void
column_put(struct html *h, const struct report_view *v, const struct chart *c,
    size_t i)
{
	const struct report_mails *n = &c->buckets[i].n;
	char day[CLOCK_TEXT_SIZE];
	double top = HEIGHT;

	clock_date(c->buckets[i].at, day);
	html_printf(h, "<g><title>%s: %s messages, %s pass</title>", day,
	    table_count(v->arena, n->messages),
	    table_share(v->arena, n->passed, n->messages));
	piece(h, "p", i, &top, n->passed, c->max);
	piece(h, "q", i, &top, n->quarantined, c->max);
	piece(h, "r", i, &top, n->rejected, c->max);
	piece(h, "f", i, &top, report_delivered(n), c->max);
	html_put(h, "</g>");
}

static void
columns_put(struct html *h, const struct report_view *v, const struct chart *c)
{
	size_t i;

	html_put(h, "<div class=\"plot\"><span class=\"max\">");
	report_page_count(h, v, c->max);
	html_put(h, "</span><div class=\"gap\">");
	html_printf(h,
	    "<svg viewBox=\"0 0 %zu 100\" preserveAspectRatio=\"none\" "
	    "role=\"img\" aria-label=\"Messages over time\">"
	    "<path class=\"grid\" d=\"M0 .5H%zuM0 50H%zu\"/>",
	    c->count, c->count, c->count);
	for (i = 0; i < c->count; i++)
		column_put(h, v, c, i);
	html_put(h, "</svg></div></div>");
}

/* A column without mails has no share: the line goes on to the next. */
static void
points_put(struct html *h, const struct chart *c)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		const struct report_mails *n = &c->buckets[i].n;

		if (n->messages > 0)
			html_printf(h, " %zu.5,%.2f", i,
			    HEIGHT - (double)n->passed / (double)n->messages *
					 HEIGHT);
	}
}

static void
rate_put(struct html *h, const struct chart *c)
{
	if (c->count < 2)
		return;
	html_put(h,
	    "<div class=\"plot\"><span class=\"max\">Pass rate, 0 to 100 "
	    "%</span><div class=\"gap\">");
	html_printf(h,
	    "<svg class=\"rate\" viewBox=\"0 -4 %zu 108\" "
	    "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Share "
	    "that passed DMARC\"><path class=\"grid\" d=\"M0 0H%zuM0 "
	    "50H%zu\"/><polygon class=\"area\" points=\"0.5,100",
	    c->count, c->count, c->count);
	points_put(h, c);
	html_printf(h, " %zu.5,100\"/><polyline class=\"line\" points=\"",
	    c->count - 1);
	points_put(h, c);
	html_put(h, "\"/></svg></div></div>");
}

static void
axis_put(struct html *h, const struct chart *c)
{
	char text[CLOCK_TEXT_SIZE];
	size_t labels = c->count < 3 ? c->count : 3, i;

	html_put(h, "<div class=\"axis\">");
	for (i = 0; i < labels; i++) {
		size_t at = labels == 1 ? 0 : i * (c->count - 1) / (labels - 1);

		clock_date(c->buckets[at].at, text);
		html_printf(h, "<span>%s</span>", text);
	}
	html_put(h, "</div>");
}

static void
legend_put(struct html *h)
{
	static const struct {
		const char *class, *text;
	} items[] = {
		{ "p", "passed" },
		{ "f", "failed, delivered" },
		{ "q", "failed, quarantined" },
		{ "r", "failed, rejected" },
	};
	size_t i;

	html_put(h, "<ul class=\"legend\">");
	for (i = 0; i < sizeof(items) / sizeof(*items); i++)
		html_printf(h,
		    "<li><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect "
		    "class=\"%s\" width=\"1\" height=\"1\"/></svg>%s</li>",
		    items[i].class, items[i].text);
	html_put(h, "</ul>");
}

void
report_chart(struct html *h, const struct report_view *v)
{
	struct chart *c;

	if (v->r->day_count == 0)
		return;
	c = arena_alloc(v->arena, sizeof(*c));
	chart_fill(c, v->r);
	html_put(h, "<section><h2>Compliance over time</h2>");
	html_printf(h,
	    "<p class=\"note\">Messages in %lld day%s each, UTC.</p>",
	    (long long)c->days, c->days == 1 ? "" : "s");
	legend_put(h);
	if (c->max > 0) {
		columns_put(h, v, c);
		rate_put(h, c);
		axis_put(h, c);
	}
	html_put(h, "</section>");
}
