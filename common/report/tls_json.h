/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_json.h - the one JSON object of a report, read by jansson inside limits
 * that hold while it is read: its tree takes many times the text's size. For
 * tls*.c only, the place that knows jansson.
 */
#ifndef REPORT_TLS_JSON_H
#define REPORT_TLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "common/base/reader.h"

#define TLS_DEPTH_MAX 16 /* RFC 8460, 4.4 goes to 5 */

/* What the text around the tree told. */
struct tls_json {
	unsigned known_names; /* of RFC 8460, 4.4, in the object itself */
	uint64_t replaced;    /* bytes that are no character */
	bool has_tail;        /* some text follows the object */
	bool is_broken;       /* the attachment cannot be read to its end */
};

/*
 * Read in (foreign). 0: *root is an object; json_decref it. -1: *e, and
 * told->known_names are those that were met until then.
 */
int tls_json_read(json_t **root, struct reader *in,
    const struct conf_limits *limits, struct tls_json *told, struct err *e);

/*
 * Append the canonical form (report_id.h): members sorted by name, nothing
 * between the tokens.
 */
int tls_json_canonical(const json_t *root, struct buf *out, struct err *e);

#endif
