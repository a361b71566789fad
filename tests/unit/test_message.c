/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_message.c - what a mail, or a bare file, has for a report in it: by
 * content and not by name, through every way of packing, up to the limits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/message/message.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define XML "<feedback>x</feedback>"
#define XML_LEN (sizeof(XML) - 1)
#define HEADER "Subject: x\nMIME-Version: 1.0\n"

/* All of a mail as text: "XML name: content;", "JSON ...", "ERROR text;" */
struct seen {
	struct conf_limits limits;
	struct buf out;
	struct err e; /* the last */
	unsigned errors;
	bool looks;
	int64_t received;
	char id[100];
};

static void
take_all(struct seen *s, struct message *m)
{
	struct attachment att;
	struct err e;
	char chunk[1000];
	ssize_t n;
	int rc, rounds = 0;

	for (;;) {
		assert_true(rounds++ < 5000);
		err_clear(&e);
		if ((rc = attachment_next(m, &att, &e)) == 0)
			break;
		if (rc < 0) {
			add_format(&s->out, "ERROR %s;", e.text);
			s->errors++;
			s->e = e;
			assert_false(err_is_temporary(&e));
			continue;
		}
		add_format(&s->out,
		    "%s %s: ", att.kind == ATTACHMENT_XML ? "XML" : "JSON",
		    att.name);
		while ((n = reader_read(att.in, chunk, sizeof(chunk), &e)) > 0)
			add(&s->out, chunk, (size_t)n);
		add_text(&s->out, n < 0 ? "BROKEN;" : ";");
		if (n < 0)
			s->e = e;
	}
	assert_int_equal(attachment_next(m, &att, &e), 0);
}

static void
see(struct seen *s, const void *p, size_t len)
{
	struct spill_pool *pool = spill_pool_new("/tmp", s->limits.temporary);
	struct message *m = NULL;
	struct spill raw;
	const void *bytes;
	size_t size;
	int fd;

	material_buf(&s->out);
	add(&s->out, "", 0);
	spill_init(&raw, pool, s->limits.message_memory);
	assert_int_equal(spill_add(&raw, p, len, &s->e), 0);
	assert_int_equal(spill_finish(&raw, &bytes, &size, &fd, &s->e), 0);
	if (message_open(&m, &raw, &s->limits, pool, &s->e) < 0) {
		s->errors++;
		add_format(&s->out, "CLOSED %s", s->e.text);
	} else {
		take_all(s, m);
		s->looks = message_looks_like_report(m);
		s->received = message_received(m);
		(void)snprintf(s->id, sizeof(s->id), "%s",
		    message_id(m) != NULL ? message_id(m) : "");
	}
	message_close(&m);
	message_close(&m);
	spill_clear(&raw);
	assert_int_equal(spill_pool_used(pool), 0);
	spill_pool_free(&pool);
}

static void
check(const struct buf *mail, const char *expected, bool looks)
{
	struct seen s = { .limits = material_limits() };

	see(&s, mail->data, mail->len);
	assert_string_equal(s.out.data, expected);
	assert_int_equal(s.looks, looks);
	buf_clear(&s.out);
	/* the same out of files */
	s = (struct seen){ .limits = material_limits() };
	s.limits.message_memory = 0;
	see(&s, mail->data, mail->len);
	assert_string_equal(s.out.data, expected);
	buf_clear(&s.out);
}

