/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_quirks.c - what reporters do that no specification has: each quirk by
 * its number in the list of those that parsedmarc tolerates, and ("1.4") what
 * it loses. Q1 to Q25 are about what is in a report; Q26 to Q29 are in
 * test_quirks_mail.c, Q30 to Q39 are about failure and TLS reports.
 */
#include "tests/unit/quirk.h"
#include "tests/unit/unit.h"

#define BODY META POLICY RECORD
#define OF_META(more) \
	"<feedback>" META_START more "<date_range>" RANGE \
	"</date_range></report_metadata>" POLICY RECORD "</feedback>"
#define OF_POLICY(policy) \
	"<feedback>" META "<policy_published>" policy \
	"</policy_published>" RECORD "</feedback>"
#define OF_RECORD(row, ids, auth) \
	"<feedback>" META POLICY "<record><row><source_ip>192.0.2.1" \
	"</source_ip><count>7</count>" row "</row>" ids auth \
	"</record></feedback>"
#define EVALUATED(inside) "<policy_evaluated>" inside "</policy_evaluated>"
#define WITH_RANGE(begin, end) \
	"<feedback>" META_START "<date_range><begin>" begin \
	"</begin><end>" end \
	"</end></date_range></report_metadata>" POLICY RECORD "</feedback>"
#define ORG(org, email) \
	"<feedback><report_metadata><org_name>" org "</org_name><email>" email \
	"</email><report_id>r</report_id><date_range>" RANGE \
	"</date_range></report_metadata>" POLICY RECORD "</feedback>"
#define COUNT(n) \
	"<feedback>" META POLICY RECORD_OF("192.0.2.1", n) "</feedback>"

/*
 * documents: how many come out. has and has2 are in them, has_not is not;
 * any may be NULL. why: what is said of the mail, NULL when it is stored.
 */
