/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_text.c - numbers, UTF-8, escapes and small codes, at their edges.
 */
#include <stdlib.h>
#include <string.h>
#include <glib.h>

#include "common/base/text.h"
#include "tests/unit/unit.h"

static const struct int_case {
	const char *name, *text;
	int rc;
	int64_t value;
} int_cases[] = {
	{ "int: zero", "0", 0, 0 },
	{ "int: leading zeros", "000012", 0, 12 },
	{ "int: plus", "+7", 0, 7 },
	{ "int: minus", "-7", 0, -7 },
	{ "int: most", "9223372036854775807", 0, INT64_MAX },
	{ "int: most and one", "9223372036854775808", -1, 0 },
	{ "int: least", "-9223372036854775808", 0, INT64_MIN },
	{ "int: least and one", "-9223372036854775809", -1, 0 },
	{ "int: 64 bits", "18446744073709551615", -1, 0 },
	{ "int: wraps round", "18446744073709551617", -1, 0 },
	{ "int: very long", "99999999999999999999999999999999", -1, 0 },
	{ "int: nothing", "", -1, 0 },
	{ "int: sign only", "-", -1, 0 },
	{ "int: two signs", "--1", -1, 0 },
	{ "int: space before", " 1", -1, 0 },
	{ "int: space behind", "1 ", -1, 0 },
	{ "int: thousands", "1,234", -1, 0 },
	{ "int: fraction", "1.0", -1, 0 },
	{ "int: hex", "0x10", -1, 0 },
	{ "int: colon follows nine", "1:", -1, 0 },
	{ "int: slash precedes zero", "1/", -1, 0 },
	{ "int: byte above 127", "1\xb2", -1, 0 },
};

static void
int_row(void **state)
{
	const struct int_case *c = *state;
	int64_t value = 424242;

	assert_int_equal(
	    text_to_int64(c->text, strlen(c->text), &value), c->rc);
	assert_true(value == (c->rc == 0 ? c->value : 424242));
}

static const struct utf8_case {
	const char *name, *p;
	size_t len, n;
} utf8_cases[] = {
	{ "utf8: nul", "\0", 1, 1 },
	{ "utf8: ascii", "a", 1, 1 },
	{ "utf8: last ascii", "\x7f", 1, 1 },
	{ "utf8: first of two", "\xc2\x80", 2, 2 },
	{ "utf8: last of two", "\xdf\xbf", 2, 2 },
	{ "utf8: first of three", "\xe0\xa0\x80", 3, 3 },
	{ "utf8: before surrogates", "\xed\x9f\xbf", 3, 3 },
	{ "utf8: after surrogates", "\xee\x80\x80", 3, 3 },
	{ "utf8: last of three", "\xef\xbf\xbf", 3, 3 },
	{ "utf8: first of four", "\xf0\x90\x80\x80", 4, 4 },
	{ "utf8: last of all", "\xf4\x8f\xbf\xbf", 4, 4 },
	{ "utf8: more follows", "\xc3\xa9zzz", 5, 2 },
	{ "utf8: continuation alone", "\x80", 1, 0 },
	{ "utf8: last continuation alone", "\xbf", 1, 0 },
	{ "utf8: overlong slash, two", "\xc0\xaf", 2, 0 },
	{ "utf8: overlong, c1", "\xc1\xbf", 2, 0 },
	{ "utf8: overlong slash, three", "\xe0\x80\xaf", 3, 0 },
	{ "utf8: overlong, e0 9f", "\xe0\x9f\xbf", 3, 0 },
	{ "utf8: overlong, four", "\xf0\x80\x80\xaf", 4, 0 },
	{ "utf8: overlong, f0 8f", "\xf0\x8f\xbf\xbf", 4, 0 },
	{ "utf8: first surrogate", "\xed\xa0\x80", 3, 0 },
	{ "utf8: last surrogate", "\xed\xbf\xbf", 3, 0 },
	{ "utf8: past U+10FFFF", "\xf4\x90\x80\x80", 4, 0 },
	{ "utf8: f5", "\xf5\x80\x80\x80", 4, 0 },
	{ "utf8: ff", "\xff", 1, 0 },
	{ "utf8: two cut", "\xc2", 1, 0 },
	{ "utf8: three cut", "\xe2\x82", 2, 0 },
	{ "utf8: four cut", "\xf0\x9f\x98", 3, 0 },
	{ "utf8: second is ascii",
	    "\xc2"
	    "A",
	    2, 0 },
	{ "utf8: third is ascii",
	    "\xe2\x82"
	    "A",
	    3, 0 },
	{ "utf8: fourth is ascii",
	    "\xf0\x9f\x98"
	    "A",
	    4, 0 },
	{ "utf8: second starts anew", "\xe2\xc2\x80", 3, 0 },
};

