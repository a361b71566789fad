/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_report.c - records as they come out: normalised, and long reports cut
 * into UTC days. The shares are worked out here in another way: by sorting.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/intake.h"
#include "tests/unit/aggregate_xml.h"
#include "tests/unit/unit.h"

#define DAY 86400
#define MIDNIGHT INT64_C(1704067200) /* 2024-01-01 */
#define DAYS_MAX 4000

static const struct slice_case {
	const char *name;
	int64_t begin, end;
	int64_t count;
	size_t slices; /* 0: as worked out */
} slice_cases[] = {
	{ "a day to the second", MIDNIGHT, MIDNIGHT + DAY, 10, 1 },
	{ "a day over midnight", MIDNIGHT + 100, MIDNIGHT + DAY + 100, 10, 1 },
	{ "a second more than a day", MIDNIGHT, MIDNIGHT + DAY + 1, 86401, 2 },
	{ "a second more, few messages", MIDNIGHT, MIDNIGHT + DAY + 1, 10, 1 },
	{ "two days", MIDNIGHT, MIDNIGHT + 2 * DAY, 10, 2 },
	{ "two days, odd", MIDNIGHT, MIDNIGHT + 2 * DAY, 11, 2 },
	{ "two days, one message", MIDNIGHT, MIDNIGHT + 2 * DAY, 1, 1 },
	{ "no message", MIDNIGHT + 7, MIDNIGHT + 3 * DAY, 0, 1 },
	{ "no message in a day", MIDNIGHT, MIDNIGHT + DAY, 0, 1 },
	{ "noon to noon", MIDNIGHT + DAY / 2, MIDNIGHT + 3 * DAY / 2 + DAY, 7,
	    0 },
	{ "a week", MIDNIGHT + 3 * 3600, MIDNIGHT + 7 * DAY + 5, 1000, 0 },
	{ "a week, fewer than days", MIDNIGHT, MIDNIGHT + 7 * DAY, 3, 3 },
	{ "93 days", MIDNIGHT + 1, MIDNIGHT + 1 + 93 * DAY, 12345, 0 },
	{ "93 days, one message", MIDNIGHT, MIDNIGHT + 93 * DAY, 1, 1 },
	{ "as many as there can be", MIDNIGHT + 1, MIDNIGHT + 30 * DAY,
	    INT64_MAX, 0 },
	{ "before 1970", -5 * DAY - 5, -2 * DAY + 7, 100, 0 },
	{ "over 1970", -DAY - 5, DAY + 7, 100, 0 },
	{ "begin is the end", MIDNIGHT, MIDNIGHT, 5, 1 },
	{ "the end is before the begin", MIDNIGHT + 3 * DAY, MIDNIGHT, 5, 1 },
};

struct share {
	int64_t begin, end, count, rest;
	size_t order;
};

/* The largest remainder first, the earlier day among equals. */
static int
by_rest(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->rest != y->rest)
		return x->rest > y->rest ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int
by_order(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return x->order < y->order ? -1 : 1;
}

/* parsedmarc.md, 1.6: floor each, the rest to the largest fractions. */
static size_t
shares_of(const struct slice_case *c, struct share *s)
{
	int64_t span = c->end - c->begin, at, rest = c->count;
	size_t n = 0, i, kept = 0;

	if (span <= DAY) {
		s[0] = (struct share){ c->begin, c->end, c->count, 0, 0 };
		return 1;
	}
	for (at = c->begin; at < c->end; at = s[n++].end) {
		int64_t into = ((at % DAY) + DAY) % DAY;
		int64_t end =
		    at - into + DAY < c->end ? at - into + DAY : c->end;
		__int128 all = (__int128)c->count * (end - at);

		s[n] = (struct share){ at, end, (int64_t)(all / span),
			(int64_t)(all % span), n };
		rest -= s[n].count;
	}
	qsort(s, n, sizeof(*s), by_rest);
	for (i = 0; rest > 0; i++, rest--)
		s[i].count++;
	qsort(s, n, sizeof(*s), by_order);
	for (i = 0; i < n; i++)
		if (s[i].count > 0 || (c->count == 0 && i == 0))
			s[kept++] = s[i];
	return kept;
}

