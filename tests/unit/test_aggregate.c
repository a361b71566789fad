/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_aggregate.c - aggregate reports of every kind of reporter: complete,
 * odd, broken and hostile. A report is whole or it is none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "tests/unit/aggregate_xml.h"
#include "tests/unit/unit.h"

#define AT(member) offsetof(struct aggregate, member)

/* A text of the report out of what stands in feedback before the records. */
static const struct value_case {
	const char *name;
	const char *head; /* NULL: the row before's */
	size_t at;
	const char *value;
} value_cases[] = {
	{ "version", "<version>1.0</version>" META POLICY, AT(xml_schema),
	    "1.0" },
	{ "version left out", META POLICY, AT(xml_schema), "draft" },
	{ "version empty", "<version/>" META POLICY, AT(xml_schema), "draft" },
	{ "version at the end", META POLICY "<version>2</version>",
	    AT(xml_schema), "2" },
	{ "org_name", META POLICY, AT(org_name), "example.net" },
	{ "org_name: host name",
	    "<report_metadata><org_name>mx1.Mail.Example.NET</org_name>"
	    "</report_metadata>" META POLICY,
	    AT(org_name), "example.net" },
	{ "org_name: with a space",
	    "<report_metadata><org_name>mx.example.net Inc</org_name>"
	    "</report_metadata>" META POLICY,
	    AT(org_name), "mx.example.net Inc" },
	{ "org_name: one word",
	    "<report_metadata><org_name>Example</org_name></"
	    "report_metadata>" META POLICY,
	    AT(org_name), "Example" },
	{ "org_name: a public suffix",
	    "<report_metadata><org_name>co.uk</org_name></report_metadata>" META
		POLICY,
	    AT(org_name), "co.uk" },
	{ "org_name: below a public suffix of two labels",
	    "<report_metadata><org_name>a.b.example.co.uk</org_name>"
	    "</report_metadata>" META POLICY,
	    AT(org_name), "example.co.uk" },
	{ "org_name: empty, from the email",
	    "<report_metadata><org_name> </org_name></report_metadata>" META
		POLICY,
	    AT(org_name), "example.net" },
	{ "org_name: left out, from the email",
	    "<report_metadata><email>a@mx.example.com</email><report_id>1"
	    "</report_id><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY,
	    AT(org_name), "example.com" },
	{ "org_name: umlaut",
	    "<report_metadata><org_name>B\xc3\xbc"
	    "cher</org_name></report_metadata>" META POLICY,
	    AT(org_name),
	    "B\xc3\xbc"
	    "cher" },
	{ "email", META POLICY, AT(org_email), "dmarc@example.net" },
	{ "email with a language",
	    "<report_metadata><email lang='de'>x@y.example</email>"
	    "</report_metadata>" META POLICY,
	    AT(org_email), "x@y.example" },
	{ "extra_contact_info",
	    "<report_metadata><extra_contact_info>https://example.net/?a=1"
	    "&amp;b=2</extra_contact_info></report_metadata>" META POLICY,
	    AT(org_extra_contact_info), "https://example.net/?a=1&b=2" },
	{ "extra_contact_info left out", META POLICY,
	    AT(org_extra_contact_info), NULL },
	{ "generator",
	    "<report_metadata><generator>g 1</generator></report_metadata>" META
		POLICY,
	    AT(generator), "g 1" },
	{ "report_id", META POLICY, AT(report_id), "r-1" },
	{ "report_id as a message id",
	    "<report_metadata><report_id>&lt;a.b@example.net&gt;</report_id>"
	    "</report_metadata>" META POLICY,
	    AT(report_id), "a.b" },
	{ "report_id with a host",
	    "<report_metadata><report_id>a.b@example.net</report_id>"
	    "</report_metadata>" META POLICY,
	    AT(report_id), "a.b" },
	{ "report_id in CDATA",
	    "<report_metadata><report_id><![CDATA[<x@y>]]></report_id>"
	    "</report_metadata>" META POLICY,
	    AT(report_id), "x" },
	{ "report_id with a space",
	    "<report_metadata><report_id> a b "
	    "</report_id></report_metadata>" META POLICY,
	    AT(report_id), "a b" },
	{ "the first of two counts",
	    "<report_metadata><report_id>one</report_id><report_id>two"
	    "</report_id></report_metadata>" META POLICY,
	    AT(report_id), "one" },
	{ "the first one counts when it is empty",
	    "<report_metadata><generator/><generator>g</generator>"
	    "</report_metadata>" META POLICY,
	    AT(generator), NULL },
	{ "domain", META POLICY, AT(policy.domain), "example.org" },
	{ "p", META POLICY, AT(policy.p), "none" },
	{ "sp left out: p", META POLICY, AT(policy.sp), "none" },
	{ "adkim left out", META POLICY, AT(policy.adkim), "r" },
	{ "aspf left out", META POLICY, AT(policy.aspf), "r" },
	{ "pct left out", META POLICY, AT(policy.pct), NULL },
	{ "adkim empty",
	    META "<policy_published><domain>d</domain><adkim/>"
		 "</policy_published>",
	    AT(policy.adkim), "r" },
	{ "metadata after the policy", POLICY META, AT(report_id), "r-1" },
	{ "metadata in two pieces",
	    "<report_metadata><report_id>r-2</report_id></"
	    "report_metadata>" POLICY
	    "<report_metadata><org_name>o o</org_name><date_range>" RANGE
	    "</date_range></report_metadata>",
	    AT(report_id), "r-2" },
	{ "the first policy counts",
	    META POLICY
	    "<policy_published><domain>other.example</domain><p>reject</p>"
	    "<pct>50</pct></policy_published>",
	    AT(policy.domain), "example.org" },
	{ "nothing is taken out of the second policy",
	    META POLICY "<policy_published><pct>50</pct></policy_published>",
	    AT(policy.pct), NULL },
	{ "comment inside a value",
	    "<report_metadata><report_id>a<!-- x -->b</report_id>"
	    "</report_metadata>" META POLICY,
	    AT(report_id), "ab" },
	{ "element inside a value",
	    "<report_metadata><report_id>a<b>x</b>c</report_id>"
	    "</report_metadata>" META POLICY,
	    AT(report_id), "ac" },
	{ "names are as they are spelt",
	    "<report_metadata><Generator>g</Generator></report_metadata>" META
		POLICY,
	    AT(generator), NULL },
	{ "an extension with our names in it",
	    "<extension><report_metadata><report_id>x</report_id>"
	    "</report_metadata><record/></extension>" META POLICY,
	    AT(report_id), "r-1" },
};

