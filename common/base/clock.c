/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - seconds UTC since the epoch, and deadlines on a clock that
 * nobody sets.
 */
#include <string.h>
#include <time.h>

#include "common/base/clock.h"

#define YEAR_0 (-62167219200)    /* 0000-01-01T00:00:00Z */
#define YEAR_9999 (253402300799) /* 9999-12-31T23:59:59Z */

#define DAYS_4_YEARS 1461
#define DAYS_100_YEARS 36524
#define DAYS_400_YEARS 146097
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 */

int64_t
clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

int64_t
clock_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A date of the Gregorian calendar. */
struct date {
	int year, month, day;
};

/*
 * For a day from YEAR_0 on. gmtime_r() takes the time zone's lock, and threads
 * that write side by side would wait for each other there. Years are counted
 * from March here, so that a leap day is the last of its year.
 */
static struct date
date_of(int64_t day)
{
	/* from the 1st of March 400 years before the year 0: never negative */
	int64_t n = day + DAYS_TO_EPOCH + DAYS_400_YEARS;
	int64_t era = n / DAYS_400_YEARS;
	int in_era = (int)(n % DAYS_400_YEARS);
	int year =
	    (in_era - in_era / (DAYS_4_YEARS - 1) + in_era / DAYS_100_YEARS -
		in_era / (DAYS_400_YEARS - 1)) /
	    365;
	int in_year = in_era - (365 * year + year / 4 - year / 100);
	int month = (5 * in_year + 2) / 153; /* of 31 and 30 days in turns */

	return (struct date){
		.year = (int)(era - 1) * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = in_year - (153 * month + 2) / 5 + 1,
	};
}

/* The last count digits of n, which is not negative. */
static char *
put_digits(char *p, int n, int count)
{
	int i;

	for (i = count - 1; i >= 0; i--, n /= 10)
		p[i] = (char)('0' + n % 10);
	return p + count;
}

/* Printed for each record, twice and more: without printf. */
void
clock_iso(int64_t at, char text[CLOCK_TEXT_SIZE])
{
	int64_t t = at < YEAR_0 ? YEAR_0 : at > YEAR_9999 ? YEAR_9999 : at;
	int64_t day = clock_day(t);
	struct date date = date_of(day);
	int second = (int)(t - day * CLOCK_DAY_S);
	char *p = put_digits(text, date.year, 4);

	*p++ = '-';
	p = put_digits(p, date.month, 2);
	*p++ = '-';
	p = put_digits(p, date.day, 2);
	*p++ = 'T';
	p = put_digits(p, second / 3600, 2);
	*p++ = ':';
	p = put_digits(p, second / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, second % 60, 2);
	memcpy(p, "+00:00", sizeof("+00:00"));
}

void
clock_plain(int64_t at, char text[CLOCK_TEXT_SIZE])
{
	clock_iso(at, text);
	text[10] = ' ';
	text[19] = '\0';
}

void
clock_date(int64_t at, char text[CLOCK_TEXT_SIZE])
{
	clock_iso(at, text);
	text[10] = '\0';
}

int64_t
clock_day(int64_t at)
{
	return at / CLOCK_DAY_S - (at % CLOCK_DAY_S < 0);
}

void
deadline_start(struct deadline *d, int64_t hard_ms, int64_t budget_ms)
{
	d->hard_ms = hard_ms > 0 ? clock_mono_ms() + hard_ms : 0;
	d->budget_ms = budget_ms;
	deadline_progress(d);
}

void
deadline_progress(struct deadline *d)
{
	d->progress_ms = d->budget_ms > 0 ? clock_mono_ms() + d->budget_ms : 0;
}

int64_t
deadline_left_ms(const struct deadline *d, int64_t max_ms)
{
	int64_t now = clock_mono_ms(), left = max_ms;

	if (d->hard_ms > 0 && d->hard_ms - now < left)
		left = d->hard_ms - now;
	if (d->progress_ms > 0 && d->progress_ms - now < left)
		left = d->progress_ms - now;
	return left > 0 ? left : 0;
}

bool
deadline_is_over(const struct deadline *d)
{
	return deadline_left_ms(d, 1) == 0;
}

bool
deadline_is_hard_over(const struct deadline *d)
{
	return d->hard_ms > 0 && clock_mono_ms() >= d->hard_ms;
}
