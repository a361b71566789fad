/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elastic_reply.h - what the answers of Elasticsearch and OpenSearch mean.
 */
#ifndef SINK_ELASTIC_REPLY_H
#define SINK_ELASTIC_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/http.h"

enum elastic_outcome {
	ELASTIC_STORED,    /* a new document, durable */
	ELASTIC_DUPLICATE, /* it was there; now durable with this content */
	ELASTIC_REFUSED,   /* this document is wrong, and will always be */
	ELASTIC_RETRY,     /* overload, a node away, a block: soon again */
	ELASTIC_LATER,     /* the operator must act, or we do not know better */
	ELASTIC_SPLIT,     /* too large, or something in it is wrong */
};

/* What an error of the server says; type and reason are never NULL. */
struct elastic_error {
	int status;
	const char *type, *reason;
};

enum elastic_outcome elastic_classify(const struct elastic_error *error);

/* Fill *e: the server's words, and what can be done about it. Returns -1. */
int elastic_explain(
    const struct elastic_error *error, const char *login, struct err *e);

/* i counts from 0; e is NULL for STORED and DUPLICATE. */
typedef void elastic_item_fn(
    void *context, size_t i, enum elastic_outcome outcome, const struct err *e);

/*
 * Take the answer to a bulk request of count items apart. 0: item was called
 * for each. -1: it was not called at all, and *e (ERR_TEMP): this is no whole
 * answer to that request.
 */
int elastic_reply_items(const struct http_reply *r, size_t count,
    const char *login, elastic_item_fn *item, void *context, struct err *e);

/* A whole request that was not answered with 200: RETRY, LATER, SPLIT. */
enum elastic_outcome elastic_reply_whole(
    const struct http_reply *r, const char *login, struct err *e);

/*
 * The error of a request with one document that was answered 400: is it
 * certainly about this document?
 */
bool elastic_reply_blames_document(const struct http_reply *r);

/*
 * The answer to GET /. name gets "Elasticsearch 8.19.2", or "" where the
 * answer does not tell (we may not ask). -1 and *e: it will not work.
 */
#define ELASTIC_NAME_SIZE 64
int elastic_reply_server(const struct http_reply *r, const char *login,
    char name[ELASTIC_NAME_SIZE], struct err *e);

/* A field of a document, by its path, and the text it must have. */
struct elastic_match {
	const char *path; /* "published_policy.domain" */
	const char *text;
};

#define ELASTIC_HITS_MAX 10000 /* index.max_result_window */

/*
 * The answer to a search: how many documents have exactly these texts. Of
 * more than ELASTIC_HITS_MAX, those that the answer does not show count too.
 */
int elastic_reply_count(const struct http_reply *r,
    const struct elastic_match *matches, size_t match_count, const char *login,
    uint64_t *count, struct err *e);

#endif
