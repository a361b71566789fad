/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_time.c - date-times of RFC 3339, and what reporters write instead: a
 * space for the T, no colon in the offset, no offset (UTC then), a date
 * without a time, seconds since the epoch.
 */
#include <string.h>
#include <time.h>

#include "common/base/text.h"
#include "common/report/tls_builder.h"

#define EPOCH_MOST INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define EPOCH_DIGITS_LEAST 9             /* fewer are a date: 20260101 */

/* Exactly count digits at *p, moved behind them; -1 when they are not there. */
static int
take_digits(const char **p, int count)
{
	int n = 0;

	for (; count > 0; count--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		n = n * 10 + (**p - '0');
	}
	return n;
}

static bool
take(const char **p, const char *any_of)
{
	if (**p == '\0' || strchr(any_of, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

/* "-MM-DD" behind the year; 0 or -1. */
static int
take_date(const char **p, struct tm *tm)
{
	int year = take_digits(p, 4), month, day;

	if (year < 0 || !take(p, "-") || (month = take_digits(p, 2)) < 1 ||
	    !take(p, "-") || (day = take_digits(p, 2)) < 1 || month > 12 ||
	    day > 31)
		return -1;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return 0;
}

/* "HH:MM[:SS[.fraction]]"; a fraction is cut. */
static int
take_time(const char **p, struct tm *tm)
{
	if ((tm->tm_hour = take_digits(p, 2)) < 0 || tm->tm_hour > 23 ||
	    !take(p, ":") || (tm->tm_min = take_digits(p, 2)) < 0 ||
	    tm->tm_min > 59)
		return -1;
	if (!take(p, ":"))
		return 0;
	if ((tm->tm_sec = take_digits(p, 2)) < 0 || tm->tm_sec > 60)
		return -1;
	if (take(p, ".,")) {
		if (take_digits(p, 1) < 0)
			return -1;
		*p += strspn(*p, "0123456789");
	}
	return 0;
}

/* "Z", "+HH:MM", "+HHMM", "+HH" or nothing; *offset in seconds. */
static int
take_offset(const char **p, int64_t *offset)
{
	int sign, hours, minutes = 0;

	*offset = 0;
	*p += strspn(*p, " ");
	if (**p == '\0' || take(p, "Zz"))
		return 0;
	if (strcmp(*p, "UTC") == 0 || strcmp(*p, "GMT") == 0) {
		*p += 3;
		return 0;
	}
	sign = **p == '-' ? -1 : 1;
	if (!take(p, "+-") || (hours = take_digits(p, 2)) < 0 || hours > 23)
		return -1;
	if (take(p, ":") || **p != '\0')
		if ((minutes = take_digits(p, 2)) < 0 || minutes > 59)
			return -1;
	*offset = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int
epoch_time(const char *text, int64_t *at)
{
	size_t digits = strspn(text, "0123456789");
	int64_t n;

	if (digits < EPOCH_DIGITS_LEAST ||
	    (text[digits] != '\0' && text[digits] != '.') ||
	    text_to_int64(text, digits, &n) < 0 || n > EPOCH_MOST)
		return -1;
	*at = n;
	return 0;
}

int
tls_time(const char *text, int64_t *at)
{
	struct tm tm = { 0 };
	int64_t offset = 0;
	int day;

	if (epoch_time(text, at) == 0)
		return 0;
	if (take_date(&text, &tm) < 0)
		return -1;
	day = tm.tm_mday;
	if (*text != '\0' &&
	    (!take(&text, "Tt ") || take_time(&text, &tm) < 0 ||
		take_offset(&text, &offset) < 0 || *text != '\0'))
		return -1;
	if (tm.tm_sec == 60) /* a leap second has no number of its own */
		tm.tm_sec = 59;
	*at = (int64_t)timegm(&tm) - offset;
	/* timegm makes the 31st of April the 1st of May */
	return tm.tm_mday == day ? 0 : -1;
}
