/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - the records of a report, one after the other, normalised: what
 * the reporter wrote becomes what the documents say.
 * in: frames in the spool (aggregate.c)    out: records (sink/)
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/report/frame.h"
#include "common/report/report_id.h"
#include "common/report/report_reader.h"

/* Head, length, and the longest text that is an address. */
#define ADDRESS_FRAME (sizeof(struct frame_head) + 4 + 64)

struct report_reader *
report_reader_new(const struct report_setup *setup)
{
	struct report_reader *rr = xcalloc(1, sizeof(*rr));

	rr->arena = arena_new();
	rr->lists = arena_new();
	rr->hash = sha256_new();
	spool_init(
	    &rr->spool, setup->pool, (size_t)setup->limits->spool_memory);
	buf_init(&rr->text, SPOOL_FRAME_MAX);
	return rr;
}

const struct report *
report_of(const struct report_reader *rr)
{
	return &rr->report;
}

static struct reporter_auth
copy_reporter_auth(struct arena *a, const struct reporter_auth *from)
{
	return (struct reporter_auth){
		.is_asked = from->is_asked,
		.dkim = arena_strdup(a, from->dkim),
		.dmarc = arena_strdup(a, from->dmarc),
		.spf = arena_strdup(a, from->spf),
		.method = arena_strdup(a, from->method),
		.domain = arena_strdup(a, from->domain),
		.reporter = arena_strdup(a, from->reporter),
		.aligned = from->aligned,
	};
}

void
report_set_intake(struct report_reader *rr, const struct intake *intake)
{
	struct intake *to = &rr->report.intake;
	const char **texts;
	size_t i;

	to->transport = arena_strdup(rr->arena, intake->transport);
	to->sheet = intake->sheet;
	to->received = intake->received;
	to->message_id = arena_strdup(rr->arena, intake->message_id);
	to->envelope_from = arena_strdup(rr->arena, intake->envelope_from);
	to->envelope_recipient =
	    arena_strdup(rr->arena, intake->envelope_recipient);
	to->reporter_auth =
	    copy_reporter_auth(rr->arena, &intake->reporter_auth);
	texts =
	    arena_alloc(rr->arena, intake->discrepancy_count * sizeof(*texts));
	for (i = 0; i < intake->discrepancy_count; i++)
		texts[i] = arena_strdup(rr->arena, intake->discrepancies[i]);
	to->discrepancies = texts;
	to->discrepancy_count = intake->discrepancy_count;
}

void
report_omit_ids(struct report_reader *rr)
{
	rr->omits_ids = true;
}

void
report_note(struct report_reader *rr, const char *text)
{
	struct report *r = &rr->report;
	const char ***errors = &r->aggregate.errors;
	size_t *count = &r->aggregate.error_count;
	const char **longer;

	if (r->kind == REPORT_FAILURE) {
		errors = &r->failure.errors;
		count = &r->failure.error_count;
	} else if (r->kind == REPORT_TLS) {
		errors = &r->tls.errors;
		count = &r->tls.error_count;
	}
	longer = arena_alloc(rr->arena, (*count + 1) * sizeof(*longer));
	if (*count > 0)
		memcpy(longer, *errors, *count * sizeof(*longer));
	longer[(*count)++] = arena_strdup(rr->arena, text);
	*errors = longer;
}

/* The next value; NULL when it is empty or missing. */
static char *
take(struct frame_cursor *c)
{
	char *text = frame_text(c);

	return text != NULL && *text != '\0' ? text : NULL;
}

/* The same in lower case, or else the fallback. */
static const char *
take_lower(struct frame_cursor *c, const char *fallback)
{
	char *text = take(c);

	if (text == NULL)
		return fallback;
	text_lower(text);
	return text;
}

static const char *
or_else(const char *text, const char *fallback)
{
	return text != NULL ? text : fallback;
}

/* RFC 7489, appendix C: PolicyOverrideReason. */
static void
take_overrides(struct report_reader *rr, struct frame_cursor *c)
{
	uint32_t i, count = frame_number(c);
	struct policy_override *o = arena_alloc(rr->lists, count * sizeof(*o));

	for (i = 0; i < count; i++) {
		o[i].type = take(c);
		o[i].comment = take(c);
	}
	rr->record.overrides = o;
	rr->record.override_count = count;
}

/* A result without a domain says nothing and is left out. */
static void
take_dkim(struct report_reader *rr, struct frame_cursor *c)
{
	uint32_t i, count = frame_number(c);
	struct dkim_result *d = arena_alloc(rr->lists, count * sizeof(*d));
	size_t used = 0;

	for (i = 0; i < count; i++) {
		d[used].domain = take(c);
		d[used].selector = or_else(take(c), "none");
		d[used].result = take_lower(c, "none");
		d[used].human_result = take(c);
		used += d[used].domain != NULL;
	}
	rr->record.dkim_results = d;
	rr->record.dkim_count = used;
}

