/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_xml.c - the events of good, broken and hostile XML: starts and ends
 * are balanced whatever comes, no DTD and no entity of its own is read, and
 * limits hold to the byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/report/xml.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define DEPTH_MAX 16

/* Writes the events down: "(name", ")", ")~" when not by its own tag, text. */
struct scribe {
	struct buf out;
	unsigned depth, deepest;
	size_t events;
	size_t stop_at; /* answer with stop_rc at this event; 0: never */
	int stop_rc;
	bool is_stopped;
	const char *name[64]; /* of the open ones */
};

static int
answer(struct scribe *s, struct err *e)
{
	assert_false(s->is_stopped); /* past the first answer none is asked */
	if (++s->events != s->stop_at)
		return 0;
	s->is_stopped = true;
	return s->stop_rc < 0 ? err_set(e, ERR_LIMIT, "enough of this")
			      : s->stop_rc;
}

static int
on_start(
    void *context, const char *name, const char *namespace_uri, struct err *e)
{
	struct scribe *s = context;
	unsigned i;

	assert_non_null(name);
	/* the same pointer for the same name, another one for another */
	for (i = 0; i < s->depth && i < 64; i++)
		assert_int_equal(
		    s->name[i] == name, strcmp(s->name[i], name) == 0);
	if (s->depth < 64)
		s->name[s->depth] = name;
	if (++s->depth > s->deepest)
		s->deepest = s->depth;
	add_format(&s->out, "(%s", name);
	if (namespace_uri != NULL)
		add_format(&s->out, "{%s}", namespace_uri);
	add_text(&s->out, " ");
	return answer(s, e);
}

static int
on_end(void *context, bool by_its_tag, struct err *e)
{
	struct scribe *s = context;

	assert_true(s->depth > 0);
	s->depth--;
	add_text(&s->out, by_its_tag ? ")" : ")~");
	return answer(s, e);
}

static int
on_text(void *context, const char *p, size_t len, struct err *e)
{
	struct scribe *s = context;

	assert_true(len > 0);
	add(&s->out, p, len);
	return answer(s, e);
}

static const struct xml_handler handler = { on_start, on_end, on_text };

static void
scribe_init(struct scribe *s)
{
	memset(s, 0, sizeof(*s));
	material_buf(&s->out);
}

static int
read_xml(struct scribe *s, const void *p, size_t len, unsigned depth_max,
    struct xml_repair *repair, struct err *e)
{
	struct reader *in = reader_of_bytes(p, len);
	int rc = xml_read(in, &handler, s, depth_max, repair, e);

	reader_close(&in);
	assert_true(s->deepest <= depth_max);
	return rc;
}

enum outcome_kind { WELL, REPAIRED, FAILS };

