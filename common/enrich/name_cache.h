/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_cache.h - what the DNS said of addresses, good and bad, for a while.
 * Only a table: whoever uses it holds the lock (resolver.c).
 */
#ifndef ENRICH_NAME_CACHE_H
#define ENRICH_NAME_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/enrich/address.h"

enum name_state {
	NAME_NEW,     /* nobody was asked yet */
	NAME_PENDING, /* somebody is being asked */
	NAME_SETTLED, /* until expires_ms; no name: there is none */
};

struct name_entry {
	LIST_ENTRY(name_entry) bucket;
	TAILQ_ENTRY(name_entry) link; /* settled: by age; pending: a queue */
	LIST_HEAD(, name_waiter) waiters; /* of a pending one */
	struct address address;
	enum name_state state;
	bool is_queued;     /* pending, and in one of the resolver's queues */
	bool in_background; /* which of them */
	int confirmed;      /* 1 its name leads back to it, 0 not, -1 ? */
	int64_t expires_ms; /* monotonic */
	char *name;         /* owned; of before while it is pending */
};
TAILQ_HEAD(name_queue, name_entry);

struct name_cache;

struct name_cache *name_cache_new(size_t max);
struct name_entry *name_cache_find(
    struct name_cache *c, const struct address *a);
/*
 * A new entry for an address that has none. The settled one that was longest
 * unused makes room; NULL when all are pending.
 */
struct name_entry *name_cache_add(
    struct name_cache *c, const struct address *a);
/* It is asked for: it will not be dropped until it is settled. */
void name_cache_pend(struct name_cache *c, struct name_entry *entry);
void name_cache_settle(
    struct name_cache *c, struct name_entry *entry, int64_t expires_ms);
/* It was of use just now. */
void name_cache_touch(struct name_cache *c, struct name_entry *entry);
size_t name_cache_count(const struct name_cache *c);
/* Takes NULL; leaves NULL. */
void name_cache_free(struct name_cache **c);

#endif
