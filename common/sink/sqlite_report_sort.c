/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report_sort.c - the scan's rows, sorted and cut, as the lists of a
 * report; and what only shows when all is added up.
 */
#include <stdlib.h>

#include "common/sink/sqlite_report_scan.h"

/* "reject, sp=none, pct=50" */
static const char *
policy_text(struct arena *a, const struct report_domain *d)
{
	const char *text = is_empty(d->p) ? "-" : d->p;

	if (!is_empty(d->sp) && strcmp(text, d->sp) != 0)
		text = arena_printf(a, "%s, sp=%s", text, d->sp);
	if (!is_empty(d->pct) && strcmp(d->pct, "100") != 0)
		text = arena_printf(a, "%s, pct=%s", text, d->pct);
	return text;
}

/* What a stricter policy would take from senders that mostly pass. */
static void
add_risks(struct scan *s)
{
	const struct pair *pairs = tally_rows(s->pairs);
	struct report_totals *t = &s->r->out->totals;
	size_t i;

	for (i = 0; i < tally_count(s->pairs); i++) {
		uint64_t failed = pairs[i].messages - pairs[i].passed;

		if (pairs[i].domain == NULL || failed > pairs[i].passed)
			continue;
		count_add(&pairs[i].domain->n.at_risk, failed);
		count_add(&pairs[i].sender->n.at_risk, failed);
		count_add(&t->n.at_risk, failed);
	}
}

static int
compare_count(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b; /* the largest first */
}

static int
by_day(const void *left, const void *right)
{
	const struct report_day *a = left, *b = right;

	return a->at < b->at ? -1 : a->at > b->at;
}

static int
by_domain(const void *left, const void *right)
{
	const struct report_domain *a = left, *b = right;
	int order = compare_count(a->n.messages, b->n.messages);

	if (order == 0)
		order = compare_count(a->reports, b->reports);
	return order != 0 ? order : compare_text(a->domain, b->domain);
}

static int
by_sender(const void *left, const void *right)
{
	const struct report_sender *a = left, *b = right;
	int order = compare_count(a->n.messages, b->n.messages);

	return order != 0 ? order : compare_text(a->sender, b->sender);
}

static int
by_source(const void *left, const void *right)
{
	const struct report_source *a = left, *b = right;
	int order = compare_count(a->n.messages, b->n.messages);

	return order != 0 ? order : compare_text(a->ip_address, b->ip_address);
}

static int
by_category(const void *left, const void *right)
{
	const struct report_category *a = left, *b = right;
	int order = compare_count(a->n.messages, b->n.messages);

	return order != 0 ? order : compare_text(a->category, b->category);
}

static int
by_failure(const void *left, const void *right)
{
	const struct report_failure *a = left, *b = right;
	int order = compare_count(a->messages, b->messages);

	if (order == 0)
		order = compare_text(a->header_from, b->header_from);
	return order != 0 ? order : compare_text(a->ip_address, b->ip_address);
}

static int
by_id(const void *left, const void *right)
{
	const struct report_received *a = left, *b = right;

	return a->id > b->id ? -1 : a->id < b->id; /* the latest first */
}

static int
by_reporter(const void *left, const void *right)
{
	const struct report_reporter *a = left, *b = right;
	int order = compare_count(a->reports, b->reports);

	if (order == 0)
		order = compare_count(a->n.messages, b->n.messages);
	return order != 0 ? order : compare_text(a->org_name, b->org_name);
}

/* The rows of a tally, sorted; as many as are wanted. */
static void *
sorted(const struct tally *t, size_t row_size, size_t top,
    int (*compare)(const void *, const void *), size_t *count)
{
	void *rows = tally_rows(t);

	*count = tally_count(t);
	qsort(rows, *count, row_size, compare);
	if (*count > top)
		*count = top;
	return rows;
}

#define SORTED(s, list, one, compare, top) \
	sorted((s)->list, sizeof(*(s)->r->out->list), top, compare, \
	    &(s)->r->out->one##_count)

/* A domain whose reports have no record in the range is not one of it. */
static size_t
with_mails(const struct report_domain *d, size_t count)
{
	while (count > 0 && d[count - 1].reports == 0)
		count--;
	return count;
}

static size_t
heard(struct report_reporter *o, size_t count)
{
	while (count > 0 && o[count - 1].reports == 0)
		count--;
	return count;
}

/* What would change if the domain's policy were stricter. */
static void
look_ahead(struct scan *s, struct report_domain *d)
{
	d->policy = policy_text(s->r->arena, d);
	d->at_quarantine = report_delivered(&d->n);
	d->at_reject = d->at_quarantine;
	count_add(&d->at_reject, d->n.quarantined);
}

/* Of rows of ours, what they begin with: that is handed out. */
static void *
bare_rows(
    struct scan *s, const struct tally *t, size_t row_size, size_t bare_size)
{
	const char *from = tally_rows(t);
	size_t count = tally_count(t), i;
	char *to = arena_alloc(s->r->arena, (count + 1) * bare_size);

	for (i = 0; i < count; i++)
		memcpy(to + i * bare_size, from + i * row_size, bare_size);
	return to;
}

void
sqlite_scan_hand_out(struct scan *s)
{
	struct sqlite_report *out = s->r->out;
	size_t top = s->r->filter->top, i;

	add_risks(s);
	out->days = SORTED(s, days, day, by_day, SIZE_MAX);
	out->domains = SORTED(s, domains, domain, by_domain, top);
	out->domain_count = with_mails(out->domains, out->domain_count);
	out->senders = SORTED(s, senders, sender, by_sender, top);
	out->senders_all = tally_count(s->senders);
	out->sources = bare_rows(
	    s, s->sources, sizeof(struct source), sizeof(*out->sources));
	out->source_count = tally_count(s->sources);
	qsort(
	    out->sources, out->source_count, sizeof(*out->sources), by_source);
	if (out->source_count > top)
		out->source_count = top;
	out->categories = bare_rows(s, s->categories, sizeof(struct category),
	    sizeof(*out->categories));
	out->category_count = tally_count(s->categories);
	qsort(out->categories, out->category_count, sizeof(*out->categories),
	    by_category);
	if (out->category_count > top)
		out->category_count = top;
	out->failures = SORTED(s, failures, failure, by_failure, top);
	out->report_count = s->report_count < top ? s->report_count : top;
	qsort(out->reports, out->report_count, sizeof(*out->reports), by_id);
	out->reporters = SORTED(s, reporters, reporter, by_reporter, top);
	out->reporter_count = heard(out->reporters, out->reporter_count);
	for (i = 0; i < out->domain_count; i++)
		look_ahead(s, &out->domains[i]);
}
