/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_err.c - kinds, contexts, and sentences that do not fit.
 */
#include <errno.h>
#include <string.h>

#include "common/base/err.h"
#include "tests/unit/unit.h"

static const struct errno_case {
	const char *name;
	int errnum;
	enum err_kind kind;
	const char *text;
} errno_cases[] = {
	{ "disk full", ENOSPC, ERR_FULL, "x: No space left on device" },
	{ "quota", EDQUOT, ERR_FULL, "x: Disk quota exceeded" },
	{ "file too large", EFBIG, ERR_FULL, "x: File too large" },
	{ "no such file", ENOENT, ERR_TEMP, "x: No such file or directory" },
	{ "i/o", EIO, ERR_TEMP, "x: Input/output error" },
	{ "unknown number", 99999, ERR_TEMP, NULL },
};

static void
errno_row(void **state)
{
	const struct errno_case *c = *state;
	struct err e = { 0 };

	errno = c->errnum;
	assert_int_equal(err_set_errno(&e, "%s", "x"), -1);
	assert_int_equal(e.kind, c->kind);
	if (c->text != NULL)
		assert_string_equal(e.text, c->text);
	else
		assert_non_null(strstr(e.text, "99999"));
}

static const struct temporary_case {
	const char *name;
	enum err_kind kind;
	int temporary;
} temporary_cases[] = {
	{ "none", ERR_NONE, 0 },
	{ "temp", ERR_TEMP, 1 },
	{ "full", ERR_FULL, 1 },
	{ "too many", ERR_RATE, 1 },
	{ "malformed", ERR_MALFORMED, 0 },
	{ "limit", ERR_LIMIT, 0 },
	{ "refused", ERR_REFUSED, 0 },
	{ "conf", ERR_CONF, 0 },
};

static void
temporary_row(void **state)
{
	const struct temporary_case *c = *state;
	struct err e = { .kind = c->kind };

	assert_int_equal(!!err_is_temporary(&e), c->temporary);
}

static void
context_is_outermost_first(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    err_set(&e, ERR_MALFORMED, "gzip: %s", "cut short"), -1);
	assert_int_equal(err_add(&e, "attachment %s", "a.gz"), -1);
	assert_int_equal(err_add(&e, "part %d", 2), -1);
	assert_string_equal(e.text, "part 2: attachment a.gz: gzip: cut short");
	assert_int_equal(e.kind, ERR_MALFORMED);
	err_clear(&e);
	assert_int_equal(e.kind, ERR_NONE);
	assert_string_equal(e.text, "");
}

/* Whatever the lengths: a NUL inside, the beginning kept. */
static void
long_texts_are_cut_at_the_end(void **state)
{
	char big[2000];
	struct err e;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(big); len++) {
		memset(big, 'b', sizeof(big));
		big[len] = '\0';
		err_set(&e, ERR_TEMP, "%s", big);
		assert_true(strlen(e.text) < sizeof(e.text));
		err_add(&e, "context");
		assert_memory_equal(e.text, "context: ", 9);
		assert_true(strlen(e.text) < sizeof(e.text));
		err_add(&e, "%s", big);
		assert_true(strlen(e.text) < sizeof(e.text));
		errno = ENOENT;
		err_set_errno(&e, "%s", big);
		assert_true(strlen(e.text) < sizeof(e.text));
	}
}

static void
percent_in_the_inner_text_is_not_a_format(void **state)
{
	struct err e;

	(void)state;
	err_set(&e, ERR_MALFORMED, "%s", "%n%s%n");
	err_add(&e, "xml");
	assert_string_equal(e.text, "xml: %n%s%n");
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, errno_cases, errno_row);
	UNIT_ROWS(&u, temporary_cases, temporary_row);
	UNIT_ONE(&u, context_is_outermost_first);
	UNIT_ONE(&u, long_texts_are_cut_at_the_end);
	UNIT_ONE(&u, percent_in_the_inner_text_is_not_a_format);
	return unit_run("err", &u);
}
