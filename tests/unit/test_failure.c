/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_failure.c - failure reports: dates and fields as reporters write them,
 * what is ours, what is assumed, limits, ids, and the shapes that are printed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/message/message.h"
#include "common/report/document.h"
#include "common/report/failure_parts.h"
#include "common/report/failure_text.h"
#include "tests/unit/intake.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define NONE INT64_MIN
#define AT 1767306600 /* 2026-01-01T22:30:00Z */

static const struct date_case {
	const char *name, *text;
	int64_t at; /* NONE: cannot be read */
} date_cases[] = {
	{ "RFC 5322", "Thu, 01 Jan 2026 22:30:00 +0000", AT },
	{ "zone east", "Thu, 01 Jan 2026 23:30:00 +0100", AT },
	{ "zone west", "Thu, 1 Jan 2026 17:30:00 -0500", AT },
	{ "zone with minutes", "Fri, 2 Jan 2026 04:00:00 +0530", AT },
	{ "zone unknown", "Thu, 01 Jan 2026 22:30:00 -0000", AT },
	{ "no zone", "Thu, 01 Jan 2026 22:30:00", AT },
	{ "zone by name", "Thu, 01 Jan 2026 17:30:00 EST", AT },
	{ "GMT", "Thu, 01 Jan 2026 22:30:00 GMT", AT },
	{ "GMT and HHMM", "Thu Jan 01 2026 23:30:00 GMT+0100 (CET)", AT },
	{ "GMT and HH:MM", "Fri, 2 Jan 2026 04:00:00 gmt+05:30", AT },
	{ "GMT and HH, west", "Thu, 01 Jan 2026 17:30:00 GMT-05", AT },
	{ "UTC and H", "Fri, 2 Jan 2026 00:30:00 UTC+2", AT },
	{ "UT and H, west", "1 Jan 2026 19:30:00 UT-3", AT },
	{ "UTC and an offset, at the time", "2026-01-01T20:00:00UTC-2:30", AT },
	{ "UTC and an offset, before the year",
	    "Thu Jan  1 19:30:00 UTC-3 2026", AT },
	{ "UTC and an offset behind another", "1 Jan 2026 23:30 +0100 UTC+2",
	    AT },
	{ "UTC and three digits", "1 Jan 2026 22:30:00 UTC+200", NONE },
	{ "UTC and a colon", "1 Jan 2026 22:30:00 UTC+2:", NONE },
	{ "UTC and a sign", "1 Jan 2026 22:30:00 UTC+", NONE },
	{ "UTC and 24 hours", "1 Jan 2026 22:30:00 UTC+24", NONE },
	{ "UTC and two offsets", "1 Jan 2026 22:30:00 UTC+2+2", NONE },
	{ "another zone and an offset", "1 Jan 2026 22:30:00 CET+2", NONE },
	{ "a sign the other way round", "1 Jan 2026 22:30:00 Etc/GMT+2", NONE },
	{ "three digits of the zone", "1 Jan 2026 22:30:00 +200", NONE },
	{ "zone of nobody", "Thu, 01 Jan 2026 22:30:00 XYZ", AT },
	{ "no weekday", "1 Jan 2026 22:30:00 +0000", AT },
	{ "no seconds", "1 Jan 2026 22:30 +0000", AT },
	{ "two digits of the year", "1 Jan 26 22:30:00 +0000", AT },
	{ "comment", "1 Jan 2026 22:30:00 +0000 (UTC)", AT },
	{ "comment in a comment", "1 Jan 2026 (a (b) c) 22:30:00 +0000", AT },
	{ "bracket in a comment", "1 Jan 2026 22:30:00 +0000 (:\\) \"(\")x)",
	    AT },
	{ "zone twice", "1 Jan 2026 23:30:00 +0100 (CET) CET", AT },
	{ "long month", "1 January 2026 22:30:00 UTC", AT },
	{ "month first", "January 1, 2026 10:30:00 PM", AT },
	{ "ctime", "Thu Jan  1 22:30:00 2026", AT },
	{ "hyphens", "01-Jan-2026 22:30:00 +0000", AT },
	{ "ISO 8601", "2026-01-01T22:30:00Z", AT },
	{ "ISO 8601 with zone", "2026-01-01T23:30:00+01:00", AT },
	{ "ISO 8601 with a fraction", "2026-01-01T22:30:00.123456+00:00", AT },
	{ "ISO 8601 with a space", "2026-01-01 22:30:00", AT },
	{ "slashes", "01/01/2026 22:30:00", AT },
	{ "slashes, year first", "2026/01/01 22:30:00", AT },
	{ "day only", "2026-01-01", AT - 22 * 3600 - 1800 },
	{ "leap second", "31 Dec 2025 23:59:60 +0000", 1767225600 },
	{ "29 February", "29 Feb 2024 00:00:00 +0000", 1709164800 },
	{ "before the epoch", "31 Dec 1969 23:59:59 +0000", -1 },
	{ "empty", "", NONE },
	{ "spaces", "   ", NONE },
	{ "a word", "soon", NONE },
	{ "31 April", "31 Apr 2026 00:00:00 +0000", NONE },
	{ "29 February of no leap year", "29 Feb 2026 00:00:00", NONE },
	{ "month 13", "2026-13-01", NONE },
	{ "day 0", "0 Jan 2026 00:00:00", NONE },
	{ "hour 24", "1 Jan 2026 24:00:00", NONE },
	{ "minute 60", "1 Jan 2026 23:60:00", NONE },
	{ "zone of 99 hours", "1 Jan 2026 22:30:00 +9900", NONE },
	{ "no year", "1 Jan 22:30:00", NONE },
	{ "two times", "1 Jan 2026 22:30:00 22:30:00", NONE },
	{ "comment without end", "1 Jan 2026 22:30:00 (UTC", NONE },
	{ "digits without end", "1 Jan 99999999999999999 22:30:00", NONE },
	{ "no ASCII", "1 J\xc3\xa4n 2026 22:30:00", NONE },
};

