/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_json.c - the JSON of a whole report, in parsedmarc's shape: what is
 * not known is null, and times are plain text in UTC.
 * in: a report and its records    out: JSON in three pieces
 */
#include "common/base/clock.h"
#include "common/report/document.h"

static void
write_time(struct json *j, const char *key, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_plain(at, text);
	json_field(j, key, text);
}

static void
write_metadata(struct json *j, const struct aggregate *a)
{
	size_t i;

	json_key(j, "report_metadata");
	json_object_begin(j);
	json_field(j, "org_name", a->org_name);
	json_field(j, "org_email", a->org_email);
	json_field(j, "org_extra_contact_info", a->org_extra_contact_info);
	json_field(j, "report_id", a->report_id);
	write_time(j, "begin_date", a->begin);
	write_time(j, "end_date", a->end);
	json_field_bool(
	    j, "timespan_requires_normalization", a->normalized_timespan);
	json_field_int(j, "original_timespan_seconds", a->end - a->begin);
	json_key(j, "errors");
	json_array_begin(j);
	for (i = 0; i < a->error_count; i++)
		json_text(j, a->errors[i]);
	json_array_end(j);
	json_field(j, "generator", a->generator);
	json_object_end(j);
}

static void
write_policy(struct json *j, const struct policy_published *p)
{
	json_key(j, "policy_published");
	json_object_begin(j);
	json_field(j, "domain", p->domain);
	json_field(j, "adkim", p->adkim);
	json_field(j, "aspf", p->aspf);
	json_field(j, "p", p->p);
	json_field(j, "sp", p->sp);
	json_field(j, "pct", p->pct);
	json_field(j, "fo", p->fo);
	json_field(j, "np", p->np);
	json_field(j, "testing", p->testing);
	json_field(j, "discovery_method", p->discovery_method);
	json_object_end(j);
}

void
report_json_begin(struct json *j, const struct report *r)
{
	const struct aggregate *a = &r->aggregate;

	json_object_begin(j);
	json_field(j, "xml_schema", a->xml_schema);
	json_field(j, "xml_namespace", a->xml_namespace);
	write_metadata(j, a);
	write_policy(j, &a->policy);
	json_key(j, "records");
	json_array_begin(j);
}

void
report_json_end(struct json *j, const struct report *r)
{
	(void)r; /* nothing follows the records of an aggregate report */
	json_array_end(j);
	json_object_end(j);
}

void
report_json_source(struct json *j, const struct source *s)
{
	json_key(j, "source");
	json_object_begin(j);
	json_field(j, "ip_address", s->ip_address);
	json_field(j, "reverse_dns", s->reverse_dns);
	json_field(j, "country", s->country);
	json_field(j, "base_domain", s->base_domain);
	json_field(j, "name", s->name);
	json_field(j, "type", s->type);
	json_key(j, "asn");
	if (s->asn != 0)
		json_int(j, s->asn);
	else
		json_put_null(j);
	json_field(j, "as_name", s->as_name);
	json_field(j, "as_domain", s->as_domain);
	json_object_end(j);
}

static void
write_alignment(struct json *j, const struct record *rec)
{
	json_key(j, "alignment");
	json_object_begin(j);
	json_field_bool(j, "spf", rec->spf_aligned);
	json_field_bool(j, "dkim", rec->dkim_aligned);
	json_field_bool(j, "dmarc", rec->passed_dmarc);
	json_object_end(j);
}

static void
write_evaluated(struct json *j, const struct record *rec)
{
	size_t i;

	json_key(j, "policy_evaluated");
	json_object_begin(j);
	json_field(j, "disposition", rec->disposition);
	json_field(j, "dkim", rec->policy_dkim);
	json_field(j, "spf", rec->policy_spf);
	json_key(j, "policy_override_reasons");
	json_array_begin(j);
	for (i = 0; i < rec->override_count; i++) {
		json_object_begin(j);
		json_field(j, "type", rec->overrides[i].type);
		json_field(j, "comment", rec->overrides[i].comment);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

static void
write_identifiers(struct json *j, const struct record *rec)
{
	json_key(j, "identifiers");
	json_object_begin(j);
	json_field(j, "header_from", rec->header_from);
	json_field(j, "envelope_from", rec->envelope_from);
	json_field(j, "envelope_to", rec->envelope_to);
	json_object_end(j);
}

static void
write_auth_results(struct json *j, const struct record *rec)
{
	size_t i;

	json_key(j, "auth_results");
	json_object_begin(j);
	json_key(j, "dkim");
	json_array_begin(j);
	for (i = 0; i < rec->dkim_count; i++) {
		const struct dkim_result *d = &rec->dkim_results[i];

		json_object_begin(j);
		json_field(j, "domain", d->domain);
		json_field(j, "selector", d->selector);
		json_field(j, "result", d->result);
		json_field(j, "human_result", d->human_result);
		json_object_end(j);
	}
	json_array_end(j);
	json_key(j, "spf");
	json_array_begin(j);
	for (i = 0; i < rec->spf_count; i++) {
		const struct spf_result *s = &rec->spf_results[i];

		json_object_begin(j);
		json_field(j, "domain", s->domain);
		json_field(j, "scope", s->scope);
		json_field(j, "result", s->result);
		json_field(j, "human_result", s->human_result);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

void
report_json_record(
    struct json *j, const struct report *r, const struct record *rec)
{
	json_object_begin(j);
	report_json_source(j, &rec->source);
	json_field_int(j, "count", rec->message_count);
	write_alignment(j, rec);
	write_evaluated(j, rec);
	write_identifiers(j, rec);
	write_auth_results(j, rec);
	json_field_bool(
	    j, "normalized_timespan", r->aggregate.normalized_timespan);
	write_time(j, "interval_begin", rec->interval_begin);
	write_time(j, "interval_end", rec->interval_end);
	json_object_end(j);
}