static const struct text_case {
	const char *name;
	const char *mail, *out;
	bool looks;
} text_cases[] = {
	{ "a human", HEADER "\nHello, what is this?\n", "", false },
	{ "empty mail", "", "", false },
	{ "one byte", "x", "", false },
	{ "header only", HEADER, "", false },
	{ "no header", "\nhello\n", "", false },
	{ "XML as the text", HEADER "Content-Type: text/plain\n\n" XML "\n",
	    "XML part 1: " XML "\n;", false },
	{ "XML as HTML", HEADER "Content-Type: text/html\n\n\n " XML,
	    "XML part 1: \n " XML ";", false },
	{ "HTML", HEADER "Content-Type: text/html\n\n<html>hi</html>\n", "",
	    false },
	{ "XHTML may be anything", HEADER "\n<?xml version='1.0'?><html/>\n",
	    "XML part 1: <?xml version='1.0'?><html/>\n;", false },
	{ "JSON", HEADER "Content-Type: application/json\n\n{\"a\":1}",
	    "JSON part 1: {\"a\":1};", false },
	{ "wrong type", HEADER "Content-Type: image/png; name=a.png\n\n" XML,
	    "XML part 1: a.png: " XML ";", false },
	{ "two reports",
	    HEADER
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" XML
	    "1\n--b\n\nhello\n--b\nContent-Disposition: attachment; filename=c"
	    "\n\n" XML "2\n--b--\n",
	    "XML part 1: " XML "1;XML part 3: c: " XML "2;", false },
	{ "subject of a report",
	    "Subject: Report domain: d.example Submitter: s.example "
	    "Report-ID: <1>\n\nhi\n",
	    "", true },
	{ "subject of a report, forwarded",
	    "Subject: Fwd: REPORT DOMAIN: d.example  SUBMITTER: s\n\nhi\n", "",
	    true },
	{ "subject that is nearly one", "Subject: Report domain: x\n\nhi\n", "",
	    false },
	{ "feedback report",
	    HEADER
	    "Content-Type: multipart/report; report-type=feedback-report;"
	    " boundary=b\n\n--b\n\nx\n--b--\n",
	    "", true },
	{ "TLS report",
	    HEADER "Content-Type: multipart/report; report-type=tlsrpt;"
		   " boundary=b\n\n--b\n\nx\n--b--\n",
	    "", true },
	{ "a bounce",
	    HEADER "Content-Type: multipart/report; report-type=delivery-status"
		   "; boundary=b\n\n--b\n\nx\n--b--\n",
	    "", false },
	{ "bare XML", XML, "XML file: " XML ";", false },
	{ "bare XML with BOM", "\xef\xbb\xbf\n" XML,
	    "XML file: \xef\xbb\xbf\n" XML ";", false },
	{ "bare JSON", "{\"a\":1}", "JSON file: {\"a\":1};", false },
};

static void
text_row(void **state)
{
	const struct text_case *c = *state;
	struct buf b;

	material_buf(&b);
	add_text(&b, c->mail);
	check(&b, c->out, c->looks);
	buf_clear(&b);
}

/* How something is packed: a letter for each layer, the innermost first. */
static const struct pack_case {
	const char *name;
	const char *layers;
	const char *out; /* behind the name of the file or part */
	bool is_error;
} pack_cases[] = {
	{ "gz", "g", ": " XML ";", false },
	{ "zip", "z", ": 1.bin: " XML ";", false },
	{ "gz in gz", "gg", ": " XML ";", false },
	{ "gz in zip", "gz", ": 2.bin: " XML ";", false },
	{ "zip in gz", "zg", ": 1.bin: " XML ";", false },
	{ "zip in zip", "zz", ": 2.bin: 1.bin: " XML ";", false },
	{ "gz in zip in gz", "gzg", ": 2.bin: " XML ";", false },
	{ "four gz", "gggg", ": " XML ";", false },
	{ "five gz", "ggggg", ": packed more than 4 times;", true },
	{ "four zips", "zzzz", ": 4.bin: 3.bin: 2.bin: 1.bin: " XML ";",
	    false },
	{ "five zips", "zzzzz",
	    ": 5.bin: 4.bin: 3.bin: 2.bin: packed more than 4 times;", true },
	{ "four in turns", "gzgz", ": 4.bin: 2.bin: " XML ";", false },
	{ "five in turns", "gzgzg", ": 4.bin: 2.bin: packed more than 4 times;",
	    true },
	{ "twenty in turns", "gzgzgzgzgzgzgzgzgzgz",
	    ": 20.bin: 18.bin: packed more than 4 times;", true },
};

static void
pack(struct buf *b, const char *layers)
{
	struct buf outer;
	char name[16];
	int i;

	add(b, XML, XML_LEN);
	for (i = 1; *layers != '\0'; layers++, i++) {
		material_buf(&outer);
		(void)snprintf(name, sizeof(name), "%d.bin", i);
		if (*layers == 'g')
			add_gzip(&outer, b->data, b->len);
		else
			add_zip_of(&outer, name, b->data, b->len);
		buf_clear(b);
		*b = outer;
	}
}

