/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_print.c - the printed formats: cells that a spreadsheet must not run,
 * text that a terminal must not obey, output that fails, and the order of what
 * is written side by side.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/sheet.h"
#include "common/sink/sink.h"

static const char *const errors[] = { "first", "second, with \"quotes\"" };

static const struct dkim_result dkim[] = {
	{ "D.example", "S1", "pass", NULL },
	{ "e.example", "s2", "fail", NULL },
};

static struct report
a_report(void)
{
	return (struct report){
		.intake = { .transport = "file" },
		.aggregate = { .xml_schema = "1.0",
		    .org_name = "=HYPERLINK(\"x\")",
		    .org_email = "@r.example",
		    .org_extra_contact_info = "two\nlines",
		    .report_id = "-7",
		    .begin = 1700000000,
		    .end = 1700086399,
		    .policy = { .domain = "d.example", .p = "none" },
		    .errors = (const char **)errors,
		    .error_count = 2 },
	};
}

static struct record
a_record(void)
{
	return (struct record){
		.interval_begin = 1700000000,
		.interval_end = 1700086399,
		.day = 19675,
		.source = { .ip_address = "203.0.113.1", .asn = 64500 },
		.message_count = 3,
		.disposition = "none",
		.policy_dkim = "pass",
		.policy_spf = "fail",
		.dkim_aligned = true,
		.passed_dmarc = true,
		.header_from = "d\x1b[31m.example",
		.dkim_results = dkim,
		.dkim_count = 2,
	};
}

/* One report of count records in this format; the text is the caller's. */
static char *
printed(const char *format, size_t reports, uint64_t count)
{
	const struct report r = a_report();
	const struct record rec = a_record();
	const struct conf conf = { .index = { .monthly = true } };
	struct deadline never = { 0 };
	struct sink *s = NULL;
	struct sink_stream *st = NULL;
	struct sink_count n = { 0 };
	struct err e = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	uint64_t i;

	assert_non_null(out);
	assert_int_equal(sink_print_open(&s, format, out, &conf, &e), 0);
	for (; reports > 0; reports--) {
		assert_int_equal(s->ops->begin(s, &r, &never, &st, &e), 0);
		for (i = 0; i < count; i++)
			assert_int_equal(s->ops->add(st, &rec, &e), 0);
		assert_int_equal(s->ops->finish(&st, &n, &e), 0);
		assert_null(st);
		assert_int_equal(n.stored, count);
	}
	s->ops->close(&s);
	assert_null(s);
	assert_int_equal(fclose(out), 0);
	return text;
}

static size_t
times(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		n++;
	return n;
}

static void
csv_cells_are_quoted_and_tamed(void **state)
{
	char *text = printed("csv", 1, 1), *row;

	(void)state;
	row = strstr(text, "\r\n");
	assert_non_null(row);
	assert_string_equal(row + 2,
	    "1.0,\"'=HYPERLINK(\"\"x\"\")\",'@r.example,\"two\nlines\",'-7,"
	    "2023-11-14 22:13:20,2023-11-15 22:13:19,False,"
	    "\"first|second, with \"\"quotes\"\"\",d.example,,,none,,,,,,,"
	    "203.0.113.1,,,,,,64500,,,3,False,True,True,none,,,,"
	    "d\x1b[31m.example,,\"d.example,e.example\",\"s1,s2\","
	    "\"pass,fail\",,,\r\n");
	free(text);
}

static void
csv_rows_have_44_cells_after_one_header(void **state)
{
	char *text = printed("csv", 2, 2);

	(void)state;
	assert_int_equal(times(text, "xml_schema,"), 1);
	*strstr(text, "\r\n") = '\0';
	assert_int_equal(times(text, ","), 43);
	free(text);
	text = printed("csv", 0, 0);
	assert_int_equal(times(text, "\r\n"), 1);
	free(text);
}

static void
json_is_whole_with_any_number_of_reports(void **state)
{
	char *text = printed("json", 0, 0);

	(void)state;
	assert_string_equal(text,
	    "{\"aggregate_reports\":[],\"failure_reports\":[],"
	    "\"smtp_tls_reports\":[]}\n");
	free(text);
	text = printed("json", 2, 3);
	assert_int_equal(times(text, "\"report_metadata\""), 2);
	assert_int_equal(times(text, "},{\"source\":"), 4);
	assert_int_equal(times(text, "]},{\"xml_schema\":"), 1);
	free(text);
}

