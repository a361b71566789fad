/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_json_failure.c - parsedmarc's JSON of a failure report: the fields
 * of the feedback under their own names, what was worked out of them, and the
 * sample.
 * in: a report    out: JSON, one object
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/report/document.h"
#include "common/report/failure_text.h"

#define KEY_SIZE 128

static void
write_texts(
    struct json *j, const char *key, const char *const *texts, size_t count)
{
	size_t i;

	json_key(j, key);
	json_array_begin(j);
	for (i = 0; i < count; i++)
		json_text(j, texts[i]);
	json_array_end(j);
}

/* Fields that are told otherwise further down. */
static bool
is_special(const char *name)
{
	static const char *const names[] = { "source-ip", "identity-alignment",
		"auth-failure", "delivery-result", "feedback-type",
		"arrival-date" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
is_known(const struct failure *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->field_count; i++)
		if (*f->fields[i].value != '\0' &&
		    strcmp(f->fields[i].name, name) == 0)
			return true;
	return false;
}

static bool
is_first(const struct failure *f, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++)
		if (*f->fields[k].value != '\0' &&
		    strcmp(f->fields[k].name, f->fields[i].name) == 0)
			return false;
	return true;
}

/* A text; a list where the field stands more than once. */
static void
write_values(struct json *j, const struct failure *f, size_t i)
{
	const char *name = f->fields[i].name;
	size_t k, count = 0;

	for (k = i; k < f->field_count; k++)
		count += *f->fields[k].value != '\0' &&
			 strcmp(f->fields[k].name, name) == 0;
	if (count > 1)
		json_array_begin(j);
	for (k = i; k < f->field_count; k++)
		if (*f->fields[k].value != '\0' &&
		    strcmp(f->fields[k].name, name) == 0)
			json_text(j, f->fields[k].value);
	if (count > 1)
		json_array_end(j);
}

/* "original_mail_from" */
static void
snake_case(const char *name, char key[KEY_SIZE])
{
	size_t i;

	for (i = 0; i < KEY_SIZE - 1 && name[i] != '\0'; i++)
		key[i] = (char)(name[i] == '-' ? '_' : name[i]);
	key[i] = '\0';
}

/* Would it stand beside a member of ours with the same key? */
static bool
clashes(const char *key)
{
	static const char *const keys[] = { "arrival_date_utc", "source",
		"authentication_mechanisms", "sample_headers_only", "sample",
		"parsed_sample" };
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static void
write_special(struct json *j, const struct failure *f, const char *name)
{
	if (strcmp(name, "auth-failure") == 0)
		write_texts(
		    j, "auth_failure", f->auth_failure, f->auth_failure_count);
	else if (strcmp(name, "delivery-result") == 0)
		json_field(j, "delivery_result", f->delivery_results);
	else if (strcmp(name, "feedback-type") == 0)
		json_field(j, "feedback_type", f->feedback_type);
	else if (strcmp(name, "arrival-date") == 0)
		json_field(j, "arrival_date", f->arrival_date_text);
}

static void
write_fields(struct json *j, const struct failure *f)
{
	char key[KEY_SIZE];
	size_t i;

	for (i = 0; i < f->field_count; i++) {
		const char *name = f->fields[i].name;

		if (*f->fields[i].value == '\0' || !is_first(f, i))
			continue;
		if (is_special(name)) {
			if (f->arrival_date_text != NULL ||
			    strcmp(name, "arrival-date") != 0)
				write_special(j, f, name);
			continue;
		}
		snake_case(name, key);
		if (clashes(key))
			continue;
		json_key(j, key);
		write_values(j, f, i);
	}
}

static void
write_null(struct json *j, const struct failure *f, const char *name)
{
	char key[KEY_SIZE];

	if (is_known(f, name))
		return;
	snake_case(name, key);
	json_field(j, key, NULL);
}

/* What parsedmarc has always, whatever the reporter says: before the rest. */
static void
write_missing(struct json *j, const struct failure *f)
{
	char arrival[CLOCK_TEXT_SIZE];

	if (f->arrival_date_text == NULL) {
		clock_iso(f->arrival_date, arrival);
		json_field(j, "arrival_date",
		    f->arrival_date == INT64_MIN ? NULL : arrival);
	}
	write_null(j, f, "version");
	write_null(j, f, "user-agent");
	if (!is_known(f, "delivery-result"))
		json_field(j, "delivery_result", f->delivery_results);
}

/* And behind it. */
static void
write_missing_later(struct json *j, const struct failure *f)
{
	if (!is_known(f, "auth-failure"))
		write_special(j, f, "auth-failure");
	if (!is_known(f, "feedback-type"))
		json_field(j, "feedback_type", f->feedback_type);
	write_null(j, f, "authentication-results");
	write_null(j, f, "original-envelope-id");
	write_null(j, f, "dkim-domain");
	write_null(j, f, "original-mail-from");
	write_null(j, f, "original-rcpt-to");
	if (!is_known(f, "reported-domain"))
		json_field(j, "reported_domain", f->domain);
}

/* The part of an address before or behind the @, in lower case. */
static void
write_part(struct json *j, const char *key, const char *p, size_t len)
{
	char text[512];

	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	memcpy(text, p, len);
	text[len] = '\0';
	text_lower(text);
	json_field(j, key, text);
}

static void
write_address(struct json *j, const struct mail_address *a)
{
	const char *first = strchr(a->address, '@');
	const char *last = strrchr(a->address, '@');

	json_object_begin(j);
	json_field(j, "display_name", a->display_name);
	json_field(j, "address", a->address);
	if (first == NULL) {
		json_field(j, "local", NULL);
		json_field(j, "domain", NULL);
	} else {
		write_part(
		    j, "local", a->address, (size_t)(first - a->address));
		write_part(j, "domain", last + 1, strlen(last + 1));
	}
	json_object_end(j);
}

static void
write_addresses(
    struct json *j, const char *key, const struct mail_addresses *list)
{
	size_t i;

	json_key(j, key);
	json_array_begin(j);
	for (i = 0; i < list->count; i++)
		write_address(j, &list->item[i]);
	json_array_end(j);
}

static const struct mail_addresses *
addresses_of(const struct sample *s, const char *name)
{
	if (strcmp(name, "from") == 0)
		return &s->from;
	if (strcmp(name, "to") == 0)
		return &s->to;
	if (strcmp(name, "cc") == 0)
		return &s->cc;
	if (strcmp(name, "bcc") == 0)
		return &s->bcc;
	return strcmp(name, "reply-to") == 0 ? &s->reply_to : NULL;
}

/* [["Name", "address"], ...] */
static void
write_pairs(struct json *j, const struct mail_addresses *list)
{
	const char *name;
	size_t i;

	json_array_begin(j);
	for (i = 0; i < list->count; i++) {
		name = list->item[i].display_name;
		json_array_begin(j);
		json_text(j, name != NULL ? name : "");
		json_text(j, list->item[i].address);
		json_array_end(j);
	}
	json_array_end(j);
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
		    failure_header_is_repeated(s, i, FAILURE_KEYS_AS_NAMES))
			continue;
		json_key(j, s->headers[i].spelling);
		list = addresses_of(s, s->headers[i].name);
		if (list != NULL)
			write_pairs(j, list);
		else
			failure_header_values(j, s, i, FAILURE_KEYS_AS_NAMES);
	}
	json_object_end(j);
}

