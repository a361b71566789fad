/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_time.c - a time as a person says it: an age, or a day.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/report_time.h"
#include "common/base/clock.h"
#include "common/base/text.h"

/* "2026-11-01", midnight UTC. 0 or -1. */
static int
day_parse(const char *text, int64_t *at)
{
	struct tm tm = { 0 };
	char check[CLOCK_TEXT_SIZE];
	int end = 0;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		&end) != 3 ||
	    text[end] != '\0')
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*at = timegm(&tm);
	clock_date(*at, check); /* no 31st of November, no missing zero */
	return strcmp(check, text) == 0 ? 0 : -1;
}

int
report_time_parse(const char *text, int64_t *at)
{
	int64_t age;

	if (day_parse(text, at) == 0)
		return 0;
	if (text_to_seconds(text, &age) < 0)
		return -1;
	*at = clock_now() - age;
	return 0;
}
