/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_secret.c - a secret in what a server says, however it is written there.
 */
#include <string.h>

#include "common/base/secret.h"
#include "tests/unit/unit.h"

static const struct secret_case {
	const char *name;
	const char *text, *secret;
	bool is_in;
} secret_cases[] = {
	{ "not there", "NO [AUTHENTICATIONFAILED] no", "hush", false },
	{ "no secret", "NO", NULL, false },
	{ "an empty one", "NO", "", false },
	{ "no text", "", "hush", false },
	{ "as it is", "BAD LOGIN \"u\" \"hush\"", "hush", true },
	{ "in a longer word", "BAD xhushx", "hush", true },
	{ "in two words", "BAD LOGIN u \"hush hush\"", "hush hush", true },
	{ "another case is another secret", "BAD HUSH", "hush", false },
	{ "with a quote and a backslash", "LOGIN u \"a\\\"b\\\\c\"", "a\"b\\c",
	    true },
	/* "\0u\0hush" */
	{ "AUTH PLAIN", "AUTHENTICATE PLAIN AHUAaHVzaA==)", "hush", true },
	{ "AUTH PLAIN, cut short", "AUTH PLAIN AHUAaHVzaA", "hush", true },
	{ "AUTH LOGIN", "aHVzaA==", "hush", true },
	{ "AUTH LOGIN, two lines", "dXNlcg== aHVzaA==", "hush", true },
	/* "user=u\1auth=Bearer hush\1\1" */
	{ "XOAUTH2", "NO dXNlcj11AWF1dGg9QmVhcmVyIGh1c2gBAQ==", "hush", true },
	{ "base64 of something else", "NO aGFzaA==", "hush", false },
	/* "u:h?sh>" has both digits that alphabets differ in */
	{ "Basic", "Basic dTpoP3NoPg==", "h?sh>", true },
	{ "base64url", "dTpoP3NoPv8_", "h?sh>\xff?", true },
};

static void
secret(void **state)
{
	const struct secret_case *c = *state;

	assert_int_equal(
	    secret_is_in(c->text, strlen(c->text), c->secret), c->is_in);
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, secret_cases, secret);
	return unit_run("secret", &u);
}
