/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_document.c - the JSON shapes, by hand-made reports and records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/report/document.h"
#include "tests/unit/intake.h"

static const char *const two_errors[] = { "one", "two \"quoted\"" };

static const struct policy_override overrides[] = {
	{ "forwarded", "known list" },
	{ NULL, NULL },
	{ "other", NULL },
};

static const struct dkim_result dkim[] = {
	{ "d.example", "s1", "pass", "good signature" },
	{ "e.example", "none", "fail", NULL },
};

static const struct spf_result spf[] = {
	{ "f.example", "mfrom", "softfail", NULL },
};

static const struct extension of_report[] = {
	{ "feedback/extension/tool", "\"t\"" },
	{ "policy_published/n", "1" },
};

static const struct extension of_record[] = {
	{ "record/extension/arc/seal", "pass" },
};

static struct report
smallest(void)
{
	return (struct report){
		.kind = REPORT_AGGREGATE,
		.intake = { .transport = "file" },
		.aggregate = { .xml_schema = "draft",
		    .org_name = "r.example",
		    .report_id = "7",
		    .begin = 1700000000,
		    .end = 1700086399,
		    .policy = { .domain = "d.example", .p = "none" } },
	};
}

static struct record
small_record(void)
{
	return (struct record){
		.interval_begin = 1700000000,
		.interval_end = 1700086399,
		.day = 19675,
		.source = { .ip_address = "203.0.113.1" },
		.message_count = 3,
		.disposition = "none",
		.policy_dkim = "fail",
		.policy_spf = "fail",
		.header_from = "d.example",
	};
}

static struct report
fullest(void)
{
	return (struct report){
		.kind = REPORT_AGGREGATE,
		.intake = intake_full("lmtp", 1700100000),
		.aggregate = { .xml_schema = "2.0",
		    .xml_namespace = "urn:x",
		    .org_name = "R",
		    .org_email = "p@r.example",
		    .org_extra_contact_info = "https://r.example",
		    .report_id = "7",
		    .generator = "g 1",
		    .begin = 1700000000,
		    .end = 1700259200,
		    .normalized_timespan = true,
		    .policy = { "d.example", "s", "r", "reject", "none", "50",
			"1", "none", "n", "treewalk" },
		    .errors = (const char **)two_errors,
		    .error_count = 2,
		    .extensions = of_report,
		    .extension_count = 2 },
	};
}

static struct record
full_record(void)
{
	return (struct record){
		.position = 41,
		.interval_begin = 1700006400,
		.interval_end = 1700092800,
		.day = 19676,
		.source = { "203.0.113.1", "DE", "m.d.example", "d.example",
		    "D", "ISP", "AS D", "as.example", 64500 },
		.message_count = 9007199254740993,
		.disposition = "none",
		.policy_dkim = "pass",
		.policy_spf = "fail",
		.dkim_aligned = true,
		.passed_dmarc = true,
		.overrides = overrides,
		.override_count = 3,
		.header_from = "d.example",
		.envelope_from = "e.example",
		.envelope_to = "t.example",
		.dkim_results = dkim,
		.dkim_count = 2,
		.spf_results = spf,
		.spf_count = 1,
		.extensions = of_record,
		.extension_count = 1,
		.category = "aligned",
	};
}

static void
assert_document(
    const struct report *r, const struct record *rec, const char *expected)
{
	struct document d;
	struct buf out;
	struct err e = { 0 };

	buf_init(&out, 65536);
	document_init(&d, r);
	assert_int_equal(document_write(&d, rec, &out, &e), 0);
	assert_string_equal(out.data, expected);
	document_clear(&d);
	buf_clear(&out);
}

static void
what_is_not_known_is_left_out(void **state)
{
	struct report r = smallest();
	struct record rec = small_record();

	(void)state;
	assert_document(&r, &rec,
	    "{\"xml_schema\":\"draft\",\"org_name\":\"r.example\","
	    "\"report_id\":\"7\","
	    "\"date_range\":[\"2023-11-14T22:13:20+00:00\","
	    "\"2023-11-15T22:13:19+00:00\"],"
	    "\"date_begin\":\"2023-11-14T22:13:20+00:00\","
	    "\"date_end\":\"2023-11-15T22:13:19+00:00\","
	    "\"normalized_timespan\":false,"
	    "\"published_policy\":{\"domain\":\"d.example\",\"p\":\"none\"},"
	    "\"source_ip_address\":\"203.0.113.1\",\"message_count\":3,"
	    "\"disposition\":\"none\",\"dkim_aligned\":false,"
	    "\"spf_aligned\":false,\"passed_dmarc\":false,"
	    "\"header_from\":\"d.example\","
	    "\"intake\":{\"transport\":\"file\",\"position\":0}}");
}

