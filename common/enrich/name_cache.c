/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_cache.c - a hash table of addresses with a maximum. Settled entries
 * stand in the order of their use.
 */
#include <stdlib.h>
#include <sys/random.h>

#include "common/base/buf.h"
#include "common/enrich/name_cache.h"

#define BUCKETS_MAX ((size_t)1 << 20)

LIST_HEAD(name_bucket, name_entry);

struct name_cache {
	struct name_bucket *buckets;
	size_t mask, count, max;
	uint64_t seed;
	struct name_queue settled; /* longest unused first */
};

struct name_cache *
name_cache_new(size_t max)
{
	struct name_cache *c = xcalloc(1, sizeof(*c));
	size_t buckets = 1;

	while (buckets < max && buckets < BUCKETS_MAX)
		buckets *= 2;
	c->buckets = xcalloc(buckets, sizeof(*c->buckets));
	c->mask = buckets - 1;
	c->max = max;
	/* a seed that is not random is slower at worst */
	(void)!getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK);
	TAILQ_INIT(&c->settled);
	return c;
}

static struct name_bucket *
bucket_of(const struct name_cache *c, const struct address *a)
{
	return &c->buckets[address_hash(a, c->seed) & c->mask];
}

struct name_entry *
name_cache_find(struct name_cache *c, const struct address *a)
{
	struct name_entry *entry;

	LIST_FOREACH(entry, bucket_of(c, a), bucket)
	if (address_equal(&entry->address, a))
		return entry;
	return NULL;
}

static void
entry_free(struct name_cache *c, struct name_entry *entry)
{
	LIST_REMOVE(entry, bucket);
	c->count--;
	free(entry->name);
	free(entry);
}

struct name_entry *
name_cache_add(struct name_cache *c, const struct address *a)
{
	struct name_entry *entry;

	if (c->count == c->max) {
		if ((entry = TAILQ_FIRST(&c->settled)) == NULL)
			return NULL;
		TAILQ_REMOVE(&c->settled, entry, link);
		entry_free(c, entry);
	}
	entry = xcalloc(1, sizeof(*entry));
	entry->address = *a;
	entry->confirmed = -1;
	LIST_INIT(&entry->waiters);
	LIST_INSERT_HEAD(bucket_of(c, a), entry, bucket);
	c->count++;
	return entry;
}

void
name_cache_pend(struct name_cache *c, struct name_entry *entry)
{
	if (entry->state == NAME_SETTLED)
		TAILQ_REMOVE(&c->settled, entry, link);
	entry->state = NAME_PENDING;
}

void
name_cache_settle(
    struct name_cache *c, struct name_entry *entry, int64_t expires_ms)
{
	entry->state = NAME_SETTLED;
	entry->expires_ms = expires_ms;
	TAILQ_INSERT_TAIL(&c->settled, entry, link);
}

void
name_cache_touch(struct name_cache *c, struct name_entry *entry)
{
	if (entry->state != NAME_SETTLED)
		return;
	TAILQ_REMOVE(&c->settled, entry, link);
	TAILQ_INSERT_TAIL(&c->settled, entry, link);
}

size_t
name_cache_count(const struct name_cache *c)
{
	return c->count;
}

void
name_cache_free(struct name_cache **c)
{
	struct name_entry *entry;
	size_t i;

	if (*c == NULL)
		return;
	for (i = 0; i <= (*c)->mask; i++)
		while ((entry = LIST_FIRST(&(*c)->buckets[i])) != NULL)
			entry_free(*c, entry);
	free((*c)->buckets);
	free(*c);
	*c = NULL;
}
