/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_clock.c - times are UTC whatever TZ says, and deadlines end in time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "tests/unit/unit.h"

static const struct time_case {
	const char *name;
	int64_t at;
	const char *iso, *plain, *date;
	int64_t day;
} time_cases[] = {
	{ "epoch", 0, "1970-01-01T00:00:00+00:00", "1970-01-01 00:00:00",
	    "1970-01-01", 0 },
	{ "a second before", -1, "1969-12-31T23:59:59+00:00",
	    "1969-12-31 23:59:59", "1969-12-31", -1 },
	{ "a day before", -86400, "1969-12-31T00:00:00+00:00",
	    "1969-12-31 00:00:00", "1969-12-31", -1 },
	{ "and a second", -86401, "1969-12-30T23:59:59+00:00",
	    "1969-12-30 23:59:59", "1969-12-30", -2 },
	{ "last second of a day", 86399, "1970-01-01T23:59:59+00:00",
	    "1970-01-01 23:59:59", "1970-01-01", 0 },
	{ "the example", 1700000000, "2023-11-14T22:13:20+00:00",
	    "2023-11-14 22:13:20", "2023-11-14", 19675 },
	{ "leap day", 1709164800, "2024-02-29T00:00:00+00:00",
	    "2024-02-29 00:00:00", "2024-02-29", 19782 },
	{ "repeated hour in New York", 1699164000, "2023-11-05T06:00:00+00:00",
	    "2023-11-05 06:00:00", "2023-11-05", 19666 },
	{ "past 2038", 2147483648, "2038-01-19T03:14:08+00:00",
	    "2038-01-19 03:14:08", "2038-01-19", 24855 },
	{ "year 999 has four digits", -30610224001, "0999-12-31T23:59:59+00:00",
	    "0999-12-31 23:59:59", "0999-12-31", -354285 - 1 },
	{ "clamped below", INT64_MIN, "0000-01-01T00:00:00+00:00",
	    "0000-01-01 00:00:00", "0000-01-01", INT64_MIN / 86400 - 1 },
	{ "clamped above", INT64_MAX, "9999-12-31T23:59:59+00:00",
	    "9999-12-31 23:59:59", "9999-12-31", INT64_MAX / 86400 },
};

static void
time_row(void **state)
{
	static const char *const zones[] = { "UTC", "America/New_York",
		"Asia/Kathmandu", ":/nonexistent" };
	const struct time_case *c = *state;
	char text[CLOCK_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
		setenv("TZ", zones[i], 1);
		tzset();
		clock_iso(c->at, text);
		assert_string_equal(text, c->iso);
		clock_plain(c->at, text);
		assert_string_equal(text, c->plain);
		clock_date(c->at, text);
		assert_string_equal(text, c->date);
	}
	assert_true(clock_day(c->at) == c->day);
}

/* The C library's calendar is another way to the same dates. */
static void
every_day_is_that_of_the_c_library(void **state)
{
	int64_t day, step = unit_is_slow() ? 97 : 1;
	char text[CLOCK_TEXT_SIZE], expected[80];
	struct tm tm;
	time_t at;

	(void)state;
	for (day = -719528; day <= 2932896; day += step) {
		at = (time_t)(day * CLOCK_DAY_S + (day + 719528) % CLOCK_DAY_S);
		assert_non_null(gmtime_r(&at, &tm));
		(void)snprintf(expected, sizeof(expected),
		    "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		    tm.tm_sec);
		clock_plain(at, text);
		if (strcmp(text, expected) != 0)
			fail_msg("%s, not %s", text, expected);
	}
}

static void
wait_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

static void
deadline_never(void **state)
{
	struct deadline d;

	(void)state;
	deadline_start(&d, 0, 0);
	assert_false(deadline_is_over(&d));
	assert_false(deadline_is_hard_over(&d));
	assert_int_equal(deadline_left_ms(&d, 1234), 1234);
	deadline_progress(&d);
	assert_int_equal(deadline_left_ms(&d, 1234), 1234);
}

static void
deadline_progress_moves_only_the_progress_end(void **state)
{
	struct deadline d;
	int64_t hard;

	(void)state;
	deadline_start(&d, 60000, 20);
	hard = d.hard_ms;
	assert_true(deadline_left_ms(&d, 100000) <= 20);
	wait_ms(40);
	assert_true(deadline_is_over(&d));
	assert_false(deadline_is_hard_over(&d));
	assert_int_equal(deadline_left_ms(&d, 100000), 0);
	d.budget_ms = 30000;
	deadline_progress(&d);
	assert_false(deadline_is_over(&d));
	assert_true(deadline_left_ms(&d, 100000) > 20000);
	assert_true(deadline_left_ms(&d, 100000) <= 30000);
	assert_true(d.hard_ms == hard);
}

static void
deadline_hard_end_holds_against_progress(void **state)
{
	struct deadline d;

	(void)state;
	deadline_start(&d, 20, 60000);
	wait_ms(40);
	deadline_progress(&d);
	assert_true(deadline_is_over(&d));
	assert_true(deadline_is_hard_over(&d));
}

static void
clocks_agree_with_the_system(void **state)
{
	int64_t before = clock_mono_ms();

	(void)state;
	assert_true(llabs((long long)(clock_now() - time(NULL))) <= 1);
	wait_ms(10);
	assert_true(clock_mono_ms() - before >= 9);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, time_cases, time_row);
	UNIT_ONE(&u, every_day_is_that_of_the_c_library);
	UNIT_ONE(&u, deadline_never);
	UNIT_ONE(&u, deadline_progress_moves_only_the_progress_end);
	UNIT_ONE(&u, deadline_hard_end_holds_against_progress);
	UNIT_ONE(&u, clocks_agree_with_the_system);
	return unit_run("clock", &u);
}
