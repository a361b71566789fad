/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - what every daemon needs of the system: signals, the service
 * manager, and giving up the rights of root.
 */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include <signal.h>
#include <stdbool.h>

#include "common/base/err.h"

enum daemon_event {
	DAEMON_NOTHING,
	DAEMON_STOP,   /* SIGTERM, SIGINT */
	DAEMON_RELOAD, /* SIGHUP */
};

/*
 * Block what is in *set and the signals that every daemon waits for (SIGTERM,
 * SIGINT, SIGHUP), which are added to it; SIGPIPE is ignored. For this thread
 * and all that it starts later.
 */
int daemon_signals_block(sigset_t *set, struct err *e);

/*
 * Signals come through *fd from now on, for this thread and all that it
 * starts; SIGPIPE is ignored. Call it before the first thread is started.
 */
int daemon_signals_open(int *fd, struct err *e);

/* The next one, without waiting. fd is readable when there is one. */
enum daemon_event daemon_signal_next(int fd);

/* How threads learn that they are to end: all of them look at the same one. */
struct daemon_stop {
	_Atomic bool asked;
	int fd; /* readable from then on, and never read */
};

int daemon_stop_open(struct daemon_stop *s, struct err *e);
void daemon_stop_ask(struct daemon_stop *s);
/* Also when it could not be opened. */
void daemon_stop_close(struct daemon_stop *s);

/* For the service manager; nothing at all where there is none. */
void daemon_tell_ready(void);
void daemon_tell_reloading(void);
void daemon_tell_stopping(void);
void daemon_tell_alive(void);
/* How often it wants to hear of us, for poll(2); -1: never. */
int daemon_watchdog_ms(void);

/*
 * Started as root: become the owner of the folder path, with the groups of
 * that user, for good. Nothing changes when we are not root, when the folder
 * is root's, or when there is none yet.
 */
int daemon_become_owner(const char *path, struct err *e);

#endif
