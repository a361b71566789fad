/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pipeline.c - the whole way with a real database and a real quarantine:
 * each verdict, and what is durable where when it is given.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <ftw.h>

#include "common/pipeline.h"
#include "common/sink/sqlite_report.h"
#include "tests/unit/aggregate_xml.h"
#include "tests/unit/unit.h"

#define OLD "Received: by mx; Mon, 1 Jan 2024 00:00:00 +0000\n"
#define MAIL "Message-ID: <m1@example.net>\nSubject: x\nMIME-Version: 1.0\n"
#define AS_TEXT MAIL "Content-Type: text/xml\n\n"
#define TWO_PARTS MAIL "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"
#define PAGE "<!DOCTYPE html><html><p>Your feedback report<br></html>"
#define RULER_24 "========================"
#define RULER RULER_24 RULER_24 RULER_24 "\n"
#define PACKED_24 "PGZlZWRiYWNrPgo8dmVyc2lv"
#define PACKED PACKED_24 PACKED_24 PACKED_24 "Pg==\n"
#define BROKEN "<feedback>" META POLICY RECORD

/* A pipeline in a folder of its own. */
struct house {
	char folder[64];
	char db[128];
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

/* db_folder is below the folder, and is not made here. */
static void
house_conf(struct house *h, const char *db_folder, const char *more)
{
	char path[128];
	struct err e = { 0 };
	FILE *f;

	memset(h, 0, sizeof(*h));
	(void)snprintf(
	    h->folder, sizeof(h->folder), "/tmp/test_pipeline.XXXXXX");
	assert_non_null(mkdtemp(h->folder));
	(void)snprintf(
	    h->db, sizeof(h->db), "%s%s/intake.db", h->folder, db_folder);
	(void)snprintf(path, sizeof(path), "%s/intake.conf", h->folder);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "[intake]\nstate_path = %s\n[sqlite]\npath = %s\n%s",
	    h->folder, h->db, more);
	assert_int_equal(fclose(f), 0);
	if (conf_load(&h->conf, path, &e) < 0)
		fail_msg("%s", e.text);
	deadline_start(&h->d, 0, 0);
}

static void
house_open_in(struct house *h, const char *db_folder, const char *more)
{
	struct err e = { 0 };

	house_conf(h, db_folder, more);
	if (pipeline_open(&h->p, h->conf, &e) < 0)
		fail_msg("%s", e.text);
}

static void
house_open(struct house *h, const char *more)
{
	house_open_in(h, "", more);
}

