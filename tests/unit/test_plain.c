/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_plain.c - mails of the usual shape give what GMime makes of them, byte
 * for byte, and whatever is a little different is left to GMime.
 */
#include <stdio.h>
#include <string.h>

#include "common/message/part.h"
#include "common/message/plain.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define SUBJECT \
	"Subject: Report domain: d.example Submitter: r Report-ID: <1>\n"
#define TOP "From: noreply@r.example\n" SUBJECT "MIME-Version: 1.0\n"
#define ID "Message-ID: <1.a+b@r.example>\n"
#define ZIP \
	"Content-Type: application/zip; name=\"r!d!1!2.zip\"\n" \
	"Content-Transfer-Encoding: base64\n" \
	"Content-Disposition: attachment; filename=\"r!d!1!2.zip\"\n\n" \
	"UEsDBAoAAAAAAAAA\nIQAAAA==\n"
#define MIXED "Content-Type: multipart/mixed; boundary=\"=_b.1\"\n\n"
#define TEXT \
	"Content-Type: text/plain; charset=utf-8\n" \
	"Content-Transfer-Encoding: 7bit\n\nA report.\n\nBye.\n"

/* A field that evidence.c asks for: GMime reads the mail. */
#define FOREIGN "TLS-Report-Domain: d.example\n"

static const struct shape_case {
	const char *name;
	const char *mail;
	bool is_plain;
} shape_cases[] = {
	{ "one zip", TOP ID ZIP, true },
	{ "no line end", TOP ID ZIP "UEsD", true },
	{ "no message id", TOP ZIP, true },
	{ "text and zip",
	    TOP ID MIXED "--=_b.1\n" TEXT "--=_b.1\n" ZIP "--=_b.1--\n", true },
	{ "preamble and epilogue",
	    TOP ID MIXED "For old readers.\n--=_b.1\n" TEXT "\n--=_b.1 \n" ZIP
			 "\n--=_b.1--  \nThe end\n--=_b.1\n",
	    true },
	{ "last boundary without a line end",
	    TOP ID MIXED "--=_b.1\n" TEXT "--=_b.1\n" ZIP "--=_b.1--", true },
	{ "a part without a header",
	    TOP ID MIXED "--=_b.1\n\nA report.\n"
			 "--=_b.1\n" ZIP "--=_b.1--\n",
	    true },
	{ "CR LF behind a boundary only",
	    TOP MIXED "--=_b.1\n" ZIP "--=_b.1--\r\n", false },
	{ "boundary in a line",
	    TOP ID MIXED "--=_b.1\n\nA --=_b.1 in it\n"
			 "--=_b.1\n" ZIP "--=_b.1--\n",
	    true },
	{ "boundary without a quote",
	    TOP ID
	    "Content-Type: multipart/mixed;\n\tboundary=b.1\n\n--b.1\n" ZIP
	    "--b.1--\n",
	    true },
	{ "names in any case",
	    "SUBJECT: REPORT DOMAIN: d SUBMITTER: r\n"
	    "message-id: <1@r>\ncontent-type: Application/GZIP; NAME=a.gz\n"
	    "content-transfer-encoding: BASE64\n\nH4sI\n",
	    true },
	{ "folded fields",
	    "Subject: Report Domain: d.example\n Submitter: r\n"
	    "Content-Type: application/gzip;\n name=\"a b.gz\"\n"
	    "Content-Disposition: attachment;\n\tfilename=c.gz;\n size=12\n"
	    "Content-Transfer-Encoding: base64\n\nH4sI\n",
	    true },
	{ "8 bit elsewhere", "From: J\xc3\xb6rg <n@r.example>\n" SUBJECT ZIP,
	    true },
	{ "no encoding", TOP "Content-Type: text/xml\n\n<feedback/>\n", true },
	{ "lines that a relay folded",
	    TOP "Content-Type: text/xml\n\n<a>\n </a>"
		"\n",
	    true },
	{ "gzip that is called 7bit",
	    TOP "Content-Type: application/gzip\n"
		"Content-Transfer-Encoding: 7bit\n\n\x1f\x8b..\n",
	    true },
	{ "gzip that is called base64",
	    TOP "Content-Type: application/gzip\n"
		"Content-Transfer-Encoding: base64\n\n\x1f\x8b..\n",
	    true },

	{ "another subject", "Subject: Re: Report domain: d Submitter: r\n" ZIP,
	    false },
	{ "an encoded subject",
	    "Subject: Report domain: =?utf-8?q?d?= "
	    "Submitter: r\n" ZIP,
	    false },
	{ "half a subject", "Subject: Report domain: d.example\n" ZIP, false },
	{ "no bytes", "", false },
	{ "no subject", ID ZIP, false },
	{ "two subjects", TOP SUBJECT ZIP, false },
	{ "an auto-reply", TOP "Auto-Submitted: auto-replied\n" ZIP, false },
	{ "a TLS report", TOP FOREIGN ZIP, false },
	{ "a message id with a comment", TOP "Message-ID: (c) <1@r>\n" ZIP,
	    false },
	{ "a message id without a domain", TOP "Message-ID: <1>\n" ZIP, false },
	{ "an empty message id", TOP "Message-ID:\n" ZIP, false },
	{ "a message id with two ats", TOP "Message-ID: <-@l@>\n" ZIP, false },
	{ "a message id with two dots", TOP "Message-ID: <1..a@r>\n" ZIP,
	    false },
	{ "no type", TOP "\nUEsD\n", false },
	{ "two types", TOP "Content-Type: text/plain\n" ZIP, false },
	{ "a type of its own", TOP "Content-Type: application/x-dmarc\n\nX\n",
	    false },
	{ "a comment in the type", TOP "Content-Type: text/plain (c)\n\nX\n",
	    false },
	{ "multipart/report",
	    TOP
	    "Content-Type: multipart/report; boundary=b\n\n--b\n\nX\n--b--\n",
	    false },
	{ "multipart in multipart",
	    TOP MIXED
	    "--=_b.1\n"
	    "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nX\n--c--\n"
	    "--=_b.1--\n",
	    false },
	{ "a mail in the mail",
	    TOP MIXED "--=_b.1\n"
		      "Content-Type: message/rfc822\n\n" ZIP "--=_b.1--\n",
	    false },
	{ "no boundary", TOP "Content-Type: multipart/mixed\n\n--\n\nX\n----\n",
	    false },
	{ "no last boundary", TOP MIXED "--=_b.1\n" ZIP, false },
	{ "more behind a boundary",
	    TOP MIXED "--=_b.1\n" ZIP "--=_b.12\n" ZIP "--=_b.1--\n", false },
	{ "no empty line in a part", TOP MIXED "--=_b.1\nX: y\n--=_b.1--\n",
	    false },
	{ "quoted-printable",
	    TOP "Content-Type: text/xml\n"
		"Content-Transfer-Encoding: quoted-printable\n\n=3Cfeedback>\n",
	    false },
	{ "an unknown encoding",
	    TOP "Content-Type: text/xml\n"
		"Content-Transfer-Encoding: none\n\n<feedback>\n",
	    false },
	{ "a name of RFC 2231",
	    TOP "Content-Type: application/zip;"
		" name*=utf-8''a.zip\n\nX\n",
	    false },
	{ "a name of RFC 2047",
	    TOP "Content-Type: application/zip;"
		" name=\"=?utf-8?q?a?=\"\n\nX\n",
	    false },
	{ "two names",
	    TOP "Content-Type: application/zip; name=a; name=b\n\nX\n", false },
	{ "an escaped quote",
	    TOP "Content-Type: application/zip;"
		" name=\"a\\\"b\"\n\nX\n",
	    false },
	{ "an open quote", TOP "Content-Type: application/zip; name=\"a\n\nX\n",
	    false },
	{ "no header", "\n", false },
	{ "no end of the header", SUBJECT, false },
	{ "no colon", TOP "Hello\n" ZIP, false },
	{ "mbox", "From a@b Thu Jan  1 00:00:00 1970\n" TOP ZIP, false },
	{ "a bare CR", "X: a\rb\n" TOP ZIP, false },
	{ "an empty line that is folded", "X: a\n \n" TOP ZIP, false },
};

