/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_quirks_mail.c - how reports come: encodings, packing, charsets, mails
 * in mails. By the numbers of test_quirks.c, and "1.4" for what parsedmarc
 * loses.
 */
#include "tests/unit/quirk.h"
#include "tests/unit/unit.h"

#define TOP \
	"From: a@b.example\nTo: c@d.example\nSubject: x\n" \
	"Message-ID: <1@b.example>\nMIME-Version: 1.0\n"
#define AS(type) TOP "Content-Type: " type "\n"
#define ENCODED(encoding) "Content-Transfer-Encoding: " encoding "\n\n"
#define MIXED TOP "Content-Type: multipart/mixed; boundary=bbb\n\n"
#define DECLARED(encoding) "<?xml version=\"1.0\" encoding=\"" encoding "\"?>"
#define UMLAUT(text) \
	"<feedback>" META_START "<extra_contact_info>" text \
	"</extra_contact_info><date_range>" RANGE \
	"</date_range></report_metadata>" POLICY RECORD "</feedback>"
#define IS_UMLAUT "\"org_extra_contact_info\":\"\xc3\xbc\""
#define OTHER_LABEL "transfer encoding is not the declared one"
#define SECOND \
	"<feedback><report_metadata><org_name>o o</org_name><email>e</email>" \
	"<report_id>r-2</report_id><date_range>" RANGE \
	"</date_range></report_metadata>" POLICY RECORD "</feedback>"

static void
of_text(struct buf *b, const char *text)
{
	add_text(b, text);
}

static void
add_quoted(struct buf *b, const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)p[i];

		if (c == '=' || c < ' ' || c > '~')
			add_format(b, "=%02X", c);
		else
			add(b, p + i, 1);
		if (i % 24 == 23)
			add_text(b, "=\n");
	}
	add_text(b, "\n");
}

static void
add_uu(struct buf *b, const char *name, const void *p, size_t len)
{
	const unsigned char *u = p;
	size_t at, i;

	add_format(b, "begin 644 %s\n", name);
	for (at = 0; at < len; at += 45) {
		const size_t n = len - at < 45 ? len - at : 45;

		add_format(b, "%c", (int)(n + 32));
		for (i = at; i < at + n; i += 3) {
			const unsigned bits =
			    (unsigned)u[i] << 16 |
			    (i + 1 < len ? (unsigned)u[i + 1] << 8 : 0) |
			    (i + 2 < len ? u[i + 2] : 0);
			int shift;

			for (shift = 18; shift >= 0; shift -= 6)
				add_format(b, "%c",
				    (bits >> shift & 63) == 0
					? '`'
					: (int)((bits >> shift & 63) + 32));
		}
		add_text(b, "\n");
	}
	add_text(b, "`\nend\n");
}

static void
add_wide(struct buf *b, const char *text, bool is_big, bool has_mark)
{
	if (has_mark)
		add(b, is_big ? "\xfe\xff" : "\xff\xfe", 2);
	for (; *text != '\0'; text++) {
		add(b, is_big ? "\0" : text, 1);
		add(b, is_big ? text : "\0", 1);
	}
}

static void
base64(struct buf *b, const char *text)
{
	(void)text;
	add_text(b, AS("application/xml") ENCODED("base64"));
	add_base64(b, REPORT, strlen(REPORT));
}

static void
base64_gzip(struct buf *b, const char *type)
{
	struct buf z;

	material_buf(&z);
	add_gzip(&z, REPORT, strlen(REPORT));
	add_format(b, TOP "Content-Type: %s\n" ENCODED("base64"), type);
	add_base64(b, z.data, z.len);
	buf_clear(&z);
}

static void
base64_damaged(struct buf *b, const char *text)
{
	struct buf z, lines;
	size_t i;

	(void)text;
	material_buf(&z);
	material_buf(&lines);
	add_gzip(&z, REPORT "  ", strlen(REPORT) + 2);
	while (z.len % 3 != 1) /* so that there is padding to be missed */
		add(&z, "", 1);
	add_base64(&lines, z.data, z.len);
	add_text(b, AS("application/gzip") ENCODED("base64"));
	for (i = 0; i < lines.len; i++) {
		if (lines.data[i] != '=')
			add(b, lines.data + i, 1);
		if (i % 40 == 39)
			add_text(b, i % 80 == 39 ? " !" : "\xa0\t");
	}
	buf_clear(&z);
	buf_clear(&lines);
}

