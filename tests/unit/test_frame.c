/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_frame.c - what goes into a frame comes out of it the same: left out
 * stays left out, empty stays empty, and nothing outside of it is touched.
 */
#include <stdlib.h>
#include <string.h>

#include "common/report/frame.h"
#include "common/report/spool.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define VALUES_MAX 8
#define LONG (200 * 1024)

static char long_text[LONG + 1];

static const struct frame_case {
	const char *name;
	const char *value[VALUES_MAX];
	size_t count;
} frame_cases[] = {
	{ "nothing at all", { NULL }, 0 },
	{ "one absent", { NULL }, 1 },
	{ "one empty", { "" }, 1 },
	{ "one byte", { "a" }, 1 },
	{ "absent between", { "a", NULL, "b" }, 3 },
	{ "empty between", { "a", "", "b" }, 3 },
	{ "absent and empty", { NULL, "", NULL, "", "" }, 5 },
	{ "absent at the end", { "abc", NULL, NULL }, 3 },
	{ "empty at the end", { "abc", "", "" }, 3 },
	{ "bytes above 127", { "\xc3\xbc", "\xff\xff\xff\xff", "x" }, 3 },
	{ "long ones", { long_text, "", long_text, NULL, long_text }, 5 },
	{ "lengths 1 to 8",
	    { "1", "22", "333", "4444", "55555", "666666", "7777777",
		"88888888" },
	    8 },
};

/* In memory that ends where the contract says, so that ASan sees the rest. */
static char *
exact_copy(const struct buf *b)
{
	char *p = xmalloc(b->len + 1);

	if (b->len > 0)
		memcpy(p, b->data, b->len);
	return p;
}

static void
check_value(struct frame_cursor *c, const char *expected)
{
	char *text = frame_text(c);

	if (expected == NULL)
		assert_null(text);
	else
		assert_string_equal(text, expected);
}

static void
frame_row(void **state)
{
	const struct frame_case *c = *state;
	struct frame_cursor cursor;
	struct err e = { 0 };
	struct buf b;
	char *p, *text[VALUES_MAX];
	size_t i;

	material_buf(&b);
	for (i = 0; i < c->count; i++)
		assert_int_equal(
		    frame_add_value(&b, c->value[i],
			c->value[i] == NULL ? 0 : strlen(c->value[i]), &e),
		    0);
	p = exact_copy(&b);
	frame_start(&cursor, p, b.len);
	for (i = 0; i < c->count; i++)
		text[i] = frame_text(&cursor);
	/* all of them at once: one must not spoil the one before */
	for (i = 0; i < c->count; i++) {
		if (c->value[i] == NULL)
			assert_null(text[i]);
		else
			assert_string_equal(text[i], c->value[i]);
	}
	free(p);
	buf_clear(&b);
}

static void
lists(void **state)
{
	struct frame_cursor c;
	struct err e = { 0 };
	struct buf b;
	uint32_t i, n;
	char *p;

	(void)state;
	material_buf(&b);
	assert_int_equal(frame_add_value(&b, "head", 4, &e), 0);
	assert_int_equal(frame_add_number(&b, 0, &e), 0);
	assert_int_equal(frame_add_number(&b, 1000, &e), 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(
		    frame_add_value(&b, long_text, i % 300, &e), 0);
	assert_int_equal(frame_add_number(&b, UINT32_MAX - 1, &e), 0);
	assert_int_equal(frame_add_value(&b, "tail", 4, &e), 0);
	p = exact_copy(&b);
	frame_start(&c, p, b.len);
	check_value(&c, "head");
	assert_int_equal(frame_number(&c), 0);
	n = frame_number(&c);
	assert_int_equal(n, 1000);
	for (i = 0; i < n; i++)
		assert_int_equal(strlen(frame_text(&c)), i % 300);
	assert_int_equal(frame_number(&c), UINT32_MAX - 1);
	check_value(&c, "tail");
	free(p);
	buf_clear(&b);
}

/* The bytes are a promise: ids are hashed from them. */
static void
bytes_are_fixed(void **state)
{
	static const char expected[] = "\0\0\0\3abc"
				       "\xff\xff\xff\xff"
				       "\0\0\0\0"
				       "\1\2\3\4";
	struct err e = { 0 };
	struct buf b;

	(void)state;
	material_buf(&b);
	assert_int_equal(frame_add_value(&b, "abcd", 3, &e), 0);
	assert_int_equal(frame_add_value(&b, NULL, 7, &e), 0);
	assert_int_equal(frame_add_value(&b, "x", 0, &e), 0);
	assert_int_equal(frame_add_number(&b, 0x01020304, &e), 0);
	assert_int_equal(b.len, sizeof(expected) - 1);
	assert_memory_equal(b.data, expected, b.len);
	assert_int_equal(frame_entry_values[FRAME_REASONS], 2);
	assert_int_equal(frame_entry_values[FRAME_DKIM_RESULTS], 4);
	assert_int_equal(frame_entry_values[FRAME_SPF_RESULTS], 4);
	assert_int_equal(FRAME_FIELDS, 8);
	buf_clear(&b);
}

/* A frame that was cut, or lies about a length, leads nowhere outside. */
static void
cut_or_lying(void **state)
{
	static const char whole[] = "\0\0\0\5hello\0\0\0\2ab\0\0\0\1c";
	struct frame_cursor c;
	uint64_t seed = 7;
	size_t len, i;
	char *p;

	(void)state;
	for (len = 0; len < sizeof(whole) - 1; len++) {
		p = xmalloc(len + 1);
		memcpy(p, whole, len);
		frame_start(&c, p, len);
		for (i = 0; i < 5; i++)
			(void)frame_text(&c);
		free(p);
	}
	for (i = 0; i < 20000; i++) {
		len = material_random(&seed) % 40;
		p = xmalloc(len + 1);
		for (size_t j = 0; j < len; j++)
			p[j] = (char)(material_random(&seed) % 4 == 0
					  ? material_random(&seed) % 6
					  : 0);
		frame_start(&c, p, len);
		for (size_t j = 0; j < 12; j++) {
			char *text = frame_text(&c);

			if (text != NULL)
				assert_true(text >= p &&
					    text + strlen(text) <= p + len);
		}
		free(p);
	}
}

static void
limit_at_its_boundary(void **state)
{
	struct err e = { 0 };
	struct buf b;
	char *big = xcalloc(1, SPOOL_FRAME_MAX);

	(void)state;
	buf_init(&b, SPOOL_FRAME_MAX);
	assert_int_equal(
	    frame_add_value(&b, big, SPOOL_FRAME_MAX - 4 - 4, &e), 0);
	assert_int_equal(frame_add_number(&b, 1, &e), 0);
	assert_int_equal(b.len, SPOOL_FRAME_MAX);
	assert_int_equal(frame_add_number(&b, 1, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(b.len, SPOOL_FRAME_MAX);
	buf_reset(&b);
	err_clear(&e);
	assert_int_equal(frame_add_value(&b, big, SPOOL_FRAME_MAX - 3, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_non_null(strstr(e.text, "in a record"));
	assert_int_equal(b.len, 0);
	free(big);
	buf_clear(&b);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	memset(long_text, 'l', LONG);
	UNIT_ROWS(&u, frame_cases, frame_row);
	UNIT_ONE(&u, lists);
	UNIT_ONE(&u, bytes_are_fixed);
	UNIT_ONE(&u, cut_or_lying);
	UNIT_ONE(&u, limit_at_its_boundary);
	return unit_run("frame", &u);
}
