/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_recipient.c - which recipients are ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/recipient.h"

static const struct {
	const char *name, *pattern, *address;
	bool ours;
} cases[] = {
	{ "the same", "dmarc@d.example", "dmarc@d.example", true },
	{ "other case", "DMARC@d.Example", "dmarc@D.EXAMPLE", true },
	{ "other user", "dmarc@d.example", "dmarx@d.example", false },
	{ "other domain", "dmarc@d.example", "dmarc@e.example", false },
	{ "longer user", "dmarc@d.example", "dmarcs@d.example", false },
	{ "shorter user", "dmarc@d.example", "dmar@d.example", false },
	{ "longer domain", "dmarc@d.example", "dmarc@d.example.org", false },
	{ "sub-domain", "dmarc@d.example", "dmarc@x.d.example", false },
	{ "tag", "dmarc@d.example", "dmarc+abc@d.example", true },
	{ "empty tag", "dmarc@d.example", "dmarc+@d.example", true },
	{ "two tags", "dmarc@d.example", "dmarc+a+b@d.example", true },
	{ "tag, other user", "dmarc@d.example", "dmar+c@d.example", false },
	{ "tag only", "dmarc@d.example", "+dmarc@d.example", false },
	{ "pattern with tag", "dmarc+a@d.example", "dmarc+a@d.example", true },
	{ "pattern with other tag", "dmarc+a@d.example", "dmarc+b@d.example",
	    false },
	{ "pattern with tag, none", "dmarc+a@d.example", "dmarc@d.example",
	    false },
	{ "any user", "*@d.example", "who.ever+x@D.example", true },
	{ "any user, other domain", "*@d.example", "a@e.example", false },
	{ "any user, no domain", "*@d.example", "a", false },
	{ "any domain", "dmarc@*", "dmarc@e.example", true },
	{ "any domain, tag", "dmarc@*", "dmarc+t@e.example", true },
	{ "any domain, none", "dmarc@*", "dmarc", true },
	{ "any domain, other user", "dmarc@*", "abuse@e.example", false },
	{ "everybody", "*@*", "a@b", true },
	{ "everybody, short", "*", "a@b", true },
	{ "a star of their own", "dmarc@d.example", "*@d.example", false },
	{ "a domain's star of their own", "dmarc@d.example", "dmarc@*", false },
	{ "bare", "dmarc", "dmarc", true },
	{ "bare pattern, full address", "dmarc", "dmarc@d.example", false },
	{ "quoted", "dmarc@d.example", "\"dmarc\"@d.example", true },
	{ "quoted, escaped", "dmarc@d.example", "\"d\\marc\"@d.example", true },
	{ "quoted pattern", "\"a b\"@d", "\"a\\ b\"@d", true },
	{ "at sign in quotes", "*@d.example", "\"x@e.example\"@d.example",
	    true },
	{ "at sign in quotes, forged", "*@d.example",
	    "\"x@d.example\"@e.example", false },
	{ "quoted alone, forged", "*@d.example\"", "\"x@d.example\"", false },
	{ "quote not closed", "dmarc@d", "\"dmarc@d", false },
	{ "one quote", "dmarc@d", "\"", false },
	{ "backslash last", "dmarc@d", "\"\\\"@d", false },
	{ "no user", "*@d", "@d", false },
	{ "at sign alone", "*@*", "@", false },
	{ "pattern without user", "@d", "a@d", false },
	{ "empty pattern", "", "a@d", false },
	{ "8 bit, same bytes", "\xc3\xa4@d", "\xc3\xa4@d", true },
	{ "8 bit has no case", "\xc3\xa4@d", "\xc3\x84@d", false },
};

static void
test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *item = (char *)(uintptr_t)cases[i].pattern;
		struct conf_list list = { &item, 1 };

		if (recipient_is_ours(&list, cases[i].address) != cases[i].ours)
			fail_msg("%s", cases[i].name);
	}
}

static void
test_lists(void **state)
{
	char a[] = "a@d", b[] = "b@d", *items[] = { a, NULL, b };
	struct conf_list three = { items, 3 }, none = { NULL, 0 };

	(void)state;
	assert_true(recipient_is_ours(&three, "a@d"));
	assert_true(recipient_is_ours(&three, "b@d"));
	assert_false(recipient_is_ours(&three, "c@d"));
	assert_false(recipient_is_ours(&three, NULL));
	assert_false(recipient_is_ours(&three, ""));
	assert_true(recipient_is_ours(&none, "anything"));
	assert_true(recipient_is_ours(NULL, "anything"));
	assert_false(recipient_is_ours(&none, NULL));
	assert_false(recipient_is_ours(&none, ""));
}

static void
test_long(void **state)
{
	char address[RECIPIENT_ADDRESS_MAX + 16], pattern[] = "*@d",
						  *item = pattern;
	struct conf_list list = { &item, 1 };

	(void)state;
	memset(address, 'a', sizeof(address));
	memcpy(address + RECIPIENT_ADDRESS_MAX, "@d", 3);
	assert_true(recipient_is_ours(&list, address));
	address[RECIPIENT_ADDRESS_MAX] = 'a';
	memcpy(address + RECIPIENT_ADDRESS_MAX + 1, "@d", 3);
	assert_false(recipient_is_ours(&list, address));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
