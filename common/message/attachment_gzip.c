/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attachment_gzip.c - inflate a gzip attachment (RFC 1952) as a stream.
 * in: a part or a zip member    out: what was packed
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/buf.h"
#include "common/message/attachment.h"

#define GZIP_WRAPPER (15 + 16) /* largest window, gzip header */
#define PACKED_BYTES (16 * 1024)

struct gzip {
	struct reader reader;
	struct reader *packed;        /* owned */
	struct unpack_budget *budget; /* foreign */
	z_stream zs;
	bool member_is_done, is_done;
	uint64_t in, out;
	unsigned char chunk[PACKED_BYTES];
};

bool
attachment_is_gzip(const char *p, size_t len)
{
	return len >= 2 && memcmp(p, "\x1f\x8b", 2) == 0;
}

/* More packed bytes where there are none: 1, or 0 at the end. */
static int
gzip_fill(struct gzip *g, struct err *e)
{
	ssize_t n;

	if (g->zs.avail_in > 0)
		return 1;
	n = reader_read(g->packed, g->chunk, sizeof(g->chunk), e);
	if (n <= 0)
		return (int)n;
	g->zs.next_in = g->chunk;
	g->zs.avail_in = (uInt)n;
	g->in += (uint64_t)n;
	return 1;
}

/*
 * A member has ended: another one may follow (RFC 1952, 2.2). Anything else
 * behind it is padding or a trailer of somebody's own, and is let go.
 */
static int
gzip_next_member(struct gzip *g, struct err *e)
{
	int rc = gzip_fill(g, e);

	if (rc < 0)
		return -1;
	if (rc == 0 || g->zs.next_in[0] != 0x1f) {
		g->is_done = true;
		return 0;
	}
	g->member_is_done = false;
	if (inflateReset(&g->zs) != Z_OK)
		return err_set(e, ERR_TEMP, "gzip: cannot start");
	return 0;
}

/* One call of inflate; bytes come out or not. */
static int
gzip_inflate(struct gzip *g, struct err *e)
{
	int rc = gzip_fill(g, e), zrc;

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(e, ERR_MALFORMED, "gzip: cut short");
	zrc = inflate(&g->zs, Z_NO_FLUSH);
	if (zrc == Z_STREAM_END)
		g->member_is_done = true;
	else if (zrc != Z_OK && zrc != Z_BUF_ERROR)
		return err_set(e, zrc == Z_MEM_ERROR ? ERR_TEMP : ERR_MALFORMED,
		    "gzip: %s", g->zs.msg != NULL ? g->zs.msg : "broken");
	return 0;
}

static ssize_t
gzip_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct gzip *g = (struct gzip *)r;
	size_t n;

	g->zs.next_out = p;
	g->zs.avail_out = len < UINT32_MAX ? (uInt)len : UINT32_MAX;
	n = g->zs.avail_out;
	while (!g->is_done && g->zs.avail_out == n)
		if ((g->member_is_done ? gzip_next_member(g, e)
				       : gzip_inflate(g, e)) < 0)
			return -1;
	n -= g->zs.avail_out;
	g->out += n;
	if (unpack_count(g->budget, n, g->in, g->out, e) < 0)
		return err_add(e, "gzip");
	return (ssize_t)n;
}

static void
gzip_close(struct reader *r)
{
	struct gzip *g = (struct gzip *)r;

	(void)inflateEnd(&g->zs);
	reader_close(&g->packed);
	free(g);
}

struct reader *
attachment_gzip(struct reader *packed, struct unpack_budget *budget)
{
	struct gzip *g = xmalloc(sizeof(*g));

	memset(g, 0, offsetof(struct gzip, chunk));
	g->reader.read = gzip_read;
	g->reader.close = gzip_close;
	g->packed = packed;
	g->budget = budget;
	if (inflateInit2(&g->zs, GZIP_WRAPPER) != Z_OK)
		abort(); /* out of memory; anything else is our bug */
	return &g->reader;
}
