/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_zip.c - zip files as reporters make them and as a stranger may: files
 * come out, folders do not, and what lies about itself is said to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/message/attachment.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define TEXT "<feedback>One small report, as it were.</feedback>"
#define LEN (sizeof(TEXT) - 1)

/* bzip2 of "<feedback>bzip2 was here</feedback>" */
static const char bzip2_bytes[] =
    "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x2b\x29\xe7\x17"
    "\x00\x00\x02\x99\x80\x40\x00\x90\x05\x3f\x68\x58\x90\x20"
    "\x00\x21\xa8\x34\x0d\x34\x7a\x20\xa6\x4c\x4c\x83\x23\x1e"
    "\xa8\x77\x82\x14\x47\x02\x30\xb8\x89\x82\x1c\xb1\xf4\x0f"
    "\x65\x6d\xdf\x8b\xb9\x22\x9c\x28\x48\x15\x94\xf3\x8b\x80";
static const char bzip2_text[] = "<feedback>bzip2 was here</feedback>";

/* What came of the whole zip: names and texts, "name=text;" each. */
struct unpacked {
	struct buf out;
	struct err e;
	int rc; /* of the last zip_next or read: 0, -1 */
	uint64_t in_files;
	struct unpack_budget budget;
};

static void
unpack(struct unpacked *u, const struct conf_limits *limits, const void *p,
    size_t len)
{
	struct spill_pool *pool = spill_pool_new("/tmp", limits->temporary);
	struct reader *packed = pieces_reader(p, len, 1000, SIZE_MAX);
	struct reader *member;
	const char *name;
	struct zip *z = NULL;
	char chunk[50];
	ssize_t n = 0;

	memset(u, 0, sizeof(*u));
	u->budget.limits = limits;
	material_buf(&u->out);
	add(&u->out, "", 0);
	u->rc = zip_open(&z, packed, &u->budget, pool, &u->e);
	u->in_files = spill_pool_used(pool);
	while (
	    u->rc == 0 && (u->rc = zip_next(z, &member, &name, &u->e)) == 1) {
		add_format(&u->out, "%s=", name);
		while (
		    (n = reader_read(member, chunk, sizeof(chunk), &u->e)) > 0)
			add(&u->out, chunk, (size_t)n);
		add_text(&u->out, n < 0 ? "!;" : ";");
		u->rc = n < 0 ? -1 : 0;
	}
	zip_close(&z);
	assert_null(z);
	zip_close(&z);
	reader_close(&packed);
	assert_int_equal(spill_pool_used(pool), 0);
	spill_pool_free(&pool);
}

static const struct method_case {
	const char *name;
	unsigned method, flags;
	bool is_good;
	const char *out, *error;
} method_cases[] = {
	{ "stored", 0, 0, true, "r.xml=" TEXT ";", NULL },
	{ "deflated", 8, 0, true, "r.xml=" TEXT ";", NULL },
	{ "bzip2", 12, 0, true, "r.xml=<feedback>bzip2 was here</feedback>;",
	    NULL },
	{ "encrypted", 0, 1, false, "", "encrypted" },
	{ "encrypted and deflated", 8, 1, false, "", "encrypted" },
	{ "encrypted by AES", 99, 1, false, "", NULL },
	{ "shrunk", 1, 0, false, "", "cannot open" },
	{ "imploded", 6, 0, false, "", "cannot open" },
	{ "deflate64", 9, 0, false, "", "cannot open" },
	{ "LZMA", 14, 0, false, "", "cannot open" },
	{ "Zstandard", 93, 0, false, "", "cannot open" },
	{ "XZ", 95, 0, false, "", "cannot open" },
	{ "PPMd", 98, 0, false, "", "cannot open" },
	{ "no method known", 4711, 0, false, "", "cannot open" },
};

