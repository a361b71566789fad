/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - memory of one message or one job: it all dies together.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "common/base/err.h"

struct arena;

struct arena *arena_new(void);
/* Zeroed and aligned for any type. Never NULL: out of memory ends the process.
 */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *text); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* Everything allocated so far is gone; the first block is kept for reuse. */
void arena_reset(struct arena *a);
/* Bytes handed out since arena_new or arena_reset. */
size_t arena_used(const struct arena *a);
/* Takes NULL; leaves NULL. */
void arena_free(struct arena **a);

#endif