static const struct quirk_case {
	const char *name;
	const char *xml;
	size_t documents;
	const char *has, *has2, *has_not;
	const char *why;
} xml_cases[] = {
	{ "Q1 bytes that are not UTF-8",
	    OF_META("<extra_contact_info>a\xff\xe4o</extra_contact_info>"), 1,
	    "\"org_extra_contact_info\":\"ao\"",
	    "2 bytes that are not UTF-8 dropped", NULL, NULL },
	{ "Q1 half a character at the end of a value",
	    OF_META("<extra_contact_info>a\xe2\x82</extra_contact_info>"), 1,
	    "\"org_extra_contact_info\":\"a\"", "dropped", NULL, NULL },
	{ "Q2 a bare ampersand",
	    OF_META("<extra_contact_info>R & D</extra_contact_info>"), 1,
	    "\"org_extra_contact_info\":\"R", "Invalid XML", NULL, NULL },
	{ "Q2 an address in angle brackets",
	    OF_META("<extra_contact_info>x <a@b.example>"
		    "</extra_contact_info>"),
	    1, "Invalid XML", NULL, NULL, NULL },
	{ "Q2 an end tag without a start: nobody knows what it ends",
	    OF_META("</extra_contact_info>"), 0, NULL, NULL, NULL,
	    "cut short" },
	{ "Q2 a control character",
	    OF_META("<extra_contact_info>a\001b</extra_contact_info>"), 1,
	    "Invalid XML", NULL, NULL, NULL },
	{ "Q3 declaration with the wrong encoding",
	    "<?xml version=\"1.0\" encoding=\"utf-16\"?>" REPORT, 1, NULL, NULL,
	    "errors", NULL },
	{ "Q3 declaration with a wrong attribute",
	    "<?xml version=\"1.0\" charset=\"utf-8\" ?>" REPORT, 1,
	    "Invalid XML", NULL, NULL, NULL },
	{ "Q3 declaration with a wrong version", "<?xml version=\"x\"?>" REPORT,
	    1, NULL, NULL, NULL, NULL },
	{ "Q3 declaration without a quote", "<?xml version=\"1.0?>" REPORT, 1,
	    "Invalid XML", NULL, NULL, NULL },
	{ "Q3 two declarations",
	    "<?xml version=\"1.0\"?><?xml version=\"1.0\"?>" REPORT, 1,
	    "Invalid XML", NULL, NULL, NULL },
	{ "Q4 a stray schema start",
	    "<?xml version=\"1.0\"?><xs:schema xmlns:xs=\"http://www.w3.org/"
	    "2001/XMLSchema\">" REPORT,
	    1, NULL, NULL, NULL, NULL },
	{ "Q4 a stray schema end: nobody knows what it ends",
	    "<feedback>" BODY "</xs:schema></feedback>", 0, NULL, NULL, NULL,
	    "cut short" },
	{ "Q4 a schema around the report", "<xs:schema>" REPORT "</xs:schema>",
	    1, NULL, NULL, NULL, NULL },
	{ "Q4 a schema inside of the report",
	    "<feedback><xs:schema xmlns:xs=\"x\">" BODY
	    "</xs:schema></feedback>",
	    0, NULL, NULL, NULL, "org_name" },
	{ "Q5 a default namespace",
	    "<feedback xmlns=\"http://dmarc.org/dmarc-xml/0.1\">" BODY
	    "</feedback>",
	    1, "\"xml_namespace\":\"http://dmarc.org/dmarc-xml/0.1\"", NULL,
	    "extensions", NULL },
	{ "Q5 other people's namespaces",
	    "<feedback xmlns:xsd=\"urn:xsd\" xmlns:xsi=\"urn:xsi\">" BODY
	    "</feedback>",
	    1, "\"xml_namespace\":\"urn:xsd\"", NULL, "extensions", NULL },
	{ "Q5 a prefixed root",
	    "<d:feedback xmlns:d=\"urn:d\">" BODY "</d:feedback>", 1,
	    "\"xml_namespace\":\"urn:d\"",
	    "\"source_ip_address\":\"192.0.2.1\"", NULL, NULL },
	{ "Q5 a prefix that is not declared",
	    "<d:feedback>" BODY "</d:feedback>", 1, NULL, NULL, NULL, NULL },
	{ "Q6 DOCTYPE", "<!DOCTYPE feedback>" REPORT, 0, NULL, NULL, NULL,
	    "DOCTYPE" },
	{ "Q6 DOCTYPE in broken XML", "<?xml a?><!DOCTYPE feedback [" REPORT, 0,
	    NULL, NULL, NULL, "DOCTYPE" },
	{ "Q7 comments",
	    "<!-- a --><feedback><!-- b -->" BODY "<!-- c --></feedback>"
	    "<!-- d -->",
	    1, NULL, NULL, "errors", NULL },
	{ "Q7 garbage behind the end", REPORT "\r\n-- \r\nsent by hand", 1,
	    "Invalid XML", NULL, NULL, NULL },
	{ "Q8 values with a language",
	    OF_META("<extra_contact_info lang=\"en\">x</extra_contact_info>"
		    "<error lang=\"en\">y</error><generator lang=\"en\">z"
		    "</generator>"),
	    1, "\"org_extra_contact_info\":\"x\"", "\"generator\":\"z\"", NULL,
	    NULL },
	{ "Q8 comment and human_result with a language",
	    OF_RECORD(EVALUATED("<reason><type>other</type>"
				"<comment lang=\"de\">c</comment></reason>"),
		"",
		"<auth_results><dkim><domain>a.example</domain>"
		"<human_result lang=\"de\">h</human_result></dkim>"
		"</auth_results>"),
	    1, "\"comment\":\"c\"", "\"human_result\":\"h\"", NULL, NULL },
	{ "Q9 empty org_name", ORG("", "a@b.example"), 1,
	    "\"org_name\":\"b.example\"", NULL, NULL, NULL },
	{ "Q9 neither org_name nor email", ORG("", ""), 0, NULL, NULL, NULL,
	    "org_name" },
	{ "Q10 org_name is a host", ORG("mail.google.com", "a@b.example"), 1,
	    "\"org_name\":\"google.com\"", NULL, NULL, NULL },
	{ "Q10 org_name has spaces", ORG("Mail Google.com", "a@b.example"), 1,
	    "\"org_name\":\"Mail Google.com\"", NULL, NULL, NULL },
	{ "Q11 report_id is a message id",
	    "<feedback><report_metadata><org_name>o o</org_name><email>e"
	    "</email><report_id>&lt;1.2@h.example&gt;</"
	    "report_id><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY RECORD "</feedback>",
	    1, "\"report_id\":\"1.2\"", NULL, NULL, NULL },
	{ "Q12 times with fractions",
	    WITH_RANGE("1704067200.0", "1704153599.999"), 1,
	    "\"date_begin\":\"2024-01-01T00:00:00+00:00\"", NULL, "errors",
	    NULL },
	{ "Q13 begin is the end", WITH_RANGE("1704067200", "1704067200"), 1,
	    NULL, NULL, NULL, NULL },
	{ "Q13 begin is behind the end", WITH_RANGE("1704067200", "1704060000"),
	    1, "\"message_count\":7", NULL, NULL, NULL },
	{ "Q13 milliseconds", WITH_RANGE("1704067200000", "1704153599000"), 0,
	    NULL, NULL, NULL, "begin" },
	{ "Q13 a date", WITH_RANGE("2024-01-01", "2024-01-02"), 0, NULL, NULL,
	    NULL, "begin" },
	{ "Q14 more than a day", WITH_RANGE("1704067200", "1704240000"), 2,
	    "\"message_count\":4", "\"message_count\":3", NULL, NULL },
	{ "Q14 a day to the second", WITH_RANGE("1704067200", "1704153600"), 1,
	    "\"normalized_timespan\":false", NULL, NULL, NULL },
	{ "Q14 no message in three days",
	    "<feedback>" META_START "<date_range><begin>1704067200</begin><end>"
	    "1704326400</end></date_range></report_metadata>" POLICY RECORD_OF(
		"192.0.2.1", "0") "</feedback>",
	    1, "\"message_count\":0", NULL, NULL, NULL },
	{ "Q14 from 1970 to 2038", WITH_RANGE("0", "2147483648"), 0, NULL, NULL,
	    NULL, "longer than 93 days" },
	{ "Q15 a policy of next to nothing",
	    OF_POLICY("<domain>a.example</domain><p>reject</p>"), 1,
	    "\"adkim\":\"r\",\"aspf\":\"r\",\"p\":\"reject\",\"sp\":\"reject\"",
	    NULL, "\"pct\"", NULL },
	{ "Q15 values that nobody knows",
	    OF_POLICY("<domain>a.example</domain><p>none</p><np>x</np>"
		      "<testing>maybe</testing><discovery_method>dice"
		      "</discovery_method>"),
	    1, "\"testing\":\"maybe\"", "\"discovery_method\":\"dice\"", NULL,
	    NULL },
	{ "Q16 two policies",
	    "<feedback>" META POLICY "<policy_published><domain>z.example"
	    "</domain></policy_published>" RECORD "</feedback>",
	    1, "\"domain\":\"example.org\"", NULL, "z.example", NULL },
	{ "Q17 one record, one result of each", REPORT, 1,
	    "\"dkim_results\":[{", "\"spf_results\":[{", NULL, NULL },
	{ "Q18 a bad record among good ones",
	    "<feedback>" META POLICY RECORD RECORD_OF("", "1")
		RECORD_OF("192.0.2.2", "x") RECORD "</feedback>",
	    2, "record 1: no source_ip", "record 2: count is no number", NULL,
	    "2 records" },
	{ "Q19 identities",
	    OF_RECORD("",
		"<identities><header_from>i.example</header_from>"
		"<envelope_to>t.example</envelope_to></identities>",
		""),
	    1, "\"header_from\":\"i.example\"", "\"envelope_to\":\"t.example\"",
	    NULL, NULL },
	{ "Q20 empty auth_results", OF_RECORD("", FROM, "<auth_results/>"), 1,
	    "\"message_count\":7", NULL, "dkim_results", NULL },
	{ "Q20 no auth_results", OF_RECORD("", FROM, ""), 1, NULL, NULL,
	    "spf_results", NULL },
	{ "Q20 results without a domain",
	    OF_RECORD("", FROM,
		"<auth_results><dkim><result>pass</result></dkim><spf>"
		"<domain/></spf></auth_results>"),
	    1, NULL, NULL, "_results", NULL },
	{ "Q20 results of nothing but a domain",
	    OF_RECORD("", FROM,
		"<auth_results><dkim><domain>a.example</domain></dkim><spf>"
		"<domain>b.example</domain></spf></auth_results>"),
	    1, "\"none / a.example / none\"", "\"mfrom / b.example / none\"",
	    NULL, NULL },
	{ "Q21 envelope_from out of the last SPF result",
	    OF_RECORD("", FROM,
		"<auth_results><spf><domain>a.example</domain></spf><spf>"
		"<domain>B.Example</domain></spf></auth_results>"),
	    1, "\"envelope_from\":\"b.example\"", NULL, NULL, NULL },
	{ "Q21 header_from in capitals",
	    OF_RECORD("",
		"<identifiers><header_from>A.EXAMPLE</"
		"header_from><envelope_from"
		">E.Example</envelope_from></identifiers>",
		""),
	    1, "\"header_from\":\"a.example\"",
	    "\"envelope_from\":\"E.Example\"", NULL, NULL },
	{ "Q21 header_from of elements",
	    OF_RECORD("",
		"<identifiers><header_from><a>x</a></header_from></"
		"identifiers>",
		""),
	    1, "\"header_from\":\"\"", "garbled", NULL, NULL },
	{ "Q22 results in mixed case",
	    OF_RECORD(EVALUATED("<disposition>None</disposition><dkim>PASS"
				"</dkim><spf>Fail</spf>"),
		FROM,
		"<auth_results><spf><domain>a.example</domain><result>SoftFail"
		"</result></spf></auth_results>"),
	    1, "\"disposition\":\"none\",\"dkim_aligned\":true",
	    "\"result\":\"softfail\"", NULL, NULL },
	{ "Q23 an empty reason",
	    OF_RECORD(
		EVALUATED("<reason><type/><comment/></reason>"), FROM, ""),
	    1, "\"message_count\":7", NULL, "policy_overrides", NULL },
	{ "Q23 many reasons",
	    OF_RECORD(EVALUATED("<reason><type>other</type></reason><reason>"
				"<comment>c</comment></reason>"),
		FROM, ""),
	    1, "[{\"type\":\"other\"},{\"comment\":\"c\"}]", NULL, NULL, NULL },
	{ "Q23 a reason that is text",
	    OF_RECORD(EVALUATED("<reason> arc=pass </reason>"), FROM, ""), 1,
	    "\"policy_overrides\":[{\"comment\":\"arc=pass\"}]", NULL, NULL,
	    NULL },
	{ "Q24 old override types and no selector in RFC 9990",
	    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">" META POLICY
	    "<record><row><source_ip>192.0.2.1</source_ip><count>7</"
	    "count>" EVALUATED("<reason><type>sampled_out</type></"
			       "reason>") "</row>" FROM "<auth_results><dkim><"
					  "domain>a.example</"
					  "domain></dkim>"
					  "</auth_results></"
					  "record></feedback>",
	    1, "\"type\":\"sampled_out\"", "\"selector\":\"none\"", "errors",
	    NULL },
	{ "Q25 several errors",
	    OF_META("<error>one</error><error>two</error>"
		    "<extra_contact_info>a & b</extra_contact_info>"),
	    1, "\"errors\":[\"one\",\"two\",\"Invalid XML", NULL, NULL, NULL },

	{ "1.4 white space and a byte order mark in front",
	    "\xef\xbb\xbf\r\n  " REPORT, 1, NULL, NULL, "errors", NULL },
	{ "1.4 empty lines before the declaration",
	    "\n\n<?xml version=\"1.0\"?>" REPORT, 1, NULL, NULL, "errors",
	    NULL },
	{ "1.4 no record", "<feedback>" META POLICY "</feedback>", 0, NULL,
	    NULL, NULL, NULL },
	{ "1.4 count with a comma", COUNT("1,234"), 1, "\"message_count\":1234",
	    "record 0: count 1,234 read as 1234", NULL, NULL },
	{ "1.4 count with two commas", COUNT("12,345,678"), 1,
	    "\"message_count\":12345678", NULL, NULL, NULL },
	{ "1.4 count with a comma in a wrong place", COUNT("12,34"), 0, NULL,
	    NULL, NULL, "1 records" },
	{ "1.4 count with space", COUNT(" 12\n"), 1, "\"message_count\":12",
	    NULL, "errors", NULL },
	{ "1.4 count with a fraction of nothing", COUNT("12.0"), 1,
	    "\"message_count\":12", "count 12.0 read as 12", NULL, NULL },
	{ "1.4 count with a fraction", COUNT("12.5"), 0, NULL, NULL, NULL,
	    "1 records" },
	{ "1.4 empty count", COUNT(""), 0, NULL, NULL, NULL, "1 records" },
	{ "1.4 count 0", COUNT("0"), 1, "\"message_count\":0", NULL, NULL,
	    NULL },
	{ "1.4 no email",
	    "<feedback><report_metadata><org_name>o o</org_name><report_id>r"
	    "</report_id><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY RECORD "</feedback>",
	    1, "no email in report_metadata", NULL, "org_email", NULL },
	{ "1.4 no report_id",
	    "<feedback><report_metadata><org_name>o o</org_name><email>e"
	    "</email><date_range>" RANGE
	    "</date_range></report_metadata>" POLICY RECORD "</feedback>",
	    1, "no report_id in report_metadata", NULL, "\"report_id\"", NULL },
	{ "1.4 no p", OF_POLICY("<domain>a.example</domain>"), 1,
	    "no p in policy_published", NULL, "\"p\"", NULL },
	{ "1.4 no policy_published", "<feedback>" META RECORD "</feedback>", 1,
	    "no domain in policy_published", NULL, NULL, NULL },

	{ "RFC 9990 all that is new",
	    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">"
	    "<version>1.0</version>" META_START
	    "<generator>g 1</generator><date_range>" RANGE
	    "</date_range></report_metadata><policy_published><domain>a.example"
	    "</domain><p>none</p><np>reject</np><testing>y</testing>"
	    "<discovery_method>treewalk</discovery_method></policy_published>"
	    "<record><row><source_ip>192.0.2.1</source_ip><count>7</"
	    "count>" EVALUATED(
		"<disposition>pass</disposition>") "</row>" FROM
						   "</record></feedback>",
	    1, "\"disposition\":\"pass\"", "\"generator\":\"g 1\"", "\"pct\"",
	    NULL },
	{ "RFC 9990 extensions of a record",
	    "<feedback xmlns=\"urn:a\" xmlns:x=\"urn:x\">" META POLICY
	    "<record><row><source_ip>192.0.2.1</source_ip><count>7</count>"
	    "</row>" FROM "<x:arc><x:seal> pass </x:seal></x:arc></record>"
	    "</feedback>",
	    1,
	    "\"extensions\":[{\"path\":\"record/arc/seal\","
	    "\"text\":\"pass\"}]",
	    NULL, NULL, NULL },
	{ "RFC 9990 extensions of the report and of its policy",
	    "<feedback>" META "<policy_published><domain>a.example</domain>"
	    "<p>none</p><x:n "
	    "xmlns:x=\"urn:x\">1</x:n></policy_published>" RECORD
	    "<extension><tool>t</tool></extension></feedback>",
	    1, "{\"path\":\"policy_published/n\",\"text\":\"1\"}",
	    "{\"path\":\"feedback/extension/tool\",\"text\":\"t\"}", NULL,
	    NULL },
	{ "an element of nobody's is no extension",
	    "<feedback>" META POLICY "<record><row><source_ip>192.0.2.1"
	    "</source_ip><count>7</count></row>" FROM "<note>x</note></record>"
	    "</feedback>",
	    1, NULL, NULL, "extensions", NULL },
};

