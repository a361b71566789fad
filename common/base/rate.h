/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.h - so many an hour for each of many names: a bucket of tokens each,
 * which is full after an hour of silence.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate; /* thread-safe */

/*
 * At most so many buckets. Where one more is needed, the one that is nearest
 * to full is given up: it loses least, since a new one is full.
 */
struct rate *rate_new(size_t buckets);

/*
 * One of name comes: is it among the first per_hour (more than 0) of an hour?
 * If not, it does not count. now_ms: clock_mono_ms().
 */
bool rate_take(
    struct rate *r, const char *name, uint64_t per_hour, int64_t now_ms);

/* Takes NULL; leaves NULL. */
void rate_free(struct rate **r);

#endif
