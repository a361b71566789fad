/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document_tls.c - the indexed document and parsedmarc's JSON of an SMTP TLS
 * report (doc/record-schema.md).
 * in: a report    out: JSON, one object
 */
#include <string.h>

#include "common/base/utf8.h"
#include "common/report/document.h"

#define WORD_MAX 255 /* RFC 1035, 2.3.4 */
#define COMBINED_MAX 4096

static void
write_failure(struct json *j, const struct tls_failure *f)
{
	char sending[TLS_ADDRESS_SIZE], receiving[TLS_ADDRESS_SIZE];

	json_object_begin(j);
	json_field_if(j, "result_type", f->result_type);
	json_field_if(
	    j, "sending_mta_ip", tls_address(f->sending_mta_ip, sending));
	json_field_if(
	    j, "receiving_ip", tls_address(f->receiving_ip, receiving));
	json_field_if(j, "receiving_mx_hostname", f->receiving_mx_hostname);
	json_field_if(j, "receiving_mx_helo", f->receiving_mx_helo);
	json_field_int(j, "failed_session_count", f->failed_session_count);
	json_field_if(
	    j, "additional_information_uri", f->additional_information_uri);
	json_field_if(j, "failure_reason_code", f->failure_reason_code);
	json_object_end(j);
}

static void
write_policy(struct json *j, const struct tls_policy *p)
{
	size_t i;

	json_object_begin(j);
	json_field_if(j, "policy_domain", p->policy_domain);
	json_field_if(j, "policy_type", p->policy_type);
	document_texts(
	    j, "policy_string", p->policy_strings, p->policy_string_count);
	document_texts(j, "mx_host_patterns", p->mx_host_patterns,
	    p->mx_host_pattern_count);
	json_field_int(
	    j, "successful_session_count", p->successful_session_count);
	json_field_int(j, "failed_session_count", p->failed_session_count);
	if (p->failure_count > 0) {
		json_key(j, "failure_details");
		json_array_begin(j);
		for (i = 0; i < p->failure_count; i++)
			write_failure(j, &p->failures[i]);
		json_array_end(j);
	}
	json_object_end(j);
}

/*
 * "a / b / c"; what is missing is "none". A word is cut where no host name is
 * so long: the policy's stand here again for each failure.
 */
static void
write_combined(
    struct json *j, struct buf *text, const char *const *words, size_t count)
{
	const char *word;
	size_t i;

	buf_reset(text);
	for (i = 0; i < count; i++) {
		if (i > 0 && buf_add(text, " / ", 3, &j->err) < 0)
			return;
		word = words[i] != NULL ? words[i] : "none";
		if (buf_add(text, word, utf8_cut(word, strlen(word), WORD_MAX),
			&j->err) < 0)
			return;
	}
	json_text_n(j, text->data, text->len);
}

static void
write_policies_combined(
    struct json *j, const struct tls_report *t, struct buf *text)
{
	size_t i;

	json_key(j, "policies_combined");
	json_array_begin(j);
	for (i = 0; i < t->policy_count; i++) {
		const struct tls_policy *p = &t->policies[i];
		const char *const words[] = { p->policy_domain,
			p->policy_type };

		write_combined(j, text, words, sizeof(words) / sizeof(*words));
	}
	json_array_end(j);
}

/* Addresses as they were written: so parsedmarc has them here. */
static void
write_failures_combined(
    struct json *j, const struct tls_policy *p, struct buf *text)
{
	size_t i;

	for (i = 0; i < p->failure_count; i++) {
		const struct tls_failure *f = &p->failures[i];
		const char *const words[] = { p->policy_domain, p->policy_type,
			f->result_type, f->sending_mta_ip, f->receiving_ip,
			f->receiving_mx_hostname };

		write_combined(j, text, words, sizeof(words) / sizeof(*words));
	}
}

static void
write_combined_all(struct json *j, const struct tls_report *t)
{
	struct buf text;
	size_t i, failures = 0;

	buf_init(&text, COMBINED_MAX);
	if (t->policy_count > 0)
		write_policies_combined(j, t, &text);
	for (i = 0; i < t->policy_count; i++)
		failures += t->policies[i].failure_count;
	if (failures > 0) {
		json_key(j, "failure_details_combined");
		json_array_begin(j);
		for (i = 0; i < t->policy_count; i++)
			write_failures_combined(j, &t->policies[i], &text);
		json_array_end(j);
	}
	buf_clear(&text);
}

static bool
has_names(const struct tls_failure *f)
{
	return f->sending.reverse_dns != NULL || f->sending.name != NULL ||
	       f->receiving.reverse_dns != NULL || f->receiving.name != NULL;
}

