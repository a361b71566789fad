/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_report_scan.c - records added up by day, domain, sender and reporter,
 * in one pass: each record is read once, whatever the number of lists. That is
 * why nothing has to be added up when records are stored.
 * in: aggregate_report and aggregate_record    out: lists of sqlite_report
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/sink/sqlite_db.h"
#include "common/sink/sqlite_report_scan.h"

#define ROWS_MAX 200000 /* of one list, before it is sorted and cut */
#define DAY_TEXT_SIZE 24

static const char reports_sql[] =
    "SELECT r.id, r.domain, r.p, r.sp, r.pct, r.date_end, r.org_name,"
    " r.intake_received, r.report_id, r.date_begin FROM aggregate_report AS r"
    " WHERE r.complete AND" REPORTS_FILTER " ORDER BY r.id";

/*
 * Each column costs on each row: what only failed mails are asked for is not
 * read of others, and what is the same for all mails of a sender is asked for
 * once (details_sql).
 */
static const char records_sql[] =
    "SELECT c.id, c.date_begin, c.date_end, c.message_count, c.passed_dmarc,"
    " c.dkim_aligned, c.spf_aligned, c.source_ip_address,"
    " coalesce(nullif(c.source_name, ''), nullif(c.source_base_domain, ''),"
    "  c.source_ip_address), c.intake_category,"
    " CASE WHEN NOT c.passed_dmarc THEN c.header_from END,"
    " CASE WHEN NOT c.passed_dmarc THEN c.disposition END,"
    " CASE WHEN NOT c.passed_dmarc THEN c.policy_dkim END,"
    " CASE WHEN NOT c.passed_dmarc THEN c.policy_spf END"
    " FROM aggregate_record AS c WHERE c.report_id = ?3"
    " AND c.date_end > ?1 AND c.date_begin < ?4"
    " AND (?6 IS NULL OR c.source_ip_address = ?6 COLLATE NOCASE"
    " OR c.source_name = ?6 COLLATE NOCASE"
    " OR c.source_base_domain = ?6 COLLATE NOCASE)";

static const char details_sql[] =
    "SELECT source_name, source_type, source_country FROM aggregate_record"
    " WHERE id = ?1";

enum record_column {
	RECORD_ID,
	RECORD_BEGIN,
	RECORD_END,
	RECORD_COUNT,
	RECORD_PASSED,
	RECORD_DKIM,
	RECORD_SPF,
	RECORD_ADDRESS,
	RECORD_SENDER,
	RECORD_CATEGORY,
	RECORD_FROM,
	RECORD_DISPOSITION,
	RECORD_POLICY_DKIM,
	RECORD_POLICY_SPF,
};

enum detail { DETAIL_NAME, DETAIL_TYPE, DETAIL_COUNTRY };

static const char *
column_text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

static void
mails_add(struct report_mails *sum, const struct report_mails *n)
{
	count_add(&sum->messages, n->messages);
	count_add(&sum->passed, n->passed);
	count_add(&sum->failed, n->failed);
	count_add(&sum->dkim, n->dkim);
	count_add(&sum->spf, n->spf);
	count_add(&sum->quarantined, n->quarantined);
	count_add(&sum->rejected, n->rejected);
}

static struct report_mails
mails_of(sqlite3_stmt *st)
{
	struct report_mails n = { 0 };
	const char *disposition = column_text(st, RECORD_DISPOSITION);

	n.messages = sqlite_reading_count(st, RECORD_COUNT);
	if (sqlite3_column_int(st, RECORD_DKIM))
		n.dkim = n.messages;
	if (sqlite3_column_int(st, RECORD_SPF))
		n.spf = n.messages;
	if (sqlite3_column_int(st, RECORD_PASSED))
		n.passed = n.messages;
	else
		n.failed = n.messages;
	if (n.failed == 0)
		return n;
	if (disposition != NULL && strcmp(disposition, "quarantine") == 0)
		n.quarantined = n.messages;
	if (disposition != NULL && strcmp(disposition, "reject") == 0)
		n.rejected = n.messages;
	return n;
}