static void
every_field_has_its_place_and_type(void **state)
{
	struct report r = fullest();
	struct record rec = full_record();

	(void)state;
	assert_document(&r, &rec,
	    "{\"xml_schema\":\"2.0\",\"xml_namespace\":\"urn:x\","
	    "\"org_name\":\"R\",\"org_email\":\"p@r.example\","
	    "\"org_extra_contact_info\":\"https://r.example\","
	    "\"report_id\":\"7\",\"normalized_timespan\":true,"
	    "\"errors\":[\"one\",\"two \\\"quoted\\\"\"],"
	    "\"published_policy\":{\"domain\":\"d.example\","
	    "\"adkim\":\"s\",\"aspf\":\"r\",\"p\":\"reject\","
	    "\"sp\":\"none\",\"pct\":50,\"fo\":\"1\",\"np\":\"none\","
	    "\"testing\":\"n\",\"discovery_method\":\"treewalk\"},"
	    "\"np\":\"none\",\"testing\":\"n\","
	    "\"discovery_method\":\"treewalk\",\"generator\":\"g 1\","
	    "\"date_range\":[\"2023-11-15T00:00:00+00:00\","
	    "\"2023-11-16T00:00:00+00:00\"],"
	    "\"date_begin\":\"2023-11-15T00:00:00+00:00\","
	    "\"date_end\":\"2023-11-16T00:00:00+00:00\","
	    "\"source_ip_address\":\"203.0.113.1\","
	    "\"source_country\":\"DE\","
	    "\"source_reverse_dns\":\"m.d.example\","
	    "\"source_base_domain\":\"d.example\","
	    "\"source_type\":\"ISP\",\"source_name\":\"D\","
	    "\"source_asn\":64500,\"source_as_name\":\"AS D\","
	    "\"source_as_domain\":\"as.example\","
	    "\"message_count\":9007199254740993,"
	    "\"disposition\":\"none\",\"dkim_aligned\":true,"
	    "\"spf_aligned\":false,\"passed_dmarc\":true,"
	    "\"policy_overrides\":[{\"type\":\"forwarded\","
	    "\"comment\":\"known list\"},{\"type\":\"other\"}],"
	    "\"header_from\":\"d.example\","
	    "\"envelope_from\":\"e.example\","
	    "\"envelope_to\":\"t.example\","
	    "\"dkim_results\":[{\"domain\":\"d.example\","
	    "\"selector\":\"s1\",\"result\":\"pass\","
	    "\"human_result\":\"good signature\"},"
	    "{\"domain\":\"e.example\",\"selector\":\"none\","
	    "\"result\":\"fail\"}],"
	    "\"dkim_results_combined\":[\"s1 / d.example / pass\","
	    "\"none / e.example / fail\"],"
	    "\"spf_results\":[{\"domain\":\"f.example\","
	    "\"scope\":\"mfrom\",\"result\":\"softfail\"}],"
	    "\"spf_results_combined\":[\"mfrom / f.example / softfail\"],"
	    "\"intake\":{\"transport\":\"lmtp\","
	    "\"received\":\"2023-11-16T02:00:00+00:00\","
	    "\"message_id\":\"1@r.example\","
	    "\"envelope_from\":\"n@r.example\","
	    "\"envelope_recipient\":\"rua@d.example\"," INTAKE_AUTH
	    ",\"position\":41,\"category\":\"aligned\","
	    "\"extensions\":[{\"path\":\"feedback/extension/tool\","
	    "\"text\":\"\\\"t\\\"\"},{\"path\":\"policy_published/n\","
	    "\"text\":\"1\"},{\"path\":\"record/extension/arc/seal\","
	    "\"text\":\"pass\"}]}}");
}

