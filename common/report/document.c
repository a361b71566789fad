/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.c - the indexed document of a record (doc/record-schema.md).
 * in: a report and its records    out: JSON, one object for each record
 *
 * A report may have millions of records, so what they share is made JSON
 * once: head is the start of each document, tail the end of it but for the
 * position. Nothing is looked up, measured or escaped twice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/report/document.h"

#define SHARED_MAX ((size_t)64 << 20) /* every text is limited on its own */

/* A number in the index: what is none is left out, and noted in errors. */
static void
write_pct(struct json *j, const char *pct)
{
	int64_t n;

	if (pct != NULL && text_to_int64(pct, strlen(pct), &n) == 0)
		json_field_int(j, "pct", n);
}

static void
write_policy(struct json *j, const struct policy_published *p)
{
	json_key(j, "published_policy");
	json_object_begin(j);
	json_field_if(j, "domain", p->domain);
	json_field_if(j, "adkim", p->adkim);
	json_field_if(j, "aspf", p->aspf);
	json_field_if(j, "p", p->p);
	json_field_if(j, "sp", p->sp);
	write_pct(j, p->pct);
	json_field_if(j, "fo", p->fo);
	json_field_if(j, "np", p->np);
	json_field_if(j, "testing", p->testing);
	json_field_if(j, "discovery_method", p->discovery_method);
	json_object_end(j);
}

void
document_dates(struct json *j, int64_t begin, int64_t end)
{
	char first[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];

	clock_iso(begin, first);
	clock_iso(end, last);
	json_key(j, "date_range");
	json_array_begin(j);
	json_text(j, first);
	json_text(j, last);
	json_array_end(j);
	json_field(j, "date_begin", first);
	json_field(j, "date_end", last);
}

void
document_texts(
    struct json *j, const char *key, const char *const *texts, size_t count)
{
	size_t i;

	if (count == 0)
		return;
	json_key(j, key);
	json_array_begin(j);
	for (i = 0; i < count; i++)
		json_text(j, texts[i]);
	json_array_end(j);
}

static void
write_head(struct json *j, const struct aggregate *a)
{
	json_field_if(j, "xml_schema", a->xml_schema);
	json_field_if(j, "xml_namespace", a->xml_namespace);
	json_field_if(j, "org_name", a->org_name);
	json_field_if(j, "org_email", a->org_email);
	json_field_if(j, "org_extra_contact_info", a->org_extra_contact_info);
	json_field_if(j, "report_id", a->report_id);
	if (!a->normalized_timespan)
		document_dates(j, a->begin, a->end);
	json_field_bool(j, "normalized_timespan", a->normalized_timespan);
	document_texts(j, "errors", a->errors, a->error_count);
	write_policy(j, &a->policy);
	/* twice, as parsedmarc has it: its dashboards look here */
	json_field_if(j, "np", a->policy.np);
	json_field_if(j, "testing", a->policy.testing);
	json_field_if(j, "discovery_method", a->policy.discovery_method);
	json_field_if(j, "generator", a->generator);
}

static void
write_reporter_auth(struct json *j, const struct reporter_auth *auth)
{
	if (!auth->is_asked)
		return;
	json_key(j, "reporter_auth");
	json_object_begin(j);
	json_field_if(j, "dkim", auth->dkim);
	json_field_if(j, "dmarc", auth->dmarc);
	json_field_if(j, "spf", auth->spf);
	json_field_if(j, "method", auth->method);
	json_field_if(j, "domain", auth->domain);
	json_field_if(j, "reporter", auth->reporter);
	json_field_bool(j, "aligned", auth->aligned);
	json_object_end(j);
}

void
document_intake(struct json *j, const struct intake *in)
{
	char received[CLOCK_TEXT_SIZE];

	json_field_if(j, "transport", in->transport);
	if (in->received != 0) {
		clock_iso(in->received, received);
		json_field(j, "received", received);
	}
	json_field_if(j, "message_id", in->message_id);
	json_field_if(j, "envelope_from", in->envelope_from);
	json_field_if(j, "envelope_recipient", in->envelope_recipient);
	write_reporter_auth(j, &in->reporter_auth);
	document_texts(
	    j, "discrepancies", in->discrepancies, in->discrepancy_count);
}

/* An object without its end: document_write goes on where a piece stops. */
static void
shared_begin(struct json *j, struct buf *out)
{
	buf_init(out, SHARED_MAX);
	json_begin(j, out);
	json_object_begin(j);
}

/* A piece that could not be made is empty; one that was made never is. */
static void
shared_end(struct json *j, struct buf *out)
{
	if (j->err.kind != ERR_NONE)
		buf_clear(out);
}