static void
date_row(void **state)
{
	const struct date_case *c = *state;
	int64_t at = NONE;

	assert_int_equal(
	    failure_date_parse(c->text, &at), c->at == NONE ? -1 : 0);
	assert_int_equal(at, c->at);
}

static void
date_too_long(void **state)
{
	char text[1000];
	int64_t at = 7;

	(void)state;
	memset(text, ' ', sizeof(text));
	(void)snprintf(text + 500, 100, "1 Jan 2026 22:30:00");
	assert_int_equal(failure_date_parse(text, &at), -1);
	assert_int_equal(at, 7);
}

static const struct field_case {
	const char *name, *text;
	size_t max, count;
	bool is_cut;
	const char *wanted[4][2]; /* name in lower case, value */
} field_cases[] = {
	{ "two", "A: 1\nB-c: 2\n", 9, 2, false,
	    { { "a", "1" }, { "b-c", "2" } } },
	{ "no line end", "A: 1", 9, 1, false, { { "a", "1" } } },
	{ "CRLF", "A: 1\r\nB: 2\r\n", 9, 2, false,
	    { { "a", "1" }, { "b", "2" } } },
	{ "folded", "A: 1;\n\t2;\n  3\nB: 4\n", 9, 2, false,
	    { { "a", "1; 2; 3" }, { "b", "4" } } },
	{ "folded from nothing", "A:\n 1\n", 9, 1, false, { { "a", "1" } } },
	{ "empty", "A:\nB: \n", 9, 2, false, { { "a", "" }, { "b", "" } } },
	{ "repeated", "A: 1\na: 2\n", 9, 2, false,
	    { { "a", "1" }, { "a", "2" } } },
	{ "no space behind the colon", "A:1\n", 9, 1, false, { { "a", "1" } } },
	{ "space before the colon", "A : 1\n", 9, 1, false, { { "a", "1" } } },
	{ "colon in the value", "A: b: c\n", 9, 1, false, { { "a", "b: c" } } },
	{ "words are no field", "hello you: 1\nnothing\n: 2\nA: 3\n", 9, 1,
	    false, { { "a", "3" } } },
	{ "behind an empty line", "A: 1\n\nB: 2\n", 9, 2, false,
	    { { "a", "1" }, { "b", "2" } } },
	{ "fold without a field", " x\nA: 1\n", 9, 1, false, { { "a", "1" } } },
	{ "no UTF-8",
	    "A: \xff"
	    "b\n",
	    9, 1, false,
	    { { "a", "\xef\xbf\xbd"
		     "b" } } },
	{ "as many as the limit", "A: 1\nB: 2\n", 2, 2, false,
	    { { "a", "1" }, { "b", "2" } } },
	{ "one past the limit", "A: 1\nB: 2\nC: 3\n", 2, 2, true,
	    { { "a", "1" }, { "b", "2" } } },
	{ "what Python prints", "b'A: 1\\r\\nB: it\\'s \\\\\\n'\n", 9, 2, false,
	    { { "a", "1" }, { "b", "it's \\" } } },
	{ "what Python prints, cut", "b\"A: 1\\nB: 2\\", 9, 2, false,
	    { { "a", "1" }, { "b", "2\\" } } },
	{ "Exim's text",
	    "A message claiming to be from you has failed the published\n\n"
	    "  Sender Domain: d.example\n  Sender IP Address: 192.0.2.1\n"
	    "  Something Else: 1\n  Received Date: now\n",
	    9, 3, false,
	    { { "reported-domain", "d.example" }, { "source-ip", "192.0.2.1" },
		{ "arrival-date", "now" } } },
	{ "nothing", "", 9, 0, false, { { NULL } } },
};