struct mail {
	struct conf_limits limits;
	struct spill_pool *pool;
	struct spill raw;
	struct parts *parts;
	struct buf out;
};

/* Before the mail stands first; with CR LF, if asked for. */
static void
mail_open(struct mail *m, const char *first, const char *text, bool with_cr)
{
	const void *bytes;
	struct buf mail;
	struct err e = { 0 };
	size_t size;
	int fd;

	material_buf(&mail);
	add_text(&mail, first);
	for (; *text != '\0'; text++) {
		if (*text == '\n' && with_cr)
			add(&mail, "\r", 1);
		add(&mail, text, 1);
	}
	m->limits = material_limits();
	m->pool = spill_pool_new("/tmp", m->limits.temporary);
	spill_init(&m->raw, m->pool, m->limits.message_memory);
	assert_int_equal(spill_add(&m->raw, mail.data, mail.len, &e), 0);
	assert_int_equal(spill_finish(&m->raw, &bytes, &size, &fd, &e), 0);
	assert_int_equal(parts_open(&m->parts, &m->raw, &m->limits, &e), 0);
	buf_clear(&mail);
}

static void
mail_read(struct mail *m)
{
	const char *name, *id = parts_message_id(m->parts);
	const struct part *part = parts_current(m->parts);
	struct reader *content;
	struct err e = { 0 };
	char chunk[100];
	ssize_t n;

	material_buf(&m->out);
	add_format(&m->out, "id %s\n", id != NULL ? id : "-");
	while (parts_next(m->parts, &content, &name, &e) == 1) {
		add_format(&m->out, "%s charset %s text %d mislabelled %d\n",
		    name, part->charset != NULL ? part->charset : "-",
		    part->is_text, part->is_mislabelled);
		while ((n = reader_read(content, chunk, sizeof(chunk), &e)) > 0)
			add(&m->out, chunk, (size_t)n);
		assert_int_equal(n, 0);
		assert_false(parts_is_feedback(m->parts));
		assert_null(parts_sample(m->parts));
		reader_close(&content);
		add_format(&m->out, "\njoined %d\n", (int)part->joined_lines);
	}
}