void
document_init(struct document *d, const struct report *r)
{
	struct json j;

	d->report = r;
	buf_init(&d->head, 0);
	buf_init(&d->tail, 0);
	if (r->kind != REPORT_AGGREGATE)
		return; /* one record, which shares with nobody */
	shared_begin(&j, &d->head);
	write_head(&j, &r->aggregate);
	shared_end(&j, &d->head);

	shared_begin(&j, &d->tail);
	document_intake(&j, &r->intake);
	json_key(&j, "position");
	shared_end(&j, &d->tail);
}

void
document_clear(struct document *d)
{
	buf_clear(&d->head);
	buf_clear(&d->tail);
	d->report = NULL;
}

void
document_source(struct json *j, const struct source *s)
{
	json_field_if(j, "source_ip_address", s->ip_address);
	json_field_if(j, "source_country", s->country);
	json_field_if(j, "source_reverse_dns", s->reverse_dns);
	json_field_if(j, "source_base_domain", s->base_domain);
	json_field_if(j, "source_type", s->type);
	json_field_if(j, "source_name", s->name);
	if (s->asn != 0)
		json_field_int(j, "source_asn", s->asn);
	json_field_if(j, "source_as_name", s->as_name);
	json_field_if(j, "source_as_domain", s->as_domain);
}

/* An override that says nothing is not one: the array has no empty items. */
static void
write_overrides(struct json *j, const struct record *rec)
{
	const struct policy_override *o = rec->overrides;
	const struct policy_override *end = o + rec->override_count;
	bool open = false;

	for (; o < end; o++) {
		if (o->type == NULL && o->comment == NULL)
			continue;
		if (!open) {
			json_key(j, "policy_overrides");
			json_array_begin(j);
			open = true;
		}
		json_object_begin(j);
		json_field_if(j, "type", o->type);
		json_field_if(j, "comment", o->comment);
		json_object_end(j);
	}
	if (open)
		json_array_end(j);
}

/* What DKIM and SPF results have in common, so that one function does both. */
struct auth_result {
	const char *domain, *of, *result, *human_result;
};

static void
write_result(
    struct json *j, const char *of_key, const struct auth_result *result)
{
	json_object_begin(j);
	json_field_if(j, "domain", result->domain);
	json_field_if(j, of_key, result->of);
	json_field_if(j, "result", result->result);
	json_field_if(j, "human_result", result->human_result);
	json_object_end(j);
}

/*
 * "selector / domain / result": a table cannot group by the fields of an
 * array's items without mixing them up, so each item is one word as well.
 */
static void
write_combined(struct json *j, struct buf *text, const struct auth_result *r)
{
	const char *word[] = { r->of, r->domain, r->result };
	size_t i;

	buf_reset(text);
	for (i = 0; i < 3; i++) {
		if (i > 0 && buf_add(text, " / ", 3, &j->err) < 0)
			return;
		if (buf_add_text(
			text, word[i] != NULL ? word[i] : "none", &j->err) < 0)
			return;
	}
	json_text_n(j, text->data, text->len);
}

static struct auth_result
dkim_of(const struct record *rec, size_t i)
{
	const struct dkim_result *d = &rec->dkim_results[i];

	return (struct auth_result){ d->domain, d->selector, d->result,
		d->human_result };
}

static struct auth_result
spf_of(const struct record *rec, size_t i)
{
	const struct spf_result *s = &rec->spf_results[i];

	return (struct auth_result){ s->domain, s->scope, s->result,
		s->human_result };
}

struct auth_kind {
	const char *key, *combined_key, *of_key;
	struct auth_result (*of)(const struct record *rec, size_t i);
};

static void
write_auth(struct json *j, const struct auth_kind *kind,
    const struct record *rec, size_t count, struct buf *scratch)
{
	struct auth_result r;
	size_t i;

	if (count == 0)
		return;
	json_key(j, kind->key);
	json_array_begin(j);
	for (i = 0; i < count; i++) {
		r = kind->of(rec, i);
		write_result(j, kind->of_key, &r);
	}
	json_array_end(j);
	json_key(j, kind->combined_key);
	json_array_begin(j);
	for (i = 0; i < count; i++) {
		r = kind->of(rec, i);
		write_combined(j, scratch, &r);
	}
	json_array_end(j);
}

static void
write_auth_results(struct json *j, const struct record *rec)
{
	static const struct auth_kind dkim = { "dkim_results",
		"dkim_results_combined", "selector", dkim_of };
	static const struct auth_kind spf = { "spf_results",
		"spf_results_combined", "scope", spf_of };
	struct buf scratch;

	if (rec->dkim_count + rec->spf_count == 0)
		return;
	buf_init(&scratch, SHARED_MAX);
	write_auth(j, &dkim, rec, rec->dkim_count, &scratch);
	write_auth(j, &spf, rec, rec->spf_count, &scratch);
	buf_clear(&scratch);
}

