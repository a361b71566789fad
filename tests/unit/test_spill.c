/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_spill.c - bytes come back the same from memory and from a file, at
 * every boundary, and a full disk loses and doubles none.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/spill.h"
#include "tests/unit/unit.h"

#define TAIL (64 * 1024)

static char folder[] = "/tmp/test_spill.XXXXXX";
static char pattern[1024 * 1024];

static const struct size_case {
	const char *name;
	size_t memory_max;
	size_t piece; /* added at a time */
	size_t total;
	bool in_file;
} size_cases[] = {
	{ "nothing", 1000, 1, 0, false },
	{ "nothing, no memory", 0, 1, 0, false },
	{ "one byte, no memory", 0, 1, 1, true },
	{ "just below", 1000, 1, 999, false },
	{ "to the byte", 1000, 7, 1000, false },
	{ "one past", 1000, 7, 1001, true },
	{ "to the byte at once", 1000, 1000, 1000, false },
	{ "one past at once", 1000, 1001, 1001, true },
	{ "far past at once", 1000, 500000, 500000, true },
	{ "tail to the byte", 10, 4096, 10 + TAIL, true },
	{ "tail and one", 10, 4096, 10 + TAIL + 1, true },
	{ "two tails", 10, 4096, 10 + 2 * TAIL, true },
	{ "more memory than a tail", 200000, 9999, 200000, false },
	{ "more memory than a tail, past it", 200000, 9999, 200001, true },
	{ "odd pieces", 12345, 777, 1024 * 1024, true },
};

static void
add_pattern(struct spill *s, size_t from, size_t total, size_t piece)
{
	struct err e = { 0 };
	size_t n;

	for (; from < total; from += n) {
		n = total - from < piece ? total - from : piece;
		if (spill_add(s, pattern + from, n, &e) < 0)
			fail_msg("%s", e.text);
	}
}

/* All of it, by place and by stream. */
static void
check_pattern(struct spill *s, size_t total)
{
	struct err e = { 0 };
	struct reader *r;
	char out[5000];
	size_t at = 0;
	ssize_t n;

	assert_int_equal(spill_size(s), total);
	while ((n = spill_read(s, at, out, 4097, &e)) > 0) {
		assert_true(at + (size_t)n <= total);
		assert_memory_equal(out, pattern + at, n);
		at += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(at, total);
	r = spill_reader(s);
	for (at = 0; (n = reader_read(r, out, sizeof(out), &e)) > 0;
	     at += (size_t)n)
		assert_memory_equal(out, pattern + at, n);
	assert_int_equal(at, total);
	reader_close(&r);
	assert_int_equal(spill_read(s, total + 5, out, 10, &e), 0);
}

static void
size_row(void **state)
{
	const struct size_case *c = *state;
	struct spill_pool *pool = spill_pool_new(folder, 10 << 20);
	struct err e = { 0 };
	struct spill s;
	const void *p;
	size_t len, round;
	int fd;

	spill_init(&s, pool, c->memory_max);
	for (round = 0; round < 2; round++) { /* a cleared one is as new */
		add_pattern(&s, 0, c->total, c->piece);
		assert_int_equal(spill_size(&s), c->total);
		assert_int_equal(spill_finish(&s, &p, &len, &fd, &e), 0);
		if (c->in_file) {
			assert_true(fd >= 0);
			assert_null(p);
			assert_int_equal(spill_pool_used(pool), c->total);
		} else {
			assert_int_equal(fd, -1);
			assert_int_equal(len, c->total);
			assert_int_equal(spill_pool_used(pool), 0);
		}
		check_pattern(&s, c->total);
		assert_int_equal(spill_finish(&s, &p, &len, &fd, &e), 0);
		check_pattern(&s, c->total);
		spill_clear(&s);
		assert_int_equal(spill_pool_used(pool), 0);
		assert_int_equal(spill_size(&s), 0);
	}
	spill_pool_free(&pool);
	assert_null(pool);
}

/* The files together are limited, and what one gives back another may take. */
static void
pool_limit(void **state)
{
	struct spill_pool *pool = spill_pool_new(folder, 100000);
	struct err e = { 0 };
	struct spill one, two;
	const void *p;
	size_t len;
	int fd;

	(void)state;
	spill_init(&one, pool, 10);
	spill_init(&two, pool, 10);
	add_pattern(&one, 0, 60000, 1000);
	assert_int_equal(spill_finish(&one, &p, &len, &fd, &e), 0);
	add_pattern(&two, 0, 40000, 1000);
	assert_int_equal(spill_finish(&two, &p, &len, &fd, &e), 0);
	assert_int_equal(spill_pool_used(pool), 100000);
	assert_int_equal(spill_add(&two, pattern + 40000, 1, &e), 0);
	assert_int_equal(spill_finish(&two, &p, &len, &fd, &e), -1);
	assert_int_equal(e.kind, ERR_FULL);
	assert_int_equal(spill_pool_used(pool), 100000);
	spill_clear(&one);
	assert_int_equal(spill_pool_used(pool), 40000);
	assert_int_equal(spill_finish(&two, &p, &len, &fd, &e), 0);
	check_pattern(&two, 40001);
	spill_clear(&two);
	assert_int_equal(spill_pool_used(pool), 0);
	spill_pool_free(&pool);
}

static void
no_folder(void **state)
{
	struct spill_pool *pool = spill_pool_new("/nonexistent/tmp", 100000);
	struct err e = { 0 };
	struct spill s;

	(void)state;
	spill_init(&s, pool, 10);
	assert_int_equal(spill_add(&s, pattern, 11, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_non_null(strstr(e.text, "/nonexistent/tmp"));
	spill_clear(&s);
	assert_int_equal(spill_pool_used(pool), 0);
	spill_pool_free(&pool);
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/*
 * A write that is cut short by the end of the disk: the error is ERR_FULL,
 * and when there is room again, every byte is there once.
 */
static void
disk_full_then_room_again(void **state)
{
	struct spill_pool *pool = spill_pool_new(folder, 10 << 20);
	struct err e = { 0 };
	struct spill s;
	const void *p;
	size_t len;
	int fd;

	(void)state;
	spill_init(&s, pool, 1000);
	add_pattern(&s, 0, 50000, 1000);
	limit_files(30000);
	assert_int_equal(spill_finish(&s, &p, &len, &fd, &e), -1);
	assert_int_equal(e.kind, ERR_FULL);
	limit_files(RLIM_INFINITY);
	assert_int_equal(spill_finish(&s, &p, &len, &fd, &e), 0);
	assert_int_equal(spill_pool_used(pool), 50000);
	check_pattern(&s, 50000);
	spill_clear(&s);
	assert_int_equal(spill_pool_used(pool), 0);
	spill_pool_free(&pool);
}

static int
setup(void)
{
	size_t i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i * 167 + i / 251);
	/* the limit of a file's size is told by errno then */
	signal(SIGXFSZ, SIG_IGN);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

int
main(void)
{
	struct unit u = { .count = 0 };
	int rc;

	if (setup() < 0) {
		perror(folder);
		return 1;
	}
	UNIT_ROWS(&u, size_cases, size_row);
	UNIT_ONE(&u, pool_limit);
	UNIT_ONE(&u, no_folder);
	UNIT_ONE(&u, disk_full_then_room_again);
	rc = unit_run("spill", &u);
	/* also proves that no file has kept a name */
	if (rmdir(folder) < 0) {
		perror(folder);
		return 1;
	}
	return rc;
}
