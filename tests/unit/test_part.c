/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_part.c - the parts of a mail: every transfer encoding gives its bytes,
 * limits hold, and no nesting is deep enough to hurt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/message/part.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

struct mail {
	struct conf_limits limits;
	struct spill_pool *pool;
	struct spill raw;
	struct parts *parts;
	struct err e;
	struct buf out; /* "name=content;" of each part */
	int rc;         /* of the last parts_next */
};

static int
mail_open(struct mail *m, const void *p, size_t len)
{
	const void *bytes;
	size_t size;
	int fd;

	m->pool = spill_pool_new("/tmp", m->limits.temporary);
	spill_init(&m->raw, m->pool, m->limits.message_memory);
	assert_int_equal(spill_add(&m->raw, p, len, &m->e), 0);
	assert_int_equal(spill_finish(&m->raw, &bytes, &size, &fd, &m->e), 0);
	return parts_open(&m->parts, &m->raw, &m->limits, &m->e);
}

static void
mail_read(struct mail *m, size_t piece)
{
	struct reader *content;
	const char *name;
	char *chunk = xmalloc(piece);
	ssize_t n;

	material_buf(&m->out);
	add(&m->out, "", 0);
	while ((m->rc = parts_next(m->parts, &content, &name, &m->e)) == 1) {
		add_format(&m->out, "%s=", name);
		while ((n = reader_read(content, chunk, piece, &m->e)) > 0)
			add(&m->out, chunk, (size_t)n);
		assert_int_equal(n, 0);
		reader_close(&content);
		add_text(&m->out, ";");
	}
	if (m->rc < 0) /* then there is no next one */
		assert_int_equal(
		    parts_next(m->parts, &content, &name, &m->e), 0);
	free(chunk);
}

static void
mail_close(struct mail *m)
{
	parts_close(&m->parts);
	assert_null(m->parts);
	buf_clear(&m->out);
	spill_clear(&m->raw);
	assert_int_equal(spill_pool_used(m->pool), 0);
	spill_pool_free(&m->pool);
}

#define TYPE(type) "MIME-Version: 1.0\nContent-Type: " type "\n"
#define ENCODING(name) "Content-Transfer-Encoding: " name "\n\n"

