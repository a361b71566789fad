/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_quarantine.c - mails that are kept: once, whole, with their reason,
 * and whatever happens in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/quarantine.h"

#define STEPS_MAX 64
#define MAIL_BYTES 100

static char base[] = "/tmp/test_quarantine.XXXXXX";
static char root[128];
static struct conf_quarantine conf = { .path = root };

/*
 * fsync and rename of this program: they note what they are asked, and fail
 * or die at the step that a test names.
 */
static struct {
	char step[STEPS_MAX][256];
	bool is_on; /* it is not for threads */
	int count;
	int fail_at; /* 1 is the first; 0: never */
	int die_at;
} spy;

static void
spy_reset(void)
{
	memset(&spy, 0, sizeof(spy));
	spy.is_on = true;
}

/* -1 when this step is to fail. */
static int
spy_step(const char *verb, const char *path)
{
	if (!spy.is_on)
		return 0;
	if (spy.count < STEPS_MAX)
		(void)snprintf(spy.step[spy.count], sizeof(spy.step[0]),
		    "%s %.200s", verb, path);
	spy.count++;
	if (spy.count == spy.die_at)
		_exit(9);
	if (spy.count != spy.fail_at)
		return 0;
	errno = EIO;
	return -1;
}

/* Defined here, these are what the library under test calls. */
int
fsync(int fd)
{
	char link[64], path[256] = "";
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if ((n = readlink(link, path, sizeof(path) - 1)) > 0)
		path[n] = '\0';
	if (spy_step("fsync", path) < 0)
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
	if (spy_step("rename", to) < 0)
		return -1;
	return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

static const char *const recipients[] = { "rua@d.example", "ruf@d.example" };
static const struct envelope envelope = {
	.transport = "lmtp",
	.session = "7f3a91c0",
	.from = "noreply@r.example",
	.recipients = recipients,
	.recipient_count = 2,
	.received = 1700000000,
};

/* What happens just before a mail is locked. */
static void (*before_flock)(void);

int
flock(int fd, int operation)
{
	if ((operation & LOCK_NB) && before_flock != NULL)
		before_flock();
	return (int)syscall(SYS_flock, fd, operation);
}

/* A mail whose bytes follow from its number; with pool NULL in memory. */
static void
mail_of(struct spill *mail, struct spill_pool *pool, int number, size_t size)
{
	char head[32];
	struct err e;
	size_t i, len;
	const void *p;
	int fd;

	spill_init(mail, pool, pool == NULL ? size + 64 : 16);
	len =
	    (size_t)snprintf(head, sizeof(head), "Subject: %d\r\n\r\n", number);
	assert_true(len <= size);
	assert_int_equal(spill_add(mail, head, len, &e), 0);
	for (i = len; i < size; i++)
		assert_int_equal(
		    spill_add(mail, i % 2 ? "\0" : "\xff", 1, &e), 0);
	assert_int_equal(spill_finish(mail, &p, &len, &fd, &e), 0);
}

static struct quarantine *
must_open(void)
{
	struct quarantine *q = NULL;
	struct err e = { 0 };

	if (quarantine_open(&q, &conf, &e) < 0)
		fail_msg("%s", e.text);
	return q;
}

static int
keep(struct quarantine *q, enum quarantine_class class, int number, size_t size,
    bool *is_new, struct err *e)
{
	struct spill mail;
	int rc;

	mail_of(&mail, NULL, number, size);
	rc = quarantine_keep(
	    q, class, &envelope, &mail, "part 2: cut short", is_new, e);
	spill_clear(&mail);
	return rc;
}

static void
must_keep(struct quarantine *q, enum quarantine_class class, int number,
    size_t size, bool want_new)
{
	struct err e = { 0 };
	bool is_new = !want_new;

	if (keep(q, class, number, size, &is_new, &e) < 0)
		fail_msg("mail %d: %s", number, e.text);
	assert_int_equal(is_new, want_new);
}

static size_t
must_list(struct quarantine *q, enum quarantine_class class, struct arena *a,
    struct quarantine_item **items)
{
	struct err e = { 0 };
	size_t count = 0;

	if (quarantine_list(q, class, a, items, &count, &e) < 0)
		fail_msg("%s", e.text);
	return count;
}

/* nftw gives its callback nothing of ours. */
static size_t file_count;

static int
count_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)st;
	(void)at;
	file_count += type == FTW_F;
	return 0;
}