static const struct xml_case {
	const char *name;
	const char *in;
	enum outcome_kind outcome;
	const char *out;   /* the events; NULL: any */
	const char *error; /* part of what is said */
} xml_cases[] = {
	{ "one element", "<a/>", WELL, "(a )", NULL },
	{ "text", "<a> x <b>y</b></a>", WELL, "(a  x (b y))", NULL },
	{ "declaration", "<?xml version='1.0' encoding='UTF-8'?><a>1</a>", WELL,
	    "(a 1)", NULL },
	{ "declared as something else",
	    "<?xml version='1.0' encoding='iso-8859-1'?><a>\xc3\xbc</a>", WELL,
	    "(a \xc3\xbc)", NULL },
	{ "declared as UTF-16",
	    "<?xml version='1.0' encoding='UTF-16'?><a>\xc3\xbc</a>", WELL,
	    "(a \xc3\xbc)", NULL },
	{ "declared as nothing known",
	    "<?xml version='1.0' encoding='klingon'?><a>1</a>", WELL, "(a 1)",
	    NULL },
	{ "comments", "<!-- a --><a><!-- <b> -->1<!-- --></a><!-- z -->", WELL,
	    "(a 1)", NULL },
	{ "processing instruction", "<a><?php echo '<b>' ?>1</a>", WELL,
	    "(a 1)", NULL },
	{ "CDATA", "<a><![CDATA[<b>&amp;]]]]><![CDATA[>]]></a>", WELL,
	    "(a <b>&amp;]]>)", NULL },
	{ "the five entities", "<a>&lt;&gt;&amp;&quot;&apos;</a>", WELL,
	    "(a <>&\"')", NULL },
	{ "numeric entities", "<a>&#65;&#x42;&#xfc;</a>", WELL,
	    "(a AB\xc3\xbc)", NULL },
	{ "numeric entity that is no character", "<a>1&#0;2</a>", REPAIRED,
	    "(a 12)", "line 1" },
	{ "an entity that is not declared", "<a>1&nbsp;2</a>", REPAIRED, NULL,
	    "nbsp" },
	{ "an ampersand", "<a>you & me</a>", REPAIRED, NULL, "line 1" },
	{ "control byte",
	    "<a>1\001"
	    "2</a>",
	    REPAIRED, NULL, "line 1" },
	{ "attributes", "<a x='1' y=\"2\"><b lang='de'>t</b></a>", WELL,
	    "(a (b t))", NULL },
	{ "namespace", "<a xmlns='urn:x'><b xmlns='urn:y'/></a>", WELL,
	    "(a{urn:x} (b{urn:y} ))", NULL },
	{ "prefix", "<d:a xmlns:d='urn:x'><d:b>1</d:b></d:a>", WELL,
	    "(a{urn:x} (b{urn:x} 1))", NULL },
	{ "prefix that is not declared", "<d:a><e:b>1</e:b></d:a>", WELL, NULL,
	    NULL },
	{ "end tag of another name", "<a><b>1</c></a>", REPAIRED, "(a (b 1)~)",
	    "line 1" },
	{ "end tag too few", "<a><b>1</a>", REPAIRED, "(a (b 1)~", "line 1" },
	{ "end tag too many", "<a><b>1</b></b></a>", REPAIRED, "(a (b 1))~",
	    "line 1" },
	{ "root ended by another", "<a>1</z>", REPAIRED, "(a 1)~", "line 1" },
	{ "garbage behind it", "<a>1</a>garbage", REPAIRED, "(a 1)", "line 1" },
	{ "a second root", "<a>1</a><b>2</b>", REPAIRED, "(a 1)", "line 1" },
	{ "nothing", "", REPAIRED, "", NULL },
	{ "no XML", "hello", REPAIRED, "", NULL },
	{ "only a declaration", "<?xml version='1.0'?>", REPAIRED, "", NULL },
	{ "cut in text", "<a><b>1", REPAIRED, "(a (b 1", "line 1" },
	{ "cut in an end tag", "<a><b>1</b", REPAIRED, NULL, "line 1" },
	{ "DOCTYPE", "<!DOCTYPE a><a/>", FAILS, "", "DOCTYPE" },
	{ "DOCTYPE with a file", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
	    FAILS, "", "DOCTYPE" },
	{ "DOCTYPE with a URL",
	    "<!DOCTYPE a PUBLIC '-//x' 'http://127.0.0.1:9/x.dtd'><a/>", FAILS,
	    "", "DOCTYPE" },
	{ "DOCTYPE with an internal subset",
	    "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'yy'>]><a>&x;</a>",
	    FAILS, "", "DOCTYPE" },
	{ "DOCTYPE behind a comment", "<!-- x --><!DOCTYPE a><a/>", FAILS, "",
	    "DOCTYPE" },
	{ "DOCTYPE of HTML", "<!DOCTYPE html><html/>", FAILS, "(html )",
	    "DOCTYPE" },
	{ "DOCTYPE of HTML with a URL",
	    "<!DOCTYPE HTML PUBLIC '-//x' 'http://127.0.0.1:9/x'><a/>", FAILS,
	    "(a )", "DOCTYPE" },
	{ "DOCTYPE of HTML with an internal subset",
	    "<!DOCTYPE html [<!ENTITY x 'yy'>]><html>&x;</html>", FAILS, "",
	    "DOCTYPE" },
	{ "DOCTYPE of HTML, garbage in it", "<!DOCTYPE html x><html/>", FAILS,
	    "", "DOCTYPE" },
	{ "DOCTYPE of HTML and no root", "<!DOCTYPE html>hello", FAILS, "",
	    "DOCTYPE" },
	{ "DOCTYPE that never ends", "<!DOCTYPE a [<!ENTITY", FAILS, "",
	    "DOCTYPE" },
	{ "entity bomb",
	    "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>"
	    "<!ENTITY c '&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;'>]><a>&d;</a>",
	    FAILS, "", "DOCTYPE" },
	{ "external entity",
	    "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
	    FAILS, "", "DOCTYPE" },
	{ "parameter entity",
	    "<!DOCTYPE a [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><a/>",
	    FAILS, "", "DOCTYPE" },
};