static void
quoted_gzip(struct buf *b, const char *encoding)
{
	struct buf z;

	material_buf(&z);
	add_gzip(&z, REPORT, strlen(REPORT));
	add_format(b, AS("application/gzip") ENCODED("%s"), encoding);
	if (strcmp(encoding, "quoted-printable") == 0)
		add_quoted(b, z.data, z.len);
	else
		add(b, z.data, z.len);
	buf_clear(&z);
}

static void
quoted_xml(struct buf *b, const char *type)
{
	static const char xml[] = DECLARED("utf-8") REPORT;

	add_format(
	    b, TOP "Content-Type: %s\n" ENCODED("quoted-printable"), type);
	add_quoted(b, xml, sizeof(xml) - 1);
}

static void
uu_part(struct buf *b, const char *before)
{
	struct buf z;

	material_buf(&z);
	add_gzip(&z, REPORT, strlen(REPORT));
	add_text(b, before);
	add_uu(b, "report.xml.gz", z.data, z.len);
	buf_clear(&z);
}

static void
uu_two(struct buf *b, const char *before)
{
	add_text(b, before);
	add_uu(b, "one.xml", REPORT, strlen(REPORT));
	add_text(b, "and another one:\nbegin of nothing\n");
	add_uu(b, "two.xml", SECOND, strlen(SECOND));
	add_text(b, "bye\n");
}

static void
wide_little(struct buf *b, const char *text)
{
	add_wide(b, text, false, false);
}

static void
wide_little_mark(struct buf *b, const char *text)
{
	add_wide(b, text, false, true);
}

static void
wide_big(struct buf *b, const char *text)
{
	add_wide(b, text, true, false);
}

static void
wide_big_mark(struct buf *b, const char *text)
{
	add_wide(b, text, true, true);
}

static void
wide_part(struct buf *b, const char *type)
{
	struct buf w;

	material_buf(&w);
	add_wide(&w, DECLARED("utf-16") REPORT, false, true);
	add_format(b, TOP "Content-Type: %s\n" ENCODED("base64"), type);
	add_base64(b, w.data, w.len);
	buf_clear(&w);
}

/* What is in is packed by gzip, by zip, and then it is a part. */
static void
pack_mail(struct buf *b, const struct buf *in)
{
	add_text(b, AS("application/zip") ENCODED("base64"));
	add_base64(b, in->data, in->len);
}

static void
gzip_in_zip(struct buf *b, const char *text)
{
	struct buf g, z;

	material_buf(&g);
	material_buf(&z);
	add_gzip(&g, text, strlen(text));
	add_zip_of(&z, "r.xml.gz", g.data, g.len);
	pack_mail(b, &z);
	buf_clear(&g);
	buf_clear(&z);
}

static void
gzip_in_gzip(struct buf *b, const char *text)
{
	struct buf g, z;

	material_buf(&g);
	material_buf(&z);
	add_gzip(&g, text, strlen(text));
	add_gzip(&z, g.data, g.len);
	pack_mail(b, &z);
	buf_clear(&g);
	buf_clear(&z);
}

static void
gzip_of(struct buf *b, const char *text)
{
	struct buf g;

	material_buf(&g);
	add_gzip(&g, text, strlen(text));
	pack_mail(b, &g);
	buf_clear(&g);
}

static void
gzip_in_pieces(struct buf *b, const char *text)
{
	struct buf g;

	material_buf(&g);
	add_gzip(&g, text, 300);
	add_gzip(&g, text + 300, strlen(text) - 300);
	pack_mail(b, &g);
	buf_clear(&g);
}

static void
gzip_with_trailer(struct buf *b, const char *trailer)
{
	struct buf g;

	material_buf(&g);
	add_gzip(&g, REPORT, strlen(REPORT));
	add(&g, trailer, 7);
	pack_mail(b, &g);
	buf_clear(&g);
}

static void
gzip_cut(struct buf *b, const char *text)
{
	struct buf g;

	material_buf(&g);
	add_gzip(&g, text, strlen(text));
	g.len -= 9;
	pack_mail(b, &g);
	buf_clear(&g);
}

static void
zip_of_two(struct buf *b, const char *text)
{
	const struct zip_member m[] = {
		{ .name = "reports/", .data = "", .external = 040755u << 16 },
		zip_stored("__MACOSX/._one.xml", "\0\5\26\7", 4),
		zip_stored("reports/one.xml", text, strlen(text)),
		zip_stored("readme.txt", "hello", 5),
		zip_stored("two.xml", SECOND, strlen(SECOND)),
	};
	struct buf z;

	material_buf(&z);
	add_zip(&z, m, sizeof(m) / sizeof(*m));
	pack_mail(b, &z);
	buf_clear(&z);
}

