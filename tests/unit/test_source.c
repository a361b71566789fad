/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_source.c - mails out of files, mboxes, Maildirs and folders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/source.h"

#define LIMIT 200000 /* of a mail */

struct fixture {
	char folder[64];
	struct conf_limits limits;
	struct spill_pool *pool;
};

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/source.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(chdir(f->folder), 0);
	f->limits.message = LIMIT;
	f->limits.decompressed = 4 * LIMIT;
	f->pool = spill_pool_new(f->folder, 64 << 20);
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	spill_pool_free(&f->pool);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(
	    nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static void
put_bytes(const char *path, const char *p, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(p, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void
put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

/* What is expected of one call of source_next. */
struct step {
	int rc;
	const char *name;
	const char *text; /* of the mail, or in the error */
	enum err_kind kind;
};

static void
assert_mail(struct spill *mail, const char *text)
{
	const void *p;
	size_t len;
	int fd;
	struct err e = { 0 };

	assert_int_equal(spill_finish(mail, &p, &len, &fd, &e), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(len, strlen(text));
	if (len > 0)
		assert_memory_equal(p, text, len);
}

static void
walk(struct fixture *f, char *const *paths, size_t count,
    const struct step *steps, size_t step_count)
{
	struct mail_source *s = source_open(paths, count, &f->limits);
	struct spill mail;
	struct err e;
	const char *name;
	size_t i;
	int rc;

	for (i = 0; i < step_count; i++) {
		err_clear(&e);
		name = NULL;
		spill_init(&mail, f->pool, 1 << 20);
		rc = source_next(s, &mail, &name, &e);
		assert_int_equal(rc, steps[i].rc);
		if (rc != 0)
			assert_string_equal(name, steps[i].name);
		if (rc == 1)
			assert_mail(&mail, steps[i].text);
		if (rc < 0) {
			assert_int_equal(e.kind, steps[i].kind);
			assert_non_null(strstr(e.text, steps[i].text));
		}
		spill_clear(&mail);
	}
	spill_init(&mail, f->pool, 1 << 20);
	assert_int_equal(source_next(s, &mail, &name, &e), 0);
	assert_int_equal(source_next(s, &mail, &name, &e), 0);
	spill_clear(&mail);
	source_close(&s);
	assert_null(s);
}

#define WALK(f, paths, steps) \
	walk(f, paths, sizeof(paths) / sizeof(*(paths)), steps, \
	    sizeof(steps) / sizeof(*(steps)))

static void
files_come_in_the_order_given(void **state)
{
	char *paths[] = { (char *)"b", (char *)"a", (char *)"none",
		(char *)"empty", (char *)"b" };
	const struct step steps[] = {
		{ 1, "b", "Subject: b\n\nB", ERR_NONE },
		{ 1, "a", "<feedback/>", ERR_NONE },
		{ -1, "none", "cannot be opened", ERR_CONF },
		{ 1, "empty", "", ERR_NONE },
		{ 1, "b", "Subject: b\n\nB", ERR_NONE },
	};

	put("a", "<feedback/>");
	put("b", "Subject: b\n\nB");
	put("empty", "");
	WALK(*state, paths, steps);
}

static void
an_mbox_is_many_mails(void **state)
{
	char *paths[] = { (char *)"box", (char *)"crlf", (char *)"one" };
	const struct step steps[] = {
		{ 1, "box#1", "A: 1\n\nFrom one\n>From two\nx\n", ERR_NONE },
		{ 1, "box#2", "A: 2\n\n\nnot\nFrom here\n", ERR_NONE },
		{ 1, "box#3", "", ERR_NONE },
		{ 1, "box#4", "A: 4\n\nno end", ERR_NONE },
		{ 1, "crlf#1", "A: 1\r\n\r\nx\r\n", ERR_NONE },
		{ 1, "crlf#2", "A: 2\r\n\r\n", ERR_NONE },
		{ 1, "one#1", "A: 1\n", ERR_NONE },
	};

	put("box", "From a@b Thu Jan  1 00:00:00 1970\n"
		   "A: 1\n\n>From one\n>>From two\nx\n\n"
		   "From a@b Thu Jan  1 00:00:00 1970\n"
		   "A: 2\n\n\nnot\nFrom here\n\n"
		   "From a@b\n\n"
		   "From a@b\n"
		   "A: 4\n\nno end");
	put("crlf",
	    "From a\r\nA: 1\r\n\r\nx\r\n\r\nFrom a\r\nA: 2\r\n\r\n\r\n");
	put("one", "From a\nA: 1\n");
	WALK(*state, paths, steps);
}

/* Lines longer than the window, and every place for a piece to end. */
static void
long_lines_stay_whole(void **state)
{
	struct fixture *f = *state;
	char *paths[] = { (char *)"box" };
	size_t at, sizes[] = { 65535, 65536, 65537, 131072, 150000 };
	struct step steps[2] = { { 1, "box#1", NULL, ERR_NONE },
		{ 1, "box#2", "B: 2\n", ERR_NONE } };
	struct buf box, mail;
	struct err e = { 0 };

	for (at = 0; at < sizeof(sizes) / sizeof(*sizes); at++) {
		buf_init(&box, 1 << 20);
		buf_init(&mail, 1 << 20);
		assert_int_equal(buf_printf(&mail, &e, "A: 1\n\n%0*d>From \n",
				     (int)sizes[at], 7),
		    0);
		assert_int_equal(buf_printf(&box, &e,
				     "From a\n%s\nFrom a\nB: 2\n", mail.data),
		    0);
		put("box", box.data);
		steps[0].text = mail.data;
		WALK(f, paths, steps);
		buf_clear(&box);
		buf_clear(&mail);
	}
}

static void
too_large_is_skipped_and_told(void **state)
{
	struct fixture *f = *state;
	char *paths[] = { (char *)"box", (char *)"mail", (char *)"fits",
		(char *)"xml", (char *)"xml_too" };
	static char big[4 * LIMIT + 2];
	struct buf box;
	struct err e = { 0 };
	struct step steps[] = {
		{ 1, "box#1", "A: 1\n", ERR_NONE },
		{ -1, "box#2", "larger than 200000", ERR_LIMIT },
		{ 1, "box#3", "A: 3\n", ERR_NONE },
		{ -1, "mail", "larger than 200000", ERR_LIMIT },
		{ 1, "fits", NULL, ERR_NONE },
		{ 1, "xml", NULL, ERR_NONE },
		{ -1, "xml_too", "larger than 800000", ERR_LIMIT },
	};

	memset(big, 'x', sizeof(big));
	buf_init(&box, 1 << 20);
	assert_int_equal(
	    buf_printf(&box, &e,
		"From a\nA: 1\n\nFrom a\n%.*s\n\nFrom a\nA: 3\n", LIMIT, big),
	    0);
	put("box", box.data);
	put_bytes("mail", big, LIMIT + 1);
	put_bytes("fits", big, LIMIT);
	steps[4].text = xstrndup(big, LIMIT);
	big[0] = '<';
	put_bytes("xml", big, 4 * LIMIT);
	put_bytes("xml_too", big, 4 * LIMIT + 1);
	steps[5].text = xstrndup(big, 4 * LIMIT);
	WALK(f, paths, steps);
	free((char *)(uintptr_t)steps[4].text);
	free((char *)(uintptr_t)steps[5].text);
	buf_clear(&box);
}

static void
a_folder_is_walked_in_order(void **state)
{
	char *paths[] = { (char *)"top" };
	const struct step steps[] = {
		{ 1, "top/a", "a", ERR_NONE },
		{ 1, "top/b/c", "c", ERR_NONE },
		{ 1, "top/b/d/e", "e", ERR_NONE },
		{ 1, "top/f", "f", ERR_NONE },
		{ 1, "top/link", "a", ERR_NONE },
	};

	assert_int_equal(mkdir("top", 0700), 0);
	assert_int_equal(mkdir("top/b", 0700), 0);
	assert_int_equal(mkdir("top/b/d", 0700), 0);
	assert_int_equal(mkdir("top/.hidden", 0700), 0);
	assert_int_equal(mkfifo("top/fifo", 0600), 0);
	assert_int_equal(symlink("a", "top/link"), 0);
	assert_int_equal(symlink("none", "top/nowhere"), 0);
	assert_int_equal(symlink("..", "top/b/loop"), 0);
	put("top/f", "f");
	put("top/a", "a");
	put("top/b/c", "c");
	put("top/b/d/e", "e");
	put("top/.dot", "dot");
	put("top/.hidden/x", "x");
	WALK(*state, paths, steps);
}

static void
of_a_maildir_cur_and_new_are_read(void **state)
{
	char *paths[] = { (char *)"md/" };
	const struct step steps[] = {
		{ 1, "md/cur/1:2,S", "one", ERR_NONE },
		{ 1, "md/new/2", "two", ERR_NONE },
	};

	assert_int_equal(mkdir("md", 0700), 0);
	assert_int_equal(mkdir("md/cur", 0700), 0);
	assert_int_equal(mkdir("md/new", 0700), 0);
	assert_int_equal(mkdir("md/tmp", 0700), 0);
	assert_int_equal(mkdir("md/.Sent", 0700), 0);
	put("md/cur/1:2,S", "one");
	put("md/new/2", "two");
	put("md/tmp/3", "three");
	put("md/subscriptions", "no mail");
	put("md/.Sent/x", "no mail");
	WALK(*state, paths, steps);
}

static void
stdin_is_a_dash(void **state)
{
	char *paths[] = { (char *)"-" };
	const struct step steps[] = { { 1, "stdin", "A: 1\n", ERR_NONE } };
	int old = dup(STDIN_FILENO), fd;

	put("in", "A: 1\n");
	fd = open("in", O_RDONLY);
	assert_true(fd >= 0 && old >= 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	(void)close(fd);
	WALK(*state, paths, steps);
	assert_int_equal(dup2(old, STDIN_FILENO), STDIN_FILENO);
	(void)close(old);
}

static void
the_position_knows_files_only(void **state)
{
	struct fixture *f = *state;
	char *paths[] = { (char *)"a", (char *)"b" };
	struct mail_source *s;
	struct spill mail;
	struct err e = { 0 };
	const char *name;
	uint64_t done, total;

	put("a", "12345");
	put("b", "123");
	s = source_open(paths, 2, &f->limits);
	spill_init(&mail, f->pool, 1 << 20);
	assert_int_equal(source_next(s, &mail, &name, &e), 1);
	source_position(s, &done, &total);
	assert_int_equal(done, 5);
	assert_int_equal(total, 8);
	source_close(&s); /* in the middle */
	paths[1] = f->folder;
	s = source_open(paths, 2, &f->limits);
	source_position(s, &done, &total);
	assert_int_equal(total, 0);
	source_close(&s);
	spill_clear(&mail);
}

static void
a_full_pool_is_ours_not_the_input_s(void **state)
{
	struct fixture *f = *state;
	struct spill_pool *pool = spill_pool_new(f->folder, 70000);
	char *paths[] = { (char *)"a" };
	static char big[LIMIT];
	struct mail_source *s;
	struct spill mail;
	struct err e = { 0 };
	const char *name;

	memset(big, 'x', sizeof(big));
	put_bytes("a", big, sizeof(big));
	s = source_open(paths, 1, &f->limits);
	spill_init(&mail, pool, 0);
	assert_int_equal(source_next(s, &mail, &name, &e), -1);
	assert_int_equal(e.kind, ERR_FULL);
	assert_string_equal(name, "a");
	spill_clear(&mail);
	source_close(&s);
	spill_pool_free(&pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_come_in_the_order_given),
		TEST(an_mbox_is_many_mails),
		TEST(long_lines_stay_whole),
		TEST(too_large_is_skipped_and_told),
		TEST(a_folder_is_walked_in_order),
		TEST(of_a_maildir_cur_and_new_are_read),
		TEST(stdin_is_a_dash),
		TEST(the_position_knows_files_only),
		TEST(a_full_pool_is_ours_not_the_input_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
