/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_limits.c - each limit on what a mail may bring, at its boundary: at it
 * the report is read, and one past it the mail is kept with the reason.
 */
#include "tests/unit/quirk.h"
#include "tests/unit/unit.h"

#define TOP "From: a@b.example\nMIME-Version: 1.0\n"
#define TYPE "Content-Type: text/xml\n\n"

/* Builds a mail that is at the limit, or past it by one. */
struct limit_case {
	const char *name;
	void (*make)(struct buf *b, struct conf_limits *limits, unsigned past);
	const char *why; /* past it */
};

static void
header_bytes(struct buf *b, struct conf_limits *limits, unsigned past)
{
	limits->header = 5000;
	add_text(b, TOP "Subject: ");
	/* the last line end is not one of its bytes */
	add_many(b, 'x', 5000 + past - strlen(TOP TYPE "Subject: "));
	add_text(b, "\n" TYPE REPORT);
}

static void
header_fields(struct buf *b, struct conf_limits *limits, unsigned past)
{
	unsigned i;

	(void)limits;
	for (i = 0; i < 10000 + past - 3; i++)
		add_text(b, "X: y\n");
	add_text(b, TOP TYPE REPORT);
}

static void
decompressed(struct buf *b, struct conf_limits *limits, unsigned past)
{
	limits->decompressed = strlen(REPORT) - past;
	add_gzip(b, REPORT, strlen(REPORT));
}

static void
decompressed_in_all(struct buf *b, struct conf_limits *limits, unsigned past)
{
	const struct zip_member m[] = {
		zip_stored("1", REPORT, strlen(REPORT)),
		zip_stored("2", REPORT, strlen(REPORT)),
	};

	limits->decompressed = 2 * strlen(REPORT) - past;
	add_zip(b, m, 2);
}

static void
ratio(struct buf *b, struct conf_limits *limits, unsigned past)
{
	struct buf xml;

	material_buf(&xml);
	add_text(&xml, "<feedback>");
	add_many(&xml, ' ', 2 * MIB);
	add_text(&xml, META POLICY RECORD "</feedback>");
	add_gzip(b, xml.data, xml.len);
	limits->ratio = xml.len / (b->len + 1) + 1 - past;
	buf_clear(&xml);
}

static void
members(struct buf *b, struct conf_limits *limits, unsigned past)
{
	const struct zip_member m[] = {
		{ .name = "folder/", .data = "", .external = 040755u << 16 },
		zip_stored("1", REPORT, strlen(REPORT)),
		zip_stored("2", "x", 1),
	};

	limits->members = 3 - past;
	add_zip(b, m, 3);
}

static void
members_in_all(struct buf *b, struct conf_limits *limits, unsigned past)
{
	struct zip_member m = zip_stored("r", REPORT, strlen(REPORT));
	struct buf inner;

	material_buf(&inner);
	add_zip(&inner, &m, 1);
	m = zip_stored("z", inner.data, inner.len);
	limits->members = 2 - past;
	add_zip(b, &m, 1);
	buf_clear(&inner);
}

static void
nesting(struct buf *b, struct conf_limits *limits, unsigned past)
{
	struct buf layers[2];
	unsigned i;

	limits->nesting = 4;
	material_buf(&layers[0]);
	material_buf(&layers[1]);
	add_text(&layers[0], REPORT);
	for (i = 0; i < 4 + past; i++) {
		buf_reset(&layers[(i + 1) % 2]);
		add_gzip(&layers[(i + 1) % 2], layers[i % 2].data,
		    layers[i % 2].len);
	}
	add(b, layers[i % 2].data, layers[i % 2].len);
	buf_clear(&layers[0]);
	buf_clear(&layers[1]);
}

static void
parts(struct buf *b, struct conf_limits *limits, unsigned past)
{
	unsigned i;

	limits->parts = 1000;
	add_text(b, TOP "Content-Type: multipart/mixed; boundary=b\n\n");
	for (i = 0; i < 999 + past; i++)
		add_text(b, "--b\n\nx\n");
	add_text(b, "--b\n" TYPE REPORT "\n--b--\n");
}

static void
part_depth(struct buf *b, struct conf_limits *limits, unsigned past)
{
	unsigned i;

	limits->part_depth = 20;
	add_text(b, TOP);
	for (i = 0; i < 20 + past; i++)
		add_format(b,
		    "Content-Type: multipart/mixed; boundary=b%02u\n\n"
		    "--b%02u\n",
		    i, i);
	add_text(b, TYPE REPORT "\n");
}

static void
records(struct buf *b, struct conf_limits *limits, unsigned past)
{
	unsigned i;

	limits->records = 50;
	add_text(b, "<feedback>" META POLICY);
	for (i = 0; i < 50 + past; i++)
		add_text(b, i % 2 == 0 ? RECORD : RECORD_OF("", "1"));
	add_text(b, "</feedback>");
}

static void
span_days(struct buf *b, struct conf_limits *limits, unsigned past)
{
	limits->span_days = 93;
	add_format(b,
	    "<feedback>" META_START "<date_range><begin>1704067200</begin>"
	    "<end>%u</end></date_range></report_metadata>" POLICY RECORD
	    "</feedback>",
	    1704067200 + 93 * 86400 + past);
}

