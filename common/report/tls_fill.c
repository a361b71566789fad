/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_fill.c - what was written becomes the report (RFC 8460, 4.4): several
 * spellings one, times read, gaps noted.
 * in: a tree (tls_json.c)    out: struct tls_report (report.h)
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/report/tls_builder.h"

#define WHERE_SIZE 64

void
tls_note(struct tls_builder *b, const char *fmt, ...)
{
	struct tls_report *t = &b->rr->report.tls;
	char text[512];
	va_list ap;

	if (b->error_count++ >= TLS_ERRORS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text[text_utf8_valid(text, strlen(text))] = '\0'; /* where it was cut */
	t->errors[t->error_count++] = arena_strdup(b->rr->arena, text);
}

const char *
tls_address(const char *address, char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	int family = AF_INET;

	if (address == NULL)
		return NULL;
	if (inet_pton(AF_INET, address, bytes) != 1) {
		family = AF_INET6;
		if (inet_pton(AF_INET6, address, bytes) != 1)
			return address;
	}
	return inet_ntop(family, bytes, text, TLS_ADDRESS_SIZE);
}

static int
count_entry(struct tls_builder *b, struct err *e)
{
	if (++b->entries > b->limits->tls_entries)
		return err_set(e, ERR_LIMIT,
		    "more than %" PRIu64 " policies and failure details",
		    b->limits->tls_entries);
	return 0;
}

/*
 * Items of a list that may stand alone without its brackets; at counts up to
 * where there is none.
 */
static size_t
list_size(const json_t *list)
{
	if (json_is_array(list))
		return json_array_size(list);
	return list != NULL && !json_is_null(list);
}

static const json_t *
list_item(const json_t *list, size_t at)
{
	return json_is_array(list) ? json_array_get(list, at) : list;
}

static void
failure_fill(struct tls_builder *b, const json_t *o, const char *where,
    struct tls_failure *f)
{
	f->result_type = tls_text(b, o, where, "result-type");
	if (f->result_type == NULL)
		tls_note(b, "%sno result-type", where);
	f->sending_mta_ip = tls_text(b, o, where, "sending-mta-ip");
	f->receiving_ip = tls_text(b, o, where, "receiving-ip");
	f->receiving_mx_hostname =
	    tls_text(b, o, where, "receiving-mx-hostname");
	f->receiving_mx_helo = tls_text(b, o, where, "receiving-mx-helo");
	f->failed_session_count =
	    tls_count(b, o, where, "failed-session-count");
	f->failure_reason_code = tls_text(b, o, where, "failure-reason-code");
	/* RFC 8460 has one name in the text and the other in its schema */
	f->additional_information_uri =
	    tls_text(b, o, where, "additional-information");
	if (f->additional_information_uri == NULL)
		f->additional_information_uri =
		    tls_text(b, o, where, "additional-info-uri");
}

static int
failures_fill(struct tls_builder *b, const json_t *entry, size_t position,
    struct tls_policy *p, struct err *e)
{
	const json_t *list = json_object_get(entry, "failure-details");
	size_t i, size = list_size(list);
	struct tls_failure *failures;
	char where[WHERE_SIZE];

	p->has_failures = json_is_array(list) || size > 0;
	if (size > b->limits->tls_entries)
		size = (size_t)b->limits->tls_entries + 1; /* fails there */
	p->failures = failures =
	    arena_alloc(b->rr->arena, size * sizeof(*failures));
	for (i = 0; i < size; i++) {
		const json_t *item = list_item(list, i);

		if (count_entry(b, e) < 0)
			return -1;
		(void)snprintf(where, sizeof(where),
		    "policy %zu, failure %zu: ", position, i);
		if (json_is_object(item))
			failure_fill(
			    b, item, where, &failures[p->failure_count++]);
		else
			tls_note(b, "%sno object", where);
	}
	return 0;
}

/* Both the name of RFC 8460 and the one that parsedmarc knows. */
static void
mx_hosts_fill(struct tls_builder *b, const json_t *policy, const char *where,
    struct tls_policy *p)
{
	tls_texts(b, policy, where, "mx-host", &p->mx_host_patterns,
	    &p->mx_host_pattern_count);
	if (p->mx_host_pattern_count == 0)
		tls_texts(b, policy, where, "mx-host-pattern",
		    &p->mx_host_patterns, &p->mx_host_pattern_count);
}

static int
policy_fill(struct tls_builder *b, const json_t *entry, size_t position,
    struct tls_policy *p, struct err *e)
{
	const json_t *policy = json_object_get(entry, "policy");
	const json_t *summary = json_object_get(entry, "summary");
	char where[WHERE_SIZE];

	(void)snprintf(where, sizeof(where), "policy %zu: ", position);
	if (!json_is_object(policy)) {
		tls_note(b, "%sno policy", where);
		policy = entry; /* perhaps its members stand here */
	}
	p->policy_domain = tls_text(b, policy, where, "policy-domain");
	if (p->policy_domain == NULL)
		tls_note(b, "%sno policy-domain", where);
	p->policy_type = tls_text(b, policy, where, "policy-type");
	if (p->policy_type == NULL)
		tls_note(b, "%sno policy-type", where);
	tls_texts(b, policy, where, "policy-string", &p->policy_strings,
	    &p->policy_string_count);
	mx_hosts_fill(b, policy, where, p);
	if (!json_is_object(summary)) {
		tls_note(b, "%sno summary", where);
	} else {
		p->successful_session_count = tls_count(
		    b, summary, where, "total-successful-session-count");
		p->failed_session_count =
		    tls_count(b, summary, where, "total-failure-session-count");
	}
	return failures_fill(b, entry, position, p, e);
}

static int
policies_fill(struct tls_builder *b, const json_t *root, struct err *e)
{
	struct tls_report *t = &b->rr->report.tls;
	const json_t *list = json_object_get(root, "policies");
	size_t i, size = list_size(list);
	struct tls_policy *policies;

	if (size == 0)
		tls_note(b, "no policies");
	if (size > b->limits->tls_entries)
		size = (size_t)b->limits->tls_entries + 1; /* fails there */
	t->policies = policies =
	    arena_alloc(b->rr->arena, size * sizeof(*policies));
	for (i = 0; i < size; i++) {
		const json_t *item = list_item(list, i);

		if (count_entry(b, e) < 0)
			return -1;
		if (!json_is_object(item))
			tls_note(b, "policy %zu: no object", i);
		else if (policy_fill(
			     b, item, i, &policies[t->policy_count++], e) < 0)
			return -1;
	}
	return 0;
}

/* Without a start no index can be named; the end is no more than told. */
static int
range_fill(struct tls_builder *b, const json_t *root, struct err *e)
{
	struct tls_report *t = &b->rr->report.tls;
	const json_t *range = json_object_get(root, "date-range");

	t->begin_text = tls_text(b, range, "", "start-datetime");
	t->end_text = tls_text(b, range, "", "end-datetime");
	if (t->begin_text == NULL)
		return err_set(
		    e, ERR_MALFORMED, "no start-datetime in date-range");
	if (tls_time(t->begin_text, &t->begin) < 0)
		return err_set(e, ERR_MALFORMED,
		    "start-datetime in date-range is no time: %.64s",
		    t->begin_text);
	t->end = t->begin;
	if (t->end_text == NULL)
		tls_note(b, "no end-datetime");
	else if (tls_time(t->end_text, &t->end) < 0)
		tls_note(b, "end-datetime is no time: %.64s", t->end_text);
	else if (t->end < t->begin)
		tls_note(b, "end-datetime is before start-datetime");
	return 0;
}

/* The reporter's name; else where to write to says who it is. */
static const char *
org_name_of(struct tls_builder *b, const json_t *root)
{
	const char *contact = b->rr->report.tls.contact_info, *at;

	b->org_name = tls_text(b, root, "", "organization-name");
	if (b->org_name != NULL)
		return b->org_name;
	tls_note(b, "no organization-name");
	if (contact == NULL || (at = strrchr(contact, '@')) == NULL ||
	    at[1] == '\0')
		return contact;
	return at + 1;
}

int
tls_fill(struct tls_builder *b, const json_t *root, const struct tls_json *told,
    struct err *e)
{
	struct tls_report *t = &b->rr->report.tls;

	t->errors =
	    arena_alloc(b->rr->arena, TLS_ERRORS_MAX * sizeof(*t->errors));
	if (told->replaced > 0)
		tls_note(b, "%" PRIu64 " bytes that are no character replaced",
		    told->replaced);
	if (told->has_tail)
		tls_note(b, "text after the report left out");
	t->contact_info = tls_text(b, root, "", "contact-info");
	t->org_name = org_name_of(b, root);
	t->report_id = tls_text(b, root, "", "report-id");
	if (t->org_name == NULL && t->report_id == NULL)
		return err_set(e, ERR_MALFORMED,
		    "neither organization-name nor report-id");
	if (t->contact_info == NULL)
		tls_note(b, "no contact-info");
	if (t->report_id == NULL)
		tls_note(b, "no report-id");
	if (range_fill(b, root, e) < 0 || policies_fill(b, root, e) < 0)
		return -1;
	if (b->error_count > TLS_ERRORS_MAX)
		t->errors[TLS_ERRORS_MAX - 1] =
		    arena_printf(b->rr->arena, "%" PRIu64 " more errors",
			b->error_count - TLS_ERRORS_MAX + 1);
	return 0;
}