static const char *
text_at(const struct aggregate *g, size_t at)
{
	const char *text;

	memcpy(&text, (const char *)g + at, sizeof(text));
	return text;
}

static void
check_text(const char *value, const char *expected)
{
	if (expected == NULL)
		assert_null(value);
	else {
		assert_non_null(value);
		assert_string_equal(value, expected);
	}
}

static void
value_row(void **state)
{
	const struct value_case *c = *state;
	struct reading r;
	struct buf xml;

	reading_start(&r);
	material_buf(&xml);
	add_format(&xml, "<feedback>%s%s</feedback>", c->head, RECORD);
	assert_int_equal(reading_text(&r, xml.data), 1);
	check_text(text_at(r.g, c->at), c->value);
	assert_int_equal(r.g->record_count, 1);
	/* and with the head behind the record */
	buf_reset(&xml);
	add_format(&xml, "<feedback>%s%s</feedback>", RECORD, c->head);
	assert_int_equal(reading_text(&r, xml.data), 1);
	check_text(text_at(r.g, c->at), c->value);
	assert_int_equal(r.g->record_count, 1);
	buf_clear(&xml);
	reading_end(&r);
}

static void
every_policy_element(void **state)
{
	struct reading r;

	(void)state;
	reading_start(&r);
	assert_int_equal(
	    reading_text(&r,
		"<feedback xmlns='urn:ietf:params:xml:ns:dmarc-2.0'>"
		"<version>1</version>" META
		"<policy_published><domain> Example.org </domain>"
		"<adkim>s</adkim><aspf>s</aspf><p>reject</p><sp>quarantine</sp>"
		"<pct>99</pct><fo>1:d:s</fo><np>none</np><testing>n</testing>"
		"<discovery_method>treewalk</discovery_method>"
		"</policy_published>" RECORD "</feedback>"),
	    1);
	check_text(r.g->xml_namespace, "urn:ietf:params:xml:ns:dmarc-2.0");
	check_text(r.g->policy.domain, "Example.org");
	check_text(r.g->policy.adkim, "s");
	check_text(r.g->policy.aspf, "s");
	check_text(r.g->policy.p, "reject");
	check_text(r.g->policy.sp, "quarantine");
	check_text(r.g->policy.pct, "99");
	check_text(r.g->policy.fo, "1:d:s");
	check_text(r.g->policy.np, "none");
	check_text(r.g->policy.testing, "n");
	check_text(r.g->policy.discovery_method, "treewalk");
	assert_int_equal(r.g->begin, 1704067200);
	assert_int_equal(r.g->end, 1704153599);
	assert_false(r.g->normalized_timespan);
	assert_int_equal(r.g->error_count, 0);
	reading_end(&r);
}

#define WITH_RANGE(range) \
	"<feedback>" META_START "<date_range>" range "</date_range>" \
	"</report_metadata>" POLICY RECORD "</feedback>"
#define BEGIN_END(b, e) WITH_RANGE("<begin>" b "</begin><end>" e "</end>")

