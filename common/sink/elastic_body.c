/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_body.c - the body of a request, plain or packed (gzip). The lowest
 * level packs documents to a tenth already, and costs the least.
 */
#include <stdint.h>
#include <stdlib.h>

#include <zlib.h>

#include "common/sink/elastic_body.h"

#define BODY_MAX ((size_t)256 << 20)
#define GZIP_WRAPPER (15 + 16) /* largest window, gzip header */
#define GZIP_LEVEL 1
#define GZIP_MEMORY 9

void
elastic_body_init(struct elastic_body *b)
{
	*b = (struct elastic_body){ 0 };
	buf_init(&b->bytes, BODY_MAX);
}

void
elastic_body_clear(struct elastic_body *b)
{
	if (b->zs != NULL)
		deflateEnd(b->zs);
	free(b->zs);
	b->zs = NULL;
	buf_clear(&b->bytes);
}

int
elastic_body_begin(struct elastic_body *b, bool is_gzip, struct err *e)
{
	int rc;

	buf_reset(&b->bytes);
	b->is_gzip = is_gzip;
	if (!is_gzip)
		return 0;
	if (b->zs != NULL) {
		rc = deflateReset(b->zs);
	} else {
		b->zs = xcalloc(1, sizeof(*b->zs));
		rc = deflateInit2(b->zs, GZIP_LEVEL, Z_DEFLATED, GZIP_WRAPPER,
		    GZIP_MEMORY, Z_DEFAULT_STRATEGY);
	}
	return rc == Z_OK ? 0 : err_set(e, ERR_TEMP, "gzip: cannot start");
}

static int
pack(
    struct elastic_body *b, const char *p, size_t len, int flush, struct err *e)
{
	size_t room;
	char *at;
	int rc;

	b->zs->next_in = (Bytef *)(uintptr_t)p; /* zlib does not write there */
	b->zs->avail_in = (uInt)len;
	do {
		room = len / 4 + 1024;
		if ((at = buf_reserve(&b->bytes, room, e)) == NULL)
			return -1;
		b->zs->next_out = (Bytef *)at;
		b->zs->avail_out = (uInt)room;
		rc = deflate(b->zs, flush);
		b->bytes.len += room - b->zs->avail_out;
	} while (b->zs->avail_out == 0 && rc == Z_OK);
	return 0;
}

int
elastic_body_add(
    struct elastic_body *b, const char *p, size_t len, struct err *e)
{
	return b->is_gzip ? pack(b, p, len, Z_NO_FLUSH, e)
			  : buf_add(&b->bytes, p, len, e);
}

int
elastic_body_end(struct elastic_body *b, struct err *e)
{
	return b->is_gzip ? pack(b, "", 0, Z_FINISH, e) : 0;
}
