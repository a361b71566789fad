/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gzip.c - gzip as reporters send it and as a stranger may: what is
 * whole comes out, what is not is said, and no bomb goes off.
 */
#include <stdlib.h>
#include <string.h>

#include "common/message/attachment.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

struct unpacked {
	struct buf out;
	struct unpack_budget budget;
	struct err e;
	ssize_t last; /* what the last read gave */
};

static void
unpack(struct unpacked *u, const struct conf_limits *limits, const void *p,
    size_t len, size_t piece, size_t out_piece)
{
	struct reader *r;
	char *chunk = xmalloc(out_piece);

	memset(u, 0, sizeof(*u));
	material_buf(&u->out);
	add(&u->out, "", 0);
	u->budget.limits = limits;
	r = attachment_gzip(pieces_reader(p, len, piece, SIZE_MAX), &u->budget);
	while ((u->last = reader_read(r, chunk, out_piece, &u->e)) > 0)
		add(&u->out, chunk, (size_t)u->last);
	if (u->last == 0) /* and the end stays the end */
		assert_int_equal(reader_read(r, chunk, out_piece, &u->e), 0);
	reader_close(&r);
	free(chunk);
}

static const char text[] = "<feedback>One small report, as it were.</feedback>";

enum gzip_shape {
	WHOLE,
	TWO_MEMBERS,
	EMPTY_MEMBER_BETWEEN,
	ZEROS_BEHIND,
	TEXT_BEHIND,
	NOTHING_INSIDE,
	NO_BYTE,
	ONLY_MAGIC,
	CRC_WRONG,
	SIZE_WRONG,
	METHOD_WRONG,
	RESERVED_FLAG,
	SECOND_MEMBER_CUT,
	SECOND_MEMBER_CRC_WRONG,
};

static const struct gzip_case {
	const char *name;
	enum gzip_shape shape;
	bool is_good;
	size_t times; /* text comes out */
} gzip_cases[] = {
	{ "whole", WHOLE, true, 1 },
	{ "two members", TWO_MEMBERS, true, 2 },
	{ "an empty member between", EMPTY_MEMBER_BETWEEN, true, 2 },
	{ "zeros behind", ZEROS_BEHIND, true, 1 },
	{ "text behind", TEXT_BEHIND, true, 1 },
	{ "nothing inside", NOTHING_INSIDE, true, 0 },
	{ "no byte", NO_BYTE, false, 0 },
	{ "only magic", ONLY_MAGIC, false, 0 },
	{ "CRC wrong", CRC_WRONG, false, 1 },
	{ "size wrong", SIZE_WRONG, false, 1 },
	{ "method wrong", METHOD_WRONG, false, 0 },
	{ "reserved flag", RESERVED_FLAG, false, 0 },
	{ "second member cut", SECOND_MEMBER_CUT, false, 1 },
	{ "second member's CRC wrong", SECOND_MEMBER_CRC_WRONG, false, 2 },
};

static void
shape(struct buf *b, enum gzip_shape what)
{
	const size_t len = sizeof(text) - 1;
	size_t first;

	add_gzip(b, text, what == NOTHING_INSIDE ? 0 : len);
	first = b->len;
	switch (what) {
	case EMPTY_MEMBER_BETWEEN:
		add_gzip(b, "", 0);
		add_gzip(b, text, len);
		break;
	case TWO_MEMBERS:
	case SECOND_MEMBER_CUT:
	case SECOND_MEMBER_CRC_WRONG:
		add_gzip(b, text, len);
		break;
	case ZEROS_BEHIND:
		add_many(b, '\0', 100000);
		break;
	case TEXT_BEHIND:
		add_text(b, "\r\n--\r\nsent by nobody\r\n");
		break;
	case NO_BYTE:
		b->len = 0;
		break;
	case ONLY_MAGIC:
		b->len = 2;
		break;
	case CRC_WRONG:
		b->data[b->len - 8] ^= 1;
		break;
	case SIZE_WRONG:
		b->data[b->len - 4] ^= 1;
		break;
	case METHOD_WRONG:
		b->data[2] = 7;
		break;
	case RESERVED_FLAG:
		b->data[3] = (char)0xe0;
		break;
	default:
		break;
	}
	if (what == SECOND_MEMBER_CUT)
		b->len = first + 5;
	if (what == SECOND_MEMBER_CRC_WRONG)
		b->data[b->len - 8] ^= 1;
}

