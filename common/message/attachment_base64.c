/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment_base64.c - decode base64 (RFC 4648, 4) as a stream, forgiving.
 * in: a part as it stands in the mail    out: its bytes
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/message/attachment.h"

#define CHUNK_BYTES (16 * 1024)
#define LEAD 2
#define SKIP 0xff
#define PAD 0xfe

struct base64 {
	struct reader reader;
	struct reader *in; /* owned */
	bool *has_field;   /* foreign, or NULL */
	uint32_t bits;     /* the digits of a group that is not complete */
	unsigned digits;   /* how many of them: 0 to 3 */
	bool ended;
	size_t at, len; /* chunk[at..len) is decoded */
	unsigned char value[256];
	unsigned char chunk[LEAD + CHUNK_BYTES];
};

static void
make_values(unsigned char value[256])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char i;

	memset(value, SKIP, 256);
	for (i = 0; i < 64; i++)
		value[(unsigned char)alphabet[i]] = i;
	value['='] = PAD;
}

/* A group ends early, by padding or by the end: 2 digits are 1 byte. */
static unsigned char *
flush(struct base64 *b, unsigned char *to)
{
	if (b->digits == 2) {
		*to++ = (unsigned char)(b->bits >> 4);
	} else if (b->digits == 3) {
		*to++ = (unsigned char)(b->bits >> 10);
		*to++ = (unsigned char)(b->bits >> 2);
	}
	b->digits = 0;
	return to;
}

/* Whole groups of four digits from *i on, as many as stand side by side. */
static unsigned char *
decode_groups(struct base64 *b, unsigned char *to, size_t *i, size_t end)
{
	const unsigned char *p = b->chunk + *i;
	uint32_t v[4];

	for (; (size_t)(p - b->chunk) + 4 <= end; p += 4, to += 3) {
		v[0] = b->value[p[0]];
		v[1] = b->value[p[1]];
		v[2] = b->value[p[2]];
		v[3] = b->value[p[3]];
		if ((v[0] | v[1] | v[2] | v[3]) > 63)
			break;
		v[3] |= v[0] << 18 | v[1] << 12 | v[2] << 6;
		to[0] = (unsigned char)(v[3] >> 16);
		to[1] = (unsigned char)(v[3] >> 8);
		to[2] = (unsigned char)v[3];
	}
	*i = (size_t)(p - b->chunk);
	return to;
}

/*
 * Is it the hyphen of Content-Type or Content-Transfer-Encoding? Where a
 * boundary is broken, the next part stands in this one.
 */
static bool
is_of_field(const unsigned char *p, const unsigned char *end)
{
	static const char type[] = "-Type:", encoding[] = "-Transfer-E";
	size_t len = (size_t)(end - p);

	return (len >= sizeof(type) - 1 &&
		   memcmp(p, type, sizeof(type) - 1) == 0) ||
	       (len >= sizeof(encoding) - 1 &&
		   memcmp(p, encoding, sizeof(encoding) - 1) == 0);
}

/*
 * Decode the n bytes at chunk + LEAD to its start. With 3 digits left over,
 * the first one read makes 3 bytes: the lead keeps them off what is unread.
 */
static void
decode(struct base64 *b, size_t n)
{
	unsigned char *to = b->chunk, v;
	size_t i;

	for (i = LEAD; i < LEAD + n; i++) {
		if (b->digits == 0)
			to = decode_groups(b, to, &i, LEAD + n);
		if (i == LEAD + n)
			break;
		if ((v = b->value[b->chunk[i]]) == SKIP) {
			if (b->chunk[i] == '-' && b->has_field != NULL &&
			    is_of_field(&b->chunk[i], &b->chunk[LEAD + n]))
				*b->has_field = true;
			continue;
		}
		if (v == PAD) {
			to = flush(b, to);
			continue;
		}
		b->bits = b->bits << 6 | v;
		if (++b->digits < 4)
			continue;
		b->digits = 0;
		to[0] = (unsigned char)(b->bits >> 16);
		to[1] = (unsigned char)(b->bits >> 8);
		to[2] = (unsigned char)b->bits;
		to += 3;
	}
	if (b->ended)
		to = flush(b, to);
	b->at = 0;
	b->len = (size_t)(to - b->chunk);
}

static ssize_t
base64_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct base64 *b = (struct base64 *)r;
	ssize_t n;

	while (b->at == b->len) {
		if (b->ended)
			return 0;
		n = reader_read(b->in, b->chunk + LEAD, CHUNK_BYTES, e);
		if (n < 0)
			return -1;
		b->ended = n == 0;
		decode(b, (size_t)n);
	}
	if (len > b->len - b->at)
		len = b->len - b->at;
	memcpy(p, b->chunk + b->at, len);
	b->at += len;
	return (ssize_t)len;
}

static void
base64_close(struct reader *r)
{
	struct base64 *b = (struct base64 *)r;

	reader_close(&b->in);
	free(b);
}

struct reader *
attachment_base64(struct reader *in, bool *has_field)
{
	struct base64 *b = xmalloc(sizeof(*b));

	memset(b, 0, offsetof(struct base64, value));
	b->reader.read = base64_read;
	b->reader.close = base64_close;
	b->in = in;
	b->has_field = has_field;
	make_values(b->value);
	return &b->reader;
}
