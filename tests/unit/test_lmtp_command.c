/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lmtp_command.c - command lines, one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtp/command.h"

#define LINE(text) text, sizeof(text) - 1

static const struct {
	const char *name, *line;
	size_t len;
	bool utf8;
	enum lmtp_verb verb;
	enum lmtp_reply reply;
	const char *address; /* NULL: not looked at */
} cases[] = {
	{ "lhlo", LINE("LHLO mx.example"), 0, LMTP_LHLO, LMTP_REPLY_NONE,
	    NULL },
	{ "lhlo, literal", LINE("lhlo [127.0.0.1]"), 0, LMTP_LHLO,
	    LMTP_REPLY_NONE, NULL },
	{ "lhlo, no name", LINE("LHLO"), 0, LMTP_LHLO, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "lhlo, space only", LINE("LHLO "), 0, LMTP_LHLO, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "lhlo, two names", LINE("LHLO a b"), 0, LMTP_LHLO, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "helo", LINE("HELO a"), 0, LMTP_HELO, LMTP_REPLY_NOT_SMTP, NULL },
	{ "ehlo", LINE("EHLO a"), 0, LMTP_HELO, LMTP_REPLY_NOT_SMTP, NULL },
	{ "empty line", LINE(""), 0, LMTP_UNKNOWN, LMTP_REPLY_UNKNOWN, NULL },
	{ "unknown", LINE("STARTTLS"), 0, LMTP_UNKNOWN, LMTP_REPLY_UNKNOWN,
	    NULL },
	{ "verb as a prefix", LINE("DATAX"), 0, LMTP_UNKNOWN,
	    LMTP_REPLY_UNKNOWN, NULL },
	{ "half a verb", LINE("DAT"), 0, LMTP_UNKNOWN, LMTP_REPLY_UNKNOWN,
	    NULL },

	{ "mail", LINE("MAIL FROM:<a@b.example>"), 0, LMTP_MAIL,
	    LMTP_REPLY_NONE, "a@b.example" },
	{ "mail, any case", LINE("mail from:<a@b.example>"), 0, LMTP_MAIL,
	    LMTP_REPLY_NONE, "a@b.example" },
	{ "mail, null path", LINE("MAIL FROM:<>"), 0, LMTP_MAIL,
	    LMTP_REPLY_NONE, "" },
	{ "mail, trailing space", LINE("MAIL FROM:<a@b> "), 0, LMTP_MAIL,
	    LMTP_REPLY_NONE, "a@b" },
	{ "mail, every parameter",
	    LINE("MAIL FROM:<a@b> SIZE=123 BODY=8BITMIME SMTPUTF8"), 0,
	    LMTP_MAIL, LMTP_REPLY_NONE, "a@b" },
	{ "mail, parameters in lower case",
	    LINE("MAIL FROM:<a@b> smtputf8 body=7bit size=0"), 0, LMTP_MAIL,
	    LMTP_REPLY_NONE, "a@b" },
	{ "mail, no brackets", LINE("MAIL FROM:a@b"), 0, LMTP_MAIL,
	    LMTP_REPLY_BAD_SENDER, NULL },
	{ "mail, space after the colon", LINE("MAIL FROM: <a@b>"), 0, LMTP_MAIL,
	    LMTP_REPLY_BAD_SENDER, NULL },
	{ "mail, nothing", LINE("MAIL"), 0, LMTP_MAIL, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "mail, to", LINE("MAIL TO:<a@b>"), 0, LMTP_MAIL, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "mail, not closed", LINE("MAIL FROM:<a@b"), 0, LMTP_MAIL,
	    LMTP_REPLY_BAD_SENDER, NULL },
	{ "mail, opened only", LINE("MAIL FROM:<"), 0, LMTP_MAIL,
	    LMTP_REPLY_BAD_SENDER, NULL },
	{ "mail, no path", LINE("MAIL FROM:"), 0, LMTP_MAIL,
	    LMTP_REPLY_BAD_SENDER, NULL },
	{ "mail, text behind", LINE("MAIL FROM:<a@b>x"), 0, LMTP_MAIL,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "mail, unknown parameter", LINE("MAIL FROM:<a@b> RET=FULL"), 0,
	    LMTP_MAIL, LMTP_REPLY_PARAMETER, NULL },
	{ "mail, twice the same", LINE("MAIL FROM:<a@b> SIZE=1 SIZE=2"), 0,
	    LMTP_MAIL, LMTP_REPLY_SYNTAX, NULL },
	{ "mail, size without digits", LINE("MAIL FROM:<a@b> SIZE="), 0,
	    LMTP_MAIL, LMTP_REPLY_SYNTAX, NULL },
	{ "mail, negative size", LINE("MAIL FROM:<a@b> SIZE=-1"), 0, LMTP_MAIL,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "mail, size too long",
	    LINE("MAIL FROM:<a@b> SIZE=99999999999999999999"), 0, LMTP_MAIL,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "mail, odd body", LINE("MAIL FROM:<a@b> BODY=9BIT"), 0, LMTP_MAIL,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "mail, body and more", LINE("MAIL FROM:<a@b> BODY=7BITS"), 0,
	    LMTP_MAIL, LMTP_REPLY_SYNTAX, NULL },
	{ "mail, value for smtputf8", LINE("MAIL FROM:<a@b> SMTPUTF8=1"), 0,
	    LMTP_MAIL, LMTP_REPLY_SYNTAX, NULL },

	{ "rcpt", LINE("RCPT TO:<c@d.example>"), 0, LMTP_RCPT, LMTP_REPLY_NONE,
	    "c@d.example" },
	{ "rcpt, null path", LINE("RCPT TO:<>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, postmaster", LINE("RCPT TO:<Postmaster>"), 0, LMTP_RCPT,
	    LMTP_REPLY_NONE, "Postmaster" },
	{ "rcpt, source route", LINE("RCPT TO:<@x.example,@y:c@d>"), 0,
	    LMTP_RCPT, LMTP_REPLY_NONE, "c@d" },
	{ "rcpt, broken route", LINE("RCPT TO:<@x.example c@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, parameter", LINE("RCPT TO:<c@d> NOTIFY=NEVER"), 0, LMTP_RCPT,
	    LMTP_REPLY_PARAMETER, NULL },
	{ "rcpt, quoted", LINE("RCPT TO:<\"a b@c\\\"\\\\\"@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_NONE, "\"a b@c\\\"\\\\\"@d" },
	{ "rcpt, bracket in quotes", LINE("RCPT TO:<\"a>b\"@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_NONE, "\"a>b\"@d" },
	{ "rcpt, quote not closed", LINE("RCPT TO:<\"a@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, backslash at the end", LINE("RCPT TO:<\"a\\"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, text after the quote", LINE("RCPT TO:<\"a\"b@d>"), 0,
	    LMTP_RCPT, LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, two dots", LINE("RCPT TO:<a..b@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, dot in front", LINE("RCPT TO:<.a@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, space", LINE("RCPT TO:<a b@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, no local part", LINE("RCPT TO:<@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, no domain", LINE("RCPT TO:<a@>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, two at signs", LINE("RCPT TO:<a@b@c>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, literals", LINE("RCPT TO:<a@[IPv6:2001:db8::1]>"), 0,
	    LMTP_RCPT, LMTP_REPLY_NONE, "a@[IPv6:2001:db8::1]" },
	{ "rcpt, empty literal", LINE("RCPT TO:<a@[]>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, literal not closed", LINE("RCPT TO:<a@[1.2>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "rcpt, every atom character", LINE("RCPT TO:<!#$%&'*+-/=?^_`{|}~@d>"),
	    0, LMTP_RCPT, LMTP_REPLY_NONE, "!#$%&'*+-/=?^_`{|}~@d" },

	{ "8 bit without smtputf8", LINE("RCPT TO:<\xc3\xa4@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_NEEDS_UTF8, NULL },
	{ "8 bit with smtputf8", LINE("RCPT TO:<\xc3\xa4@d>"), 1, LMTP_RCPT,
	    LMTP_REPLY_NONE, "\xc3\xa4@d" },
	{ "8 bit domain", LINE("RCPT TO:<a@\xc3\xa4.example>"), 1, LMTP_RCPT,
	    LMTP_REPLY_NONE, "a@\xc3\xa4.example" },
	{ "8 bit in quotes", LINE("RCPT TO:<\"\xc3\xa4\"@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_NEEDS_UTF8, NULL },
	{ "no utf-8 at all", LINE("RCPT TO:<\xff@d>"), 1, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "half a character", LINE("RCPT TO:<\"\xc3\"@d>"), 1, LMTP_RCPT,
	    LMTP_REPLY_BAD_RECIPIENT, NULL },
	{ "8 bit sender with smtputf8", LINE("MAIL FROM:<\xc3\xa4@d> SMTPUTF8"),
	    0, LMTP_MAIL, LMTP_REPLY_NONE, "\xc3\xa4@d" },
	{ "8 bit sender without it", LINE("MAIL FROM:<\xc3\xa4@d>"), 0,
	    LMTP_MAIL, LMTP_REPLY_NEEDS_UTF8, NULL },
	{ "8 bit elsewhere", LINE("NOOP \xc3\xa4"), 1, LMTP_NOOP,
	    LMTP_REPLY_BAD_BYTES, NULL },
	{ "NUL", LINE("NOOP \0"), 0, LMTP_NOOP, LMTP_REPLY_BAD_BYTES, NULL },
	{ "NUL in a path", LINE("RCPT TO:<a\0b@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_BYTES, NULL },
	{ "NUL in a literal", LINE("RCPT TO:<a@[1\0]>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_BYTES, NULL },
	{ "bare CR", LINE("NOOP\rQUIT"), 0, LMTP_UNKNOWN, LMTP_REPLY_BAD_BYTES,
	    NULL },
	{ "CR in quotes", LINE("RCPT TO:<\"a\rb\"@d>"), 0, LMTP_RCPT,
	    LMTP_REPLY_BAD_BYTES, NULL },
	{ "TAB", LINE("RSET\t"), 0, LMTP_UNKNOWN, LMTP_REPLY_BAD_BYTES, NULL },
	{ "DEL", LINE("RCPT TO:<a\x7f@d>"), 0, LMTP_RCPT, LMTP_REPLY_BAD_BYTES,
	    NULL },

	{ "data", LINE("DATA"), 0, LMTP_DATA, LMTP_REPLY_NONE, NULL },
	{ "data, argument", LINE("DATA x"), 0, LMTP_DATA, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "bdat", LINE("BDAT 10"), 0, LMTP_BDAT, LMTP_REPLY_NONE, NULL },
	{ "bdat, last", LINE("bdat 0 last"), 0, LMTP_BDAT, LMTP_REPLY_NONE,
	    NULL },
	{ "bdat, TAB", LINE("BDAT\t10"), 0, LMTP_BDAT, LMTP_REPLY_UNKNOWN,
	    NULL },
	{ "bdat, NUL", LINE("BDAT\0 10"), 0, LMTP_BDAT, LMTP_REPLY_UNKNOWN,
	    NULL },
	{ "bdat, NUL behind", LINE("BDAT 10\0"), 0, LMTP_BDAT,
	    LMTP_REPLY_BAD_BYTES, NULL },
	{ "bdat, 8 bit",
	    LINE("bdat\xa0"
		 "10"),
	    0, LMTP_BDAT, LMTP_REPLY_UNKNOWN, NULL },
	{ "bdat and letters", LINE("BDATA 10"), 0, LMTP_BDAT,
	    LMTP_REPLY_UNKNOWN, NULL },
	{ "bdat, no size", LINE("BDAT"), 0, LMTP_BDAT, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "bdat, last only", LINE("BDAT LAST"), 0, LMTP_BDAT, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "bdat, signed", LINE("BDAT +1"), 0, LMTP_BDAT, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "bdat, hexadecimal", LINE("BDAT 0x10"), 0, LMTP_BDAT,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "bdat, too large", LINE("BDAT 18446744073709551616"), 0, LMTP_BDAT,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "bdat, something else", LINE("BDAT 1 FIRST"), 0, LMTP_BDAT,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "bdat, last and more", LINE("BDAT 1 LASTLY"), 0, LMTP_BDAT,
	    LMTP_REPLY_SYNTAX, NULL },
	{ "rset", LINE("rSeT"), 0, LMTP_RSET, LMTP_REPLY_NONE, NULL },
	{ "rset, argument", LINE("RSET 1"), 0, LMTP_RSET, LMTP_REPLY_SYNTAX,
	    NULL },
	{ "noop, argument", LINE("NOOP you there"), 0, LMTP_NOOP,
	    LMTP_REPLY_NONE, NULL },
	{ "vrfy", LINE("VRFY postmaster"), 0, LMTP_VRFY, LMTP_REPLY_NONE,
	    NULL },
	{ "vrfy, nobody", LINE("VRFY"), 0, LMTP_VRFY, LMTP_REPLY_SYNTAX, NULL },
	{ "help", LINE("HELP mail"), 0, LMTP_HELP, LMTP_REPLY_NONE, NULL },
	{ "quit", LINE("QUIT"), 0, LMTP_QUIT, LMTP_REPLY_NONE, NULL },
	{ "quit, argument", LINE("QUIT now"), 0, LMTP_QUIT, LMTP_REPLY_SYNTAX,
	    NULL },
};

/* A copy without a byte behind it, so that ASan sees a read too far. */
static enum lmtp_reply
parse(struct lmtp_command *c, char **copy, const char *line, size_t len,
    bool utf8)
{
	*copy = malloc(len > 0 ? len : 1);
	assert_non_null(*copy);
	memcpy(*copy, line, len);
	return lmtp_command_parse(c, *copy, len, utf8);
}

static void
test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct lmtp_command c;
		enum lmtp_reply r;
		char *copy;
		bool same;

		r = parse(
		    &c, &copy, cases[i].line, cases[i].len, cases[i].utf8);
		same = cases[i].address == NULL ||
		       (c.address_len == strlen(cases[i].address) &&
			   memcmp(c.address, cases[i].address, c.address_len) ==
			       0);
		if (r != cases[i].reply || c.verb != cases[i].verb || !same)
			fail_msg("%s: verb %d, %s", cases[i].name, (int)c.verb,
			    lmtp_reply_text(r));
		free(copy);
	}
}

static void
test_parameters(void **state)
{
	static const char mail[] =
	    "MAIL FROM:<> SIZE=9223372036854775807 BODY=BINARYMIME SMTPUTF8";
	static const char bdat[] = "BDAT 86 LAST";
	struct lmtp_command c;
	char *copy;

	(void)state;
	assert_int_equal(
	    parse(&c, &copy, mail, strlen(mail), false), LMTP_REPLY_NONE);
	assert_true(c.size == INT64_MAX);
	assert_int_equal(c.body, LMTP_BODY_BINARYMIME);
	assert_true(c.smtputf8);
	free(copy);
	assert_int_equal(
	    parse(&c, &copy, bdat, strlen(bdat), false), LMTP_REPLY_NONE);
	assert_true(c.size == 86);
	assert_true(c.last);
	free(copy);
}

/* An address of the longest length passes, one byte more does not. */
static void
test_longest_address(void **state)
{
	char line[LMTP_ADDRESS_MAX + 64];
	struct lmtp_command c;
	size_t len;
	char *copy;
	int more;

	(void)state;
	for (more = 0; more <= 1; more++) {
		memcpy(line, "RCPT TO:<", 9);
		len = 9 + LMTP_ADDRESS_MAX - 2 + (size_t)more;
		memset(line + 9, 'a', len - 9);
		memcpy(line + len, "@d>", 3);
		assert_int_equal(parse(&c, &copy, line, len + 3, false),
		    more ? LMTP_REPLY_BAD_RECIPIENT : LMTP_REPLY_NONE);
		free(copy);
	}
}

/* No beginning of a good line may be read past its end. */
static void
test_every_prefix(void **state)
{
	struct lmtp_command c;
	size_t i, len;
	char *copy;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (len = 0; len <= cases[i].len; len++) {
			assert_in_range(
			    parse(&c, &copy, cases[i].line, len, true), 0,
			    LMTP_REPLY_COUNT - 1);
			free(copy);
		}
	}
}

/* Every reply is one short line with a code and its enhanced code. */
static void
test_replies(void **state)
{
	int r;

	(void)state;
	for (r = 0; r < LMTP_REPLY_COUNT; r++) {
		const char *text = lmtp_reply_text(r);

		assert_non_null(text);
		assert_in_range(strlen(text), 8, 70);
		assert_null(strpbrk(text, "\r\n"));
		assert_int_equal(text[3], ' ');
		if (r != LMTP_REPLY_GO_ON) {
			assert_int_equal(text[4], text[0]);
			assert_int_equal(text[5], '.');
		}
	}
	assert_int_equal(strncmp(lmtp_reply_text(lmtp_reply_of(VERDICT_LATER)),
			     "451 4.3.0 ", 10),
	    0);
	assert_int_equal(strncmp(lmtp_reply_text(lmtp_reply_of(VERDICT_FULL)),
			     "452 4.3.1 ", 10),
	    0);
	assert_int_equal(
	    strncmp(lmtp_reply_text(lmtp_reply_of(VERDICT_LIMITED)),
		"451 4.7.1 ", 10),
	    0);
	for (r = 0; r < VERDICT_COUNT; r++)
		assert_int_equal(verdict_is_final(r),
		    lmtp_reply_text(lmtp_reply_of(r))[0] == '2');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_longest_address),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
