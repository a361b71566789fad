/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.c - remember which mail ended the process.
 * in: a thread's mail, a fatal signal    out: a line of the file
 *
 * A line is the version, a space, and the name. The handler may do little: it
 * finds the mail of its thread, and writes the line that is ready there.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/crash.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unreleased"
#endif

#define FILE_MODE 0640
#define NAME_LENGTH (SHA256_HEX_SIZE - 1)
#define PREFIX PACKAGE_VERSION " "
#define PREFIX_LENGTH (sizeof(PREFIX) - 1)
#define LINE_LENGTH (PREFIX_LENGTH + NAME_LENGTH + 1)
#define KNOWN_MAX 1000 /* the last ones */
/* a stack for the handler: the thread's own may be what has overflowed */
#define STACK_BYTES ((size_t)64 * 1024)

static const int fatal_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT,
	SIGTRAP };
#define FATAL_SIGNALS (sizeof(fatal_signals) / sizeof(*fatal_signals))

struct crash_slot {
	int fd; /* of the file; -1: nothing can be remembered */
	char line[LINE_LENGTH];
	stack_t before; /* what the thread had */
	char stack[STACK_BYTES];
};

struct crash {
	int fd; /* -1: nothing can be remembered */
	bool is_taken[FATAL_SIGNALS];
	size_t known_count;
	char known[KNOWN_MAX][SHA256_HEX_SIZE];
};

/* A signal handler gets no argument. */
static _Thread_local struct crash_slot *_Atomic in_hand;

/* In the handler: what signal-safety(7) lists, and nothing else. */
static void
remember(const struct crash_slot *slot)
{
	if (write(slot->fd, slot->line, LINE_LENGTH) == (ssize_t)LINE_LENGTH)
		(void)fsync(slot->fd);
}

static void
on_fatal_signal(int signal_number)
{
	const struct crash_slot *slot = atomic_load(&in_hand);

	if (slot != NULL && slot->fd >= 0)
		remember(slot);
	/* the default action again (SA_RESETHAND), once this returns */
	(void)raise(signal_number);
}

static void
take_signals(struct crash *c)
{
	struct sigaction ours = { .sa_handler = on_fatal_signal,
		.sa_flags = SA_RESETHAND | SA_ONSTACK };
	struct sigaction theirs;
	size_t i;

	sigemptyset(&ours.sa_mask);
	for (i = 0; i < FATAL_SIGNALS; i++)
		if (sigaction(fatal_signals[i], NULL, &theirs) == 0 &&
		    theirs.sa_handler == SIG_DFL)
			c->is_taken[i] =
			    sigaction(fatal_signals[i], &ours, NULL) == 0;
}

static void
give_signals_back(struct crash *c)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	size_t i;

	sigemptyset(&usual.sa_mask);
	for (i = 0; i < FATAL_SIGNALS; i++)
		if (c->is_taken[i])
			(void)sigaction(fatal_signals[i], &usual, NULL);
}

/* The names of the lines that this version wrote. */
static void
read_known(struct crash *c)
{
	char line[LINE_LENGTH];
	struct stat st;
	off_t at = 0;

	if (fstat(c->fd, &st) < 0)
		return;
	/* from the first whole line of the last ones on */
	if (st.st_size > (off_t)(KNOWN_MAX * LINE_LENGTH))
		at = st.st_size - (off_t)(KNOWN_MAX * LINE_LENGTH);
	while (c->known_count < KNOWN_MAX &&
	       pread(c->fd, line, LINE_LENGTH, at) == (ssize_t)LINE_LENGTH) {
		if (memcmp(line, PREFIX, PREFIX_LENGTH) != 0 ||
		    line[LINE_LENGTH - 1] != '\n') {
			at++; /* of another version, or cut off */
			continue;
		}
		memcpy(c->known[c->known_count], line + PREFIX_LENGTH,
		    NAME_LENGTH);
		c->known[c->known_count++][NAME_LENGTH] = '\0';
		at += (off_t)LINE_LENGTH;
	}
}

struct crash *
crash_open(const char *path)
{
	struct crash *c = xcalloc(1, sizeof(*c));

	c->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
	if (c->fd >= 0)
		read_known(c);
	take_signals(c);
	return c;
}

bool
crash_is_known(const struct crash *c, const char name[SHA256_HEX_SIZE])
{
	size_t i;

	for (i = 0; i < c->known_count; i++)
		if (memcmp(c->known[i], name, NAME_LENGTH) == 0)
			return true;
	return false;
}

static void
lend_stack(struct crash_slot *slot)
{
	const stack_t stack = { .ss_sp = slot->stack, .ss_size = STACK_BYTES };

	if (sigaltstack(&stack, &slot->before) < 0)
		slot->before = (stack_t){ .ss_flags = SS_DISABLE };
}

struct crash_slot *
crash_begin(const struct crash *c, const char name[SHA256_HEX_SIZE])
{
	struct crash_slot *slot = malloc(sizeof(*slot)); /* mostly untouched */

	if (slot == NULL)
		return NULL;
	slot->fd = c->fd;
	memcpy(slot->line, PREFIX, PREFIX_LENGTH);
	memcpy(slot->line + PREFIX_LENGTH, name, NAME_LENGTH);
	slot->line[LINE_LENGTH - 1] = '\n';
	lend_stack(slot);
	atomic_store(&in_hand, slot);
	return slot;
}

void
crash_end(struct crash_slot *slot)
{
	if (slot == NULL)
		return;
	atomic_store(&in_hand, NULL);
	(void)sigaltstack(&slot->before, NULL);
	free(slot);
}

struct crash_slot *
crash_take_over(struct crash_slot *slot)
{
	return atomic_exchange(&in_hand, slot);
}

struct crash_slot *
crash_in_hand(void)
{
	return atomic_load(&in_hand);
}

void
crash_close(struct crash **c)
{
	if (*c == NULL)
		return;
	give_signals_back(*c);
	if ((*c)->fd >= 0)
		(void)close((*c)->fd);
	free(*c);
	*c = NULL;
}