/* In memory of its own length, so that a sanitizer sees a byte too far. */
static char *
copy_of(const char *p, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	return copy;
}

static void
utf8_row(void **state)
{
	const struct utf8_case *c = *state;
	char *p = copy_of(c->p, c->len);

	assert_int_equal(text_utf8_char(p, c->len), c->n);
	free(p);
}

/* Every start of one to four bytes, against GLib's answer. */
static void
utf8_all_of_the_first_two_bytes(void **state)
{
	static const unsigned char rest[][2] = { { 0x80, 0x80 }, { 0xbf, 0xbf },
		{ 0x7f, 0x80 }, { 0x80, 0xc0 } };
	unsigned first, second, i;
	size_t len;

	(void)state;
	for (first = 1; first < 256; first++) {
		for (second = 1; second < 256; second++) {
			for (i = 0; i < 4; i++) {
				char p[4] = { (char)first, (char)second,
					(char)rest[i][0], (char)rest[i][1] };
				const gchar *end;

				len = text_utf8_valid(p, sizeof(p));
				(void)g_utf8_validate(p, sizeof(p), &end);
				assert_int_equal(len, end - p);
			}
		}
	}
}

static const struct escape_case {
	const char *name, *text;
	size_t room;
	const char *out;
} escape_cases[] = {
	{ "escape: NULL", NULL, 16, "" },
	{ "escape: empty", "", 16, "" },
	{ "escape: empty into one byte", "", 1, "" },
	{ "escape: plain", "noreply@r.example", 64, "noreply@r.example" },
	{ "escape: quote and backslash", "a\"b\\c", 64, "a\\\"b\\\\c" },
	{ "escape: line end", "a\r\nstatus=stored", 64,
	    "a\\x0d\\x0astatus=stored" },
	{ "escape: terminal", "\x1b[2J", 64, "\\x1b[2J" },
	{ "escape: DEL", "\x7f", 64, "\\x7f" },
	{ "escape: UTF-8 stays", "M\xc3\xbcller", 64, "M\xc3\xbcller" },
	{ "escape: C1 control",
	    "\xc2\x9b"
	    "1m",
	    64,
	    "\\xc2\\x9b"
	    "1m" },
	{ "escape: first after C1", "\xc2\xa0", 64, "\xc2\xa0" },
	{ "escape: not UTF-8", "\xff\xfe", 64, "\\xff\\xfe" },
	{ "escape: cut", "abcdefghijklmnop", 10, "abcdef..." },
	{ "escape: not in the middle of \\xNN", "ab\x01\x01\x01", 9, "ab..." },
	{ "escape: fits to the byte", "abcdefghi", 10, "abcdefghi" },
	{ "escape: one too long", "abcdefghij", 10, "abcdef..." },
	{ "escape: room for dots only", "abcdef", 4, "..." },
	{ "escape: three bytes", "abcdef", 3, NULL },
	{ "escape: one byte", "abcdef", 1, "" },
};

static void
escape_row(void **state)
{
	const struct escape_case *c = *state;
	char *out = malloc(c->room);

	assert_non_null(out);
	assert_ptr_equal(text_escape(c->text, out, c->room), out);
	assert_true(strnlen(out, c->room) < c->room);
	if (c->out != NULL)
		assert_string_equal(out, c->out);
	free(out);
}

