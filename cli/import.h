/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.h - parsedmarc's configuration as ours: which key becomes which.
 * import_table.c says it for each key, import_value.c turns the values,
 * import_write.c puts it down.
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/buf.h"

#include "cli/import_ini.h"

struct import_row;

/* What a converter works on. */
struct import_value {
	const struct ini *ini;
	const struct import_row *row;
	const char *text; /* parsedmarc's value */
	struct buf *out;  /* ours, as the file says it */
};

/*
 * A key of parsedmarc. Of several rows with one target the first one that is
 * set counts, so an old name stands behind the new one.
 */
struct import_row {
	const char *section, *key; /* NULL ends */
	/* Ours; NULL: there is none, and text says why. */
	const char *to_section, *to_key;
	/* Fills out: NULL, or why there is nothing to be written. No function:
	 * the row of to_key has a look at it. */
	const char *(*convert)(const struct import_value *v);
	const char *text;   /* or a remark on what was written */
	const char *preset; /* value where the section is there and the key is
			       not; NULL: ours is the same or as good */
	const char *word;   /* for import_word_if_on */
	const char *when;   /* holds only if this section is there too */
	const char *unless; /* does not if this one is */
};

extern const struct import_row import_table[];

/* NULL: parsedmarc does not know it. */
const struct import_row *import_row_find(const char *section, const char *key);

const char *import_text(const struct import_value *v);
const char *import_path(const struct import_value *v);
const char *import_bool(const struct import_value *v);
const char *import_count(const struct import_value *v);
const char *import_seconds(const struct import_value *v);
const char *import_request_timeout(const struct import_value *v);
const char *import_hosts(const struct import_value *v);
const char *import_output(const struct import_value *v);
const char *import_sample(const struct import_value *v);
const char *import_tls(const struct import_value *v);
const char *import_mark(const struct import_value *v);
const char *import_word_if_on(const struct import_value *v);

/* What became of one key. */
struct import_result {
	const struct import_row *row; /* NULL: unknown */
	const struct ini_pair *pair;  /* NULL: a preset */
	const char *text;             /* our value, in the arena; NULL: none */
	const char *reason;           /* why not; NULL: looked at elsewhere */
};

struct import {
	const struct ini *ini;        /* foreign */
	struct arena *a;              /* foreign */
	struct import_result *result; /* owned */
	size_t count;
};

/* Every key of ini gets its result; each value written is one that our own
 * parser takes. import_clear is due. */
void import_settle(struct import *im, const struct ini *ini, struct arena *a);
/* The configuration, with a comment on each key. path: where it came from. */
void import_write(const struct import *im, const char *path, FILE *out);
/* "[section] key (line n): reason" for each that has no counterpart, with
 * prefix in front. Returns how many. */
size_t import_write_left(
    const struct import *im, const char *prefix, FILE *out);
void import_clear(struct import *im);

#endif
