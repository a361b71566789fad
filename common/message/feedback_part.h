/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feedback_part.h - where a mail has feedback about another mail (ARF, RFC
 * 5965), and where that other mail lies. For common/message only.
 */
#ifndef MESSAGE_FEEDBACK_PART_H
#define MESSAGE_FEEDBACK_PART_H

#include <stdbool.h>
#include <gmime/gmime.h>

#include "common/base/reader.h"
#include "common/base/spill.h"

/* Is it a message/feedback-report, or near enough? */
bool feedback_is_part(GMimeObject *object);

/* The mail, or its header, behind that part in multipart; NULL: none. */
GMimeObject *feedback_sample_of(GMimeObject *multipart, GMimeObject *feedback);

/*
 * The bytes of a message/rfc822 part as they are in the mail raw (foreign,
 * must outlive the reader): GMime has taken them apart. NULL: none.
 */
struct reader *feedback_message_reader(
    GMimeObject *sample, GMimeObject *multipart, struct spill *raw);

#endif
