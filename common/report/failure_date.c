/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure_date.c - dates as reporters write them. The words of a date may
 * stand in any order that leaves no doubt: what each one is shows in its form.
 * in: a field's text    out: seconds UTC
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/text.h"
#include "common/report/failure_parts.h"

#define DATE_BYTES 256 /* a longer one is none */

struct date {
	int year, month, day; /* -1: not seen yet; month from 0 */
	int hour, minute, second;
	int zone_minutes; /* east of UTC */
	bool has_time, has_zone;
};

struct zone {
	const char *name;
	int minutes;
};

/* RFC 5322, 4.3, and what European and Asian reporters write. */
static const struct zone zones[] = {
	{ "UT", 0 },
	{ "UTC", 0 },
	{ "GMT", 0 },
	{ "Z", 0 },
	{ "EST", -300 },
	{ "EDT", -240 },
	{ "CST", -360 },
	{ "CDT", -300 },
	{ "MST", -420 },
	{ "MDT", -360 },
	{ "PST", -480 },
	{ "PDT", -420 },
	{ "BST", 60 },
	{ "CET", 60 },
	{ "CEST", 120 },
	{ "EET", 120 },
	{ "EEST", 180 },
	{ "MSK", 180 },
	{ "JST", 540 },
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
	c = text_lower_char(c);
	return c >= 'a' && c <= 'z';
}

/* What an offset may follow at once: "GMT+0200". */
static bool
is_universal(const char *p, size_t len)
{
	return (len == 2 && text_equal_nocase_n(p, "UT", len)) ||
	       (len == 3 && (text_equal_nocase_n(p, "UTC", len) ||
				text_equal_nocase_n(p, "GMT", len)));
}

/* The hyphen behind out[at - 1], before next: one of 30-Apr-2019? */
static bool
is_hyphen_of_month(const char *out, size_t at, char next)
{
	size_t start = at;

	while (start > 0 && is_alpha(out[start - 1]))
		start--;
	return at > 0 &&
	       (is_alpha(next) ||
		   (start < at && !is_universal(out + start, at - start)));
}

/*
 * Comments (nested; a backslash hides a bracket) and commas become spaces,
 * and so do the hyphens of 30-Apr-2019.
 */
static int
clean(const char *text, char out[DATE_BYTES])
{
	unsigned depth = 0;
	size_t at = 0;
	char c;

	for (; (c = *text) != '\0'; text++) {
		if (at + 1 == DATE_BYTES)
			return -1;
		if (depth > 0 && c == '\\' && text[1] != '\0') {
			text++;
			continue;
		}
		if (c == '(')
			depth++;
		if (depth == 0) {
			bool is_gap =
			    text_is_space(c) || c == ',' ||
			    (c == '-' && is_hyphen_of_month(out, at, text[1]));

			out[at++] = is_gap ? ' ' : c;
		}
		if (c == ')' && depth > 0 && --depth == 0)
			out[at++] = ' ';
	}
	out[at] = '\0';
	return depth == 0 ? 0 : -1;
}

/* Up to max digits at *p, which moves behind them; -1 when there is none. */
static int
number(const char **p, int max)
{
	int n = 0, digits = 0;

	while (digits < max && is_digit(**p)) {
		n = n * 10 + (**p - '0');
		(*p)++;
		digits++;
	}
	return digits > 0 ? n : -1;
}

/* "+0200", "-02:00", "+02", "+2"; who knows what "+200" is */
static int
take_offset(struct date *d, const char *p)
{
	int sign = *p++ == '-' ? -1 : 1, hours, minutes = 0;
	const char *start;

	if ((hours = number(&p, 2)) < 0)
		return -1;
	if (*p != '\0') {
		start = *p == ':' ? ++p : p;
		if ((minutes = number(&p, 2)) < 0 || p - start != 2)
			return -1;
	}
	if (*p != '\0' || hours > 23 || minutes > 59)
		return -1;
	d->zone_minutes = sign * (hours * 60 + minutes);
	d->has_zone = true;
	return 0;
}

static int take_word(struct date *d, const char *word);

/* "02:09", "02:09:00", "02:09:00.123Z", "02:09:00+02:00" */
static int
take_time(struct date *d, const char *p)
{
	if (d->has_time || (d->hour = number(&p, 2)) < 0 || *p++ != ':' ||
	    (d->minute = number(&p, 2)) < 0)
		return -1;
	d->has_time = true;
	if (*p == ':') {
		p++;
		if ((d->second = number(&p, 2)) < 0)
			return -1;
		if (*p == '.')
			for (p++; is_digit(*p);)
				p++;
	}
	if (*p == '\0')
		return 0;
	return *p == '+' || *p == '-' ? take_offset(d, p) : take_word(d, p);
}

