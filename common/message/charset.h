/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset.h - text in any charset as UTF-8. For common/message only.
 */
#ifndef MESSAGE_CHARSET_H
#define MESSAGE_CHARSET_H

#include <stdint.h>

#include "common/base/reader.h"

/* What was found, for a note in the report. */
struct charset {
	char name[32];    /* that the text is in; "" is UTF-8 */
	char unknown[32]; /* that it says it is in, and nobody knows */
	uint64_t dropped; /* bytes that are no text in it */
};

/*
 * The text in gives (owned from here on) as UTF-8: by its byte order mark, by
 * what its XML declaration says, or else by declared (NULL: nothing is). *c
 * (foreign) is filled; its names at once. UTF-8 goes through as it is. The
 * reader can be peeked at.
 */
struct reader *charset_reader(
    struct reader *in, const char *declared, struct charset *c);

#endif