/* Is it a report, and if not, what is said? */
static const struct whole_case {
	const char *name;
	const char *xml;
	int rc;
	enum err_kind kind;
	const char *error; /* of *e, or one of the report's errors */
	uint64_t errors;
} whole_cases[] = {
	{ "plain", REPORT, 1, ERR_NONE, NULL, 0 },
	{ "BOM", "\xef\xbb\xbf" REPORT, 1, ERR_NONE, NULL, 0 },
	{ "leading white space",
	    "\r\n  <?xml version='1.0' encoding='UTF-8'?>" REPORT, 1, ERR_NONE,
	    NULL, 0 },
	{ "bad declaration",
	    "<?xml version='1.0' encoding='UTF-16' standalone='x'?>" REPORT, 1,
	    ERR_NONE, NULL, 1 },
	{ "prefix on each element",
	    "<d:feedback xmlns:d='urn:d'><d:report_metadata><d:org_name>o o"
	    "</d:org_name><d:email>e</d:email><d:report_id>1</d:report_id>"
	    "<d:date_range><d:begin>1704067200</d:begin><d:end>1704067200"
	    "</d:end></d:date_range></d:report_metadata><d:policy_published>"
	    "<d:domain>d</d:domain><d:p>none</d:p></d:policy_published>"
	    "<d:record><d:row><d:source_ip>::1</d:source_ip><d:count>1"
	    "</d:count></d:row></d:record></d:feedback>",
	    1, ERR_NONE, NULL, 0 },
	{ "schema around it",
	    "<xs:schema xmlns:xs='urn:xs'>" REPORT "</xs:schema>", 1, ERR_NONE,
	    NULL, 0 },
	{ "garbage behind it", REPORT "\n-- \nsent from my phone", 1, ERR_NONE,
	    "Invalid XML", 1 },
	{ "comment behind it", REPORT "<!-- x -->", 1, ERR_NONE, NULL, 0 },
	{ "bytes that are not UTF-8",
	    "<feedback><report_metadata><generator>\xfc\xe4</generator>"
	    "</report_metadata>" META POLICY RECORD "</feedback>",
	    1, ERR_NONE, "2 bytes that are not UTF-8 dropped", 1 },
	{ "an ampersand",
	    "<feedback><report_metadata><generator>a & b</generator>"
	    "</report_metadata>" META POLICY RECORD "</feedback>",
	    1, ERR_NONE, "Invalid XML: line 1", 1 },
	{ "no record", "<feedback>" META POLICY "</feedback>", 1, ERR_NONE,
	    "no record", 1 },
	{ "no email",
	    "<feedback><report_metadata><org_name>o o</org_name><report_id>1"
	    "</report_id><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY RECORD "</feedback>",
	    1, ERR_NONE, "no email", 1 },
	{ "no p",
	    "<feedback>" META "<policy_published><domain>d</domain>"
	    "</policy_published>" RECORD "</feedback>",
	    1, ERR_NONE, "no p", 1 },
	{ "pct is no number",
	    "<feedback>" META "<policy_published><domain>d</domain><p>none</p>"
	    "<pct>100%</pct></policy_published>" RECORD "</feedback>",
	    1, ERR_NONE, "100%", 1 },
	{ "fractions of a second", BEGIN_END("1704067200.0", "1704153599.999"),
	    1, ERR_NONE, NULL, 0 },
	{ "begin is the end", BEGIN_END("1704067200", "1704067200"), 1,
	    ERR_NONE, NULL, 0 },
	{ "the end is before the begin", BEGIN_END("1704067200", "1704060000"),
	    1, ERR_NONE, NULL, 0 },
	{ "begin 0", BEGIN_END("0", "86400"), 1, ERR_NONE, NULL, 0 },
	{ "93 days to the second", BEGIN_END("1704067200", "1712102400"), 1,
	    ERR_NONE, NULL, 0 },
	{ "93 days and a second", BEGIN_END("1704067200", "1712102401"), -1,
	    ERR_LIMIT, "93 days", 0 },
	{ "from 1970 to 2038", BEGIN_END("0", "2147483648"), -1, ERR_LIMIT,
	    "93 days", 0 },
	{ "no begin", WITH_RANGE("<end>1</end>"), -1, ERR_MALFORMED, "begin",
	    0 },
	{ "no end", WITH_RANGE("<begin>1</begin>"), -1, ERR_MALFORMED, "end",
	    0 },
	{ "empty begin", WITH_RANGE("<begin/><end>1</end>"), -1, ERR_MALFORMED,
	    "begin", 0 },
	{ "begin in milliseconds", BEGIN_END("1704067200000", "1704153599000"),
	    -1, ERR_MALFORMED, "begin", 0 },
	{ "begin as a date",
	    BEGIN_END("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"), -1,
	    ERR_MALFORMED, "begin", 0 },
	{ "end is a point", BEGIN_END("1704067200", "."), -1, ERR_MALFORMED,
	    "end", 0 },
	{ "end past every year", BEGIN_END("1704067200", "9223372036854775807"),
	    -1, ERR_MALFORMED, "end", 0 },
	{ "end does not fit", BEGIN_END("1704067200", "9223372036854775808"),
	    -1, ERR_MALFORMED, "end", 0 },
	{ "the last days that fit",
	    BEGIN_END("9223372036854600000", "9223372036854775807"), -1,
	    ERR_MALFORMED, "begin", 0 },
	{ "the first days that fit",
	    BEGIN_END("-9223372036854775808", "-9223372036854600000"), -1,
	    ERR_MALFORMED, "begin", 0 },
	{ "as far apart as it gets",
	    BEGIN_END("-9223372036854775808", "9223372036854775807"), -1,
	    ERR_MALFORMED, "begin", 0 },
	{ "no org_name and no email",
	    "<feedback><report_metadata><report_id>1</"
	    "report_id><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY RECORD "</feedback>",
	    -1, ERR_MALFORMED, "org_name", 0 },
	{ "no org_name and an email without a domain",
	    "<feedback><report_metadata><email>x@</email><report_id>1"
	    "</report_id><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY RECORD "</feedback>",
	    -1, ERR_MALFORMED, "org_name", 0 },
	{ "no report_id",
	    "<feedback><report_metadata><org_name>o o</org_name><email>e"
	    "</email><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY RECORD "</feedback>",
	    1, ERR_NONE, "no report_id", 1 },
	{ "a report_id of nothing",
	    "<feedback><report_metadata><report_id>&lt;&gt;</report_id>"
	    "</report_metadata>" META POLICY RECORD "</feedback>",
	    1, ERR_NONE, "no report_id", 1 },
	{ "no domain",
	    "<feedback>" META "<policy_published><p>none</p>"
	    "</policy_published>" RECORD "</feedback>",
	    1, ERR_NONE, "no domain", 1 },
	{ "no policy", "<feedback>" META RECORD "</feedback>", 1, ERR_NONE,
	    "no domain", 2 },
	{ "no metadata", "<feedback>" POLICY RECORD "</feedback>", -1,
	    ERR_MALFORMED, "org_name", 0 },
	{ "empty feedback", "<feedback/>", -1, ERR_MALFORMED, NULL, 0 },
	{ "DOCTYPE", "<!DOCTYPE feedback>" REPORT, -1, ERR_MALFORMED, "DOCTYPE",
	    0 },
	{ "DOCTYPE with entities",
	    "<!DOCTYPE feedback [<!ENTITY a 'x'>]>" REPORT, -1, ERR_MALFORMED,
	    "DOCTYPE", 0 },
	{ "DOCTYPE of HTML", "<!DOCTYPE html>" REPORT, -1, ERR_MALFORMED,
	    "DOCTYPE", 0 },
	{ "DOCTYPE of HTML in capitals, and a prefix",
	    "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>"
	    "<d:feedback xmlns:d='urn:x'/>",
	    -1, ERR_MALFORMED, "DOCTYPE", 0 },
	{ "DOCTYPE and root of HTML",
	    "<!DOCTYPE html PUBLIC '-//x' 'http://127.0.0.1:9/x'><html/>", 0,
	    ERR_NONE, NULL, 0 },
	{ "DOCTYPE and tag soup of HTML",
	    "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.0 Transitional//EN'>\n"
	    "<HTML><BODY bgcolor=white><p>feedback & more<br></HTML>",
	    0, ERR_NONE, NULL, 0 },
	{ "another root", "<html><feedback/></html>", 0, ERR_NONE, NULL, 0 },
	{ "a root that is nearly ours", "<feedbacks>" REPORT "</feedbacks>", 0,
	    ERR_NONE, NULL, 0 },
	{ "no XML", "feedback", 0, ERR_NONE, NULL, 0 },
	{ "nothing", "", 0, ERR_NONE, NULL, 0 },
	{ "only a declaration", "<?xml version='1.0'?>", 0, ERR_NONE, NULL, 0 },
	{ "not closed", "<feedback>" META POLICY RECORD, -1, ERR_MALFORMED,
	    "cut short", 0 },
	{ "closed by another tag", "<feedback>" META POLICY RECORD "</report>",
	    -1, ERR_MALFORMED, "cut short", 0 },
	{ "a start tag of a record that is broken",
	    "<feedback>" META POLICY RECORD
	    "<record x=1><row></row></record>" RECORD RECORD "</feedback>",
	    -1, ERR_MALFORMED, "cut short", 0 },
	{ "a start tag of a record that is missing",
	    "<feedback>" META POLICY RECORD "<row></row></record>" RECORD
	    "</feedback>",
	    -1, ERR_MALFORMED, "cut short", 0 },
	{ "a broken start tag below a schema",
	    "<schema><feedback>" META POLICY RECORD
	    "<record x=1></record>" RECORD "</feedback></schema>",
	    -1, ERR_MALFORMED, "cut short", 0 },
	{ "an end tag of a record that is missing",
	    "<feedback>" META POLICY "<record><row></row>" RECORD RECORD
	    "</feedback>",
	    -1, ERR_MALFORMED, "cut short", 0 },
	{ "an end tag of a record that is misspelt",
	    "<feedback>" META POLICY
	    "<record>" ROW("192.0.2.3", "1") "</recrd>" RECORD "</feedback>",
	    1, ERR_NONE, "Invalid XML", 1 },
	{ "two reports in a row", REPORT REPORT, 1, ERR_NONE, "Invalid XML",
	    1 },
	{ "two reports below a schema",
	    "<schema>" REPORT "<feedback><report_metadata><generator>g"
	    "</generator></report_metadata>" RECORD "</feedback></schema>",
	    1, ERR_NONE, "a second feedback element", 1 },
};

