/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls.c - SMTP TLS reports (RFC 8460): what reporters write and should
 * not, what strangers write, and what must stay the same for ever.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/report/document.h"
#include "tests/unit/intake.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define ORG "\"organization-name\":\"Reporter\","
#define ID "\"report-id\":\"r1\","
#define RANGE_OF(begin, end) \
	"\"date-range\":{\"start-datetime\":\"" begin "\"," \
	"\"end-datetime\":\"" end "\"},"
#define RANGE RANGE_OF("2026-01-01T00:00:00Z", "2026-01-01T23:59:59Z")
#define HEAD ORG ID "\"contact-info\":\"tls@r.example\"," RANGE
#define SUMMARY \
	"\"summary\":{\"total-successful-session-count\":7," \
	"\"total-failure-session-count\":3}"
#define POLICY \
	"\"policy\":{\"policy-type\":\"sts\"," \
	"\"policy-domain\":\"d.example\"}"
#define REPORT_WITH(details) \
	"{" HEAD "\"policies\":[{" POLICY "," SUMMARY details "}]}"
#define DETAILS(list) ",\"failure-details\":" list
#define FAILURE "{\"result-type\":\"t\",\"failed-session-count\":1}"

/* Worked out apart, by the definition in report_id.h. */
#define PINNED_FIRST "fgfffe1i85USHR1zHgVVUW0OolITHI2nJ2mwZ35nZLc"
#define PINNED_BLANK "mNcVvKYUqVS210KSeOf4nhPHOQgtamT13S5XoNMBATY"

/* One report that is read. */
struct reading {
	struct conf_limits limits;
	struct spill_pool *pool;
	struct report_reader *rr;
	struct record rec;
	struct buf document;
	struct err e;
};

static void
reading_init(struct reading *r)
{
	memset(r, 0, sizeof(*r));
	r->limits = material_limits();
	r->pool = spill_pool_new("/tmp", r->limits.temporary);
	material_buf(&r->document);
}

static void
reading_clear(struct reading *r)
{
	report_close(&r->rr);
	spill_pool_free(&r->pool);
	buf_clear(&r->document);
}

static int
reading_read_from(struct reading *r, struct reader *in)
{
	const struct report_setup setup = { &r->limits, r->pool, NULL };
	struct document d;
	int rc;

	report_close(&r->rr);
	err_clear(&r->e);
	rc = tls_read(&r->rr, in, &setup, &r->e);
	reader_close(&in);
	assert_int_equal(rc == 1, r->rr != NULL);
	assert_int_equal(rc < 0, r->e.kind != ERR_NONE && rc != 0);
	if (rc != 1)
		return rc;
	assert_int_equal(report_next(r->rr, &r->rec, &r->e), 1);
	buf_reset(&r->document);
	document_init(&d, report_of(r->rr));
	if (document_write(&d, &r->rec, &r->document, &r->e) < 0)
		fail_msg("%s", r->e.text);
	document_clear(&d);
	return 1;
}

static int
reading_read(struct reading *r, const char *p, size_t len)
{
	return reading_read_from(r, reader_of_bytes(p, len));
}

static void
must_read(struct reading *r, const char *text)
{
	int rc = reading_read(r, text, strlen(text));

	if (rc != 1)
		fail_msg("%d: %s: %s", rc, r->e.text, text);
}