static void
zip_of(struct buf *b, const char *mail)
{
	struct buf z;

	material_buf(&z);
	add_zip_of(&z, "report.eml", mail, strlen(mail));
	pack_mail(b, &z);
	buf_clear(&z);
}

static void
base64_mail(struct buf *b, const char *mail)
{
	add_text(b, MIXED "--bbb\n\nsee below\n--bbb\n"
			  "Content-Type: message/rfc822\n" ENCODED("base64"));
	add_base64(b, mail, strlen(mail));
	add_text(b, "--bbb--\n");
}

/* Each line of the text ends in CR CR LF. */
static void
two_crs(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\n')
			add_text(b, "\r\r\n");
		else
			add(b, text, 1);
}

/* text as one line, cut at width with a space in front of each next piece. */
static void
add_folded(struct buf *b, const char *text, size_t width, const char *end)
{
	size_t n = width, left = strlen(text);

	while (left >= n) {
		add(b, text, n);
		add_format(b, "%s ", end);
		text += n;
		left -= n;
		n = width - 1;
	}
	add(b, text, left);
	add_text(b, end);
}

#define LONG \
	"<feedback>" META POLICY RECORD RECORD RECORD RECORD RECORD RECORD \
	"</feedback>"

static void
folded_998(struct buf *b, const char *encoding)
{
	add_format(b, AS("text/xml") ENCODED("%s"), encoding);
	add_folded(b, LONG, 998, "\r\n");
}

static void
folded_990(struct buf *b, const char *encoding)
{
	add_format(b, AS("text/xml") ENCODED("%s"), encoding);
	add_folded(b, LONG, 990, "\n");
}