static void
gzip_row(void **state)
{
	static const size_t pieces[] = { 1, 2, 17, 4096 };
	const struct gzip_case *c = *state;
	struct conf_limits limits = material_limits();
	struct buf b;
	size_t i, j, k;

	material_buf(&b);
	shape(&b, c->shape);
	for (i = 0; i < 4; i++) {
		for (j = 0; j < 4; j++) {
			struct unpacked u;

			unpack(
			    &u, &limits, b.data, b.len, pieces[i], pieces[j]);
			assert_int_equal(u.last, c->is_good ? 0 : -1);
			assert_int_equal(
			    u.e.kind, c->is_good ? ERR_NONE : ERR_MALFORMED);
			if (!c->is_good)
				assert_non_null(strstr(u.e.text, "gzip"));
			if (c->is_good)
				assert_int_equal(
				    u.out.len, c->times * (sizeof(text) - 1));
			/* never more, and never another text */
			assert_true(u.out.len <= c->times * (sizeof(text) - 1));
			for (k = 0; k < u.out.len; k++)
				assert_int_equal(u.out.data[k],
				    text[k % (sizeof(text) - 1)]);
			buf_clear(&u.out);
		}
	}
	buf_clear(&b);
}

static void
cut_short_at_every_byte(void **state)
{
	struct conf_limits limits = material_limits();
	struct buf b;
	size_t at;

	(void)state;
	material_buf(&b);
	add_gzip(&b, text, sizeof(text) - 1);
	for (at = 0; at < b.len; at++) {
		struct unpacked u;

		unpack(&u, &limits, b.data, at, SIZE_MAX, 64);
		assert_int_equal(u.last, -1);
		assert_int_equal(u.e.kind, ERR_MALFORMED);
		assert_non_null(strstr(u.e.text, "cut short"));
		buf_clear(&u.out);
	}
	buf_clear(&b);
}

/* An error below is no end, wherever it comes. */
static void
reader_fails_at_every_byte(void **state)
{
	struct conf_limits limits = material_limits();
	struct unpack_budget budget = { .limits = &limits };
	struct reader *r;
	struct buf b;
	size_t at;
	ssize_t n;
	char out[64];

	(void)state;
	material_buf(&b);
	add_gzip(&b, text, sizeof(text) - 1);
	for (at = 0; at <= b.len; at++) {
		struct err e = { 0 };

		r = attachment_gzip(
		    pieces_reader(b.data, b.len, 7, at), &budget);
		while ((n = reader_read(r, out, sizeof(out), &e)) > 0)
			;
		assert_int_equal(n, -1);
		assert_int_equal(e.kind, ERR_TEMP);
		reader_close(&r);
	}
	buf_clear(&b);
}

