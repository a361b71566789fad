/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_cache.h - answers that were made, for as long as the database is the
 * same. So many clients cost one reading.
 */
#ifndef CLI_SERVE_CACHE_H
#define CLI_SERVE_CACHE_H

#include <stddef.h>

#include "common/base/buf.h"

struct serve_cache; /* thread-safe */

/* path is of the database. */
struct serve_cache *serve_cache_new(const char *path);
/* Takes NULL; leaves NULL. */
void serve_cache_free(struct serve_cache **cache);

/*
 * The answer for this key, copied into out (empty): one that is there, or what
 * make writes; for one caller at a time, the others wait. 0, or what make
 * returned: that is not kept.
 */
int serve_cache_get(struct serve_cache *cache, const char *key, struct buf *out,
    int (*make)(void *arg, struct buf *out), void *arg);

#endif