static void
field_row(void **state)
{
	const struct field_case *c = *state;
	struct arena *a = arena_new();
	struct failure_fields f =
	    failure_fields_parse(a, c->text, strlen(c->text), c->max);
	size_t i;

	assert_int_equal(f.count, c->count);
	assert_int_equal(f.is_cut, c->is_cut);
	for (i = 0; i < c->count; i++) {
		assert_string_equal(f.item[i].name, c->wanted[i][0]);
		assert_string_equal(f.item[i].value, c->wanted[i][1]);
	}
	arena_free(&a);
}

/* One report, from texts, and what is around it. */
struct world {
	struct spill_pool *pool;
	struct conf_limits limits;
	struct failure_mail mail;
	enum conf_sample keep;
	size_t piece; /* bytes of a read */
	struct report_reader *rr;
	struct err e;
};

static struct world
world_make(void)
{
	message_setup();
	return (struct world){ .pool = spill_pool_new("/tmp", 64 * MIB),
		.limits = material_limits(),
		.mail = { "<m@r.example>", 1000, 2000 },
		.keep = CONF_SAMPLE_FULL,
		.piece = SIZE_MAX };
}

static int
world_read_bytes(struct world *w, const void *feedback, size_t feedback_len,
    const void *sample, size_t sample_len)
{
	const struct report_setup setup = { &w->limits, w->pool, NULL };
	struct reader *in =
	    pieces_reader(feedback, feedback_len, w->piece, SIZE_MAX);
	struct reader *of = sample == NULL ? NULL
					   : pieces_reader(sample, sample_len,
						 w->piece, SIZE_MAX);
	int rc;

	report_close(&w->rr);
	err_clear(&w->e);
	rc = failure_read(&w->rr, in, of, &w->mail, w->keep, &setup, &w->e);
	reader_close(&in);
	reader_close(&of);
	assert_true((rc == 1) == (w->rr != NULL));
	return rc;
}

static int
world_read(struct world *w, const char *feedback, const char *sample)
{
	return world_read_bytes(w, feedback, strlen(feedback), sample,
	    sample == NULL ? 0 : strlen(sample));
}

static const struct failure *
world_failure(struct world *w, const char *feedback, const char *sample)
{
	if (world_read(w, feedback, sample) != 1)
		fail_msg("%s", w->e.text);
	return &report_of(w->rr)->failure;
}

static void
world_clear(struct world *w)
{
	report_close(&w->rr);
	assert_int_equal(spill_pool_used(w->pool), 0);
	spill_pool_free(&w->pool);
}

#define FROM "From: A <a@d.example>\n"

static const struct type_case {
	const char *name, *feedback;
	int rc;
} type_cases[] = {
	{ "auth-failure", "Feedback-Type: auth-failure\n", 1 },
	{ "in capitals", "Feedback-Type: AUTH-FAILURE\n", 1 },
	{ "dmarc", "Feedback-Type: dmarc\n", 1 },
	{ "with words", "Feedback-Type: auth-failure; x=1\n", 1 },
	{ "no type", "Version: 1\n", 1 },
	{ "empty type", "Feedback-Type:\nVersion: 1\n", 1 },
	{ "abuse", "Feedback-Type: abuse\n", 0 },
	{ "fraud", "Feedback-Type: fraud\n", 0 },
	{ "virus", "Feedback-Type: Virus\n", 0 },
	{ "other", "Feedback-Type: other\n", 0 },
	{ "not-spam", "Feedback-Type: not-spam\n", 0 },
	{ "abuse with a reported domain",
	    "Feedback-Type: abuse\nReported-Domain: d.example\n", 0 },
	{ "abuse with a field of ours",
	    "Feedback-Type: abuse\nAuth-Failure: dmarc\n", 1 },
	{ "abuse with an empty field of ours",
	    "Feedback-Type: abuse\nAuth-Failure:\n", 0 },
	{ "unknown", "Feedback-Type: x-new\n", -1 },
	{ "unknown with a field of ours",
	    "Feedback-Type: x-new\nIdentity-Alignment: none\n", 1 },
	{ "no field", "Hello\n", -1 },
	{ "nothing", "", -1 },
};