static void
xml_row(void **state)
{
	const struct xml_case *c = *state;
	struct xml_repair repair;
	struct err e = { 0 };
	struct scribe s;
	int rc;

	scribe_init(&s);
	rc = read_xml(&s, c->in, strlen(c->in), DEPTH_MAX, &repair, &e);
	assert_int_equal(rc, c->outcome == FAILS ? -1 : 0);
	if (c->outcome == FAILS) {
		assert_int_equal(e.kind, ERR_MALFORMED);
		assert_non_null(strstr(e.text, c->error));
	} else {
		assert_int_equal(repair.count > 0, c->outcome == REPAIRED);
		if (c->error != NULL)
			assert_non_null(strstr(repair.first, c->error));
		assert_null(strchr(repair.first, '\n'));
	}
	if (c->out != NULL)
		assert_string_equal(s.out.len > 0 ? s.out.data : "", c->out);
	buf_clear(&s.out);
}

/*
 * A start tag that is broken is no element for libxml2: what was begun must
 * be ended, and not by a later end tag that is not its own.
 */
static const struct broken_case {
	const char *name;
	const char *tag;
} broken_cases[] = {
	{ "attribute without quotes", "<b x=1>" },
	{ "attribute without value", "<b x>" },
	{ "attribute without name", "<b ='1'>" },
	{ "attribute twice", "<b x='1' x='1'>" },
	{ "attribute with <", "<b x='<'>" },
	{ "no end of the tag", "<b " },
	{ "tag in a tag", "<b <b>" },
	{ "stray sign", "<b !>" },
	{ "empty name", "< b>" },
	{ "no name", "<>" },
	{ "slash inside", "<b / >" },
	{ "quote that never ends", "<b x='1>" },
	{ "bad name", "<1b>" },
	{ "two prefixes", "<x:y:b>" },
	{ "prefix only", "<b:>" },
	{ "colon first", "<:b>" },
	{ "bad namespace", "<b xmlns:='x'>" },
	{ "reserved prefix", "<b xmlns:xml='x'>" },
};

static void
broken_row(void **state)
{
	const struct broken_case *c = *state;
	struct xml_repair repair;
	struct err e = { 0 };
	struct scribe s;
	struct buf in;

	material_buf(&in);
	scribe_init(&s);
	add_format(&in, "<a><c>1</c>%s2</b><c>3</c><d/>4</a>", c->tag);
	assert_int_equal(
	    read_xml(&s, in.data, in.len, DEPTH_MAX, &repair, &e), 0);
	assert_memory_equal(s.out.data, "(a (c 1)", 8);
	/* the root is ended by its own tag, behind all of its text, or not */
	if (s.depth == 0 && s.out.data[s.out.len - 1] == ')')
		assert_string_equal(s.out.data + s.out.len - 2, "4)");
	if (s.depth == 0 && s.out.data[s.out.len - 1] != ')')
		assert_string_equal(s.out.data + s.out.len - 2, ")~");
	buf_clear(&in);
	buf_clear(&s.out);
}

