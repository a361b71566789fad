/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.c - strangers' bytes as text.
 */
#include <string.h>

#include "common/base/text.h"
#include "common/base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN 3

/* Is there a whole character, and not NUL, at the start of p? Its bytes. */
static size_t
good_char(const char *p, size_t len)
{
	return *p == '\0' ? 0 : text_utf8_char(p, len);
}

static size_t
repaired_len(const char *p, size_t len)
{
	size_t n, out = 0;

	for (; len > 0; p += n, len -= n) {
		n = good_char(p, len);
		out += n > 0 ? n : REPLACEMENT_LEN;
		if (n == 0)
			n = 1;
	}
	return out;
}

char *
utf8_copy(struct arena *a, const char *p, size_t len)
{
	char *copy, *to;
	size_t n;

	if (p == NULL)
		return NULL;
	to = copy = arena_alloc(a, repaired_len(p, len) + 1);
	while (len > 0) {
		if ((n = good_char(p, len)) > 0) {
			memcpy(to, p, n);
			to += n;
		} else {
			memcpy(to, REPLACEMENT, REPLACEMENT_LEN);
			to += REPLACEMENT_LEN;
			n = 1;
		}
		p += n;
		len -= n;
	}
	*to = '\0';
	return copy;
}

size_t
utf8_cut(const char *p, size_t len, size_t max)
{
	size_t at = max;

	if (len <= max)
		return len;
	while (at > 0 && max - at < 4 && ((unsigned char)p[at] & 0xc0) == 0x80)
		at--;
	/* what is no UTF-8 is cut anywhere */
	return ((unsigned char)p[at] & 0xc0) == 0x80 ? max : at;
}
