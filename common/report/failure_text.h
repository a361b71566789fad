/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure_text.h - texts that the document and the report JSON of a failure
 * report share.
 */
#ifndef REPORT_FAILURE_TEXT_H
#define REPORT_FAILURE_TEXT_H

#include <stdbool.h>

#include "common/base/json.h"
#include "common/message/sample.h"

#define SAFE_SUBJECT_SIZE 101 /* 100 bytes, and NUL */

/*
 * A subject as the name of a file: without \ / : " * ? | and line ends, at most
 * 100 bytes, no dot or space at its end. NULL is "None". Returns out.
 */
const char *failure_safe_subject(
    const char *subject, char out[SAFE_SUBJECT_SIZE]);

/*
 * Is there a field of the same name before this one? Then it has been written
 * with that one.
 */
bool failure_header_is_repeated(const struct sample *s, size_t i);

/* The values of field i and of all later ones of its name: a text, or a list.
 */
void failure_header_values(struct json *j, const struct sample *s, size_t i);

/* Can the name be a key of JSON as it is? Others are left out. */
bool failure_header_is_key(const struct header_field *h);

#endif