/* The total is of all layers together: the boundary to the byte. */
static void
decompressed_limit_at_its_boundary(void **state)
{
	struct conf_limits limits = material_limits();
	struct buf b, plain;
	struct unpacked u;
	size_t more;

	(void)state;
	material_buf(&b);
	material_buf(&plain);
	limits.decompressed = 50000;
	for (more = 0; more < 2; more++) {
		buf_reset(&b);
		buf_reset(&plain);
		add_many(&plain, 'x', limits.decompressed + more);
		add_gzip(&b, plain.data, plain.len);
		unpack(&u, &limits, b.data, b.len, SIZE_MAX, 100000);
		assert_int_equal(u.last, more == 0 ? 0 : -1);
		assert_int_equal(u.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
		assert_int_equal(u.budget.unpacked, plain.len);
		buf_clear(&u.out);
	}
	buf_clear(&b);
	buf_clear(&plain);
}

/*
 * Zeros pack to about one in a thousand: what is allowed up to 1 MiB is a
 * bomb one byte later.
 */
static void
ratio_at_its_boundary(void **state)
{
	struct conf_limits limits = material_limits();
	struct buf b, plain;
	struct unpacked u;
	size_t more;

	(void)state;
	material_buf(&b);
	material_buf(&plain);
	for (more = 0; more < 2; more++) {
		buf_reset(&b);
		buf_reset(&plain);
		add_many(&plain, '\0', MIB + more);
		add_gzip(&b, plain.data, plain.len);
		unpack(&u, &limits, b.data, b.len, SIZE_MAX, 4 * MIB);
		assert_int_equal(u.last, more == 0 ? 0 : -1);
		assert_int_equal(u.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
		buf_clear(&u.out);
	}
	buf_clear(&b);
	buf_clear(&plain);
}

static void
ratio_is_as_said(void **state)
{
	struct conf_limits limits = material_limits();
	struct unpack_budget budget = { .limits = &limits };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(unpack_count(&budget, 1, 1, MIB, &e), 0);
	assert_int_equal(unpack_count(&budget, 1, 10000, 200 * 10000, &e), 0);
	assert_int_equal(unpack_count(&budget, 1, 10000, 200 * 10001, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(
	    unpack_count(&budget, 1, UINT64_MAX, UINT64_MAX, &e), 0);
}

/* 30 MiB of zeros in 30 KiB: stopped where the ratio is passed. */
static void
bomb(void **state)
{
	struct conf_limits limits = material_limits();
	struct buf b, plain;
	struct unpacked u;

	(void)state;
	material_buf(&b);
	material_buf(&plain);
	add_many(&plain, '\0', 30 * MIB);
	add_gzip(&b, plain.data, plain.len);
	unpack(&u, &limits, b.data, b.len, SIZE_MAX, 65536);
	assert_int_equal(u.last, -1);
	assert_int_equal(u.e.kind, ERR_LIMIT);
	assert_true(u.out.len < 4 * MIB);
	buf_clear(&u.out);
	buf_clear(&plain);
	buf_clear(&b);
}

static void
flipped_bytes(void **state)
{
	struct conf_limits limits = material_limits();
	uint64_t seed = 3;
	struct buf b;
	int i;

	(void)state;
	material_buf(&b);
	for (i = 0; i < 3000; i++) {
		struct unpacked u;

		buf_reset(&b);
		add_gzip(&b, text, sizeof(text) - 1);
		b.data[material_random(&seed) % b.len] ^=
		    (char)(1 << material_random(&seed) % 8);
		unpack(&u, &limits, b.data, b.len, SIZE_MAX, 100);
		if (u.last == 0) /* a flip in the header may do no harm */
			assert_memory_equal(u.out.data, text, sizeof(text) - 1);
		buf_clear(&u.out);
	}
	buf_clear(&b);
}

static const struct content_case {
	const char *name;
	const char *bytes;
	size_t len;
	enum content content;
} content_cases[] = {
	{ "nothing", "", 0, CONTENT_OTHER },
	{ "gzip", "\x1f\x8b\x08", 3, CONTENT_GZIP },
	{ "half of gzip", "\x1f", 1, CONTENT_OTHER },
	{ "zip", "PK\3\4", 4, CONTENT_ZIP },
	{ "half of zip", "PK\3", 3, CONTENT_OTHER },
	{ "XML", "<?xml", 5, CONTENT_XML },
	{ "XML without a declaration", "<feedback>", 10, CONTENT_XML },
	{ "XML with a prefix", "<a:feedback x=''>", 17, CONTENT_XML },
	{ "XML behind a comment", "<!-- x --><feedback>", 20, CONTENT_XML },
	{ "XML behind BOM and lines", "\xef\xbb\xbf\r\n <?xml", 11,
	    CONTENT_XML },
	{ "HTML", "<html><body>hi</body></html>", 28, CONTENT_OTHER },
	{ "JSON", " \n{\"a\":1}", 9, CONTENT_JSON },
	{ "text with feedback in it", "your feedback", 13, CONTENT_OTHER },
	{ "only a sign", "<", 1, CONTENT_OTHER },
	{ "only white space", " \r\n ", 4, CONTENT_OTHER },
};

static void
content_row(void **state)
{
	const struct content_case *c = *state;
	char *exact = xmalloc(c->len > 0 ? c->len : 1);

	memcpy(exact, c->bytes, c->len);
	assert_int_equal(attachment_content(exact, c->len), c->content);
	free(exact);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, gzip_cases, gzip_row);
	UNIT_ONE(&u, cut_short_at_every_byte);
	UNIT_ONE(&u, reader_fails_at_every_byte);
	UNIT_ONE(&u, decompressed_limit_at_its_boundary);
	UNIT_ONE(&u, ratio_at_its_boundary);
	UNIT_ONE(&u, ratio_is_as_said);
	UNIT_ONE(&u, bomb);
	UNIT_ONE(&u, flipped_bytes);
	UNIT_ROWS(&u, content_cases, content_row);
	return unit_run("gzip", &u);
}