static void
type_row(void **state)
{
	const struct type_case *c = *state;
	struct world w = world_make();

	assert_int_equal(world_read(&w, c->feedback, FROM), c->rc);
	if (c->rc < 0)
		assert_int_equal(w.e.kind, ERR_MALFORMED);
	world_clear(&w);
}

static const struct value_case {
	const char *name, *feedback;
	const char *delivery, *ip;
	const char *auth_failure[3], *mechanisms[3];
	size_t errors; /* repairs told */
} value_cases[] = {
	{ "all there",
	    "Delivery-Result: reject\nSource-IP: 192.0.2.1\n"
	    "Auth-Failure: dmarc\nIdentity-Alignment: dkim\n",
	    "reject", "192.0.2.1", { "dmarc" }, { "dkim" }, 0 },
	{ "a result among words",
	    "Delivery-Result: smg-Policy-action\nSource-IP: 192.0.2.1\n"
	    "Auth-Failure: dmarc\n",
	    "policy", "192.0.2.1", { "dmarc" }, { NULL }, 0 },
	{ "delivered as spam",
	    "Delivery-Result: delivered spam\nSource-IP: 192.0.2.1\n"
	    "Auth-Failure: dmarc\n",
	    "delivered", "192.0.2.1", { "dmarc" }, { NULL }, 0 },
	{ "a result of nobody",
	    "Delivery-Result: eaten\nSource-IP: 192.0.2.1\n"
	    "Auth-Failure: dmarc\n",
	    "other", "192.0.2.1", { "dmarc" }, { NULL }, 0 },
	{ "address with a name",
	    "Source-IP: 192.0.2.1 (h.example)\nAuth-Failure: dmarc\n", "other",
	    "192.0.2.1", { "dmarc" }, { NULL }, 0 },
	{ "address in brackets",
	    "Source-IP: [2001:db8::1]\nAuth-Failure: spf\n", "other",
	    "2001:db8::1", { "spf" }, { NULL }, 0 },
	{ "address in capitals",
	    "Source-IP: [2001:DB8::A]\nAuth-Failure: spf\n", "other",
	    "2001:db8::a", { "spf" }, { NULL }, 0 },
	{ "no address", "Auth-Failure: dmarc\n", "other", NULL, { "dmarc" },
	    { NULL }, 1 },
	{ "not an address", "Source-IP: here\nAuth-Failure: dmarc\n", "other",
	    "here", { "dmarc" }, { NULL }, 1 },
	{ "no failure", "Source-IP: 192.0.2.1\n", "other", "192.0.2.1",
	    { "dmarc" }, { NULL }, 1 },
	{ "lists",
	    "Source-IP: 192.0.2.1\nAuth-Failure: spf , ,dmarc\n"
	    "Identity-Alignment: dkim,spf\n",
	    "other", "192.0.2.1", { "spf", "dmarc" }, { "dkim", "spf" }, 0 },
	{ "lists in several fields",
	    "Source-IP: 192.0.2.1\nAuth-Failure: spf\nAuth-Failure: dmarc\n"
	    "Identity-Alignment: None\n",
	    "other", "192.0.2.1", { "spf", "dmarc" }, { NULL }, 0 },
	{ "commas only",
	    "Source-IP: 192.0.2.1\nAuth-Failure: ,,\nIdentity-Alignment: ,\n",
	    "other", "192.0.2.1", { "dmarc" }, { NULL }, 1 },
};

static void
assert_texts(const char *const *wanted, const char *const *got, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		assert_non_null(wanted[i]);
		assert_string_equal(got[i], wanted[i]);
	}
	assert_null(wanted[count]);
}

