/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_outside.c - what stands outside of a mail's parts: a footer, or a part.
 */
#include <string.h>

#include "common/message/outside.h"
#include "tests/unit/unit.h"

#define DIGITS_20 "QUJDREVGR0hJSktMTU5P"
#define DIGITS_40 DIGITS_20 DIGITS_20
#define DIGITS_60 DIGITS_40 DIGITS_20
#define RULER_24 "========================"
#define RULER RULER_24 RULER_24 RULER_24 "\r\n"

static const struct outside_case {
	const char *name, *text;
	bool may_be;
} outside_cases[] = {
	{ "nothing", "", false },
	{ "a line end", "\r\n", false },
	{ "for old readers", "This is a multi-part message in MIME format.\n",
	    false },
	{ "of a list",
	    "_______________________________________________________________\n"
	    "https://lists.example/" DIGITS_60 "\n",
	    false },
	{ "fields", "\n--b\nContent-Type: text/xml\n\nx\n", true },
	{ "fields in another case", "CONTENT-transfer-encoding: base64", true },
	{ "such words in a line", "the Content-Type: is text\n", false },
	{ "XML", "x\n<?xml version='1.0'?>", true },
	{ "a report", "<feedback>", true },
	{ "a TLS report", "{\"organization-name\":\"x\"}", true },
	{ "base64", "x\n" DIGITS_60 "\nAA==\n", true },
	{ "base64, CRLF", DIGITS_60 "\r\n", true },
	{ "base64, no line end", DIGITS_60, true },
	{ "base64 with its padding", DIGITS_40 "QUJDREVGR0hJSktMTQ==\r\n",
	    true },
	{ "base64 behind a ruler", RULER DIGITS_60 "\n", true },
	{ "too much padding", DIGITS_60 "===\n", false },
	{ "padding inside", DIGITS_60 "==" DIGITS_20 "\n", false },
	{ "a ruler", "x\n" RULER "y\n" RULER, false },
	{ "a shorter word", DIGITS_40 "\n", false },
	{ "words that are long together", DIGITS_20 " " DIGITS_60 "\n", false },
};

static void
outside(void **state)
{
	const struct outside_case *c = *state;

	assert_int_equal(
	    outside_may_be_part(c->text, strlen(c->text)), c->may_be);
}

static void
no_text_and_nul(void **state)
{
	static const char nul[] = "\0\0<feedback\0";

	(void)state;
	assert_false(outside_may_be_part(NULL, 0));
	assert_true(outside_may_be_part(nul, sizeof(nul)));
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, outside_cases, outside);
	UNIT_ONE(&u, no_text_and_nul);
	return unit_run("outside", &u);
}
