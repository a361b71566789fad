/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver_internal.h - what resolver.c (who wants to know) and
 * resolver_query.c (who asks) share. For nobody else.
 */
#ifndef ENRICH_RESOLVER_INTERNAL_H
#define ENRICH_RESOLVER_INTERNAL_H

#include <pthread.h>

#include "common/enrich/name_cache.h"
#include "common/enrich/resolver.h"

/* A message that waits for an entry. */
struct name_waiter {
	LIST_ENTRY(name_waiter) of_entry, of_ask;
	struct ask *ask;
	struct name_entry *entry;
};

struct ask {
	struct resolver *resolver;
	LIST_ENTRY(ask) link;
	LIST_HEAD(, name_waiter) waiters; /* for what is pending */
	size_t added;                     /* queries that nobody had in hand */
	pthread_cond_t done;
};

struct resolver {
	const struct conf_enrich *conf; /* foreign */

	pthread_mutex_t lock; /* of all below */
	struct name_cache *cache;
	struct name_queue front, background; /* to be asked for, in order */
	LIST_HEAD(, ask) asks;
	struct resolver_count count;
	unsigned silent;     /* queries in a row that nobody answered */
	int64_t answered_ms; /* when somebody last answered; 0: never */
	int64_t quiet_ms;    /* the first wait without a word since then */
	int64_t probe_ms;    /* when to try a dead one again */
	unsigned in_vain;    /* waits of late that ended before the answers */
	bool is_started, is_closing;
	pthread_t thread;
	int wake; /* eventfd: there is something new to do */

	/* of the thread alone */
	struct ares_channeldata *channel; /* NULL: cannot be opened */
	size_t in_flight;
};

/* resolver_query.c: the thread; p is the resolver. */
void *resolver_thread(void *p);

/* Under the lock. Nobody answers: what waits to be asked is given up. */
void resolver_give_up(struct resolver *r);
/* Under the lock. The entry has its name or will not have one for now. */
void resolver_settle(
    struct resolver *r, struct name_entry *entry, int64_t lifetime_ms);
/* Under the lock. Out of the queue that it is in. */
void resolver_unqueue(struct resolver *r, struct name_entry *entry);

#endif
