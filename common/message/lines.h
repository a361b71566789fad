/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.h - lines as they were before a relay broke them. For common/message
 * only.
 */
#ifndef MESSAGE_LINES_H
#define MESSAGE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/reader.h"

/*
 * A line that is longer than a relay's limit goes out in pieces, each behind
 * one space (Postfix: smtp_line_length_limit, 998 or once 990 bytes): joined
 * again. in is owned, *joined (foreign) counts.
 */
struct reader *lines_unfold(struct reader *in, uint64_t *joined);

/* Do the lines at p end in CR CR LF? */
bool lines_have_two_crs(const char *p, size_t len);

/* CR CR LF becomes CR LF. in is owned. */
struct reader *lines_with_one_cr(struct reader *in);

#endif