static const struct part_case {
	const char *name;
	const char *mail;
	const char *out;
} part_cases[] = {
	{ "plain", "Subject: x\n\nhello\n", "part 1=hello\n;" },
	{ "line ends of the network", "Subject: x\r\n\r\nhello\r\n",
	    "part 1=hello\r\n;" },
	{ "base64", TYPE("application/gzip") ENCODING("base64") "aGVs\nbG8=\n",
	    "part 1=hello;" },
	{ "base64 with junk in it",
	    TYPE("text/xml") ENCODING("BASE64") "aG!V\n \ts-bG8=\n",
	    "part 1=hello;" },
	{ "base64 with text behind",
	    TYPE("text/xml") ENCODING("base64") "aGVsbG8=\n\n-- \n",
	    "part 1=hello;" },
	{ "quoted-printable",
	    TYPE("text/xml") ENCODING("quoted-printable") "a=3Db=\n c=C3=BC\n",
	    "part 1=a=b c\xc3\xbc\n;" },
	{ "quoted-printable that is none",
	    TYPE("text/xml") ENCODING("quoted-printable") "a='x' =ZZ\n",
	    "part 1=a='x' =ZZ\n;" },
	{ "8bit", TYPE("text/xml") ENCODING("8bit") "\xc3\xbc\xff\n",
	    "part 1=\xc3\xbc\xff\n;" },
	{ "binary", TYPE("text/xml") ENCODING("binary") "a\1b\n",
	    "part 1=a\1b\n;" },
	{ "uuencode",
	    TYPE("text/xml") ENCODING("x-uuencode") "begin 644 r.xml\n"
						    "%:&5L;&\\ \n`\nend\n",
	    "part 1=hello;" },
	{ "encoding that nobody knows",
	    TYPE("text/xml") ENCODING("rot13") "hello\n", "part 1=hello\n;" },
	{ "filename",
	    TYPE("text/xml; name=b.xml") "Content-Disposition: attachment; "
					 "filename=\"a b.xml\"\n\nx",
	    "part 1: a b.xml=x;" },
	{ "name only", TYPE("text/xml; name=b.xml") "\nx", "part 1: b.xml=x;" },
	{ "filename of RFC 2231",
	    TYPE("text/xml") "Content-Disposition: attachment; "
			     "filename*=utf-8''%C3%BC.xml\n\nx",
	    "part 1: \xc3\xbc.xml=x;" },
	{ "multipart",
	    TYPE("multipart/mixed; boundary=b") "\npreamble\n--b\n\none\n--b\n"
						"Content-Type: text/xml; "
						"name=x\n\ntwo\n--b--"
						"\nepilogue\n",
	    "part 1=one;part 2: x=two;" },
	/* GMime alone would lose the last byte, or make one more */
	{ "CR LF behind a boundary only",
	    TYPE("multipart/mixed; boundary=b") "\n--b\r\n\none\rs\r\n\ntwo\n"
						"--b--\r\n",
	    "part 1=one\rs\n\ntwo;" },
	{ "CR LF before a boundary only",
	    TYPE("multipart/mixed; boundary=b") "\n--b\n\none\r\n--b\n\ntwo\r"
						"\n--b--\n",
	    "part 1=one;part 2=two;" },
	{ "multipart without an end",
	    TYPE("multipart/mixed; boundary=b") "\n--b\n\none\n--b\n\ntwo",
	    "part 1=one;part 2=two;" },
	{ "multipart without a part",
	    TYPE("multipart/mixed; boundary=b") "\nnothing\n", NULL },
	{ "multipart without a boundary",
	    TYPE("multipart/mixed") "\n--b\n\n1\n", NULL },
	{ "empty part",
	    TYPE("multipart/mixed; boundary=b") "\n--b\n\n--b\n\nx\n--b--\n",
	    NULL },
	{ "a mail in the mail",
	    TYPE("message/rfc822") "\nSubject: inner\n" TYPE(
		"text/xml; name=i.xml") "\ninner\n",
	    NULL },
	{ "a mail in a part",
	    TYPE(
		"multipart/mixed; boundary=b") "\n--b\nContent-Type: "
					       "message/rfc822\n\nSubject: "
					       "y\n" TYPE(
						   "multipart/mixed; "
						   "boundary=c") "\n--"
								 "c"
								 "\n" TYPE(
								     "te"
								     "xt"
								     "/x"
								     "ml"
								     "; "
								     "na"
								     "me"
								     "=i"
								     ".x"
								     "m"
								     "l") "\nin"
									  "ner"
									  "\n--"
									  "c--"
									  "\n--"
									  "b--"
									  "\n",
	    NULL },
	{ "no header", "\nhello\n", "part 1=hello\n;" },
	{ "header only", "Subject: x\n", NULL },
	{ "nothing", "", NULL },
	{ "one byte", "x", NULL },
	{ "one line", "\n", NULL },
};

static void
part_row(void **state)
{
	static const size_t pieces[] = { 1, 3, 4096 };
	const struct part_case *c = *state;
	size_t i;
	int in_file;

	for (i = 0; i < 3; i++) {
		for (in_file = 0; in_file < 2; in_file++) {
			struct mail m = { .limits = material_limits() };

			if (in_file)
				m.limits.message_memory = 0;
			assert_int_equal(
			    mail_open(&m, c->mail, strlen(c->mail)), 0);
			mail_read(&m, pieces[i]);
			assert_int_equal(m.rc, 0);
			if (c->out != NULL)
				assert_string_equal(m.out.data, c->out);
			else if (strstr(c->mail, "inner\n") != NULL)
				assert_non_null(
				    strstr(m.out.data, ": i.xml=inner"));
			mail_close(&m);
		}
	}
}

