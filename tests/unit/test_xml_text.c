/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_xml_text.c - what must not stand before a document goes, what is not
 * UTF-8 goes, everything else stays, however the bytes come in.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/report/xml_text.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define CHUNK (32 * 1024) /* xml_text.c reads so much at once */
#define BOM "\xef\xbb\xbf"

static const struct text_case {
	const char *name;
	const char *in, *out;
	uint64_t dropped;
} text_cases[] = {
	{ "nothing", "", "", 0 },
	{ "plain", "<a/>", "<a/>", 0 },
	{ "one byte", "<", "<", 0 },
	{ "BOM", BOM "<a/>", "<a/>", 0 },
	{ "only a BOM", BOM, "", 0 },
	{ "only white space", " \r\n\t ", "", 0 },
	{ "white space", "\r\n\t <a> </a>\n", "<a> </a>\n", 0 },
	{ "BOM and white space", BOM "\n<a/>", "<a/>", 0 },
	{ "white space and BOM", " " BOM "<a/>", "<a/>", 0 },
	{ "two spaces and BOM", "  " BOM "<a/>", "<a/>", 0 },
	{ "three spaces and BOM", "   " BOM "<a/>", "<a/>", 0 },
	{ "BOM twice", BOM BOM "<a/>", "<a/>", 0 },
	{ "BOM inside stays", "<a>" BOM "</a>", "<a>" BOM "</a>", 0 },
	{ "half a BOM", "\xef\xbb<a/>", "<a/>", 2 },
	{ "half a BOM and no more", "\xef\xbb", "", 2 },
	{ "UTF-8", "<a>\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x8e</a>",
	    "<a>\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x8e</a>", 0 },
	{ "Latin-1", "<a>\xfc\xe4</a>", "<a></a>", 2 },
	{ "overlong", "<a>\xc0\xaf\xe0\x80\xaf</a>", "<a></a>", 5 },
	{ "surrogate", "<a>\xed\xa0\x80</a>", "<a></a>", 3 },
	{ "past the last character", "<a>\xf4\x90\x80\x80</a>", "<a></a>", 4 },
	{ "cut character", "<a>\xe2\x82</a>", "<a></a>", 2 },
	{ "cut at the end", "<a>\xe2\x82", "<a>", 2 },
	{ "4 byte character cut at the end", "<a>\xf0\x9f\x90", "<a>", 3 },
	{ "stray continuation", "<a>\x80\xbf</a>", "<a></a>", 2 },
	{ "bad byte before a good one", "\xff\xc3\xbc", "\xc3\xbc", 1 },
	{ "only bad bytes", "\xff\xfe\xff\xfe\xff", "", 5 },
};

/* Reads with out_piece bytes at a time. */
static void
read_all(const void *in, size_t len, size_t piece, size_t out_piece,
    struct buf *out, uint64_t *dropped)
{
	struct reader *inner = pieces_reader(in, len, piece, SIZE_MAX);
	struct reader *r = xml_text_reader(inner, dropped);
	struct err e = { 0 };
	char *p = xmalloc(out_piece);
	ssize_t n;

	while ((n = reader_read(r, p, out_piece, &e)) > 0)
		add(out, p, (size_t)n);
	assert_int_equal(n, 0);
	assert_int_equal(reader_read(r, p, out_piece, &e), 0);
	free(p);
	reader_close(&r);
	reader_close(&inner);
}

static void
text_row(void **state)
{
	const struct text_case *c = *state;
	uint64_t dropped;
	struct buf out;
	size_t piece;

	for (piece = 1; piece < 8; piece++) {
		material_buf(&out);
		read_all(
		    c->in, strlen(c->in), piece, 1 + piece % 3, &out, &dropped);
		assert_string_equal(out.len > 0 ? out.data : "", c->out);
		assert_int_equal(dropped, c->dropped);
		buf_clear(&out);
	}
}

/* What stands at the end of a chunk, in every position. */
static const struct boundary_case {
	const char *name;
	const char *at; /* what is at the boundary */
	const char *out;
	uint64_t dropped;
} boundary_cases[] = {
	{ "two bytes", "\xc3\xbc", "\xc3\xbc", 0 },
	{ "three bytes", "\xe2\x82\xac", "\xe2\x82\xac", 0 },
	{ "four bytes", "\xf0\x9f\x90\x8e", "\xf0\x9f\x90\x8e", 0 },
	{ "bad byte", "\xff", "", 1 },
	{ "bad bytes", "\xff\xfe\xff\xfe\xff\xfe", "", 6 },
	{ "half and whole", "\xe2\x82\xe2\x82\xac", "\xe2\x82\xac", 2 },
	{ "cut", "\xf0\x9f\x90", "", 3 },
	{ "cut and bad", "\xf0\x9f\xff", "", 3 },
};