static size_t
count_files(const char *folder)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", root, folder);
	file_count = 0;
	assert_int_equal(nftw(path, count_one, 16, FTW_PHYS), 0);
	return file_count;
}

static void
assert_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	if ((st.st_mode & 07777) != mode)
		fail_msg("%s: mode %o", path, st.st_mode & 07777);
}

static void
test_keep_and_list(void **state)
{
	struct quarantine *q = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items;
	char path[512], bytes[2 * MAIL_BYTES];
	struct spill mail;
	struct err e;
	FILE *f;

	(void)state;
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, true);
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, false);
	must_keep(q, QUARANTINE_WAITING, 1, MAIL_BYTES, true);
	must_keep(q, QUARANTINE_KEPT, 2, MAIL_BYTES, true);
	assert_int_equal(must_list(q, QUARANTINE_OTHER, a, &items), 0);
	assert_int_equal(must_list(q, QUARANTINE_WAITING, a, &items), 1);
	assert_int_equal(items[0].class, QUARANTINE_WAITING);
	assert_int_equal(items[0].size, MAIL_BYTES);
	assert_int_equal(strlen(items[0].name), 64);
	assert_string_equal(items[0].reason, "part 2: cut short");
	assert_string_equal(items[0].env.transport, "lmtp");
	assert_string_equal(items[0].env.session, "7f3a91c0");
	assert_string_equal(items[0].env.from, "noreply@r.example");
	assert_int_equal(items[0].env.recipient_count, 2);
	assert_string_equal(items[0].env.recipients[1], "ruf@d.example");
	assert_int_equal(items[0].env.received, 1700000000);
	assert_in_range(items[0].kept, clock_now() - 60, clock_now());

	/* byte for byte */
	mail_of(&mail, NULL, 1, MAIL_BYTES);
	f = fopen(items[0].path, "r");
	assert_non_null(f);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), f), MAIL_BYTES);
	(void)fclose(f);
	assert_int_equal(
	    spill_read(&mail, 0, bytes + MAIL_BYTES, MAIL_BYTES, &e),
	    MAIL_BYTES);
	assert_memory_equal(bytes, bytes + MAIL_BYTES, MAIL_BYTES);
	spill_clear(&mail);

	assert_mode(items[0].path, 0640);
	assert_mode(root, 0750);
	(void)snprintf(path, sizeof(path), "%s/.Waiting/new", root);
	assert_mode(path, 0750);
	(void)snprintf(
	    path, sizeof(path), "%s/.Waiting/why/%s.json", root, items[0].name);
	assert_mode(path, 0640);
	(void)snprintf(path, sizeof(path), "%s/.Waiting/maildirfolder", root);
	assert_mode(path, 0640);
	assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 2);
	assert_true(items[0].kept <= items[1].kept);
	arena_free(&a);
	quarantine_close(&q);
	assert_null(q);
	quarantine_close(&q);
}

/* From a file as from memory, and the empty mail. */
static void
test_sizes(void **state)
{
	struct spill_pool *pool = spill_pool_new(base, 1 << 20);
	struct quarantine *q = must_open();
	struct err e = { 0 };
	struct spill mail;
	bool is_new;

	(void)state;
	mail_of(&mail, pool, 1, 200000);
	assert_true(mail.fd >= 0);
	assert_int_equal(quarantine_keep(q, QUARANTINE_KEPT, &envelope, &mail,
			     "large", &is_new, &e),
	    0);
	assert_true(is_new);
	spill_clear(&mail);
	must_keep(q, QUARANTINE_KEPT, 1, 200000, false);
	spill_init(&mail, NULL, 0);
	assert_int_equal(quarantine_keep(q, QUARANTINE_KEPT, &envelope, &mail,
			     "empty", &is_new, &e),
	    0);
	assert_true(is_new);
	quarantine_close(&q);
	spill_pool_free(&pool);
}