static void
value_row(void **state)
{
	const struct value_case *c = *state;
	struct world w = world_make();
	char feedback[1000];
	const struct failure *f;

	(void)snprintf(feedback, sizeof(feedback),
	    "Feedback-Type: auth-failure\nReported-Domain: d.example\n"
	    "Arrival-Date: 1 Jan 2026 22:30:00 +0000\n%s",
	    c->feedback);
	f = world_failure(&w, feedback, FROM);
	assert_string_equal(f->delivery_results, c->delivery);
	if (c->ip == NULL)
		assert_null(f->source.ip_address);
	else
		assert_string_equal(f->source.ip_address, c->ip);
	assert_texts(c->auth_failure, f->auth_failure, f->auth_failure_count);
	assert_texts(c->mechanisms, f->authentication_mechanisms,
	    f->authentication_mechanism_count);
	assert_int_equal(f->error_count, c->errors);
	assert_int_equal(f->arrival_date, AT);
	world_clear(&w);
}

#define START "Feedback-Type: auth-failure\nReported-Domain: d.example\n"
#define DATED FROM "Date: Thu, 01 Jan 1970 00:50:00 +0000\n"

static const struct when_case {
	const char *name, *feedback, *sample;
	int64_t date, received, at;
} when_cases[] = {
	{ "its own", START "Arrival-Date: 1 Jan 2026 22:30:00 +0000\n", DATED,
	    1000, 2000, AT },
	{ "its own, of the old name",
	    START "Received-Date: 1 Jan 2026 22:30:00 +0000\n", DATED, 1000,
	    2000, AT },
	{ "the mail's", START, DATED, 1000, 2000, 1000 },
	{ "the mail's for an unreadable one", START "Arrival-Date: soon\n",
	    DATED, 1000, 2000, 1000 },
	{ "the sample's", START, DATED, NONE, 2000, 3000 },
	{ "that of Received", START, FROM, NONE, 2000, 2000 },
	{ "none", START, FROM "Date: never\n", NONE, NONE, NONE },
	{ "none without a sample", START, NULL, NONE, NONE, NONE },
};

static void
when_row(void **state)
{
	const struct when_case *c = *state;
	const struct conf_index conf = { .monthly = true };
	struct world w = world_make();
	char name[INDEX_NAME_SIZE];
	struct record rec;

	w.mail.date = c->date;
	w.mail.first_received = c->received;
	assert_int_equal(
	    world_failure(&w, c->feedback, c->sample)->arrival_date, c->at);
	assert_int_equal(report_next(w.rr, &rec, &w.e), 1);
	document_index(report_of(w.rr), &rec, &conf, name);
	if (c->at == NONE) {
		assert_int_equal(rec.day, INT64_MIN);
		assert_string_equal(name, "dmarc_failure-undated");
	} else if (c->at == AT) {
		assert_int_equal(rec.day, AT / 86400);
		assert_string_equal(name, "dmarc_failure-2026-01");
	}
	assert_int_equal(report_next(w.rr, &rec, &w.e), 0);
	assert_int_equal(report_rewind(w.rr, &w.e), 0);
	assert_int_equal(report_next(w.rr, &rec, &w.e), 1);
	world_clear(&w);
}

static const struct domain_case {
	const char *name, *feedback, *sample, *domain; /* NULL: unreadable */
} domain_cases[] = {
	{ "reported", "Reported-Domain: d.example\n", "From: a@b.example\n",
	    "d.example" },
	{ "the first reported",
	    "Reported-Domain:\nReported-Domain: d.example\n"
	    "Reported-Domain: e.example\n",
	    NULL, "d.example" },
	{ "From", "Version: 1\n", "From: A <a@B.Example>\n", "b.example" },
	{ "the first From", "Version: 1\n",
	    "From: a@b.example, c@d.example\nFrom: e@f.example\n",
	    "b.example" },
	{ "From with a dot at its end", "Version: 1\n", "From: a@b.example.\n",
	    "b.example" },
	{ "no sample", "Version: 1\n", NULL, NULL },
	{ "no From", "Version: 1\n", "To: a@b.example\n", NULL },
	{ "empty From", "Version: 1\n", "From:\n", NULL },
	{ "From without a domain", "Version: 1\n", "From: nobody\n", NULL },
	{ "a group", "Version: 1\n", "From: undisclosed-recipients:;\n", NULL },
};

static void
domain_row(void **state)
{
	const struct domain_case *c = *state;
	struct world w = world_make();
	int i;

	for (i = 0; i < 3; i++) {
		w.keep = (enum conf_sample)i;
		if (c->domain != NULL) {
			assert_string_equal(
			    world_failure(&w, c->feedback, c->sample)->domain,
			    c->domain);
			continue;
		}
		assert_int_equal(world_read(&w, c->feedback, c->sample), -1);
		assert_int_equal(w.e.kind, ERR_MALFORMED);
	}
	world_clear(&w);
}