static const struct scaled_case {
	const char *name, *text;
	int size_rc;
	uint64_t size;
	int seconds_rc;
	int64_t seconds;
} scaled_cases[] = {
	{ "scaled: plain", "300", 0, 300, 0, 300 },
	{ "scaled: zero", "0", 0, 0, 0, 0 },
	{ "scaled: K", "64K", 0, 65536, -1, 0 },
	{ "scaled: m is minutes, or MiB", "5m", 0, 5 << 20, 0, 300 },
	{ "scaled: G", "2G", 0, 2147483648, -1, 0 },
	{ "scaled: s", "9s", -1, 0, 0, 9 },
	{ "scaled: h", "12h", -1, 0, 0, 43200 },
	{ "scaled: d", "3d", -1, 0, 0, 259200 },
	{ "scaled: unit only", "K", -1, 0, -1, 0 },
	{ "scaled: nothing", "", -1, 0, -1, 0 },
	{ "scaled: negative", "-1", -1, 0, -1, 0 },
	{ "scaled: two units", "1KK", -1, 0, -1, 0 },
	{ "scaled: space", "1 K", -1, 0, -1, 0 },
	{ "scaled: KB", "1KB", -1, 0, -1, 0 },
	{ "scaled: too large", "9223372036854775807G", -1, 0, -1, 0 },
	{ "scaled: too long", "9223372036854775807d", -1, 0, -1, 0 },
};

static void
scaled_row(void **state)
{
	const struct scaled_case *c = *state;
	uint64_t size = 7;
	int64_t seconds = 7;

	assert_int_equal(text_to_size(c->text, &size), c->size_rc);
	assert_true(size == (c->size_rc == 0 ? c->size : 7));
	assert_int_equal(text_to_seconds(c->text, &seconds), c->seconds_rc);
	assert_true(seconds == (c->seconds_rc == 0 ? c->seconds : 7));
}

static const struct trim_case {
	const char *name, *text, *out;
} trim_cases[] = {
	{ "trim: nothing", "", "" },
	{ "trim: only space", " \t\r\n\v\f ", "" },
	{ "trim: inner stays", "\n a b \r\n", "a b" },
	{ "trim: no-break space stays", "\xc2\xa0x", "\xc2\xa0x" },
};

static void
trim_row(void **state)
{
	const struct trim_case *c = *state;
	const char *p = c->text;
	size_t len = strlen(p);

	text_trim(&p, &len);
	assert_int_equal(len, strlen(c->out));
	assert_memory_equal(p, c->out, len);
}

/* RFC 4648, section 10, in the URL alphabet and without padding. */
static const struct base64_case {
	const char *name, *in;
	size_t len;
	const char *out, *hex;
} base64_cases[] = {
	{ "code: nothing", "", 0, "", "" },
	{ "code: f", "f", 1, "Zg", "66" },
	{ "code: fo", "fo", 2, "Zm8", "666f" },
	{ "code: foo", "foo", 3, "Zm9v", "666f6f" },
	{ "code: foob", "foob", 4, "Zm9vYg", "666f6f62" },
	{ "code: foobar", "foobar", 6, "Zm9vYmFy", "666f6f626172" },
	{ "code: the last two digits", "\xfb\xff", 2, "-_8", "fbff" },
	{ "code: zeros", "\0\0\0", 3, "AAAA", "000000" },
};

static void
base64_row(void **state)
{
	const struct base64_case *c = *state;
	size_t len = strlen(c->out), back_len;
	char *out = malloc(len + 1), *hex = malloc(2 * c->len + 1);
	char back[16];

	assert_true(out != NULL && hex != NULL);
	text_base64url((const unsigned char *)c->in, c->len, out);
	assert_string_equal(out, c->out);
	out[len] = '='; /* instead of the NUL: where the word ends */
	assert_int_equal(
	    text_decode_base64(out, len + 1, back, &back_len), len);
	assert_int_equal(back_len, c->len);
	assert_memory_equal(back, c->in, c->len);
	text_hex((const unsigned char *)c->in, c->len, hex);
	assert_string_equal(hex, c->hex);
	free(out);
	free(hex);
}

