/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outside.h - what stands in a multipart before its first part and behind its
 * last one. For common/message only.
 */
#ifndef MESSAGE_OUTSIDE_H
#define MESSAGE_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Might it be a part that a broken boundary has left out, and not a word for
 * old readers or the footer of a list? len bytes at p; p may be NULL.
 */
bool outside_may_be_part(const char *p, size_t len);

#endif