static void
check_slices(struct reading *r, const struct slice_case *c,
    const struct share *expected, size_t count,
    unsigned char ids[][REPORT_ID_BYTES])
{
	struct record rec;
	int64_t sum = 0;
	size_t i, j;

	for (i = 0; i < count; i++) {
		assert_int_equal(report_next(r->rr, &rec, &r->e), 1);
		assert_int_equal(rec.interval_begin, expected[i].begin);
		assert_int_equal(rec.interval_end, expected[i].end);
		assert_int_equal(rec.message_count, expected[i].count);
		assert_int_equal(rec.day,
		    (expected[i].begin + 100000 * (int64_t)DAY) / DAY - 100000);
		assert_string_equal(rec.source.ip_address, "192.0.2.1");
		assert_int_equal(rec.position, 0);
		sum += rec.message_count;
		memcpy(ids[i], rec.id, REPORT_ID_BYTES);
		for (j = 0; j < i; j++)
			assert_memory_not_equal(
			    ids[i], ids[j], REPORT_ID_BYTES);
	}
	assert_int_equal(report_next(r->rr, &rec, &r->e), 0);
	assert_int_equal(report_next(r->rr, &rec, &r->e), 0);
	assert_int_equal(sum, c->count);
}

static void
slice_row(void **state)
{
	static struct share expected[DAYS_MAX];
	static unsigned char first[DAYS_MAX][REPORT_ID_BYTES];
	static unsigned char again[DAYS_MAX][REPORT_ID_BYTES];
	const struct slice_case *c = *state;
	struct reading r;
	struct buf xml;
	size_t n;

	reading_start(&r);
	material_buf(&xml);
	add_format(&xml,
	    "<feedback>" META_START "<date_range><begin>%" PRId64 "</begin>"
	    "<end>%" PRId64 "</end></date_range></report_metadata>" POLICY
	    "<record><row><source_ip>192.0.2.1</source_ip><count>%" PRId64
	    "</count></row></record></feedback>",
	    c->begin, c->end, c->count);
	n = shares_of(c, expected);
	if (c->slices > 0)
		assert_int_equal(n, c->slices);
	if (reading_text(&r, xml.data) != 1) {
		/* a time before 1970 may be refused, but then for what it is */
		assert_true(c->begin < 0);
		assert_int_equal(r.e.kind, ERR_MALFORMED);
		goto out;
	}
	assert_int_equal(r.g->normalized_timespan, c->end - c->begin > DAY);
	check_slices(&r, c, expected, n, first);
	assert_int_equal(report_rewind(r.rr, &r.e), 0);
	check_slices(&r, c, expected, n, again);
	assert_memory_equal(first, again, n * REPORT_ID_BYTES);
out:
	buf_clear(&xml);
	reading_end(&r);
}

/* Reports at random, against the same calculation. */
static void
random_slices(void **state)
{
	static struct share expected[DAYS_MAX];
	static unsigned char ids[DAYS_MAX][REPORT_ID_BYTES];
	uint64_t seed = 99;
	struct reading r;
	struct buf xml;
	int i;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	for (i = 0; i < 300; i++) {
		struct slice_case c = { .name = "random" };

		c.begin = MIDNIGHT + material_random(&seed) % (30 * DAY);
		c.end = c.begin + material_random(&seed) % (40 * DAY);
		c.count = material_random(&seed) % (i % 3 == 0 ? 50 : 1000000);
		buf_reset(&xml);
		add_format(&xml,
		    "<feedback>" META_START "<date_range><begin>%" PRId64
		    "</begin><end>%" PRId64 "</end></date_range>"
		    "</report_metadata>" POLICY
		    "<record><row><source_ip>192.0.2.1</source_ip>"
		    "<count>%" PRId64 "</count></row></record></feedback>",
		    c.begin, c.end, c.count);
		assert_int_equal(reading_text(&r, xml.data), 1);
		check_slices(&r, &c, expected, shares_of(&c, expected), ids);
	}
	buf_clear(&xml);
	reading_end(&r);
}