/* Long stretches that decode to nothing are not the end of a part. */
static void
nothing_for_long(void **state)
{
	static const struct {
		const char *encoding, *before, *after;
		char fill;
	} rows[] = {
		{ "base64", "aGVs", "bG8=\n", '\n' },
		{ "base64", "aGVs", "bG8=\n", ' ' },
		{ "base64", "", "aGVsbG8=\n", '\n' },
		{ "x-uuencode", "", "\nbegin 644 r\n%:&5L;&\\ \n`\nend\n",
		    '.' },
	};
	struct buf b;
	size_t i, n;

	(void)state;
	material_buf(&b);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (n = 4000; n < 100000; n *= 3) {
			struct mail m = { .limits = material_limits() };

			buf_reset(&b);
			add_text(
			    &b, TYPE("text/xml") "Content-Transfer-Encoding: ");
			add_format(
			    &b, "%s\n\n%s", rows[i].encoding, rows[i].before);
			add_many(&b, rows[i].fill, n);
			add_text(&b, rows[i].after);
			assert_int_equal(mail_open(&m, b.data, b.len), 0);
			mail_read(&m, 4096);
			assert_string_equal(m.out.data, "part 1=hello;");
			mail_close(&m);
		}
	}
	buf_clear(&b);
}

static void
large_part(void **state)
{
	struct mail m = { .limits = material_limits() };
	struct buf b, noise;
	uint64_t seed = 6;
	uint32_t n;
	size_t i;

	(void)state;
	material_buf(&b);
	material_buf(&noise);
	for (i = 0; i < 700000; i++) {
		n = material_random(&seed);
		add(&noise, &n, 4);
	}
	add_text(&b,
	    TYPE(
		"multipart/mixed; boundary=b") "\n--b\n\nfirst\n--b\n"
					       "Content-Type: application/zip; "
					       "name=z\n" ENCODING("base64"));
	add_base64(&b, noise.data, noise.len);
	add_text(&b, "--b--\r\n");
	assert_int_equal(mail_open(&m, b.data, b.len), 0);
	assert_int_equal(spill_pool_used(m.pool), b.len); /* in a file */
	mail_read(&m, 10000);
	assert_memory_equal(m.out.data, "part 1=first;part 2: z=", 23);
	assert_int_equal(m.out.len, 23 + noise.len + 1);
	assert_memory_equal(m.out.data + 23, noise.data, noise.len);
	mail_close(&m);
	buf_clear(&noise);
	buf_clear(&b);
}