/* *last is the domain of the last result, NULL when it has none. */
static void
take_spf(struct report_reader *rr, struct frame_cursor *c, const char **last)
{
	uint32_t i, count = frame_number(c);
	struct spf_result *s = arena_alloc(rr->lists, count * sizeof(*s));
	size_t used = 0;

	*last = NULL;
	for (i = 0; i < count; i++) {
		*last = s[used].domain = take(c);
		s[used].scope = or_else(take(c), "mfrom");
		s[used].result = take_lower(c, "none");
		s[used].human_result = take(c);
		used += s[used].domain != NULL;
	}
	rr->record.spf_results = s;
	rr->record.spf_count = used;
}

static void
take_extensions(struct report_reader *rr, struct frame_cursor *c)
{
	uint32_t i, count = frame_number(c);
	struct extension *x;

	if (count == 0)
		return;
	x = arena_alloc(rr->lists, count * sizeof(*x));
	for (i = 0; i < count; i++) {
		x[i].path = frame_text(c);
		x[i].text = frame_text(c);
	}
	rr->record.extensions = x;
	rr->record.extension_count = count;
}

static const char *
lower_copy(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text);

	if (copy != NULL)
		text_lower(copy);
	return copy;
}

/* Fill rr->record out of the frame; the order is frame.h's. */
static int
decode(struct report_reader *rr, struct err *e)
{
	struct record *rec = &rr->record;
	const char *last_spf_domain;
	struct frame_cursor c;
	struct frame_head head;

	memset(rec, 0, sizeof(*rec));
	arena_reset(rr->lists);
	buf_reset(&rr->text);
	if (rr->frame.len < sizeof(head) ||
	    buf_add(&rr->text, rr->frame.data, rr->frame.len, e) < 0)
		return err_set(e, ERR_TEMP, "spool: bad frame");
	memcpy(&head, rr->text.data, sizeof(head));
	rr->id_len = (size_t)head.id_len;
	frame_start(
	    &c, rr->text.data + sizeof(head), rr->text.len - sizeof(head));

	rec->position = head.position;
	rec->source.ip_address = take_lower(&c, NULL);
	(void)frame_text(&c); /* the count as written: for the id alone */
	rec->message_count = head.message_count;
	rec->disposition = take_lower(&c, "none");
	rec->policy_dkim = take_lower(&c, "fail");
	rec->policy_spf = take_lower(&c, "fail");
	rec->header_from = take_lower(&c, "");
	rec->envelope_from = take(&c);
	rec->envelope_to = take(&c);
	take_overrides(rr, &c);
	take_dkim(rr, &c);
	take_spf(rr, &c, &last_spf_domain);
	take_extensions(rr, &c);

	if (rec->envelope_from == NULL)
		rec->envelope_from = lower_copy(rr->lists, last_spf_domain);
	/* what the reporter says holds; it is not worked out anew */
	rec->dkim_aligned = strcmp(rec->policy_dkim, "pass") == 0;
	rec->spf_aligned = strcmp(rec->policy_spf, "pass") == 0;
	rec->passed_dmarc = rec->dkim_aligned || rec->spf_aligned;
	return 0;
}

/*
 * One message more for the slices with the largest remainders, the earlier
 * one first among equals, until rest are given. rest < n.
 */
static void
spread_rest(struct slice *slices, int64_t *remainders, size_t n, int64_t rest)
{
	size_t i, largest;

	for (; rest > 0; rest--) {
		largest = 0;
		for (i = 1; i < n; i++)
			if (remainders[i] > remainders[largest])
				largest = i;
		slices[largest].count++;
		remainders[largest] = -1;
	}
}

/*
 * Cut [begin, end) at each midnight UTC and share the messages by time: whole
 * ones only, and their sum stays. A day that gets none is left out, but a
 * record without messages keeps its first day.
 */
static void
slice_by_day(struct report_reader *rr)
{
	const struct aggregate *g = &rr->report.aggregate;
	int64_t span = g->end - g->begin, rest = rr->record.message_count;
	size_t days = (size_t)(clock_day(g->end) - clock_day(g->begin)) + 1;
	struct slice *s = arena_alloc(rr->lists, days * sizeof(*s));
	int64_t *remainders =
	    arena_alloc(rr->lists, days * sizeof(*remainders));
	size_t i, n = 0;
	int64_t at, next;
	__int128 share;

	for (at = g->begin; at < g->end; at = next) {
		next = (clock_day(at) + 1) * CLOCK_DAY_S;
		if (next > g->end)
			next = g->end;
		share = (__int128)rr->record.message_count * (next - at);
		s[n] = (struct slice){ at, next, (int64_t)(share / span) };
		remainders[n] = (int64_t)(share % span);
		rest -= s[n++].count;
	}
	spread_rest(s, remainders, n, rest);
	rr->slices = s;
	rr->slice_count = n;
	if (rr->record.message_count == 0) {
		rr->slice_count = 1;
		return;
	}
	rr->slice_count = 0;
	for (i = 0; i < n; i++)
		if (s[i].count > 0)
			s[rr->slice_count++] = s[i];
}

