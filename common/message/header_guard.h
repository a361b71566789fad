/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_guard.h - header fields that would exhaust the stack of GMime. For
 * common/message only.
 */
#ifndef MESSAGE_HEADER_GUARD_H
#define MESSAGE_HEADER_GUARD_H

#include "common/base/err.h"
#include "common/base/spill.h"

/*
 * GMime 3.2 goes one call deeper for each "name:" in a list of addresses
 * (RFC 5322, 3.4: group), and ends the process where the stack does. 0: raw
 * (after spill_finish) has no such field, in no mail within the mail either.
 * -1: ERR_LIMIT, or it cannot be read.
 */
int header_guard(struct spill *raw, struct err *e);

#endif
