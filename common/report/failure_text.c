/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure_text.c - texts of a failure report, as documents want them.
 */
#include <string.h>

#include "common/report/failure_text.h"

#define KEY_MAX 128 /* bytes in the name of a header field */

const char *
failure_safe_subject(const char *subject, char out[SAFE_SUBJECT_SIZE])
{
	size_t len = 0, kept;
	const char *p;

	if (subject == NULL)
		subject = "None";
	/* one more character than fits: what is cut is cut between two */
	for (p = subject; *p != '\0' && len < SAFE_SUBJECT_SIZE - 1; p++)
		if (strchr("\\/:\"*?|\n\r", *p) == NULL)
			out[len++] = *p;
	kept = len;
	if (*p != '\0' && ((unsigned char)*p & 0xc0) == 0x80) {
		while (
		    kept > 0 && ((unsigned char)out[kept - 1] & 0xc0) == 0x80)
			kept--;
		kept -= kept > 0; /* the first byte of what is cut */
	}
	while (kept > 0 && (out[kept - 1] == ' ' || out[kept - 1] == '.'))
		kept--;
	out[kept] = '\0';
	return out;
}

static char
key_char(char c, enum failure_keys keys)
{
	return c == '.' && keys == FAILURE_KEYS_WITHOUT_DOTS ? '_' : c;
}

static bool
is_same_key(const char *a, const char *b, enum failure_keys keys)
{
	while (*a != '\0' && key_char(*a, keys) == key_char(*b, keys))
		a++, b++;
	return *a == *b;
}

/*
 * Names are compared twice each: a table of them would cost more than the 500
 * fields that are kept at most.
 */
bool
failure_header_is_repeated(
    const struct sample *s, size_t i, enum failure_keys keys)
{
	size_t k;

	for (k = 0; k < i; k++)
		if (is_same_key(s->headers[k].name, s->headers[i].name, keys))
			return true;
	return false;
}

void
failure_header_values(
    struct json *j, const struct sample *s, size_t i, enum failure_keys keys)
{
	const char *name = s->headers[i].name;
	size_t k, count = 0;

	for (k = i; k < s->header_count; k++)
		count += is_same_key(s->headers[k].name, name, keys);
	if (count == 1) {
		json_text(j, s->headers[i].value);
		return;
	}
	json_array_begin(j);
	for (k = i; k < s->header_count; k++)
		if (is_same_key(s->headers[k].name, name, keys))
			json_text(j, s->headers[k].value);
	json_array_end(j);
}

bool
failure_header_is_key(const struct header_field *h)
{
	const char *p;

	for (p = h->spelling; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
			return false;
	return p > h->spelling && p - h->spelling <= KEY_MAX;
}
