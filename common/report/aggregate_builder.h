/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_builder.h - an aggregate report while it is read: aggregate.c
 * follows the elements, aggregate_record.c and aggregate_extension.c collect
 * what is written, aggregate_fill.c makes the report of it. For aggregate*.c
 * only.
 */
#ifndef REPORT_AGGREGATE_BUILDER_H
#define REPORT_AGGREGATE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/report/aggregate_elements.h"
#include "common/report/frame.h"
#include "common/report/report_reader.h"
#include "common/report/xml.h"

#define AGGREGATE_ERRORS_MAX 100 /* noted; past it they are counted */
#define EXTENSION_PATH_MAX 1024
#define EXTENSION_BYTES_MAX (16 * 1024) /* of a record, or of the report */
#define EXTENSIONS_MAX 64               /* likewise */

/* Which piece of builder.text a value is. */
struct span {
	size_t at, len;
	bool is_set;
};

struct builder {
	struct report_reader *rr; /* foreign; filled */
	const struct conf_limits *limits;
	const char *meta[META_FIELDS]; /* as written, trimmed; in rr->arena */
	const char *xml_namespace;     /* the first that is declared */
	const char *own_namespace;     /* of <feedback> */
	uint64_t error_count;          /* also those past ERRORS_MAX */

	const struct element **stack; /* the open elements; in rr->arena */
	unsigned depth;
	size_t leaf_at;      /* where the text of the open leaf begins */
	bool is_garbled;     /* an element stands in the open leaf */
	bool policy_is_done; /* several: the first counts */
	bool is_feedback, is_closed;

	/* the record that is being read */
	struct buf text; /* of its leaves */
	struct span field[FRAME_FIELDS];
	struct span entry[FRAME_ENTRY_MAX];
	struct buf list[FRAME_LISTS]; /* entries as in the frame */
	uint32_t list_count[FRAME_LISTS];
	struct buf frame;
	uint64_t position;

	bool in_record;
	struct buf path;           /* of the open extension */
	struct buf extensions;     /* of the record: path, text */
	uint32_t extension_count;  /* of the record */
	struct extension *outside; /* of records; in rr->arena */
	size_t outside_bytes;
	bool extensions_were_many; /* some were left out */

	struct element_cache cache;
};

/* The text of the leaf that ends: trimmed. */
struct span builder_leaf(const struct builder *b);
/* NULL when nobody set it. */
const char *builder_text(const struct builder *b, const struct span *s);

/* aggregate_record.c: a <record>, and one entry of its lists. */
void record_begin(struct builder *b);
int record_end(struct builder *b, struct err *e);
int record_list_add(struct builder *b, enum frame_list list, struct err *e);

/*
 * aggregate_extension.c: an element that the report's format does not know
 * begins in this place; false: it is of no interest.
 */
bool extension_begin(struct builder *b, const char *name,
    const char *namespace_uri, enum place in);
int extension_end(struct builder *b, struct err *e);

/* Note a repair or a complaint; doc/record-schema.md: errors. */
void builder_note(struct builder *b, const char *fmt, ...) ATTR_PRINTF(2, 3);

/*
 * After the last byte: 1 and b->rr->report is filled, 0 it is no aggregate
 * report, -1 and *e when it is one that cannot be read. dropped counts bytes
 * that were not UTF-8.
 */
int aggregate_conclude(struct builder *b, const struct xml_repair *repair,
    uint64_t dropped, const struct suffix_list *suffixes, struct err *e);

#endif