static void
pack_row(void **state)
{
	const struct pack_case *c = *state;
	struct buf b, mail, expected;

	material_buf(&b);
	material_buf(&mail);
	material_buf(&expected);
	pack(&b, c->layers);
	add_format(
	    &expected, "%sfile%s", c->is_error ? "ERROR " : "XML ", c->out);
	check(&b, expected.data, c->is_error);
	/* and as a part of a mail, base64 */
	add_text(&mail, HEADER "Content-Type: application/octet-stream; "
			       "name=\"r.bin\"\nContent-Transfer-Encoding: "
			       "base64\n\n");
	add_base64(&mail, b.data, b.len);
	buf_reset(&expected);
	add_format(&expected, "%spart 1: r.bin%s",
	    c->is_error ? "ERROR " : "XML ", c->out);
	check(&mail, expected.data, c->is_error);
	buf_clear(&expected);
	buf_clear(&mail);
	buf_clear(&b);
}

static void
nesting_of_none(void **state)
{
	struct seen s = { .limits = material_limits() };
	struct buf b;

	(void)state;
	material_buf(&b);
	pack(&b, "g");
	s.limits.nesting = 0;
	see(&s, b.data, b.len);
	assert_int_equal(s.e.kind, ERR_LIMIT);
	buf_clear(&s.out);
	buf_clear(&b);
}

/* One bad attachment does not hide those behind it. */
static void
bad_between_good(void **state)
{
	struct buf mail, bad, good, zip;
	struct zip_member m[3];
	int shape;

	(void)state;
	material_buf(&mail);
	material_buf(&good);
	add_gzip(&good, XML, XML_LEN);
	for (shape = 0; shape < 4; shape++) {
		material_buf(&bad);
		material_buf(&zip);
		if (shape == 0) { /* gzip cut within what is looked at */
			add_gzip(&bad, XML, XML_LEN);
			bad.len -= 9;
		} else if (shape == 1) { /* no zip behind its magic */
			add_text(&bad, "PK\3\4 and so on");
		} else if (shape == 2) { /* packed too often */
			pack(&bad, "ggggg");
		} else { /* a member that is encrypted */
			m[0] = zip_stored("locked.xml", XML, XML_LEN);
			m[0].flags = 1;
			add_zip(&bad, m, 1);
		}
		buf_reset(&mail);
		add_text(&mail, HEADER "Content-Type: multipart/mixed; "
				       "boundary=b\n\n--b\n\n" XML "\n--b\n"
				       "Content-Transfer-Encoding: base64\n"
				       "Content-Disposition: attachment; "
				       "filename=bad\n\n");
		add_base64(&mail, bad.data, bad.len);
		add_text(&mail, "--b\nContent-Transfer-Encoding: base64\n"
				"Content-Disposition: attachment; "
				"filename=good\n\n");
		add_base64(&mail, good.data, good.len);
		add_text(&mail, "--b--\n");
		{
			struct seen s = { .limits = material_limits() };

			see(&s, mail.data, mail.len);
			assert_int_equal(s.errors, 1);
			assert_non_null(
			    strstr(s.out.data, "XML part 1: " XML ";"));
			assert_non_null(
			    strstr(s.out.data, "ERROR part 2: bad"));
			assert_non_null(
			    strstr(s.out.data, "XML part 3: good: " XML ";"));
			assert_true(s.looks);
			buf_clear(&s.out);
		}
		buf_clear(&zip);
		buf_clear(&bad);
	}
	/* within one zip: the member behind a broken one is read */
	material_buf(&zip);
	m[0] = zip_stored("a.xml", XML, XML_LEN);
	m[1] = zip_stored("b.xml", XML, XML_LEN);
	m[1].crc++;
	m[2] = zip_stored("c.xml", XML, XML_LEN);
	add_zip(&zip, m, 3);
	{
		struct seen s = { .limits = material_limits() };

		see(&s, zip.data, zip.len);
		assert_non_null(strstr(s.out.data, "file: a.xml: " XML ";"));
		assert_non_null(strstr(s.out.data, "file: c.xml: " XML ";"));
		assert_int_equal(s.e.kind, ERR_MALFORMED);
		buf_clear(&s.out);
	}
	buf_clear(&zip);
	buf_clear(&good);
	buf_clear(&mail);
}

