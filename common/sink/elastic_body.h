/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_body.h - the body of a request, plain or packed (gzip).
 */
#ifndef SINK_ELASTIC_BODY_H
#define SINK_ELASTIC_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct z_stream_s;

struct elastic_body {
	struct buf bytes;
	bool is_gzip;
	struct z_stream_s *zs; /* owned; kept for the next body */
};

void elastic_body_init(struct elastic_body *b);
void elastic_body_clear(struct elastic_body *b);

/* Start anew. -1: ERR_TEMP. */
int elastic_body_begin(struct elastic_body *b, bool is_gzip, struct err *e);
int elastic_body_add(
    struct elastic_body *b, const char *p, size_t len, struct err *e);
/* bytes is whole then. */
int elastic_body_end(struct elastic_body *b, struct err *e);

#endif
