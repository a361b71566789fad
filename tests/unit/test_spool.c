/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_spool.c - frames come out as they went in, whole and in order, out of
 * memory and out of a file, wherever the window of the reader ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/report/spool.h"
#include "tests/unit/material.h"
#include "tests/unit/unit.h"

#define WINDOW (256 * 1024) /* spool.c reads so much at once */

static char folder[] = "/tmp/test_spool.XXXXXX";
static unsigned char pattern[SPOOL_FRAME_MAX + 4096];

static const struct spool_case {
	const char *name;
	size_t memory_max;
	size_t len; /* of a frame; it grows by step */
	size_t step;
	size_t count;
	bool in_file;
} spool_cases[] = {
	{ "no frame", 1000, 0, 0, 0, false },
	{ "no frame, no memory", 0, 0, 0, 0, false },
	{ "empty frames", 1000, 0, 0, 100, false },
	{ "empty frames in a file", 100, 0, 0, 100, true },
	{ "one, memory to the byte", 104, 100, 0, 1, false },
	{ "one, one byte past memory", 103, 100, 0, 1, true },
	{ "prefix across the boundary", 206, 100, 0, 2, true },
	{ "frame across the boundary", 150, 100, 0, 2, true },
	{ "no memory at all", 0, 1, 0, 1, true },
	{ "many small ones in memory", 4 << 20, 30, 0, 50000, false },
	{ "many small ones in a file", 1000, 30, 0, 50000, true },
	{ "growing", 1000, 0, 7, 1500, true },
	{ "a window to the byte", 0, WINDOW - 4, 0, 4, true },
	{ "a prefix cut 1 by the window", 0, WINDOW - 5, 0, 4, true },
	{ "a prefix cut 2 by the window", 0, WINDOW - 6, 0, 4, true },
	{ "a prefix cut 3 by the window", 0, WINDOW - 7, 0, 4, true },
	{ "a frame one past the window", 0, WINDOW - 3, 0, 4, true },
	{ "the largest", 0, SPOOL_FRAME_MAX, 0, 5, true },
	{ "the largest in memory", 8 << 20, SPOOL_FRAME_MAX, 0, 5, false },
	{ "up to the largest", 0, SPOOL_FRAME_MAX - 4000, 1000, 5, true },
};

static const unsigned char *
frame_bytes(size_t i)
{
	return pattern + i % 4001;
}

static void
check_all(struct spool *s, const struct spool_case *c)
{
	struct err e = { 0 };
	struct bytes frame;
	size_t i;

	for (i = 0; i < c->count; i++) {
		assert_int_equal(spool_next(s, &frame, &e), 1);
		assert_int_equal(frame.len, c->len + i * c->step);
		assert_memory_equal(frame.data, frame_bytes(i), frame.len);
	}
	assert_int_equal(spool_next(s, &frame, &e), 0);
	assert_int_equal(spool_next(s, &frame, &e), 0);
}

static void
spool_row(void **state)
{
	const struct spool_case *c = *state;
	struct spill_pool *pool = spill_pool_new(folder, 64 << 20);
	struct err e = { 0 };
	struct bytes frame;
	struct spool s;
	size_t i;

	spool_init(&s, pool, c->memory_max);
	for (i = 0; i < c->count; i++)
		assert_int_equal(
		    spool_add(&s, frame_bytes(i), c->len + i * c->step, &e), 0);
	assert_int_equal(spool_rewind(&s, &e), 0);
	assert_int_equal(spill_pool_used(pool) > 0, c->in_file);
	check_all(&s, c);
	assert_int_equal(spool_rewind(&s, &e), 0);
	if (c->count > 1) /* in the middle is a place to start over too */
		assert_int_equal(spool_next(&s, &frame, &e), 1);
	assert_int_equal(spool_rewind(&s, &e), 0);
	check_all(&s, c);
	spool_clear(&s);
	assert_int_equal(spill_pool_used(pool), 0);
	spill_pool_free(&pool);
}

static void
too_large_a_frame(void **state)
{
	struct spill_pool *pool = spill_pool_new(folder, 64 << 20);
	struct err e = { 0 };
	struct bytes frame;
	struct spool s;

	(void)state;
	spool_init(&s, pool, 0);
	assert_int_equal(spool_add(&s, "one", 3, &e), 0);
	assert_int_equal(spool_add(&s, pattern, SPOOL_FRAME_MAX + 1, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(spool_add(&s, "two", 3, &e), 0);
	assert_int_equal(spool_rewind(&s, &e), 0);
	assert_int_equal(spool_next(&s, &frame, &e), 1);
	assert_memory_equal(frame.data, "one", 3);
	assert_int_equal(spool_next(&s, &frame, &e), 1);
	assert_memory_equal(frame.data, "two", 3);
	assert_int_equal(spool_next(&s, &frame, &e), 0);
	spool_clear(&s);
	spill_pool_free(&pool);
}

static void
pool_full(void **state)
{
	struct spill_pool *pool = spill_pool_new(folder, 100000);
	struct err e = { 0 };
	struct spool s;
	int rc = 0;
	size_t i;

	(void)state;
	spool_init(&s, pool, 1000);
	for (i = 0; i < 1000 && rc == 0; i++)
		rc = spool_add(&s, pattern, 1000, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_FULL);
	spool_clear(&s);
	assert_int_equal(spill_pool_used(pool), 0);
	spill_pool_free(&pool);
}

/* What was written and cannot be read again is no shorter report. */
static void
file_cut_short(void **state)
{
	struct spill_pool *pool = spill_pool_new(folder, 64 << 20);
	struct err e = { 0 };
	struct bytes frame;
	struct spool s;
	int rc;

	(void)state;
	spool_init(&s, pool, 0);
	assert_int_equal(spool_add(&s, pattern, 1000, &e), 0);
	assert_int_equal(spool_add(&s, pattern, 1000, &e), 0);
	assert_int_equal(spool_rewind(&s, &e), 0);
	assert_int_equal(ftruncate(s.spill.fd, 1500), 0);
	assert_int_equal(spool_next(&s, &frame, &e), 1);
	assert_int_equal(spool_next(&s, &frame, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	/* at the end of a frame as well */
	assert_int_equal(ftruncate(s.spill.fd, 1004), 0);
	assert_int_equal(spool_rewind(&s, &e), 0);
	assert_int_equal(spool_next(&s, &frame, &e), 1);
	rc = spool_next(&s, &frame, &e);
	assert_int_equal(rc, -1);
	spool_clear(&s);
	spill_pool_free(&pool);
}

int
main(void)
{
	struct unit u = { .count = 0 };
	size_t i;
	int rc;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 131 + i / 255);
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		return 1;
	}
	UNIT_ROWS(&u, spool_cases, spool_row);
	UNIT_ONE(&u, too_large_a_frame);
	UNIT_ONE(&u, pool_full);
	UNIT_ONE(&u, file_cut_short);
	rc = unit_run("spool", &u);
	if (rmdir(folder) < 0) {
		perror(folder);
		return 1;
	}
	return rc;
}
