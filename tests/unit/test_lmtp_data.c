/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lmtp_data.c - where a mail ends, and where it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lmtp/data.h"

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name, *in;
	size_t in_len;
	const char *mail;
	size_t mail_len;
	bool ends;
	size_t left; /* bytes after the end */
} cases[] = {
	{ "one line", BYTES("a\r\n.\r\n"), BYTES("a\r\n"), true, 0 },
	{ "empty mail", BYTES(".\r\n"), BYTES(""), true, 0 },
	{ "empty line", BYTES("\r\n.\r\n"), BYTES("\r\n"), true, 0 },
	{ "commands behind", BYTES("a\r\n.\r\nQUIT\r\n"), BYTES("a\r\n"), true,
	    6 },
	{ "no end", BYTES("a\r\nb\r\n"), BYTES("a\r\nb\r\n"), false, 0 },
	{ "no end, dot", BYTES("a\r\n."), BYTES("a\r\n"), false, 0 },
	{ "no end, dot and CR", BYTES("a\r\n.\r"), BYTES("a\r\n"), false, 0 },
	{ "stuffed dot", BYTES("..\r\n.\r\n"), BYTES(".\r\n"), true, 0 },
	{ "stuffed dots", BYTES("a\r\n...b\r\n.\r\n"), BYTES("a\r\n..b\r\n"),
	    true, 0 },
	{ "dot and text", BYTES(".a\r\n.\r\n"), BYTES("a\r\n"), true, 0 },
	{ "dots inside", BYTES("a.b.\r\n.\r\n"), BYTES("a.b.\r\n"), true, 0 },
	{ "dot at the end of a line", BYTES("a.\r\nb\r\n.\r\n"),
	    BYTES("a.\r\nb\r\n"), true, 0 },
	{ "NUL", BYTES("a\0b\r\n\0.\r\n.\r\n"), BYTES("a\0b\r\n\0.\r\n"), true,
	    0 },
	{ "8 bit", BYTES("\xff\xfe\r\n.\r\n"), BYTES("\xff\xfe\r\n"), true, 0 },

	/* what one MTA takes for an end and another does not */
	{ "LF dot LF", BYTES("a\n.\nb\r\n.\r\n"), BYTES("a\n.\nb\r\n"), true,
	    0 },
	{ "LF dot CRLF", BYTES("a\n.\r\nb\r\n.\r\n"), BYTES("a\n.\r\nb\r\n"),
	    true, 0 },
	{ "CRLF dot LF", BYTES("a\r\n.\nb\r\n.\r\n"), BYTES("a\r\n\nb\r\n"),
	    true, 0 },
	{ "CR dot CR", BYTES("a\r.\rb\r\n.\r\n"), BYTES("a\r.\rb\r\n"), true,
	    0 },
	{ "CR dot CRLF", BYTES("a\r.\r\nb\r\n.\r\n"), BYTES("a\r.\r\nb\r\n"),
	    true, 0 },
	{ "CRLF dot CR", BYTES("a\r\n.\rb\r\n.\r\n"), BYTES("a\r\n\rb\r\n"),
	    true, 0 },
	{ "CRLF dot CR CRLF", BYTES("a\r\n.\r\r\nb\r\n.\r\n"),
	    BYTES("a\r\n\r\r\nb\r\n"), true, 0 },
	{ "CRLF dot CR CR LF dot CRLF", BYTES("a\r\n.\r\r\n.\r\n"),
	    BYTES("a\r\n\r\r\n"), true, 0 },
	{ "CRLF NUL dot CRLF", BYTES("a\r\n\0.\r\nb\r\n.\r\n"),
	    BYTES("a\r\n\0.\r\nb\r\n"), true, 0 },
	{ "CRLF dot NUL CRLF", BYTES("a\r\n.\0\r\nb\r\n.\r\n"),
	    BYTES("a\r\n\0\r\nb\r\n"), true, 0 },
	{ "LF CR dot CRLF", BYTES("a\n\r.\r\nb\r\n.\r\n"),
	    BYTES("a\n\r.\r\nb\r\n"), true, 0 },
	{ "CR CR LF dot CRLF", BYTES("a\r\r\n.\r\n"), BYTES("a\r\r\n"), true,
	    0 },
	{ "LF first", BYTES("\n.\r\n.\r\n"), BYTES("\n.\r\n"), true, 0 },
	{ "dot space", BYTES("a\r\n. \r\n.\r\n"), BYTES("a\r\n \r\n"), true,
	    0 },
};