/* What the document of a text must say, or what is wrong with the text. */
static const struct read_case {
	const char *name;
	const char *text;
	int rc;
	const char *has[4]; /* of the document, or of the error */
} read_cases[] = {
	{ "the whole of one", REPORT_WITH(DETAILS("[" FAILURE "]")), 1,
	    { "{\"org_name\":\"Reporter\",\"date_range\":["
	      "\"2026-01-01T00:00:00+00:00\",\"2026-01-01T23:59:59+00:00\"],"
	      "\"date_begin\":\"2026-01-01T00:00:00+00:00\","
	      "\"date_end\":\"2026-01-01T23:59:59+00:00\","
	      "\"contact_info\":\"tls@r.example\",\"report_id\":\"r1\","
	      "\"policies\":[{\"policy_domain\":\"d.example\","
	      "\"policy_type\":\"sts\",\"successful_session_count\":7,"
	      "\"failed_session_count\":3,\"failure_details\":[{"
	      "\"result_type\":\"t\",\"failed_session_count\":1}]}],"
	      "\"policies_combined\":[\"d.example / sts\"],"
	      "\"failure_details_combined\":["
	      "\"d.example / sts / t / none / none / none\"],"
	      "\"intake\":{}}" } },
	{ "every member of a failure",
	    REPORT_WITH(
		DETAILS("[{\"result-type\":\"validation-failure\","
			"\"sending-mta-ip\":\"2001:DB8:0::0012\","
			"\"receiving-ip\":\"192.0.2.1\","
			"\"receiving-mx-hostname\":\"mx.d.example\","
			"\"receiving-mx-helo\":\"helo.d.example\","
			"\"failed-session-count\":2,"
			"\"additional-information\":\"https://r.example/\","
			"\"failure-reason-code\":\"X509\"}]")),
	    1,
	    { "{\"result_type\":\"validation-failure\","
	      "\"sending_mta_ip\":\"2001:db8::12\","
	      "\"receiving_ip\":\"192.0.2.1\","
	      "\"receiving_mx_hostname\":\"mx.d.example\","
	      "\"receiving_mx_helo\":\"helo.d.example\","
	      "\"failed_session_count\":2,"
	      "\"additional_information_uri\":\"https://r.example/\","
	      "\"failure_reason_code\":\"X509\"}",
		/* as written there: parsedmarc has it so */
		"\"d.example / sts / validation-failure / 2001:DB8:0::0012 / "
		"192.0.2.1 / mx.d.example\"" } },
	{ "the other name of the URI",
	    REPORT_WITH(DETAILS("[{\"result-type\":\"t\",\"failed-session-"
				"count\":1,\"additional-info-uri\":\"u\"}]")),
	    1, { "\"additional_information_uri\":\"u\"" } },
	{ "a blank URI gives way to the other name",
	    REPORT_WITH(DETAILS("[{\"result-type\":\"t\",\"failed-session-"
				"count\":1,\"additional-information\":\" \","
				"\"additional-info-uri\":\"u\"}]")),
	    1, { "\"additional_information_uri\":\"u\"" } },
	{ "blanks are absent",
	    REPORT_WITH(
		DETAILS("[{\"result-type\":\"t\",\"sending-mta-ip\":\"\","
			"\"receiving-ip\":\" \",\"failed-session-count\":1}]")),
	    1,
	    { "[{\"result_type\":\"t\",\"failed_session_count\":1}]",
		"/ t / none / none / none" } },
	{ "an address that is none stays",
	    REPORT_WITH(DETAILS("[{\"result-type\":\"t\",\"failed-session-"
				"count\":1,\"receiving-ip\":\"unknown\"}]")),
	    1, { "\"receiving_ip\":\"unknown\"" } },
	{ "a failure that stands alone", REPORT_WITH(DETAILS(FAILURE)), 1,
	    { "\"failure_details\":[{\"result_type\":\"t\"" } },
	{ "no failure-details", REPORT_WITH(""), 1,
	    { "\"failed_session_count\":3}]", "\"intake\":{}}" } },
	{ "failure-details null", REPORT_WITH(DETAILS("null")), 1,
	    { "\"failed_session_count\":3}]" } },
	{ "a failure that is none", REPORT_WITH(DETAILS("[7]")), 1,
	    { "\"errors\":[\"policy 0, failure 0: no object\"]" } },
	{ "a failure without anything", REPORT_WITH(DETAILS("[{}]")), 1,
	    { "\"policy 0, failure 0: no result-type\"",
		"\"policy 0, failure 0: no failed-session-count\"",
		"\"failure_details\":[{\"failed_session_count\":0}]",
		"d.example / sts / none / none / none / none" } },
	{ "a reason that is a number",
	    REPORT_WITH(DETAILS("[{\"result-type\":\"t\",\"failed-session-"
				"count\":1,\"failure-reason-code\":34}]")),
	    1, { "\"failure_reason_code\":\"34\"" } },
	{ "mx-host as a text",
	    "{" HEAD "\"policies\":[{\"policy\":{\"policy-type\":\"sts\","
	    "\"policy-domain\":\"d\",\"mx-host\":\"*.d.example\"}," SUMMARY
	    "}]}",
	    1, { "\"mx_host_patterns\":[\"*.d.example\"]" } },
	{ "mx-host as a list",
	    "{" HEAD "\"policies\":[{\"policy\":{\"policy-type\":\"sts\","
	    "\"policy-domain\":\"d\",\"mx-host\":[\"a\",\"\",\"b\"]}," SUMMARY
	    "}]}",
	    1, { "\"mx_host_patterns\":[\"a\",\"b\"]" } },
	{ "mx-host-pattern",
	    "{" HEAD "\"policies\":[{\"policy\":{\"policy-type\":\"sts\","
	    "\"policy-domain\":\"d\",\"mx-host\":\"\","
	    "\"mx-host-pattern\":[\"a\"]}," SUMMARY "}]}",
	    1, { "\"mx_host_patterns\":[\"a\"]" } },
	{ "policy-string as a text",
	    "{" HEAD "\"policies\":[{\"policy\":{\"policy-type\":\"tlsa\","
	    "\"policy-domain\":\"d\",\"policy-string\":\"3 1 1 AB\"}," SUMMARY
	    "}]}",
	    1, { "\"policy_string\":[\"3 1 1 AB\"]" } },
	{ "policy-string empty",
	    "{" HEAD "\"policies\":[{\"policy\":{\"policy-type\":\"tlsa\","
	    "\"policy-domain\":\"d\",\"policy-string\":[]}," SUMMARY "}]}",
	    1, { "\"policy_type\":\"tlsa\",\"successful" } },
	{ "policy-string of other things",
	    "{" HEAD "\"policies\":[{\"policy\":{\"policy-type\":\"tlsa\","
	    "\"policy-domain\":\"d\",\"policy-string\":[1,{},null,true]}"
	    "," SUMMARY "}]}",
	    1,
	    { "\"policy_string\":[\"1\",\"true\"]",
		"policy-string: an item is no text" } },
	{ "a policy type that nobody knows",
	    "{" HEAD "\"policies\":[{\"policy\":{\"policy-type\":\"dane-2\","
	    "\"policy-domain\":\"d\"}," SUMMARY "}]}",
	    1, { "\"policies_combined\":[\"d / dane-2\"]" } },
	{ "two policies",
	    "{" HEAD "\"policies\":[{" POLICY "," SUMMARY "},{\"policy\":{"
	    "\"policy-type\":\"tlsa\",\"policy-domain\":\"e.example\"}," SUMMARY
		DETAILS("[" FAILURE "," FAILURE "]") "}]}",
	    1,
	    { "[\"d.example / sts\",\"e.example / tlsa\"]",
		"[\"e.example / tlsa / t / none / none / none\","
		"\"e.example / tlsa / t / none / none / none\"]" } },
	{ "a policy that stands alone",
	    "{" HEAD "\"policies\":{" POLICY "," SUMMARY "}}", 1,
	    { "\"policies\":[{\"policy_domain\":\"d.example\"" } },
	{ "members of the policy one level up",
	    "{" HEAD "\"policies\":[{\"policy-type\":\"sts\","
	    "\"policy-domain\":\"d\"," SUMMARY "}]}",
	    1,
	    { "\"policies_combined\":[\"d / sts\"]",
		"\"policy 0: no policy\"" } },
	{ "no policies", "{" HEAD "\"policies\":[]}", 1,
	    { "\"errors\":[\"no policies\"],\"intake\"" } },
	{ "policies are left out", "{" HEAD "\"x\":1}", 1,
	    { "\"errors\":[\"no policies\"],\"intake\"" } },
	{ "policies of other things", "{" HEAD "\"policies\":[1,\"x\"]}", 1,
	    { "\"policy 0: no object\",\"policy 1: no object\"" } },
	{ "no summary", "{" HEAD "\"policies\":[{" POLICY "}]}", 1,
	    { "\"policy 0: no summary\"",
		"\"successful_session_count\":0,\"failed_session_count\":0" } },
	{ "no organization-name",
	    "{" ID RANGE "\"contact-info\":\"a@r.example\""
	    ",\"policies\":[]}",
	    1, { "{\"org_name\":\"r.example\"", "\"no organization-name\"" } },
	{ "no contact-info", "{" ORG ID RANGE "\"policies\":[]}", 1,
	    { "\"no contact-info\"", "\"report_id\":\"r1\"" } },
	{ "no report-id", "{" ORG RANGE "\"policies\":[]}", 1,
	    { "\"no report-id\"" } },
	{ "neither name nor id", "{" RANGE "\"policies\":[]}", -1,
	    { "neither organization-name nor report-id" } },
	{ "no date-range", "{" ORG ID "\"policies\":[]}", -1,
	    { "no start-datetime" } },
	{ "a start that is no time",
	    "{" ORG ID RANGE_OF(
		"yesterday", "2026-01-01T00:00:00Z") "\"policies\":[]}",
	    -1, { "start-datetime in date-range is no time: yesterday" } },
	{ "an end that is no time",
	    "{" ORG ID RANGE_OF(
		"2026-01-01T00:00:00Z", "later") "\"policies\":[]}",
	    1,
	    { "\"date_end\":\"2026-01-01T00:00:00+00:00\"",
		"\"end-datetime is no time: later\"" } },
	{ "no end",
	    "{" ORG ID "\"date-range\":{\"start-datetime\":"
	    "\"2026-01-01T00:00:00Z\"},\"policies\":[]}",
	    1, { "\"no end-datetime\"" } },
	{ "an end before the start",
	    "{" ORG ID RANGE_OF("2026-01-02T00:00:00Z",
		"2026-01-01T00:00:00Z") "\"policies\":[]}",
	    1, { "\"end-datetime is before start-datetime\"" } },
	{ "counts as texts",
	    "{" HEAD "\"policies\":[{" POLICY ",\"summary\":{"
	    "\"total-successful-session-count\":\" 12 \","
	    "\"total-failure-session-count\":\"4.0\"}}]}",
	    1,
	    { "\"successful_session_count\":12,\"failed_session_count\":4",
		"\"policy 0: total-successful-session-count read as a number: "
		"12\"" } },
	{ "counts as reals",
	    "{" HEAD "\"policies\":[{" POLICY ",\"summary\":{"
	    "\"total-successful-session-count\":12.0,"
	    "\"total-failure-session-count\":1e3}}]}",
	    1,
	    { "\"successful_session_count\":12,\"failed_session_count\":1000",
		"read as a number: 1000" } },
	{ "counts that are none",
	    "{" HEAD "\"policies\":[{" POLICY ",\"summary\":{"
	    "\"total-successful-session-count\":-1,"
	    "\"total-failure-session-count\":\"many\"}}]}",
	    1,
	    { "\"successful_session_count\":0,\"failed_session_count\":0",
		"total-successful-session-count is no count: -1",
		"total-failure-session-count is no count: many" } },
	{ "counts that do not fit",
	    "{" HEAD "\"policies\":[{" POLICY ",\"summary\":{"
	    "\"total-successful-session-count\":1e300,"
	    "\"total-failure-session-count\":\"99999999999999999999\"}}]}",
	    1,
	    { "\"successful_session_count\":0,\"failed_session_count\":0",
		"count is no count: 1.0000000000000001e+300" } },
	{ "counts of other types",
	    "{" HEAD "\"policies\":[{" POLICY ",\"summary\":{"
	    "\"total-successful-session-count\":[],"
	    "\"total-failure-session-count\":null}}]}",
	    1,
	    { "count is no count: (structure)",
		"no total-failure-session-count" } },
	{ "largest count",
	    "{" HEAD "\"policies\":[{" POLICY ",\"summary\":{"
	    "\"total-successful-session-count\":9223372036854775807,"
	    "\"total-failure-session-count\":0}}]}",
	    1, { "\"successful_session_count\":9223372036854775807" } },
	{ "a number that no integer holds",
	    "{" HEAD "\"policies\":[{" POLICY ",\"summary\":{"
	    "\"total-successful-session-count\":9223372036854775808}}]}",
	    -1, { "JSON: line 1: too big integer" } },
	{ "a number that no real holds", "{" HEAD "\"policies\":[1e999]}", -1,
	    { "real number overflow" } },
	{ "texts of other types",
	    "{\"organization-name\":[\"x\"]," ID RANGE
	    "\"contact-info\":{},\"policies\":[]}",
	    1,
	    { "\"organization-name is no text\"",
		"\"contact-info is no text\"" } },
	{ "the last one of a name counts",
	    "{" HEAD "\"report-id\":\"r2\",\"policies\":[]}", 1,
	    { "\"report_id\":\"r2\"" } },
	{ "members and values that nobody knows",
	    "{\"x\":{\"y\":[1,{}]}," HEAD "\"policies\":[{\"z\":0," POLICY
	    "," SUMMARY "}]}",
	    1, { "\"policy_domain\":\"d.example\"" } },
	{ "white space everywhere",
	    " \r\n\t{ " ORG "\n" ID "\r\n" RANGE " \"policies\" : [ ] } \n\n",
	    1, { "\"org_name\":\"Reporter\"" } },
	{ "a byte order mark", "\xef\xbb\xbf{" HEAD "\"policies\":[]}", 1,
	    { "\"org_name\":\"Reporter\"" } },
	{ "bytes that are no UTF-8",
	    "{\"organization-name\":\"R\xe9porter\xff\"," ID RANGE
	    "\"policies\":[]}",
	    1,
	    { "\"org_name\":\"R\xef\xbf\xbdporter\xef\xbf\xbd\"",
		"\"2 bytes that are no character replaced\"" } },
	{ "a character that is cut at the end of the text",
	    "{" HEAD "\"policies\":[]}\xe2\x82", 1,
	    { "text after the report" } },
	{ "escapes",
	    "{\"organization-name\":\"a\\u00e9\\n\\ud83d\\ude00\\\"\"," ID RANGE
	    "\"policies\":[]}",
	    1, { "\"org_name\":\"a\xc3\xa9\\n\xf0\x9f\x98\x80\\\"\"" } },
	{ "a NUL in a text",
	    "{\"organization-name\":\"a\\u0000b\"," ID RANGE "\"policies\":[]}",
	    1,
	    { "\"org_name\":\"a\xef\xbf\xbd"
	      "b\"" } },
	{ "a NUL in a name", "{" HEAD "\"a\\u0000b\":1}", -1, { "NUL byte" } },
	{ "half a surrogate pair", "{" HEAD "\"policies\":[\"\\ud83d\"]}", -1,
	    { "JSON: line 1" } },
	{ "a line end in a text", "{" HEAD "\"x\":\"a\nb\"}", -1,
	    { "JSON: line 1" } },
	{ "the foot of a mailing list",
	    "{" HEAD "\"policies\":[]}\n____\nlist {at} example\n", 1,
	    { "\"text after the report left out\"" } },
	{ "a second report behind it",
	    "{" HEAD "\"policies\":[]}\n{" HEAD "\"policies\":[]}\n", -1,
	    { "a second object" } },
	{ "a comma too many", "{" HEAD "\"policies\":[],}", -1,
	    { "JSON: line 1" } },
	{ "brackets crossed", "{" HEAD "\"policies\":[}]", -1,
	    { "JSON: line 1" } },
	{ "strings in single quotes", "{'organization-name':'x'}", 0,
	    { NULL } },
	{ "an invoice",
	    "{\"invoice\":17,\"contact-info\":\"x\",\"lines\":[{\"price\":1}]}",
	    0, { NULL } },
	{ "names of a report as values and deeper",
	    "{\"a\":\"organization-name\",\"b\":{\"report-id\":1,"
	    "\"policies\":[],\"contact-info\":2}}",
	    0, { NULL } },
	{ "an empty object", "{}", 0, { NULL } },
	{ "RTF", "{\\rtf1\\ansi Dear all}", 0, { NULL } },
	{ "nothing", "", 0, { NULL } },
	{ "an array", "[{" HEAD "\"policies\":[]}]", 0, { NULL } },
	{ "a text", "\"organization-name\"", 0, { NULL } },
	{ "two names are enough for doubt", "{" ORG "\"policies\":[]}", -1,
	    { "start-datetime" } },
};