static void
an_override_that_says_nothing_is_left_out(void **state)
{
	struct report r = smallest();
	struct record rec = small_record();
	struct document d;
	struct buf out;
	struct err e = { 0 };

	(void)state;
	rec.overrides = &overrides[1];
	rec.override_count = 1;
	buf_init(&out, 65536);
	document_init(&d, &r);
	assert_int_equal(document_write(&d, &rec, &out, &e), 0);
	assert_null(strstr(out.data, "policy_overrides"));
	document_clear(&d);
	buf_clear(&out);
}

static void
pct_is_a_number_or_not_there(void **state)
{
	static const struct {
		const char *pct, *written; /* NULL: left out */
	} cases[] = {
		{ "100", "\"pct\":100," },
		{ "0", "\"pct\":0," },
		{ "100%", NULL },
		{ "", NULL },
		{ "1e2", NULL },
		{ "99999999999999999999", NULL },
	};
	struct report r = smallest();
	struct record rec = small_record();
	struct document d;
	struct buf out;
	struct err e = { 0 };
	size_t i;

	(void)state;
	r.aggregate.policy.fo = "0"; /* something stands behind it */
	buf_init(&out, 65536);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		r.aggregate.policy.pct = cases[i].pct;
		document_init(&d, &r);
		assert_int_equal(document_write(&d, &rec, &out, &e), 0);
		if (cases[i].written == NULL)
			assert_null(strstr(out.data, "pct"));
		else
			assert_non_null(strstr(out.data, cases[i].written));
		document_clear(&d);
		buf_reset(&out);
	}
	buf_clear(&out);
}

static void
a_buffer_that_is_too_small_is_told(void **state)
{
	struct report r = smallest();
	struct record rec = small_record();
	struct document d;
	struct buf out;
	struct err e;
	size_t max;

	(void)state;
	document_init(&d, &r);
	/* at every length: no way out may be missed */
	for (max = 0; max < 400; max++) {
		buf_init(&out, max);
		err_clear(&e);
		assert_int_equal(document_write(&d, &rec, &out, &e), -1);
		assert_int_equal(e.kind, ERR_LIMIT);
		buf_clear(&out);
	}
	document_clear(&d);
}

static void
the_index_follows_from_the_record(void **state)
{
	static const struct {
		struct conf_index conf;
		int64_t begin;
		const char *name;
	} cases[] = {
		{ { NULL, NULL, true }, 1700000000, "dmarc_aggregate-2023-11" },
		{ { NULL, NULL, false }, 1700000000,
		    "dmarc_aggregate-2023-11-14" },
		{ { "p_", "s", true }, 1700000000,
		    "p_dmarc_aggregate_s-2023-11" },
		{ { "", "", true }, 0, "dmarc_aggregate-1970-01" },
		{ { NULL, NULL, false }, 1711929599,
		    "dmarc_aggregate-2024-03-31" },
		{ { NULL, NULL, false }, 1711929600,
		    "dmarc_aggregate-2024-04-01" },
	};
	struct report r = smallest();
	struct record rec = small_record();
	char name[INDEX_NAME_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rec.interval_begin = cases[i].begin;
		document_index(&r, &rec, &cases[i].conf, name);
		assert_string_equal(name, cases[i].name);
	}
}