static void
mail_close(struct mail *m)
{
	parts_close(&m->parts);
	buf_clear(&m->out);
	spill_clear(&m->raw);
	spill_pool_free(&m->pool);
}

static const char *
subject_of(struct mail *m)
{
	return g_mime_message_get_subject(parts_gmime(m->parts));
}

static void
compare(const struct shape_case *c, bool with_cr)
{
	struct mail plain = { 0 }, tree = { 0 };

	mail_open(&plain, "", c->mail, with_cr);
	mail_open(&tree, FOREIGN, c->mail, with_cr);
	assert_true(parts_is_plain(plain.parts));
	assert_false(parts_is_plain(tree.parts));
	mail_read(&plain);
	mail_read(&tree);
	assert_string_equal(plain.out.data, tree.out.data);
	/* what is not known of a plain mail is found out */
	assert_string_equal(subject_of(&plain), subject_of(&tree));
	mail_close(&plain);
	mail_close(&tree);
}

static void
shape_row(void **state)
{
	const struct shape_case *c = *state;
	struct conf_limits limits = material_limits();
	struct bytes mail = { c->mail, strlen(c->mail) };
	struct plain p;

	assert_int_equal(plain_read(&p, &mail, &limits), c->is_plain);
	if (!c->is_plain)
		return;
	compare(c, false);
	compare(c, true);
}

static void
many_parts(void **state)
{
	struct conf_limits limits = material_limits();
	struct bytes mail;
	struct plain p;
	struct buf b;
	int count, i;

	(void)state;
	for (count = PLAIN_PARTS_MAX; count <= PLAIN_PARTS_MAX + 1; count++) {
		material_buf(&b);
		add_text(&b, TOP MIXED);
		for (i = 0; i < count; i++)
			add_text(&b, "--=_b.1\n" TEXT);
		add_text(&b, "--=_b.1--\n");
		mail = (struct bytes){ b.data, b.len };
		assert_int_equal(
		    plain_read(&p, &mail, &limits), count <= PLAIN_PARTS_MAX);
		limits.parts = PLAIN_PARTS_MAX + 1;
		assert_false(plain_read(&p, &mail, &limits));
		limits = material_limits();
		buf_clear(&b);
	}
}

static void
header_at_its_limit(void **state)
{
	static const char text[] = TOP ZIP;
	struct conf_limits limits = material_limits();
	struct bytes mail = { text, sizeof(text) - 1 };
	struct plain p;

	(void)state;
	limits.header = (uint64_t)(strstr(text, "\n\n") + 2 - text);
	assert_true(plain_read(&p, &mail, &limits));
	limits.header--;
	assert_false(plain_read(&p, &mail, &limits));
}

/* Cut anywhere, and with any byte another one, it is read or left alone. */
static void
cut_and_flipped(void **state)
{
	static const char text[] =
	    TOP ID MIXED "--=_b.1\n" TEXT "--=_b.1\n" ZIP "--=_b.1--\n";
	struct conf_limits limits = material_limits();
	struct bytes mail = { .len = sizeof(text) - 1 };
	struct plain p;
	size_t i;
	char *copy;

	(void)state;
	for (i = 0; i < sizeof(text) - 1; i++) {
		copy = xmalloc(i + 1);
		memcpy(copy, text, i);
		mail = (struct bytes){ copy, i };
		(void)plain_read(&p, &mail, &limits);
		free(copy);
		copy = xmalloc(sizeof(text) - 1);
		memcpy(copy, text, sizeof(text) - 1);
		copy[i] ^= (char)(i % 255 + 1);
		mail = (struct bytes){ copy, sizeof(text) - 1 };
		(void)plain_read(&p, &mail, &limits);
		free(copy);
	}
}

int
main(void)
{
	struct unit u = { .count = 0 };

	parts_setup();
	UNIT_ROWS(&u, shape_cases, shape_row);
	UNIT_ONE(&u, many_parts);
	UNIT_ONE(&u, header_at_its_limit);
	UNIT_ONE(&u, cut_and_flipped);
	return unit_run("plain", &u);
}