/* As report_id.h defines it, written down once more. */
static void
add_key_value(struct sha256 *h, const char *text)
{
	size_t len = text == NULL ? 0xffffffff : strlen(text);
	unsigned char prefix[4] = { (unsigned char)(len >> 24),
		(unsigned char)(len >> 16), (unsigned char)(len >> 8),
		(unsigned char)len };

	sha256_add(h, prefix, 4);
	if (text != NULL)
		sha256_add(h, text, len);
}

static void
assert_key(struct world *w, const char *feedback, const char *sample,
    const char *message_id)
{
	unsigned char key[REPORT_ID_BYTES];
	struct sha256 *h = sha256_new();
	struct record rec;

	add_key_value(h, "id1");
	add_key_value(h, "failure");
	add_key_value(h, feedback);
	add_key_value(h, sample);
	add_key_value(h, message_id);
	sha256_end(h, key);
	sha256_free(&h);
	assert_memory_equal(report_of(w->rr)->key, key, sizeof(key));
	assert_int_equal(report_next(w->rr, &rec, &w->e), 1);
	assert_memory_equal(rec.id, key, sizeof(key));
}

static void
key_is_what_the_reporter_wrote(void **state)
{
	static const char feedback[] = START "X: \r1\n\n";
	static const char sample[] = FROM "\nText\r\n\n";
	struct world w = world_make();
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		w.keep = (enum conf_sample)i;
		w.mail.date = i;
		(void)world_failure(&w, feedback, sample);
		assert_key(&w, feedback, FROM "\nText\n\n", "<m@r.example>");
	}
	w.limits.sample = 1;
	w.limits.message_memory = 5; /* the sample waits in a file */
	(void)world_failure(&w, feedback, sample);
	assert_key(&w, feedback, FROM "\nText\n\n", "<m@r.example>");
	world_clear(&w);
}

/* The same mail over LMTP has CRLF, and LF in a Maildir. */
static void
key_knows_no_line_ends(void **state)
{
	static const char lf[] = START "A: \r1\n";
	static const char crlf[] = "Feedback-Type: auth-failure\r\n"
				   "Reported-Domain: d.example\r\nA: \r1\r\n";
	struct world w = world_make();
	size_t piece;

	(void)state;
	for (piece = 1; piece < 8; piece++) {
		w.piece = piece;
		(void)world_failure(&w, crlf, "From: a@b.example\r\n\r\nx\r");
		assert_key(&w, lf, "From: a@b.example\n\nx\r", "<m@r.example>");
	}
	world_clear(&w);
}

static void
key_of_what_is_missing(void **state)
{
	struct world w = world_make();

	(void)state;
	w.mail.message_id = NULL;
	(void)world_failure(&w, START, NULL);
	assert_key(&w, START, NULL, NULL);
	(void)world_failure(&w, START, "");
	assert_key(&w, START, "", NULL);
	w.mail.message_id = "  <m@r.example>\r\n";
	(void)world_failure(&w, START, FROM);
	assert_key(&w, START, FROM, "<m@r.example>");
	world_clear(&w);
}

static void
feedback_at_its_limit(void **state)
{
	struct world w = world_make();
	size_t len = strlen(START);

	(void)state;
	w.limits.header = len;
	assert_int_equal(world_read(&w, START, FROM), 1);
	w.limits.header = len - 1;
	assert_int_equal(world_read(&w, START, FROM), -1);
	assert_int_equal(w.e.kind, ERR_LIMIT);
	world_clear(&w);
}

static void
fields_at_their_limit(void **state)
{
	struct world w = world_make();
	const struct failure *f;

	(void)state;
	w.limits.header_fields = 3;
	f = world_failure(
	    &w, START "Auth-Failure: dmarc\n", FROM "To: b@c.example\n");
	assert_int_equal(f->field_count, 3);
	assert_int_equal(f->sample.header_count, 2);
	w.limits.header_fields = 2;
	f = world_failure(
	    &w, START "Auth-Failure: dmarc\n", FROM "To: b@c.example\nC: d\n");
	assert_int_equal(f->field_count, 2);
	assert_int_equal(f->sample.header_count, 2);
	assert_true(f->error_count >= 2);
	world_clear(&w);
}

