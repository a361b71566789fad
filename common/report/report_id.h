/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_id.h - the ids of reports and records: they follow from what the
 * reporter wrote and from nothing else, so that every copy has the same.
 *
 * id1, for an aggregate report: the key is the SHA-256 of the values "id1",
 * "aggregate", org_name, report_id, domain, begin and end, each as the reporter
 * wrote it (UTF-8, white space at both ends trimmed) with its length before it
 * (4 bytes, big endian; FFFFFFFF and no bytes for what was left out). A
 * record's id is the SHA-256 of the key (32 bytes), the position of the
 * <record> and the UTC day of the slice (both decimal, as such values), and
 * the record's fields (frame.h).
 *
 * id1, for a failure report: key and id are the SHA-256 of the values "id1",
 * "failure", the feedback part, the sample part (each decoded from its content
 * transfer encoding, CRLF as LF; of Exim's text: up to "detected." with the
 * white space behind it, and what follows) and the mail's Message-ID as it
 * stands in the header, trimmed, all with their lengths as above. What of it is
 * stored plays no part.
 *
 * Nothing of this may ever change: a new list would be id2.
 *
 * id1, for an SMTP TLS report, which is its own record: the SHA-256 of the
 * values "id1", "tls", organization-name, report-id, start-datetime and
 * end-datetime (as written, trimmed; what is blank counts as left out) and the
 * canonical form of the JSON object. That is: UTF-8 (each byte that is no
 * character is U+FFFD), nothing between tokens, members sorted by the bytes of
 * their names, the last one of several with a name, in strings \" \\ and
 * \u00xx (lower case) for the control characters and everything else as it is,
 * integers in decimal, other numbers as C's %.17g.
 */
#ifndef REPORT_REPORT_ID_H
#define REPORT_REPORT_ID_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/sha256.h"

/* count values; NULL is one that was left out. */
void report_key(struct sha256 *h, const char *const *values, size_t count,
    unsigned char key[SHA256_BYTES]);

/* One value of a key that is made piece by piece; p NULL: left out. */
void report_key_add(struct sha256 *h, const void *p, size_t len);
/* The same, its bytes added by sha256_add after it. */
void report_key_add_len(struct sha256 *h, uint64_t len);

void record_id(struct sha256 *h, const unsigned char key[SHA256_BYTES],
    uint64_t position, int64_t day, const void *fields, size_t fields_len,
    unsigned char id[SHA256_BYTES]);

#endif