/* What the record says of its sender: the last one that is not empty. */
static void
learn(struct scan *s, sqlite3_stmt *st, enum detail which, const char **known)
{
	int64_t record = sqlite3_column_int64(st, RECORD_ID);
	const char *text;
	int code;

	(void)sqlite3_bind_int64(s->details, 1, record);
	if ((code = sqlite3_step(s->details)) == SQLITE_ROW) {
		text = column_text(s->details, (int)which);
		if (!is_empty(text))
			*known = arena_strdup(s->r->arena, text);
	} else {
		s->code = code;
	}
	(void)sqlite3_reset(s->details);
}

static void
add_day(struct scan *s, sqlite3_stmt *st, const struct report_mails *n)
{
	int64_t at =
	    clock_day(sqlite3_column_int64(st, RECORD_BEGIN)) * CLOCK_DAY_S;
	char text[DAY_TEXT_SIZE];
	const char *key = text;
	bool is_new;

	if (s->day == NULL || s->day->at != at) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)at);
		s->day = tally_row(s->days, &key, 1, &is_new);
		s->day->at = at;
	}
	mails_add(&s->day->n, n);
}

/* Nearly always that of the last mail from there: look no further. */
static struct report_sender *
sender_of(struct scan *s, struct source *source, const char *name)
{
	bool is_new;

	if (source->sender != NULL &&
	    compare_text(source->sender->sender, name) == 0)
		return source->sender;
	source->sender = tally_row(s->senders, &name, 1, &is_new);
	if (is_new)
		source->sender->sender = arena_strdup(s->r->arena, name);
	return source->sender;
}

static struct report_sender *
add_sender(struct scan *s, sqlite3_stmt *st, const struct report_mails *n,
    struct source *source, bool is_new_address)
{
	struct report_sender *sender =
	    sender_of(s, source, column_text(st, RECORD_SENDER));

	if (is_new_address) {
		learn(s, st, DETAIL_TYPE, &sender->type);
		learn(s, st, DETAIL_COUNTRY, &sender->country);
		sender->addresses++;
	}
	mails_add(&sender->n, n);
	return sender;
}

static void
add_pair(
    struct scan *s, struct report_sender *sender, const struct report_mails *n)
{
	const char *key[] = { s->domain_key.data, sender->sender };
	struct pair *p;
	bool is_new;

	p = tally_row(s->pairs, key, 2, &is_new);
	if (is_new) {
		p->domain = s->domain;
		p->sender = sender;
	}
	count_add(&p->messages, n->messages);
	count_add(&p->passed, n->passed);
}

/* An address may get its name later than its first mails. */
static struct source *
add_source(struct scan *s, sqlite3_stmt *st, const struct report_mails *n,
    bool *is_new)
{
	const char *address = column_text(st, RECORD_ADDRESS);
	struct source *source;

	source = tally_row(s->sources, &address, 1, is_new);
	if (*is_new) {
		source->row.ip_address = arena_strdup(s->r->arena, address);
		learn(s, st, DETAIL_COUNTRY, &source->row.country);
	}
	if (is_empty(source->row.name) &&
	    compare_text(address, column_text(st, RECORD_SENDER)) != 0)
		learn(s, st, DETAIL_NAME, &source->row.name);
	mails_add(&source->row.n, n);
	return source;
}

/* Ours are few; what an odd database has beyond 64 is not told apart. */
static void
add_category(struct scan *s, sqlite3_stmt *st, const struct report_mails *n,
    struct source *source)
{
	const char *name = column_text(st, RECORD_CATEGORY);
	struct category *c = s->category;
	uint64_t bit;
	bool is_new = false;

