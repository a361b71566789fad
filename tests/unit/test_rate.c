/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_rate.c - so many an hour for each name: how many come at once, how they
 * flow in again, and what a full table gives up.
 */
#include <stdio.h>

#include "common/base/rate.h"
#include "tests/unit/unit.h"

#define HOUR INT64_C(3600000)
#define NOW INT64_C(86400000)

/* How many of n come through at that time? */
static unsigned
taken(struct rate *r, const char *name, uint64_t per_hour, int64_t now_ms,
    unsigned n)
{
	unsigned count = 0;

	while (n-- > 0)
		count += rate_take(r, name, per_hour, now_ms);
	return count;
}

static const struct flow_case {
	const char *name;
	uint64_t per_hour;
	int64_t later_ms; /* behind a first rush */
	unsigned first, second;
} flow_cases[] = {
	{ "one, and at once another", 1, 0, 1, 0 },
	{ "one, just before an hour", 1, HOUR - 1, 1, 0 },
	{ "one, after an hour", 1, HOUR, 1, 1 },
	{ "one, after many hours", 1, 100 * HOUR, 1, 1 },
	{ "60, after a minute", 60, HOUR / 60, 60, 1 },
	{ "60, before that", 60, HOUR / 60 - 1, 60, 0 },
	{ "60, after half an hour", 60, HOUR / 2, 60, 30 },
	{ "7, which do not divide the hour", 7, HOUR, 7, 7 },
	{ "a thousand, after a day", 1000, 24 * HOUR, 1000, 1000 },
	{ "the most that there can be", 1000000000, 0, 5000, 5000 },
};

static void
flow(void **state)
{
	const struct flow_case *c = *state;
	struct rate *r = rate_new(4);

	assert_int_equal(taken(r, "a", c->per_hour, NOW, 5000), c->first);
	assert_int_equal(
	    taken(r, "a", c->per_hour, NOW + c->later_ms, 5000), c->second);
	rate_free(&r);
	assert_null(r);
	rate_free(&r);
}

static void
names_are_apart(void **state)
{
	struct rate *r = rate_new(4);

	(void)state;
	assert_int_equal(taken(r, "a", 3, NOW, 9), 3);
	assert_int_equal(taken(r, "b", 3, NOW, 9), 3);
	assert_int_equal(taken(r, "", 3, NOW, 9), 3);
	assert_int_equal(taken(r, "a", 3, NOW, 9), 0);
	rate_free(&r);
}

/* What does not come does not count. */
static void
refused_do_not_count(void **state)
{
	struct rate *r = rate_new(4);

	(void)state;
	assert_int_equal(taken(r, "a", 60, NOW, 5000), 60);
	assert_int_equal(taken(r, "a", 60, NOW + HOUR / 60, 9), 1);
	rate_free(&r);
}

/* After a reload. */
static void
another_rate(void **state)
{
	struct rate *r = rate_new(4);

	(void)state;
	assert_int_equal(taken(r, "a", 10, NOW, 9), 9);
	assert_int_equal(taken(r, "a", 100, NOW, 99), 10);
	assert_int_equal(taken(r, "a", 2, NOW, 9), 0);
	assert_int_equal(taken(r, "a", 2, NOW + HOUR, 9), 2);
	rate_free(&r);
}

/* The emptiest stay: nobody gets a new bucket by filling the table. */
static void
full_table(void **state)
{
	struct rate *r = rate_new(3);
	char name[16];
	unsigned i;

	(void)state;
	assert_int_equal(taken(r, "empty", 10, NOW, 99), 10);
	assert_int_equal(taken(r, "half", 10, NOW, 5), 5);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "new %u", i);
		assert_true(rate_take(r, name, 10, NOW));
	}
	assert_int_equal(taken(r, "empty", 10, NOW, 9), 0);
	assert_int_equal(taken(r, "half", 10, NOW, 9), 5);
	rate_free(&r);
}

/* One bucket for all: each new name empties it for the one before. */
static void
table_of_one(void **state)
{
	struct rate *r = rate_new(1);

	(void)state;
	assert_int_equal(taken(r, "a", 2, NOW, 9), 2);
	assert_int_equal(taken(r, "b", 2, NOW, 9), 2);
	assert_int_equal(taken(r, "a", 2, NOW, 9), 2);
	rate_free(&r);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, flow_cases, flow);
	UNIT_ONE(&u, names_are_apart);
	UNIT_ONE(&u, refused_do_not_count);
	UNIT_ONE(&u, another_rate);
	UNIT_ONE(&u, full_table);
	UNIT_ONE(&u, table_of_one);
	return unit_run("rate", &u);
}
