/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - requests to a cluster of equal hosts: Elasticsearch, OpenSearch.
 * Hosts take turns; one that cannot be reached rests for a while, and the
 * next is asked. Connections stay open. Shared by all threads: each request
 * in flight has a connection of its own.
 */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"

struct http;

/*
 * Hosts, credentials and TLS are copied from conf; nothing is asked yet. Of
 * the credentials the first one set counts: bearer_token, api_key, user, the
 * user in the URL. ERR_CONF: a host cannot be read, a file is not there.
 */
int http_open(
    struct http **h, const struct conf_elasticsearch *conf, struct err *e);
/* No request may be under way. Takes NULL; leaves NULL. */
void http_close(struct http **h);

struct http_request {
	const char *method;         /* "GET" */
	const char *path;           /* "/_bulk?x=y": ready for a URL */
	const char *content_type;   /* NULL: none */
	const char *const *headers; /* more of them, NULL behind; or NULL */
	const void *body;           /* NULL: none */
	size_t body_len;
	bool is_gzip;       /* body is gzip */
	int64_t timeout_ms; /* of all of it, over all hosts */
};

struct http_reply {
	int status; /* 0: nobody answered */
	struct buf body;
	bool is_long;    /* the body passed its maximum: it is cut there */
	bool is_slow;    /* nobody answered in time */
	bool is_lasting; /* failed for a reason that time does not mend */
	char host[128];  /* that answered or failed last, for error texts */
};

void http_reply_init(struct http_reply *r, size_t body_max);
void http_reply_clear(struct http_reply *r);

/*
 * Ask the next host. 0: a whole answer came, whatever its status. -1: none
 * did; ERR_TEMP, and the text names the host and what is wrong with it: the
 * name, the connection, the certificate, the time. A host that was lost, or
 * that answers 502, 503 or 504, gives way to the next, so that a request may
 * arrive twice. r is emptied first, and may be used again.
 */
int http_request(struct http *h, const struct http_request *q,
    struct http_reply *r, struct err *e);

/* How we say who we are: "user intake", "the API key", "nobody". */
const char *http_login(const struct http *h);

/* text as a part of a path, percent-encoded. The caller frees it. */
char *http_escape(const char *text);

#endif
