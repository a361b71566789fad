/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.c - remember which mail ended the process.
 * in: a thread's mail, a fatal signal    out: a line of the file
 *
 * A line is the version, a space, and the name. The handler may do little:
 * it finds its thread among the slots and writes the line that is ready there.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/crash.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unreleased"
#endif

#define SLOTS 256 /* mails in hand at the same time */
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

enum slot_state { SLOT_FREE, SLOT_CLAIMED, SLOT_IN_HAND };

struct crash_slot {
	_Atomic int state;
	pthread_t thread;
	char line[LINE_LENGTH];
	char *stack;    /* STACK_BYTES, of the mapping */
	stack_t before; /* what the thread had */
};

struct crash {
	int fd; /* -1: nothing can be remembered */
	char *stacks;
	struct crash_slot slots[SLOTS];
	bool is_taken[FATAL_SIGNALS];
	size_t known_count;
	char known[KNOWN_MAX][SHA256_HEX_SIZE];
};

/* A signal handler gets no argument. */
static struct crash *_Atomic active;

/* In the handler: what signal-safety(7) lists, and nothing else. */
static void
remember(const struct crash *c, const struct crash_slot *slot)
{
	if (write(c->fd, slot->line, LINE_LENGTH) == (ssize_t)LINE_LENGTH)
		(void)fsync(c->fd);
}

static void
on_fatal_signal(int signal_number)
{
	struct crash *c = atomic_load(&active);
	size_t i;

	for (i = 0; c != NULL && c->fd >= 0 && i < SLOTS; i++)
		if (atomic_load(&c->slots[i].state) == SLOT_IN_HAND &&
		    pthread_equal(c->slots[i].thread, pthread_self()))
			remember(c, &c->slots[i]);
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

static void
make_slots(struct crash *c)
{
	size_t i;

	c->stacks = mmap(NULL, SLOTS * STACK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	for (i = 0; i < SLOTS; i++) {
		memcpy(c->slots[i].line, PREFIX, PREFIX_LENGTH);
		c->slots[i].line[LINE_LENGTH - 1] = '\n';
		if (c->stacks != MAP_FAILED)
			c->slots[i].stack = c->stacks + i * STACK_BYTES;
	}
}

struct crash *
crash_open(const char *path)
{
	struct crash *c = xcalloc(1, sizeof(*c));

	make_slots(c);
	c->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
	if (c->fd >= 0)
		read_known(c);
	atomic_store(&active, c);
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

	if (sigaltstack(slot->stack != NULL ? &stack : NULL, &slot->before) < 0)
		slot->before = (stack_t){ .ss_flags = SS_DISABLE };
}

struct crash_slot *
crash_begin(struct crash *c, const char name[SHA256_HEX_SIZE])
{
	struct crash_slot *slot;
	size_t i;
	int is_free;

	for (i = 0; i < SLOTS; i++) {
		slot = &c->slots[i];
		is_free = SLOT_FREE;
		if (!atomic_compare_exchange_strong(
			&slot->state, &is_free, SLOT_CLAIMED))
			continue;
		slot->thread = pthread_self();
		memcpy(slot->line + PREFIX_LENGTH, name, NAME_LENGTH);
		lend_stack(slot);
		atomic_store(&slot->state, SLOT_IN_HAND);
		return slot;
	}
	return NULL;
}

void
crash_end(struct crash_slot *slot)
{
	if (slot == NULL)
		return;
	(void)sigaltstack(&slot->before, NULL);
	atomic_store(&slot->state, SLOT_FREE);
}

void
crash_close(struct crash **c)
{
	if (*c == NULL)
		return;
	give_signals_back(*c);
	atomic_store(&active, NULL);
	if ((*c)->stacks != MAP_FAILED)
		(void)munmap((*c)->stacks, SLOTS * STACK_BYTES);
	if ((*c)->fd >= 0)
		(void)close((*c)->fd);
	free(*c);
	*c = NULL;
}
