/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_html.c - a report as one page of HTML: no script, no request, and
 * all that strangers wrote goes through html_text.
 */
#include "cli/report_page.h"
#include "cli/table.h"
#include "common/base/clock.h"
#include "common/sink/sqlite_report.h"

void
report_page_begin(
    struct html *h, const struct report_view *v, const char *title)
{
	html_put(h, "<!doctype html>\n<html lang=\"en\"><head>"
		    "<meta charset=\"utf-8\">"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"");
	html_put(h, report_policy(v->arena)); /* its quotes are single ones */
	html_put(h, "\"><meta name=\"viewport\" "
		    "content=\"width=device-width,initial-scale=1\">"
		    "<meta name=\"referrer\" content=\"no-referrer\"><title>");
	html_text(h, title);
	html_put(h, "</title><style>");
	html_put(h, report_style);
	html_put(h, "</style></head><body>");
}

void
report_page_end(struct html *h, const struct report_view *v)
{
	char now[CLOCK_TEXT_SIZE];

	clock_plain(v->now, now);
	html_printf(
	    h, "<footer>dmarc-intake, %s UTC</footer></body></html>\n", now);
}

static void
say(struct html *h, const char *before, const char *name)
{
	if (name == NULL)
		return;
	html_put(h, before);
	html_put(h, "<bdi>");
	html_text(h, name);
	html_put(h, "</bdi>");
}

static void
head_put(struct html *h, const struct report_view *v)
{
	const struct sqlite_report_filter *f = v->filter;
	const struct report_totals *t = &v->r->totals;
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];

	html_put(h, "<header><h1>DMARC report");
	say(h, " for ", f->domain);
	html_put(h, "</h1><p class=\"sub\">");
	if (t->records > 0) {
		clock_date(t->begin, from);
		clock_date(t->end, to);
		html_printf(h, "%s to %s (UTC)", from, to);
	} else {
		html_put(h, "No aggregate reports");
	}
	if (f->report != 0)
		html_put(h, " \xc2\xb7 one report");
	say(h, " \xc2\xb7 sent by ", f->source);
	say(h, " \xc2\xb7 reported by ", f->reporter);
	html_put(h, "</p></header>");
}

static void
card(struct html *h, const char *title, const char *value, const char *more)
{
	html_printf(h,
	    "<div class=\"card\"><span class=\"k\">%s</span><b>%s</b>"
	    "<span>%s</span></div>",
	    title, value, more);
}

static void
cards_put(struct html *h, const struct report_view *v)
{
	const struct report_totals *t = &v->r->totals;
	uint64_t sessions = t->tls_successful + t->tls_failed;
	uint64_t delivered = report_delivered(&t->n);
	struct arena *a = v->arena;

	html_put(h, "<div class=\"cards\">");
	card(h, "Pass DMARC", table_share(a, t->n.passed, t->n.messages),
	    arena_printf(a, "DKIM %s, SPF %s",
		table_share(a, t->n.dkim, t->n.messages),
		table_share(a, t->n.spf, t->n.messages)));
	card(h, "Messages", table_count(a, t->n.messages),
	    arena_printf(
		a, "from %s senders", table_count(a, v->r->senders_all)));
	card(h, "Failed", table_count(a, t->n.failed),
	    arena_printf(a, "%s stopped, %s delivered",
		table_count(a, t->n.failed - delivered),
		table_count(a, delivered)));
	card(h, "Reports", table_count(a, t->reports),
	    arena_printf(a, "%s records, %s failure reports",
		table_count(a, t->records),
		table_count(a, t->failure_reports)));
	card(h, "TLS sessions",
	    sessions == 0 ? "-" : table_share(a, t->tls_successful, sessions),
	    sessions == 0
		? "no SMTP TLS reports"
		: arena_printf(a, "%s of %s failed",
		      table_count(a, t->tls_failed), table_count(a, sessions)));
	html_put(h, "</div>");
}

static void
field(struct html *h, const char *name, const char *title, const char *type,
    const char *value)
{
	html_printf(h, "<label>%s<input type=\"%s\" name=\"%s\" value=\"",
	    title, type, name);
	html_text(h, value);
	html_put(h, "\"></label>");
}

static const char *
day_text(const struct report_view *v, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	if (at == 0)
		return NULL;
	clock_date(at, text);
	return arena_strdup(v->arena, text);
}

static void
form_put(struct html *h, const struct report_view *v)
{
	const struct sqlite_report_filter *f = v->filter;

	html_put(h, "<form method=\"get\" action=\"/\">");
	field(h, "since", "From", "date", day_text(v, f->since));
	field(h, "until", "Before", "date", day_text(v, f->until));
	field(h, "domain", "Domain", "text", f->domain);
	field(h, "source", "Sender", "text", f->source);
	field(h, "reporter", "Reporter", "text", f->reporter);
	html_put(h, "<button>Show</button></form>");
}

int
report_html(const struct report_view *v, struct buf *out, struct err *e)
{
	struct html h;
	size_t i;

	html_begin(&h, out);
	report_page_begin(&h, v, "DMARC report");
	head_put(&h, v);
	html_put(&h, "<main>");
	if (v->is_live)
		form_put(&h, v);
	cards_put(&h, v);
	report_chart(&h, v);
	for (i = 0; i < report_list_count; i++)
		if ((report_lists[i].where & IN_PAGE) != 0)
			report_page_list(&h, v, &report_lists[i]);
	html_put(&h, "</main>");
	report_page_end(&h, v);
	return html_end(&h, e);
}