static void
base64url_of_a_digest_has_43_characters(void **state)
{
	unsigned char digest[32];
	char out[44];

	(void)state;
	memset(digest, 0xff, sizeof(digest));
	text_base64url(digest, sizeof(digest), out);
	assert_string_equal(out, "__________________________________________8");
}

static void
case_is_ascii_only(void **state)
{
	char text[] = "AZ[@`az\xc3\x84";

	(void)state;
	text_lower(text);
	assert_string_equal(text, "az[@`az\xc3\x84");
	assert_true(text_equal_nocase("PaSs", "pAsS"));
	assert_false(text_equal_nocase("pass", "passe"));
	assert_false(text_equal_nocase("@", "`"));
	assert_true(text_equal_nocase_n("ABx", "aby", 2));
	assert_true(text_starts_nocase("Received: x", "received:"));
	assert_false(text_starts_nocase("Rec", "received"));
	assert_true(text_starts_nocase("", ""));
}

static void
distance(void **state)
{
	char big[65];

	(void)state;
	assert_int_equal(text_distance("", ""), 0);
	assert_int_equal(text_distance("", "abc"), 3);
	assert_int_equal(text_distance("listen", "lsiten"), 2);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
	assert_int_equal(text_distance("path", "paths"), 1);
	memset(big, 'a', sizeof(big) - 1);
	big[64] = '\0';
	assert_int_equal(text_distance(big, "a"), SIZE_MAX);
	assert_int_equal(text_distance("a", big), SIZE_MAX);
	big[63] = '\0';
	assert_int_equal(text_distance(big, "a"), 62);
	assert_int_equal(text_distance("a", big), 62);
}

static const struct time_case {
	const char *name, *text, *out;
} time_cases[] = {
	{ "time: nothing", "", "" },
	{ "time: none", "Couldn't connect to server",
	    "Couldn't connect to server" },
	{ "time: of a refusal",
	    "Failed to connect to h port 1 after 20 ms: Couldn't connect",
	    "Failed to connect to h port 1: Couldn't connect" },
	{ "time: at the end", "Connection timed out after 10001 milliseconds",
	    "Connection timed out" },
	{ "time: before more",
	    "Operation timed out after 999 milliseconds with 0 bytes received",
	    "Operation timed out with 0 bytes received" },
	{ "time: after another word", "gone after all after 7 ms",
	    "gone after all" },
	{ "time: no number", "gone after ms", "gone after ms" },
	{ "time: no number but a space", "gone after  ms", "gone after  ms" },
	{ "time: another unit", "gone after 5 s", "gone after 5 s" },
	{ "time: cut", "gone after 5", "gone after 5" },
};

static void
time_row(void **state)
{
	const struct time_case *c = *state;
	char text[128];

	(void)snprintf(text, sizeof(text), "%s", c->text);
	text_cut_time(text);
	assert_string_equal(text, c->out);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, int_cases, int_row);
	UNIT_ROWS(&u, utf8_cases, utf8_row);
	UNIT_ROWS(&u, escape_cases, escape_row);
	UNIT_ROWS(&u, scaled_cases, scaled_row);
	UNIT_ROWS(&u, trim_cases, trim_row);
	UNIT_ROWS(&u, base64_cases, base64_row);
	UNIT_ROWS(&u, time_cases, time_row);
	UNIT_ONE(&u, utf8_all_of_the_first_two_bytes);
	UNIT_ONE(&u, base64url_of_a_digest_has_43_characters);
	UNIT_ONE(&u, case_is_ascii_only);
	UNIT_ONE(&u, distance);
	return unit_run("text", &u);
}