static void
check(struct quirk_world *w, const struct quirk_case *c)
{
	if (w->o.reports == 0 && c->why == NULL)
		print_error("%s\n", w->o.why.text);
	assert_int_equal(quirk_documents(w), c->documents);
	if (c->has != NULL && strstr(w->text, c->has) == NULL)
		fail_msg("no %s in %s", c->has, w->text);
	if (c->has2 != NULL && strstr(w->text, c->has2) == NULL)
		fail_msg("no %s in %s", c->has2, w->text);
	if (c->has_not != NULL && strstr(w->text, c->has_not) != NULL)
		fail_msg("%s in %s", c->has_not, w->text);
	if (c->why != NULL && strstr(w->o.why.text, c->why) == NULL)
		fail_msg("no %s in %s", c->why, w->o.why.text);
	if (c->why == NULL) {
		assert_int_equal(w->o.verdict, VERDICT_STORED);
		assert_int_equal(w->o.reports, 1);
	}
}

static void
xml_row(void **state)
{
	const struct quirk_case *c = *state;
	struct quirk_world w;

	quirk_open(&w);
	quirk_take(&w, c->xml, strlen(c->xml));
	check(&w, c);
	quirk_close(&w);
}

int
main(void)
{
	struct unit u = { 0 };

	UNIT_ROWS(&u, xml_cases, xml_row);
	return unit_run("quirks", &u);
}
