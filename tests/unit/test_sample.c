/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sample.c - the mail in a failure report: whatever is in it, it is taken
 * apart as far as it can be read and as far as it may be kept.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/sha256.h"
#include "common/base/text.h"
#include "common/message/message.h"
#include "common/message/sample.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

struct world {
	struct spill_pool *pool;
	struct conf_limits limits;
	struct arena *arena;
	struct sample s;
};

static struct world
world_make(void)
{
	message_setup();
	return (struct world){ .pool = spill_pool_new("/tmp", 64 * MIB),
		.limits = material_limits(),
		.arena = arena_new() };
}

static void
world_parse_bytes(
    struct world *w, const void *p, size_t len, enum conf_sample keep)
{
	struct err e = { 0 };
	struct spill raw;
	const void *bytes;
	size_t size;
	int fd;

	spill_init(&raw, w->pool, (size_t)w->limits.message_memory);
	if (spill_add(&raw, p, len, &e) < 0 ||
	    spill_finish(&raw, &bytes, &size, &fd, &e) < 0 ||
	    sample_parse(&w->s, &raw, &w->limits, keep, w->arena, &e) < 0)
		fail_msg("%s", e.text);
	spill_clear(&raw);
}

static void
world_parse(struct world *w, const char *text, enum conf_sample keep)
{
	world_parse_bytes(w, text, strlen(text), keep);
}

static void
world_clear(struct world *w)
{
	arena_free(&w->arena);
	spill_pool_free(&w->pool);
}

static void
assert_same(const char *what, const char *got, const char *wanted)
{
	if (got == NULL && wanted == NULL)
		return;
	if (got == NULL || wanted == NULL || strcmp(got, wanted) != 0)
		fail_msg("%s: %s, not %s", what, got == NULL ? "NULL" : got,
		    wanted == NULL ? "NULL" : wanted);
}

/* "Name <address>, address" */
static const char *
addresses_text(struct arena *a, const struct mail_addresses *list)
{
	const char *text = "";
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct mail_address *m = &list->item[i];

		text = arena_printf(a, "%s%s%s%s%s%s", text, i > 0 ? ", " : "",
		    m->display_name == NULL ? "" : m->display_name,
		    m->display_name == NULL ? "" : " <", m->address,
		    m->display_name == NULL ? "" : ">");
	}
	return text;
}

static const struct address_case {
	const char *name, *header, *wanted, *domain;
} address_cases[] = {
	{ "plain", "From: a@b.example\n", "a@b.example", "b.example" },
	{ "with a name", "From: A B <a@b.example>\n", "A B <a@b.example>",
	    "b.example" },
	{ "quoted", "From: \"B, A\" <a@b.example>\n", "B, A <a@b.example>",
	    "b.example" },
	{ "encoded", "From: =?utf-8?Q?J=C3=BCrg?= <a@b.example>\n",
	    "J\xc3\xbcrg <a@b.example>", "b.example" },
	{ "encoded inside quotation marks",
	    "From: \"=?utf-8?B?w5xiZXI=?=\" <a@b.example>\n",
	    "\xc3\x9c"
	    "ber <a@b.example>",
	    "b.example" },
	{ "bytes without a charset", "From: \xff <a@b.example>\n", NULL,
	    "b.example" },
	{ "several", "From: a@b.example, c@d.example\n",
	    "a@b.example, c@d.example", "b.example" },
	{ "the first field only", "From: a@b.example\nFrom: c@d.example\n",
	    "a@b.example", "b.example" },
	{ "folded", "From: A\n <a@b.example>\n", "A <a@b.example>",
	    "b.example" },
	{ "in a group", "From: x: a@b.example, c@d.example;\n",
	    "a@b.example, c@d.example", "b.example" },
	{ "nobody", "From: undisclosed-recipients:;\n", "", NULL },
	{ "empty", "From:\n", "", NULL },
	{ "missing", "To: x@y.example\n", "", NULL },
	{ "commas", "From: , ,\n", "", NULL },
	{ "empty address", "From: A <>\n", "", NULL },
	{ "no domain", "From: <a@>\n", NULL, NULL },
	{ "two at signs", "From: \"a@x\"@B.Example\n", NULL, "b.example" },
};