static void
the_id_is_43_characters(void **state)
{
	struct record rec = small_record();
	char id[REPORT_ID_TEXT_SIZE];

	(void)state;
	memset(rec.id, 0xfb, sizeof(rec.id));
	document_id(&rec, id);
	assert_string_equal(id, "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
}

static void
the_report_json_has_nulls(void **state)
{
	struct report r = smallest();
	struct record rec = small_record();
	struct json j;
	struct buf out;
	struct err e = { 0 };

	(void)state;
	buf_init(&out, 65536);
	json_begin(&j, &out);
	report_json_begin(&j, &r);
	report_json_record(&j, &r, &rec);
	report_json_end(&j, &r);
	assert_int_equal(json_end(&j, &e), 0);
	assert_string_equal(out.data,
	    "{\"xml_schema\":\"draft\",\"xml_namespace\":null,"
	    "\"report_metadata\":{\"org_name\":\"r.example\","
	    "\"org_email\":null,\"org_extra_contact_info\":null,"
	    "\"report_id\":\"7\",\"begin_date\":\"2023-11-14 22:13:20\","
	    "\"end_date\":\"2023-11-15 22:13:19\","
	    "\"timespan_requires_normalization\":false,"
	    "\"original_timespan_seconds\":86399,\"errors\":[],"
	    "\"generator\":null},"
	    "\"policy_published\":{\"domain\":\"d.example\","
	    "\"adkim\":null,\"aspf\":null,\"p\":\"none\",\"sp\":null,"
	    "\"pct\":null,\"fo\":null,\"np\":null,\"testing\":null,"
	    "\"discovery_method\":null},"
	    "\"records\":[{\"source\":{\"ip_address\":\"203.0.113.1\","
	    "\"reverse_dns\":null,\"country\":null,\"base_domain\":null,"
	    "\"name\":null,\"type\":null,\"asn\":null,\"as_name\":null,"
	    "\"as_domain\":null},\"count\":3,"
	    "\"alignment\":{\"spf\":false,\"dkim\":false,\"dmarc\":false},"
	    "\"policy_evaluated\":{\"disposition\":\"none\","
	    "\"dkim\":\"fail\",\"spf\":\"fail\","
	    "\"policy_override_reasons\":[]},"
	    "\"identifiers\":{\"header_from\":\"d.example\","
	    "\"envelope_from\":null,\"envelope_to\":null},"
	    "\"auth_results\":{\"dkim\":[],\"spf\":[]},"
	    "\"normalized_timespan\":false,"
	    "\"interval_begin\":\"2023-11-14 22:13:20\","
	    "\"interval_end\":\"2023-11-15 22:13:19\"}]}");
	buf_clear(&out);
}

static void
the_report_json_keeps_everything(void **state)
{
	struct report r = fullest();
	struct record rec = full_record();
	struct json j;
	struct buf out;
	struct err e = { 0 };

	(void)state;
	buf_init(&out, 65536);
	json_begin(&j, &out);
	report_json_begin(&j, &r);
	report_json_record(&j, &r, &rec);
	report_json_end(&j, &r);
	assert_int_equal(json_end(&j, &e), 0);
	assert_non_null(strstr(out.data, "\"pct\":\"50\""));
	assert_non_null(strstr(out.data,
	    "\"policy_override_reasons\":[{\"type\":\"forwarded\","
	    "\"comment\":\"known list\"},{\"type\":null,\"comment\":null},"
	    "{\"type\":\"other\",\"comment\":null}]"));
	assert_non_null(
	    strstr(out.data, "{\"domain\":\"e.example\",\"selector\":\"none\","
			     "\"result\":\"fail\",\"human_result\":null}"));
	assert_non_null(strstr(out.data, "\"asn\":64500"));
	assert_non_null(
	    strstr(out.data, "\"original_timespan_seconds\":259200"));
	buf_clear(&out);
}

/* For tests/lint/schema.sh: a document with every field there is. */
static int
print_document(void)
{
	struct report r = fullest();
	struct record rec = full_record();
	struct spf_result full_spf = spf[0];
	struct document d;
	struct buf out;
	struct err e = { 0 };
	int rc = 1;

	full_spf.human_result = "no record";
	rec.source.confirmed = SOURCE_YES;
	rec.spf_results = &full_spf;
	buf_init(&out, 65536);
	document_init(&d, &r);
	if (document_write(&d, &rec, &out, &e) == 0)
		rc = puts(out.data) < 0;
	document_clear(&d);
	buf_clear(&out);
	return rc;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_known_is_left_out),
		cmocka_unit_test(every_field_has_its_place_and_type),
		cmocka_unit_test(an_override_that_says_nothing_is_left_out),
		cmocka_unit_test(pct_is_a_number_or_not_there),
		cmocka_unit_test(a_buffer_that_is_too_small_is_told),
		cmocka_unit_test(the_index_follows_from_the_record),
		cmocka_unit_test(the_id_is_43_characters),
		cmocka_unit_test(the_report_json_has_nulls),
		cmocka_unit_test(the_report_json_keeps_everything),
	};

	if (argc == 2 && strcmp(argv[1], "--print") == 0)
		return print_document();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