static void
method_row(void **state)
{
	const struct method_case *c = *state;
	struct conf_limits limits = material_limits();
	struct zip_member m = zip_stored("r.xml", TEXT, LEN);
	struct buf b, packed;
	struct unpacked u;

	material_buf(&b);
	material_buf(&packed);
	if (c->method == 8)
		m = zip_deflated("r.xml", TEXT, LEN, &packed);
	if (c->method == 12) {
		m = zip_stored("r.xml", bzip2_text, sizeof(bzip2_text) - 1);
		m.data = bzip2_bytes;
		m.len = sizeof(bzip2_bytes) - 1;
	}
	m.method = c->method;
	m.flags = c->flags;
	add_zip(&b, &m, 1);
	unpack(&u, &limits, b.data, b.len);
	assert_string_equal(u.out.data, c->out);
	assert_int_equal(u.rc, c->is_good ? 0 : -1);
	assert_int_equal(u.e.kind, c->is_good ? ERR_NONE : ERR_MALFORMED);
	if (c->error != NULL && strstr(u.e.text, c->error) == NULL)
		fail_msg("%s", u.e.text);
	buf_clear(&u.out);
	buf_clear(&packed);
	buf_clear(&b);
}

static void
no_file_is_passed_over(void **state)
{
	struct conf_limits limits = material_limits();
	struct zip_member m[6];
	struct unpacked u;
	struct buf b;

	(void)state;
	material_buf(&b);
	m[0] = zip_stored("reports/", "", 0);
	m[0].external = 040755u << 16;
	m[1] = zip_stored("__MACOSX/._r.xml", "resource", 8);
	m[2] = zip_stored("link", "/etc/passwd", 11);
	m[2].external = 0120777u << 16;
	m[3] = zip_stored("reports/r.xml", TEXT, LEN);
	m[4] = zip_stored("../../etc/r.xml", "two", 3);
	m[5] = zip_stored("no-attributes.xml", "three", 5);
	m[5].external = 0; /* as zip files of DOS have them */
	add_zip(&b, m, 6);
	unpack(&u, &limits, b.data, b.len);
	assert_int_equal(u.rc, 0);
	assert_string_equal(u.out.data,
	    "reports/r.xml=" TEXT ";../../etc/r.xml=two;"
	    "no-attributes.xml=three;");
	buf_clear(&u.out);
	buf_clear(&b);
}

static const struct lie_case {
	const char *name;
	uint32_t crc, size, packed; /* added to what is true */
} lie_cases[] = {
	{ "CRC", 1, 0, 0 },
	{ "larger", 0, 10, 0 },
	{ "smaller", 0, (uint32_t)-10, 0 },
	{ "4 GiB", 0, 0xfffffff0u - LEN, 0 },
	{ "more packed than there is", 0, 0, 100000 },
	{ "less packed than there is", 0, 0, (uint32_t)-10 },
};

static void
lie_row(void **state)
{
	const struct lie_case *c = *state;
	struct conf_limits limits = material_limits();
	struct buf b, packed;
	struct unpacked u;
	int method;

	material_buf(&b);
	material_buf(&packed);
	for (method = 0; method <= 8; method += 8) {
		struct zip_member m = zip_stored("r.xml", TEXT, LEN);

		buf_reset(&b);
		buf_reset(&packed);
		if (method == 8)
			m = zip_deflated("r.xml", TEXT, LEN, &packed);
		m.crc += c->crc;
		m.size += c->size;
		m.says_packed = (uint32_t)m.len + c->packed;
		add_zip(&b, &m, 1);
		unpack(&u, &limits, b.data, b.len);
		/* an error, or the truth: never a part or more without one */
		if (u.rc == 0)
			assert_string_equal(u.out.data, "r.xml=" TEXT ";");
		else
			assert_int_equal(u.e.kind, ERR_MALFORMED);
		if (c->crc != 0)
			assert_int_equal(u.rc, -1);
		buf_clear(&u.out);
	}
	buf_clear(&packed);
	buf_clear(&b);
}

