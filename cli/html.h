/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html.h - write HTML into a buffer. All that is not ours goes through
 * html_text, and nothing else does. Errors stick until html_end.
 */
#ifndef CLI_HTML_H
#define CLI_HTML_H

#include "common/base/buf.h"
#include "common/base/err.h"

struct html {
	struct buf *out; /* foreign */
	struct err err;
};

void html_begin(struct html *h, struct buf *out);
/* 0, or -1 and *e when anything went wrong since html_begin. */
int html_end(struct html *h, struct err *e);

/* Ours: markup and numbers. */
void html_put(struct html *h, const char *markup);
void html_printf(struct html *h, const char *fmt, ...) ATTR_PRINTF(2, 3);

/*
 * A stranger's text, for between tags and for quoted attributes alike: no
 * markup comes out of it, nothing that is not UTF-8, and what cannot be seen
 * or turns the line around is told by its number, \u{202E}. What is long is
 * cut. NULL writes nothing.
 */
void html_text(struct html *h, const char *text);

/* A stranger's text as a value in the query of a URL. */
void html_url(struct html *h, const char *text);

#endif