static void
address_row(void **state)
{
	const struct address_case *c = *state;
	struct world w = world_make();
	int keep;

	for (keep = CONF_SAMPLE_NONE; keep <= CONF_SAMPLE_FULL; keep++) {
		world_parse(&w, c->header, (enum conf_sample)keep);
		assert_same("domain", w.s.from_domain, c->domain);
		if (keep == CONF_SAMPLE_NONE)
			assert_int_equal(w.s.from.count, 0);
		else if (c->wanted != NULL)
			assert_same("from", addresses_text(w.arena, &w.s.from),
			    c->wanted);
	}
	world_clear(&w);
}

static const struct body_case {
	const char *name, *text, *body;
	bool headers_only;
	size_t attachments;
} body_cases[] = {
	{ "header only", "From: a@b.example\n", NULL, true, 0 },
	{ "header and its end", "From: a@b.example\n\n", NULL, true, 0 },
	{ "nothing", "", NULL, true, 0 },
	{ "text", "A: b\n\nText\n", "Text\n", false, 0 },
	{ "no header", "\nText\n", "Text\n", false, 0 },
	{ "HTML", "Content-Type: text/html\n\n<p>\n", "<p>\n", false, 0 },
	{ "quoted printable",
	    "Content-Type: text/plain\nContent-Transfer-Encoding: "
	    "quoted-printable\n\na=3Db=\nc\n",
	    "a=bc\n", false, 0 },
	{ "latin 1",
	    "Content-Type: text/plain; charset=iso-8859-1\n\nGr\xfc\xdf"
	    "e\n",
	    "Gr\xc3\xbc\xc3\x9f"
	    "e\n",
	    false, 0 },
	{ "a charset of nobody",
	    "Content-Type: text/plain; charset=x-none\n\nText\n", "Text\n",
	    false, 0 },
	{ "no UTF-8",
	    "Content-Type: text/plain; charset=utf-8\n\n\xff"
	    "a\n",
	    "\xef\xbf\xbd"
	    "a\n",
	    false, 0 },
	{ "NUL",
	    "Content-Type: text/plain\nContent-Transfer-Encoding: "
	    "base64\n\nYQBi\n",
	    "a\xef\xbf\xbd"
	    "b",
	    false, 0 },
	{ "both kinds, HTML first",
	    "Content-Type: multipart/alternative; boundary=x\n\n"
	    "--x\nContent-Type: text/html\n\n<p>\n"
	    "--x\nContent-Type: text/plain\n\ntext\n--x--\n",
	    "text\n--- mail_boundary ---\n<p>", false, 0 },
	{ "two texts",
	    "Content-Type: multipart/mixed; boundary=x\n\n"
	    "--x\n\none\n--x\n\ntwo\n--x--\n",
	    "one\n--- mail_boundary ---\ntwo", false, 0 },
	{ "a text that is a file",
	    "Content-Type: text/plain; name=a.txt\n\nText\n", NULL, false, 1 },
	{ "broken base64",
	    "Content-Type: application/pdf; name=a.pdf\n"
	    "Content-Transfer-Encoding: base64\n\n!!=?\xff\n",
	    NULL, false, 1 },
	{ "boundary that never comes",
	    "Content-Type: multipart/mixed; boundary=x\n\nText\n", NULL, true,
	    0 },
	{ "no boundary at all", "Content-Type: multipart/mixed\n\nText\n", NULL,
	    true, 0 },
	{ "a mail in the mail",
	    "Content-Type: message/rfc822\n\nFrom: a@b.example\n\nInner\n",
	    "Inner\n", false, 0 },
};