static void
whole_row(void **state)
{
	const struct whole_case *c = *state;
	bool found = c->error == NULL;
	struct record rec;
	struct reading r;
	uint64_t i, records = 0;

	reading_start(&r);
	assert_int_equal(reading_text(&r, c->xml), c->rc);
	assert_int_equal(r.e.kind, c->kind);
	if (c->rc == 1) {
		if (r.g->error_count != c->errors)
			print_error("%s\n", r.g->errors[0]);
		assert_int_equal(r.g->error_count, c->errors);
		for (i = 0; i < r.g->error_count && !found; i++)
			found = strstr(r.g->errors[i], c->error) != NULL;
		while (report_next(r.rr, &rec, &r.e) == 1)
			records++;
		assert_true(records >= r.g->record_count);
	} else if (!found) {
		found = strstr(r.e.text, c->error) != NULL;
		if (!found)
			print_error("%s\n", r.e.text);
	}
	assert_true(found);
	reading_end(&r);
}

/* One record among two good ones. */
static const struct bad_case {
	const char *name;
	const char *ip, *count;
	const char *fault; /* NULL: it is good */
	int64_t message_count;
} bad_cases[] = {
	{ "IPv4", "203.0.113.255", "1", NULL, 1 },
	{ "IPv6", "2001:DB8::1", "1", NULL, 1 },
	{ "IPv6 with IPv4 in it", "::ffff:192.0.2.1", "1", NULL, 1 },
	{ "IPv6, the longest", "2001:0db8:0000:0000:0000:ffff:255.255.255.255",
	    "1", NULL, 1 },
	{ "address with space around", " 192.0.2.1\n", "1", NULL, 1 },
	{ "no address", "", "1", "no source_ip", 0 },
	{ "white space for an address", " ", "1", "no source_ip", 0 },
	{ "name for an address", "mx.example.net", "1", "no address", 0 },
	{ "three numbers", "192.0.2", "1", "no address", 0 },
	{ "number too large", "192.0.2.256", "1", "no address", 0 },
	{ "leading zero", "192.0.02.1", "1", "no address", 0 },
	{ "address and port", "192.0.2.1:25", "1", "no address", 0 },
	{ "network", "192.0.2.0/24", "1", "no address", 0 },
	{ "IPv6 with a scope", "fe80::1%eth0", "1", "no address", 0 },
	{ "IPv6 in brackets", "[::1]", "1", "no address", 0 },
	{ "two addresses", "192.0.2.1 192.0.2.2", "1", "no address", 0 },
	{ "address of 45 bytes and one",
	    "2001:0db8:0000:0000:0000:ffff:255.255.255.2555", "1", "no address",
	    0 },
	{ "count 0", "192.0.2.1", "0", NULL, 0 },
	{ "count with zeros", "192.0.2.1", "007", NULL, 7 },
	{ "count with space around", "192.0.2.1", " 12\n", NULL, 12 },
	{ "count as large as it gets", "192.0.2.1", "9223372036854775807", NULL,
	    INT64_MAX },
	{ "count past it", "192.0.2.1", "9223372036854775808",
	    "count is no number", 0 },
	{ "no count", "192.0.2.1", "", "count is no number", 0 },
	{ "negative count", "192.0.2.1", "-1", "count is no number", 0 },
	{ "count with a comma", "192.0.2.1", "1,234", NULL, 1234 },
	{ "count with a point", "192.0.2.1", "1.5", "count is no number", 0 },
	{ "count in hex", "192.0.2.1", "0x10", "count is no number", 0 },
	{ "count with a unit", "192.0.2.1", "5k", "count is no number", 0 },
	{ "count in two", "192.0.2.1", "1 2", "count is no number", 0 },
	{ "a word for a count", "192.0.2.1", "one", "count is no number", 0 },
};