static void
trouble_is_temporary(void **state)
{
	const char *feedback = START, *sample = FROM;
	struct world w = world_make();
	const struct report_setup setup = { &w.limits, w.pool, NULL };
	struct reader *in, *of;
	size_t at;

	(void)state;
	for (at = 0; at < 2; at++) {
		in = pieces_reader(
		    feedback, strlen(feedback), 10, at == 0 ? 20 : SIZE_MAX);
		of = pieces_reader(sample, strlen(sample), 10, 20);
		assert_int_equal(
		    failure_read(&w.rr, in, of, &w.mail, w.keep, &setup, &w.e),
		    -1);
		assert_int_equal(w.e.kind, ERR_TEMP);
		assert_null(w.rr);
		reader_close(&in);
		reader_close(&of);
	}
	world_clear(&w);
}

#define SECRET \
	FROM "To: B <b@c.example>\nSubject: secret words\n" \
	     "Content-Type: text/plain\n\nsecret text\n"

static void
write_both(struct world *w, struct buf *document, struct buf *json)
{
	struct document d;
	struct record rec;
	struct json j;

	material_buf(document);
	material_buf(json);
	assert_int_equal(report_next(w->rr, &rec, &w->e), 1);
	document_init(&d, report_of(w->rr));
	assert_int_equal(document_write(&d, &rec, document, &w->e), 0);
	document_clear(&d);
	json_begin(&j, json);
	report_json_failure(&j, report_of(w->rr));
	assert_int_equal(json_end(&j, &w->e), 0);
}

static void
no_more_is_kept(void **state)
{
	static const struct {
		enum conf_sample keep;
		bool header, text;
	} levels[] = { { CONF_SAMPLE_NONE, false, false },
		{ CONF_SAMPLE_HEADERS, true, false },
		{ CONF_SAMPLE_FULL, true, true } };
	struct world w = world_make();
	struct buf document, json;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		w.keep = levels[i].keep;
		(void)world_failure(&w,
		    START "DKIM-Canonicalized-Header: aGVhZGVy\n"
			  "DKIM-Canonicalized-Body: dGV4dA==\n",
		    SECRET);
		write_both(&w, &document, &json);
		assert_true((strstr(document.data, "secret words") != NULL) ==
			    levels[i].header);
		assert_true((strstr(document.data, "b@c.example") != NULL) ==
			    levels[i].header);
		assert_true((strstr(document.data, "aGVhZGVy") != NULL) ==
			    levels[i].header);
		assert_true((strstr(document.data, "secret text") != NULL) ==
			    levels[i].text);
		assert_true((strstr(document.data, "dGV4dA==") != NULL) ==
			    levels[i].text);
		assert_true((strstr(json.data, "secret words") != NULL) ==
			    levels[i].header);
		assert_true((strstr(json.data, "secret text") != NULL) ==
			    levels[i].text);
		assert_true(
		    (strstr(json.data, "dGV4dA==") != NULL) == levels[i].text);
		assert_non_null(
		    strstr(document.data, "\"headers_only\":false"));
		buf_clear(&document);
		buf_clear(&json);
	}
	world_clear(&w);
}

/* Names of header fields become keys: none may break the document. */
static void
hostile_header_names(void **state)
{
	struct world w = world_make();
	struct buf document, json, sample;

	(void)state;
	material_buf(&sample);
	add_text(&sample, FROM "A\"B: 1\nC\\D: 2\n...: 3\nx.y: 4\nx_y: 4b\n"
			       "\x01: 5\n\xc3\xa4: 6\n");
	add_many(&sample, 'k', 200);
	add_text(&sample, ": 7\nLast: 8\n\n");
	assert_int_equal(
	    world_read_bytes(&w, START, strlen(START), sample.data, sample.len),
	    1);
	write_both(&w, &document, &json);
	/* two names, but one key: a second would have it refused */
	assert_non_null(strstr(document.data, "\"x_y\":[\"4\",\"4b\"]"));
	assert_non_null(strstr(json.data, "\"x.y\":\"4\",\"x_y\":\"4b\""));
	assert_non_null(strstr(document.data, "\"___\":\"3\""));
	assert_non_null(strstr(document.data, "\"last\":\"8\""));
	assert_null(strstr(document.data, "a\"b\":"));
	assert_null(strstr(document.data, "kkk\":"));
	buf_clear(&document);
	buf_clear(&json);
	buf_clear(&sample);
	world_clear(&w);
}

#define LONG_90 \
	"123456789 123456789 123456789 123456789 123456789 123456789 " \
	"123456789 123456789 123456789 "

