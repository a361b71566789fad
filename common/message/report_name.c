/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_name.c - what the file name of a report says.
 */
#include <string.h>

#include "common/base/text.h"
#include "common/message/report_name.h"

/* Digits up to one of ends. Times before 2001 have fewer than ten. */
static bool
is_time(const char *p, const char *ends)
{
	size_t len = strspn(p, "0123456789");

	return len >= 9 && len <= 14 && p[len] != '\0' &&
	       strchr(ends, p[len]) != NULL;
}

/* The "!" before the two times, from at on; NULL: none. */
static const char *
find_times(const char *at)
{
	const char *bang = strchr(at, '!'), *second;

	for (; bang != NULL; bang = strchr(bang + 1, '!')) {
		second = strchr(bang + 1, '!');
		if (second != NULL && is_time(bang + 1, "!") &&
		    is_time(second + 1, "!."))
			return bang;
	}
	return NULL;
}

bool
report_name_is_there(const char *name)
{
	return find_times(name) != NULL;
}

/* The word that ends at end, in which none of the separators is. */
static char *
word_before(const char *name, const char *end, struct arena *a)
{
	const char *start = end;
	char *word;

	while (start > name && strchr("!:/\\ ", start[-1]) == NULL)
		start--;
	word = arena_strndup(a, start, (size_t)(end - start));
	text_lower(word);
	return word;
}

bool
report_name_parse(struct report_name *out, const char *name, struct arena *a)
{
	const char *bang = NULL, *next = find_times(name), *start;

	for (; next != NULL; next = find_times(next + 1))
		bang = next;
	if (bang == NULL)
		return false;
	out->domain = word_before(name, bang, a);
	start = bang - strlen(out->domain);
	out->receiver = start > name && start[-1] == '!'
			    ? word_before(name, start - 1, a)
			    : "";
	return true;
}