	if (c == NULL || compare_text(c->row.category, name) != 0)
		c = s->category = tally_row(s->categories, &name, 1, &is_new);
	if (is_new) {
		c->row.category = arena_strdup(s->r->arena, name);
		c->number = (unsigned)tally_count(s->categories) - 1;
	}
	bit = UINT64_C(1) << (c->number % 64);
	c->row.sources += (source->categories & bit) == 0;
	source->categories |= bit;
	mails_add(&c->row.n, n);
}

static void
add_failure(struct scan *s, sqlite3_stmt *st, const struct report_mails *n,
    const char *name)
{
	const char *key[] = { column_text(st, RECORD_FROM),
		column_text(st, RECORD_ADDRESS),
		column_text(st, RECORD_DISPOSITION),
		column_text(st, RECORD_POLICY_DKIM),
		column_text(st, RECORD_POLICY_SPF) };
	struct arena *a = s->r->arena;
	struct report_failure *f;
	bool is_new;

	f = tally_row(s->failures, key, 5, &is_new);
	if (is_new) {
		f->header_from = arena_strdup(a, key[0]);
		f->ip_address = arena_strdup(a, key[1]);
		f->disposition = arena_strdup(a, key[2]);
		f->dkim = arena_strdup(a, key[3]);
		f->spf = arena_strdup(a, key[4]);
	}
	f->name = name;
	if (is_new || n->messages > f->record_messages) {
		f->record = sqlite3_column_int64(st, RECORD_ID);
		f->record_messages = n->messages;
	}
	count_add(&f->messages, n->messages);
}

static void
add_totals(struct scan *s, sqlite3_stmt *st, const struct report_mails *n)
{
	struct report_totals *t = &s->r->out->totals;
	int64_t begin = sqlite3_column_int64(st, RECORD_BEGIN);
	int64_t end = sqlite3_column_int64(st, RECORD_END);

	if (t->records == 0 || begin < t->begin)
		t->begin = begin;
	if (t->records == 0 || end > t->end)
		t->end = end;
	t->records++;
	mails_add(&t->n, n);
}

static void
take_record(struct scan *s, sqlite3_stmt *st)
{
	struct report_mails n = mails_of(st);
	struct report_sender *sender;
	struct source *source;
	bool is_new_address;

	if (!s->has_records) {
		s->has_records = true;
		s->domain->reports++;
		s->reporter->reports++;
	}
	add_totals(s, st, &n);
	add_day(s, st, &n);
	mails_add(&s->domain->n, &n);
	mails_add(&s->reporter->n, &n);
	source = add_source(s, st, &n, &is_new_address);
	sender = add_sender(s, st, &n, source, is_new_address);
	add_category(s, st, &n, source);
	add_pair(s, sender, &n);
	if (!sqlite3_column_int(st, RECORD_PASSED))
		add_failure(s, st, &n, source->row.name);
}

static void
begin_domain(struct scan *s, sqlite3_stmt *st)
{
	const char *domain = column_text(st, 1), *key = domain;
	int64_t published = sqlite3_column_int64(st, 5);
	struct reading *r = s->r;
	struct report_domain *d;
	struct err ignored; /* a domain is no longer than the sink lets it be */
	bool is_new;

	if (key == NULL)
		key = "";
	buf_reset(&s->domain_key);
	(void)buf_add(&s->domain_key, key, strlen(key) + 1, &ignored);
	text_lower(s->domain_key.data);
	key = s->domain_key.data;
	d = s->domain = tally_row(s->domains, &key, 1, &is_new);
	if (is_new)
		d->domain = arena_strdup(r->arena, domain);
	if (!is_new && published <= d->published)
		return;
	d->published = published;
	d->p = sqlite_reading_text(r, st, 2);
	d->sp = sqlite_reading_text(r, st, 3);
	d->pct = sqlite_reading_text(r, st, 4);
}

static void
begin_reporter(struct scan *s, sqlite3_stmt *st)
{
	const char *org_name = column_text(st, 6);
	int64_t received = sqlite3_column_int64(st, 7);
	bool is_new;

	s->reporter = tally_row(s->reporters, &org_name, 1, &is_new);
	if (is_new)
		s->reporter->org_name = arena_strdup(s->r->arena, org_name);
	if (received > s->reporter->last_received)
		s->reporter->last_received = received;
}

