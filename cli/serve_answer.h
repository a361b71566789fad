/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_answer.h - what a path and its query are answered with; knows nothing
 * of connections.
 */
#ifndef CLI_SERVE_ANSWER_H
#define CLI_SERVE_ANSWER_H

#include "common/base/buf.h"
#include "common/base/err.h"

#define SERVE_TOP 25
#define SERVE_TOP_MAX 10000

/* One parameter of a query; NULL: it is not there. */
typedef const char *serve_lookup(void *context, const char *name);

struct serve_query {
	const char *database;
	const char *path; /* "/api/report" */
	serve_lookup *lookup;
	void *context; /* of lookup */
};

/*
 * The status, with the body in out and its type in *content_type. 200; 400 a
 * parameter cannot be read; 404; 503 the database cannot be read now, and *e
 * says why, with paths, which are no client's business.
 */
int serve_answer(const struct serve_query *q, struct buf *out,
    const char **content_type, struct err *e);

/* All parameters that count, as one text: the same for the same answer. */
int serve_key(const struct serve_query *q, struct buf *out);

#endif
