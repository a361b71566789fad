/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_crash.c - the mail that a thread had in hand when it crashed is known
 * at the next start, and no other is.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/crash.h"
#include "tests/unit/unit.h"

#define NEIGHBOURS 300

static char folder[] = "/tmp/test_crash.XXXXXX";
static char path[64];

/* 64 digits, all of them this one */
static const char *
name_of(char digit, char name[SHA256_HEX_SIZE])
{
	memset(name, digit, SHA256_HEX_SIZE - 1);
	name[SHA256_HEX_SIZE - 1] = '\0';
	return name;
}

/* Deeper than any stack; volatile, so that no compiler makes it a loop. */
static int
overflow(int n)
{
	volatile char room[4096];

	room[n % 4096] = (char)n;
	return n < 0 ? 0 : overflow(n + 1) + room[0];
}

static void
do_overflow(void)
{
	_exit(overflow(1) & 1);
}

static void
do_abort(void)
{
	abort();
}

static void
do_segv(void)
{
	raise(SIGSEGV);
}

static void
do_kill(void)
{
	raise(SIGKILL);
}

static void
do_nothing(void)
{
	_exit(0);
}

static const struct crash_case {
	const char *name;
	void (*crash)(void);
	int signal_number; /* that ended it; 0: it ended by itself */
	bool is_known;
} cases[] = {
	{ "segmentation fault", do_segv, SIGSEGV, true },
	{ "abort", do_abort, SIGABRT, true },
	{ "stack overflow", do_overflow, SIGSEGV, true },
	{ "killed from outside", do_kill, SIGKILL, false },
	{ "nothing at all", do_nothing, 0, false },
};

struct hand {
	struct crash *crash;
	char digit;
	void (*act)(void);
	int ready_fd;
};

static void *
hold(void *argument)
{
	struct hand *h = argument;
	char name[SHA256_HEX_SIZE], byte = 0;

	(void)crash_begin(h->crash, name_of(h->digit, name));
	if (h->act != NULL)
		h->act();
	else if (write(h->ready_fd, &byte, 1) == 1)
		(void)pause();
	return NULL;
}

/* One mail is done, each of many neighbours holds one, and one crashes. */
static void
child(void (*crash)(void))
{
	const struct rlimit no_core = { 0, 0 };
	struct crash *c;
	struct hand neighbour = { .digit = '1' }, victim = { .digit = '2' };
	char name[SHA256_HEX_SIZE], byte;
	pthread_t thread;
	int fds[2], i;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	/* what cmocka and others put there would not end the process */
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGABRT, SIG_DFL);
	c = crash_open(path);
	crash_end(crash_begin(c, name_of('0', name)));
	if (pipe(fds) < 0)
		_exit(2);
	neighbour.crash = victim.crash = c;
	neighbour.ready_fd = fds[1];
	victim.act = crash;
	for (i = 0; i < NEIGHBOURS; i++)
		if (pthread_create(&thread, NULL, hold, &neighbour) != 0 ||
		    read(fds[0], &byte, 1) != 1)
			_exit(2);
	(void)pthread_create(&thread, NULL, hold, &victim);
	(void)pthread_join(thread, NULL);
	_exit(3);
}

static void
crash_child(const struct crash_case *row)
{
	int status;
	pid_t pid;

	(void)unlink(path);
	(void)fflush(NULL);
	if ((pid = fork()) == 0)
		child(row->crash);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (row->signal_number == 0)
		assert_int_equal(WEXITSTATUS(status), 0);
	else
		assert_int_equal(WTERMSIG(status), row->signal_number);
}

static void
remembers(void **state)
{
	const struct crash_case *row = *state;
	char name[SHA256_HEX_SIZE];
	struct crash *c;

	if (!unit_has_bounds())
		skip(); /* these signals are the sanitizer's or valgrind's */
	crash_child(row);
	c = crash_open(path);
	assert_false(crash_is_known(c, name_of('0', name)));
	assert_false(crash_is_known(c, name_of('1', name)));
	assert_int_equal(crash_is_known(c, name_of('2', name)), row->is_known);
	crash_close(&c);
	assert_null(c);
}

/* Lines of the file, and which of the names are known. */
static const struct file_case {
	const char *name;
	const char *text;
	const char *known;
} files[] = {
	{ "none", "", "" },
	{ "one", "V 2\n", "2" },
	{ "two", "V 2\nV 4\n", "24" },
	{ "one of another version", "0.0.1-other 2\nV 4\n", "4" },
	{ "cut off in between", "V 2\nV 333", "2" },
	{ "cut off, and one behind it", "V\nV 4\n", "4" },
};

/* "V 2": this version, and the name of that digit. */
static void
write_file(const char *text)
{
	FILE *f = fopen(path, "w");
	char name[SHA256_HEX_SIZE], before = '\n';

	assert_non_null(f);
	for (; *text != '\0'; before = *text++)
		if (*text == 'V')
			(void)fputs(PACKAGE_VERSION, f);
		else if (*text >= '0' && *text <= '9' && before == ' ')
			(void)fputs(name_of(*text, name), f);
		else
			(void)fputc(*text, f);
	assert_int_equal(fclose(f), 0);
}

static void
reads(void **state)
{
	const struct file_case *row = *state;
	char name[SHA256_HEX_SIZE];
	struct crash *c;
	char digit;

	write_file(row->text);
	c = crash_open(path);
	for (digit = '0'; digit <= '9'; digit++)
		assert_int_equal(crash_is_known(c, name_of(digit, name)),
		    strchr(row->known, digit) != NULL);
	crash_close(&c);
}

/* 1,000 are remembered: the last ones. */
static void
remembers_the_last(void **state)
{
	char name[SHA256_HEX_SIZE];
	struct crash *c;
	FILE *f = fopen(path, "w");
	int i;

	(void)state;
	assert_non_null(f);
	for (i = 0; i <= 1000; i++)
		(void)fprintf(f, "%s %064d\n", PACKAGE_VERSION, i);
	assert_int_equal(fclose(f), 0);
	c = crash_open(path);
	for (i = 0; i <= 1000; i++) {
		(void)snprintf(name, sizeof(name), "%064d", i);
		assert_int_equal(crash_is_known(c, name), i > 0);
	}
	crash_close(&c);
}

static void
does_without_a_file(void **state)
{
	struct crash *c = crash_open("/nowhere/crashed");
	char name[SHA256_HEX_SIZE];

	(void)state;
	assert_non_null(c);
	assert_false(crash_is_known(c, name_of('2', name)));
	crash_end(crash_begin(c, name_of('2', name)));
	crash_end(NULL);
	crash_close(&c);
	crash_close(&c);
}

int
main(void)
{
	static struct unit u;
	int rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/crashed", folder);
	UNIT_ROWS(&u, cases, remembers);
	UNIT_ROWS(&u, files, reads);
	UNIT_ONE(&u, remembers_the_last);
	UNIT_ONE(&u, does_without_a_file);
	rc = unit_run("crash", &u);
	(void)unlink(path);
	(void)rmdir(folder);
	return rc;
}
