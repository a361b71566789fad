/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure_parts.h - what the parser of failure reports is made of: fields and
 * dates. For failure*.c only.
 */
#ifndef REPORT_FAILURE_PARTS_H
#define REPORT_FAILURE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/message/sample.h"

struct failure_fields {
	const struct header_field *item;
	size_t count;
	bool is_cut; /* there were more than the limit */
};

/*
 * The fields in the text of a feedback part (RFC 5965, 3), in their order, or
 * those of the text that Exim sends, under the names of RFC 5965. All of it
 * is copied into a.
 */
struct failure_fields failure_fields_parse(
    struct arena *a, const char *text, size_t len, size_t max);

/* The first value of this name that is not empty; NULL: there is none. */
const char *failure_field(const struct failure_fields *f, const char *name);

/*
 * Items of a comma separated field, of all fields of this name: copied into a.
 */
const char *const *failure_field_list(struct arena *a,
    const struct failure_fields *f, const char *name, size_t *count);

/*
 * Seconds UTC of a date as mail has it (RFC 5322, 3.3, with comments, old
 * forms and the slips of reporters) or of ISO 8601; without a zone it is UTC.
 * 0 or -1.
 */
int failure_date_parse(const char *text, int64_t *at);

#endif