static void
house_close(struct house *h)
{
	pipeline_close(&h->p);
	assert_null(h->p);
	conf_free(&h->conf);
	assert_int_equal(
	    nftw(h->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Now the database can be reached. */
static int
mkdir_of(const char *db)
{
	char folder[128];

	(void)snprintf(folder, sizeof(folder), "%s", db);
	*strrchr(folder, '/') = '\0';
	return mkdir(folder, 0700);
}

static const char *const recipients[] = { "rua@example.org", NULL };

static enum verdict
run_bytes(struct house *h, const void *p, size_t len)
{
	const struct envelope env = { .transport = "lmtp",
		.session = "s1",
		.from = "noreply@example.net",
		.recipients = recipients,
		.recipient_count = 1,
		.received = clock_now() };
	struct spill mail;
	struct err e = { 0 };

	pipeline_mail_init(h->p, &mail);
	if (spill_add(&mail, p, len, &e) < 0)
		fail_msg("%s", e.text);
	pipeline_run(h->p, &env, &mail, &h->d, &h->o);
	spill_clear(&mail);
	assert_int_equal(h->o.why.kind != ERR_NONE,
	    h->o.verdict != VERDICT_STORED && h->o.verdict != VERDICT_OTHER);
	return h->o.verdict;
}

static enum verdict
run(struct house *h, const char *mail)
{
	return run_bytes(h, mail, strlen(mail));
}

/* What a reader of the database counts. */
static void
check_db(struct house *h, uint64_t reports, uint64_t records)
{
	const struct sqlite_report_filter filter = { .top = 10 };
	struct arena *a = arena_new();
	struct sqlite_report out = { 0 };
	struct err e = { 0 };
	int rc = sqlite_report_read(&out, a, h->db, &filter, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	if (reports > 0)
		assert_int_equal(rc, 1);
	assert_int_equal(out.totals.reports, reports);
	assert_int_equal(out.totals.records, records);
	arena_free(&a);
}

static void
check_backlog(struct house *h, uint64_t kept, uint64_t waiting, uint64_t other)
{
	struct pipeline_backlog b;
	struct err e = { 0 };

	assert_int_equal(pipeline_backlog(h->p, &b, &e), 0);
	assert_int_equal(b.kept, kept);
	assert_int_equal(b.waiting, waiting);
	assert_int_equal(b.other, other);
}

static const struct verdict_case {
	const char *name;
	const char *mail;
	enum verdict verdict;
	uint64_t reports, records, unreadable;
	const char *why;
} verdict_cases[] = {
	{ "stored", AS_TEXT REPORT, VERDICT_STORED, 1, 1, 0, NULL },
	{ "from a mailer, with the name of a report",
	    "From: MAILER-DAEMON@example.net\n" MAIL
	    "Content-Type: text/xml; name=\"example.net!example.org!1704067200!"
	    "1704153599.xml\"\n\n" REPORT,
	    VERDICT_STORED, 1, 1, 0, NULL },
	{ "a bare file", REPORT, VERDICT_STORED, 1, 1, 0, NULL },
	{ "no record is a report too",
	    AS_TEXT "<feedback>" META POLICY "</feedback>", VERDICT_STORED, 1,
	    0, 0, NULL },
	{ "neither report_id nor domain",
	    AS_TEXT
	    "<feedback><report_metadata><org_name>example.net</org_name>"
	    "<date_range>" RANGE "</date_range></report_metadata>" RECORD
	    "</feedback>",
	    VERDICT_STORED, 1, 1, 0, NULL },
	{ "two reports in a mail",
	    TWO_PARTS REPORT "\n--b\n\n<feedback><report_metadata><report_id>2"
			     "</report_id></report_metadata>" META POLICY RECORD
			     "</feedback>\n--b--\n",
	    VERDICT_STORED, 2, 2, 0, NULL },
	{ "the same report twice in a mail",
	    TWO_PARTS REPORT "\n--b\n\n" REPORT "\n--b--\n", VERDICT_STORED, 2,
	    1, 0, NULL },
	{ "one reads, one does not",
	    TWO_PARTS BROKEN "\n--b\n\n" REPORT "\n--b--\n", VERDICT_BOTH, 1, 1,
	    0, "part 1" },
	{ "one reads, the last does not",
	    TWO_PARTS REPORT "\n--b\n\n" BROKEN "\n--b--\n", VERDICT_BOTH, 1, 1,
	    0, "part 2" },
	{ "one record cannot be read",
	    AS_TEXT "<feedback>" META POLICY RECORD "<record/>" RECORD
		    "</feedback>",
	    VERDICT_BOTH, 1, 2, 1, "1 records of report r-1" },
	{ "no record can be read",
	    AS_TEXT "<feedback>" META POLICY "<record/></feedback>",
	    VERDICT_BOTH, 1, 0, 1, "1 records" },
	{ "cut short", AS_TEXT BROKEN, VERDICT_KEPT, 0, 0, 0, "cut short" },
	{ "DOCTYPE", AS_TEXT "<?xml version='1.0'?><!DOCTYPE feedback>" REPORT,
	    VERDICT_KEPT, 0, 0, 0, "DOCTYPE" },
	{ "DOCTYPE of HTML", AS_TEXT "<!DOCTYPE html>" REPORT, VERDICT_KEPT, 0,
	    0, 0, "DOCTYPE" },
	{ "DOCTYPE of HTML, beside a report",
	    TWO_PARTS "<!DOCTYPE html>" REPORT "\n--b\n\n" REPORT "\n--b--\n",
	    VERDICT_BOTH, 1, 1, 0, "DOCTYPE" },
	{ "rulers around the parts",
	    MAIL "Content-Type: multipart/mixed; boundary=b\n\n" RULER
		 "--b\n\n" REPORT "\n--b--\n" RULER,
	    VERDICT_STORED, 1, 1, 0, NULL },
	{ "a lost part between rulers",
	    TWO_PARTS REPORT "\n--b--\n" RULER PACKED RULER, VERDICT_BOTH, 1, 1,
	    0, "outside of the parts" },
	{ "HTML beside a report", TWO_PARTS PAGE "\n--b\n\n" REPORT "\n--b--\n",
	    VERDICT_STORED, 1, 1, 0, NULL },
	{ "XHTML beside a report",
	    TWO_PARTS "<?xml version='1.0'?>" PAGE "\n--b\n\n" REPORT
		      "\n--b--\n",
	    VERDICT_STORED, 1, 1, 0, NULL },
	{ "a TLS report that is cut short",
	    AS_TEXT "{\"organization-name\":\"x\",\"report-id\":\"1\","
		    "\"contact-info\":\"c\",\"date-range\":{},"
		    "\"policies\":[{\"policy\":",
	    VERDICT_KEPT, 0, 0, 0, NULL },
	{ "gzip that is none", "\x1f\x8b\x08zzzzzzzzzz", VERDICT_KEPT, 0, 0, 0,
	    "gzip" },
	{ "the subject promised one",
	    "Subject: Report Domain: a Submitter: b Report-ID: c\n\nhi\n",
	    VERDICT_KEPT, 0, 0, 0, "looks like a report" },
	{ "before DMARC",
	    AS_TEXT "<feedback>" META_START "<date_range><begin>1325375999"
		    "</begin><end>1325375999</end></date_range>"
		    "</report_metadata>" POLICY RECORD "</feedback>",
	    VERDICT_KEPT, 0, 0, 0, "2011-12-31T23:59:59" },
	{ "the first second of DMARC",
	    AS_TEXT "<feedback>" META_START "<date_range><begin>1325376000"
		    "</begin><end>1325376000</end></date_range>"
		    "</report_metadata>" POLICY RECORD "</feedback>",
	    VERDICT_STORED, 1, 1, 0, NULL },
	{ "the year 3000",
	    AS_TEXT "<feedback>" META_START "<date_range><begin>32503680000"
		    "</begin><end>32503680000</end></date_range>"
		    "</report_metadata>" POLICY RECORD "</feedback>",
	    VERDICT_KEPT, 0, 0, 0, "3000-01-01" },
	{ "span too long",
	    AS_TEXT "<feedback>" META_START "<date_range><begin>1704067200"
		    "</begin><end>1804067200</end></date_range>"
		    "</report_metadata>" POLICY RECORD "</feedback>",
	    VERDICT_KEPT, 0, 0, 0, "days" },
	{ "a human", MAIL "\nHello\n", VERDICT_OTHER, 0, 0, 0, NULL },
	{ "HTML", MAIL "\n" PAGE "\n", VERDICT_OTHER, 0, 0, 0, NULL },
	{ "HTML where a report was promised",
	    "Subject: Report Domain: a Submitter: b Report-ID: c\n\n" PAGE,
	    VERDICT_KEPT, 0, 0, 0, "looks like a report" },
	{ "XHTML", MAIL "\n<?xml version='1.0'?><html/>\n", VERDICT_OTHER, 0, 0,
	    0, NULL },
	{ "nothing", "", VERDICT_OTHER, 0, 0, 0, NULL },
};

static void
verdict_row(void **state)
{
	const struct verdict_case *c = *state;
	const bool kept =
	    c->verdict == VERDICT_KEPT || c->verdict == VERDICT_BOTH;
	uint64_t stored;
	struct house h;

	house_open(&h, "");
	assert_int_equal(run(&h, c->mail), c->verdict);
	assert_int_equal(h.o.reports, c->reports);
	assert_int_equal(h.o.unreadable, c->unreadable);
	stored = h.o.stored;
	assert_int_equal(stored, c->records);
	if (c->why != NULL && strstr(h.o.why.text, c->why) == NULL)
		fail_msg("%s", h.o.why.text);
	if (c->reports > 0) {
		assert_string_equal(h.o.org_name, "example.net");
		if (strstr(c->mail, "<policy_published>") != NULL)
			assert_string_equal(h.o.domain, "example.org");
		else
			assert_string_equal(h.o.domain, "");
	}
	if (strstr(c->mail, "m1@") != NULL)
		assert_non_null(strstr(h.o.message_id, "m1@example.net"));
	check_backlog(&h, kept, 0, c->verdict == VERDICT_OTHER);
	check_db(&h,
	    strcmp(c->name, "the same report twice in a mail") == 0
		? 1
		: c->reports,
	    c->records);
	/* a second time nothing is new, and the verdict is the same */
	assert_int_equal(run(&h, c->mail), c->verdict);
	assert_int_equal(h.o.stored, 0);
	assert_true(h.o.duplicates >= stored);
	check_backlog(&h, kept, 0, c->verdict == VERDICT_OTHER);
	house_close(&h);
}

static void
ahead_of_time(void **state)
{
	struct house h;
	char xml[2000];
	int ahead;

	(void)state;
	house_open(&h, "");
	for (ahead = 0; ahead < 2; ahead++) {
		int64_t begin =
		    clock_now() + 2 * CLOCK_DAY_S + (ahead == 0 ? -60 : 60);

		(void)snprintf(xml, sizeof(xml),
		    "<feedback>" META_START "<date_range><begin>%" PRId64
		    "</begin><end>%" PRId64 "</end></date_range>"
		    "</report_metadata>" POLICY RECORD "</feedback>",
		    begin, begin);
		assert_int_equal(
		    run(&h, xml), ahead == 0 ? VERDICT_STORED : VERDICT_KEPT);
	}
	check_db(&h, 1, 1);
	house_close(&h);
}

/* A folder that is missing is a database that cannot be reached. */
static void
sink_away_is_later(void **state)
{
	struct house h;

	(void)state;
	house_open_in(&h, "/away", "");
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_LATER);
	assert_int_equal(h.o.stored, 0);
	assert_int_equal(h.o.turn, TURN_AWAY);
	check_backlog(&h, 0, 0, 0);
	/* what needs no sink is not held up by it */
	assert_int_equal(run(&h, AS_TEXT BROKEN), VERDICT_KEPT);
	assert_int_equal(h.o.turn, TURN_NONE);
	assert_int_equal(run(&h, MAIL "\nhi\n"), VERDICT_OTHER);
	assert_int_equal(h.o.turn, TURN_NONE);
	check_backlog(&h, 1, 0, 1);
	/* a fault does not hide the trouble: nothing is given up */
	assert_int_equal(
	    run(&h, TWO_PARTS BROKEN "\n--b\n\n" REPORT "\n--b--\n"),
	    VERDICT_LATER);
	assert_int_equal(h.o.turn, TURN_NONE);
	check_backlog(&h, 1, 0, 1);
	assert_int_equal(mkdir_of(h.db), 0);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	assert_int_equal(h.o.turn, TURN_BACK);
	assert_int_equal(h.o.put_off, 2);
	check_db(&h, 1, 1);
	house_close(&h);
}

static unsigned logged;
static enum verdict last_logged;

static void
log_done(const struct envelope *env, const struct outcome *o)
{
	logged++;
	last_logged = o->verdict;
	assert_string_equal(env->transport, "lmtp");
	assert_string_equal(env->from, "noreply@example.net");
	assert_int_equal(env->recipient_count, 1);
	assert_string_equal(env->recipients[0], "rua@example.org");
}

/* How many left the quarantine. */
static uint64_t
replay(struct house *h, _Atomic bool *stop)
{
	struct pipeline_again_count n;
	struct err ignored;

	(void)pipeline_replay(h->p, stop, log_done, &n, &ignored);
	return n.left;
}

static void
old_mail_waits_and_is_replayed(void **state)
{
	_Atomic bool stop = false;
	struct house h;

	(void)state;
	logged = 0;
	house_open_in(&h, "/away", "");
	assert_int_equal(run(&h, OLD AS_TEXT REPORT), VERDICT_WAITING);
	check_backlog(&h, 0, 1, 0);
	assert_int_equal(run(&h, OLD AS_TEXT REPORT), VERDICT_WAITING);
	check_backlog(&h, 0, 1, 0);
	/* part of it broken: kept too, but only when the rest is stored */
	assert_int_equal(
	    run(&h, OLD TWO_PARTS BROKEN "\n--b\n\n" REPORT "\n--b--\n"),
	    VERDICT_WAITING);
	check_backlog(&h, 0, 2, 0);
	/* the sink is still away: all stays */
	assert_int_equal(replay(&h, &stop), 0);
	assert_int_equal(logged, 0);
	check_backlog(&h, 0, 2, 0);
	assert_int_equal(mkdir_of(h.db), 0);
	stop = true; /* nothing is begun then */
	assert_int_equal(replay(&h, &stop), 0);
	stop = false;
	assert_int_equal(replay(&h, &stop), 2);
	assert_int_equal(logged, 2);
	check_backlog(&h, 1, 0, 0);
	check_db(&h, 1, 1);
	assert_int_equal(replay(&h, &stop), 0);
	house_close(&h);
}

/* A milter's: the rest stays with the MTA, unless it was waiting before. */
static void
only_waiting_mails_are_kept(void **state)
{
	_Atomic bool stop = false;
	struct err e = { 0 };
	struct house h;

	(void)state;
	house_conf(&h, "/away", "");
	if (pipeline_open_waiting(&h.p, h.conf, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(
	    run(&h, OLD TWO_PARTS BROKEN "\n--b--\n"), VERDICT_KEPT);
	assert_int_equal(run(&h, OLD MAIL "\nGood morning\n"), VERDICT_OTHER);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_LATER);
	check_backlog(&h, 0, 0, 0);
	assert_int_equal(
	    run(&h, OLD TWO_PARTS BROKEN "\n--b\n\n" REPORT "\n--b--\n"),
	    VERDICT_WAITING);
	check_backlog(&h, 0, 1, 0);
	assert_int_equal(mkdir_of(h.db), 0);
	assert_int_equal(replay(&h, &stop), 1);
	check_backlog(&h, 1, 0, 0); /* there is no other copy of it now */
	check_db(&h, 1, 1);
	house_close(&h);
}

/* A mail that is large enough to be read out of its file in the quarantine. */
static void
large_mail_waits_and_is_replayed(void **state)
{
	_Atomic bool stop = false;
	struct buf b, xml;
	struct house h;
	int i;

	(void)state;
	logged = 0;
	material_buf(&b);
	material_buf(&xml);
	add_text(&xml, "<feedback>" META POLICY);
	for (i = 0; i < 6000; i++)
		add_format(&xml, RECORD_OF("192.0.2.%d", "%d"), i % 256, i);
	add_text(&xml, "</feedback>");
	add_text(&b, OLD MAIL "Content-Type: text/xml\n"
			      "Content-Transfer-Encoding: base64\n\n");
	add_base64(&b, xml.data, xml.len);
	assert_true(b.len > 2 * MIB);
	house_open_in(&h, "/away", "");
	assert_int_equal(run_bytes(&h, b.data, b.len), VERDICT_WAITING);
	assert_int_equal(mkdir_of(h.db), 0);
	assert_int_equal(replay(&h, &stop), 1);
	assert_int_equal(last_logged, VERDICT_STORED);
	check_backlog(&h, 0, 0, 0);
	check_db(&h, 1, 6000);
	assert_int_equal(run_bytes(&h, b.data, b.len), VERDICT_STORED);
	assert_int_equal(h.o.duplicates, 6000);
	house_close(&h);
	buf_clear(&xml);
	buf_clear(&b);
}

/* The hold limit to the second, around the time of the transport. */
static void
hold_limit_at_its_boundary(void **state)
{
	struct house h;
	char mail[3000], date[64];
	struct tm tm;
	int more;

	(void)state;
	house_open_in(&h, "/away", "");
	for (more = 0; more < 2; more++) {
		time_t at = clock_now() - h.conf->intake.hold_limit_s +
			    (more == 0 ? 60 : -60);

		gmtime_r(&at, &tm);
		(void)strftime(
		    date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
		(void)snprintf(mail, sizeof(mail),
		    "Received: by mx; %s\n" AS_TEXT REPORT, date);
		assert_int_equal(
		    run(&h, mail), more == 0 ? VERDICT_LATER : VERDICT_WAITING);
	}
	house_close(&h);
}

/* Out of time: with progress it goes on in the background, without it not. */
static void
out_of_time(void **state)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	_Atomic bool stop = false;
	struct house h;

	(void)state;
	logged = 0;
	house_open(&h, "");
	deadline_start(&h.d, 60000, 1);
	(void)nanosleep(&pause, NULL);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_LATER);
	check_backlog(&h, 0, 0, 0);
	deadline_start(&h.d, 1, 60000);
	(void)nanosleep(&pause, NULL);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_WAITING);
	check_backlog(&h, 0, 1, 0);
	check_db(&h, 0, 0);
	assert_int_equal(replay(&h, &stop), 1);
	assert_int_equal(last_logged, VERDICT_STORED);
	check_db(&h, 1, 1);
	house_close(&h);
}

/* No room for what is too large for memory: nothing is acknowledged. */
static void
temporary_files_full(void **state)
{
	static const char small[] = "[limits]\ntemporary = 100\n"
				    "message_memory = 0\n";
	static const char spool[] = "[limits]\ntemporary = 100K\n"
				    "spool_memory = 0\n";
	struct house h;
	struct buf xml;
	int i;

	(void)state;
	house_open(&h, small);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_FULL);
	check_backlog(&h, 0, 0, 0);
	house_close(&h);
	material_buf(&xml);
	add_text(&xml, "<feedback>" META POLICY);
	for (i = 0; i < 2000; i++)
		add_text(&xml, RECORD);
	add_text(&xml, "</feedback>");
	house_open(&h, spool);
	assert_int_equal(run_bytes(&h, xml.data, xml.len), VERDICT_FULL);
	check_backlog(&h, 0, 0, 0);
	check_db(&h, 0, 0);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	house_close(&h);
	buf_clear(&xml);
}

static void
quarantine_full(void **state)
{
	struct house h;

	(void)state;
	house_open(&h, "[quarantine]\nmax_mails = 1\n");
	assert_int_equal(run(&h, AS_TEXT BROKEN "1"), VERDICT_KEPT);
	assert_int_equal(run(&h, AS_TEXT BROKEN "2"), VERDICT_FULL);
	assert_int_equal(run(&h, MAIL "\nhi\n"), VERDICT_FULL);
	assert_int_equal(run(&h, AS_TEXT BROKEN "1"), VERDICT_KEPT);
	/* what reads is stored, but the mail cannot be forgotten */
	assert_int_equal(
	    run(&h, TWO_PARTS BROKEN "\n--b\n\n" REPORT "\n--b--\n"),
	    VERDICT_FULL);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	assert_int_equal(h.o.duplicates, 1);
	check_backlog(&h, 1, 0, 0);
	house_close(&h);
}

static void
kept_unread(void **state)
{
	const struct envelope env = { .transport = "lmtp", .from = "" };
	struct err why = { 0 }, e = { 0 };
	struct spill mail;
	struct house h;

	(void)state;
	err_set(&why, ERR_LIMIT, "larger than anything");
	house_open(&h, "");
	pipeline_mail_init(h.p, &mail);
	assert_int_equal(spill_add(&mail, REPORT, strlen(REPORT), &e), 0);
	pipeline_keep(h.p, &env, &mail, &why, &h.o);
	spill_clear(&mail);
	assert_int_equal(h.o.verdict, VERDICT_KEPT);
	assert_string_equal(h.o.why.text, "larger than anything");
	check_backlog(&h, 1, 0, 0);
	check_db(&h, 0, 0);
	house_close(&h);
}

/* Too many of one sender: nothing is stored or kept, and nothing is lost. */
static void
too_many_of_a_sender(void **state)
{
	static _Atomic bool stop;
	struct house h;

	(void)state;
	house_open(&h, "[intake]\nunproved_rate = 2\n");
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	assert_int_equal(run(&h, AS_TEXT BROKEN), VERDICT_KEPT);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_LIMITED);
	assert_int_equal(h.o.why.kind, ERR_RATE);
	assert_int_equal(h.o.turn, TURN_NONE);
	assert_int_equal(run(&h, AS_TEXT BROKEN "2"), VERDICT_LIMITED);
	assert_int_equal(run(&h, MAIL "\nhi\n"), VERDICT_LIMITED);
	check_backlog(&h, 1, 0, 0);
	/* the MTA would give up soon; and a replay does not count */
	assert_int_equal(run(&h, OLD AS_TEXT REPORT), VERDICT_WAITING);
	check_backlog(&h, 1, 1, 0);
	assert_int_equal(replay(&h, &stop), 1);
	check_backlog(&h, 1, 0, 0);
	check_db(&h, 1, 1);
	house_close(&h);
}

