/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_evidence.c - was a report meant? Subjects, names, structure, a person's
 * words; and the verdict of each mail in tests/fixtures/other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ftw.h>

#include "common/message/message.h"
#include "common/pipeline.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

/* What a mail comes to once all of it was looked at. */
struct seen {
	bool looks, is_notice, has_words;
};

static void
look(const char *mail, struct seen *seen)
{
	const struct conf_limits limits = material_limits();
	struct spill_pool *pool = spill_pool_new("/tmp", MIB);
	struct message *m = NULL;
	struct attachment att;
	struct spill raw;
	struct err e = { 0 };
	const void *p;
	size_t len;
	int fd;

	spill_init(&raw, pool, MIB);
	assert_int_equal(spill_add(&raw, mail, strlen(mail), &e), 0);
	assert_int_equal(spill_finish(&raw, &p, &len, &fd, &e), 0);
	message_setup();
	if (message_open(&m, &raw, &limits, pool, &e) < 0)
		fail_msg("%s", e.text);
	while (attachment_next(m, &att, &e) != 0)
		;
	seen->looks = message_looks_like_report(m);
	seen->is_notice = message_is_notice(m);
	seen->has_words = message_has_words(m);
	message_close(&m);
	spill_clear(&raw);
	spill_pool_free(&pool);
}

#define RUA "Report Domain: d.example Submitter: r.example Report-ID: <1>"

static const struct subject {
	const char *name, *text;
	bool is_report;
} subjects[] = {
	{ "RFC 7489", RUA, true },
	{ "lower case", "report domain: d.example submitter: r.example", true },
	{ "no submitter", "Report Domain: d.example Report-ID: 1", true },
	{ "forwarded", "Fwd: " RUA, true },
	{ "tagged", "[EXTERNAL] " RUA, true },
	{ "words before", "DMARC Aggregate " RUA, true },
	{ "folded", "Report Domain: d.example\n Submitter: r.example", true },
	{ "encoded", "=?utf-8?q?Report_Domain:_d_Submitter:_r?=", true },
	{ "an answer", "Re: " RUA, false },
	{ "an answer, counted", "RE[2]: " RUA, false },
	{ "a German answer", "AW: " RUA, false },
	{ "an automatic answer", "Automatic reply: " RUA, false },
	{ "a bounce", "Undeliverable: " RUA, false },
	{ "only a domain", "Report Domain: d.example", false },
	{ "talk", "How to read a DMARC report of my domain", false },
	{ "nothing", "", false },
};

static void
test_subject(void **state)
{
	const struct subject *c = *state;
	struct seen seen;
	char mail[1000];

	(void)snprintf(mail, sizeof(mail),
	    "From: a@r.example\nSubject: %s\n\nHello\n", c->text);
	look(mail, &seen);
	assert_int_equal(seen.looks, c->is_report);
	(void)snprintf(mail, sizeof(mail),
	    "Auto-Submitted: auto-replied\nSubject: %s\n\nHello\n", c->text);
	look(mail, &seen);
	assert_false(seen.looks);
}

static const struct file {
	const char *name, *text;
	bool is_report;
} files[] = {
	{ "RFC 7489", "r.example!d.example!1700000000!1700086399.xml", true },
	{ "gzip", "r.example!d.example!1700000000!1700086399.xml.gz", true },
	{ "with an id", "r!d!1700000000!1700086399!42.zip", true },
	{ "RFC 8460", "r!d!1700000000!1700086399!001.json.gz", true },
	{ "behind words", "copy of r!d!1700000000!1700086399.zip", true },
	{ "no end", "r!d!1700000000.xml", false },
	{ "no numbers", "wow!!!such!a!picture.jpg", false },
	{ "short numbers", "a!b!1!2.xml", false },
	{ "nothing behind", "r!d!1700000000!1700086399", false },
	{ "an invoice", "invoice.xml", false },
};

static void
test_file(void **state)
{
	const struct file *c = *state;
	struct seen seen;
	char mail[1000];

	(void)snprintf(mail, sizeof(mail),
	    "Subject: x\nMIME-Version: 1.0\nContent-Type: image/png; "
	    "name=\"%s\"\nContent-Disposition: attachment\n\nHello\n",
	    c->text);
	look(mail, &seen);
	assert_int_equal(seen.looks, c->is_report);
}

#define MIXED \
	"Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; " \
	"boundary=b\n\n--b\n"