/* In the middle of the slices of a record is a place to start over too. */
static void
rewind_inside(void **state)
{
	unsigned char id[REPORT_ID_BYTES];
	struct record rec;
	struct reading r;
	int i;

	(void)state;
	reading_start(&r);
	assert_int_equal(
	    reading_text(&r,
		"<feedback>" META_START
		"<date_range><begin>1704067200</begin><end>1704672000</end>"
		"</date_range></report_metadata>" POLICY RECORD_OF("192.0.2.1",
		    "70") RECORD_OF("192.0.2.2", "7") "</feedback>"),
	    1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	memcpy(id, rec.id, sizeof(id));
	for (i = 0; i < 9; i++)
		assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_string_equal(rec.source.ip_address, "192.0.2.2");
	assert_int_equal(report_rewind(r.rr, &r.e), 0);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_memory_equal(id, rec.id, sizeof(id));
	reading_end(&r);
}

#define RAW(row, identifiers, results) \
	"<record><row><source_ip>192.0.2.1</source_ip><count>1</count>" row \
	"</row>" identifiers results "</record>"

static const struct record_case {
	const char *name;
	const char *record;
	const char *disposition, *policy_dkim, *policy_spf;
	const char *header_from, *envelope_from, *envelope_to;
	bool dkim_aligned, spf_aligned, passed_dmarc;
	size_t overrides, dkim, spf;
} record_cases[] = {
	{ "all there", RECORD, "none", "pass", "fail", "example.org",
	    "mail.example.org", NULL, true, false, true, 0, 1, 1 },
	{ "next to nothing", RAW("", "", ""), "none", "fail", "fail", "", NULL,
	    NULL, false, false, false, 0, 0, 0 },
	{ "empty elements",
	    RAW("<policy_evaluated><disposition/><dkim/><spf/><reason/>"
		"</policy_evaluated>",
		"<identifiers><header_from/><envelope_from/><envelope_to/>"
		"</identifiers>",
		"<auth_results/>"),
	    "none", "fail", "fail", "", NULL, NULL, false, false, false, 1, 0,
	    0 },
	{ "upper case",
	    RAW("<policy_evaluated><disposition>Quarantine</disposition>"
		"<dkim>PASS</dkim><spf>Pass</spf></policy_evaluated>",
		"<identifiers><header_from>EXAMPLE.Org</header_from>"
		"<envelope_from>Bounce.Example.ORG</envelope_from>"
		"<envelope_to>Example.COM</envelope_to></identifiers>",
		""),
	    "quarantine", "pass", "pass", "example.org", "Bounce.Example.ORG",
	    "Example.COM", true, true, true, 0, 0, 0 },
	{ "disposition of RFC 9990",
	    RAW("<policy_evaluated><disposition>pass</disposition>"
		"</policy_evaluated>",
		"", ""),
	    "pass", "fail", "fail", "", NULL, NULL, false, false, false, 0, 0,
	    0 },
	{ "results do not align anything",
	    RAW("<policy_evaluated><dkim>fail</dkim><spf>fail</spf>"
		"</policy_evaluated>",
		FROM, AUTH),
	    "none", "fail", "fail", "example.org", "mail.example.org", NULL,
	    false, false, false, 0, 1, 1 },
	{ "identities of the old draft",
	    RAW("",
		"<identities><header_from>a.example</header_from>"
		"</identities>",
		""),
	    "none", "fail", "fail", "a.example", NULL, NULL, false, false,
	    false, 0, 0, 0 },
	{ "results without a domain",
	    RAW("", "",
		"<auth_results><dkim><result>pass</result></dkim><dkim>"
		"<domain>d</domain></dkim><dkim/><spf/><spf><domain>S.Example"
		"</domain></spf></auth_results>"),
	    "none", "fail", "fail", "", "s.example", NULL, false, false, false,
	    0, 1, 1 },
	{ "the last result has no domain",
	    RAW("", "",
		"<auth_results><spf><domain>s.example</domain></spf><spf/>"
		"</auth_results>"),
	    "none", "fail", "fail", "", NULL, NULL, false, false, false, 0, 0,
	    1 },
	{ "text where elements are due",
	    RAW("<policy_evaluated><reason>forwarded</reason>"
		"</policy_evaluated>",
		"<identifiers>x</identifiers>",
		"<auth_results>y</auth_results>"),
	    "none", "fail", "fail", "", NULL, NULL, false, false, false, 1, 0,
	    0 },
	{ "elements of other places",
	    RAW("<disposition>reject</disposition><dkim>pass</dkim>"
		"<org_name>x</org_name>",
		"<header_from>b</header_from><source_ip>::1</source_ip>",
		"<auth_results><result>x</result></auth_results>"),
	    "none", "fail", "fail", "", NULL, NULL, false, false, false, 0, 0,
	    0 },
};

static void
check_text(const char *value, const char *expected)
{
	if (expected == NULL)
		assert_null(value);
	else
		assert_string_equal(value, expected);
}

static void
record_row(void **state)
{
	const struct record_case *c = *state;
	struct record rec;
	struct reading r;
	struct buf xml;

	reading_start(&r);
	material_buf(&xml);
	add_format(
	    &xml, "<feedback>%s%s%s</feedback>", META, POLICY, c->record);
	assert_int_equal(reading_text(&r, xml.data), 1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	check_text(rec.source.ip_address, "192.0.2.1");
	check_text(rec.disposition, c->disposition);
	check_text(rec.policy_dkim, c->policy_dkim);
	check_text(rec.policy_spf, c->policy_spf);
	check_text(rec.header_from, c->header_from);
	check_text(rec.envelope_from, c->envelope_from);
	check_text(rec.envelope_to, c->envelope_to);
	assert_int_equal(rec.dkim_aligned, c->dkim_aligned);
	assert_int_equal(rec.spf_aligned, c->spf_aligned);
	assert_int_equal(rec.passed_dmarc, c->passed_dmarc);
	assert_int_equal(rec.override_count, c->overrides);
	assert_int_equal(rec.dkim_count, c->dkim);
	assert_int_equal(rec.spf_count, c->spf);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 0);
	buf_clear(&xml);
	reading_end(&r);
}

static void
lists_in_order(void **state)
{
	struct record rec;
	struct reading r;

	(void)state;
	reading_start(&r);
	assert_int_equal(
	    reading_text(
		&r, "<feedback>" META POLICY RAW(
			"<policy_evaluated><reason><type>forwarded</type>"
			"<comment>one</comment></reason><reason><comment>two</"
			"comment>"
			"<type>Other</type></reason></policy_evaluated>",
			FROM,
			"<auth_results><spf><domain>A.example</"
			"domain><scope>helo"
			"</scope><result>SoftFail</result><human_result>H"
			"</human_result></spf>"
			"<dkim><domain>B.example</domain><selector>S</selector>"
			"<result>Pass</result><human_result>I</human_result></"
			"dkim>"
			"<dkim><domain>c.example</domain></dkim></"
			"auth_results>") "</feedback>"),
	    1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_int_equal(rec.override_count, 2);
	check_text(rec.overrides[0].type, "forwarded");
	check_text(rec.overrides[0].comment, "one");
	check_text(rec.overrides[1].type, "Other");
	check_text(rec.overrides[1].comment, "two");
	assert_int_equal(rec.spf_count, 1);
	check_text(rec.spf_results[0].domain, "A.example");
	check_text(rec.spf_results[0].scope, "helo");
	check_text(rec.spf_results[0].result, "softfail");
	check_text(rec.spf_results[0].human_result, "H");
	assert_int_equal(rec.dkim_count, 2);
	check_text(rec.dkim_results[0].domain, "B.example");
	check_text(rec.dkim_results[0].selector, "S");
	check_text(rec.dkim_results[0].result, "pass");
	check_text(rec.dkim_results[0].human_result, "I");
	check_text(rec.dkim_results[1].selector, "none");
	check_text(rec.dkim_results[1].result, "none");
	check_text(rec.envelope_from, "a.example");
	reading_end(&r);
}

/* A copy stays when the reader has gone on and is closed. */
static void
copies_stay(void **state)
{
	struct arena *a = arena_new();
	struct record rec, *copy;
	struct reading r;

	(void)state;
	reading_start(&r);
	assert_int_equal(
	    reading_text(&r, "<feedback>" META POLICY RECORD RECORD_OF(
				 "192.0.2.9", "8") "</feedback>"),
	    1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	copy = record_copy(a, &rec);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	reading_end(&r);
	check_text(copy->source.ip_address, "192.0.2.1");
	assert_int_equal(copy->message_count, 7);
	check_text(copy->dkim_results[0].selector, "s1");
	check_text(copy->spf_results[0].domain, "mail.example.org");
	check_text(copy->envelope_from, "mail.example.org");
	arena_free(&a);
}

/* The same report from another mail, at another time, has the same ids. */
static void
ids_do_not_know_the_mail(void **state)
{
	const struct intake one = intake_full("lmtp", 5);
	static const struct intake two = {
		.transport = "imap", .received = 9, .envelope_from = ""
	};
	unsigned char id[REPORT_ID_BYTES];
	struct record rec;
	struct reading r;

	(void)state;
	reading_start(&r);
	assert_int_equal(reading_text(&r, REPORT), 1);
	report_set_intake(r.rr, &one);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	memcpy(id, rec.id, sizeof(id));
	/* and white space, comments, CDATA and entities change nothing */
	assert_int_equal(
	    reading_text(&r,
		"<?xml version='1.0'?>\n<feedback>\n" META "<!-- x -->" POLICY
		"<record>" ROW("<![CDATA[192.0.2.]]>1\n",
		    " 7 ") "<identifiers><header_from>example&#46;org</"
			   "header_from>"
			   "</identifiers>" AUTH "</record></feedback>\n"),
	    1);
	report_set_intake(r.rr, &two);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_memory_equal(id, rec.id, sizeof(id));
	/* another count is another record */
	assert_int_equal(reading_text(&r, "<feedback>" META POLICY RECORD_OF(
					      "192.0.2.1", "8") "</feedback>"),
	    1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_memory_not_equal(id, rec.id, sizeof(id));
	reading_end(&r);
}

static void
records_come_without_ids_where_they_are_omitted(void **state)
{
	static const unsigned char none[REPORT_ID_BYTES];
	struct record rec;
	struct reading r;

	(void)state;
	reading_start(&r);
	assert_int_equal(reading_text(&r, REPORT), 1);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_memory_not_equal(rec.id, none, sizeof(none));
	assert_int_equal(reading_text(&r, REPORT), 1);
	report_omit_ids(r.rr);
	assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
	assert_memory_equal(rec.id, none, sizeof(none));
	assert_int_equal(rec.message_count, 7);
	reading_end(&r);
}

static void
spool_that_fails(void **state)
{
	struct record rec;
	struct reading r;
	struct buf xml;
	int i, rc;

	(void)state;
	reading_start(&r);
	material_buf(&xml);
	add_text(&xml, "<feedback>" META POLICY);
	for (i = 0; i < 3000; i++)
		add_text(&xml, RECORD);
	add_text(&xml, "</feedback>");
	r.limits.spool_memory = 100;
	spill_pool_free(&r.pool);
	r.pool = spill_pool_new("/tmp", 100000);
	rc = reading_read(&r, xml.data, xml.len);
	assert_int_equal(rc, -1);
	assert_int_equal(r.e.kind, ERR_FULL);
	assert_int_equal(spill_pool_used(r.pool), 0);
	spill_pool_free(&r.pool);
	r.pool = spill_pool_new("/tmp", 64 * MIB);
	assert_int_equal(reading_read(&r, xml.data, xml.len), 1);
	for (i = 0; i < 3000; i++) {
		assert_int_equal(report_next(r.rr, &rec, &r.e), 1);
		assert_int_equal(rec.position, i);
	}
	assert_int_equal(report_next(r.rr, &rec, &r.e), 0);
	buf_clear(&xml);
	reading_end(&r);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	xml_setup();
	UNIT_ROWS(&u, slice_cases, slice_row);
	UNIT_ONE(&u, random_slices);
	UNIT_ONE(&u, rewind_inside);
	UNIT_ROWS(&u, record_cases, record_row);
	UNIT_ONE(&u, lists_in_order);
	UNIT_ONE(&u, copies_stay);
	UNIT_ONE(&u, ids_do_not_know_the_mail);
	UNIT_ONE(&u, records_come_without_ids_where_they_are_omitted);
	UNIT_ONE(&u, spool_that_fails);
	return unit_run("report", &u);
}