/* One proved sender is not limited by the others. */
static void
a_sender_who_is_proved(void **state)
{
	static const char proof[] =
	    "Authentication-Results: mx; spf=pass smtp.mailfrom=r.example\n";
	char mail[2048];
	struct house h;

	(void)state;
	(void)snprintf(mail, sizeof(mail), "%s%s", proof, AS_TEXT REPORT);
	house_open(&h, "[intake]\nauthserv_id = mx\nunproved_rate = 1\n"
		       "sender_rate = 2\n");
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_LIMITED);
	assert_int_equal(run(&h, mail), VERDICT_STORED);
	assert_int_equal(run(&h, mail), VERDICT_STORED);
	assert_int_equal(run(&h, mail), VERDICT_LIMITED);
	assert_non_null(strstr(h.o.why.text, "spf r.example"));
	house_close(&h);
}

/* A mail too large to be read fills the quarantine: it counts as well. */
static void
too_many_that_are_too_large(void **state)
{
	const struct envelope env = { .transport = "lmtp",
		.from = "",
		.recipients = recipients,
		.recipient_count = 1 };
	struct err why = { 0 }, e = { 0 };
	struct spill mail;
	struct house h;
	int i;

	(void)state;
	err_set(&why, ERR_LIMIT, "larger than anything");
	house_open(&h, "[intake]\nunproved_rate = 1\n");
	for (i = 0; i < 2; i++) {
		pipeline_mail_init(h.p, &mail);
		assert_int_equal(
		    spill_add(&mail, REPORT, strlen(REPORT) - (size_t)i, &e),
		    0);
		pipeline_keep(h.p, &env, &mail, &why, &h.o);
		spill_clear(&mail);
		assert_int_equal(
		    h.o.verdict, i == 0 ? VERDICT_KEPT : VERDICT_LIMITED);
	}
	check_backlog(&h, 1, 0, 0);
	house_close(&h);
}