/* What is fsynced and named, in which order. */
static void
test_order(void **state)
{
	static const struct {
		const char *verb, *place;
	} order[] = {
		{ "fsync", "/tmp/" },
		{ "fsync", "/tmp/" },
		{ "rename", "/why/" },
		{ "fsync", "/why" },
		{ "rename", "/new/" },
		{ "fsync", "/new" },
	};
	struct quarantine *q = must_open();
	char want[256];
	size_t i;

	(void)state;
	spy_reset();
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, true);
	assert_int_equal(spy.count, sizeof(order) / sizeof(*order));
	for (i = 0; i < sizeof(order) / sizeof(*order); i++) {
		(void)snprintf(want, sizeof(want), "%s %s%s", order[i].verb,
		    root, order[i].place);
		if (strncmp(spy.step[i], want, strlen(want)) != 0)
			fail_msg("step %zu: %s, not %s", i, spy.step[i], want);
	}
	/* a copy: the folders once more, the one before us may have died */
	spy_reset();
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, false);
	assert_int_equal(spy.count, 3);
	quarantine_close(&q);
}

/* Each step fails in turn: nothing is kept, nothing lies about. */
static void
test_failures(void **state)
{
	struct quarantine *q = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items;
	struct err e;
	bool is_new;
	int step;

	(void)state;
	for (step = 1; step <= 6; step++) {
		spy_reset();
		memset(&e, 0, sizeof(e));
		spy.fail_at = step;
		if (keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, &is_new, &e) == 0)
			fail_msg("step %d failed, and the mail is kept", step);
		assert_int_equal(e.kind, ERR_TEMP);
		assert_non_null(strstr(e.text, "Input/output error"));
		/* a file whose fsync failed is not fsynced again */
		if (step <= 2)
			assert_int_equal(spy.count, step);
		spy_reset();
		assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 0);
		assert_int_equal(count_files("tmp"), 0);
		assert_int_equal(count_files("new"), 0);
		assert_int_equal(count_files("why"), 0);
	}
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, true);
	/* a copy whose folder cannot be fsynced is no receipt */
	for (step = 1; step <= 3; step++) {
		spy_reset();
		spy.fail_at = step;
		assert_int_equal(
		    keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, &is_new, &e), -1);
		assert_int_equal(e.kind, ERR_TEMP);
	}
	spy_reset();
	arena_free(&a);
	quarantine_close(&q);
}

/* A child dies at each step: a whole mail with its reason, or nothing. */
static void
test_kill(void **state)
{
	struct quarantine_item *items;
	struct arena *a = arena_new();
	struct quarantine *q;
	struct err e;
	int step, status;
	bool is_new;
	pid_t pid;
	size_t n;

	(void)state;
	for (step = 1; step <= 6; step++) {
		if ((pid = fork()) == 0) {
			q = must_open();
			spy_reset();
			spy.die_at = step;
			(void)keep(
			    q, QUARANTINE_KEPT, step, MAIL_BYTES, &is_new, &e);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 9);
		q = must_open();
		n = must_list(q, QUARANTINE_KEPT, a, &items);
		assert_int_equal(n, step < 6 ? 0 : 1);
		if (n == 1) {
			assert_int_equal(items[0].size, MAIL_BYTES);
			assert_string_equal(
			    items[0].reason, "part 2: cut short");
		}
		quarantine_close(&q);
	}
	/* the leftovers go a day later, and what is whole stays */
	assert_true(count_files("tmp") > 0);
	assert_true(count_files("why") > 1);
	q = must_open();
	assert_true(count_files("tmp") > 0);
	assert_int_equal(quarantine_expire(
			     q, clock_now() + 86400 + 60, &(uint64_t){ 0 }, &e),
	    0);
	assert_int_equal(count_files("tmp"), 0);
	assert_int_equal(count_files("why"), 1);
	assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 1);
	quarantine_close(&q);
	arena_free(&a);
}