static void
bad_row(void **state)
{
	const struct bad_case *c = *state;
	unsigned char ids[2][REPORT_ID_BYTES];
	struct record rec;
	struct reading r;
	struct buf xml;
	int round;

	reading_start(&r);
	material_buf(&xml);
	for (round = 0; round < 2; round++) {
		const char *ip = round == 0 ? c->ip : "198.51.100.1";
		const char *count = round == 0 ? c->count : "3";

		buf_reset(&xml);
		add_format(&xml,
		    "<feedback>" META POLICY RECORD "<record><row><source_ip>%s"
		    "</source_ip><count>%s</count></row></record>" RECORD
		    "</feedback>",
		    ip, count);
		assert_int_equal(reading_text(&r, xml.data), 1);
		assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
		assert_int_equal(rec.position, 0);
		if (round == 1 || c->fault == NULL) {
			assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
			assert_int_equal(rec.position, 1);
			if (round == 0)
				assert_int_equal(
				    rec.message_count, c->message_count);
			assert_int_equal(r.g->unreadable_count, 0);
		} else {
			assert_int_equal(r.g->record_count, 2);
			assert_int_equal(r.g->unreadable_count, 1);
			assert_int_equal(r.g->error_count, 1);
			assert_non_null(strstr(r.g->errors[0], c->fault));
			assert_non_null(strstr(r.g->errors[0], "record 1"));
		}
		assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
		assert_int_equal(rec.position, 2);
		memcpy(ids[round], rec.id, REPORT_ID_BYTES);
		assert_int_equal(report_next(r.rr, &rec, &r.e), 0);
	}
	/* a record that cannot be read does not move those behind it */
	assert_memory_equal(ids[0], ids[1], REPORT_ID_BYTES);
	buf_clear(&xml);
	reading_end(&r);
}

