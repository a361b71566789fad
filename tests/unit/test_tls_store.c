/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tls_store.c - SMTP TLS reports on their whole way: from the mail to
 * the database, the report on it, and what is printed.
 */
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/pipeline.h"
#include "common/sink/sink.h"
#include "common/sink/sqlite_report.h"
#include "tests/unit/material.h"
#include "tests/unit/schema_4.h"
#include "tests/unit/unit.h"

#define MAIL "Message-ID: <t1@r.example>\nSubject: x\nMIME-Version: 1.0\n"
#define AS_JSON MAIL "Content-Type: application/json\n\n"
#define AS_TLSRPT MAIL "Content-Type: application/tlsrpt+json\n\n"
#define HEAD_AT(day) \
	"{\"organization-name\":\"Reporter\",\"report-id\":\"r1\"," \
	"\"contact-info\":\"tls@r.example\",\"date-range\":{" \
	"\"start-datetime\":\"" day "T00:00:00Z\"," \
	"\"end-datetime\":\"" day "T23:59:59Z\"},\"policies\":["
#define HEAD HEAD_AT("2026-01-01")
#define STS \
	"{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"d." \
	"example\"," \
	"\"policy-string\":[\"version: STSv1\",\"mode: \\\"x\\\"\"]," \
	"\"mx-host\":\"*.d.example\"},\"summary\":{" \
	"\"total-successful-session-count\":7," \
	"\"total-failure-session-count\":3},\"failure-details\":[" \
	"{\"result-type\":\"starttls-not-supported\"," \
	"\"sending-mta-ip\":\"2001:db8::0012\"," \
	"\"receiving-ip\":\"2001:DB8::0019\"," \
	"\"receiving-mx-hostname\":\"mx.d.example\"," \
	"\"receiving-mx-helo\":\"helo.d.example\"," \
	"\"failed-session-count\":2," \
	"\"additional-information\":\"=1+1\"," \
	"\"failure-reason-code\":\"a\\u001b[31mb\"}," \
	"{\"result-type\":\"validation-failure\"," \
	"\"failed-session-count\":1}]}"
#define NONE \
	"{\"policy\":{\"policy-type\":\"no-policy-found\"," \
	"\"policy-domain\":\"E.example\"},\"summary\":{" \
	"\"total-successful-session-count\":40," \
	"\"total-failure-session-count\":0},\"failure-details\":[]}"
#define REPORT HEAD STS "," NONE "]}"
#define AGGREGATE \
	"<feedback><report_metadata><org_name>r.example</org_name>" \
	"<email>a@r.example</email><report_id>1</report_id><date_range>" \
	"<begin>1767225600</begin><end>1767311999</end></date_range>" \
	"</report_metadata><policy_published><domain>d.example</domain>" \
	"<p>none</p></policy_published><record><row>" \
	"<source_ip>192.0.2.1</source_ip><count>1</count></row>" \
	"<identifiers><header_from>d.example</header_from></identifiers>" \
	"</record></feedback>"

/* A pipeline in a folder of its own. */
struct house {
	char folder[64];
	char db[96];
	struct conf *conf;
	struct pipeline *p;
	struct deadline d;
	struct outcome o;
};

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
house_open(struct house *h, const char *more)
{
	char path[96];
	struct err e = { 0 };
	FILE *f;

	memset(h, 0, sizeof(*h));
	(void)snprintf(
	    h->folder, sizeof(h->folder), "/tmp/test_tls_store.XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	(void)snprintf(h->db, sizeof(h->db), "%s/intake.db", h->folder);
	(void)snprintf(path, sizeof(path), "%s/intake.conf", h->folder);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "[intake]\nstate_path = %s\n[sqlite]\npath = %s\n%s",
	    h->folder, h->db, more);
	assert_int_equal(fclose(f), 0);
	if (conf_load(&h->conf, path, &e) < 0 ||
	    pipeline_open(&h->p, h->conf, &e) < 0)
		fail_msg("%s", e.text);
	deadline_start(&h->d, 0, 0);
}

