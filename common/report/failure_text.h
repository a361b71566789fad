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
 * How the names of header fields become keys: in a document a dot would make
 * an object of it, and some dots an error, so that it is an underscore there.
 */
enum failure_keys { FAILURE_KEYS_AS_NAMES, FAILURE_KEYS_WITHOUT_DOTS };

/* Has a field before this one the same key? Then it was written with that. */
bool failure_header_is_repeated(
    const struct sample *s, size_t i, enum failure_keys keys);

/* The values of field i and of all later ones of its key: a text, or a list. */
void failure_header_values(
    struct json *j, const struct sample *s, size_t i, enum failure_keys keys);

/* Can the name be a key of JSON as it is? Others are left out. */
bool failure_header_is_key(const struct header_field *h);

#endif