/* The last ones are kept, in a ring. */
static void
keep_report(struct scan *s, sqlite3_stmt *st)
{
	struct reading *r = s->r;
	const struct report_mails *now = &r->out->totals.n;
	const struct report_mails *was = &s->before;
	struct report_received *o =
	    &r->out->reports[s->report_count++ % r->filter->top];

	*o = (struct report_received){
		.id = sqlite3_column_int64(st, 0),
		.report_id = sqlite_reading_text(r, st, 8),
		.org_name = s->reporter->org_name,
		.domain = s->domain->domain,
		.begin = sqlite3_column_int64(st, 9),
		.end = sqlite3_column_int64(st, 5),
		.n = {
		    .messages = now->messages - was->messages,
		    .passed = now->passed - was->passed,
		    .failed = now->failed - was->failed,
		    .dkim = now->dkim - was->dkim,
		    .spf = now->spf - was->spf,
		    .quarantined = now->quarantined - was->quarantined,
		    .rejected = now->rejected - was->rejected,
		},
	};
}

/* A report, then its records. */
static void
take_report(void *arg, sqlite3_stmt *st)
{
	struct scan *s = arg;
	int code;

	if (s->code != SQLITE_OK)
		return;
	s->has_records = false;
	s->before = s->r->out->totals.n;
	begin_domain(s, st);
	begin_reporter(s, st);
	(void)sqlite3_bind_int64(s->records, 3, sqlite3_column_int64(st, 0));
	while ((code = sqlite3_step(s->records)) == SQLITE_ROW)
		take_record(s, s->records);
	(void)sqlite3_reset(s->records);
	if (code != SQLITE_DONE)
		s->code = code;
	if (!s->has_records)
		return;
	keep_report(s, st);
	if (s->r->filter->source != NULL)
		s->r->out->totals.reports++;
}

static int
prepare(struct scan *s, struct err *e)
{
	struct reading *r = s->r;
	const struct sqlite_report_filter *f = r->filter;
	int code =
	    sqlite3_prepare_v2(r->handle, records_sql, -1, &s->records, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(
		    r->handle, details_sql, -1, &s->details, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(
		    s->records, 1, f->since == 0 ? INT64_MIN : f->since);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(
		    s->records, 4, f->until == 0 ? INT64_MAX : f->until);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(
		    s->records, 6, f->source, -1, SQLITE_STATIC);
	return code == SQLITE_OK ? 0 : sqlite_reading_fail(r, code, e);
}

#define TALLY(s, row) tally_new((s)->r->arena, sizeof(row), ROWS_MAX)

int
sqlite_report_scan(struct reading *r, struct err *e)
{
	struct scan s = { .r = r };
	int rc = -1;

	s.days = TALLY(&s, struct report_day);
	s.domains = TALLY(&s, struct report_domain);
	s.senders = TALLY(&s, struct report_sender);
	s.sources = TALLY(&s, struct source);
	s.categories = TALLY(&s, struct category);
	s.pairs = TALLY(&s, struct pair);
	s.failures = TALLY(&s, struct report_failure);
	s.reporters = TALLY(&s, struct report_reporter);
	buf_init(&s.domain_key, SIZE_MAX / 2);
	r->out->reports =
	    arena_alloc(r->arena, r->filter->top * sizeof(*r->out->reports));
	if (prepare(&s, e) < 0)
		goto out;
	if (sqlite_reading_each(r, reports_sql, take_report, &s, e) < 0)
		goto out;
	if (s.code != SQLITE_OK) {
		(void)sqlite_reading_fail(r, s.code, e);
		goto out;
	}
	sqlite_scan_hand_out(&s);
	rc = 0;
out:
	(void)sqlite3_finalize(s.records);
	(void)sqlite3_finalize(s.details);
	buf_clear(&s.domain_key);
	return rc;
}