static void
test_take_and_release(void **state)
{
	struct quarantine *q = must_open(), *other = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items;
	int fd = -1, second = -1;
	struct err e;
	char byte;

	(void)state;
	must_keep(q, QUARANTINE_WAITING, 1, MAIL_BYTES, true);
	assert_int_equal(must_list(q, QUARANTINE_WAITING, a, &items), 1);
	assert_int_equal(quarantine_take(q, items, &fd, &e), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'S');
	assert_int_equal(quarantine_take(q, items, &second, &e), 0);
	assert_int_equal(quarantine_take(other, items, &second, &e), 0);
	assert_int_equal(second, -1);

	assert_int_equal(quarantine_release(q, items, &fd, false, &e), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(quarantine_take(other, items, &fd, &e), 1);
	assert_int_equal(quarantine_release(other, items, &fd, true, &e), 0);
	assert_int_equal(quarantine_take(q, items, &fd, &e), 0);
	assert_int_equal(count_files(""), 3); /* lock and two maildirfolder */
	assert_int_equal(must_list(q, QUARANTINE_WAITING, a, &items), 0);
	arena_free(&a);
	quarantine_close(&q);
	quarantine_close(&other);
}

static const char *doomed;

static void
remove_doomed(void)
{
	assert_int_equal(unlink(doomed), 0);
}

/* Somebody is done with the mail between our open and our lock. */
static void
test_take_too_late(void **state)
{
	struct quarantine *q = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items;
	struct err e;
	int fd = -1;

	(void)state;
	must_keep(q, QUARANTINE_WAITING, 1, MAIL_BYTES, true);
	assert_int_equal(must_list(q, QUARANTINE_WAITING, a, &items), 1);
	doomed = items[0].path;
	before_flock = remove_doomed;
	assert_int_equal(quarantine_take(q, items, &fd, &e), 0);
	before_flock = NULL;
	assert_int_equal(fd, -1);
	arena_free(&a);
	quarantine_close(&q);
}

/* As a mail reader does it. */
static void
to_cur(const struct quarantine_item *item, const char *folder, char path[512])
{
	(void)snprintf(path, 512, "%s/%scur/%s:2,S", root, folder, item->name);
	assert_int_equal(
	    syscall(SYS_renameat, AT_FDCWD, item->path, AT_FDCWD, path), 0);
}

static void
test_mail_reader(void **state)
{
	struct quarantine *q = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items, *old;
	struct quarantine_count n;
	char path[512];
	struct err e;
	int fd = -1;

	(void)state;
	must_keep(q, QUARANTINE_WAITING, 1, MAIL_BYTES, true);
	assert_int_equal(must_list(q, QUARANTINE_WAITING, a, &old), 1);
	to_cur(old, ".Waiting/", path);
	must_keep(q, QUARANTINE_WAITING, 1, MAIL_BYTES, false);
	assert_int_equal(must_list(q, QUARANTINE_WAITING, a, &items), 1);
	assert_string_equal(items[0].path, path);
	assert_string_equal(items[0].reason, "part 2: cut short");
	assert_int_equal(quarantine_count(q, QUARANTINE_WAITING, &n, &e), 0);
	assert_int_equal(n.mails, 1);
	assert_int_equal(n.bytes, MAIL_BYTES);
	assert_in_range(n.oldest, clock_now() - 60, clock_now());
	/* with the name of before it was moved */
	assert_int_equal(quarantine_take(q, old, &fd, &e), 1);
	assert_int_equal(quarantine_release(q, old, &fd, true, &e), 0);
	assert_int_equal(count_files(".Waiting/cur"), 0);
	assert_int_equal(count_files(".Waiting/why"), 0);
	arena_free(&a);
	quarantine_close(&q);
}

static void
test_bad_reasons(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"reason\": 1}",
		"{\"recipients\": {}, \"kept\": \"x\"}", "\xff", NULL };
	struct quarantine *q = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items;
	char path[512];
	int i;
	FILE *f;

	(void)state;
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, true);
	assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 1);
	(void)snprintf(
	    path, sizeof(path), "%s/why/%s.json", root, items[0].name);
	for (i = 0; i == 0 || texts[i - 1] != NULL; i++) {
		if (texts[i] != NULL) {
			f = fopen(path, "w");
			assert_non_null(f);
			(void)fputs(texts[i], f);
			assert_int_equal(fclose(f), 0);
		} else {
			assert_int_equal(unlink(path), 0);
		}
		assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 1);
		assert_string_equal(items[0].reason, "");
		assert_string_equal(items[0].env.from, "");
		assert_string_equal(items[0].env.transport, "");
		assert_int_equal(items[0].env.recipient_count, 0);
		assert_in_range(items[0].kept, clock_now() - 60, clock_now());
	}
	arena_free(&a);
	quarantine_close(&q);
}