static void
nest(struct buf *b, unsigned depth)
{
	unsigned i;

	for (i = 0; i < depth; i++)
		add_text(b, "<a>");
	add_text(b, "x");
	for (i = 0; i < depth; i++)
		add_text(b, "</a>");
}

static void
depth_at_its_boundary(void **state)
{
	struct xml_repair repair;
	unsigned most;

	(void)state;
	for (most = 1; most <= 256; most = most == 1 ? 16 : most * 4) {
		struct err e = { 0 };
		struct scribe s;
		struct buf in;

		material_buf(&in);
		scribe_init(&s);
		nest(&in, most > 256 ? 256 : most);
		assert_int_equal(
		    read_xml(&s, in.data, in.len, most, &repair, &e), 0);
		assert_int_equal(repair.count, 0);
		assert_int_equal(s.depth, 0);
		assert_int_equal(s.deepest, most);
		buf_clear(&s.out);
		buf_reset(&in);
		scribe_init(&s);
		nest(&in, most + 1);
		assert_int_equal(
		    read_xml(&s, in.data, in.len, most, &repair, &e), -1);
		assert_int_equal(e.kind, ERR_LIMIT);
		buf_clear(&s.out);
		buf_clear(&in);
	}
}

/* A million starts: neither stack nor memory may follow them. */
static void
depth_bomb(void **state)
{
	struct xml_repair repair;
	struct err e = { 0 };
	struct scribe s;
	struct buf in;
	size_t i;

	(void)state;
	material_buf(&in);
	scribe_init(&s);
	for (i = 0; i < 1000000; i++)
		add_text(&in, "<a>");
	assert_int_equal(
	    read_xml(&s, in.data, in.len, DEPTH_MAX, &repair, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(s.events, DEPTH_MAX);
	buf_clear(&s.out);
	/* as empty elements they are no deeper than one */
	buf_reset(&in);
	scribe_init(&s);
	add_text(&in, "<r>");
	for (i = 0; i < 10000; i++)
		add_text(&in, "<a/>");
	add_text(&in, "</r>");
	assert_int_equal(
	    read_xml(&s, in.data, in.len, DEPTH_MAX, &repair, &e), 0);
	assert_int_equal(s.deepest, 2);
	assert_int_equal(s.events, 20002);
	buf_clear(&s.out);
	buf_clear(&in);
}

/* A handler's answer ends the reading at every event. */
static void
handler_ends_it(void **state)
{
	static const char in[] = "<a>1<b>2</b><c/><d>3</d>4</a>";
	struct xml_repair repair;
	struct scribe s;
	size_t stop, all;
	int rc;

	(void)state;
	for (stop = 0, all = 1; stop <= all; stop++) {
		for (rc = -1; rc <= 1; rc += 2) {
			struct err e = { 0 };

			scribe_init(&s);
			s.stop_at = stop;
			s.stop_rc = rc;
			assert_int_equal(read_xml(&s, in, sizeof(in) - 1,
					     DEPTH_MAX, &repair, &e),
			    stop > 0 && rc < 0 ? -1 : 0);
			assert_int_equal(
			    e.kind, stop > 0 && rc < 0 ? ERR_LIMIT : ERR_NONE);
			if (stop == 0)
				all = s.events;
			else
				assert_int_equal(s.events, stop);
			buf_clear(&s.out);
		}
	}
	assert_int_equal(all, 12);
}

/* Trouble below is no end of the document. */
static void
reader_fails(void **state)
{
	static const char in[] = "<a>1<b>2</b><c/><d>3</d>4</a>";
	struct xml_repair repair;
	size_t at;

	(void)state;
	for (at = 0; at <= sizeof(in) - 1; at++) {
		struct reader *r = pieces_reader(in, sizeof(in) - 1, 5, at);
		struct err e = { 0 };
		struct scribe s;

		scribe_init(&s);
		assert_int_equal(
		    xml_read(r, &handler, &s, DEPTH_MAX, &repair, &e), -1);
		assert_int_equal(e.kind, ERR_TEMP);
		reader_close(&r);
		buf_clear(&s.out);
	}
}

/* What comes in small pieces is the same as what comes at once. */
static void
pieces(void **state)
{
	struct xml_repair repair;
	struct scribe whole, some;
	struct err e = { 0 };
	struct reader *r;
	struct buf in;
	size_t i;

	(void)state;
	material_buf(&in);
	add_text(&in, "<a>");
	for (i = 0; i < 2000; i++)
		add_format(
		    &in, "<b>%zu \xc3\xbc &amp; <![CDATA[%zu]]></b>", i, i);
	add_text(&in, "</a>");
	scribe_init(&whole);
	assert_int_equal(
	    read_xml(&whole, in.data, in.len, DEPTH_MAX, &repair, &e), 0);
	assert_int_equal(repair.count, 0);
	for (i = 1; i < 5000; i = i * 3 + 1) {
		scribe_init(&some);
		r = pieces_reader(in.data, in.len, i, SIZE_MAX);
		assert_int_equal(
		    xml_read(r, &handler, &some, DEPTH_MAX, &repair, &e), 0);
		reader_close(&r);
		assert_int_equal(some.out.len, whole.out.len);
		assert_memory_equal(
		    some.out.data, whole.out.data, whole.out.len);
		buf_clear(&some.out);
	}
	buf_clear(&whole.out);
	buf_clear(&in);
}

/* An element of 12 MiB of text, and one of 12 MiB of attribute. */
static void
huge_text(void **state)
{
	struct xml_repair repair;
	struct err e = { 0 };
	struct scribe s;
	struct buf in;

	(void)state;
	material_buf(&in);
	scribe_init(&s);
	add_text(&in, "<a>");
	add_many(&in, 'x', 12 * MIB);
	add_text(&in, "</a>");
	(void)read_xml(&s, in.data, in.len, DEPTH_MAX, &repair, &e);
	buf_reset(&in);
	buf_clear(&s.out);
	scribe_init(&s);
	add_text(&in, "<a b='");
	add_many(&in, 'x', 12 * MIB);
	add_text(&in, "'>1</a>");
	(void)read_xml(&s, in.data, in.len, DEPTH_MAX, &repair, &e);
	buf_clear(&s.out);
	buf_clear(&in);
}

/* Bytes at random, out of what XML is made of: no crash, and balance. */
static void
soup(void **state)
{
	static const char *const words[] = { "<", ">", "/", "</", "/>", "<a>",
		"</a>", "<b ", "</b>", "&", ";", "&amp;", "&x;", "<!--", "-->",
		"<![CDATA[", "]]>", "<?", "?>", "=", "'", "\"", " x='1'", "\n",
		"<!", "a", ":", "xmlns", "xmlns='u'", "\xc3\xbc", "\1",
		"<!DOCTYPE", "<!ENTITY", "[", "]", "%", "#x41;" };
	struct xml_repair repair;
	uint64_t seed = 20240607;
	struct buf in;
	int i, j;

	(void)state;
	material_buf(&in);
	for (i = 0; i < 6000; i++) {
		struct err e = { 0 };
		struct scribe s;

		buf_reset(&in);
		scribe_init(&s);
		if (i % 2 == 0)
			add_text(&in, "<a>");
		for (j = (int)(material_random(&seed) % 40); j >= 0; j--)
			add_text(&in, words[material_random(&seed) %
					    (sizeof(words) / sizeof(*words))]);
		(void)read_xml(&s, in.data, in.len, 5, &repair, &e);
		buf_clear(&s.out);
	}
	buf_clear(&in);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	xml_setup();
	UNIT_ROWS(&u, xml_cases, xml_row);
	UNIT_ROWS(&u, broken_cases, broken_row);
	UNIT_ONE(&u, depth_at_its_boundary);
	UNIT_ONE(&u, depth_bomb);
	UNIT_ONE(&u, handler_ends_it);
	UNIT_ONE(&u, reader_fails);
	UNIT_ONE(&u, pieces);
	UNIT_ONE(&u, huge_text);
	UNIT_ONE(&u, soup);
	return unit_run("xml", &u);
}