static void
parts_limit_at_its_boundary(void **state)
{
	struct buf b;
	unsigned more, i;

	(void)state;
	material_buf(&b);
	for (more = 0; more < 2; more++) {
		struct mail m = { .limits = material_limits() };

		m.limits.parts = 50;
		buf_reset(&b);
		add_text(&b, TYPE("multipart/mixed; boundary=b") "\n");
		for (i = 0; i < 50 + more; i++)
			add_text(&b, "--b\n\nx\n");
		add_text(&b, "--b--\n");
		assert_int_equal(mail_open(&m, b.data, b.len), 0);
		mail_read(&m, 100);
		assert_int_equal(m.rc, more == 0 ? 0 : -1);
		assert_int_equal(m.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
		assert_non_null(strstr(m.out.data, "part 50=x;"));
		mail_close(&m);
	}
	buf_clear(&b);
}

/* depth multiparts, one in another, and a text in the innermost. */
static void
nest(struct buf *b, unsigned depth)
{
	unsigned i;

	add_text(b, "MIME-Version: 1.0\n");
	for (i = 0; i < depth; i++)
		add_format(b,
		    "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i,
		    i);
	add_text(b, "\nx\n");
	while (i-- > 0)
		add_format(b, "--b%u--\n", i);
}

static void
depth_limit_at_its_boundary(void **state)
{
	struct buf b;
	unsigned depth, passed = 0;

	(void)state;
	material_buf(&b);
	for (depth = 1; depth <= 40; depth++) {
		struct mail m = { .limits = material_limits() };

		m.limits.part_depth = 20;
		buf_reset(&b);
		nest(&b, depth);
		assert_int_equal(mail_open(&m, b.data, b.len), 0);
		mail_read(&m, 100);
		assert_int_equal(m.e.kind, m.rc == 0 ? ERR_NONE : ERR_LIMIT);
		if (m.rc == 0) {
			assert_non_null(strstr(m.out.data, "=x;"));
			assert_int_equal(passed, depth - 1);
			passed = depth;
		}
		mail_close(&m);
	}
	assert_int_equal(passed, 20);
	buf_clear(&b);
}

static void
ten_thousand_multiparts(void **state)
{
	struct mail m = { .limits = material_limits() };
	struct buf b;

	(void)state;
	material_buf(&b);
	nest(&b, 10000);
	if (mail_open(&m, b.data, b.len) == 0) {
		mail_read(&m, 100);
		assert_int_equal(m.rc, -1);
	}
	assert_int_equal(m.e.kind, ERR_LIMIT);
	mail_close(&m);
	buf_clear(&b);
}

static void
ten_thousand_mails_in_mails(void **state)
{
	struct mail m = { .limits = material_limits() };
	struct buf b;
	int i;

	(void)state;
	material_buf(&b);
	for (i = 0; i < 10000; i++)
		add_text(&b, "Content-Type: message/rfc822\n\n");
	add_text(&b, "\nx\n");
	if (mail_open(&m, b.data, b.len) == 0) {
		mail_read(&m, 100);
		assert_int_equal(m.rc, -1);
	}
	assert_int_equal(m.e.kind, ERR_LIMIT);
	mail_close(&m);
	buf_clear(&b);
}

/* 3 MiB of nothing but boundaries: refused, not made into objects. */
static void
boundaries_only(void **state)
{
	struct mail m = { .limits = material_limits() };
	struct buf b;
	int i;

	(void)state;
	material_buf(&b);
	add_text(&b, TYPE("multipart/mixed; boundary=b") "\n");
	for (i = 0; i < 600000; i++)
		add_text(&b, "--b\n\n");
	if (mail_open(&m, b.data, b.len) == 0) {
		mail_read(&m, 100);
		assert_int_equal(m.rc, -1);
	}
	assert_int_equal(m.e.kind, ERR_LIMIT);
	mail_close(&m);
	buf_clear(&b);
}

static void
header_limit_at_its_boundary(void **state)
{
	static const char *const ends[] = { "\n\nbody\n", "\r\n\r\nbody\r\n" };
	struct buf b;
	size_t i, more;

	(void)state;
	material_buf(&b);
	for (i = 0; i < 2; i++) {
		const size_t end = i == 0 ? 1 : 3; /* up to the last \n */

		for (more = 0; more < 2; more++) {
			struct mail m = { .limits = material_limits() };

			m.limits.header = 40000;
			buf_reset(&b);
			add_text(&b, "Subject: ");
			add_many(&b, 'x', m.limits.header - 9 - end + more);
			add_text(&b, ends[i]);
			assert_int_equal(
			    mail_open(&m, b.data, b.len), more == 0 ? 0 : -1);
			assert_int_equal(
			    m.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
			mail_close(&m);
		}
	}
	/* no end of the header at all */
	for (more = 0; more < 2; more++) {
		struct mail m = { .limits = material_limits() };

		m.limits.header = 40000;
		buf_reset(&b);
		add_many(&b, 'x', more == 0 ? 30000 : 60000);
		assert_int_equal(
		    mail_open(&m, b.data, b.len), more == 0 ? 0 : -1);
		mail_close(&m);
	}
	buf_clear(&b);
}

static const struct received_case {
	const char *name;
	const char *header;
	int64_t at;
} received_cases[] = {
	{ "none", "Subject: x\n", 0 },
	{ "UTC", "Received: by x; Mon, 1 Jan 2024 00:00:00 +0000\n",
	    1704067200 },
	{ "a zone", "Received: by x; Mon, 1 Jan 2024 02:30:00 +0230\n",
	    1704067200 },
	{ "a zone behind", "Received: by x; Sun, 31 Dec 2023 16:00:00 -0800\n",
	    1704067200 },
	{ "a comment", "Received: by x; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\n",
	    1704067200 },
	{ "no day of the week", "Received: by x; 1 Jan 2024 00:00:00 +0000\n",
	    1704067200 },
	{ "folded",
	    "Received: from a\n\tby b with ESMTP id 1\n\tfor <c@d>;\n\tMon, 1 "
	    "Jan 2024\n 00:00:00 +0000\n",
	    1704067200 },
	{ "semicolon inside",
	    "Received: by x (a; b); Mon, 1 Jan 2024 00:00:00 +0000\n",
	    1704067200 },
	{ "the topmost",
	    "Received: by x; Mon, 1 Jan 2024 00:00:00 +0000\n"
	    "Received: by y; Mon, 1 Jan 2018 00:00:00 +0000\n",
	    1704067200 },
	{ "lower case", "received: by x; Mon, 1 Jan 2024 00:00:00 +0000\n",
	    1704067200 },
	{ "no date", "Received: by x\n", 0 },
	{ "empty date", "Received: by x;\n", 0 },
	{ "no date at all", "Received: by x; yesterday\n", 0 },
	{ "empty", "Received:\n", 0 },
	{ "Date does not count", "Date: Mon, 1 Jan 2024 00:00:00 +0000\n", 0 },
};

static void
received_row(void **state)
{
	const struct received_case *c = *state;
	struct mail m = { .limits = material_limits() };
	struct buf b;

	material_buf(&b);
	add_format(&b, "%sX: y\n\nbody\n", c->header);
	assert_int_equal(mail_open(&m, b.data, b.len), 0);
	assert_int_equal(parts_received(m.parts), c->at);
	mail_close(&m);
	buf_clear(&b);
}

static void
header_fields(void **state)
{
	static const char mail[] =
	    "Message-ID: <a.b@example.net>\n"
	    "Date: Thu, 01 Jan 2026 00:00:00 +0000\n\nx\n";
	struct mail m = { .limits = material_limits() };

	(void)state;
	assert_int_equal(mail_open(&m, mail, sizeof(mail) - 1), 0);
	assert_string_equal(parts_message_id(m.parts), "a.b@example.net");
	assert_int_equal(parts_date(m.parts), 1767225600);
	mail_close(&m);
	m = (struct mail){ .limits = material_limits() };
	assert_int_equal(mail_open(&m, "X: y\n\nz\n", 8), 0);
	assert_null(parts_message_id(m.parts));
	assert_true(parts_date(m.parts) == INT64_MIN);
	mail_close(&m);
}

static void
flipped_bytes(void **state)
{
	static const char mail[] = TYPE(
	    "multipart/mixed; boundary=\"b\"") "Received: by x; Mon, 1 Jan "
					       "2024 00:00:00 +0000\nSubject: "
					       "=?utf-8?b?YQ==?=\n\n--b\n" TYPE(
						   "text/xml; name*=utf-8''a")
						   ENCODING(
						       "base64") "aGVsbG8=\n"
								 "--b\n" TYPE(
								     "message/"
								     "rfc822") "\n" TYPE("text/plain")
								     ENCODING(
									 "quote"
									 "d-"
									 "print"
									 "able") "a=3D\n--b--\n";
	uint64_t seed = 12;
	struct buf b;
	int i, j;

	(void)state;
	material_buf(&b);
	for (i = 0; i < 1500; i++) {
		struct mail m = { .limits = material_limits() };

		buf_reset(&b);
		add(&b, mail, sizeof(mail) - 1);
		for (j = (int)(material_random(&seed) % 5); j >= 0; j--)
			b.data[material_random(&seed) % b.len] =
			    j % 2 == 0
				? (char)material_random(&seed)
				: ":;=\"\n-b "[material_random(&seed) % 8];
		if (mail_open(&m, b.data, b.len) == 0) {
			(void)parts_received(m.parts);
			(void)parts_date(m.parts);
			mail_read(&m, 100);
		}
		mail_close(&m);
	}
	buf_clear(&b);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	parts_setup();
	UNIT_ROWS(&u, part_cases, part_row);
	UNIT_ONE(&u, nothing_for_long);
	UNIT_ONE(&u, large_part);
	UNIT_ONE(&u, parts_limit_at_its_boundary);
	UNIT_ONE(&u, depth_limit_at_its_boundary);
	UNIT_ONE(&u, ten_thousand_multiparts);
	UNIT_ONE(&u, ten_thousand_mails_in_mails);
	UNIT_ONE(&u, boundaries_only);
	UNIT_ONE(&u, header_limit_at_its_boundary);
	UNIT_ROWS(&u, received_cases, received_row);
	UNIT_ONE(&u, header_fields);
	UNIT_ONE(&u, flipped_bytes);
	return unit_run("part", &u);
}