static void
write_names(struct json *j, const struct tls_failure *f)
{
	char sending[TLS_ADDRESS_SIZE], receiving[TLS_ADDRESS_SIZE];

	json_object_begin(j);
	json_field_if(
	    j, "sending_mta_ip", tls_address(f->sending_mta_ip, sending));
	json_field_if(j, "sending_mta_reverse_dns", f->sending.reverse_dns);
	json_field_if(j, "sending_mta_name", f->sending.name);
	json_field_if(
	    j, "receiving_ip", tls_address(f->receiving_ip, receiving));
	json_field_if(j, "receiving_reverse_dns", f->receiving.reverse_dns);
	json_field_if(j, "receiving_name", f->receiving.name);
	json_object_end(j);
}

/* Ours: of each failure with an address that has a name. */
static void
write_names_all(struct json *j, const struct tls_report *t)
{
	bool open = false;
	size_t i, k;

	for (i = 0; i < t->policy_count; i++)
		for (k = 0; k < t->policies[i].failure_count; k++) {
			if (!has_names(&t->policies[i].failures[k]))
				continue;
			if (!open) {
				json_key(j, "failure_details");
				json_array_begin(j);
				open = true;
			}
			write_names(j, &t->policies[i].failures[k]);
		}
	if (open)
		json_array_end(j);
}

int
document_tls_write(const struct report *r, struct buf *out, struct err *e)
{
	const struct tls_report *t = &r->tls;
	struct json j;
	size_t i;

	json_begin(&j, out);
	json_object_begin(&j);
	json_field_if(&j, "org_name", t->org_name);
	document_dates(&j, t->begin, t->end);
	json_field_if(&j, "contact_info", t->contact_info);
	json_field_if(&j, "report_id", t->report_id);
	document_texts(&j, "errors", t->errors, t->error_count);
	if (t->policy_count > 0) {
		json_key(&j, "policies");
		json_array_begin(&j);
		for (i = 0; i < t->policy_count; i++)
			write_policy(&j, &t->policies[i]);
		json_array_end(&j);
	}
	write_combined_all(&j, t);
	json_key(&j, "intake");
	json_object_begin(&j);
	document_intake(&j, &r->intake);
	write_names_all(&j, t);
	json_object_end(&j);
	json_object_end(&j);
	return json_end(&j, e);
}

static void
write_json_failure(struct json *j, const struct tls_failure *f)
{
	json_object_begin(j);
	json_field(j, "result_type", f->result_type);
	json_field_int(j, "failed_session_count", f->failed_session_count);
	json_field_if(j, "sending_mta_ip", f->sending_mta_ip);
	json_field_if(j, "receiving_ip", f->receiving_ip);
	json_field_if(j, "receiving_mx_hostname", f->receiving_mx_hostname);
	json_field_if(j, "receiving_mx_helo", f->receiving_mx_helo);
	json_field_if(j, "failure_reason_code", f->failure_reason_code);
	json_field_if(j, "additional_info_uri", f->additional_information_uri);
	json_object_end(j);
}

static void
write_json_policy(struct json *j, const struct tls_policy *p)
{
	size_t i;

	json_object_begin(j);
	json_field(j, "policy_domain", p->policy_domain);
	json_field(j, "policy_type", p->policy_type);
	document_texts(
	    j, "policy_strings", p->policy_strings, p->policy_string_count);
	document_texts(j, "mx_host_patterns", p->mx_host_patterns,
	    p->mx_host_pattern_count);
	json_field_int(
	    j, "successful_session_count", p->successful_session_count);
	json_field_int(j, "failed_session_count", p->failed_session_count);
	if (p->has_failures) {
		json_key(j, "failure_details");
		json_array_begin(j);
		for (i = 0; i < p->failure_count; i++)
			write_json_failure(j, &p->failures[i]);
		json_array_end(j);
	}
	json_object_end(j);
}

void
report_json_tls(struct json *j, const struct report *r)
{
	const struct tls_report *t = &r->tls;
	size_t i;

	json_object_begin(j);
	json_field(j, "organization_name", t->org_name);
	json_field(j, "begin_date", t->begin_text);
	json_field(j, "end_date", t->end_text);
	json_field(j, "contact_info", t->contact_info);
	json_field(j, "report_id", t->report_id);
	json_key(j, "policies");
	json_array_begin(j);
	for (i = 0; i < t->policy_count; i++)
		write_json_policy(j, &t->policies[i]);
	json_array_end(j);
	json_object_end(j);
}