static void
xml_depth(struct buf *b, struct conf_limits *limits, unsigned past)
{
	unsigned i;

	limits->xml_depth = 16;
	add_text(b, "<feedback>" META POLICY RECORD);
	for (i = 1; i < 16 + past; i++)
		add_text(b, "<a>");
	for (i = 1; i < 16 + past; i++)
		add_text(b, "</a>");
	add_text(b, "</feedback>");
}

static void
xml_text(struct buf *b, struct conf_limits *limits, unsigned past)
{
	limits->xml_text = 64 * 1024;
	add_text(b, "<feedback><version>");
	add_many(b, 'x', 64 * 1024 + past);
	add_text(b, "</version>" META POLICY RECORD "</feedback>");
}

static void
xml_attributes(struct buf *b, struct conf_limits *limits, unsigned past)
{
	unsigned i;

	(void)limits;
	add_text(b, "<feedback><a xmlns:x='y'");
	for (i = 1; i < 100 + past; i++)
		add_format(b, " a%u='b'", i);
	add_text(b, "/>" META POLICY RECORD "</feedback>");
}

static const struct limit_case cases[] = {
	{ "header bytes", header_bytes, "header of more than 5000 bytes" },
	{ "header fields", header_fields, "more than 10000 header fields" },
	{ "decompressed size", decompressed, "bytes unpacked" },
	{ "decompressed size of all members", decompressed_in_all,
	    "bytes unpacked" },
	{ "ratio", ratio, "times its size" },
	{ "archive members", members, "members" },
	{ "archive members of all archives", members_in_all, "members" },
	{ "archive nesting", nesting, "packed more than 4 times" },
	{ "MIME parts", parts, "more than 1000 parts" },
	{ "MIME depth", part_depth, "nested deeper than 20" },
	{ "records", records, "more than 50 records" },
	{ "days", span_days, "longer than 93 days" },
	{ "XML depth", xml_depth, "nested deeper than 16" },
	{ "XML text", xml_text, "more than 65536 bytes of text" },
	{ "XML attributes", xml_attributes, "more than 100 attributes" },
};

static void
limit_row(void **state)
{
	const struct limit_case *c = *state;
	struct quirk_world w;
	struct buf mail;
	unsigned past;

	for (past = 0; past < 2; past++) {
		material_buf(&mail);
		quirk_open(&w);
		c->make(&mail, &w.conf->limits, past);
		quirk_take(&w, mail.data, mail.len);
		if (past == 0 && strstr(w.o.why.text, c->why) != NULL)
			fail_msg("at the limit: %s", w.o.why.text);
		if (past == 0)
			assert_true(w.o.reports > 0);
		if (past == 1 && strstr(w.o.why.text, c->why) == NULL)
			fail_msg("past the limit: %s", w.o.why.text);
		if (past == 1)
			assert_true(w.o.verdict == VERDICT_KEPT ||
				    w.o.verdict == VERDICT_BOTH);
		quirk_close(&w);
		buf_clear(&mail);
	}
}

/* Where the spool lives makes no difference. */
static void
spool_memory(void **state)
{
	struct quirk_world w;
	struct buf xml;
	size_t sizes[] = { 1, 4096, 1000000 }, i, n;

	(void)state;
	material_buf(&xml);
	add_text(&xml, "<feedback>" META POLICY);
	for (n = 0; n < 500; n++)
		add_text(&xml, RECORD);
	add_text(&xml, "</feedback>");
	for (i = 0; i < 3; i++) {
		quirk_open(&w);
		w.conf->limits.spool_memory = sizes[i];
		quirk_take(&w, xml.data, xml.len);
		assert_int_equal(w.o.verdict, VERDICT_STORED);
		assert_int_equal(quirk_documents(&w), 500);
		quirk_close(&w);
	}
	buf_clear(&xml);
}

/* Of notes and of extensions only so many are told. */
static void
what_is_told(void **state)
{
	struct quirk_world w;
	struct buf xml;
	const char *at;
	size_t n;

	(void)state;
	material_buf(&xml);
	add_text(&xml, "<feedback>" META POLICY "<extension>");
	for (n = 0; n < 65; n++)
		add_text(&xml, "<a>e</a>");
	add_text(&xml, "</extension>");
	for (n = 0; n < 110; n++)
		add_text(&xml, RECORD_OF("", "1"));
	add_text(&xml, RECORD "</feedback>");
	quirk_open(&w);
	quirk_take(&w, xml.data, xml.len);
	assert_int_equal(quirk_documents(&w), 1);
	assert_non_null(strstr(w.text, "extensions left out"));
	assert_non_null(strstr(w.text, "\"12 more errors\""));
	for (n = 0, at = w.text; (at = strstr(at, "\"text\":\"e\"")); at++)
		n++;
	assert_int_equal(n, 64);
	quirk_close(&w);
	buf_clear(&xml);
}

int
main(void)
{
	struct unit u = { 0 };

	UNIT_ROWS(&u, cases, limit_row);
	UNIT_ONE(&u, spool_memory);
	UNIT_ONE(&u, what_is_told);
	return unit_run("limits", &u);
}
