/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - cmocka, and tests made of tables: each row is a test of its own,
 * and its name is what fails.
 */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define UNIT_MAX 256

/* A new file with this text, or in the place of the one of before. */
static inline void
unit_put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/*
 * Are we below valgrind, where bulk takes minutes and shows nothing that the
 * first megabyte did not?
 */
static inline bool
unit_is_slow(void)
{
	return getenv("INTAKE_TEST_VALGRIND") != NULL;
}

/*
 * Is the program as fast and as small as it will be? Sanitizers and valgrind
 * have a pace and a memory of their own: no bounds then.
 */
static inline bool
unit_has_bounds(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return false;
#else
	return !unit_is_slow();
#endif
}

struct unit {
	struct CMUnitTest test[UNIT_MAX];
	size_t count;
};

static inline void
unit_add(struct unit *u, const char *name, CMUnitTestFunction fn, void *row)
{
	if (u->count == UNIT_MAX)
		fail_msg("more than %d tests", UNIT_MAX);
	u->test[u->count++] = (struct CMUnitTest){
		.name = name, .test_func = fn, .initial_state = row
	};
}

/* The first member of a row is its name; fn gets the row as *state. */
#define UNIT_ROWS(u, table, fn) \
	do { \
		for (size_t i_ = 0; i_ < sizeof(table) / sizeof(*(table)); \
		     i_++) \
			unit_add(u, (table)[i_].name, fn, \
			    (void *)(uintptr_t) & (table)[i_]); \
	} while (0)

#define UNIT_ONE(u, fn) unit_add(u, #fn, fn, NULL)

static inline int
unit_run(const char *name, struct unit *u)
{
	return _cmocka_run_group_tests(name, u->test, u->count, NULL, NULL);
}

#endif