static void
ndjson_is_a_line_a_record(void **state)
{
	char *text = printed("ndjson", 2, 1000);

	(void)state;
	assert_int_equal(times(text, "\n"), 2000);
	assert_int_equal(
	    times(text, "{\"_index\":\"dmarc_aggregate-2023-11\",\"_id\":\""),
	    2000);
	free(text);
}

static void
a_summary_escapes_and_adds_up(void **state)
{
	char *text = printed("summary", 1, 1000);

	(void)state;
	assert_null(strchr(text, '\x1b'));
	assert_int_equal(times(text, "d\\x1b[31m.example"), 1000);
	assert_non_null(strstr(text,
	    "total: 1000 records, 3000 messages, 3000 pass DMARC (100.0 %)\n"));
	free(text);
	text = printed("summary", 1, 0);
	assert_non_null(strstr(text, "no records"));
	free(text);
}

static void
an_aborted_report_is_closed(void **state)
{
	const struct report r = a_report();
	const struct record rec = a_record();
	const struct conf conf = { .index = { .monthly = true } };
	struct deadline never = { 0 };
	struct sink *s = NULL;
	struct sink_stream *st = NULL;
	struct err e = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(sink_print_open(&s, "json", out, &conf, &e), 0);
	assert_int_equal(s->ops->begin(s, &r, &never, &st, &e), 0);
	assert_int_equal(s->ops->add(st, &rec, &e), 0);
	s->ops->abort(&st);
	assert_null(st);
	s->ops->close(&s);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "}]}],\"failure_reports\":[]"));
	free(text);
}

static void
output_that_fails_is_told(void **state)
{
	const struct report r = a_report();
	const struct record rec = a_record();
	const struct conf conf = { .index = { .monthly = true } };
	const char *const *format;
	struct deadline never = { 0 };
	struct sink *s;
	struct sink_stream *st;
	struct err e;
	FILE *out;
	int i, rc;

	(void)state;
	for (format = sink_print_formats; *format != NULL; format++) {
		err_clear(&e);
		out = fopen("/dev/full", "w");
		assert_non_null(out);
		assert_int_equal(
		    sink_print_open(&s, *format, out, &conf, &e), 0);
		assert_int_equal(s->ops->begin(s, &r, &never, &st, &e), 0);
		for (rc = 0, i = 0; rc == 0 && i < 5000; i++)
			rc = s->ops->add(st, &rec, &e);
		assert_int_equal(rc, -1);
		assert_int_equal(e.kind, ERR_FULL);
		s->ops->abort(&st);
		s->ops->close(&s);
		assert_true(ferror(out));
		(void)fclose(out);
	}
}

/* A report of count records onto this sheet; id is one digit. */
static void
write_report(struct sink *s, struct sheet *sheet, const char *id, int count)
{
	struct report r = a_report();
	const struct record rec = a_record();
	struct deadline never = { 0 };
	struct sink_stream *st = NULL;
	struct sink_count n;
	struct err e = { 0 };

	r.intake.sheet = sheet;
	r.aggregate.report_id = id;
	assert_int_equal(s->ops->begin(s, &r, &never, &st, &e), 0);
	for (; count > 0; count--)
		assert_int_equal(s->ops->add(st, &rec, &e), 0);
	assert_int_equal(s->ops->finish(&st, &n, &e), 0);
}

static void
count_waits(void *context)
{
	(*(int *)context)++;
}

/* The digits behind "report_id": in the order of the output. */
static void
ids_of(const char *text, char *ids)
{
	static const char key[] = "\"report_id\":\"";

	while ((text = strstr(text, key)) != NULL) {
		text += sizeof(key) - 1;
		*ids++ = *text;
	}
	*ids = '\0';
}

