/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part_content.h - the bytes of one MIME part. For common/message only.
 */
#ifndef MESSAGE_PART_CONTENT_H
#define MESSAGE_PART_CONTENT_H

#include <gmime/gmime.h>

#include "common/base/buf.h"
#include "common/base/reader.h"
#include "common/message/part.h"

/*
 * The part's bytes, decoded; owned by the caller, and the part must outlive
 * them. *about (foreign, until they are read) is filled as far as that tells.
 * NULL when it has none.
 */
struct reader *part_content(GMimePart *part, struct part *about);

/* The same for bytes as they stand in the mail, in none of the encodings that
 * GMime decodes. */
struct reader *part_of_bytes(const struct bytes *bytes,
    GMimeContentEncoding encoding, struct part *about);

#endif
