/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - rows found by a key of texts, for adding things up.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"

struct tally;

/*
 * Rows of row_size bytes, in a. Keys are strangers': past max rows all that is
 * new shares one row, the one with no key.
 */
struct tally *tally_new(struct arena *a, size_t row_size, size_t max);

/*
 * The row of this key of so many parts, as many each time (NULL is a part of
 * its own); zeroed when it is new. It stays where it is as long as the arena.
 */
void *tally_row(
    struct tally *t, const char *const *parts, size_t count, bool *is_new);

size_t tally_count(const struct tally *t);
/* The rows as one array, in the order in which they came. */
void *tally_rows(const struct tally *t);

#endif