static const struct subject_case {
	const char *name, *subject, *wanted;
} subject_cases[] = {
	{ "plain", "Your invoice", "Your invoice" },
	{ "none", NULL, "None" },
	{ "empty", "", "" },
	{ "path", "../a\\b:c*d?e|f\"g", "..abcdefg" },
	{ "dots and spaces at the end", "a. . .", "a" },
	{ "dots only", "...", "" },
	{ "100 bytes", LONG_90 "123456789x", LONG_90 "123456789x" },
	{ "101 bytes", LONG_90 "123456789xy", LONG_90 "123456789x" },
	{ "cut in a character", LONG_90 "123456789\xc3\xa4",
	    LONG_90 "123456789" },
	{ "cut behind a character", LONG_90 "12345678\xc3\xa4z",
	    LONG_90 "12345678\xc3\xa4" },
};

static void
subject_row(void **state)
{
	const struct subject_case *c = *state;
	char out[SAFE_SUBJECT_SIZE];

	assert_string_equal(failure_safe_subject(c->subject, out), c->wanted);
}

/* A document with every field that there is, for tests/lint/schema.py. */
static int
print_document(void)
{
	static const char *const words[] = { "dmarc" };
	static const char *notes[] = { "something is missing" };
	static const struct mail_address one[] = { { "A", "a@d.example" } };
	static const struct header_field headers[] = { { "subject", "Subject",
	    "s" } };
	static const struct header_field fields[] = { { "x-new", "X-New",
	    "1" } };
	static const struct sample_attachment files[] = { { "a.pdf",
	    "application/pdf", "00" } };
	const struct mail_addresses list = { one, 1 };
	const struct source source = { "192.0.2.1", "DE", "h.example",
		"example", "Example", "ISP", "Example", "example", 64500,
		SOURCE_NO };
	const struct report r = { .kind = REPORT_FAILURE,
		.intake = intake_full("file", AT),
		.failure = { .feedback_type = "auth-failure",
		    .user_agent = "u",
		    .version = "1",
		    .original_mail_from = "f",
		    .original_rcpt_to = "t",
		    .original_envelope_id = "e",
		    .arrival_date = AT,
		    .domain = "d.example",
		    .authentication_results = "a",
		    .delivery_results = "other",
		    .dkim_domain = "d.example",
		    .authentication_mechanisms = words,
		    .authentication_mechanism_count = 1,
		    .auth_failure = words,
		    .auth_failure_count = 1,
		    .fields = fields,
		    .field_count = 1,
		    .sample = { .is_there = true,
			.kept = CONF_SAMPLE_FULL,
			.raw = "r",
			.headers = headers,
			.header_count = 1,
			.date = AT,
			.subject = "s",
			.body = "b",
			.from = list,
			.to = list,
			.reply_to = list,
			.cc = list,
			.bcc = list,
			.attachments = files,
			.attachment_count = 1 },
		    .errors = notes,
		    .error_count = 1 } };
	const struct record rec = { .source = source };
	struct err e = { 0 };
	struct buf out;
	int rc;

	material_buf(&out);
	rc = document_failure_write(&r, &rec, &out, &e);
	(void)printf("%s\n", rc == 0 ? out.data : e.text);
	buf_clear(&out);
	return rc == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static struct unit u;

	if (argc == 2 && strcmp(argv[1], "--print") == 0)
		return print_document();

	UNIT_ROWS(&u, date_cases, date_row);
	UNIT_ONE(&u, date_too_long);
	UNIT_ROWS(&u, field_cases, field_row);
	UNIT_ROWS(&u, type_cases, type_row);
	UNIT_ROWS(&u, value_cases, value_row);
	UNIT_ROWS(&u, when_cases, when_row);
	UNIT_ROWS(&u, domain_cases, domain_row);
	UNIT_ONE(&u, key_is_what_the_reporter_wrote);
	UNIT_ONE(&u, key_knows_no_line_ends);
	UNIT_ONE(&u, key_of_what_is_missing);
	UNIT_ONE(&u, feedback_at_its_limit);
	UNIT_ONE(&u, fields_at_their_limit);
	UNIT_ONE(&u, trouble_is_temporary);
	UNIT_ONE(&u, no_more_is_kept);
	UNIT_ONE(&u, hostile_header_names);
	UNIT_ROWS(&u, subject_cases, subject_row);
	return unit_run("failure", &u);
}