static const struct {
	const char *name;
	uint64_t max_mails, max_bytes;
	int kept, waiting; /* how many mails of MAIL_BYTES each may come */
} caps[] = {
	{ "mails", 10, 1 << 20, 8, 2 },
	{ "mails, fewer than a fifth makes", 4, 1 << 20, 4, 0 },
	{ "one mail", 1, 1 << 20, 1, 0 },
	{ "bytes", 1000, 10 * MAIL_BYTES, 8, 2 },
	{ "bytes, one short", 1000, 10 * MAIL_BYTES - 1, 8, 1 },
	{ "bytes, too few for one", 1000, MAIL_BYTES - 1, 0, 0 },
};

static void
fill(struct quarantine *q, const char *name, enum quarantine_class class,
    int from, int count)
{
	struct err e = { 0 };
	bool is_new;
	int i;

	for (i = 0; i < count; i++)
		if (keep(q, class, from + i, MAIL_BYTES, &is_new, &e) < 0)
			fail_msg("%s: mail %d: %s", name, from + i, e.text);
	if (keep(q, class, from + i, MAIL_BYTES, &is_new, &e) == 0)
		fail_msg("%s: mail %d is past the cap", name, from + i);
	assert_int_equal(e.kind, ERR_FULL);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
empty_root(void)
{
	(void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
test_caps(void **state)
{
	struct conf_quarantine before = conf;
	struct quarantine *q;
	struct err e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(caps) / sizeof(*caps); i++) {
		empty_root();
		conf.max_mails = caps[i].max_mails;
		conf.max_bytes = caps[i].max_bytes;
		q = must_open();
		fill(q, caps[i].name, QUARANTINE_KEPT, 0, caps[i].kept);
		assert_int_equal(count_files("tmp"), 0);
		if (caps[i].kept > 0) {
			/* a copy needs no room */
			must_keep(q, QUARANTINE_KEPT, 0, MAIL_BYTES, false);
			assert_int_equal(quarantine_check(q, &e), -1);
			assert_int_equal(e.kind, ERR_FULL);
		}
		fill(q, caps[i].name, QUARANTINE_WAITING, 100, caps[i].waiting);
		quarantine_close(&q);
	}
	conf = before;
}

/* Room that another process or a person made is seen at once. */
static void
test_room_again(void **state)
{
	struct conf_quarantine before = conf;
	struct quarantine *q, *other;
	struct arena *a = arena_new();
	struct quarantine_item *items;
	struct err e = { 0 };
	struct timespec times[2];
	struct stat st;
	char path[256];
	bool is_new;
	int fd;

	(void)state;
	conf.max_mails = 2;
	q = must_open();
	other = must_open();
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, true);
	/* even when the clock of the folder's time stands still */
	(void)snprintf(path, sizeof(path), "%s/new", root);
	assert_int_equal(stat(path, &st), 0);
	must_keep(other, QUARANTINE_KEPT, 2, MAIL_BYTES, true);
	times[0] = times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(
	    keep(q, QUARANTINE_KEPT, 3, MAIL_BYTES, &is_new, &e), -1);
	assert_int_equal(e.kind, ERR_FULL);
	assert_int_equal(must_list(other, QUARANTINE_KEPT, a, &items), 2);
	assert_int_equal(quarantine_take(other, items, &fd, &e), 1);
	assert_int_equal(quarantine_release(other, items, &fd, true, &e), 0);
	must_keep(q, QUARANTINE_KEPT, 3, MAIL_BYTES, true);
	arena_free(&a);
	quarantine_close(&q);
	quarantine_close(&other);
	conf = before;
}

static void
test_expire(void **state)
{
	struct quarantine *q = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items, *taken;
	uint64_t removed = 9;
	struct err e;
	char path[512];
	int fd;

	(void)state;
	must_keep(q, QUARANTINE_KEPT, 1, MAIL_BYTES, true);
	must_keep(q, QUARANTINE_KEPT, 2, MAIL_BYTES, true);
	must_keep(q, QUARANTINE_KEPT, 3, MAIL_BYTES, true);
	must_keep(q, QUARANTINE_OTHER, 1, MAIL_BYTES, true);
	must_keep(q, QUARANTINE_WAITING, 1, MAIL_BYTES, true);
	assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 3);
	to_cur(&items[1], "", path);
	assert_int_equal(quarantine_expire(q, clock_now() + conf.max_age_s - 60,
			     &removed, &e),
	    0);
	assert_int_equal(removed, 0);

	/* who has one in hand keeps it */
	taken = &items[2];
	assert_int_equal(quarantine_take(q, taken, &fd, &e), 1);
	assert_int_equal(quarantine_expire(q, clock_now() + conf.max_age_s + 60,
			     &removed, &e),
	    0);
	assert_int_equal(removed, 3);
	assert_int_equal(quarantine_release(q, taken, &fd, false, &e), 0);
	assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 1);
	assert_int_equal(must_list(q, QUARANTINE_OTHER, a, &items), 0);
	assert_int_equal(must_list(q, QUARANTINE_WAITING, a, &items), 1);
	assert_int_equal(count_files("why"), 1);
	arena_free(&a);
	quarantine_close(&q);
}

