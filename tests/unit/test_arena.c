/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_arena.c - zeroed, aligned, apart from each other, and gone at once.
 */
#include <stdalign.h>
#include <string.h>

#include "common/base/arena.h"
#include "tests/unit/unit.h"

static const struct size_case {
	const char *name;
	size_t size;
} size_cases[] = {
	{ "nothing", 0 },
	{ "one byte", 1 },
	{ "unaligned", 17 },
	{ "a block less one", 8 * 1024 - 1 },
	{ "a block", 8 * 1024 },
	{ "a block and one", 8 * 1024 + 1 },
	{ "a megabyte", 1024 * 1024 },
};

static void
size_row(void **state)
{
	const struct size_case *c = *state;
	struct arena *a = arena_new();
	unsigned char *p[20];
	size_t i, k, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < 20; i++) {
			p[i] = arena_alloc(a, c->size);
			assert_non_null(p[i]);
			assert_int_equal(
			    (uintptr_t)p[i] % alignof(max_align_t), 0);
			for (k = 0; k < c->size; k++)
				assert_int_equal(p[i][k], 0);
			memset(p[i], (int)i + 1, c->size);
		}
		for (i = 0; i < 20; i++)
			for (k = 0; k < c->size; k++)
				assert_int_equal(p[i][k], i + 1);
		assert_true(arena_used(a) >= 20 * c->size);
		arena_reset(a);
		assert_int_equal(arena_used(a), 0);
	}
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static void
small_after_large(void **state)
{
	struct arena *a = arena_new();
	char *first, *large, *last;

	(void)state;
	first = arena_strdup(a, "first");
	large = arena_alloc(a, 100000);
	memset(large, 'x', 100000);
	last = arena_strdup(a, "last");
	assert_string_equal(first, "first");
	assert_string_equal(last, "last");
	arena_free(&a);
}

static void
texts(void **state)
{
	struct arena *a = arena_new();
	char big[20000];
	char *made;

	(void)state;
	assert_null(arena_strdup(a, NULL));
	assert_string_equal(arena_strdup(a, ""), "");
	assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
	assert_string_equal(arena_printf(a, "%s-%d", "a", 7), "a-7");
	assert_string_equal(arena_printf(a, "%s", ""), "");
	memset(big, 'b', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	made = arena_printf(a, "<%s>", big);
	assert_int_equal(strlen(made), sizeof(big) + 1);
	arena_free(&a);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, size_cases, size_row);
	UNIT_ONE(&u, small_after_large);
	UNIT_ONE(&u, texts);
	return unit_run("arena", &u);
}
