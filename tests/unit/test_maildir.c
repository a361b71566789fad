/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_maildir.c - what becomes of a mail's file, by mark and verdict.
 */
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/maildir.h"

#include "unit.h"

#define STORED \
	{ \
		.verdict = VERDICT_STORED, .has_aggregate = true \
	}

static const struct {
	const char *name, *from, *to; /* to NULL: it is gone */
	enum conf_mark mark;
	struct outcome o;
} cases[] = {
	{ "none", "new/a", "new/a", CONF_MARK_NONE, STORED },
	{ "seen, new", "new/a", "cur/a:2,S", CONF_MARK_SEEN, STORED },
	{ "seen, flags before and behind", "cur/a:2,FT", "cur/a:2,FST",
	    CONF_MARK_SEEN, STORED },
	{ "seen, flags behind", "cur/a:2,Tx", "cur/a:2,STx", CONF_MARK_SEEN,
	    STORED },
	{ "seen already", "cur/a:2,RS", "cur/a:2,RS", CONF_MARK_SEEN, STORED },
	{ "seen, no flags", "cur/a:2,", "cur/a:2,S", CONF_MARK_SEEN, STORED },
	{ "delete", "new/a", NULL, CONF_MARK_DELETE, STORED },
	{ "move", "new/a", ".A.b.Aggregate/cur/a:2,S", CONF_MARK_MOVE, STORED },
	{ "move, with flags", "cur/a:2,F", ".A.b.Aggregate/cur/a:2,FS",
	    CONF_MARK_MOVE, STORED },
	{ "move, failure", "new/a", ".A.b.Failure/cur/a:2,S", CONF_MARK_MOVE,
	    { .verdict = VERDICT_STORED, .has_failure = true } },
	{ "move, TLS", "new/a", ".A.b.SMTP-TLS/cur/a:2,S", CONF_MARK_MOVE,
	    { .verdict = VERDICT_STORED, .has_tls = true } },
	{ "move, all kinds: the one with personal data", "new/a",
	    ".A.b.Failure/cur/a:2,S", CONF_MARK_MOVE,
	    { .verdict = VERDICT_STORED,
		.has_aggregate = true,
		.has_failure = true,
		.has_tls = true } },
	{ "unreadable, move", "new/a", ".A.b.Invalid/new/a", CONF_MARK_MOVE,
	    { .verdict = VERDICT_KEPT } },
	{ "unreadable, move, flags", "cur/a:2,F", ".A.b.Invalid/cur/a:2,F",
	    CONF_MARK_MOVE, { .verdict = VERDICT_KEPT } },
	{ "in part, move", "new/a", ".A.b.Invalid/new/a", CONF_MARK_MOVE,
	    { .verdict = VERDICT_BOTH, .has_aggregate = true } },
	{ "unreadable, never deleted", "new/a", ".A.b.Invalid/new/a",
	    CONF_MARK_DELETE, { .verdict = VERDICT_KEPT } },
	{ "unreadable, seen", "new/a", "new/a", CONF_MARK_SEEN,
	    { .verdict = VERDICT_KEPT } },
	{ "no report", "new/a", "new/a", CONF_MARK_MOVE,
	    { .verdict = VERDICT_OTHER } },
	{ "no report, not deleted", "new/a", "new/a", CONF_MARK_DELETE,
	    { .verdict = VERDICT_OTHER } },
	{ "a person's words", "new/a", "new/a", CONF_MARK_DELETE,
	    { .verdict = VERDICT_STORED_OTHER, .has_aggregate = true } },
	{ "for later", "new/a", "new/a", CONF_MARK_DELETE,
	    { .verdict = VERDICT_LATER } },
};

static unsigned files;

static int
count_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)path;
	(void)st;
	(void)at;
	files += kind == FTW_F;
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

/* An empty Maildir "m" in the folder of this run. */
static void
make_maildir(void)
{
	(void)nftw("m", remove_one, 8, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir("m", 0700), 0);
	assert_int_equal(mkdir("m/new", 0700), 0);
	assert_int_equal(mkdir("m/cur", 0700), 0);
}

static struct conf_maildir
conf_of(enum conf_mark mark)
{
	return (struct conf_maildir){ .mark = mark,
		.archive_folder = (char *)(uintptr_t) "A/b" };
}

static void
test_case(void **state)
{
	size_t i = (size_t)(uintptr_t)*state;
	struct conf_maildir conf = conf_of(cases[i].mark);
	struct err e = { 0 };
	char *from = xasprintf("m/%s", cases[i].from), *to;

	make_maildir();
	unit_put_file(from, "x");
	if (maildir_mark(from, &conf, &cases[i].o, &e) < 0)
		fail_msg("%s", e.text);
	if (cases[i].to != NULL) {
		to = xasprintf("m/%s", cases[i].to);
		assert_int_equal(access(to, F_OK), 0);
		free(to);
	}
	files = 0;
	(void)nftw("m", count_one, 8, FTW_PHYS);
	assert_int_equal(files, cases[i].to != NULL ? 1 : 0);
	free(from);
}

static void
test_never_over_another(void **state)
{
	static const struct outcome o = STORED;
	struct conf_maildir conf = conf_of(CONF_MARK_SEEN);
	struct err e = { 0 };

	(void)state;
	make_maildir();
	unit_put_file("m/new/a", "x");
	unit_put_file("m/cur/a:2,S", "y");
	assert_int_equal(maildir_mark("m/new/a", &conf, &o, &e), -1);
	assert_non_null(strstr(e.text, "cannot be moved to m/cur/a:2,S"));
	assert_int_equal(access("m/new/a", F_OK), 0);
}

static void
test_gone_is_no_error(void **state)
{
	static const struct outcome o = STORED;
	enum conf_mark mark;
	struct err e = { 0 };

	(void)state;
	make_maildir();
	for (mark = CONF_MARK_NONE; mark <= CONF_MARK_DELETE; mark++) {
		struct conf_maildir conf = conf_of(mark);

		assert_int_equal(maildir_mark("m/new/a", &conf, &o, &e), 0);
	}
}

static void
test_folder_that_cannot_be(void **state)
{
	static const struct outcome o = STORED;
	struct conf_maildir conf = conf_of(CONF_MARK_MOVE);
	struct err e = { 0 };

	(void)state;
	make_maildir();
	unit_put_file("m/new/a", "x");
	unit_put_file("m/.A.b.Aggregate", "a file");
	assert_int_equal(maildir_mark("m/new/a", &conf, &o, &e), -1);
	assert_int_equal(access("m/new/a", F_OK), 0);
}

int
main(void)
{
	static struct unit u;
	char folder[] = "/tmp/test_maildir.XXXXXX";
	size_t i;
	int rc;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		unit_add(&u, cases[i].name, test_case, (void *)(uintptr_t)i);
	UNIT_ONE(&u, test_never_over_another);
	UNIT_ONE(&u, test_gone_is_no_error);
	UNIT_ONE(&u, test_folder_that_cannot_be);
	rc = unit_run("maildir", &u);
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return rc;
}
