/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_table.c - one list of a report as a table of the page.
 */
#include <string.h>

#include "cli/report_page.h"
#include "cli/table.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/sqlite_report.h"

static const char *const link_keys[] = {
	[LINK_DOMAIN] = "domain",
	[LINK_SOURCE] = "source",
	[LINK_REPORTER] = "reporter",
};

void
report_page_count(struct html *h, const struct report_view *v, uint64_t n)
{
	html_put(h, table_count(v->arena, n));
}

/* How strict a policy is, as a colour. */
static const char *
badge_of(const char *policy)
{
	static const struct {
		const char *p, *class;
	} badges[] = {
		{ "reject", "badge ok" },
		{ "quarantine", "badge mid" },
		{ "none", "badge bad" },
	};
	size_t i;

	for (i = 0; i < sizeof(badges) / sizeof(*badges); i++)
		if (policy != NULL && text_starts_nocase(policy, badges[i].p))
			return badges[i].class;
	return "badge";
}

static bool
is_code(const struct report_column *c)
{
	size_t len = strlen(c->key);

	return len > 8 && strcmp(c->key + len - 8, "_results") == 0;
}

static void
link_put(struct html *h, const struct report_column *c, const void *row)
{
	int64_t id;

	if (c->link == LINK_REPORT) {
		memcpy(&id, row, sizeof(id));
		html_printf(h, "<a href=\"/?report=%lld\">", (long long)id);
		return;
	}
	html_printf(h, "<a href=\"/?%s=", link_keys[c->link]);
	html_url(h, report_text_of(c, row));
	html_put(h, "\">");
}

static void
text_put(struct html *h, const struct report_view *v,
    const struct report_column *c, const void *row)
{
	const char *text = report_text_of(c, row);
	bool is_link = v->is_live && c->link != LINK_NONE;

	if (strcmp(c->key, "policy") == 0 || strcmp(c->key, "disposition") == 0)
		html_printf(h, "<span class=\"%s\">", badge_of(text));
	else
		html_put(h, "<span>");
	if (is_link)
		link_put(h, c, row);
	html_put(h, "<bdi>");
	html_text(h, text);
	html_put(h, is_link ? "</bdi></a></span>" : "</bdi></span>");
}

static double
percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (double)part / (double)whole * 100;
}

static void
piece_put(
    struct html *h, const char *class, double *at, uint64_t n, uint64_t whole)
{
	double width = percent(n, whole);

	if (n > 0)
		html_printf(h,
		    "<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" "
		    "height=\"8\"/>",
		    class, *at, width);
	*at += width;
}

/* The share that passed; in the bar also what became of the others. */
static void
outcome_put(struct html *h, const struct report_mails *n)
{
	double at = 0;

	piece_put(h, "p", &at, n->passed, n->messages);
	piece_put(h, "q", &at, n->quarantined, n->messages);
	piece_put(h, "r", &at, n->rejected, n->messages);
	piece_put(h, "f", &at, report_delivered(n), n->messages);
}

static void
share_put(struct html *h, const struct report_view *v,
    const struct report_column *c, const void *row)
{
	uint64_t part = report_count_of(c, row),
		 whole = report_whole_of(c, row);
	const char *mails = (const char *)row + c->whole;
	double at = 0;

	html_put(h, "<span class=\"sh\"><svg class=\"bar\" viewBox=\"0 0 100 "
		    "8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
		    "<rect class=\"t\" width=\"100\" height=\"8\"/>");
	if (strcmp(c->key, "pass_rate") == 0) /* messages are n's first */
		outcome_put(h, (const void *)mails);
	else
		piece_put(h, "p", &at, part, whole);
	html_printf(h, "</svg><span class=\"v\">%s</span></span>",
	    table_share(v->arena, part, whole));
}

static void
time_put(struct html *h, const struct report_column *c, const void *row)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t at;

	if (!report_time_of(c, row, &at))
		return;
	if (c->cell == CELL_DAY)
		clock_date(at, text);
	else
		clock_plain(at, text);
	html_printf(h, "<span class=\"w\">%s</span>", text);
}

/* How the cell stands, by what is in it. */
static const char *
class_of(const struct report_column *c, const void *row)
{
	const char *text;

	switch (c->cell) {
	case CELL_COUNT:
	case CELL_SHARE:
		return "n";
	case CELL_TEXT:
		text = report_text_of(c, row);
		if (text == NULL || *text == '\0')
			return "e";
		return is_code(c) ? "c wide" : "";
	default:
		return "";
	}
}

static void
cell_put(struct html *h, const struct report_view *v,
    const struct report_column *c, const void *row)
{
	html_printf(
	    h, "<td class=\"%s\" data-l=\"%s\">", class_of(c, row), c->title);
	switch (c->cell) {
	case CELL_TEXT:
		text_put(h, v, c, row);
		break;
	case CELL_COUNT:
		report_page_count(h, v, report_count_of(c, row));
		break;
	case CELL_SHARE:
		share_put(h, v, c, row);
		break;
	case CELL_TIME:
	case CELL_DAY:
		time_put(h, c, row);
		break;
	}
	html_put(h, "</td>");
}

/* A column that no row fills takes no room. */
static bool
is_shown(const struct report_column *c, const struct report_list *list,
    const struct sqlite_report *r)
{
	size_t rows = report_rows(list, r), i;
	const char *text;

	if ((c->where & IN_PAGE) == 0)
		return false;
	if (c->cell != CELL_TEXT)
		return true;
	for (i = 0; i < rows; i++) {
		text = report_text_of(c, report_row(list, r, i));
		if (text != NULL && *text != '\0')
			return true;
	}
	return false;
}

static void
table_put(
    struct html *h, const struct report_view *v, const struct report_list *list)
{
	size_t rows = report_rows(list, v->r), row, i;

	html_put(h, "<table><thead><tr>");
	for (i = 0; i < list->column_count; i++) {
		const struct report_column *c = &list->columns[i];

		if (is_shown(c, list, v->r))
			html_printf(h, "<th class=\"%s\">%s</th>",
			    c->cell == CELL_COUNT || c->cell == CELL_SHARE ? "n"
									   : "",
			    c->title);
	}
	html_put(h, "</tr></thead><tbody>");
	for (row = 0; row < rows; row++) {
		html_put(h, "<tr>");
		for (i = 0; i < list->column_count; i++)
			if (is_shown(&list->columns[i], list, v->r))
				cell_put(h, v, &list->columns[i],
				    report_row(list, v->r, row));
		html_put(h, "</tr>");
	}
	html_put(h, "</tbody></table>");
}

void
report_page_list(
    struct html *h, const struct report_view *v, const struct report_list *list)
{
	size_t rows = report_rows(list, v->r);

	if (rows == 0 && list->none == NULL)
		return;
	html_printf(h, "<section><h2>%s</h2>", list->title);
	if (rows == 0) {
		html_printf(
		    h, "<p class=\"none\">%s</p></section>", list->none);
		return;
	}
	if (list->note != NULL)
		html_printf(h, "<p class=\"note\">%s</p>", list->note);
	table_put(h, v, list);
	html_put(h, "</section>");
}
