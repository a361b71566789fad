/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_reader.h - what the parsers (aggregate.c) hand to the reader of
 * records (report.c). For common/report only.
 */
#ifndef REPORT_REPORT_READER_H
#define REPORT_REPORT_READER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/sha256.h"
#include "common/report/report.h"
#include "common/report/spool.h"

/* One UTC day's part of a record. */
struct slice {
	int64_t begin, end, count;
};

struct report_reader {
	struct report report;
	struct arena *arena; /* of the report's text; owned */
	struct spool spool;
	struct sha256 *hash; /* owned */

	bool omits_ids;
	bool is_given; /* a failure or TLS report: its one record */

	/* the record that report_next is at */
	struct record record;
	struct bytes frame;   /* borrowed from the spool */
	size_t id_len;        /* of its fields that the id is made of */
	struct buf text;      /* the frame, cut into C strings */
	struct arena *lists;  /* its results and overrides; owned */
	struct slice *slices; /* in lists */
	size_t slice_count, slice_at;
};

struct report_reader *report_reader_new(const struct report_setup *setup);

#endif
