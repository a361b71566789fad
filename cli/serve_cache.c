/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_cache.c - answers that were made, for as long as the database is the
 * same: what is written goes to the file or to its journal, and either shows.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clock.h"

#include "cli/serve_cache.h"

#define ENTRIES 16
#define AGE_MS (60 * 1000) /* ages of reports go on without a write */
#define BYTES_MAX ((size_t)8 * 1024 * 1024) /* larger ones are not kept */

/* What tells one state of the database from the next. */
struct state {
	struct timespec file, journal;
	off_t file_size, journal_size;
	ino_t inode;
};

struct entry {
	char *key; /* NULL: free */
	struct buf answer;
	struct state state;
	int64_t made_ms, used_ms;
};

struct serve_cache {
	pthread_mutex_t lock;
	char *path, *journal;
	struct entry entries[ENTRIES]; /* under lock */
};

struct serve_cache *
serve_cache_new(const char *path)
{
	struct serve_cache *cache = xcalloc(1, sizeof(*cache));

	pthread_mutex_init(&cache->lock, NULL);
	cache->path = xstrdup(path);
	cache->journal = xasprintf("%s-wal", path);
	return cache;
}

static void
forget(struct entry *entry)
{
	free(entry->key);
	entry->key = NULL;
	buf_clear(&entry->answer);
}

void
serve_cache_free(struct serve_cache **cache)
{
	size_t i;

	if (*cache == NULL)
		return;
	for (i = 0; i < ENTRIES; i++)
		if ((*cache)->entries[i].key != NULL)
			forget(&(*cache)->entries[i]);
	pthread_mutex_destroy(&(*cache)->lock);
	free((*cache)->path);
	free((*cache)->journal);
	free(*cache);
	*cache = NULL;
}

static struct state
state_of(const struct serve_cache *cache)
{
	struct state state;
	struct stat st;

	memset(&state, 0, sizeof(state)); /* compared as bytes */
	if (stat(cache->path, &st) == 0) {
		state.file = st.st_mtim;
		state.file_size = st.st_size;
		state.inode = st.st_ino;
	}
	if (stat(cache->journal, &st) == 0) {
		state.journal = st.st_mtim;
		state.journal_size = st.st_size;
	}
	return state;
}

/* The entry of this key, else the one that was not used for the longest. */
static struct entry *
entry_of(struct serve_cache *cache, const char *key)
{
	struct entry *oldest = &cache->entries[0];
	size_t i;

	for (i = 0; i < ENTRIES; i++) {
		struct entry *entry = &cache->entries[i];

		if (entry->key != NULL && strcmp(entry->key, key) == 0)
			return entry;
		if (oldest->key != NULL &&
		    (entry->key == NULL || entry->used_ms < oldest->used_ms))
			oldest = entry;
	}
	return oldest;
}

static bool
is_fresh(const struct entry *entry, const char *key, const struct state *now)
{
	return entry->key != NULL && strcmp(entry->key, key) == 0 &&
	       clock_mono_ms() - entry->made_ms < AGE_MS &&
	       memcmp(&entry->state, now, sizeof(*now)) == 0;
}

static int
make_entry(struct entry *entry, const char *key, const struct state *now,
    struct buf *out, int (*make)(void *arg, struct buf *out), void *arg)
{
	struct err ignored; /* it fits: its size is known */
	int rc = make(arg, out);

	if (rc != 0 || out->len > BYTES_MAX)
		return rc;
	if (entry->key != NULL)
		forget(entry);
	buf_init(&entry->answer, BYTES_MAX);
	(void)buf_add(&entry->answer, out->data, out->len, &ignored);
	entry->key = xstrdup(key);
	entry->state = *now; /* from before it was read: never too new */
	entry->made_ms = entry->used_ms = clock_mono_ms();
	return 0;
}

int
serve_cache_get(struct serve_cache *cache, const char *key, struct buf *out,
    int (*make)(void *arg, struct buf *out), void *arg)
{
	struct state now;
	struct entry *entry;
	struct err ignored;
	int rc = 0;

	pthread_mutex_lock(&cache->lock);
	now = state_of(cache);
	entry = entry_of(cache, key);
	if (is_fresh(entry, key, &now)) {
		entry->used_ms = clock_mono_ms();
		(void)buf_add(
		    out, entry->answer.data, entry->answer.len, &ignored);
	} else {
		rc = make_entry(entry, key, &now, out, make, arg);
	}
	pthread_mutex_unlock(&cache->lock);
	return rc;
}