/* Without a quarantine mails stay with the caller, and nothing waits. */
static void
ingest(void **state)
{
	struct err e = { 0 };
	struct house h;

	(void)state;
	house_conf(&h, "", "");
	assert_int_equal(pipeline_open_ingest(&h.p, h.conf, &e), 0);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	assert_int_equal(run(&h, AS_TEXT BROKEN), VERDICT_KEPT);
	assert_int_equal(run(&h, MAIL "\nhi\n"), VERDICT_OTHER);
	check_backlog(&h, 0, 0, 0);
	house_close(&h);
	house_conf(&h, "/away", "");
	assert_int_equal(pipeline_open_ingest(&h.p, h.conf, &e), 0);
	assert_int_equal(run(&h, OLD AS_TEXT REPORT), VERDICT_LATER);
	house_close(&h);
}

static unsigned troubles;

static void
told(const char *what, const struct err *e)
{
	assert_non_null(what);
	troubles += e != NULL;
}

static void
check_tells(void **state)
{
	struct house h;

	(void)state;
	troubles = 0;
	house_open(&h, "");
	assert_int_equal(pipeline_check(h.p, told), 0);
	assert_int_equal(troubles, 0);
	house_close(&h);
	house_open_in(&h, "/away", "[limits]\ntemporary = 10\n");
	assert_int_equal(pipeline_check(h.p, told), 2);
	assert_int_equal(troubles, 2);
	house_close(&h);
}

