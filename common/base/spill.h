/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spill.h - bytes that live in memory while they are few and in an unlinked
 * file when they are many. All files of a process together have a limit.
 */
#ifndef BASE_SPILL_H
#define BASE_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/reader.h"
#include "common/base/sha256.h"

struct spill_pool; /* thread-safe */

/* Files go below temp_path and hold at most limit_bytes together. */
struct spill_pool *spill_pool_new(const char *temp_path, uint64_t limit_bytes);
/* Bytes in files now. */
uint64_t spill_pool_used(struct spill_pool *pool);
/* Takes NULL; leaves NULL. Every spill must be cleared before. */
void spill_pool_free(struct spill_pool **pool);

/* One spill belongs to one thread at a time. */
struct spill {
	struct spill_pool *pool; /* foreign */
	struct buf memory;       /* until it is full, or the tail not written */
	size_t memory_max;
	int fd;           /* -1: all is in memory */
	bool is_borrowed; /* fd is somebody else's: spill_of_file */
	uint64_t written; /* bytes in the file */
};

/* Start empty: up to memory_max bytes stay in memory. */
void spill_init(struct spill *s, struct spill_pool *pool, size_t memory_max);

/*
 * The bytes of fd (foreign until spill_clear), size of them; read only. The
 * pool is for what is made of them.
 */
void spill_of_file(
    struct spill *s, struct spill_pool *pool, int fd, uint64_t size);

/* Append. ERR_FULL: the disk or the pool is full; ERR_TEMP: an I/O error. */
int spill_add(struct spill *s, const void *p, size_t len, struct err *e);

uint64_t spill_size(const struct spill *s);

/*
 * Bring everything to one place, after the last spill_add: either *p and
 * *len are the bytes in memory (borrowed until spill_clear) and *fd is -1, or
 * *fd is the file (foreign: dup it to keep it).
 */
int spill_finish(
    struct spill *s, const void **p, size_t *len, int *fd, struct err *e);

/* Append all that in has, and spill_finish. */
int spill_fill(struct spill *s, struct reader *in, struct err *e);

/* Bytes from offset at; 0 at the end. Only after spill_finish. */
ssize_t spill_read(
    struct spill *s, uint64_t at, void *p, size_t len, struct err *e);

/* SHA-256 of all the bytes, hex. Only after spill_finish. */
int spill_sha256(struct spill *s, char out[SHA256_HEX_SIZE], struct err *e);

/* A reader from the start. Only after spill_finish; s must outlive it. */
struct reader *spill_reader(struct spill *s);

/* Everything is gone; the spill can be used again. */
void spill_clear(struct spill *s);

#endif
