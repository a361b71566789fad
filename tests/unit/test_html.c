/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_html.c - what strangers write stays text, whatever they write.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/html.h"
#include "common/base/text.h"
#include "tests/unit/unit.h"

#define ROUNDS 20000
#define LONG_BYTES 10240

struct text_case {
	const char *name;
	const char *text, *html, *url;
};

static const struct text_case text_cases[] = {
	{ "plain", "d.example", "d.example", "d.example" },
	{ "none", NULL, "", "" },
	{ "script", "<script>alert(1)</script>",
	    "&lt;script&gt;alert(1)&lt;/script&gt;",
	    "%3Cscript%3Ealert%281%29%3C%2Fscript%3E" },
	{ "out of an attribute", "\"><img onerror='x'>",
	    "&quot;&gt;&lt;img onerror=&#39;x&#39;&gt;",
	    "%22%3E%3Cimg%20onerror%3D%27x%27%3E" },
	{ "an entity", "&lt;b&gt;", "&amp;lt;b&amp;gt;", "%26lt%3Bb%26gt%3B" },
	{ "right to left",
	    "a\xe2\x80\xae"
	    "b",
	    "a\\u{202E}b", "a%E2%80%AEb" },
	{ "isolate", "\xe2\x81\xa6x", "\\u{2066}x", "%E2%81%A6x" },
	{ "control", "a\x01\nb", "a\\u{1}\\u{A}b", "a%01%0Ab" },
	{ "nothing to see",
	    "a\xe2\x80\x8b"
	    "b",
	    "a\\u{200B}b", "a%E2%80%8Bb" },
	{ "not UTF-8",
	    "a\xff"
	    "b\xc3",
	    "a\xef\xbf\xbd"
	    "b\xef\xbf\xbd",
	    "a%FFb%C3" },
	{ "umlaut", "M\xc3\xbcller", "M\xc3\xbcller", "M%C3%BCller" },
	{ "another plane", "\xf0\x9f\x93\xab", "\xf0\x9f\x93\xab",
	    "%F0%9F%93%AB" },
};

static void
texts(void **state)
{
	const struct text_case *c = *state;
	struct err e = { 0 };
	struct html h;
	struct buf b;

	buf_init(&b, 4096);
	html_begin(&h, &b);
	html_put(&h, "|");
	html_text(&h, c->text);
	assert_string_equal(b.data + 1, c->html);
	buf_reset(&b);
	html_put(&h, "|");
	html_url(&h, c->text);
	assert_string_equal(b.data + 1, c->url);
	assert_int_equal(html_end(&h, &e), 0);
	buf_clear(&b);
}

/* No byte of markup, and all of it UTF-8. */
static void
check_is_text(const struct buf *b)
{
	size_t i;

	if (b->len == 0)
		return;
	assert_int_equal(text_utf8_valid(b->data, b->len), b->len);
	for (i = 0; i < b->len; i++)
		assert_false((unsigned char)b->data[i] < ' ' ||
			     strchr("<>\"'`", b->data[i]) != NULL);
}

static void
anything_is_text(void **state)
{
	static const char words[] = "<>&\"'`/=;:- \n\t\x7f\xe2\x80\xae\xff"
				    "scriptonerror\xc3\xb6\xf0\x9f\x93\xab";
	struct err e = { 0 };
	char text[64];
	struct html h;
	struct buf b;
	int round, i;

	(void)state;
	srand(9);
	buf_init(&b, 4096);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < (int)sizeof(text) - 1; i++)
			text[i] = round % 2 == 0
				      ? words[rand() % (sizeof(words) - 1)]
				      : (char)(1 + rand() % 255);
		text[rand() % sizeof(text)] = '\0';
		text[sizeof(text) - 1] = '\0';
		buf_reset(&b);
		html_begin(&h, &b);
		html_text(&h, text);
		assert_int_equal(html_end(&h, &e), 0);
		check_is_text(&b);
		buf_reset(&b);
		html_begin(&h, &b);
		html_url(&h, text);
		assert_int_equal(html_end(&h, &e), 0);
		check_is_text(&b);
	}
	buf_clear(&b);
}

static void
long_text_is_cut(void **state)
{
	struct err e = { 0 };
	char *text = malloc(LONG_BYTES + 1);
	struct html h;
	struct buf b;

	(void)state;
	assert_non_null(text);
	memset(text, '<', LONG_BYTES);
	text[LONG_BYTES] = '\0';
	buf_init(&b, 4096);
	html_begin(&h, &b);
	html_text(&h, text);
	assert_int_equal(html_end(&h, &e), 0);
	assert_int_equal(b.len, 256 * 4 + 3);
	buf_clear(&b);
	free(text);
}

static void
full_buffer_is_told(void **state)
{
	struct err e = { 0 };
	struct html h;
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	html_begin(&h, &b);
	html_put(&h, "12345678");
	html_text(&h, "9");
	html_put(&h, "");
	assert_int_equal(html_end(&h, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_string_equal(b.data, "12345678");
	buf_clear(&b);
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, text_cases, texts);
	UNIT_ONE(&u, anything_is_text);
	UNIT_ONE(&u, long_text_is_cut);
	UNIT_ONE(&u, full_buffer_is_told);
	return unit_run("html", &u);
}
