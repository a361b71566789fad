/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outside.c - RFC 2046, 5.1.1: what stands outside of the parts is nobody's.
 * Where the boundary is broken a part may stand there, and then somebody must
 * look at the mail.
 * in: text (part.c, plain.c)    out: might it be a part
 */
#include <string.h>

#include "common/base/text.h"
#include "common/message/outside.h"

#define PACKED_LINE 60 /* of base64; a word of a person is shorter */
#define PADDING_MAX 2  /* RFC 4648, 4 */

static bool
has_word(const char *p, size_t len, const char *word)
{
	return memmem(p, len, word, strlen(word)) != NULL;
}

static bool
is_field(const char *p, size_t len, const char *name)
{
	return len >= strlen(name) &&
	       text_equal_nocase_n(p, name, strlen(name));
}

/* Digits of base64 and its padding: a line of nothing but "=" is a ruler. */
static bool
is_packed(const char *p, size_t len)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i = 0, padding = 0;

	while (i < len && p[i] != '\0' && strchr(digits, p[i]) != NULL)
		i++;
	while (i < len && p[i] == '=' && padding < PADDING_MAX) {
		i++;
		padding++;
	}
	return i >= PACKED_LINE && (i == len || p[i] == '\r');
}

static bool
is_of_part(const char *p, size_t len)
{
	return is_field(p, len, "Content-Type:") ||
	       is_field(p, len, "Content-Transfer-Encoding:") ||
	       is_packed(p, len);
}

bool
outside_may_be_part(const char *p, size_t len)
{
	const char *end = p + len, *stop;

	if (len == 0)
		return false;
	if (has_word(p, len, "<feedback") || has_word(p, len, "<?xml") ||
	    has_word(p, len, "\"organization-name\""))
		return true;
	for (; p < end; p = stop + 1) {
		if ((stop = memchr(p, '\n', (size_t)(end - p))) == NULL)
			stop = end;
		if (is_of_part(p, (size_t)(stop - p)))
			return true;
	}
	return false;
}