static void
members_limit_at_its_boundary(void **state)
{
	struct conf_limits limits = material_limits();
	struct zip_member m[7];
	struct unpacked u;
	struct buf b;
	size_t i, count;

	(void)state;
	limits.members = 5;
	for (i = 0; i < 7; i++)
		m[i] = zip_stored("a", "1", 1);
	m[0] = zip_stored("folder/", "", 0); /* counts as well */
	m[0].external = 040755u << 16;
	for (count = 5; count <= 6; count++) {
		material_buf(&b);
		add_zip(&b, m, count);
		unpack(&u, &limits, b.data, b.len);
		assert_string_equal(u.out.data, "a=1;a=1;a=1;a=1;");
		assert_int_equal(u.e.kind, count == 5 ? ERR_NONE : ERR_LIMIT);
		buf_clear(&u.out);
		buf_clear(&b);
	}
}

/* Members share the budget of the message, and the ratio is of the zip. */
static void
size_limits(void **state)
{
	struct conf_limits limits = material_limits();
	struct buf b, plain, packed;
	struct zip_member m[2];
	struct unpacked u;
	size_t more;

	(void)state;
	material_buf(&b);
	material_buf(&plain);
	material_buf(&packed);
	add_many(&plain, 'x', 50000);
	m[0] = zip_deflated("a", plain.data, plain.len, &packed);
	m[1] = zip_stored("b", TEXT, LEN);
	add_zip(&b, m, 2);
	for (more = 0; more < 2; more++) {
		limits.decompressed = plain.len + LEN - more;
		unpack(&u, &limits, b.data, b.len);
		assert_int_equal(u.rc, more == 0 ? 0 : -1);
		assert_int_equal(u.e.kind, more == 0 ? ERR_NONE : ERR_LIMIT);
		buf_clear(&u.out);
	}
	buf_reset(&b);
	buf_reset(&packed);
	limits = material_limits();
	add_many(&plain, 'x', 20 * MIB);
	m[0] = zip_deflated("a", plain.data, plain.len, &packed);
	add_zip(&b, m, 1);
	unpack(&u, &limits, b.data, b.len);
	assert_int_equal(u.e.kind, ERR_LIMIT);
	assert_true(u.out.len < 6 * MIB);
	buf_clear(&u.out);
	buf_clear(&packed);
	buf_clear(&plain);
	buf_clear(&b);
}

/* Past message_memory the copy of the zip is in a file. */
static void
zip_in_a_file(void **state)
{
	struct conf_limits limits = material_limits();
	struct zip_member m[2];
	struct buf b, noise;
	struct unpacked u;
	uint64_t seed = 5;
	uint32_t n;
	int i;

	(void)state;
	material_buf(&b);
	material_buf(&noise);
	for (i = 0; i < 100000; i++) {
		n = material_random(&seed);
		add(&noise, &n, 4);
	}
	m[0] = zip_stored("noise", noise.data, noise.len);
	m[1] = zip_stored("r.xml", TEXT, LEN);
	add_zip(&b, m, 2);
	limits.message_memory = 1000;
	unpack(&u, &limits, b.data, b.len);
	assert_int_equal(u.rc, 0);
	assert_int_equal(u.in_files, b.len);
	assert_int_equal(
	    u.out.len, 6 + noise.len + 1 + strlen("r.xml=" TEXT ";"));
	assert_memory_equal(u.out.data + 6, noise.data, noise.len);
	buf_clear(&u.out);
	limits.temporary = 1000; /* and when there is no room for it */
	unpack(&u, &limits, b.data, b.len);
	assert_int_equal(u.e.kind, ERR_FULL);
	buf_clear(&u.out);
	buf_clear(&noise);
	buf_clear(&b);
}

