/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json.c - what is written reads back the same, whatever bytes a
 * stranger sent. (jansson's header cannot stand beside json.h.)
 */
#include <stdlib.h>
#include <string.h>
#include <glib.h>

#include "common/base/json.h"
#include "tests/unit/unit.h"

static const struct text_case {
	const char *name, *in;
	size_t len;
	const char *out;
} text_cases[] = {
	{ "text: empty", "", 0, "\"\"" },
	{ "text: plain", "abc", 3, "\"abc\"" },
	{ "text: quote, backslash, slash", "\"\\/", 3, "\"\\\"\\\\/\"" },
	{ "text: short escapes", "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
	{ "text: nul", "a\0b", 3, "\"a\\u0000b\"" },
	{ "text: other controls", "\x01\x0b\x1f", 3,
	    "\"\\u0001\\u000b\\u001f\"" },
	{ "text: DEL stays", "\x7f", 1, "\"\x7f\"" },
	{ "text: UTF-8 stays", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
	    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ "text: one bad byte",
	    "a\xff"
	    "b",
	    3,
	    "\"a\xef\xbf\xbd"
	    "b\"" },
	{ "text: cut at the end", "\xe2\x82", 2,
	    "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "text: surrogate", "\xed\xa0\x80", 3,
	    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
};

static void
text_row(void **state)
{
	const struct text_case *c = *state;
	struct err e = { 0 };
	struct json j;
	struct buf b;

	buf_init(&b, 1000);
	json_begin(&j, &b);
	json_text_n(&j, c->in, c->len);
	assert_int_equal(json_end(&j, &e), 0);
	assert_string_equal(b.data, c->out);
	buf_clear(&b);
}

static const struct int_case {
	const char *name;
	int64_t n;
	const char *out;
} int_cases[] = {
	{ "int: zero", 0, "0" },
	{ "int: minus one", -1, "-1" },
	{ "int: most", INT64_MAX, "9223372036854775807" },
	{ "int: least", INT64_MIN, "-9223372036854775808" },
};

static void
int_row(void **state)
{
	const struct int_case *c = *state;
	struct err e = { 0 };
	struct json j;
	struct buf b;

	buf_init(&b, 1000);
	json_begin(&j, &b);
	json_int(&j, c->n);
	assert_int_equal(json_end(&j, &e), 0);
	assert_string_equal(b.data, c->out);
	buf_clear(&b);
}

static void
structure(void **state)
{
	struct err e = { 0 };
	struct json j;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	json_begin(&j, &b);
	json_object_begin(&j);
	json_field(&j, "a", "x");
	json_field(&j, "n", NULL);
	json_field_if(&j, "gone", NULL);
	json_field_if(&j, "there", "");
	json_key(&j, "list");
	json_array_begin(&j);
	json_int(&j, 1);
	json_bool(&j, true);
	json_put_null(&j);
	json_array_begin(&j);
	json_array_end(&j);
	json_object_begin(&j);
	json_object_end(&j);
	json_array_end(&j);
	json_key(&j, "raw");
	json_raw(&j, "[7]", 3);
	json_field_int(&j, "i", -5);
	json_field_bool(&j, "f", false);
	json_object_end(&j);
	assert_int_equal(json_end(&j, &e), 0);
	assert_string_equal(b.data,
	    "{\"a\":\"x\",\"n\":null,\"there\":\"\",\"list\":[1,true,null,[],"
	    "{}],\"raw\":[7],\"i\":-5,\"f\":false}");
	buf_clear(&b);
}

/* At every size too small for it, the error is told and the cap holds. */
static void
a_full_buffer_sticks(void **state)
{
	struct err e;
	struct json j;
	struct buf b;
	size_t max;

	(void)state;
	for (max = 0; max < 40; max++) {
		e = (struct err){ 0 };
		buf_init(&b, max);
		json_begin(&j, &b);
		json_object_begin(&j);
		json_field(&j, "key", "va\"l\xff");
		json_field_int(&j, "n", 123456789);
		json_object_end(&j);
		if (json_end(&j, &e) == 0) {
			assert_true(max >= 32);
			assert_int_equal(b.len, 32);
		} else {
			assert_true(max < 32);
			assert_int_equal(e.kind, ERR_LIMIT);
		}
		assert_true(b.len <= max);
		buf_clear(&b);
	}
}

static void
depth(void **state)
{
	struct err e = { 0 };
	struct json j;
	struct buf b;
	int i, n;

	(void)state;
	for (n = JSON_DEPTH_MAX; n <= JSON_DEPTH_MAX + 2; n++) {
		buf_init(&b, 1000);
		json_begin(&j, &b);
		for (i = 0; i < n; i++)
			json_array_begin(&j);
		for (i = 0; i < n; i++)
			json_array_end(&j);
		assert_int_equal(json_end(&j, &e), n > JSON_DEPTH_MAX ? -1 : 0);
		if (n > JSON_DEPTH_MAX)
			assert_int_equal(e.kind, ERR_LIMIT);
		buf_clear(&b);
	}
}

static void
what_is_not_closed_is_told(void **state)
{
	struct err e = { 0 };
	struct json j;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	json_begin(&j, &b);
	json_object_begin(&j);
	assert_int_equal(json_end(&j, &e), -1);
	buf_clear(&b);
}

/* The text that a JSON string stands for; fails on what RFC 8259 forbids. */
static char *
decoded(const char *p, size_t len)
{
	static const char shorts[] = "\"\"\\\\b\bf\fn\nr\rt\t";
	GString *out = g_string_new(NULL);
	const char *end = p + len - 1, *s;

	assert_true(len >= 2 && *p == '"' && *end == '"');
	for (p++; p < end; p++) {
		assert_true((unsigned char)*p >= 0x20 && *p != '"');
		if (*p != '\\') {
			g_string_append_c(out, *p);
			continue;
		}
		p++;
		if (*p == 'u') {
			char hex[5] = { p[1], p[2], p[3], p[4], '\0' };
			char *hex_end;

			g_string_append_unichar(
			    out, (gunichar)strtoul(hex, &hex_end, 16));
			assert_ptr_equal(hex_end, hex + 4);
			p += 4;
			continue;
		}
		for (s = shorts; *s != '\0' && *s != *p; s += 2)
			;
		assert_int_not_equal(*s, '\0');
		g_string_append_c(out, s[1]);
	}
	assert_ptr_equal(p, end);
	return g_string_free(out, FALSE);
}

/* Bytes that favour the edges of UTF-8. */
static void
random_bytes(GRand *rand, char *p, size_t len)
{
	static const unsigned char edges[] = { 0x22, 0x5c, 0x7f, 0x80, 0xbf,
		0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xa0, 0x9f, 0x90, 0x8f };
	size_t i;

	for (i = 0; i < len; i++)
		p[i] =
		    g_rand_boolean(rand)
			? (char)g_rand_int_range(rand, 1, 256)
			: (char)edges[g_rand_int_range(rand, 0, sizeof(edges))];
}

static void
random_bytes_read_back(void **state)
{
	GRand *rand = g_rand_new_with_seed(20261123);
	int round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		char bytes[33] = { 0 };
		size_t len = (size_t)g_rand_int_range(rand, 0, 33);
		struct err e = { 0 };
		struct json j;
		struct buf b;
		char *valid, *read;

		random_bytes(rand, bytes, len);
		buf_init(&b, 1000);
		json_begin(&j, &b);
		json_text_n(&j, bytes, len);
		assert_int_equal(json_end(&j, &e), 0);
		read = decoded(b.data, b.len);
		valid = g_utf8_make_valid(bytes, (gssize)len);
		assert_string_equal(read, valid);
		g_free(valid);
		g_free(read);
		buf_clear(&b);
	}
	g_rand_free(rand);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, text_cases, text_row);
	UNIT_ROWS(&u, int_cases, int_row);
	UNIT_ONE(&u, structure);
	UNIT_ONE(&u, a_full_buffer_sticks);
	UNIT_ONE(&u, depth);
	UNIT_ONE(&u, what_is_not_closed_is_told);
	UNIT_ONE(&u, random_bytes_read_back);
	return unit_run("json", &u);
}