static void
read_row(void **state)
{
	const struct read_case *c = *state;
	const char *said;
	struct reading r;
	size_t i;
	int rc;

	reading_init(&r);
	rc = reading_read(&r, c->text, strlen(c->text));
	said = rc == 1 ? r.document.data : r.e.text;
	if (rc != c->rc)
		fail_msg("%d, not %d: %s", rc, c->rc, said);
	for (i = 0; i < 4 && c->has[i] != NULL; i++)
		if (strstr(said, c->has[i]) == NULL)
			fail_msg("no %s in %s", c->has[i], said);
	if (rc == 1 && strstr(r.document.data, "\"errors\"") != NULL)
		assert_true(report_of(r.rr)->tls.error_count > 0);
	reading_clear(&r);
}

static const struct time_case {
	const char *name; /* what is written */
	const char *iso;  /* NULL: no time */
} time_cases[] = {
	{ "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01t00:00:00z", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T00:00:00.999Z", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T02:30:00+02:30", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T02:30:00+0230", "2026-01-01T00:00:00+00:00" },
	{ "2025-12-31T19:00:00-05", "2026-01-01T00:00:00+00:00" },
	{ "2025-12-31T23:30:00-00:30", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T00:00:00 UTC", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T00:00:00 +0000", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01T00:00Z", "2026-01-01T00:00:00+00:00" },
	{ "2026-01-01", "2026-01-01T00:00:00+00:00" },
	{ "1767225600", "2026-01-01T00:00:00+00:00" },
	{ "1767225600.5", "2026-01-01T00:00:00+00:00" },
	{ "2024-02-29T12:00:00Z", "2024-02-29T12:00:00+00:00" },
	{ "2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00" },
	{ "2025-02-29T12:00:00Z", NULL },
	{ "2026-04-31", NULL },
	{ "2026-13-01T00:00:00Z", NULL },
	{ "2026-00-01T00:00:00Z", NULL },
	{ "2026-01-01T24:00:00Z", NULL },
	{ "2026-01-01T00:60:00Z", NULL },
	{ "2026-01-01T00:00:61Z", NULL },
	{ "2026-01-01T00:00:00.Z", NULL },
	{ "2026-01-01T00:00:00+24:00", NULL },
	{ "2026-01-01T00:00:00+02:60", NULL },
	{ "2026-01-01T00:00:00+02:", NULL },
	{ "2026-01-01T00:00:00 CET", NULL },
	{ "2026-01-01T00:00:00Zx", NULL },
	{ "2026-01-01T", NULL },
	{ "2026-1-1T00:00:00Z", NULL },
	{ "1767225600000", NULL },
	{ "99999999999999999999", NULL },
	{ "20260101", NULL },
	{ "-1", NULL },
	{ "Thu, 01 Jan 2026 00:00:00 +0000", NULL },
};

static void
time_row(void **state)
{
	const struct time_case *c = *state;
	char text[256], iso[CLOCK_TEXT_SIZE];
	struct reading r;
	int rc;

	reading_init(&r);
	(void)snprintf(text, sizeof(text),
	    "{" ORG ID "\"date-range\":{\"start-datetime\":\"%s\","
	    "\"end-datetime\":\"%s\"},\"policies\":[]}",
	    c->name, c->name);
	rc = reading_read(&r, text, strlen(text));
	assert_int_equal(rc, c->iso != NULL ? 1 : -1);
	if (rc == 1) {
		clock_iso(report_of(r.rr)->tls.begin, iso);
		assert_string_equal(iso, c->iso);
		assert_int_equal(
		    report_of(r.rr)->tls.end, report_of(r.rr)->tls.begin);
		assert_string_equal(report_of(r.rr)->tls.begin_text, c->name);
	}
	reading_clear(&r);
}

/* The _id of a report; computed apart with Python for the pinned ones. */
static void
id_of(struct reading *r, const char *text, char id[REPORT_ID_TEXT_SIZE])
{
	must_read(r, text);
	document_id(&r->rec, id);
}

static void
ids_follow_from_what_is_said(void **state)
{
	static const char first[] = "{\"a\":[1,1.5,true,null,\"\\u0001\"]," HEAD
				    "\"policies\":[{" POLICY "," SUMMARY "}]}";
	static const char *const same[] = {
		/* another order, spacing, and ways to write the same */
		"{ \"policies\" : [ {" SUMMARY "," POLICY "} ] , " HEAD
		"\"\\u0061\":[1,15e-1,true,null,\"\\u0001\"]}\n",
		"\xef\xbb\xbf{\"a\":0,\"a\":[1,1.5,true,null,\"\\u0001\"]," HEAD
		"\"policies\":[{" POLICY "," SUMMARY "}]}",
	};
	static const char *const others[] = {
		"{\"a\":[1,1.5,true,null,\"\\u0002\"]," HEAD
		"\"policies\":[{" POLICY "," SUMMARY "}]}",
		"{\"a\":[1,1.5,true,null,1]," HEAD "\"policies\":[{" POLICY
		"," SUMMARY "}]}",
		"{" HEAD "\"policies\":[{" POLICY "," SUMMARY "}]}",
		"{\"a\":[1,1.5,true,null,\"\\u0001\"]," HEAD
		"\"policies\":[{" POLICY "," SUMMARY "},{}]}",
	};
	char id[REPORT_ID_TEXT_SIZE], other[REPORT_ID_TEXT_SIZE];
	struct reading r;
	size_t i;

	(void)state;
	reading_init(&r);
	id_of(&r, first, id);
	assert_string_equal(id, PINNED_FIRST);
	assert_memory_equal(r.rec.id, report_of(r.rr)->key, sizeof(r.rec.id));
	for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
		id_of(&r, same[i], other);
		assert_string_equal(other, id);
	}
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		id_of(&r, others[i], other);
		assert_string_not_equal(other, id);
	}
	id_of(&r, "{\"report-id\":\" \"," ORG RANGE "\"policies\":[-0.0,1e22]}",
	    id);
	assert_string_equal(id, PINNED_BLANK);
	reading_clear(&r);
}