static void
test_processes(void **state)
{
	struct quarantine *q = must_open();
	struct arena *a = arena_new();
	struct quarantine_item *items;
	int ready[2], status, new_ones = 0, i;
	struct err e = { 0 };
	bool is_new;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	for (i = 0; i < 4; i++) {
		if (fork() > 0)
			continue;
		(void)close(ready[1]);
		quarantine_close(&q);
		q = must_open();
		if (read(ready[0], &byte, 1) < 0) /* all start at its end */
			_exit(4);
		if (keep(q, QUARANTINE_KEPT, 1, 100000, &is_new, &e) < 0)
			_exit(fprintf(stderr, "%s\n", e.text) > 0 ? 2 : 3);
		_exit(is_new);
	}
	(void)close(ready[0]);
	(void)close(ready[1]);
	for (i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		new_ones += WEXITSTATUS(status);
	}
	assert_int_equal(new_ones, 1);
	assert_int_equal(must_list(q, QUARANTINE_KEPT, a, &items), 1);
	assert_int_equal(count_files("tmp"), 0);
	arena_free(&a);
	quarantine_close(&q);
}

struct keeper {
	struct quarantine *q;
	int failed, is_new;
};

static void *
keeper_run(void *p)
{
	struct keeper *k = p;
	struct err e;
	bool is_new;
	int i;

	for (i = 0; i < 10; i++) {
		is_new = false;
		if (keep(k->q, QUARANTINE_KEPT, i, MAIL_BYTES, &is_new, &e) < 0)
			k->failed++;
		k->is_new += is_new;
	}
	return NULL;
}