static int
take_year(struct date *d, int year, int digits)
{
	if (d->year >= 0)
		return -1;
	if (digits <= 2) /* RFC 5322, 4.3 */
		year += year < 50 ? 2000 : 1900;
	else if (digits == 3)
		year += 1900;
	d->year = year;
	return 0;
}

/* "2019-04-30", "2019/04/30" or "04/30/2019"; then maybe "T" and a time. */
static int
take_numeric_date(struct date *d, const char *p)
{
	const char *start = p;
	int first = number(&p, 4), second, third;
	bool year_first = p - start == 4;
	char mark = *p;

	if (first < 0 || (mark != '-' && mark != '/') || d->year >= 0 ||
	    d->day >= 0 || d->month >= 0)
		return -1;
	p++;
	if ((second = number(&p, 2)) < 0 || *p++ != mark ||
	    (third = number(&p, year_first ? 2 : 4)) < 0)
		return -1;
	d->year = year_first ? first : third;
	d->month = (year_first ? second : first) - 1;
	d->day = year_first ? third : second;
	if (*p == '\0')
		return 0;
	return *p == 'T' || *p == 't' ? take_time(d, p + 1) : -1;
}

static int
take_number(struct date *d, const char *p)
{
	const char *start = p;
	int n = number(&p, 4), digits = (int)(p - start);

	if (*p != '\0')
		return -1;
	if (digits <= 2 && d->day < 0) {
		d->day = n;
		return 0;
	}
	return take_year(d, n, digits);
}

static int
month_of(const char *word)
{
	static const char *const months[] = { "jan", "feb", "mar", "apr", "may",
		"jun", "jul", "aug", "sep", "oct", "nov", "dec" };
	int i;

	for (i = 0; i < 12; i++)
		if (text_starts_nocase(word, months[i]))
			return i;
	return -1;
}

/* A month, a zone, "PM"; another word says nothing (RFC 5322, 4.3). */
static int
take_word(struct date *d, const char *word)
{
	size_t i = strcspn(word, "+-");

	if (word[i] != '\0') {
		if (!is_universal(word, i))
			return -1;
		return d->has_zone ? 0 : take_offset(d, word + i);
	}
	if (d->month < 0 && (d->month = month_of(word)) >= 0)
		return 0;
	if (d->has_time && text_equal_nocase(word, "PM") && d->hour < 12)
		d->hour += 12;
	else if (d->has_time && text_equal_nocase(word, "AM") && d->hour == 12)
		d->hour = 0;
	for (i = 0; !d->has_zone && i < sizeof(zones) / sizeof(*zones); i++)
		if (text_equal_nocase(word, zones[i].name)) {
			d->zone_minutes = zones[i].minutes;
			d->has_zone = true;
		}
	return 0;
}

static int
take(struct date *d, const char *word)
{
	if (is_digit(*word)) {
		if (strpbrk(word, "-/") != NULL &&
		    word[strcspn(word, "-/:")] != ':')
			return take_numeric_date(d, word);
		return strchr(word, ':') != NULL ? take_time(d, word)
						 : take_number(d, word);
	}
	if ((*word == '+' || *word == '-') && d->has_time)
		return d->has_zone ? 0 : take_offset(d, word);
	return is_alpha(*word) ? take_word(d, word) : -1;
}

static int
to_seconds(const struct date *d, int64_t *at)
{
	struct tm tm = { .tm_year = d->year - 1900,
		.tm_mon = d->month,
		.tm_mday = d->day,
		.tm_hour = d->hour,
		.tm_min = d->minute,
		.tm_sec = d->second };
	time_t when;

	if (d->year < 1900 || d->month < 0 || d->month > 11 || d->day < 1 ||
	    d->day > 31 || d->hour > 23 || d->minute > 59 || d->second > 60)
		return -1;
	when = timegm(&tm);
	if (tm.tm_mon != d->month && d->second < 60)
		return -1; /* 31 April */
	*at = (int64_t)when - (int64_t)d->zone_minutes * 60;
	return 0;
}

int
failure_date_parse(const char *text, int64_t *at)
{
	struct date d = { .year = -1, .month = -1, .day = -1 };
	char words[DATE_BYTES], *word, *next = words;

	if (clean(text, words) < 0)
		return -1;
	while ((word = strsep(&next, " ")) != NULL)
		if (*word != '\0' && take(&d, word) < 0)
			return -1;
	return to_seconds(&d, at);
}