static void
write_attachments(struct json *j, const struct sample *s)
{
	size_t i;

	json_key(j, "attachments");
	json_array_begin(j);
	for (i = 0; i < s->attachment_count; i++) {
		json_object_begin(j);
		json_field(j, "filename", s->attachments[i].filename);
		json_field(
		    j, "mail_content_type", s->attachments[i].content_type);
		json_field(j, "sha256", s->attachments[i].sha256);
		json_object_end(j);
	}
	json_array_end(j);
}

static void
write_parsed_sample(struct json *j, const struct sample *s)
{
	char date[CLOCK_TEXT_SIZE], subject[SAFE_SUBJECT_SIZE];

	json_object_begin(j);
	if (s->date != INT64_MIN) {
		clock_iso(s->date, date);
		*strchr(date, 'T') = ' ';
	}
	json_field(j, "date", s->date == INT64_MIN ? NULL : date);
	json_field(j, "subject", s->subject);
	write_headers(j, s);
	json_key(j, "from");
	if (s->from.count > 0)
		write_address(j, &s->from.item[0]);
	else
		json_put_null(j);
	write_addresses(j, "to", &s->to);
	write_addresses(j, "reply_to", &s->reply_to);
	write_addresses(j, "cc", &s->cc);
	write_addresses(j, "bcc", &s->bcc);
	write_attachments(j, s);
	json_field(j, "filename_safe_subject",
	    failure_safe_subject(s->subject, subject));
	json_field(j, "body", s->body);
	json_object_end(j);
}

void
report_json_failure(struct json *j, const struct report *r)
{
	const struct failure *f = &r->failure;
	char arrival[CLOCK_TEXT_SIZE];

	json_object_begin(j);
	write_fields(j, f);
	write_missing(j, f);
	clock_plain(f->arrival_date, arrival);
	json_field(j, "arrival_date_utc",
	    f->arrival_date == INT64_MIN ? NULL : arrival);
	report_json_source(j, &f->source);
	write_texts(j, "authentication_mechanisms",
	    f->authentication_mechanisms, f->authentication_mechanism_count);
	write_missing_later(j, f);
	json_field_bool(j, "sample_headers_only", f->sample.headers_only);
	json_field(j, "sample", f->sample.raw);
	json_key(j, "parsed_sample");
	if (f->sample.is_there && f->sample.kept != CONF_SAMPLE_NONE)
		write_parsed_sample(j, &f->sample);
	else
		json_put_null(j);
	json_object_end(j);
}
