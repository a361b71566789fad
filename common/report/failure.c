/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.c - failure reports (RFC 6591, RFC 9991): feedback about one mail
 * that failed DMARC, and that mail.
 * in: two streams (message/)    out: a report of one record
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/report/failure_parts.h"
#include "common/report/report_id.h"
#include "common/report/report_reader.h"

#define CHUNK_BYTES (16 * 1024)
#define ERRORS_MAX 16 /* more kinds of repairs than there are */

struct reading {
	const struct report_setup *setup;
	const struct failure_mail *mail;
	struct report_reader *rr;
	struct arena *arena; /* of rr */
	struct failure *failure;
	struct failure_fields fields;
	struct buf feedback; /* the part, line ends LF */
	struct spill sample; /* likewise */
	bool has_sample;
};

/* Drops CR before LF, over the borders of chunks. */
struct line_ends {
	bool cr_waits;
};

static size_t
to_lf(struct line_ends *l, const char *in, size_t len, char *out)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (l->cr_waits && in[i] != '\n')
			out[n++] = '\r';
		l->cr_waits = in[i] == '\r';
		if (!l->cr_waits)
			out[n++] = in[i];
	}
	return n;
}

static int
read_feedback(struct reading *r, struct reader *in, struct err *e)
{
	char chunk[CHUNK_BYTES], text[CHUNK_BYTES + 1];
	struct line_ends ends = { 0 };
	ssize_t n;

	while ((n = reader_read(in, chunk, sizeof(chunk), e)) > 0)
		if (buf_add(&r->feedback, text,
			to_lf(&ends, chunk, (size_t)n, text), e) < 0)
			return err_add(e, "feedback");
	if (n == 0 && ends.cr_waits && buf_add(&r->feedback, "\r", 1, e) < 0)
		return -1;
	return n < 0 ? -1 : 0;
}

static int
read_sample(struct reading *r, struct reader *in, struct err *e)
{
	char chunk[CHUNK_BYTES], text[CHUNK_BYTES + 1];
	struct line_ends ends = { 0 };
	const void *p;
	ssize_t n;
	size_t len;
	int fd;

	if (in == NULL)
		return 0;
	r->has_sample = true;
	while ((n = reader_read(in, chunk, sizeof(chunk), e)) > 0)
		if (spill_add(&r->sample, text,
			to_lf(&ends, chunk, (size_t)n, text), e) < 0)
			return -1;
	if (n == 0 && ends.cr_waits && spill_add(&r->sample, "\r", 1, e) < 0)
		return -1;
	return n < 0 ? -1 : spill_finish(&r->sample, &p, &len, &fd, e);
}

/* The definition is in report_id.h. */
static int
make_key(struct reading *r, struct err *e)
{
	struct sha256 *h = r->rr->hash;
	const char *id = r->mail->message_id;
	size_t id_len = id == NULL ? 0 : strlen(id);
	char chunk[CHUNK_BYTES];
	uint64_t at = 0;
	ssize_t n;

	report_key_add(h, "id1", 3);
	report_key_add(h, "failure", 7);
	report_key_add(h, r->feedback.data != NULL ? r->feedback.data : "",
	    r->feedback.len);
	if (r->has_sample)
		report_key_add_len(h, spill_size(&r->sample));
	else
		report_key_add(h, NULL, 0);
	while (r->has_sample) {
		n = spill_read(&r->sample, at, chunk, sizeof(chunk), e);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		sha256_add(h, chunk, (size_t)n);
		at += (uint64_t)n;
	}
	if (id != NULL)
		text_trim(&id, &id_len);
	report_key_add(h, id, id_len);
	sha256_end(h, r->rr->report.key);
	return 0;
}