/* A reload while a mail is on its way: limits are those of its start. */
static void
new_limits(void **state)
{
	struct house h, other;

	(void)state;
	house_open(&h, "");
	house_conf(&other, "", "[limits]\nxml_depth = 2\n");
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	pipeline_set_conf(h.p, other.conf);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_KEPT);
	assert_int_equal(h.o.why.kind, ERR_LIMIT);
	pipeline_set_conf(h.p, h.conf);
	assert_int_equal(run(&h, AS_TEXT REPORT), VERDICT_STORED);
	house_close(&other);
	house_close(&h);
}

#define THREADS 4
#define ROUNDS 5
#define RECORDS 300

struct worker {
	pthread_t thread;
	struct house *house;
	const struct buf *mail;
	uint64_t stored, duplicates;
	unsigned verdicts; /* that were what they must be */
};

static void *
work(void *p)
{
	struct worker *w = p;
	const struct envelope env = { .transport = "lmtp", .from = "" };
	struct deadline d;
	struct outcome o;
	struct spill mail;
	struct err e = { 0 };
	int i;

	for (i = 0; i < ROUNDS; i++) {
		deadline_start(&d, 60000, 60000);
		pipeline_mail_init(w->house->p, &mail);
		if (spill_add(&mail, w->mail->data, w->mail->len, &e) == 0)
			pipeline_run(w->house->p, &env, &mail, &d, &o);
		else
			o.verdict = VERDICT_LATER;
		spill_clear(&mail);
		w->verdicts += o.verdict == VERDICT_BOTH;
		w->stored += o.stored;
		w->duplicates += o.duplicates;
	}
	return NULL;
}

