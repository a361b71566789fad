/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_milter_action.c - verdicts become actions, and what the header says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "milter/action.h"

static const struct {
	const char *name;
	enum verdict verdict;
	enum conf_action action;
	enum milter_action ours, mixed, others;
} cases[] = {
	{ "stored, discard", VERDICT_STORED, CONF_ACTION_DISCARD,
	    MILTER_DISCARD, MILTER_REMOVE, MILTER_ACCEPT },
	{ "stored, accept", VERDICT_STORED, CONF_ACTION_ACCEPT, MILTER_ACCEPT,
	    MILTER_ACCEPT, MILTER_ACCEPT },
	{ "stored, quarantine", VERDICT_STORED, CONF_ACTION_QUARANTINE,
	    MILTER_QUARANTINE, MILTER_ACCEPT, MILTER_ACCEPT },
	{ "waiting, discard", VERDICT_WAITING, CONF_ACTION_DISCARD,
	    MILTER_DISCARD, MILTER_REMOVE, MILTER_ACCEPT },
	{ "waiting, accept", VERDICT_WAITING, CONF_ACTION_ACCEPT, MILTER_ACCEPT,
	    MILTER_ACCEPT, MILTER_ACCEPT },
	{ "unreadable", VERDICT_KEPT, CONF_ACTION_DISCARD, MILTER_ACCEPT,
	    MILTER_ACCEPT, MILTER_ACCEPT },
	{ "in part", VERDICT_BOTH, CONF_ACTION_DISCARD, MILTER_ACCEPT,
	    MILTER_ACCEPT, MILTER_ACCEPT },
	{ "a person's", VERDICT_OTHER, CONF_ACTION_DISCARD, MILTER_ACCEPT,
	    MILTER_ACCEPT, MILTER_PASS },
	{ "words around a report", VERDICT_STORED_OTHER, CONF_ACTION_DISCARD,
	    MILTER_ACCEPT, MILTER_ACCEPT, MILTER_ACCEPT },
	{ "trouble", VERDICT_LATER, CONF_ACTION_DISCARD, MILTER_TEMPFAIL,
	    MILTER_ACCEPT, MILTER_ACCEPT },
	{ "too many", VERDICT_LIMITED, CONF_ACTION_DISCARD, MILTER_TEMPFAIL,
	    MILTER_ACCEPT, MILTER_ACCEPT },
	{ "full", VERDICT_FULL, CONF_ACTION_ACCEPT, MILTER_TEMPFAIL,
	    MILTER_ACCEPT, MILTER_ACCEPT },
};

static void
test_actions(void **state)
{
	struct conf_milter conf = { .on_error = CONF_ON_ERROR_TEMPFAIL,
		.on_error_mixed = CONF_ON_ERROR_ACCEPT };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		conf.action = cases[i].action;
		if (milter_action_of(cases[i].verdict, &conf, MILTER_OURS) !=
			cases[i].ours ||
		    milter_action_of(cases[i].verdict, &conf, MILTER_MIXED) !=
			cases[i].mixed ||
		    milter_action_of(cases[i].verdict, &conf, MILTER_OTHERS) !=
			cases[i].others)
			fail_msg("%s", cases[i].name);
	}
}

/* Whatever the configuration: nobody else's mail is dropped or held. */
static void
test_others_are_safe(void **state)
{
	struct conf_milter conf = { .on_error_mixed = CONF_ON_ERROR_ACCEPT };
	enum milter_action a;
	int v, action, share;

	(void)state;
	for (v = 0; v < VERDICT_COUNT; v++)
		for (action = 0; action <= CONF_ACTION_QUARANTINE; action++)
			for (share = MILTER_MIXED; share <= MILTER_OTHERS;
			     share++) {
				conf.action = (enum conf_action)action;
				a = milter_action_of((enum verdict)v, &conf,
				    (enum milter_share)share);
				assert_true(a == MILTER_PASS ||
					    a == MILTER_ACCEPT ||
					    (a == MILTER_REMOVE &&
						share == MILTER_MIXED));
			}
}

static void
test_field(void **state)
{
	struct outcome o = { .verdict = VERDICT_STORED,
		.reports = 1,
		.stored = 11,
		.duplicates = 1,
		.org_name = "r.example\r\nBcc: x@y",
		.domain = "d.example" };
	char text[MILTER_FIELD_SIZE];

	(void)state;
	assert_string_equal(milter_field_of(&o, text),
	    "stored; reports=1 records=12 duplicates=1 "
	    "org=r.example??Bcc:_x@y domain=d.example");
	o = (struct outcome){ .verdict = VERDICT_KEPT };
	err_set(&o.why, ERR_MALFORMED, "a.gz: cut\nshort");
	assert_string_equal(
	    milter_field_of(&o, text), "not stored; a.gz: cut?short");
	err_set(&o.why, ERR_REFUSED, "http://secret:9200 says no");
	assert_null(strstr(milter_field_of(&o, text), "secret"));
	err_set(&o.why, ERR_TEMP, "http://secret:9200 is away");
	o.verdict = VERDICT_LATER;
	assert_null(strstr(milter_field_of(&o, text), "secret"));
	o.verdict = VERDICT_LIMITED;
	assert_string_equal(milter_field_of(&o, text),
	    "not stored; too many mails of this sender");
	o.verdict = VERDICT_WAITING;
	assert_string_equal(
	    milter_field_of(&o, text), "waiting; its reports are stored later");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_others_are_safe),
		cmocka_unit_test(test_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
