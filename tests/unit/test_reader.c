/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reader.c - streams in pieces of every size, looked at ahead or not.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/reader.h"
#include "tests/unit/unit.h"

/* Gives at most step bytes a call, and fails when fail_at is reached. */
struct dripping {
	struct reader reader;
	const char *p; /* borrowed */
	size_t len, at, step, fail_at;
	bool *closed; /* foreign */
};

static ssize_t
drip(struct reader *r, void *p, size_t len, struct err *e)
{
	struct dripping *d = (struct dripping *)r;
	size_t n = d->len - d->at;

	if (d->at >= d->fail_at)
		return err_set(e, ERR_TEMP, "planned");
	if (n > len)
		n = len;
	if (n > d->step)
		n = d->step;
	memcpy(p, d->p + d->at, n);
	d->at += n;
	return (ssize_t)n;
}

static void
drip_close(struct reader *r)
{
	*((struct dripping *)r)->closed = true;
	free(r);
}

static struct reader *
dripping_new(
    const char *p, size_t len, size_t step, size_t fail_at, bool *closed)
{
	struct dripping *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	*d = (struct dripping){ { drip, drip_close }, p, len, 0, step, fail_at,
		closed };
	*closed = false;
	return &d->reader;
}

static const struct peek_case {
	const char *name;
	size_t len;    /* of the stream */
	size_t step;   /* what one inner read gives at most */
	size_t ask;    /* what one outer read asks for */
	size_t before; /* bytes read before the first look */
} peek_cases[] = {
	{ "nothing", 0, 1, 10, 0 },
	{ "one byte", 1, 1, 1, 0 },
	{ "drop by drop", 5000, 1, 1, 0 },
	{ "less than the window", READER_PEEK_MAX - 1, 100, 333, 0 },
	{ "the window", READER_PEEK_MAX, 1000, 4096, 0 },
	{ "the window and one", READER_PEEK_MAX + 1, 1000, 5000, 0 },
	{ "much more", 100000, 777, 1234, 0 },
	{ "a look after a start", 100000, 777, 1234, 10 },
	{ "a look after the end", 10, 777, 1234, 10 },
};

static void
peek_row(void **state)
{
	const struct peek_case *c = *state;
	char *in = malloc(c->len + 1), *out = malloc(c->len + c->ask + 1);
	size_t used = 0, i, window;
	struct err e = { 0 };
	struct reader *r;
	const char *head;
	bool closed;
	ssize_t n;

	assert_true(in != NULL && out != NULL);
	for (i = 0; i < c->len; i++)
		in[i] = (char)(i * 31 + i / 256);
	r = reader_peeking(
	    dripping_new(in, c->len, c->step, SIZE_MAX, &closed));
	if (c->before > 0) {
		n = reader_read_full(r, out, c->before, &e);
		assert_int_equal(n, c->before);
		used = c->before;
	}
	window = c->len - used;
	if (window > READER_PEEK_MAX)
		window = READER_PEEK_MAX;
	for (i = 0; i < 2; i++) { /* a look takes nothing */
		n = reader_peek(r, &head, &e);
		assert_int_equal(n, window);
		assert_memory_equal(head, in + used, window);
	}
	while ((n = reader_read(r, out + used, c->ask, &e)) > 0) {
		used += (size_t)n;
		assert_true(used <= c->len);
	}
	assert_int_equal(n, 0);
	assert_int_equal(used, c->len);
	assert_memory_equal(in, out, c->len);
	reader_close(&r);
	assert_null(r);
	assert_true(closed);
	reader_close(&r);
	free(in);
	free(out);
}

static void
failure_comes_through(void **state)
{
	char bytes[100] = { 0 }, out[200];
	struct err e = { 0 };
	struct reader *r;
	const char *head;
	bool closed;

	(void)state;
	r = reader_peeking(dripping_new(bytes, 100, 10, 50, &closed));
	assert_int_equal(reader_peek(r, &head, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	reader_close(&r);
	assert_true(closed);
	r = dripping_new(bytes, 100, 10, 50, &closed);
	assert_int_equal(reader_read_full(r, out, 200, &e), -1);
	reader_close(&r);
	assert_true(closed);
}

static void
bytes_in_memory(void **state)
{
	char out[8] = "";
	struct err e = { 0 };
	struct reader *r = reader_of_bytes("abcdef", 6);

	(void)state;
	assert_int_equal(reader_read(r, out, 4, &e), 4);
	assert_int_equal(reader_read_full(r, out + 4, 4, &e), 2);
	assert_string_equal(out, "abcdef");
	assert_int_equal(reader_read(r, out, 4, &e), 0);
	reader_close(&r);
}

int
main(void)
{
	struct unit u = { .count = 0 };

	UNIT_ROWS(&u, peek_cases, peek_row);
	UNIT_ONE(&u, failure_comes_through);
	UNIT_ONE(&u, bytes_in_memory);
	return unit_run("reader", &u);
}