/* Cut at every byte: what comes out is whole, or there is an error. */
static void
cut_short(void **state)
{
	struct conf_limits limits = material_limits();
	struct zip_member m[2];
	struct buf b, packed;
	struct unpacked u;
	size_t at;

	(void)state;
	material_buf(&b);
	material_buf(&packed);
	m[0] = zip_deflated("a.xml", TEXT, LEN, &packed);
	m[1] = zip_stored("b.xml", TEXT, LEN);
	add_zip(&b, m, 2);
	for (at = 4; at < b.len; at++) {
		char *exact = xmalloc(at);

		memcpy(exact, b.data, at);
		unpack(&u, &limits, exact, at);
		if (u.rc == 0 && u.out.len > 0 &&
		    strcmp(u.out.data, "a.xml=" TEXT ";b.xml=" TEXT ";") != 0 &&
		    strcmp(u.out.data, "a.xml=" TEXT ";") != 0)
			fail_msg("cut at %zu: %s", at, u.out.data);
		if (at < 30 + 5 + m[0].len) /* within the first member */
			assert_int_equal(u.rc, -1);
		buf_clear(&u.out);
		free(exact);
	}
	buf_clear(&packed);
	buf_clear(&b);
}

static void
flipped_bytes(void **state)
{
	struct conf_limits limits = material_limits();
	uint64_t seed = 8;
	struct zip_member m[2];
	struct buf b, packed;
	struct unpacked u;
	int i, j;

	(void)state;
	material_buf(&b);
	material_buf(&packed);
	m[0] = zip_deflated("a.xml", TEXT, LEN, &packed);
	m[1] = zip_stored("b.xml", TEXT, LEN);
	for (i = 0; i < 1500; i++) {
		buf_reset(&b);
		add_zip(&b, m, 2);
		for (j = (int)(material_random(&seed) % 3); j >= 0; j--)
			b.data[material_random(&seed) % b.len] ^=
			    (char)(1 << material_random(&seed) % 8);
		unpack(&u, &limits, b.data, b.len);
		buf_clear(&u.out);
	}
	buf_clear(&packed);
	buf_clear(&b);
}

/* A zip behind other bytes, with a comment, and one that has no member. */
static void
odd_frames(void **state)
{
	struct conf_limits limits = material_limits();
	struct zip_member m = zip_stored("r.xml", TEXT, LEN);
	struct unpacked u;
	struct buf b;

	(void)state;
	material_buf(&b);
	add_zip(&b, &m, 1);
	add_text(&b, "trailing bytes of no meaning\r\n");
	unpack(&u, &limits, b.data, b.len);
	assert_string_equal(u.out.data, "r.xml=" TEXT ";");
	buf_clear(&u.out);
	buf_reset(&b);
	add_zip(&b, &m, 0);
	unpack(&u, &limits, b.data, b.len);
	assert_string_equal(u.out.data, "");
	buf_clear(&u.out);
	buf_reset(&b);
	add_text(&b, "PK\3\4");
	unpack(&u, &limits, b.data, b.len);
	assert_int_equal(u.e.kind, ERR_MALFORMED);
	buf_clear(&u.out);
	unpack(&u, &limits, "", 0);
	assert_int_equal(u.out.len, 0);
	buf_clear(&u.out);
	buf_clear(&b);
}

static void
reader_fails(void **state)
{
	struct conf_limits limits = material_limits();
	struct unpack_budget budget = { .limits = &limits };
	struct spill_pool *pool = spill_pool_new("/tmp", limits.temporary);
	struct reader *packed = pieces_reader("PK\3\4xxxx", 8, 2, 6);
	struct zip *z = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(zip_open(&z, packed, &budget, pool, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_null(z);
	reader_close(&packed);
	spill_pool_free(&pool);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, method_cases, method_row);
	UNIT_ONE(&u, no_file_is_passed_over);
	UNIT_ROWS(&u, lie_cases, lie_row);
	UNIT_ONE(&u, members_limit_at_its_boundary);
	UNIT_ONE(&u, size_limits);
	UNIT_ONE(&u, zip_in_a_file);
	UNIT_ONE(&u, cut_short);
	UNIT_ONE(&u, flipped_bytes);
	UNIT_ONE(&u, odd_frames);
	UNIT_ONE(&u, reader_fails);
	return unit_run("zip", &u);
}