/* Feed piece (a copy, so that ASan sees a read too far). true at the end. */
static bool
feed(struct lmtp_data *d, const char *piece, size_t len, char *mail,
    size_t *mail_len, size_t *left)
{
	char *copy = malloc(len > 0 ? len : 1);
	struct bytes in = { copy, len }, span;
	enum lmtp_data_event ev;

	assert_non_null(copy);
	memcpy(copy, piece, len);
	while ((ev = lmtp_data_next(d, &in, &span)) == LMTP_DATA_SPAN) {
		memcpy(mail + *mail_len, span.data, span.len);
		*mail_len += span.len;
	}
	*left = in.len;
	free(copy);
	return ev == LMTP_DATA_END;
}

static void
check(size_t i, const char *mail, size_t mail_len, bool ended, size_t left)
{
	if (ended != cases[i].ends || mail_len != cases[i].mail_len ||
	    memcmp(mail, cases[i].mail, mail_len) != 0 ||
	    (ended && left != cases[i].left))
		fail_msg("%s: %zu bytes, %zu left, %s", cases[i].name, mail_len,
		    left, ended ? "ended" : "not ended");
}

/* In three pieces, cut at every two places; the end may come in each. */
static void
test_every_split(void **state)
{
	size_t i, a, b;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = cases[i].in_len;

		for (a = 0; a <= len; a++) {
			for (b = a; b <= len; b++) {
				size_t cuts[] = { 0, a, b, len }, k;
				size_t mail_len = 0, left = 0;
				struct lmtp_data d;
				bool ended = false;
				char mail[256];

				lmtp_data_init(&d);
				for (k = 0; k < 3 && !ended; k++) {
					ended = feed(&d, cases[i].in + cuts[k],
					    cuts[k + 1] - cuts[k], mail,
					    &mail_len, &left);
					if (ended)
						left += len - cuts[k + 1];
				}
				check(i, mail, mail_len, ended, left);
			}
		}
	}
}

static void
test_byte_by_byte(void **state)
{
	size_t i, at;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t mail_len = 0, left = 0;
		struct lmtp_data d;
		bool ended = false;
		char mail[256];

		lmtp_data_init(&d);
		for (at = 0; at < cases[i].in_len && !ended; at++)
			ended = feed(
			    &d, cases[i].in + at, 1, mail, &mail_len, &left);
		check(i, mail, mail_len, ended, cases[i].in_len - at);
	}
}

/* All strings of eight of the bytes that matter, against a plain reading. */
static void
test_all_short_strings(void **state)
{
	static const char bytes[] = "\r\n.a";
	const size_t len = 8;
	unsigned n;

	(void)state;
	for (n = 0; n < 1u << 16; n++) {
		char in[16], want[16], mail[16];
		size_t want_len = 0, mail_len = 0, left = 0, at, k;
		bool start = true, want_end = false, ended = false;
		struct lmtp_data d;

		for (k = 0; k < len; k++)
			in[k] = bytes[n >> (2 * k) & 3];
		for (at = 0; at < len && !want_end; at++) {
			if (start && in[at] == '.') {
				if (at + 2 < len && in[at + 1] == '\r' &&
				    in[at + 2] == '\n') {
					want_end = true;
					at += 2;
					continue;
				}
				start = false;
				continue;
			}
			want[want_len++] = in[at];
			start = in[at] == '\n' && at > 0 && in[at - 1] == '\r';
		}
		/* ". CR" at the end of the input is held back */
		if (!want_end && want_len > 0 && in[len - 1] == '\r' &&
		    in[len - 2] == '.' &&
		    (len == 2 || (in[len - 3] == '\n' && in[len - 4] == '\r')))
			want_len--;
		lmtp_data_init(&d);
		ended = feed(&d, in, len, mail, &mail_len, &left);
		assert_int_equal(ended, want_end);
		assert_int_equal(mail_len, want_len);
		assert_memory_equal(mail, want, want_len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_all_short_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