static void ATTR_PRINTF(2, 3) note(struct reading *r, const char *fmt, ...)
{
	struct failure *f = r->failure;
	char text[512];
	va_list ap;

	if (f->error_count == ERRORS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->errors[f->error_count++] = utf8_copy(r->arena, text, strlen(text));
}

/*
 * RFC 5965, 7.3, has types for complaints and the like; with a field of
 * RFC 6591 in it, it is about authentication all the same. 1 ours, 0 not, -1
 * and *e: in doubt.
 */
static int
is_ours(const struct failure_fields *f, struct err *e)
{
	static const char *const others[] = { "abuse", "fraud", "virus",
		"other", "not-spam", "opt-out", "opt-out-list" };
	static const char *const dmarc_fields[] = { "Auth-Failure",
		"Identity-Alignment", "Delivery-Result", "DKIM-Domain",
		"DKIM-Selector", "DKIM-Identity", "SPF-DNS" };
	const char *type = failure_field(f, "Feedback-Type");
	size_t i;

	if (f->count == 0)
		return err_set(e, ERR_MALFORMED, "feedback without any field");
	if (type == NULL || strcasestr(type, "auth-failure") != NULL ||
	    strcasestr(type, "dmarc") != NULL)
		return 1;
	for (i = 0; i < sizeof(dmarc_fields) / sizeof(*dmarc_fields); i++)
		if (failure_field(f, dmarc_fields[i]) != NULL)
			return 1;
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (text_equal_nocase(type, others[i]))
			return 0;
	return err_set(
	    e, ERR_MALFORMED, "feedback of the unknown type \"%.64s\"", type);
}

/* RFC 6591, 3.2.2: one of five words, or a text with one of them in it. */
static const char *
delivery_result(const struct failure_fields *f)
{
	static const char *const results[] = { "delivered", "spam", "policy",
		"reject", "other" };
	const char *written = failure_field(f, "Delivery-Result");
	size_t i;

	for (i = 0; written != NULL && i < sizeof(results) / sizeof(*results);
	     i++)
		if (strcasestr(written, results[i]) != NULL)
			return results[i];
	return "other";
}

/* "192.0.2.1 (host.example)", "[192.0.2.1]" */
static const char *
source_ip(struct reading *r)
{
	const char *text = failure_field(&r->fields, "Source-IP");
	unsigned char address[16];
	char *ip;
	size_t len = 0;

	if (text == NULL) {
		note(r, "Source-IP is missing");
		return NULL;
	}
	if (*text == '[')
		text++;
	while (
	    text[len] != '\0' && !text_is_space(text[len]) && text[len] != ']')
		len++;
	ip = arena_strndup(r->arena, text, len);
	if (inet_pton(AF_INET, ip, address) != 1 &&
	    inet_pton(AF_INET6, ip, address) != 1)
		note(r, "Source-IP is no address: %.64s", ip);
	text_lower(ip);
	return ip;
}

static void
set_lists(struct reading *r)
{
	static const char *const dmarc[] = { "dmarc" };
	struct failure *f = r->failure;

	f->auth_failure = failure_field_list(
	    r->arena, &r->fields, "Auth-Failure", &f->auth_failure_count);
	if (f->auth_failure_count == 0) {
		note(r, "Auth-Failure is missing: dmarc is assumed");
		f->auth_failure = dmarc;
		f->auth_failure_count = 1;
	}
	f->authentication_mechanisms = failure_field_list(r->arena, &r->fields,
	    "Identity-Alignment", &f->authentication_mechanism_count);
	if (f->authentication_mechanism_count == 1 &&
	    text_equal_nocase(f->authentication_mechanisms[0], "none"))
		f->authentication_mechanism_count = 0;
}

/* The mail's Date, else the sample's, else the bottom-most Received. */
static void
set_date(struct reading *r)
{
	struct failure *f = r->failure;
	const char *written = failure_field(&r->fields, "Arrival-Date");
	const struct {
		int64_t at;
		const char *whose;
	} others[] = { { r->mail->date, "Date of the mail" },
		{ f->sample.date, "Date of the sample" },
		{ r->mail->first_received, "first Received of the mail" } };
	size_t i;

	if (written == NULL)
		written = failure_field(&r->fields, "Received-Date");
	if (written != NULL &&
	    failure_date_parse(written, &f->arrival_date) == 0) {
		f->arrival_date_text = written;
		return;
	}
	f->arrival_date = INT64_MIN;
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (others[i].at != INT64_MIN) {
			f->arrival_date = others[i].at;
			break;
		}
	note(r, "Arrival-Date %s%.64s: %s is taken",
	    written == NULL ? "is missing" : "cannot be read: ",
	    written == NULL ? "" : written,
	    i < sizeof(others) / sizeof(*others) ? others[i].whose : "none");
}

static int
set_domain(struct reading *r, struct err *e)
{
	struct failure *f = r->failure;

	f->domain = failure_field(&r->fields, "Reported-Domain");
	if (f->domain != NULL)
		return 0;
	f->domain = f->sample.from_domain;
	if (f->domain == NULL)
		return err_set(e, ERR_MALFORMED,
		    "failure report: no Reported-Domain, and no domain in the "
		    "From of a sample");
	note(r, "Reported-Domain is missing: that of the sample's From");
	return 0;
}

static int
set_sample(struct reading *r, enum conf_sample keep, struct err *e)
{
	struct sample *s = &r->failure->sample;
	size_t i;

	s->date = INT64_MIN;
	s->kept = keep;
	if (!r->has_sample) {
		note(r, "there is no sample of the mail");
		return 0;
	}
	if (sample_parse(s, &r->sample, r->setup->limits, keep, r->arena, e) <
	    0)
		return -1;
	for (i = 0; i < s->note_count; i++)
		note(r, "%s", s->notes[i]);
	return 0;
}

/* Text of the mail in its feedback (RFC 6591, 3.2.4): no more than is kept. */
static void
withhold(struct reading *r, enum conf_sample keep)
{
	struct header_field *kept =
	    arena_alloc(r->arena, r->fields.count * sizeof(*kept));
	size_t i, count = 0;

	for (i = 0; i < r->fields.count; i++) {
		const char *name = r->fields.item[i].name;

		if ((keep != CONF_SAMPLE_FULL &&
			strcmp(name, "dkim-canonicalized-body") == 0) ||
		    (keep == CONF_SAMPLE_NONE &&
			strcmp(name, "dkim-canonicalized-header") == 0))
			continue;
		kept[count++] = r->fields.item[i];
	}
	r->fields.item = kept;
	r->fields.count = count;
}

static void
set_texts(struct reading *r)
{
	const struct failure_fields *fields = &r->fields;
	struct failure *f = r->failure;

	f->feedback_type = failure_field(fields, "Feedback-Type");
	if (f->feedback_type == NULL) {
		f->feedback_type = "auth-failure";
		note(r, "Feedback-Type is missing: auth-failure is assumed");
	}
	f->user_agent = failure_field(fields, "User-Agent");
	f->version = failure_field(fields, "Version");
	f->original_mail_from = failure_field(fields, "Original-Mail-From");
	f->original_rcpt_to = failure_field(fields, "Original-Rcpt-To");
	f->original_envelope_id = failure_field(fields, "Original-Envelope-Id");
	f->authentication_results =
	    failure_field(fields, "Authentication-Results");
	f->dkim_domain = failure_field(fields, "DKIM-Domain");
	f->message_id = failure_field(fields, "Message-ID");
	f->delivery_results = delivery_result(fields);
	f->source.ip_address = source_ip(r);
	f->fields = fields->item;
	f->field_count = fields->count;
	if (fields->is_cut)
		note(r, "the feedback has more fields than the limit");
}

static void
set_record(struct report_reader *rr)
{
	const struct failure *f = &rr->report.failure;
	struct record *rec = &rr->record;

	memcpy(rec->id, rr->report.key, sizeof(rec->id));
	rec->interval_begin = rec->interval_end = f->arrival_date;
	rec->day = f->arrival_date == INT64_MIN ? INT64_MIN
						: clock_day(f->arrival_date);
	rec->source = f->source;
	rec->message_count = 1;
}

/* 1, 0 or -1, as failure_read. */
static int
read_all(struct reading *r, struct reader *feedback, struct reader *sample,
    enum conf_sample keep, struct err *e)
{
	struct failure *f = r->failure;
	int rc;

	if (read_feedback(r, feedback, e) < 0)
		return -1;
	r->fields = failure_fields_parse(r->arena,
	    r->feedback.data != NULL ? r->feedback.data : "", r->feedback.len,
	    (size_t)r->setup->limits->header_fields);
	if ((rc = is_ours(&r->fields, e)) <= 0)
		return rc;
	f->errors = arena_alloc(r->arena, ERRORS_MAX * sizeof(*f->errors));
	if (read_sample(r, sample, e) < 0 || make_key(r, e) < 0 ||
	    set_sample(r, keep, e) < 0 || set_domain(r, e) < 0)
		return -1;
	withhold(r, keep);
	set_texts(r);
	set_lists(r);
	set_date(r);
	set_record(r->rr);
	return 1;
}

int
failure_read(struct report_reader **rr, struct reader *feedback,
    struct reader *sample, const struct failure_mail *mail,
    enum conf_sample keep, const struct report_setup *setup, struct err *e)
{
	struct report_reader *made = report_reader_new(setup);
	struct reading r = { .setup = setup,
		.mail = mail,
		.rr = made,
		.arena = made->arena,
		.failure = &made->report.failure };
	int rc;

	made->report.kind = REPORT_FAILURE;
	buf_init(&r.feedback, (size_t)setup->limits->header);
	spill_init(
	    &r.sample, setup->pool, (size_t)setup->limits->message_memory);
	rc = read_all(&r, feedback, sample, keep, e);
	buf_clear(&r.feedback);
	spill_clear(&r.sample);
	if (rc == 1)
		*rr = made;
	else
		report_close(&made);
	return rc;
}