#define REPORT_OF(type) \
	"Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/report; " \
	"report-type=" type "; boundary=b\n\n--b\nContent-Type: " \
	"text/plain\n\nHello\n--b\n"
#define FEEDBACK_OF(type) \
	REPORT_OF("feedback-report") \
	"Content-Type: message/feedback-report\n\nFeedback-Type: " type \
	"\nVersion: 1\n--b--\n"
#define BROKEN_ZIP(name) \
	MIXED "Content-Type: application/zip; name=" name "\n" \
	      "Content-Disposition: attachment\n\nPK\003\004garbage\n--b--\n"

#define MAILER "From: Mailer-Daemon@r.example\n"
#define NAMED \
	"Content-Type: application/gzip; name=" \
	"\"r.example!d.example!1767225600!1767311999.xml.gz\"\n"
#define RETURNED \
	"Content-Type: message/rfc822\n\nSubject: " RUA "\n" NAMED "\nx\n"

static const struct shape {
	const char *name, *mail;
	bool looks, is_notice;
} shapes[] = {
	{ "feedback without a type", REPORT_OF("feedback-report") "\n--b--\n",
	    true, false },
	{ "tlsrpt", REPORT_OF("tlsrpt") "\n--b--\n", true, false },
	{ "auth-failure", FEEDBACK_OF("auth-failure"), true, false },
	{ "abuse", FEEDBACK_OF("abuse"), false, false },
	{ "fraud, in capitals", FEEDBACK_OF("FRAUD"), false, false },
	{ "a bounce", REPORT_OF("delivery-status") "\n--b--\n", false, true },
	{ "a bounce of a report",
	    REPORT_OF("Delivery-Status") "Content-Type: message/rfc822\n\n"
					 "Subject: " RUA "\n\nx\n--b--\n",
	    false, true },
	{ "a receipt", REPORT_OF("disposition-notification") "\n--b--\n", false,
	    true },
	{ "a bounce that does not say so",
	    "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/report; "
	    "boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
	    "Action: failed\n--b--\n",
	    false, true },
	{ "a bounce that has a part of the report",
	    MAILER REPORT_OF("delivery-status") NAMED "\nx\n--b--\n", false,
	    true },
	{ "from a mailer", MAILER "Subject: x\n\nx\n", false, true },
	{ "a bounce of a report from a mailer",
	    MAILER REPORT_OF("delivery-status") RETURNED "--b--\n", false,
	    true },
	{ "a report that a mailer sends back", MAILER MIXED RETURNED "--b--\n",
	    false, true },
	{ "a report from a mailer", MAILER MIXED NAMED "\nx\n--b--\n", true,
	    false },
	{ "nothing but a report from a mailer",
	    MAILER "Subject: x\nMIME-Version: 1.0\n" NAMED "\nx\n", true,
	    false },
	{ "tlsrpt from a mailer", MAILER REPORT_OF("tlsrpt") "\n--b--\n", true,
	    false },
	{ "TLS headers from a mailer",
	    MAILER "TLS-Report-Domain: d.example\nSubject: x\n\nx\n", true,
	    false },
	{ "TLS headers", "TLS-Report-Domain: d.example\nSubject: x\n\nx\n",
	    true, false },
	{ "a zip that cannot be opened", BROKEN_ZIP("r.zip"), true, false },
	{ "a document that cannot be opened", BROKEN_ZIP("r.docx"), false,
	    false },
	{ "nothing", "", false, false },
};

static void
test_shape(void **state)
{
	const struct shape *c = *state;
	struct seen seen;

	look(c->mail, &seen);
	assert_int_equal(seen.looks, c->looks);
	assert_int_equal(seen.is_notice, c->is_notice);
}

#define FORWARD(type, text) \
	MIXED "Content-Type: " type "\n\n" text "\n--b\n" \
	      "Content-Type: message/rfc822\n\nSubject: " RUA "\n\n" \
	      "These are many words of the reporter, no person said them.\n" \
	      "--b--\n"
#define INLINE(subject, text) \
	"Subject: " subject "\n\n" text "\n-----Original Message-----\n" \
	"From: the reporter, with a long sentence of words\n"
#define ASKS "Why do so many of our mails fail here?"

