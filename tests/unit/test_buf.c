/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_buf.c - a buffer never passes its maximum, and loses nothing below it.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "tests/unit/unit.h"

static const struct cap_case {
	const char *name;
	size_t max;
	size_t first, second; /* added one after the other */
	int rc;               /* of the second */
	size_t len;           /* in the end */
} cap_cases[] = {
	{ "empty", 0, 0, 0, 0, 0 },
	{ "nothing fits into nothing", 0, 0, 1, -1, 0 },
	{ "one byte below", 10, 4, 5, 0, 9 },
	{ "exactly full", 10, 4, 6, 0, 10 },
	{ "one byte too many", 10, 4, 7, -1, 4 },
	{ "full, then nothing", 10, 10, 0, 0, 10 },
	{ "full, then one", 10, 10, 1, -1, 10 },
	{ "at the first allocation", 256, 255, 1, 0, 256 },
	{ "over the first allocation", 100000, 256, 70000, 0, 70256 },
	{ "a length that would wrap", 10, 4, SIZE_MAX, -1, 4 },
	{ "no wish for a limit", SIZE_MAX / 4, 1000, 1000, 0, 2000 },
};

static void
cap_row(void **state)
{
	const struct cap_case *c = *state;
	static char bytes[100000];
	struct err e = { 0 };
	struct buf b;

	memset(bytes, 'x', sizeof(bytes));
	buf_init(&b, c->max);
	assert_int_equal(buf_add(&b, bytes, c->first, &e), 0);
	assert_int_equal(buf_add(&b, bytes, c->second, &e), c->rc);
	assert_int_equal(b.len, c->len);
	assert_int_equal(e.kind, c->rc < 0 ? ERR_LIMIT : ERR_NONE);
	if (b.data != NULL) {
		assert_int_equal(b.data[b.len], '\0');
		assert_memory_equal(b.data, bytes, b.len);
	}
	buf_clear(&b);
	assert_null(b.data);
	assert_int_equal(b.max, c->max);
}

static void
printf_at_the_limit(void **state)
{
	struct err e = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_printf(&b, &e, "%d-%s", 12, "abc"), 0);
	assert_int_equal(buf_printf(&b, &e, "%s", "xyz"), -1);
	assert_string_equal(b.data, "12-abc");
	assert_int_equal(buf_printf(&b, &e, "%s", "xy"), 0);
	assert_string_equal(b.data, "12-abcxy");
	assert_int_equal(buf_printf(&b, &e, "%s", ""), 0);
	buf_clear(&b);
}

static void
reset_keeps_the_memory(void **state)
{
	struct err e = { 0 };
	struct buf b;
	char *data;

	(void)state;
	buf_init(&b, 100);
	buf_reset(&b); /* of one that holds nothing yet */
	assert_int_equal(buf_add_text(&b, "hello", &e), 0);
	data = b.data;
	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_add_text(&b, "bye", &e), 0);
	assert_ptr_equal(b.data, data);
	assert_string_equal(b.data, "bye");
	buf_clear(&b);
}

static void
reserve_counts_only_what_is_taken(void **state)
{
	struct err e = { 0 };
	struct buf b;
	char *at;

	(void)state;
	buf_init(&b, 1000);
	assert_non_null(at = buf_reserve(&b, 1000, &e));
	memset(at, 'r', 1000);
	assert_int_equal(b.len, 0);
	b.len += 3;
	assert_int_equal(buf_add_text(&b, "!", &e), 0);
	assert_string_equal(b.data, "rrr!");
	assert_null(buf_reserve(&b, 997, &e));
	assert_int_equal(e.kind, ERR_LIMIT);
	buf_clear(&b);
}

static void
xmalloc_of_nothing_is_something(void **state)
{
	void *p = xmalloc(0), *q = xcalloc(0, 8);
	char *text = xstrndup("abcdef", 3), *made = xasprintf("%s.%d", text, 7);

	(void)state;
	assert_non_null(p);
	assert_non_null(q);
	p = xrealloc(p, 0);
	assert_non_null(p);
	assert_string_equal(text, "abc");
	assert_string_equal(made, "abc.7");
	free(p);
	free(q);
	free(text);
	free(made);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, cap_cases, cap_row);
	UNIT_ONE(&u, printf_at_the_limit);
	UNIT_ONE(&u, reset_keeps_the_memory);
	UNIT_ONE(&u, reserve_counts_only_what_is_taken);
	UNIT_ONE(&u, xmalloc_of_nothing_is_something);
	return unit_run("buf", &u);
}