/* Same mails from several threads. */
static void
test_threads(void **state)
{
	struct quarantine *q = must_open();
	struct keeper k[4] = { 0 };
	pthread_t thread[4];
	int i, new_ones = 0;

	(void)state;
	spy.is_on = false;
	for (i = 0; i < 4; i++) {
		k[i].q = q;
		assert_int_equal(
		    pthread_create(&thread[i], NULL, keeper_run, &k[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(k[i].failed, 0);
		new_ones += k[i].is_new;
	}
	assert_int_equal(new_ones, 10);
	assert_int_equal(count_files("new"), 10);
	assert_int_equal(count_files("tmp"), 0);
	quarantine_close(&q);
}

/* A file that may not grow: EFBIG, which is as good as a full disk. */
static void
test_file_limit(void **state)
{
	struct rlimit before, small;
	struct quarantine *q = must_open();
	struct err e = { 0 };
	bool is_new;
	int rc;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = keep(q, QUARANTINE_KEPT, 1, 100000, &is_new, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_FULL);
	assert_int_equal(count_files("tmp"), 0);
	must_keep(q, QUARANTINE_KEPT, 1, 100000, true);
	quarantine_close(&q);
}

/* In a mount namespace of this process only. */
static void
test_disk_full(void **state)
{
	struct quarantine *q;
	struct err e = { 0 };
	bool is_new;
	int rc;

	(void)state;
	(void)mkdir(root, 0750);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, "") < 0 ||
	    mount("tmpfs", root, "tmpfs", 0, "size=128k") < 0) {
		print_message("disk full: needs the right to mount; skipped\n");
		skip();
	}
	q = must_open();
	rc = keep(q, QUARANTINE_KEPT, 1, 200000, &is_new, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.kind, ERR_FULL);
	assert_non_null(strstr(e.text, "No space left on device"));
	assert_int_equal(count_files("tmp"), 0);
	assert_int_equal(count_files("why"), 0);
	must_keep(q, QUARANTINE_KEPT, 2, 50000, true);
	quarantine_close(&q);
	assert_int_equal(umount(root), 0);
}

static void
test_bad_folders(void **state)
{
	struct quarantine *q = NULL;
	struct err e = { 0 };
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/new", root);
	assert_int_equal(mkdir(root, 0750), 0);
	assert_int_equal(symlink("/nonexistent/x", path), 0);
	/* what is there is taken for the folder, and its use tells */
	assert_int_equal(quarantine_open(&q, &conf, &e), 0);
	assert_int_equal(
	    keep(q, QUARANTINE_KEPT, 1, 100, &(bool){ false }, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_int_equal(count_files("tmp"), 0);
	quarantine_close(&q);
	empty_root();
	assert_int_equal(symlink("/dev/null", root), 0);
	assert_int_equal(quarantine_open(&q, &conf, &e), -1);
	assert_null(q);
	assert_int_equal(unlink(root), 0);
}

static void
test_check(void **state)
{
	struct quarantine *q = must_open();
	struct err e = { 0 };
	char path[256];

	(void)state;
	assert_int_equal(quarantine_check(q, &e), 0);
	assert_int_equal(count_files("tmp"), 0);
	spy_reset();
	spy.fail_at = 1;
	assert_int_equal(quarantine_check(q, &e), -1);
	spy_reset();
	assert_int_equal(count_files("tmp"), 0);
	(void)snprintf(path, sizeof(path), "%s/.Other/tmp", root);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(quarantine_check(q, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_non_null(strstr(e.text, path));
	quarantine_close(&q);
}

static int
clean(void **state)
{
	(void)state;
	spy_reset();
	empty_root();
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(base) == NULL)
		return -1;
	(void)umask(022);
	(void)snprintf(root, sizeof(root), "%s/a/quarantine", base);
	conf.max_bytes = 1 << 30;
	conf.max_mails = 10000;
	conf.max_age_s = 180 * 86400;
	return 0;
}

static int
teardown(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/a", base);
	if (rmdir(path) < 0)
		return -1;
	return rmdir(base);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, clean)
	const struct CMUnitTest tests[] = {
		TEST(test_keep_and_list),
		TEST(test_sizes),
		TEST(test_order),
		TEST(test_failures),
		TEST(test_kill),
		TEST(test_take_and_release),
		TEST(test_take_too_late),
		TEST(test_mail_reader),
		TEST(test_bad_reasons),
		TEST(test_caps),
		TEST(test_room_again),
		TEST(test_expire),
		TEST(test_processes),
		TEST(test_threads),
		TEST(test_file_limit),
		TEST(test_bad_folders),
		TEST(test_check),
		cmocka_unit_test_setup_teardown(test_disk_full, clean, clean),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