static void
house_close(struct house *h)
{
	pipeline_close(&h->p);
	conf_free(&h->conf);
	assert_int_equal(
	    nftw(h->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static enum verdict
run(struct house *h, const char *text)
{
	static const char *const recipients[] = { "tls@example.org", NULL };
	const struct envelope env = { .transport = "lmtp",
		.session = "s1",
		.from = "noreply@r.example",
		.recipients = recipients,
		.recipient_count = 1,
		.received = 1767400000 };
	struct spill mail;
	struct err e = { 0 };

	pipeline_mail_init(h->p, &mail);
	if (spill_add(&mail, text, strlen(text), &e) < 0)
		fail_msg("%s", e.text);
	pipeline_run(h->p, &env, &mail, &h->d, &h->o);
	spill_clear(&mail);
	return h->o.verdict;
}

static void
must_store(struct house *h, const char *text)
{
	enum verdict v = run(h, text);

	if (v != VERDICT_STORED)
		fail_msg("%s: %s", verdict_name(v), h->o.why.text);
}

/* Every value of every row, as one text. The caller frees it. */
static char *
ask(const struct house *h, const char *sql)
{
	sqlite3 *handle;
	sqlite3_stmt *st;
	struct buf b;
	int i;

	material_buf(&b);
	add_text(&b, "");
	assert_int_equal(
	    sqlite3_open_v2(h->db, &handle, SQLITE_OPEN_READWRITE, NULL),
	    SQLITE_OK);
	sqlite3_busy_timeout(handle, 10000);
	if (sqlite3_prepare_v2(handle, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(st); i++) {
			const unsigned char *text = sqlite3_column_text(st, i);

			add_format(&b, "%s%s", i > 0 ? "|" : "",
			    text != NULL ? (const char *)text : "-");
		}
		add_text(&b, "\n");
	}
	sqlite3_finalize(st);
	sqlite3_close(handle);
	return b.data != NULL ? b.data : xstrdup("");
}

static void
execute(const struct house *h, const char *sql)
{
	sqlite3 *handle;

	assert_int_equal(
	    sqlite3_open_v2(h->db, &handle, SQLITE_OPEN_READWRITE, NULL),
	    SQLITE_OK);
	if (sqlite3_exec(handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
	sqlite3_close(handle);
}

static void
assert_rows(const struct house *h, const char *sql, const char *expected)
{
	char *rows = ask(h, sql);

	assert_string_equal(rows, expected);
	free(rows);
}

static void
every_column(void **state)
{
	struct house h;

	(void)state;
	house_open(&h, "");
	must_store(&h, AS_JSON REPORT);
	assert_int_equal(h.o.reports, 1);
	assert_int_equal(h.o.stored, 1);
	assert_int_equal(h.o.duplicates, 0);
	assert_string_equal(h.o.org_name, "Reporter");
	assert_string_equal(h.o.domain, "d.example");
	assert_rows(&h,
	    "SELECT id, length(key), org_name, contact_info, report_id,"
	    " date_begin, date_end, errors, intake_transport, intake_received,"
	    " intake_message_id, intake_envelope_from,"
	    " intake_envelope_recipient FROM smtp_tls_report",
	    "1|32|Reporter|tls@r.example|r1|1767225600|1767311999|-|lmtp|"
	    "1767400000|t1@r.example|noreply@r.example|tls@example.org\n");
	assert_rows(&h, "SELECT * FROM smtp_tls_policy",
	    "1|1|0|d.example|sts|[\"version: STSv1\",\"mode: \\\"x\\\"\"]|"
	    "[\"*.d.example\"]|7|3\n"
	    "2|1|1|E.example|no-policy-found|-|-|40|0\n");
	assert_rows(&h, "SELECT * FROM smtp_tls_failure_detail",
	    "1|0|starttls-not-supported|2001:db8::12|2001:db8::19|mx.d.example|"
	    "helo.d.example|2|=1+1|a\x1b[31mb|-|-|-|-\n"
	    "1|1|validation-failure|-|-|-|-|1|-|-|-|-|-|-\n");
	assert_rows(&h,
	    "SELECT date_begin, policy_domain, result_type,"
	    " failed_session_count FROM view_smtp_tls_failure_detail",
	    "2026-01-01T00:00:00+00:00|d.example|starttls-not-supported|2\n"
	    "2026-01-01T00:00:00+00:00|d.example|validation-failure|1\n");
	assert_rows(&h,
	    "SELECT policy_domain, date_end, intake_received"
	    " FROM view_smtp_tls_policy",
	    "d.example|2026-01-01T23:59:59+00:00|2026-01-03T00:26:40+00:00\n"
	    "E.example|2026-01-01T23:59:59+00:00|2026-01-03T00:26:40+00:00\n");
	house_close(&h);
}

static void
a_copy_is_stored_once(void **state)
{
	struct house h;

	(void)state;
	house_open(&h, "");
	must_store(&h, AS_JSON REPORT);
	must_store(&h, "Subject: again\n" AS_TLSRPT "  " REPORT " \n");
	assert_int_equal(h.o.stored, 0);
	assert_int_equal(h.o.duplicates, 1);
	/* another report-id is another report */
	must_store(&h, AS_JSON HEAD_AT("2026-01-02") STS "]}");
	assert_int_equal(h.o.stored, 1);
	assert_rows(&h,
	    "SELECT (SELECT count(*) FROM smtp_tls_report),"
	    " (SELECT count(*) FROM smtp_tls_policy),"
	    " (SELECT count(*) FROM smtp_tls_failure_detail)",
	    "2|3|4\n");
	house_close(&h);
}

/* What fails in the middle leaves nothing behind. */
static void
all_or_nothing(void **state)
{
	struct house h;

	(void)state;
	house_open(&h, "");
	must_store(&h, AS_JSON HEAD NONE "]}");
	execute(&h, "CREATE TRIGGER t BEFORE INSERT ON smtp_tls_failure_detail"
		    " WHEN new.position = 1"
		    " BEGIN SELECT RAISE(ABORT, 'no'); END");
	assert_int_equal(run(&h, AS_JSON REPORT), VERDICT_KEPT);
	assert_rows(&h,
	    "SELECT (SELECT count(*) FROM smtp_tls_report),"
	    " (SELECT count(*) FROM smtp_tls_policy),"
	    " (SELECT count(*) FROM smtp_tls_failure_detail)",
	    "1|1|0\n");
	execute(&h, "DROP TRIGGER t");
	must_store(&h, AS_JSON REPORT);
	assert_int_equal(h.o.stored, 1);
	assert_rows(&h, "PRAGMA foreign_key_check", "");
	house_close(&h);
}

/* A database of before gets the tables, and keeps what it has. */
static void
an_old_database_is_upgraded(void **state)
{
	struct house h;
	struct err e = { 0 };
	char *drops;

	(void)state;
	house_open(&h, "");
	must_store(&h, AGGREGATE);
	pipeline_close(&h.p);
	/* as version 1 was: everything that came later goes */
	execute(&h, BACK_TO_SCHEMA_4);
	drops = ask(&h, "SELECT 'DROP ' || type || ' ' || name || ';'"
			" FROM sqlite_master WHERE type IN ('table', 'view')"
			" AND (name NOT GLOB 'aggregate_*'"
			" OR name GLOB 'aggregate_*_extension')"
			" AND name NOT GLOB 'view_aggregate_*'"
			" AND name NOT GLOB 'sqlite_*' ORDER BY type DESC");
	assert_non_null(strstr(drops, "smtp_tls_report"));
	execute(&h, drops);
	execute(&h, "PRAGMA user_version = 1");
	free(drops);
	if (pipeline_open(&h.p, h.conf, &e) < 0)
		fail_msg("%s", e.text);
	must_store(&h, AS_JSON REPORT);
	assert_rows(&h,
	    "SELECT (SELECT count(*) FROM aggregate_record),"
	    " (SELECT count(*) FROM smtp_tls_report)",
	    "1|1\n");
	house_close(&h);
}

static const struct verdict_case {
	const char *name;
	const char *mail;
	enum verdict verdict;
	const char *why;
} verdict_cases[] = {
	{ "a bare file", REPORT, VERDICT_STORED, NULL },
	{ "any part", MAIL "Content-Type: text/html\n\n" REPORT, VERDICT_STORED,
	    NULL },
	{ "beside an aggregate report",
	    MAIL "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" REPORT
		 "\n--b\n\n" AGGREGATE "\n--b--\n",
	    VERDICT_STORED, NULL },
	{ "beside one that cannot be read",
	    MAIL "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" REPORT
		 "\n--b\n\n" HEAD "\n--b--\n",
	    VERDICT_BOTH, "part 2" },
	{ "cut short", AS_JSON HEAD STS, VERDICT_KEPT, "JSON" },
	{ "cut short before a name of a report", AS_TLSRPT "{\"organization-na",
	    VERDICT_KEPT, NULL },
	{ "empty", AS_TLSRPT, VERDICT_KEPT, NULL },
	{ "RFC 8460 says so, the content does not",
	    MAIL "Content-Type: multipart/report; report-type=tlsrpt;"
		 " boundary=b\n\n--b\nContent-Type: application/tlsrpt+json\n"
		 "\n{\"a\":1}\n--b--\n",
	    VERDICT_KEPT, NULL },
	{ "the same without multipart/report",
	    MAIL "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
		 "Content-Type: application/tlsrpt+gzip\n\n{\"a\":1}\n--b--\n",
	    VERDICT_KEPT, NULL },
	{ "cut short, with the names of a report at its end",
	    AS_JSON "{\"policies\":[" STS, VERDICT_KEPT, "JSON" },
	{ "no start",
	    AS_JSON "{\"organization-name\":\"x\",\"report-id\":"
		    "\"1\",\"policies\":[]}",
	    VERDICT_KEPT, "no start-datetime" },
	{ "before there was any", AS_JSON HEAD_AT("2011-12-31") "]}",
	    VERDICT_KEPT, "begin of the report is 2011-12-31T00:00:00" },
	{ "the first day", AS_JSON HEAD_AT("2012-01-01") "]}", VERDICT_STORED,
	    NULL },
	{ "the year 3000", AS_JSON HEAD_AT("3000-01-01") "]}", VERDICT_KEPT,
	    "3000-01-01" },
	{ "too many entries",
	    AS_JSON HEAD STS "," STS "," STS "," STS "," STS "]}", VERDICT_KEPT,
	    "more than 12 policies and failure details" },
	{ "just enough entries", AS_JSON HEAD STS "," STS "," STS "," STS "]}",
	    VERDICT_STORED, NULL },
	{ "an invoice", AS_JSON "{\"invoice\":1,\"contact-info\":\"me\"}",
	    VERDICT_OTHER, NULL },
	{ "RTF", MAIL "Content-Type: text/rtf\n\n{\\rtf1 Hello}", VERDICT_OTHER,
	    NULL },
};

static void
verdict_row(void **state)
{
	const struct verdict_case *c = *state;
	struct pipeline_backlog b;
	struct err e = { 0 };
	struct house h;
	enum verdict v;

	house_open(&h, "[limits]\ntls_entries = 12\n");
	v = run(&h, c->mail);
	if (v != c->verdict)
		fail_msg("%s: %s", verdict_name(v), h.o.why.text);
	if (c->why != NULL && strstr(h.o.why.text, c->why) == NULL)
		fail_msg("no \"%s\" in: %s", c->why, h.o.why.text);
	assert_int_equal(pipeline_backlog(h.p, &b, &e), 0);
	assert_int_equal(b.kept, v == VERDICT_KEPT || v == VERDICT_BOTH);
	assert_int_equal(b.other, v == VERDICT_OTHER);
	assert_rows(&h, "SELECT count(*) FROM smtp_tls_report",
	    v == VERDICT_STORED || v == VERDICT_BOTH ? "1\n" : "0\n");
	house_close(&h);
}

static void
read_report(const struct house *h, struct arena *a, struct sqlite_report *out,
    int64_t since, const char *domain)
{
	const struct sqlite_report_filter filter = {
		.since = since, .domain = domain, .top = 2
	};
	struct err e = { 0 };

	if (sqlite_report_read(out, a, h->db, &filter, &e) != 1)
		fail_msg("%s", e.text);
}

static void
the_report_adds_up(void **state)
{
	struct arena *a = arena_new();
	struct sqlite_report r;
	struct house h;

	(void)state;
	house_open(&h, "");
	must_store(&h, AS_JSON REPORT);
	must_store(&h, AS_JSON HEAD_AT("2026-01-02") STS "]}");
	must_store(&h, AS_JSON HEAD_AT("2026-01-03") "]}");
	read_report(&h, a, &r, 0, NULL);
	assert_int_equal(r.totals.reports, 0);
	assert_int_equal(r.totals.tls_reports, 3);
	assert_int_equal(r.tls_policy_count, 2);
	assert_string_equal(r.tls_policies[0].domain, "d.example");
	assert_string_equal(r.tls_policies[0].type, "sts");
	assert_int_equal(r.tls_policies[0].reports, 2);
	assert_int_equal(r.tls_policies[0].successful, 14);
	assert_int_equal(r.tls_policies[0].failed, 6);
	assert_string_equal(r.tls_policies[1].domain, "E.example");
	assert_int_equal(r.tls_failure_count, 2);
	assert_string_equal(
	    r.tls_failures[0].result_type, "starttls-not-supported");
	assert_string_equal(r.tls_failures[0].mx_hostname, "mx.d.example");
	assert_int_equal(r.tls_failures[0].failed, 4);
	assert_null(r.tls_failures[1].mx_hostname);
	assert_int_equal(r.tls_failures[1].failed, 2);
	read_report(&h, a, &r, 0, "e.EXAMPLE");
	assert_int_equal(r.totals.tls_reports, 1);
	assert_int_equal(r.tls_policy_count, 1);
	assert_int_equal(r.tls_failure_count, 0);
	read_report(&h, a, &r, 1767312000, NULL); /* 2026-01-02 */
	assert_int_equal(r.totals.tls_reports, 2);
	assert_int_equal(r.tls_policies[0].failed, 3);
	arena_free(&a);
	house_close(&h);
}

/* Mails in one format; the text is the caller's. */
static char *
printed(const char *format, const char *const *mails)
{
	static const struct envelope env = { .transport = "file" };
	struct conf *conf = NULL;
	struct pipeline *p = NULL;
	struct deadline d;
	struct outcome o;
	struct spill mail;
	struct err e = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	if (conf_load(&conf, "/dev/null", &e) < 0 ||
	    pipeline_open_print(&p, conf, format, out, &e) < 0)
		fail_msg("%s", e.text);
	deadline_start(&d, 0, 0);
	for (; *mails != NULL; mails++) {
		pipeline_mail_init(p, &mail);
		assert_int_equal(
		    spill_add(&mail, *mails, strlen(*mails), &e), 0);
		pipeline_run(p, &env, &mail, &d, &o);
		if (o.verdict != VERDICT_STORED)
			fail_msg("%s", o.why.text);
		spill_clear(&mail);
	}
	assert_int_equal(pipeline_finish(p, &e), 0);
	pipeline_close(&p);
	conf_free(&conf);
	assert_int_equal(fclose(out), 0);
	return text;
}

#define CSV_HEADER \
	"organization_name,begin_date,end_date,report_id,result_type," \
	"successful_session_count,failed_session_count,policy_domain," \
	"policy_type,policy_strings,mx_host_patterns,sending_mta_ip," \
	"receiving_ip,receiving_mx_hostname,receiving_mx_helo," \
	"additional_info_uri,failure_reason_code\r\n"
#define CSV_START "Reporter,2026-01-01T00:00:00Z,2026-01-01T23:59:59Z,r1,"
#define CSV_STS "d.example,sts,\"version: STSv1|mode: \"\"x\"\"\",*.d.example,"

/* Lists of one policy do not leak into the next. */
static void
csv_has_a_row_for_each_policy_and_failure(void **state)
{
	static const char *const mails[] = { REPORT, NULL };
	char *text = printed("csv", mails);

	(void)state;
	assert_string_equal(text, CSV_HEADER CSV_START
	    ",7,3," CSV_STS ",,,,,\r\n" CSV_START
	    "starttls-not-supported,,2," CSV_STS
	    "2001:db8::0012,2001:DB8::0019,mx.d.example,helo.d.example,'=1+1,"
	    "a\x1b[31mb\r\n" CSV_START "validation-failure,,1," CSV_STS
	    ",,,,,\r\n" CSV_START
	    ",40,0,E.example,no-policy-found,,,,,,,,\r\n");
	free(text);
}

static void
csv_has_a_table_for_each_kind(void **state)
{
	static const char *const mails[] = { AGGREGATE, REPORT, REPORT,
		AGGREGATE, NULL };
	char *text = printed("csv", mails), *at;

	(void)state;
	assert_memory_equal(text, "xml_schema,", 11);
	at = strstr(text, "\r\n\r\norganization_name,");
	assert_non_null(at);
	assert_null(strstr(at + 4 + 17, "organization_name,"));
	at = strstr(at, "\r\n\r\nxml_schema,");
	assert_non_null(at);
	assert_null(strstr(at + 4, "\r\n\r\n"));
	free(text);
}

static void
json_has_an_array_for_each_kind(void **state)
{
	static const char *const mails[] = { REPORT, AGGREGATE, HEAD NONE "]}",
		NULL };
	static const char tls[] =
	    "\"smtp_tls_reports\":[{\"organization_name\":\"Reporter\","
	    "\"begin_date\":\"2026-01-01T00:00:00Z\","
	    "\"end_date\":\"2026-01-01T23:59:59Z\","
	    "\"contact_info\":\"tls@r.example\",\"report_id\":\"r1\","
	    "\"policies\":[{\"policy_domain\":\"d.example\","
	    "\"policy_type\":\"sts\",\"policy_strings\":[\"version: STSv1\","
	    "\"mode: \\\"x\\\"\"],\"mx_host_patterns\":[\"*.d.example\"],"
	    "\"successful_session_count\":7,\"failed_session_count\":3,"
	    "\"failure_details\":[{\"result_type\":\"starttls-not-supported\","
	    "\"failed_session_count\":2,\"sending_mta_ip\":\"2001:db8::0012\","
	    "\"receiving_ip\":\"2001:DB8::0019\","
	    "\"receiving_mx_hostname\":\"mx.d.example\","
	    "\"receiving_mx_helo\":\"helo.d.example\","
	    "\"failure_reason_code\":\"a\\u001b[31mb\","
	    "\"additional_info_uri\":\"=1+1\"},"
	    "{\"result_type\":\"validation-failure\","
	    "\"failed_session_count\":1}]},{\"policy_domain\":\"E.example\","
	    "\"policy_type\":\"no-policy-found\","
	    "\"successful_session_count\":40,\"failed_session_count\":0,"
	    "\"failure_details\":[]}]},{\"organization_name\":\"Reporter\",";
	char *text = printed("json", mails);

	(void)state;
	assert_memory_equal(
	    text, "{\"aggregate_reports\":[{\"xml_schema\"", 35);
	assert_non_null(strstr(text, "}],\"failure_reports\":[],\"smtp_tls"));
	if (strstr(text, tls) == NULL)
		fail_msg("%s", text);
	assert_string_equal(text + strlen(text) - 6, "}]}]}\n");
	free(text);
}

static void
a_summary_says_what_failed(void **state)
{
	static const char *const mails[] = { REPORT, HEAD "]}", NULL };
	char *text = printed("summary", mails);

	(void)state;
	assert_string_equal(text,
	    "Reporter: SMTP TLS\n"
	    "  id      r1\n"
	    "  contact tls@r.example\n"
	    "  range   2026-01-01 00:00:00 to 2026-01-01 23:59:59 UTC\n"
	    "\n"
	    "  POLICY DOMAIN  TYPE             SUCCESSFUL  FAILED\n"
	    "  d.example      sts                       7       3\n"
	    "  E.example      no-policy-found          40       0\n"
	    "\n"
	    "  FAILURE                 COUNT  POLICY DOMAIN  SENDER          "
	    "MX            ADDRESS\n"
	    "  starttls-not-supported      2  d.example      2001:db8::0012  "
	    "mx.d.example  2001:DB8::0019\n"
	    "  validation-failure          1  d.example      -               "
	    "-             -\n"
	    "\n"
	    "Reporter: SMTP TLS\n"
	    "  id      r1\n"
	    "  contact tls@r.example\n"
	    "  range   2026-01-01 00:00:00 to 2026-01-01 23:59:59 UTC\n"
	    "  note    no policies\n"
	    "\n"
	    "  no policies\n");
	free(text);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ONE(&u, every_column);
	UNIT_ONE(&u, a_copy_is_stored_once);
	UNIT_ONE(&u, all_or_nothing);
	UNIT_ONE(&u, an_old_database_is_upgraded);
	UNIT_ROWS(&u, verdict_cases, verdict_row);
	UNIT_ONE(&u, the_report_adds_up);
	UNIT_ONE(&u, csv_has_a_row_for_each_policy_and_failure);
	UNIT_ONE(&u, csv_has_a_table_for_each_kind);
	UNIT_ONE(&u, json_has_an_array_for_each_kind);
	UNIT_ONE(&u, a_summary_says_what_failed);
	return unit_run("tls_store", &u);
}