/* The same mail in several threads: one set of records, one kept mail. */
static void
same_mail_at_once(void **state)
{
	struct worker w[THREADS] = { 0 };
	uint64_t stored = 0, duplicates = 0;
	struct house h;
	struct buf xml;
	int i;

	(void)state;
	material_buf(&xml);
	add_text(&xml, "<feedback>" META POLICY "<record/>");
	for (i = 0; i < RECORDS; i++)
		add_format(&xml, RECORD_OF("192.0.2.%d", "%d"), i % 256, i);
	add_text(&xml, "</feedback>");
	house_open(&h, "");
	for (i = 0; i < THREADS; i++) {
		w[i].house = &h;
		w[i].mail = &xml;
		assert_int_equal(
		    pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].verdicts, ROUNDS);
		stored += w[i].stored;
		duplicates += w[i].duplicates;
	}
	assert_int_equal(stored, RECORDS);
	assert_int_equal(duplicates, RECORDS * (THREADS * ROUNDS - 1));
	check_db(&h, 1, RECORDS);
	check_backlog(&h, 1, 0, 0);
	house_close(&h);
	buf_clear(&xml);
}

/* A mail cut at many places: never a report that is not whole. */
static void
mail_cut_short(void **state)
{
	static const char mail[] = AS_TEXT REPORT;
	struct house h;
	size_t at;

	(void)state;
	house_open(&h, "");
	for (at = 0; at < sizeof(mail) - 2; at += 13) {
		enum verdict v = run_bytes(&h, mail, at);

		assert_true(v == VERDICT_OTHER || v == VERDICT_KEPT);
		assert_int_equal(h.o.stored, 0);
	}
	check_db(&h, 0, 0);
	assert_int_equal(run_bytes(&h, mail, sizeof(mail) - 1), VERDICT_STORED);
	house_close(&h);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, verdict_cases, verdict_row);
	UNIT_ONE(&u, ahead_of_time);
	UNIT_ONE(&u, sink_away_is_later);
	UNIT_ONE(&u, old_mail_waits_and_is_replayed);
	UNIT_ONE(&u, only_waiting_mails_are_kept);
	UNIT_ONE(&u, large_mail_waits_and_is_replayed);
	UNIT_ONE(&u, hold_limit_at_its_boundary);
	UNIT_ONE(&u, out_of_time);
	UNIT_ONE(&u, temporary_files_full);
	UNIT_ONE(&u, quarantine_full);
	UNIT_ONE(&u, kept_unread);
	UNIT_ONE(&u, too_many_of_a_sender);
	UNIT_ONE(&u, a_sender_who_is_proved);
	UNIT_ONE(&u, too_many_that_are_too_large);
	UNIT_ONE(&u, ingest);
	UNIT_ONE(&u, check_tells);
	UNIT_ONE(&u, new_limits);
	UNIT_ONE(&u, same_mail_at_once);
	UNIT_ONE(&u, mail_cut_short);
	return unit_run("pipeline", &u);
}
