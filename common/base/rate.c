/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.c - so many an hour for each of many names.
 * in: a name, the time    out: may it come
 *
 * A bucket is one number: when it will be full again. Each token that is taken
 * moves that on by the time in which one flows in, and it may never be more
 * than an hour ahead. So a reload that changes the rate needs no conversion,
 * and a bucket whose time has passed is as good as none.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/rate.h"
#include "common/base/sha256.h"

#define HOUR_NS (INT64_C(3600) * 1000 * 1000 * 1000)
#define NAME_BYTES 16 /* of its digest: nobody finds two alike */

struct bucket {
	unsigned char name[NAME_BYTES];
	int64_t full_ns;
};

struct rate {
	pthread_mutex_t lock;
	struct sha256 *digest; /* under lock, as all below */
	struct bucket *buckets;
	size_t count, used;
};

struct rate *
rate_new(size_t buckets)
{
	struct rate *r = xcalloc(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	r->digest = sha256_new();
	r->count = buckets;
	r->buckets = xcalloc(buckets, sizeof(*r->buckets));
	return r;
}

/* That of the name, or an empty one in place of the one nearest to full. */
static struct bucket *
bucket_of(struct rate *r, const unsigned char name[NAME_BYTES])
{
	struct bucket *fullest = r->buckets;
	size_t i;

	for (i = 0; i < r->used; i++) {
		if (memcmp(r->buckets[i].name, name, NAME_BYTES) == 0)
			return &r->buckets[i];
		if (r->buckets[i].full_ns < fullest->full_ns)
			fullest = &r->buckets[i];
	}
	if (r->used < r->count)
		fullest = &r->buckets[r->used++];
	memcpy(fullest->name, name, NAME_BYTES);
	fullest->full_ns = 0;
	return fullest;
}

bool
rate_take(struct rate *r, const char *name, uint64_t per_hour, int64_t now_ms)
{
	const int64_t now_ns = now_ms * 1000 * 1000;
	const int64_t token_ns = HOUR_NS / (int64_t)per_hour;
	unsigned char digest[SHA256_BYTES];
	struct bucket *b;
	bool may;

	pthread_mutex_lock(&r->lock);
	sha256_add(r->digest, name, strlen(name));
	sha256_end(r->digest, digest);
	b = bucket_of(r, digest);
	if (b->full_ns < now_ns)
		b->full_ns = now_ns;
	may = b->full_ns - now_ns <= HOUR_NS - token_ns;
	if (may)
		b->full_ns += token_ns;
	pthread_mutex_unlock(&r->lock);
	return may;
}

void
rate_free(struct rate **r)
{
	if (*r == NULL)
		return;
	sha256_free(&(*r)->digest);
	free((*r)->buckets);
	pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}
