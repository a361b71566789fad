/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tally.c - rows by key: found again, told apart, and no more than asked.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/tally.h"
#include "tests/unit/unit.h"

#define MANY 5000

struct row {
	size_t hits;
};

static const struct key_case {
	const char *name;
	const char *left[2], *right[2];
	bool is_same;
} key_cases[] = {
	{ "the same", { "a", "b" }, { "a", "b" }, true },
	{ "another", { "a", "b" }, { "a", "c" }, false },
	{ "no text is not an empty one", { "a", NULL }, { "a", "" }, false },
	{ "twice no text", { NULL, NULL }, { NULL, NULL }, true },
	{ "where the parts meet", { "ab", "c" }, { "a", "bc" }, false },
	{ "a part in the other", { "", "a" }, { "a", "" }, false },
	{ "longer than a word of the hash", { "12345678", "9" },
	    { "123456789", "" }, false },
};

static void
keys(void **state)
{
	const struct key_case *c = *state;
	struct arena *a = arena_new();
	struct tally *t = tally_new(a, sizeof(struct row), MANY);
	bool is_new;
	void *left = tally_row(t, c->left, 2, &is_new);

	assert_true(is_new);
	assert_int_equal(
	    tally_row(t, c->right, 2, &is_new) == left, c->is_same);
	assert_int_equal(is_new, !c->is_same);
	assert_int_equal(tally_count(t), c->is_same ? 1 : 2);
	arena_free(&a);
}

static void
many_rows_stay(void **state)
{
	struct arena *a = arena_new();
	struct tally *t = tally_new(a, sizeof(struct row), MANY);
	char text[32];
	const char *key = text;
	struct row *rows;
	bool is_new;
	int round, i;

	(void)state;
	for (round = 0; round < 3; round++)
		for (i = 0; i < MANY; i++) {
			(void)snprintf(text, sizeof(text), "key %d", i);
			rows = tally_row(t, &key, 1, &is_new);
			assert_int_equal(is_new, round == 0);
			rows->hits += (size_t)i;
		}
	assert_int_equal(tally_count(t), MANY);
	rows = tally_rows(t);
	for (i = 0; i < MANY; i++)
		assert_int_equal(rows[i].hits, 3 * (size_t)i);
	arena_free(&a);
}

/* One more than may be, and all behind it, share a row. */
static void
the_rest_is_one_row(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "a" };
	struct arena *a = arena_new();
	struct tally *t = tally_new(a, sizeof(struct row), 2);
	struct row *rows;
	bool is_new;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		rows = tally_row(t, &names[i], 1, &is_new);
		rows->hits++;
	}
	assert_int_equal(tally_count(t), 3);
	rows = tally_rows(t);
	assert_int_equal(rows[0].hits, 2);
	assert_int_equal(rows[1].hits, 1);
	assert_int_equal(rows[2].hits, 2);
	arena_free(&a);
}

int
main(void)
{
	static struct unit u;

	UNIT_ROWS(&u, key_cases, keys);
	UNIT_ONE(&u, many_rows_stay);
	UNIT_ONE(&u, the_rest_is_one_row);
	return unit_run("tally", &u);
}