static void
write_record(struct json *j, const struct record *rec)
{
	document_source(j, &rec->source);
	json_field_int(j, "message_count", rec->message_count);
	json_field_if(j, "disposition", rec->disposition);
	json_field_bool(j, "dkim_aligned", rec->dkim_aligned);
	json_field_bool(j, "spf_aligned", rec->spf_aligned);
	json_field_bool(j, "passed_dmarc", rec->passed_dmarc);
	write_overrides(j, rec);
	json_field_if(j, "header_from", rec->header_from);
	json_field_if(j, "envelope_from", rec->envelope_from);
	json_field_if(j, "envelope_to", rec->envelope_to);
	write_auth_results(j, rec);
}

static void
write_extension_list(struct json *j, const struct extension *x, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		json_object_begin(j);
		json_field(j, "path", x[i].path);
		json_field(j, "text", x[i].text);
		json_object_end(j);
	}
}

/* Behind the position, where it is known. */
static int
write_confirmed(const struct record *rec, struct buf *out, struct err *e)
{
	if (rec->source.confirmed == SOURCE_UNKNOWN)
		return 0;
	return buf_add_text(out,
	    rec->source.confirmed == SOURCE_YES
		? ",\"reverse_dns_confirmed\":true"
		: ",\"reverse_dns_confirmed\":false",
	    e);
}

/* Likewise; a word of ours. */
static int
write_category(const struct record *rec, struct buf *out, struct err *e)
{
	if (rec->category == NULL)
		return 0;
	return buf_printf(out, e, ",\"category\":\"%s\"", rec->category);
}

/* Behind the position: those of the report, then those of the record. */
static int
write_extensions(const struct aggregate *a, const struct record *rec,
    struct buf *out, struct err *e)
{
	struct json j;

	if (a->extension_count + rec->extension_count == 0)
		return 0;
	if (buf_add_text(out, ",\"extensions\":", e) < 0)
		return -1;
	json_begin(&j, out);
	json_array_begin(&j);
	write_extension_list(&j, a->extensions, a->extension_count);
	write_extension_list(&j, rec->extensions, rec->extension_count);
	json_array_end(&j);
	if (j.err.kind == ERR_NONE)
		return 0;
	*e = j.err;
	return -1;
}

static int
write_aggregate(const struct document *d, const struct record *rec,
    struct buf *out, struct err *e)
{
	struct json j;
	char position[32];
	int len;

	if (d->head.len == 0 || d->tail.len == 0)
		return err_set(e, ERR_LIMIT,
		    "the fields of the report take more than %zu bytes",
		    SHARED_MAX);
	json_begin(&j, out);
	json_object_begin(&j);
	/* the head brings its own brace */
	json_raw(&j, d->head.data + 1, d->head.len - 1);
	if (d->report->aggregate.normalized_timespan)
		document_dates(&j, rec->interval_begin, rec->interval_end);
	write_record(&j, rec);
	json_key(&j, "intake");
	json_raw(&j, d->tail.data, d->tail.len);
	if (j.err.kind != ERR_NONE) {
		*e = j.err;
		return -1;
	}
	len = snprintf(position, sizeof(position), "%" PRIu64, rec->position);
	if (buf_add(out, position, (size_t)len, e) < 0 ||
	    write_category(rec, out, e) < 0 ||
	    write_confirmed(rec, out, e) < 0 ||
	    write_extensions(&d->report->aggregate, rec, out, e) < 0)
		return -1;
	return buf_add(out, "}}", 2, e);
}

int
document_write(const struct document *d, const struct record *rec,
    struct buf *out, struct err *e)
{
	if (d->report->kind == REPORT_TLS)
		return document_tls_write(d->report, out, e);
	if (d->report->kind == REPORT_FAILURE)
		return document_failure_write(d->report, rec, out, e);
	return write_aggregate(d, rec, out, e);
}

void
document_index(const struct report *r, const struct record *rec,
    const struct conf_index *conf, char *name)
{
	static const char *const names[] = {
		[REPORT_AGGREGATE] = "dmarc_aggregate",
		[REPORT_FAILURE] = "dmarc_failure",
		[REPORT_TLS] = "smtp_tls",
	};
	char date[CLOCK_TEXT_SIZE];

	clock_date(rec->interval_begin, date);
	if (conf->monthly)
		date[7] = '\0'; /* YYYY-MM */
	if (rec->day == INT64_MIN)
		(void)snprintf(date, sizeof(date), "undated");
	(void)snprintf(name, INDEX_NAME_SIZE, "%s%s%s%s-%s",
	    conf->prefix != NULL ? conf->prefix : "", names[r->kind],
	    conf->suffix != NULL && conf->suffix[0] != '\0' ? "_" : "",
	    conf->suffix != NULL ? conf->suffix : "", date);
}

void
document_id(const struct record *rec, char *text)
{
	text_base64url(rec->id, sizeof(rec->id), text);
}