/* Neither limits nor clock nor who brought it enters an id. */
static void
ids_follow_from_nothing_else(void **state)
{
	const struct intake intake = {
		.transport = "lmtp", .received = 1, .message_id = "m"
	};
	char id[REPORT_ID_TEXT_SIZE], other[REPORT_ID_TEXT_SIZE];
	struct reading r;

	(void)state;
	reading_init(&r);
	id_of(&r, REPORT_WITH(""), id);
	r.limits.tls_entries = 1;
	r.limits.tls_report = 1000;
	must_read(&r, REPORT_WITH(""));
	report_set_intake(r.rr, &intake);
	report_note(r.rr, "repaired");
	assert_int_equal(report_rewind(r.rr, &r.e), 0);
	assert_int_equal(report_next(r.rr, &r.rec, &r.e), 1);
	document_id(&r.rec, other);
	assert_string_equal(other, id);
	reading_clear(&r);
}

static void
a_report_has_one_record(void **state)
{
	struct reading r;
	struct record rec;

	(void)state;
	reading_init(&r);
	must_read(&r, REPORT_WITH(DETAILS("[" FAILURE "," FAILURE "]")));
	assert_int_equal(report_of(r.rr)->kind, REPORT_TLS);
	assert_int_equal(r.rec.position, 0);
	assert_int_equal(r.rec.interval_begin, 1767225600);
	assert_int_equal(r.rec.interval_end, 1767311999);
	assert_int_equal(r.rec.day, 20454);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 0);
	assert_int_equal(report_rewind(r.rr, &r.e), 0);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_memory_equal(&rec, &r.rec, sizeof(rec));
	assert_int_equal(report_next(r.rr, &rec, &r.e), 0);
	reading_clear(&r);
}

