/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - strangers' bytes as text that JSON and SQLite can hold.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

#include "common/base/arena.h"

/*
 * A copy in a: a byte that is no UTF-8, and NUL, become U+FFFD. NULL gives
 * NULL.
 */
char *utf8_copy(struct arena *a, const char *p, size_t len);

/* The longest start of p that is at most max bytes and cuts no character. */
size_t utf8_cut(const char *p, size_t len, size_t max);

#endif