static int
next_frame(struct report_reader *rr, struct err *e)
{
	const struct aggregate *g = &rr->report.aggregate;
	int rc;

	if ((rc = spool_next(&rr->spool, &rr->frame, e)) <= 0)
		return rc;
	if (decode(rr, e) < 0)
		return -1;
	rr->slice_at = 0;
	if (g->normalized_timespan) {
		slice_by_day(rr);
		return 1;
	}
	rr->slices = arena_alloc(rr->lists, sizeof(*rr->slices));
	rr->slices[0] =
	    (struct slice){ g->begin, g->end, rr->record.message_count };
	rr->slice_count = 1;
	return 1;
}

/* A failure or TLS report: the parser has filled its one record. */
static int
next_and_only(struct report_reader *rr, struct record *rec)
{
	if (rr->is_given)
		return 0;
	rr->is_given = true;
	*rec = rr->record;
	return 1;
}

int
report_next(struct report_reader *rr, struct record *rec, struct err *e)
{
	const size_t head = sizeof(struct frame_head);
	const struct slice *s;
	int rc;

	if (rr->report.kind != REPORT_AGGREGATE)
		return next_and_only(rr, rec);
	if (rr->slice_at == rr->slice_count && (rc = next_frame(rr, e)) <= 0)
		return rc;
	s = &rr->slices[rr->slice_at++];
	*rec = rr->record;
	rec->interval_begin = s->begin;
	rec->interval_end = s->end;
	rec->message_count = s->count;
	rec->day = clock_day(s->begin);
	if (!rr->omits_ids)
		record_id(rr->hash, rr->report.key, rec->position, rec->day,
		    (const char *)rr->frame.data + head, rr->id_len, rec->id);
	return 1;
}

int
report_next_address(
    struct report_reader *rr, const char **address, struct err *e)
{
	struct frame_cursor c;
	size_t len;
	int rc;

	if ((rc = spool_next(&rr->spool, &rr->frame, e)) <= 0)
		return rc;
	len = rr->frame.len < ADDRESS_FRAME ? rr->frame.len : ADDRESS_FRAME;
	buf_reset(&rr->text);
	if (len < sizeof(struct frame_head) ||
	    buf_add(&rr->text, rr->frame.data, len, e) < 0)
		return err_set(e, ERR_TEMP, "spool: bad frame");
	frame_start(&c, rr->text.data + sizeof(struct frame_head),
	    len - sizeof(struct frame_head));
	*address = take(&c);
	return 1;
}

static void
each_tls_source(struct report_reader *rr,
    void (*fill)(void *context, struct source *s, struct arena *text),
    void *context)
{
	const struct tls_report *t = &rr->report.tls;
	size_t i, k;

	for (i = 0; i < t->policy_count; i++)
		for (k = 0; k < t->policies[i].failure_count; k++) {
			/* the report is ours to fill */
			struct tls_failure *f =
			    (struct tls_failure *)&t->policies[i].failures[k];

			f->sending.ip_address = f->sending_mta_ip;
			f->receiving.ip_address = f->receiving_ip;
			fill(context, &f->sending, rr->arena);
			fill(context, &f->receiving, rr->arena);
		}
}

void
report_each_source(struct report_reader *rr,
    void (*fill)(void *context, struct source *s, struct arena *text),
    void *context)
{
	if (rr->report.kind == REPORT_TLS) {
		each_tls_source(rr, fill, context);
	} else if (rr->report.kind == REPORT_FAILURE) {
		fill(context, &rr->report.failure.source, rr->arena);
		rr->record.source = rr->report.failure.source;
	}
}

int
report_rewind(struct report_reader *rr, struct err *e)
{
	rr->slice_at = rr->slice_count = 0;
	rr->is_given = false;
	return spool_rewind(&rr->spool, e);
}

void
report_close(struct report_reader **rr)
{
	struct report_reader *r = *rr;

	if (r == NULL)
		return;
	spool_clear(&r->spool);
	buf_clear(&r->text);
	sha256_free(&r->hash);
	arena_free(&r->lists);
	arena_free(&r->arena);
	free(r);
	*rr = NULL;
}