static void
the_index_is_that_of_the_begin(void **state)
{
	const struct conf_index plain = { .monthly = true };
	const struct conf_index daily = { .prefix = (char *)(uintptr_t) "p_",
		.suffix = (char *)(uintptr_t) "s" };
	char name[INDEX_NAME_SIZE];
	struct reading r;

	(void)state;
	reading_init(&r);
	must_read(&r, "{" ORG ID RANGE_OF("2026-02-01T00:30:00+01:00",
			  "2026-02-01T23:59:59+01:00") "\"policies\":[]}");
	document_index(report_of(r.rr), &r.rec, &plain, name);
	assert_string_equal(name, "smtp_tls-2026-01");
	document_index(report_of(r.rr), &r.rec, &daily, name);
	assert_string_equal(name, "p_smtp_tls_s-2026-01-31");
	reading_clear(&r);
}

/* Wherever it is cut, it is no report, and from a name of one on it is kept. */
static void
cut_short_anywhere(void **state)
{
	static const char text[] = REPORT_WITH(
	    DETAILS("[" FAILURE ",{\"result-type\":\"\\u00e9\xc3\xa9\"}]"));
	static const char name[] = "{\"organization-name\":";
	struct reading r;
	size_t len;
	char *copy;

	(void)state;
	reading_init(&r);
	for (len = 0; len < sizeof(text) - 1; len++) {
		copy = xmalloc(len + 1); /* so that ASan sees a byte too far */
		memcpy(copy, text, len);
		assert_int_equal(reading_read(&r, copy, len),
		    len < sizeof(name) - 1 ? 0 : -1);
		if (len >= sizeof(name) - 1)
			assert_int_equal(r.e.kind, ERR_MALFORMED);
		free(copy);
	}
	assert_int_equal(reading_read(&r, text, len), 1);
	reading_clear(&r);
}

