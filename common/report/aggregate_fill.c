/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_fill.c - what was written becomes the report: names folded, times
 * read, gaps noted.
 * in: values as written (aggregate.c)    out: struct aggregate (report.h)
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/report/aggregate_builder.h"
#include "common/report/report_id.h"

#define TIMESPAN_S CLOCK_DAY_S /* a longer report is sliced by UTC day */
#define TIME_MOST INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

void
builder_note(struct builder *b, const char *fmt, ...)
{
	struct aggregate *g = &b->rr->report.aggregate;
	char text[512];
	va_list ap;

	if (b->error_count++ >= AGGREGATE_ERRORS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text[text_utf8_valid(text, strlen(text))] = '\0'; /* where it was cut */
	g->errors[g->error_count++] = arena_strdup(b->rr->arena, text);
}

static const char *
non_empty(const char *text)
{
	return text != NULL && *text != '\0' ? text : NULL;
}

static const char *
or_else(const char *text, const char *fallback)
{
	return non_empty(text) != NULL ? text : fallback;
}

/* The reporter's name: folded to its organizational domain if it is one. */
static const char *
org_name_of(const struct builder *b, const struct suffix_list *suffixes)
{
	const char *name = non_empty(b->meta[META_ORG_NAME]);
	const char *email = non_empty(b->meta[META_EMAIL]);
	const char *at;
	char folded[256];

	if (name == NULL && email != NULL)
		name = (at = strrchr(email, '@')) != NULL ? at + 1 : email;
	if (non_empty(name) == NULL)
		return NULL;
	if (strchr(name, ' ') != NULL ||
	    suffix_base_domain(suffixes, name, folded, sizeof(folded)) == NULL)
		return name;
	return arena_strdup(b->rr->arena, folded);
}

/* "<id@host>" is "id". */
static const char *
report_id_of(const struct builder *b)
{
	const char *from = b->meta[META_REPORT_ID];
	char *id, *to;

	if (from == NULL)
		return NULL;
	to = id = arena_alloc(b->rr->arena, strlen(from) + 1);
	for (; *from != '\0' && *from != '@'; from++)
		if (*from != '<' && *from != '>')
			*to++ = *from;
	return id;
}

/* Seconds, of which what follows a decimal point is cut. */
static int
time_of(const struct builder *b, enum meta_field field, const char *name,
    int64_t *at, struct err *e)
{
	const char *text = b->meta[field];

	if (non_empty(text) == NULL)
		return err_set(e, ERR_MALFORMED, "no %s in date_range", name);
	if (text_to_int64(text, strcspn(text, "."), at) < 0 || *at < 0 ||
	    *at > TIME_MOST)
		return err_set(
		    e, ERR_MALFORMED, "%s in date_range is no time", name);
	return 0;
}

static void
policy_fill(const struct builder *b, struct policy_published *p)
{
	p->domain = non_empty(b->meta[META_DOMAIN]);
	p->adkim = or_else(b->meta[META_ADKIM], "r");
	p->aspf = or_else(b->meta[META_ASPF], "r");
	p->p = non_empty(b->meta[META_P]);
	p->sp = or_else(b->meta[META_SP], p->p);
	p->pct = non_empty(b->meta[META_PCT]);
	p->fo = non_empty(b->meta[META_FO]);
	p->np = non_empty(b->meta[META_NP]);
	p->testing = non_empty(b->meta[META_TESTING]);
	p->discovery_method = non_empty(b->meta[META_DISCOVERY_METHOD]);
}

/* What the report lacks without being unreadable for it. */
static void
note_gaps(struct builder *b)
{
	const char *pct = b->rr->report.aggregate.policy.pct;
	int64_t n;

	if (non_empty(b->meta[META_EMAIL]) == NULL)
		builder_note(b, "no email in report_metadata");
	if (b->rr->report.aggregate.report_id == NULL)
		builder_note(b, "no report_id in report_metadata");
	if (b->rr->report.aggregate.policy.domain == NULL)
		builder_note(b, "no domain in policy_published");
	if (b->rr->report.aggregate.policy.p == NULL)
		builder_note(b, "no p in policy_published");
	if (pct != NULL && text_to_int64(pct, strlen(pct), &n) < 0)
		builder_note(b, "pct is no number: %.64s", pct);
	if (b->position == 0)
		builder_note(b, "no record");
	if (b->error_count > AGGREGATE_ERRORS_MAX)
		b->rr->report.aggregate.errors[AGGREGATE_ERRORS_MAX - 1] =
		    arena_printf(b->rr->arena, "%" PRIu64 " more errors",
			b->error_count - AGGREGATE_ERRORS_MAX + 1);
}

static int
aggregate_fill(
    struct builder *b, const struct suffix_list *suffixes, struct err *e)
{
	struct aggregate *g = &b->rr->report.aggregate;
	const char *const key[] = { "id1", "aggregate", b->meta[META_ORG_NAME],
		b->meta[META_REPORT_ID], b->meta[META_DOMAIN],
		b->meta[META_BEGIN], b->meta[META_END] };

	if ((g->org_name = org_name_of(b, suffixes)) == NULL)
		return err_set(e, ERR_MALFORMED,
		    "neither org_name nor email in report_metadata");
	g->report_id = non_empty(report_id_of(b));
	if (time_of(b, META_BEGIN, "begin", &g->begin, e) < 0 ||
	    time_of(b, META_END, "end", &g->end, e) < 0)
		return -1;
	if (g->begin <= g->end && (uint64_t)g->end - (uint64_t)g->begin >
				      b->limits->span_days * CLOCK_DAY_S)
		return err_set(e, ERR_LIMIT,
		    "date_range is longer than %" PRIu64 " days",
		    b->limits->span_days);
	g->normalized_timespan =
	    g->begin <= g->end && g->end - g->begin > TIMESPAN_S;
	g->xml_schema = or_else(b->meta[META_VERSION], "draft");
	g->xml_namespace = b->xml_namespace;
	g->org_email = non_empty(b->meta[META_EMAIL]);
	g->org_extra_contact_info = non_empty(b->meta[META_EXTRA_CONTACT_INFO]);
	g->generator = non_empty(b->meta[META_GENERATOR]);
	policy_fill(b, &g->policy);
	note_gaps(b);
	report_key(
	    b->rr->hash, key, sizeof(key) / sizeof(*key), b->rr->report.key);
	return 0;
}

/* After the last byte: is there a report, and is it whole? */
int
aggregate_conclude(struct builder *b, const struct xml_repair *repair,
    uint64_t dropped, const struct suffix_list *suffixes, struct err *e)
{
	if (!b->is_feedback)
		return 0;
	if (!b->is_closed)
		return err_set(e, ERR_MALFORMED, "XML: cut short%s%s",
		    repair->count > 0 ? ": " : "", repair->first);
	b->rr->report.aggregate.is_followed = repair->is_followed;
	if (repair->count > 0)
		builder_note(b, "Invalid XML: %s", repair->first);
	if (dropped > 0)
		builder_note(
		    b, "%" PRIu64 " bytes that are not UTF-8 dropped", dropped);
	if (aggregate_fill(b, suffixes, e) < 0 ||
	    spool_rewind(&b->rr->spool, e) < 0)
		return -1;
	return 1;
}