/* The budget is one for the whole mail, over all parts. */
static void
budget_of_the_mail(void **state)
{
	struct buf mail, plain, packed;
	unsigned i, more;

	(void)state;
	material_buf(&mail);
	material_buf(&plain);
	material_buf(&packed);
	add_text(&plain, "<feedback>");
	add_many(&plain, ' ', 9990);
	add_gzip(&packed, plain.data, plain.len);
	add_text(&mail, HEADER "Content-Type: multipart/mixed; boundary=b\n");
	for (i = 0; i < 10; i++) {
		add_text(&mail, "\n--b\nContent-Transfer-Encoding: base64\n\n");
		add_base64(&mail, packed.data, packed.len);
	}
	add_text(&mail, "--b--\n");
	for (more = 0; more < 2; more++) {
		struct seen s = { .limits = material_limits() };

		s.limits.decompressed = 100000 - more;
		see(&s, mail.data, mail.len);
		assert_int_equal(s.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
		buf_clear(&s.out);
	}
	buf_clear(&packed);
	buf_clear(&plain);
	buf_clear(&mail);
}

static void
long_names(void **state)
{
	struct seen s = { .limits = material_limits() };
	char name[60001];
	struct buf b;
	int i;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	material_buf(&b);
	add(&b, XML, XML_LEN);
	for (i = 0; i < 4; i++) {
		struct buf outer;

		material_buf(&outer);
		add_zip_of(&outer, name, b.data, b.len);
		buf_clear(&b);
		b = outer;
	}
	see(&s, b.data, b.len);
	assert_non_null(strstr(s.out.data, ": " XML ";"));
	assert_true(s.out.len < 1000);
	buf_clear(&s.out);
	buf_clear(&b);
}

/* A text may have many lines that look like delimiters. */
static void
lines_of_dashes(void **state)
{
	struct seen s = { .limits = material_limits() };
	struct buf b;
	int i;

	(void)state;
	material_buf(&b);
	add_text(&b, HEADER "\n");
	for (i = 0; i < 10000; i++)
		add_text(&b, i % 3 == 0 ? "-- x\n- -\n-" : "---\n\n");
	see(&s, b.data, b.len);
	assert_int_equal(s.errors, 0);
	buf_clear(&s.out);
	for (i = 0; i < 50000; i++)
		add_text(&b, "--\n");
	see(&s, b.data, b.len);
	assert_int_equal(s.errors, 0);
	buf_clear(&s.out);
	buf_clear(&b);
}

static void
fields_of_the_mail(void **state)
{
	static const char mail[] =
	    "Received: by b; Tue, 2 Jan 2024 00:00:00 +0000\n"
	    "Received: by a; Mon, 1 Jan 2024 00:00:00 +0000\n"
	    "Message-ID: <1@example.net>\n\nhi\n";
	struct seen s = { .limits = material_limits() };

	(void)state;
	see(&s, mail, sizeof(mail) - 1);
	assert_int_equal(s.received, 1704153600);
	assert_string_equal(s.id, "1@example.net");
	buf_clear(&s.out);
	s = (struct seen){ .limits = material_limits() };
	see(&s, XML, XML_LEN);
	assert_int_equal(s.received, 0);
	assert_string_equal(s.id, "");
	buf_clear(&s.out);
}

static void
flipped_bytes(void **state)
{
	uint64_t seed = 77;
	struct buf mail, packed, b;
	int i, j;

	(void)state;
	material_buf(&mail);
	material_buf(&packed);
	material_buf(&b);
	add_text(&mail, HEADER "Content-Type: multipart/mixed; boundary=b\n\n"
			       "--b\nContent-Transfer-Encoding: base64\n\n");
	pack(&packed, "gzg");
	add_base64(&mail, packed.data, packed.len);
	add_text(&mail, "--b\n\n" XML "\n--b--\n");
	for (i = 0; i < 1000; i++) {
		struct seen s = { .limits = material_limits() };

		buf_reset(&b);
		add(&b, mail.data, mail.len);
		for (j = (int)(material_random(&seed) % 4); j >= 0; j--)
			b.data[material_random(&seed) % b.len] ^=
			    (char)(1 << material_random(&seed) % 8);
		see(&s, b.data, b.len);
		buf_clear(&s.out);
	}
	buf_clear(&b);
	buf_clear(&packed);
	buf_clear(&mail);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	message_setup();
	UNIT_ROWS(&u, text_cases, text_row);
	UNIT_ROWS(&u, pack_cases, pack_row);
	UNIT_ONE(&u, nesting_of_none);
	UNIT_ONE(&u, bad_between_good);
	UNIT_ONE(&u, budget_of_the_mail);
	UNIT_ONE(&u, long_names);
	UNIT_ONE(&u, lines_of_dashes);
	UNIT_ONE(&u, fields_of_the_mail);
	UNIT_ONE(&u, flipped_bytes);
	return unit_run("message", &u);
}
