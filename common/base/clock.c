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

static struct tm
tm_of(int64_t at)
{
	time_t t = at < YEAR_0 ? YEAR_0 : at > YEAR_9999 ? YEAR_9999 : at;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	return tm;
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
	struct tm tm = tm_of(at);
	char *p = put_digits(text, tm.tm_year + 1900, 4);

	*p++ = '-';
	p = put_digits(p, tm.tm_mon + 1, 2);
	*p++ = '-';
	p = put_digits(p, tm.tm_mday, 2);
	*p++ = 'T';
	p = put_digits(p, tm.tm_hour, 2);
	*p++ = ':';
	p = put_digits(p, tm.tm_min, 2);
	*p++ = ':';
	p = put_digits(p, tm.tm_sec, 2);
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
