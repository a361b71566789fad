/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document_failure.c - the indexed document of a failure report
 * (doc/record-schema.md).
 * in: a report    out: JSON, one object
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/report/document.h"
#include "common/report/failure_text.h"

static void
write_addresses(
    struct json *j, const char *key, const struct mail_addresses *list)
{
	size_t i;

	if (list->count == 0)
		return;
	json_key(j, key);
	json_array_begin(j);
	for (i = 0; i < list->count; i++) {
		json_object_begin(j);
		json_field_if(j, "display_name", list->item[i].display_name);
		json_field(j, "address", list->item[i].address);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
write_attachments(struct json *j, const struct sample *s)
{
	size_t i;

	if (s->attachment_count == 0)
		return;
	json_key(j, "attachments");
	json_array_begin(j);
	for (i = 0; i < s->attachment_count; i++) {
		json_object_begin(j);
		json_field_if(j, "filename", s->attachments[i].filename);
		json_field_if(
		    j, "content_type", s->attachments[i].content_type);
		json_field(j, "sha256", s->attachments[i].sha256);
		json_object_end(j);
	}
	json_array_end(j);
}

/* The addresses of a field that dashboards want as one text; else NULL. */
static const struct mail_addresses *
addresses_of(const struct sample *s, const char *name)
{
	if (strcmp(name, "from") == 0)
		return &s->from;
	if (strcmp(name, "to") == 0)
		return &s->to;
	return strcmp(name, "reply-to") == 0 ? &s->reply_to : NULL;
}

/* "Name <address>" of the first one. */
static void
write_first_address(struct json *j, const struct mail_address *a)
{
	struct buf text;

	buf_init(
	    &text, strlen(a->address) + 4 +
		       (a->display_name == NULL ? 0 : strlen(a->display_name)));
	if (a->display_name == NULL)
		(void)buf_add_text(&text, a->address, &j->err);
	else
		(void)buf_printf(
		    &text, &j->err, "%s <%s>", a->display_name, a->address);
	json_text(j, text.data != NULL ? text.data : "");
	buf_clear(&text);
}

/* As FAILURE_KEYS_WITHOUT_DOTS says. */
static void
write_key(struct json *j, const char *name)
{
	char key[256];
	size_t i;

	(void)snprintf(key, sizeof(key), "%s", name);
	for (i = 0; key[i] != '\0'; i++)
		if (key[i] == '.')
			key[i] = '_';
	json_key(j, key);
}

static void
write_headers(struct json *j, const struct sample *s)
{
	const struct mail_addresses *list;
	size_t i;

	json_key(j, "headers");
	json_object_begin(j);
	for (i = 0; i < s->header_count; i++) {
		if (!failure_header_is_key(&s->headers[i]) ||
		    failure_header_is_repeated(s, i, FAILURE_KEYS_WITHOUT_DOTS))
			continue;
		write_key(j, s->headers[i].name);
		list = addresses_of(s, s->headers[i].name);
		if (list != NULL && list->count > 0)
			write_first_address(j, &list->item[0]);
		else
			failure_header_values(
			    j, s, i, FAILURE_KEYS_WITHOUT_DOTS);
	}
	json_object_end(j);
}

static void
write_sample(struct json *j, const struct sample *s)
{
	char date[CLOCK_TEXT_SIZE], subject[SAFE_SUBJECT_SIZE];

	if (!s->is_there)
		return;
	json_key(j, "sample");
	json_object_begin(j);
	json_field_if(j, "raw", s->raw);
	if (s->header_count > 0)
		write_headers(j, s);
	json_field_bool(j, "headers_only", s->headers_only);
	if (s->kept != CONF_SAMPLE_NONE) {
		if (s->date != INT64_MIN) {
			clock_iso(s->date, date);
			json_field(j, "date", date);
		}
		json_field_if(j, "subject", s->subject);
		json_field(j, "filename_safe_subject",
		    failure_safe_subject(s->subject, subject));
	}
	json_field_if(j, "body", s->body);
	write_addresses(j, "to", &s->to);
	write_addresses(j, "reply_to", &s->reply_to);
	write_addresses(j, "cc", &s->cc);
	write_addresses(j, "bcc", &s->bcc);
	write_attachments(j, s);
	json_object_end(j);
}

/* A naive time, as parsedmarc has it: its dashboards know that it is UTC. */
static void
write_arrival(struct json *j, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	if (at == INT64_MIN)
		return;
	clock_plain(at, text);
	text[strlen("YYYY-MM-DD")] = 'T';
	json_field(j, "arrival_date", text);
}

/* Fields that the document has under names of its own. */
static bool
has_a_place(const char *name)
{
	static const char *const names[] = { "feedback-type", "user-agent",
		"version", "original-mail-from", "original-rcpt-to",
		"original-envelope-id", "arrival-date", "reported-domain",
		"authentication-results", "delivery-result", "source-ip",
		"identity-alignment", "auth-failure", "dkim-domain" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
is_repeated(const struct failure *f, size_t i)
{
	size_t k;

	for (k = 0; k < f->field_count; k++)
		if (k != i && strcmp(f->fields[k].name, f->fields[i].name) == 0)
			return true;
	return false;
}

/* Fields that have no other place, or one place for several. */
static void
write_fields(struct json *j, const struct failure *f)
{
	bool open = false;
	size_t i;

	for (i = 0; i < f->field_count; i++) {
		const struct header_field *field = &f->fields[i];

		if (*field->value == '\0' ||
		    (has_a_place(field->name) && !is_repeated(f, i)))
			continue;
		if (!open) {
			json_key(j, "fields");
			json_array_begin(j);
			open = true;
		}
		json_object_begin(j);
		json_field(j, "name", field->name);
		json_field(j, "value", field->value);
		json_object_end(j);
	}
	if (open)
		json_array_end(j);
}

int
document_failure_write(const struct report *r, const struct record *rec,
    struct buf *out, struct err *e)
{
	const struct failure *f = &r->failure;
	struct json j;

	json_begin(&j, out);
	json_object_begin(&j);
	json_field_if(&j, "feedback_type", f->feedback_type);
	json_field_if(&j, "user_agent", f->user_agent);
	json_field_if(&j, "version", f->version);
	json_field_if(&j, "original_mail_from", f->original_mail_from);
	json_field_if(&j, "original_rcpt_to", f->original_rcpt_to);
	json_field_if(&j, "original_envelope_id", f->original_envelope_id);
	write_arrival(&j, f->arrival_date);
	json_field_if(&j, "domain", f->domain);
	json_field_if(&j, "authentication_results", f->authentication_results);
	json_field_if(&j, "delivery_results", f->delivery_results);
	document_source(&j, &rec->source);
	document_texts(&j, "authentication_mechanisms",
	    f->authentication_mechanisms, f->authentication_mechanism_count);
	document_texts(
	    &j, "auth_failure", f->auth_failure, f->auth_failure_count);
	json_field_if(&j, "dkim_domain", f->dkim_domain);
	document_texts(&j, "errors", f->errors, f->error_count);
	write_sample(&j, &f->sample);
	json_key(&j, "intake");
	json_object_begin(&j);
	document_intake(&j, &r->intake);
	if (rec->source.confirmed != SOURCE_UNKNOWN)
		json_field_bool(&j, "reverse_dns_confirmed",
		    rec->source.confirmed == SOURCE_YES);
	write_fields(&j, f);
	json_object_end(&j);
	json_object_end(&j);
	return json_end(&j, e);
}