/* The first of a doubled element counts, in a record too. */
static void
doubled_in_a_record(void **state)
{
	struct record rec;
	struct reading r;

	(void)state;
	reading_start(&r);
	assert_int_equal(
	    reading_text(&r, "<feedback>" META POLICY "<record>" ROW(
				 "192.0.2.1", "7") ROW("192.0.2.2", "8") FROM
		"<identifiers><header_from>x</header_from><envelope_to>y"
		"</envelope_to></identifiers>"
		"<auth_results><spf><domain>a</domain><domain>b</domain>"
		"<scope/><scope>helo</scope></spf></auth_results>"
		"<auth_results><dkim><domain>c</domain></dkim></auth_results>"
		"</record></feedback>"),
	    1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	check_text(rec.source.ip_address, "192.0.2.1");
	assert_int_equal(rec.message_count, 7);
	check_text(rec.header_from, "example.org");
	check_text(rec.envelope_to, "y");
	assert_int_equal(rec.spf_count, 1);
	check_text(rec.spf_results[0].domain, "a");
	check_text(rec.spf_results[0].scope, "mfrom");
	assert_int_equal(rec.dkim_count, 1);
	reading_end(&r);
}

/* What a record lacks is not taken from the record before it. */
static void
nothing_is_carried_over(void **state)
{
	struct record rec;
	struct reading r;

	(void)state;
	reading_start(&r);
	assert_int_equal(
	    reading_text(&r, "<feedback>" META POLICY RECORD
			     "<record><row><source_ip>192.0.2.2"
			     "</source_ip><count>1</count></row>"
			     "</record><record/>" RECORD "</feedback>"),
	    1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	check_text(rec.source.ip_address, "192.0.2.2");
	check_text(rec.policy_dkim, "fail");
	check_text(rec.header_from, "");
	check_text(rec.envelope_from, NULL);
	assert_int_equal(rec.dkim_count, 0);
	assert_int_equal(rec.spf_count, 0);
	assert_int_equal(r.g->unreadable_count, 1);
	reading_end(&r);
}

static void
text_limit_at_its_boundary(void **state)
{
	static const char *const around[][2] = {
		{ "<feedback><report_metadata><generator>",
		    "</generator></report_metadata>" META POLICY RECORD
		    "</feedback>" },
		{ "<feedback>" META POLICY RECORD
		  "<record>" ROW("::1", "1") "<identifiers><header_from>",
		    "</header_from></identifiers></record></feedback>" },
		{ "<feedback>" META POLICY RECORD
		  "<record>" ROW("::1", "1") "<auth_results><dkim><domain>d</"
					     "domain><human_result>",
		    "</human_result></dkim></auth_results></record>"
		    "</feedback>" },
	};
	struct reading r;
	struct buf xml;
	size_t i, more;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	for (i = 0; i < sizeof(around) / sizeof(*around); i++) {
		for (more = 0; more < 2; more++) {
			buf_reset(&xml);
			add_text(&xml, around[i][0]);
			add_many(&xml, 'g', r.limits.xml_text + more);
			add_text(&xml, around[i][1]);
			assert_int_equal(reading_read(&r, xml.data, xml.len),
			    more == 0 ? 1 : -1);
			assert_int_equal(
			    r.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
			/* elsewhere text is as long as it likes */
			buf_reset(&xml);
			add_text(&xml, "<feedback>");
			add_many(&xml, 'x', r.limits.xml_text + 1);
			add_text(&xml, META POLICY RECORD "</feedback>");
			assert_int_equal(
			    reading_read(&r, xml.data, xml.len), 1);
		}
	}
	buf_clear(&xml);
	reading_end(&r);
}

static void
depth_limit_at_its_boundary(void **state)
{
	struct reading r;
	struct buf xml;
	unsigned more, i;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	for (more = 0; more < 2; more++) {
		buf_reset(&xml);
		add_text(&xml, "<feedback>" META POLICY RECORD);
		for (i = 1; i < r.limits.xml_depth + more; i++)
			add_text(&xml, "<x>");
		for (i = 1; i < r.limits.xml_depth + more; i++)
			add_text(&xml, "</x>");
		add_text(&xml, "</feedback>");
		assert_int_equal(
		    reading_text(&r, xml.data), more == 0 ? 1 : -1);
		assert_int_equal(r.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
	}
	buf_clear(&xml);
	reading_end(&r);
}

static void
records_limit_at_its_boundary(void **state)
{
	struct reading r;

	(void)state;
	reading_start(&r);
	r.limits.records = 3;
	assert_int_equal(reading_text(&r, "<feedback>" META POLICY RECORD RECORD
					  "<record/></feedback>"),
	    1);
	assert_int_equal(reading_text(&r, "<feedback>" META POLICY RECORD RECORD
					  "<record/><record/></feedback>"),
	    -1);
	assert_int_equal(r.e.kind, ERR_LIMIT);
	assert_non_null(strstr(r.e.text, "3 records"));
	reading_end(&r);
}

/* A record of more than a frame may hold, in few and in many pieces. */
static void
record_too_large(void **state)
{
	static const char *const piece[] = {
		"<dkim/>",
		"<dkim><domain>d</domain></dkim>",
		"<spf/>",
	};
	struct reading r;
	struct record rec;
	struct buf xml;
	size_t i, j;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	for (i = 0; i < sizeof(piece) / sizeof(*piece); i++) {
		buf_reset(&xml);
		add_text(&xml, "<feedback>" META POLICY
			       "<record>" ROW("::1", "1") "<auth_results>");
		for (j = 0; j < 70000; j++)
			add_text(&xml, piece[i]);
		add_text(&xml, "</auth_results></record></feedback>");
		assert_int_equal(reading_read(&r, xml.data, xml.len), -1);
		assert_int_equal(r.e.kind, ERR_LIMIT);
	}
	buf_reset(&xml);
	add_text(&xml, "<feedback>" META POLICY
		       "<record>" ROW("::1", "1") "<auth_results>");
	for (j = 0; j < 50000; j++)
		add_text(&xml, "<dkim><domain>d</domain></dkim>");
	add_text(&xml, "</auth_results></record></feedback>");
	assert_int_equal(reading_read(&r, xml.data, xml.len), 1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_int_equal(rec.dkim_count, 50000);
	buf_clear(&xml);
	reading_end(&r);
}

static void
many_errors(void **state)
{
	struct reading r;
	struct buf xml;
	size_t count, i;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	for (count = 99; count <= 102; count++) {
		buf_reset(&xml);
		add_text(&xml, "<feedback><report_metadata>");
		for (i = 0; i < count; i++)
			add_format(&xml, "<error>e%zu</error><error/>", i);
		add_text(&xml,
		    "</report_metadata>" META POLICY RECORD "</feedback>");
		assert_int_equal(reading_text(&r, xml.data), 1);
		assert_int_equal(r.g->error_count, count < 100 ? count : 100);
		check_text(r.g->errors[0], "e0");
		check_text(r.g->errors[98], "e98");
		if (count == 100)
			check_text(r.g->errors[99], "e99");
		if (count == 102)
			check_text(r.g->errors[99], "3 more errors");
	}
	/* bad records by the thousand: they are counted, not listed */
	buf_reset(&xml);
	add_text(&xml, "<feedback>" META POLICY);
	for (i = 0; i < 5000; i++)
		add_text(&xml, "<record/>");
	add_text(&xml, RECORD "</feedback>");
	assert_int_equal(reading_text(&r, xml.data), 1);
	assert_int_equal(r.g->error_count, 100);
	assert_int_equal(r.g->unreadable_count, 5000);
	assert_int_equal(r.g->record_count, 1);
	check_text(r.g->errors[99], "4901 more errors");
	buf_clear(&xml);
	reading_end(&r);
}

/* A long complaint is cut, and stays UTF-8. */
static void
long_error_stays_utf8(void **state)
{
	struct reading r;
	struct buf xml;
	size_t shift, i, len;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	for (shift = 0; shift < 4; shift++) {
		buf_reset(&xml);
		add_text(&xml, "<feedback><report_metadata><error>");
		add_many(&xml, 'x', shift);
		for (i = 0; i < 1000; i++)
			add_text(&xml, "\xf0\x9f\x90\x8e");
		add_text(&xml, "</error></report_metadata>" META
			       "<policy_published><domain>d</domain><p>none"
			       "</p><pct>");
		add_many(&xml, 'y', shift);
		for (i = 0; i < 30; i++)
			add_text(&xml, "\xe2\x82\xac");
		add_text(
		    &xml, "</pct></policy_published>" RECORD "</feedback>");
		assert_int_equal(reading_text(&r, xml.data), 1);
		for (i = 0; i < r.g->error_count; i++) {
			len = strlen(r.g->errors[i]);
			assert_true(len > 60);
			assert_int_equal(
			    text_utf8_valid(r.g->errors[i], len), len);
		}
	}
	buf_clear(&xml);
	reading_end(&r);
}

static const char sample[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<feedback xmlns=\"urn:x\">\n"
    "<version>1.0</version><report_metadata><org_name>o &amp; o</org_name>"
    "<email>e@example.net</email><report_id>1</report_id><error>e</error>"
    "<date_range><begin>1704067200</begin><end>1704300000</end></date_range>"
    "</report_metadata>" POLICY "<!-- c -->"
    "<record><row><source_ip>192.0.2.1</source_ip><count>7</count>"
    "<policy_evaluated><disposition>none</disposition><dkim>pass</dkim>"
    "<spf>fail</spf><reason><type>other</type><comment><![CDATA[x]]>"
    "</comment></reason></policy_evaluated></row>" FROM AUTH "</record>"
    "<record>" ROW("2001:db8::1", "1") FROM "<auth_results/></record>\n"
					    "</feedback>\n";

/* Cut anywhere: a report only when </feedback is there. */
static void
cut_at_every_byte(void **state)
{
	const size_t len = sizeof(sample) - 1;
	const size_t whole = len - 2; /* all but the last ">" and line end */
	struct reading r;
	size_t at;
	char *p;

	(void)state;
	reading_start(&r);
	for (at = 0; at <= len; at++) {
		int rc;

		p = xmalloc(at > 0 ? at : 1); /* ASan sees the byte behind it */
		memcpy(p, sample, at);
		rc = reading_read(&r, p, at);
		if (at >= whole)
			assert_int_equal(rc, 1);
		else if (rc != 0 && rc != -1)
			fail_msg("a report out of %zu bytes", at);
		else if (rc == -1)
			assert_int_equal(r.e.kind, ERR_MALFORMED);
		free(p);
	}
	reading_end(&r);
}

/* An error of the reader is the outcome wherever it comes. */
static void
reader_fails_at_every_byte(void **state)
{
	struct reading r;
	size_t at;

	(void)state;
	reading_start(&r);
	for (at = 0; at < sizeof(sample); at++) {
		const struct report_setup setup = { &r.limits, r.pool,
			r.suffixes };
		struct reader *in =
		    pieces_reader(sample, sizeof(sample) - 1, 100, at);

		assert_int_equal(aggregate_read(&r.rr, in, &setup, &r.e), -1);
		assert_int_equal(r.e.kind, ERR_TEMP);
		assert_null(r.rr);
		reader_close(&in);
	}
	reading_end(&r);
}

/* Bytes flipped, doubled and left out: nothing but an answer comes. */
static void
flipped_bytes(void **state)
{
	uint64_t seed = 1;
	struct reading r;
	struct buf xml;
	int i, j;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	for (i = 0; i < 4000; i++) {
		struct record rec;
		int64_t sum = 0;
		uint64_t closes = 0;
		size_t at;
		int rc;

		buf_reset(&xml);
		add(&xml, sample, sizeof(sample) - 1);
		for (j = (int)(material_random(&seed) % 4); j >= 0; j--) {
			at = material_random(&seed) % xml.len;
			switch (material_random(&seed) % 4) {
			case 0:
				xml.data[at] ^=
				    (char)(1 << material_random(&seed) % 8);
				break;
			case 1:
				xml.data[at] =
				    "<>/&'\" \xff"[material_random(&seed) % 8];
				break;
			case 2:
				memmove(xml.data + at, xml.data + at + 1,
				    xml.len - at - 1);
				xml.len--;
				break;
			default:
				xml.data[at] = (char)material_random(&seed);
				break;
			}
		}
		if ((rc = reading_read(&r, xml.data, xml.len)) != 1)
			continue;
		for (at = 0; at + 11 <= xml.len; at++)
			closes +=
			    memcmp(xml.data + at, "</feedback>", 11) == 0 ||
			    memcmp(xml.data + at, "</feedback", 10) == 0;
		assert_true(closes > 0);
		while (report_next(r.rr, &rec, &r.e) == 1)
			sum += rec.message_count > 0;
		assert_int_equal(r.e.kind, ERR_NONE);
		assert_true(r.g->record_count == 0 || sum >= 0);
	}
	buf_clear(&xml);
	reading_end(&r);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	xml_setup();
	UNIT_ROWS(&u, value_cases, value_row);
	UNIT_ONE(&u, every_policy_element);
	UNIT_ROWS(&u, whole_cases, whole_row);
	UNIT_ROWS(&u, bad_cases, bad_row);
	UNIT_ONE(&u, doubled_in_a_record);
	UNIT_ONE(&u, nothing_is_carried_over);
	UNIT_ONE(&u, text_limit_at_its_boundary);
	UNIT_ONE(&u, depth_limit_at_its_boundary);
	UNIT_ONE(&u, records_limit_at_its_boundary);
	UNIT_ONE(&u, record_too_large);
	UNIT_ONE(&u, many_errors);
	UNIT_ONE(&u, long_error_stays_utf8);
	UNIT_ONE(&u, cut_at_every_byte);
	UNIT_ONE(&u, reader_fails_at_every_byte);
	UNIT_ONE(&u, flipped_bytes);
	return unit_run("aggregate", &u);
}
