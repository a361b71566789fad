/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - one <record> as the reporter wrote it, as bytes in the spool.
 *
 * A frame is a struct frame_head, then the record's fields, which are what its
 * id is hashed from: a list and an order fixed for id1 (design: records and
 * their ids), and then what came later and enters no id: a list of extensions
 * (path, text). Each value is its length (4 bytes, big
 * endian) and its bytes; what the reporter left out has the length
 * FRAME_ABSENT and no bytes. A list is the number of its entries (4 bytes)
 * and their values.
 */
#ifndef REPORT_FRAME_H
#define REPORT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define FRAME_ABSENT UINT32_MAX

struct frame_head {
	uint64_t position;     /* of the record in the report */
	int64_t message_count; /* FRAME_COUNT, read */
	uint64_t id_len;       /* bytes of the fields */
};

/* In the order of the frame; the lists come last. */
enum frame_field {
	FRAME_SOURCE_IP,
	FRAME_COUNT,
	FRAME_DISPOSITION,
	FRAME_DKIM,
	FRAME_SPF,
	FRAME_HEADER_FROM,
	FRAME_ENVELOPE_FROM,
	FRAME_ENVELOPE_TO,
	FRAME_FIELDS
};

enum frame_list {
	FRAME_REASONS,      /* type, comment */
	FRAME_DKIM_RESULTS, /* domain, selector, result, human_result */
	FRAME_SPF_RESULTS,  /* domain, scope, result, human_result */
	FRAME_LISTS
};

#define FRAME_ENTRY_MAX 4
/* How many values an entry of each list has. */
extern const unsigned char frame_entry_values[FRAME_LISTS];

/* Append one value; p NULL is absent. */
int frame_add_value(struct buf *b, const void *p, size_t len, struct err *e);
int frame_add_number(struct buf *b, uint32_t n, struct err *e);

/*
 * Takes values out of a frame, one after the other, as C strings: p must be
 * writable, with one byte of room behind len.
 */
struct frame_cursor {
	char *p;
	size_t left;
	uint32_t next; /* the number before p, read ahead */
};

void frame_start(struct frame_cursor *c, char *p, size_t len);
/* The next value, NUL-terminated; NULL for absent. */
char *frame_text(struct frame_cursor *c);
uint32_t frame_number(struct frame_cursor *c);

#endif