/* However the bytes come in, and whatever they are. */
static void
in_small_pieces(void **state)
{
	static const char text[] =
	    "\xef\xbb\xbf" REPORT_WITH(DETAILS("[" FAILURE "]")) "\n\xe2\x82";
	static const char bad[] =
	    "{\"organization-name\":\"\xf0\x9f\x98"
	    "\xf0\x9f\x98\x80\"," ID RANGE "\"policies\":[]}";
	struct reading r, whole;
	size_t piece;

	(void)state;
	reading_init(&r);
	reading_init(&whole);
	must_read(&whole, text);
	for (piece = 1; piece < 9; piece++) {
		assert_int_equal(
		    reading_read_from(&r,
			pieces_reader(text, sizeof(text) - 1, piece, SIZE_MAX)),
		    1);
		assert_string_equal(r.document.data, whole.document.data);
		assert_int_equal(
		    reading_read_from(&r,
			pieces_reader(bad, sizeof(bad) - 1, piece, SIZE_MAX)),
		    1);
		assert_string_equal(report_of(r.rr)->tls.org_name,
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80");
	}
	reading_clear(&whole);
	reading_clear(&r);
}

/* Characters across the pieces that the text is repaired in. */
static void
long_text_of_all_widths(void **state)
{
	static const char *const chars[] = { "\xc3\xa9", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80" };
	struct reading r;
	struct buf b;
	size_t i, k, shift;

	(void)state;
	reading_init(&r);
	material_buf(&b);
	for (i = 0; i < 3; i++)
		for (shift = 0; shift < 4; shift++) {
			buf_reset(&b);
			add_text(&b, "{\"x\":\"");
			add_many(&b, 'x', shift);
			for (k = 0; k < 9000; k++)
				add_text(&b, chars[i]);
			add_text(&b, "\"," HEAD "\"policies\":[{}]}");
			assert_int_equal(reading_read(&r, b.data, b.len), 1);
			assert_null(strstr(r.document.data, "no character"));
		}
	buf_clear(&b);
	reading_clear(&r);
}

/* A disk that fails is no reason to forget a mail. */
static void
a_reader_that_fails(void **state)
{
	static const char text[] = REPORT_WITH("") "      ";
	struct reading r;
	size_t at;

	(void)state;
	reading_init(&r);
	for (at = 0; at < sizeof(text) - 1; at++) {
		assert_int_equal(
		    reading_read_from(
			&r, pieces_reader(text, sizeof(text) - 1, 7, at)),
		    -1);
		assert_int_equal(r.e.kind, ERR_TEMP);
	}
	reading_clear(&r);
}

static void
every_byte_changed(void **state)
{
	static const char text[] =
	    REPORT_WITH(DETAILS("[" FAILURE ",{\"receiving-ip\":\"::1\"}]"));
	static const char changes[] = "\0\"\\{}[],: -.0e\x80\xff\xe2t";
	struct reading r;
	size_t at, i;
	char *copy = xmalloc(sizeof(text) - 1);

	(void)state;
	reading_init(&r);
	for (at = 0; at < sizeof(text) - 1; at++)
		for (i = 0; i < sizeof(changes) - 1; i++) {
			memcpy(copy, text, sizeof(text) - 1);
			copy[at] = changes[i];
			(void)reading_read(&r, copy, sizeof(text) - 1);
		}
	free(copy);
	reading_clear(&r);
}

static void
notes_have_an_end(void **state)
{
	struct reading r;
	struct buf b;
	int i;

	(void)state;
	reading_init(&r);
	material_buf(&b);
	add_text(&b, "{" HEAD "\"policies\":[0");
	for (i = 0; i < 20000; i++)
		add_text(&b, ",0");
	add_text(&b, "]}");
	assert_int_equal(reading_read(&r, b.data, b.len), 1);
	assert_int_equal(report_of(r.rr)->tls.error_count, 100);
	assert_string_equal(
	    report_of(r.rr)->tls.errors[99], "19902 more errors");
	buf_clear(&b);
	reading_clear(&r);
}

/* A report of policies and failures, and text beside them. */
static void
make_report(struct buf *b, size_t policies, size_t failures, size_t text)
{
	size_t i, k;

	buf_reset(b);
	add_text(b, "{" HEAD "\"policies\":[");
	for (i = 0; i < policies; i++) {
		add_text(b, i > 0 ? ",{" : "{");
		add_text(b, POLICY "," SUMMARY DETAILS("["));
		for (k = 0; k < failures; k++) {
			if (k > 0)
				add(b, ",", 1);
			add_text(b, FAILURE);
		}
		add_text(b, "]}");
	}
	add_text(b, "],\"x\":\"");
	add_many(b, 'x', text);
	add_text(b, "\"}");
}

static void
limit_of_entries(void **state)
{
	struct reading r;
	struct buf b;

	(void)state;
	reading_init(&r);
	material_buf(&b);
	r.limits.tls_entries = 10;
	make_report(&b, 1, 9, 0);
	assert_int_equal(reading_read(&r, b.data, b.len), 1);
	make_report(&b, 1, 10, 0);
	assert_int_equal(reading_read(&r, b.data, b.len), -1);
	assert_int_equal(r.e.kind, ERR_LIMIT);
	assert_non_null(
	    strstr(r.e.text, "more than 10 policies and failure details"));
	make_report(&b, 10, 0, 0);
	assert_int_equal(reading_read(&r, b.data, b.len), 1);
	make_report(&b, 11, 0, 0);
	assert_int_equal(reading_read(&r, b.data, b.len), -1);
	make_report(&b, 2, 4, 0);
	assert_int_equal(reading_read(&r, b.data, b.len), 1);
	make_report(&b, 2, 5, 0);
	assert_int_equal(reading_read(&r, b.data, b.len), -1);
	buf_clear(&b);
	reading_clear(&r);
}

static void
limit_of_bytes(void **state)
{
	struct reading r;
	struct buf b;

	(void)state;
	reading_init(&r);
	material_buf(&b);
	make_report(&b, 1, 1, 100000);
	r.limits.tls_report = b.len;
	assert_int_equal(reading_read(&r, b.data, b.len), 1);
	r.limits.tls_report = b.len - 1;
	assert_int_equal(reading_read(&r, b.data, b.len), -1);
	assert_int_equal(r.e.kind, ERR_LIMIT);
	/* also behind the object: nobody reads on for ever */
	r.limits.tls_report = b.len;
	add(&b, " ", 1);
	assert_int_equal(reading_read(&r, b.data, b.len), -1);
	assert_int_equal(r.e.kind, ERR_LIMIT);
	buf_clear(&b);
	reading_clear(&r);
}

static void
limit_of_depth(void **state)
{
	struct reading r;
	struct buf b;
	size_t depth;

	(void)state;
	reading_init(&r);
	material_buf(&b);
	for (depth = 15; depth <= 16; depth++) {
		buf_reset(&b);
		add_text(&b, "{" HEAD "\"x\":");
		add_many(&b, '[', depth);
		add_many(&b, ']', depth);
		add_text(&b, "}");
		assert_int_equal(
		    reading_read(&r, b.data, b.len), depth == 15 ? 1 : -1);
	}
	assert_int_equal(r.e.kind, ERR_LIMIT);
	assert_non_null(strstr(r.e.text, "deeper than 16"));
	buf_clear(&b);
	reading_clear(&r);
}

/*
 * The most begins anew, or what one test took would be free for all that come
 * behind it. Where the kernel does not allow it, that is so.
 */
static void
memory_forget(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");

	(void)malloc_trim(0);
	if (f == NULL)
		return;
	(void)fputs("5", f);
	(void)fclose(f);
}

/* kB; the most since memory_forget(). */
static long
memory_most(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return u.ru_maxrss;
}

static void
assert_bounded(int64_t start_ms, long memory_before)
{
	if (!unit_has_bounds())
		return;
	assert_in_range(clock_mono_ms() - start_ms, 0, 10000);
	assert_in_range(memory_most() - memory_before, 0, 128 * 1024);
}

/* Texts that are there to hurt: soon over, and nothing is made of them. */
static const struct hostile_case {
	const char *name;
	const char *start, *piece, *end;
	size_t pieces;
	int rc;
} hostile_cases[] = {
	{ "1,000,000 failure details",
	    "{" HEAD "\"policies\":[{" POLICY "," SUMMARY
	    ",\"failure-details\":[" FAILURE,
	    "," FAILURE, "]}]}", 999999, -1 },
	{ "1,000,000 policies", "{" HEAD "\"policies\":[{}", ",{}", "]}",
	    999999, -1 },
	{ "10,000,000 numbers", "{" HEAD "\"x\":[0", ",0", "]}", 10000000, -1 },
	{ "empty objects", "{" HEAD "\"x\":[{}", ",{}", "]}", 10000000, -1 },
	{ "100,000 names in one object", "{" HEAD "\"x\":{\"a\":1", ",\"b\":1",
	    "}}", 100000, 1 },
	{ "1,000,000 levels", "{" HEAD "\"x\":[", "[", "", 1000000, -1 },
	{ "1,000,000 objects in one another", "", "{\"a\":", "", 1000000, 0 },
	{ "1,000,000 brackets", "{\"a\":", "[", "", 1000000, 0 },
	{ "a number of 10,000,000 digits", "{" HEAD "\"x\":1", "1", "}",
	    10000000, -1 },
	{ "an exponent of 1,000,000 digits", "{" HEAD "\"x\":1e1", "1", "}",
	    1000000, -1 },
	{ "a text of 15,000,000 bytes", "{" HEAD "\"x\":\"", "y", "\"}",
	    15000000, 1 },
	{ "a text of 20,000,000 bytes", "{" HEAD "\"x\":\"", "y", "\"}",
	    20000000, -1 },
	{ "5,000,000 bytes that are no UTF-8", "{" HEAD "\"x\":\"", "\xff",
	    "\"}", 5000000, 1 },
	{ "escapes without end", "{" HEAD "\"x\":\"", "\\u0001", "\"}", 2000000,
	    1 },
	{ "white space without end", "{" HEAD, " ", "\"x\":1}", 20000000, -1 },
	{ "white space behind it", "{" HEAD "\"x\":1}", " ", "", 20000000, -1 },
	{ "no object at all", "{", "a", "", 1000000, 0 },
	{ "other JSON of 20 MB", "{\"a\":[0", ",0", "]}", 10000000, 0 },
};

static void
hostile_row(void **state)
{
	const struct hostile_case *c = *state;
	int64_t start;
	long before;
	struct reading r;
	struct buf b;
	size_t i;
	int rc;

	if (unit_is_slow() && c->pieces > 100000)
		skip();
	reading_init(&r);
	material_buf(&b);
	add_text(&b, c->start);
	for (i = 0; i < c->pieces; i++)
		add_text(&b, c->piece);
	add_text(&b, c->end);
	memory_forget();
	before = memory_most();
	start = clock_mono_ms();
	rc = reading_read(&r, b.data, b.len);
	if (rc != c->rc)
		fail_msg("%d, not %d: %s", rc, c->rc, r.e.text);
	assert_bounded(start, before);
	buf_clear(&b);
	reading_clear(&r);
}

/* What the compiled limits allow, and no more: entries of every member. */
static void
the_largest_report(void **state)
{
	struct reading r;
	int64_t start;
	struct buf b;
	long before;
	int i;

	(void)state;
	reading_init(&r);
	material_buf(&b);
	add_text(&b, "{" HEAD "\"policies\":[{" POLICY "," SUMMARY
		     ",\"failure-details\":[");
	for (i = 0; i < 24999; i++)
		add_format(&b,
		    "%s{\"result-type\":\"starttls-not-supported\","
		    "\"sending-mta-ip\":\"192.0.2.%d\","
		    "\"receiving-ip\":\"2001:db8::%x\","
		    "\"receiving-mx-hostname\":\"mx%d.mail.d.example\","
		    "\"receiving-mx-helo\":\"mx%d.mail.d.example\","
		    "\"failed-session-count\":%d,"
		    "\"additional-information\":\"https://r.example/%d\","
		    "\"failure-reason-code\":\"no STARTTLS offered\"}",
		    i > 0 ? "," : "", i % 256, i, i % 100, i % 100, i, i);
	add_text(&b, "]}]}");
	memory_forget();
	before = memory_most();
	start = clock_mono_ms();
	assert_int_equal(reading_read(&r, b.data, b.len), 1);
	assert_int_equal(report_of(r.rr)->tls.policies[0].failure_count, 24999);
	assert_int_equal(report_of(r.rr)->tls.error_count, 0);
	assert_bounded(start, before);
	buf_clear(&b);
	reading_clear(&r);
}

/* A policy's long name does not come back 25,000 times. */
static void
documents_do_not_swell(void **state)
{
	struct reading r;
	struct buf b;
	int i;

	(void)state;
	reading_init(&r);
	material_buf(&b);
	add_text(&b, "{" HEAD "\"policies\":[{" SUMMARY
		     ",\"policy\":{\"policy-type\":\"sts\","
		     "\"policy-domain\":\"");
	for (i = 0; i < 200000; i++)
		add_text(&b, "\xc3\xa9");
	add_text(&b, "\"},\"failure-details\":[" FAILURE);
	for (i = 0; i < 20000; i++)
		add_text(&b, "," FAILURE);
	add_text(&b, "]}]}");
	assert_int_equal(reading_read(&r, b.data, b.len), 1);
	assert_in_range(r.document.len, b.len, 16 * MIB);
	assert_int_equal(
	    text_utf8_valid(r.document.data, r.document.len), r.document.len);
	buf_clear(&b);
	reading_clear(&r);
}

/* As enrichment does it. */
static void
name_source(void *context, struct source *s, struct arena *text)
{
	(void)context;
	s->reverse_dns = arena_strdup(text, "mail.example");
	s->name = arena_strdup(text, "Mail");
}

/* With every field, for tests/lint/schema.sh. */
static int
print_document(void)
{
	static const char text[] =
	    "{\"organization-name\":\"o\",\"report-id\":\"r\"," RANGE
	    "\"contact-info\":\"c\",\"policies\":[{\"policy\":{"
	    "\"policy-type\":\"sts\",\"policy-domain\":\"d\","
	    "\"policy-string\":[\"s\"],\"mx-host\":[\"m\"]}," SUMMARY DETAILS(
		"[{\"result-type\":\"t\",\"sending-mta-ip\":\"::1\","
		"\"receiving-ip\":\"::1\","
		"\"receiving-mx-hostname\":\"m\","
		"\"receiving-mx-helo\":\"m\","
		"\"failed-session-count\":\"1\","
		"\"additional-information\":\"u\","
		"\"failure-reason-code\":\"c\"}]") "}]}";
	const struct intake intake = intake_full("lmtp", 1767312000);
	struct document d;
	struct reading r;

	reading_init(&r);
	must_read(&r, text);
	report_set_intake(r.rr, &intake);
	report_each_source(r.rr, name_source, NULL);
	buf_reset(&r.document);
	document_init(&d, report_of(r.rr));
	if (document_write(&d, &r.rec, &r.document, &r.e) < 0)
		return 1;
	document_clear(&d);
	(void)puts(r.document.data);
	reading_clear(&r);
	return 0;
}

int
main(int argc, char **argv)
{
	struct unit u = { .count = 0 };

	if (argc == 2 && strcmp(argv[1], "--print") == 0)
		return print_document();

	UNIT_ROWS(&u, read_cases, read_row);
	UNIT_ROWS(&u, time_cases, time_row);
	UNIT_ROWS(&u, hostile_cases, hostile_row);
	UNIT_ONE(&u, ids_follow_from_what_is_said);
	UNIT_ONE(&u, ids_follow_from_nothing_else);
	UNIT_ONE(&u, a_report_has_one_record);
	UNIT_ONE(&u, the_index_is_that_of_the_begin);
	UNIT_ONE(&u, cut_short_anywhere);
	UNIT_ONE(&u, in_small_pieces);
	UNIT_ONE(&u, long_text_of_all_widths);
	UNIT_ONE(&u, a_reader_that_fails);
	UNIT_ONE(&u, every_byte_changed);
	UNIT_ONE(&u, notes_have_an_end);
	UNIT_ONE(&u, limit_of_entries);
	UNIT_ONE(&u, limit_of_bytes);
	UNIT_ONE(&u, limit_of_depth);
	UNIT_ONE(&u, the_largest_report);
	UNIT_ONE(&u, documents_do_not_swell);
	return unit_run("tls", &u);
}