static void
body_row(void **state)
{
	const struct body_case *c = *state;
	struct world w = world_make();
	int keep;

	for (keep = CONF_SAMPLE_NONE; keep <= CONF_SAMPLE_FULL; keep++) {
		world_parse(&w, c->text, (enum conf_sample)keep);
		assert_same("body", w.s.body,
		    keep == CONF_SAMPLE_FULL ? c->body : NULL);
		assert_int_equal(w.s.headers_only, c->headers_only);
		assert_int_equal(w.s.attachment_count,
		    keep == CONF_SAMPLE_NONE ? 0 : c->attachments);
		assert_int_equal(w.s.note_count, 0);
	}
	world_clear(&w);
}

static void
header_fields(void **state)
{
	static const char text[] = "Received: one;\n\ttwo\nSUBJECT:  =?utf-8?Q?"
				   "J=C3=BC?= =?utf-8?Q?rg?= x\nContent-Type: "
				   "text/plain\nReceived: three\nX-Empty:\n"
				   "Date: Thu, 01 Jan 2026 22:30:00 +0000\n"
				   "\nText\n";
	static const char *const wanted[][3] = {
		{ "received", "Received", "one;\n\ttwo" },
		{ "subject", "SUBJECT", "J\xc3\xbcrg x" },
		{ "content-type", "Content-Type", "text/plain" },
		{ "received", "Received", "three" },
		{ "x-empty", "X-Empty", "" },
		{ "date", "Date", "Thu, 01 Jan 2026 22:30:00 +0000" },
	};
	struct world w = world_make();
	size_t i;

	(void)state;
	world_parse(&w, text, CONF_SAMPLE_HEADERS);
	assert_int_equal(w.s.header_count, 6);
	for (i = 0; i < 6; i++) {
		assert_same("name", w.s.headers[i].name, wanted[i][0]);
		assert_same("spelling", w.s.headers[i].spelling, wanted[i][1]);
		assert_same("value", w.s.headers[i].value, wanted[i][2]);
	}
	assert_same("subject", w.s.subject, "J\xc3\xbcrg x");
	assert_true(w.s.date == 1767306600);
	assert_int_equal(strlen(w.s.raw), strstr(text, "\n\n") + 1 - text);
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_same("raw", w.s.raw, text);
	world_parse(&w, text, CONF_SAMPLE_NONE);
	assert_null(w.s.raw);
	assert_null(w.s.subject);
	assert_int_equal(w.s.header_count, 0);
	assert_true(w.s.date == 1767306600); /* for reports without one */
	world_clear(&w);
}

static void
unreadable_dates(void **state)
{
	struct world w = world_make();

	(void)state;
	world_parse(&w, "From: a@b.example\n\n", CONF_SAMPLE_FULL);
	assert_true(w.s.date == INT64_MIN);
	world_parse(&w, "Date: not at all\n\n", CONF_SAMPLE_FULL);
	assert_true(w.s.date == INT64_MIN);
	world_parse(&w, "Date:\n\n", CONF_SAMPLE_FULL);
	assert_true(w.s.date == INT64_MIN);
	world_clear(&w);
}

