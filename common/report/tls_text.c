/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_text.c - JSON text as good UTF-8. Other charsets are recoded before.
 * in: an attachment, decoded (message/)    out: text (tls_json.c)
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/report/tls_text.h"

#define RAW_BYTES 4096
#define TEXT_BYTES (3 * RAW_BYTES) /* a bad byte becomes three */

struct tls_text {
	struct reader reader;
	struct reader *inner;   /* foreign */
	uint64_t *replaced;     /* foreign */
	bool is_begun, is_over; /* nothing more comes from inner */
	size_t raw_len;         /* bytes that wait */
	size_t text_at, text_len;
	char raw[RAW_BYTES];
	char text[TEXT_BYTES];
};

static size_t
mark_len(const struct tls_text *t)
{
	return t->raw_len >= 3 && memcmp(t->raw, "\xef\xbb\xbf", 3) == 0 ? 3
									 : 0;
}

static void
put_replacement(struct tls_text *t)
{
	memcpy(t->text + t->text_len, "\xef\xbf\xbd", 3);
	t->text_len += 3;
	(*t->replaced)++;
}

/* Returns how many bytes were taken; what is left needs more behind it. */
static size_t
repair(struct tls_text *t)
{
	size_t at = 0, n, valid;

	while (at < t->raw_len) {
		valid = text_utf8_valid(t->raw + at, t->raw_len - at);
		memcpy(t->text + t->text_len, t->raw + at, valid);
		t->text_len += valid;
		at += valid;
		n = t->raw_len - at;
		if (n == 0 || (n < 4 && !t->is_over))
			break;
		put_replacement(t);
		at++;
	}
	return at;
}

/* More text, or none at the end. */
static int
refill(struct tls_text *t, struct err *e)
{
	size_t taken;
	ssize_t n = reader_read_full(
	    t->inner, t->raw + t->raw_len, RAW_BYTES - t->raw_len, e);

	if (n < 0)
		return -1;
	t->is_over = (size_t)n < RAW_BYTES - t->raw_len;
	t->raw_len += (size_t)n;
	t->text_at = t->text_len = 0;
	if (!t->is_begun) {
		taken = mark_len(t);
		t->raw_len -= taken;
		memmove(t->raw, t->raw + taken, t->raw_len);
		t->is_begun = true;
	}
	taken = repair(t);
	t->raw_len -= taken;
	memmove(t->raw, t->raw + taken, t->raw_len);
	return 0;
}

static ssize_t
tls_text_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct tls_text *t = (struct tls_text *)r;
	size_t n;

	while (t->text_at == t->text_len) {
		if (t->is_over)
			return 0;
		if (refill(t, e) < 0)
			return -1;
	}
	n = t->text_len - t->text_at;
	if (n > len)
		n = len;
	memcpy(p, t->text + t->text_at, n);
	t->text_at += n;
	return (ssize_t)n;
}

static void
tls_text_close(struct reader *r)
{
	free(r);
}

struct reader *
tls_text_reader(struct reader *inner, uint64_t *replaced)
{
	struct tls_text *t = xcalloc(1, sizeof(*t));

	t->reader.read = tls_text_read;
	t->reader.close = tls_text_close;
	t->inner = inner;
	t->replaced = replaced;
	*replaced = 0;
	return &t->reader;
}