static const struct words {
	const char *name, *mail;
	bool has;
} said[] = {
	{ "a question", FORWARD("text/plain", ASKS), true },
	{ "nothing", FORWARD("text/plain", ""), false },
	{ "a nod", FORWARD("text/plain", "FYI"), false },
	{ "a signature", FORWARD("text/plain", "-- \n" ASKS), false },
	{ "a quote", FORWARD("text/plain", "> " ASKS), false },
	{ "a program", FORWARD("text/plain", "Sent from my small computer"),
	    false },
	{ "HTML", FORWARD("text/html", "<p>" ASKS "</p>"), true },
	{ "HTML without words",
	    FORWARD("text/html",
		"<html><head><style>p { margin: none } a { b: c }</style>"
		"<title>Four words of title</title></head><p>&nbsp;</p>"),
	    false },
	{ "HTML, forwarded in the text",
	    "Subject: Fwd: x\nMIME-Version: 1.0\nContent-Type: text/html\n\n"
	    "<p></p><div class=\"gmail_quote\">" ASKS "</div>",
	    false },
	{ "HTML that does not end", FORWARD("text/html", "<style>" ASKS),
	    false },
	{ "letters that are not ASCII",
	    FORWARD("text/plain", "Привет, почему это так?"), true },
	{ "above the mark", INLINE("Fwd: x", ASKS), true },
	{ "only below the mark", INLINE("WG: x", ""), false },
	{ "not forwarded", INLINE("x", ASKS), false },
	{ "a reporter's own text", "Subject: " RUA "\n\n" ASKS "\n", false },
	{ "feedback about a mail", FEEDBACK_OF("auth-failure"), false },
};

static void
test_words(void **state)
{
	const struct words *c = *state;
	struct seen seen;

	look(c->mail, &seen);
	assert_int_equal(seen.has_words, c->has);
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static enum verdict
verdict_of(struct pipeline *p, const char *path)
{
	const struct envelope env = { .transport = "file",
		.session = "1",
		.from = "a@r.example",
		.received = 1767323045 };
	FILE *f = fopen(path, "rb");
	struct deadline d;
	struct outcome o;
	struct spill mail;
	struct err e = { 0 };
	char block[4096];
	size_t n;

	if (f == NULL)
		fail_msg("%s is not there", path);
	pipeline_mail_init(p, &mail);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		assert_int_equal(spill_add(&mail, block, n, &e), 0);
	(void)fclose(f);
	deadline_start(&d, 0, 0);
	pipeline_run(p, &env, &mail, &d, &o);
	spill_clear(&mail);
	assert_int_equal(o.reports, 0);
	return o.verdict;
}

static void
test_corpus(void **state)
{
	const char *top = getenv("srcdir");
	char folder[] = "/tmp/test_evidence.XXXXXX", path[512], line[200];
	char name[100], wanted[20];
	struct pipeline *p = NULL;
	struct conf *conf;
	struct err e = { 0 };
	unsigned count = 0, wrong = 0;
	FILE *list;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/conf", folder);
	list = fopen(path, "w");
	assert_non_null(list);
	(void)fprintf(list, "[intake]\nstate_path = %s\n", folder);
	assert_int_equal(fclose(list), 0);
	if (conf_load(&conf, path, &e) < 0 ||
	    pipeline_open_dry(&p, conf, &e) < 0)
		fail_msg("%s", e.text);
	(void)snprintf(path, sizeof(path), "%s/tests/fixtures/other/expected",
	    top != NULL ? top : ".");
	list = fopen(path, "r");
	if (list == NULL)
		fail_msg("%s is not there", path);
	while (fgets(line, sizeof(line), list) != NULL) {
		enum verdict v;

		assert_int_equal(sscanf(line, "%99s %19s", name, wanted), 2);
		(void)snprintf(path, sizeof(path), "%s/tests/fixtures/other/%s",
		    top != NULL ? top : ".", name);
		v = verdict_of(p, path);
		count++;
		if (strcmp(verdict_name(v), wanted) == 0)
			continue;
		print_error("%s: %s, not %s\n", name, verdict_name(v), wanted);
		wrong++;
	}
	(void)fclose(list);
	pipeline_close(&p);
	conf_free(&conf);
	(void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	assert_true(count >= 100);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, subjects, test_subject);
	UNIT_ROWS(&u, files, test_file);
	UNIT_ROWS(&u, shapes, test_shape);
	UNIT_ROWS(&u, said, test_words);
	UNIT_ONE(&u, test_corpus);
	return unit_run("evidence", &u);
}
