/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_ends.c - a text with line ends of two kinds, with those of one.
 * in: the mail's bytes (part.c)    out: the same with LF at each line
 */
#include <stdbool.h>
#include <string.h>

#include "common/message/line_ends.h"

#define CHUNK_BYTES (16 * 1024)

/*
 * A chunk, without the CR before an LF; one at its end is held back until the
 * next chunk shows what stands behind it.
 */
static int
add_chunk(
    struct spill *out, const char *p, size_t len, bool *has_cr, struct err *e)
{
	const char *end = p + len, *cr;

	if (*has_cr && *p != '\n' && spill_add(out, "\r", 1, e) < 0)
		return -1;
	*has_cr = end[-1] == '\r';
	end -= *has_cr;
	for (; (cr = memmem(p, (size_t)(end - p), "\r\n", 2)) != NULL;
	     p = cr + 1)
		if (spill_add(out, p, (size_t)(cr - p), e) < 0)
			return -1;
	return spill_add(out, p, (size_t)(end - p), e);
}

int
line_ends_unify(struct spill *raw, struct spill *out, struct err *e)
{
	char chunk[CHUNK_BYTES];
	uint64_t at = 0;
	bool has_cr = false;
	ssize_t n;

	while ((n = spill_read(raw, at, chunk, sizeof(chunk), e)) > 0) {
		if (add_chunk(out, chunk, (size_t)n, &has_cr, e) < 0)
			return -1;
		at += (uint64_t)n;
	}
	if (n < 0)
		return -1;
	return has_cr ? spill_add(out, "\r", 1, e) : 0;
}
