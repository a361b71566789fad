/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spill.c - bytes that live in memory while they are few and in an unlinked
 * file when they are many.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/spill.h"
#include "common/base/text.h"

#define TAIL_BYTES (64 * 1024) /* gathered before a write to the file */

struct spill_pool {
	char *temp_path; /* owned */
	uint64_t limit_bytes;
	pthread_mutex_t lock;
	uint64_t used; /* under lock */
};

struct spill_pool *
spill_pool_new(const char *temp_path, uint64_t limit_bytes)
{
	struct spill_pool *pool = xcalloc(1, sizeof(*pool));

	pool->temp_path = xstrdup(temp_path);
	pool->limit_bytes = limit_bytes;
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

uint64_t
spill_pool_used(struct spill_pool *pool)
{
	uint64_t used;

	pthread_mutex_lock(&pool->lock);
	used = pool->used;
	pthread_mutex_unlock(&pool->lock);
	return used;
}

void
spill_pool_free(struct spill_pool **pool)
{
	if (*pool == NULL)
		return;
	pthread_mutex_destroy(&(*pool)->lock);
	free((*pool)->temp_path);
	free(*pool);
	*pool = NULL;
}

static int
pool_take(struct spill_pool *pool, uint64_t bytes, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&pool->lock);
	if (bytes > pool->limit_bytes - pool->used)
		rc = -1;
	else
		pool->used += bytes;
	pthread_mutex_unlock(&pool->lock);
	if (rc < 0)
		return err_set(e, ERR_FULL,
		    "temporary files hold %llu bytes already",
		    (unsigned long long)pool->limit_bytes);
	return 0;
}

static void
pool_give(struct spill_pool *pool, uint64_t bytes)
{
	pthread_mutex_lock(&pool->lock);
	pool->used -= bytes;
	pthread_mutex_unlock(&pool->lock);
}

void
spill_init(struct spill *s, struct spill_pool *pool, size_t memory_max)
{
	*s = (struct spill){ .pool = pool, .memory_max = memory_max, .fd = -1 };
	buf_init(&s->memory, memory_max > TAIL_BYTES ? memory_max : TAIL_BYTES);
}

void
spill_of_file(struct spill *s, struct spill_pool *pool, int fd, uint64_t size)
{
	*s = (struct spill){
		.pool = pool, .fd = fd, .is_borrowed = true, .written = size
	};
	buf_init(&s->memory, TAIL_BYTES);
}

/* A file that no name leads to: it ends with the process, whatever happens. */
static int
unlinked_file(const char *folder, struct err *e)
{
	char *name;
	int fd;

	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	name = xasprintf("%s/intake.XXXXXX", folder);
	if ((fd = mkostemp(name, O_CLOEXEC)) >= 0)
		(void)unlink(name);
	else
		err_set_errno(e, "temporary file below %s", folder);
	free(name);
	return fd;
}

static int
write_all(int fd, uint64_t at, const char *p, size_t len, struct err *e)
{
	ssize_t n;

	while (len > 0) {
		if ((n = pwrite(fd, p, len, (off_t)at)) < 0) {
			if (errno == EINTR)
				continue;
			return err_set_errno(e, "temporary file");
		}
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* The memory goes to the file, which is made when there is none yet. */
static int
flush(struct spill *s, struct err *e)
{
	size_t len = s->memory.len;

	if (s->fd < 0 && (s->fd = unlinked_file(s->pool->temp_path, e)) < 0)
		return -1;
	if (pool_take(s->pool, len, e) < 0)
		return -1;
	if (write_all(s->fd, s->written, s->memory.data, len, e) < 0) {
		pool_give(s->pool, len);
		return -1;
	}
	s->written += len;
	buf_reset(&s->memory);
	return 0;
}

int
spill_add(struct spill *s, const void *p, size_t len, struct err *e)
{
	size_t limit = s->fd < 0 ? s->memory_max : TAIL_BYTES;
	size_t room;

	while (len > limit - s->memory.len) {
		room = limit - s->memory.len;
		if (room > 0 && buf_add(&s->memory, p, room, e) < 0)
			return -1;
		p = (const char *)p + room;
		len -= room;
		if (flush(s, e) < 0)
			return -1;
		limit = TAIL_BYTES;
	}
	return buf_add(&s->memory, p, len, e);
}

uint64_t
spill_size(const struct spill *s)
{
	return s->written + s->memory.len;
}

int
spill_finish(
    struct spill *s, const void **p, size_t *len, int *fd, struct err *e)
{
	if (s->fd >= 0 && s->memory.len > 0 && flush(s, e) < 0)
		return -1;
	*fd = s->fd;
	*p = s->fd < 0 ? s->memory.data : NULL;
	*len = s->memory.len;
	return 0;
}

int
spill_fill(struct spill *s, struct reader *in, struct err *e)
{
	char chunk[16 * 1024];
	const void *p;
	ssize_t n;
	size_t len;
	int fd;

	while ((n = reader_read(in, chunk, sizeof(chunk), e)) > 0)
		if (spill_add(s, chunk, (size_t)n, e) < 0)
			return -1;
	return n < 0 ? -1 : spill_finish(s, &p, &len, &fd, e);
}

ssize_t
spill_read(struct spill *s, uint64_t at, void *p, size_t len, struct err *e)
{
	ssize_t n;

	if (s->fd < 0) {
		if (at >= s->memory.len)
			return 0;
		if (len > s->memory.len - at)
			len = s->memory.len - (size_t)at;
		memcpy(p, s->memory.data + at, len);
		return (ssize_t)len;
	}
	do {
		n = pread(s->fd, p, len, (off_t)at);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? err_set_errno(e, "temporary file") : n;
}

int
spill_sha256(struct spill *s, char out[SHA256_HEX_SIZE], struct err *e)
{
	unsigned char digest[SHA256_BYTES];
	struct sha256 *hash = sha256_new();
	char *chunk = NULL;
	uint64_t at = 0;
	ssize_t n = 0;

	if (s->fd < 0) {
		sha256_add(hash, s->memory.data, s->memory.len);
	} else {
		chunk = xmalloc(TAIL_BYTES);
		while ((n = spill_read(s, at, chunk, TAIL_BYTES, e)) > 0) {
			sha256_add(hash, chunk, (size_t)n);
			at += (uint64_t)n;
		}
	}
	sha256_end(hash, digest);
	text_hex(digest, sizeof(digest), out);
	sha256_free(&hash);
	free(chunk);
	return n < 0 ? -1 : 0;
}

struct spill_stream {
	struct reader reader;
	struct spill *spill; /* foreign */
	uint64_t at;
};

static ssize_t
stream_read(struct reader *r, void *p, size_t len, struct err *e)
{
	struct spill_stream *st = (struct spill_stream *)r;
	ssize_t n = spill_read(st->spill, st->at, p, len, e);

	if (n > 0)
		st->at += (uint64_t)n;
	return n;
}

static void
stream_close(struct reader *r)
{
	free(r);
}

struct reader *
spill_reader(struct spill *s)
{
	struct spill_stream *st = xcalloc(1, sizeof(*st));

	st->reader.read = stream_read;
	st->reader.close = stream_close;
	st->spill = s;
	return &st->reader;
}

void
spill_clear(struct spill *s)
{
	if (s->fd >= 0 && !s->is_borrowed) {
		(void)close(s->fd);
		pool_give(s->pool, s->written);
	}
	buf_clear(&s->memory);
	s->fd = -1;
	s->is_borrowed = false;
	s->written = 0;
}