static const struct mail_case {
	const char *name;
	void (*make)(struct buf *b, const char *arg);
	const char *arg;
	size_t documents, reports;
	const char *has, *has_not; /* NULL: nothing */
	const char *why;           /* NULL: stored */
} cases[] = {
	{ "Q26 gzip that is called zip", base64_gzip,
	    "application/zip; name=r.zip", 1, 1, NULL, NULL, NULL },
	{ "Q26 gzip that is called an octet-stream", base64_gzip,
	    "application/octet-stream", 1, 1, NULL, NULL, NULL },
	{ "Q26 gzip that is called a picture", base64_gzip, "image/png", 1, 1,
	    NULL, NULL, NULL },
	{ "Q26 gzip that is called a text", base64_gzip, "text/plain", 1, 1,
	    NULL, NULL, NULL },
	{ "Q26 gzip that is called HTML", base64_gzip, "text/html", 1, 1, NULL,
	    NULL, NULL },
	{ "Q27 forwarded as message/rfc822", of_text,
	    MIXED "--bbb\n\nsee\n--bbb\nContent-Type: message/rfc822\n\n" AS(
		"text/xml") "\n" REPORT "\n--bbb--\n",
	    1, 1, NULL, "errors", NULL },
	{ "Q28 gzip with zeros behind it", gzip_with_trailer, "\0\0\0\0\0\0\0",
	    1, 1, NULL, NULL, NULL },
	{ "Q28 gzip with a trailer behind it", gzip_with_trailer,
	    "\x1e\x05 end\n", 1, 1, NULL, NULL, NULL },
	{ "Q28 gzip cut short", gzip_cut, REPORT, 0, 0, NULL, NULL,
	    "cut short" },
	{ "Q29 base64 as text", of_text,
	    AS("text/plain") ENCODED("7bit") "PGZlZWRiYWNrPjwvZmVlZGJhY2s+\n",
	    0, 0, NULL, NULL, "org_name" },
	{ "Q29 a file of base64", of_text, "PGZlZWRiYWNrPjwvZmVlZGJhY2s+", 0, 0,
	    NULL, NULL, "org_name" },
	{ "Q29 XML that is called base64", of_text,
	    AS("text/xml") ENCODED("base64") REPORT, 1, 1, OTHER_LABEL, NULL,
	    NULL },
	{ "Q29 XML that is called quoted-printable", of_text,
	    AS("text/xml") ENCODED("quoted-printable") DECLARED("utf-8")
		UMLAUT("a=bc"),
	    1, 1, "\"org_extra_contact_info\":\"a=bc\"", NULL, NULL },
	{ "Q29 gzip as it is that is called base64", quoted_gzip, "base64", 1,
	    1, OTHER_LABEL, NULL, NULL },

	{ "1.4 7bit", of_text, AS("application/xml") ENCODED("7bit") REPORT, 1,
	    1, NULL, "errors", NULL },
	{ "1.4 8bit", of_text,
	    AS("application/xml") ENCODED("8bit") UMLAUT("\xc3\xbc"), 1, 1,
	    IS_UMLAUT, "errors", NULL },
	{ "1.4 no encoding", of_text, AS("application/xml") "\n" REPORT, 1, 1,
	    NULL, "errors", NULL },
	{ "1.4 an encoding that nobody knows", of_text,
	    AS("application/xml") ENCODED("x-none") REPORT, 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 binary", of_text, AS("application/xml") ENCODED("binary") REPORT,
	    1, 1, NULL, "errors", NULL },
	{ "1.4 binary gzip", quoted_gzip, "binary", 1, 1, NULL, "errors",
	    NULL },
	{ "1.4 quoted-printable", quoted_xml, "application/xml", 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 quoted-printable gzip", quoted_gzip, "quoted-printable", 1, 1,
	    NULL, "errors", NULL },
	{ "1.4 base64", base64, NULL, 1, 1, NULL, "errors", NULL },
	{ "1.4 base64 with strange bytes and no padding", base64_damaged, NULL,
	    1, 1, NULL, "errors", NULL },
	{ "1.4 uuencode", uu_part, AS("application/gzip") ENCODED("x-uuencode"),
	    1, 1, NULL, "errors", NULL },
	{ "1.4 uuencode by its other name", uu_part,
	    AS("application/gzip") ENCODED("uuencode"), 1, 1, NULL, "errors",
	    NULL },
	{ "1.4 uuencoded in the text", uu_part,
	    TOP "\nDear all,\n\nplease find the report here:\n\n", 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 two uuencoded in a text part", uu_two,
	    AS("text/plain") ENCODED("8bit") "hello\n", 2, 2,
	    "\"report_id\":\"r-2\"", NULL, NULL },
	{ "1.4 as text/plain", of_text, AS("text/plain") "\n\n " REPORT, 1, 1,
	    NULL, "errors", NULL },
	{ "1.4 as text/html", of_text, AS("text/html") "\n" REPORT, 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 without a type", of_text, TOP "\n" REPORT, 1, 1, NULL, "errors",
	    NULL },
	{ "1.4 UTF-16, little end first", wide_little, REPORT, 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 UTF-16, little end first, marked", wide_little_mark,
	    DECLARED("utf-16") REPORT, 1, 1, NULL, "errors", NULL },
	{ "1.4 UTF-16, big end first", wide_big, "\r\n" REPORT, 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 UTF-16, big end first, marked", wide_big_mark,
	    DECLARED("utf-16") REPORT, 1, 1, NULL, "errors", NULL },
	{ "1.4 UTF-16 in a part that says UTF-8", wide_part,
	    "text/xml; charset=utf-8", 1, 1, NULL, "errors", NULL },
	{ "1.4 Latin-1 by declaration", of_text,
	    AS("text/xml") "\n" DECLARED("ISO-8859-1") UMLAUT("\xfc"), 1, 1,
	    IS_UMLAUT, "errors", NULL },
	{ "1.4 Windows-1252 by the mail", of_text,
	    AS("text/xml; charset=\"Windows-1252\"") "\n" UMLAUT("\xfc"), 1, 1,
	    IS_UMLAUT, "errors", NULL },
	{ "1.4 the declaration is nearer than the mail", of_text,
	    AS("text/xml; charset=koi8-r") "\n" DECLARED("utf-8")
		UMLAUT("\xc3\xbc"),
	    1, 1, IS_UMLAUT, "errors", NULL },
	{ "1.4 KOI8-R in a file", of_text, DECLARED("koi8-r") UMLAUT("\xc1"), 1,
	    1, "\xd0\xb0", "errors", NULL },
	{ "1.4 a charset that nobody knows", of_text,
	    DECLARED("x-user-defined") UMLAUT("a\xfc"), 1, 1,
	    "charset that nobody knows, read as UTF-8: x-user-defined", NULL,
	    NULL },
	{ "1.4 a charset that is a path", of_text,
	    DECLARED("../../etc/gconv") UMLAUT("a"), 1, 1,
	    "charset that nobody knows", NULL, NULL },
	{ "1.4 bytes that are not in the charset", of_text,
	    DECLARED("windows-1252") UMLAUT("a\x81z"), 1, 1,
	    "1 bytes that are no text in their charset dropped", NULL, NULL },
	{ "1.4 two reports in a mail", of_text,
	    MIXED "--bbb\n\n" REPORT "\n--bbb\n\n" SECOND "\n--bbb--\n", 2, 2,
	    "\"report_id\":\"r-2\"", NULL, NULL },
	{ "1.4 folder, __MACOSX, two reports and a text in a zip", zip_of_two,
	    REPORT, 2, 2, "\"report_id\":\"r-2\"", NULL, NULL },
	{ "1.4 gzip in two pieces", gzip_in_pieces, REPORT, 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 gzip in zip", gzip_in_zip, REPORT, 1, 1, NULL, "errors", NULL },
	{ "1.4 gzip in gzip", gzip_in_gzip, REPORT, 1, 1, NULL, "errors",
	    NULL },
	{ "1.4 a mail in a zip", zip_of, AS("text/xml") "\n" REPORT, 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 a mail in a gzip", gzip_of, AS("text/xml") "\n" REPORT, 1, 1,
	    NULL, "errors", NULL },
	{ "1.4 a mail in base64", base64_mail, AS("text/xml") "\n" REPORT, 1, 1,
	    NULL, NULL, NULL },
	{ "1.4 a mail of two reports in a zip", zip_of,
	    MIXED "--bbb\n\n" REPORT "\n--bbb\n\n" SECOND "\n--bbb--\n", 2, 2,
	    "\"report_id\":\"r-2\"", NULL, NULL },
	{ "1.4 lines that end in CR CR LF", two_crs,
	    MIXED "--bbb\n\nhello\n--bbb\nContent-Type: text/xml\n\n" REPORT
		  "\n--bbb--\n",
	    1, 1, "line ends of CR CR LF repaired", NULL, NULL },
	{ "1.4 a broken Date", of_text,
	    "Date: yesterday, perhaps\n" AS("text/xml") "\n" REPORT, 1, 1, NULL,
	    "errors", NULL },
	{ "1.4 no header field but the type", of_text,
	    "Content-Type: text/xml\n\n" REPORT, 1, 1, NULL, "errors", NULL },

	{ "folded at 998 bytes, 7bit", folded_998, "7bit", 6, 1,
	    "2 lines that a relay folded rejoined", "Invalid XML", NULL },
	{ "folded at 998 bytes, 8bit", folded_998, "8bit", 6, 1,
	    "2 lines that a relay folded rejoined", "Invalid XML", NULL },
	{ "folded at 990 bytes", folded_990, "7bit", 6, 1,
	    "2 lines that a relay folded rejoined", "Invalid XML", NULL },
};

static void
mail_row(void **state)
{
	const struct mail_case *c = *state;
	struct quirk_world w;
	struct buf mail;

	material_buf(&mail);
	c->make(&mail, c->arg);
	quirk_open(&w);
	quirk_take(&w, mail.data, mail.len);
	if (c->why == NULL && w.o.why.kind != ERR_NONE)
		fail_msg("%s", w.o.why.text);
	if (c->why != NULL && strstr(w.o.why.text, c->why) == NULL)
		fail_msg("no %s in %s", c->why, w.o.why.text);
	assert_int_equal(w.o.reports, c->reports);
	assert_int_equal(quirk_documents(&w), c->documents);
	if (c->has != NULL && strstr(w.text, c->has) == NULL)
		fail_msg("no %s in %s", c->has, w.text);
	if (c->has_not != NULL && strstr(w.text, c->has_not) != NULL)
		fail_msg("%s in %s", c->has_not, w.text);
	quirk_close(&w);
	buf_clear(&mail);
}

/* However a mail is cut into reads, the same lines are joined. */
static void
folds_anywhere(void **state)
{
	size_t front, lines;
	struct buf mail;
	struct quirk_world w;

	(void)state;
	for (front = 15300; front < 15420; front++) {
		material_buf(&mail);
		add_text(&mail, AS("text/xml") ENCODED("7bit") "<feedback>");
		for (lines = 0; lines < front / 80; lines++) {
			add_many(&mail, ' ', 79);
			add_text(&mail, "\n");
		}
		add_many(&mail, ' ', front % 80);
		add_text(&mail, "\n");
		add_folded(&mail, LONG + 10, 998, "\r\n");
		quirk_open(&w);
		quirk_take(&w, mail.data, mail.len);
		assert_int_equal(w.o.reports, 1);
		assert_int_equal(quirk_documents(&w), 6);
		assert_non_null(strstr(w.text, "2 lines that a relay folded"));
		assert_null(strstr(w.text, "Invalid XML"));
		quirk_close(&w);
		buf_clear(&mail);
	}
}

int
main(void)
{
	struct unit u = { 0 };

	UNIT_ROWS(&u, cases, mail_row);
	UNIT_ONE(&u, folds_anywhere);
	return unit_run("quirks_mail", &u);
}