static void
sheets_are_printed_in_the_order_they_are_put(void **state)
{
	const struct conf conf = { 0 };
	struct sheet sheet[3];
	struct sink *s = NULL;
	struct err e = { 0 };
	char *text = NULL, ids[16];
	size_t size = 0;
	int i, waits = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(sink_print_open(&s, "json", out, &conf, &e), 0);
	for (i = 0; i < 3; i++)
		sheet_init(&sheet[i], count_waits, &waits);
	write_report(s, &sheet[2], "4", 1);
	write_report(s, &sheet[0], "1", 2);
	write_report(s, &sheet[1], "2", 0);
	write_report(s, &sheet[1], "3", 1);
	assert_int_equal(sink_print_put(s, &sheet[0], &e), 0);
	/* all before it is printed: from here on it may write through */
	write_report(s, &sheet[1], "5", 1000);
	assert_int_equal(waits, 1);
	assert_true(sheet[1].has_turn);
	assert_int_equal(sheet[1].text.len, 0);
	write_report(s, &sheet[1], "6", 1);
	assert_int_equal(waits, 1);
	for (i = 1; i < 3; i++)
		assert_int_equal(sink_print_put(s, &sheet[i], &e), 0);
	assert_int_equal(sink_print_put(s, &sheet[2], &e), 0); /* empty now */
	for (i = 0; i < 3; i++)
		sheet_clear(&sheet[i]);
	s->ops->close(&s);
	assert_int_equal(fclose(out), 0);
	ids_of(text, ids);
	assert_string_equal(ids, "123564");
	assert_int_equal(times(text, "},{\"xml_schema\":"), 5);
	free(text);
}

/* It is written as a whole, and then too large to wait on its sheet. */
static void
a_large_report_of_one_record_waits_for_its_turn(void **state)
{
	const struct conf conf = { 0 };
	struct report r = { .kind = REPORT_TLS };
	const struct record rec = { 0 };
	struct deadline never = { 0 };
	struct sheet sheet;
	struct sink *s = NULL;
	struct sink_stream *st = NULL;
	struct sink_count n;
	struct err e = { 0 };
	char *name = xcalloc(1, 100001);
	int waits = 0;
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	memset(name, 'x', 100000);
	r.tls.org_name = name;
	sheet_init(&sheet, count_waits, &waits);
	r.intake.sheet = &sheet;
	assert_int_equal(sink_print_open(&s, "csv", out, &conf, &e), 0);
	r.tls.policies = &(const struct tls_policy){ .policy_type = "sts" };
	r.tls.policy_count = 1;
	assert_int_equal(s->ops->begin(s, &r, &never, &st, &e), 0);
	assert_int_equal(s->ops->add(st, &rec, &e), 0);
	assert_int_equal(waits, 0);
	assert_int_equal(s->ops->finish(&st, &n, &e), 0);
	assert_int_equal(waits, 1);
	assert_int_equal(sheet.text.len, 0);
	sheet_clear(&sheet);
	s->ops->close(&s);
	(void)fclose(out);
	free(name);
}

static void
a_sheet_that_the_output_refuses_is_told(void **state)
{
	const struct conf conf = { 0 };
	struct sheet sheet;
	struct sink *s = NULL;
	struct err e = { 0 };
	int i, rc = 0;
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_int_equal(sink_print_open(&s, "json", out, &conf, &e), 0);
	sheet_init(&sheet, NULL, NULL);
	for (i = 0; rc == 0 && i < 100; i++) {
		write_report(s, &sheet, "1", 10);
		rc = sink_print_put(s, &sheet, &e);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_FULL);
	sheet_clear(&sheet);
	s->ops->close(&s);
	(void)fclose(out);
}

/* The documents have ids and categories, parsedmarc's shapes do not. */
static void
lines_ask_for_more_than_the_reporter_says(void **state)
{
	const struct conf conf = { 0 };
	const char *const *format;
	struct sink *s;
	struct err e;
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(out);
	for (format = sink_print_formats; *format != NULL; format++) {
		assert_int_equal(
		    sink_print_open(&s, *format, out, &conf, &e), 0);
		assert_int_equal(s->is_plain, strcmp(*format, "ndjson") != 0);
		s->ops->close(&s);
	}
	(void)fclose(out);
}

static void
another_format_is_refused(void **state)
{
	const struct conf conf = { 0 };
	struct sink *s = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sink_print_open(&s, "xml", stdout, &conf, &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	assert_null(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_cells_are_quoted_and_tamed),
		cmocka_unit_test(csv_rows_have_44_cells_after_one_header),
		cmocka_unit_test(json_is_whole_with_any_number_of_reports),
		cmocka_unit_test(ndjson_is_a_line_a_record),
		cmocka_unit_test(a_summary_escapes_and_adds_up),
		cmocka_unit_test(an_aborted_report_is_closed),
		cmocka_unit_test(output_that_fails_is_told),
		cmocka_unit_test(sheets_are_printed_in_the_order_they_are_put),
		cmocka_unit_test(
		    a_large_report_of_one_record_waits_for_its_turn),
		cmocka_unit_test(a_sheet_that_the_output_refuses_is_told),
		cmocka_unit_test(lines_ask_for_more_than_the_reporter_says),
		cmocka_unit_test(another_format_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