static void
boundary_row(void **state)
{
	const struct boundary_case *c = *state;
	uint64_t dropped;
	struct buf in, out, expected;
	size_t at;

	material_buf(&in);
	material_buf(&out);
	material_buf(&expected);
	for (at = CHUNK - 8; at <= CHUNK + 2; at++) {
		buf_reset(&in);
		buf_reset(&out);
		buf_reset(&expected);
		add_many(&in, 'x', at);
		add_many(&expected, 'x', at);
		add_text(&in, c->at);
		add_text(&expected, c->out);
		add_many(&in, 'y', 10);
		add_many(&expected, 'y', 10);
		read_all(in.data, in.len, SIZE_MAX, 70000, &out, &dropped);
		assert_int_equal(dropped, c->dropped);
		assert_int_equal(out.len, expected.len);
		assert_memory_equal(out.data, expected.data, out.len);
		/* and as the very last thing */
		in.len -= 10;
		expected.len -= 10;
		buf_reset(&out);
		read_all(in.data, in.len, SIZE_MAX, 70000, &out, &dropped);
		assert_int_equal(dropped, c->dropped);
		assert_int_equal(out.len, expected.len);
		assert_memory_equal(out.data, expected.data, out.len);
	}
	buf_clear(&in);
	buf_clear(&out);
	buf_clear(&expected);
}

/* Against a plain calculation of what must be left. */
static void
random_bytes(void **state)
{
	uint64_t seed = 4711, dropped, expected_dropped;
	struct buf in, out, expected;
	size_t i, n;
	int round;

	(void)state;
	material_buf(&in);
	material_buf(&out);
	material_buf(&expected);
	for (round = 0; round < 300; round++) {
		buf_reset(&in);
		buf_reset(&out);
		buf_reset(&expected);
		add_text(&in, "<");
		n = material_random(&seed) % (round % 30 == 0 ? 80000 : 300);
		for (i = 0; i < n; i++) {
			static const unsigned char bytes[] = { 'a', 0xc3, 0xbc,
				0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x90, 0x8e, 0xff,
				0x80, ' ', 0xed, 0xa0, 0xef, 0xbb, 0xbf };

			add(&in, &bytes[material_random(&seed) % sizeof(bytes)],
			    1);
		}
		expected_dropped = 0;
		for (i = 0; i<in.len; i += n> 0 ? n : 1) {
			n = text_utf8_char(in.data + i, in.len - i);
			add(&expected, in.data + i, n);
			expected_dropped += n == 0;
		}
		read_all(in.data, in.len, 1 + material_random(&seed) % 50000,
		    1 + material_random(&seed) % 9000, &out, &dropped);
		assert_int_equal(dropped, expected_dropped);
		assert_int_equal(out.len, expected.len);
		assert_memory_equal(out.data, expected.data, out.len);
	}
	buf_clear(&in);
	buf_clear(&out);
	buf_clear(&expected);
}

static void
long_lead(void **state)
{
	uint64_t dropped;
	struct buf in, out;

	(void)state;
	material_buf(&in);
	material_buf(&out);
	add_many(&in, ' ', 3 * CHUNK + 1);
	add_text(&in, BOM);
	add_many(&in, '\n', CHUNK);
	add_text(&in, "<a/>");
	read_all(in.data, in.len, SIZE_MAX, 100, &out, &dropped);
	assert_string_equal(out.data, "<a/>");
	assert_int_equal(dropped, 0);
	buf_clear(&in);
	buf_clear(&out);
}

static void
inner_fails(void **state)
{
	static const char in[] = " " BOM "<a>\xc3\xbc\xff</a>";
	uint64_t dropped;
	size_t at;

	(void)state;
	for (at = 0; at < sizeof(in); at++) {
		struct reader *inner = pieces_reader(in, sizeof(in) - 1, 2, at);
		struct reader *r = xml_text_reader(inner, &dropped);
		struct err e = { 0 };
		char out[3];
		ssize_t n;

		while ((n = reader_read(r, out, sizeof(out), &e)) > 0)
			;
		assert_int_equal(n, -1);
		assert_int_equal(e.kind, ERR_TEMP);
		assert_string_equal(e.text, "the disk is gone");
		reader_close(&r);
		assert_null(r);
		reader_close(&inner);
	}
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, text_cases, text_row);
	UNIT_ROWS(&u, boundary_cases, boundary_row);
	UNIT_ONE(&u, random_bytes);
	UNIT_ONE(&u, long_lead);
	UNIT_ONE(&u, inner_fails);
	return unit_run("xml_text", &u);
}