static void
digest_of_a_file(void **state)
{
	struct world w = world_make();
	unsigned char digest[SHA256_BYTES];
	char hex[SHA256_HEX_SIZE];
	struct sha256 *h = sha256_new();

	(void)state;
	sha256_add(h, "\x89PNG\r\n", 6);
	sha256_end(h, digest);
	sha256_free(&h);
	text_hex(digest, sizeof(digest), hex);
	world_parse(&w,
	    "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: "
	    "IMAGE/PNG\nContent-Disposition: attachment;\n filename*=utf-8''"
	    "%e2%82%ac.png\nContent-Transfer-Encoding: base64\n\niVBORw0K\n"
	    "--x\nContent-Type: application/x-none\n\n--x--\n",
	    CONF_SAMPLE_HEADERS);
	assert_int_equal(w.s.attachment_count, 2);
	assert_same(
	    "filename", w.s.attachments[0].filename, "\xe2\x82\xac.png");
	assert_same("type", w.s.attachments[0].content_type, "image/png");
	assert_same("digest", w.s.attachments[0].sha256, hex);
	assert_null(w.s.attachments[1].filename);
	assert_same("digest of nothing", w.s.attachments[1].sha256,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	world_clear(&w);
}

/* What is past a limit is left out, and said so. */
static void
at_the_limits(void **state)
{
	static const char text[] = "From: a@b.example\nB: c\n\nTe\xc3\xa4t";
	struct world w = world_make();
	size_t len = sizeof(text) - 1,
	       header = strlen("From: a@b.example\nB: c\n");

	(void)state;
	w.limits.sample = len;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_same("raw", w.s.raw, text);
	assert_int_equal(w.s.note_count, 0);
	w.limits.sample = len - 1;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_int_equal(strlen(w.s.raw), len - 1);
	assert_int_equal(w.s.note_count, 1);
	w.limits.sample = 5;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_same("body", w.s.body, "Te\xc3\xa4t");
	w.limits.sample = 4;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_true(strlen(w.s.body) <= 4);
	assert_int_equal(w.s.note_count, 2);

	w.limits.sample = MIB;
	w.limits.header = header + 1;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_int_equal(w.s.note_count, 0);
	assert_same("body", w.s.body, "Te\xc3\xa4t");
	w.limits.header = header - 1;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_int_equal(w.s.note_count, 1);
	assert_null(w.s.body);
	assert_same("domain", w.s.from_domain, "b.example");

	w.limits.header = MIB;
	w.limits.header_fields = 2;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_int_equal(w.s.header_count, 2);
	assert_int_equal(w.s.note_count, 0);
	w.limits.header_fields = 1;
	world_parse(&w, text, CONF_SAMPLE_FULL);
	assert_int_equal(w.s.header_count, 1);
	assert_int_equal(w.s.note_count, 1);
	world_clear(&w);
}

static void
parts_at_their_limit(void **state)
{
	struct world w = world_make();
	struct buf b;
	int i;

	(void)state;
	material_buf(&b);
	add_text(&b, "Content-Type: multipart/mixed; boundary=x\n\n");
	for (i = 0; i < 5; i++)
		add_text(&b, "--x\nContent-Type: image/png\n\nP\n");
	add_text(&b, "--x--\n");
	w.limits.parts = 5;
	world_parse_bytes(&w, b.data, b.len, CONF_SAMPLE_FULL);
	assert_int_equal(w.s.attachment_count, 5);
	assert_int_equal(w.s.note_count, 0);
	w.limits.parts = 4;
	world_parse_bytes(&w, b.data, b.len, CONF_SAMPLE_FULL);
	assert_int_equal(w.s.attachment_count, 4);
	assert_int_equal(w.s.note_count, 1);
	buf_clear(&b);
	world_clear(&w);
}

static const struct heap_case {
	const char *name;
	const char *start, *again, *end;
	size_t count;
} heap_cases[] = {
	{ "100,000 fields of one name", "From: a@b.example\n", "A: b\n",
	    "\nText\n", 100000 },
	{ "a field of 100,000 folds", "From: a@b.example\nA: b\n", " c\n",
	    "\nText\n", 100000 },
	{ "20,000 addresses", "From: a@b.example\nTo: x@y.example", ",\n a@b",
	    "\n\nText\n", 20000 },
	{ "100,000 brackets", "From: a@b.example\nTo: ", "(", "\n\nText\n",
	    100000 },
	{ "500 groups", "From: a@b.example\nTo: ", "a:", "\n\nText\n", 500 },
	{ "10,000 encoded words", "From: a@b.example\nSubject: ",
	    "=?utf-8?Q?a?=\n ", "x\n\nText\n", 10000 },
	{ "10,000 parts",
	    "From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n",
	    "--x\n\nText\n", "--x--\n", 10000 },
	{ "a long line", "From: a@b.example\n\n", "0123456789", "\n", 1000000 },
};

/* Each is done in a moment, and in little memory. */
static void
heap_row(void **state)
{
	const struct heap_case *c = *state;
	struct world w = world_make();
	struct timespec from, to;
	struct buf b;
	size_t i;

	material_buf(&b);
	add_text(&b, c->start);
	for (i = 0; i < c->count; i++)
		add_text(&b, c->again);
	add_text(&b, c->end);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	world_parse_bytes(&w, b.data, b.len, CONF_SAMPLE_FULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	assert_same("domain", w.s.from_domain, "b.example");
	assert_true(!unit_has_bounds() || to.tv_sec - from.tv_sec <= 10);
	assert_true(arena_used(w.arena) < 16 * MIB);
	buf_clear(&b);
	world_clear(&w);
}

/* Different names each: a table of them must not grow in square. */
static void
many_different_names(void **state)
{
	struct world w = world_make();
	struct timespec from, to;
	struct buf b;
	int i;

	(void)state;
	material_buf(&b);
	add_text(&b, "From: a@b.example\n");
	for (i = 0; i < 100000; i++)
		add_format(&b, "X-%d: %d\n", i, i);
	w.limits.header = 4 * MIB;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	world_parse_bytes(&w, b.data, b.len, CONF_SAMPLE_FULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	assert_true(!unit_has_bounds() || to.tv_sec - from.tv_sec <= 10);
	assert_int_equal(w.s.header_count, 500);
	assert_true(w.s.note_count >= 2); /* fields, and bytes of raw */
	buf_clear(&b);
	world_clear(&w);
}

/* Each group is a call deeper in GMime, and a stack ends. */
static void
groups_past_the_limit(void **state)
{
	static const char *const names[] = { "To", "cC", "Reply-To", "X-To",
		"To " };
	struct world w = world_make();
	struct buf b;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		material_buf(&b);
		add_format(&b, "From: a@b.example\n%s: x,\n y,\n", names[i]);
		for (n = 0; n < 501; n++)
			add_text(&b, " a:\n");
		add_text(&b, "\nText\n");
		world_parse_bytes(&w, b.data, b.len, CONF_SAMPLE_FULL);
		if (strcmp(names[i], "X-To") == 0) {
			assert_int_equal(w.s.note_count, 0);
			assert_same("domain", w.s.from_domain, "b.example");
		} else {
			assert_int_equal(w.s.note_count, 1);
			assert_null(w.s.from_domain);
		}
		assert_int_equal(strlen(w.s.raw), b.len);
		buf_clear(&b);
	}
	world_clear(&w);
}

static void
a_name_without_end(void **state)
{
	struct world w = world_make();
	struct buf b;

	(void)state;
	material_buf(&b);
	add_text(&b, "From: a@b.example\n");
	add_many(&b, 'k', 100000);
	add_text(&b, ": v\n\nText\n");
	world_parse_bytes(&w, b.data, b.len, CONF_SAMPLE_FULL);
	assert_true(w.s.is_there);
	assert_int_equal(strlen(w.s.raw), b.len);
	buf_clear(&b);
	world_clear(&w);
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, address_cases, address_row);
	UNIT_ROWS(&u, body_cases, body_row);
	UNIT_ONE(&u, header_fields);
	UNIT_ONE(&u, unreadable_dates);
	UNIT_ONE(&u, digest_of_a_file);
	UNIT_ONE(&u, at_the_limits);
	UNIT_ONE(&u, parts_at_their_limit);
	UNIT_ROWS(&u, heap_cases, heap_row);
	UNIT_ONE(&u, many_different_names);
	UNIT_ONE(&u, groups_past_the_limit);
	UNIT_ONE(&u, a_name_without_end);
	return unit_run("sample", &u);
}
