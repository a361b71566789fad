/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line_ends.h - a text with line ends of two kinds, with those of one.
 */
#ifndef MESSAGE_LINE_ENDS_H
#define MESSAGE_LINE_ENDS_H

#include "common/base/spill.h"

/*
 * Add all of raw (after spill_finish) to out with LF for each CR LF; a CR that
 * stands alone is left. -1 and *e: ERR_FULL or ERR_TEMP.
 */
int line_ends_unify(struct spill *raw, struct spill *out, struct err *e);

#endif
