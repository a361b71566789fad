/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_main.h - what the daemons' mains have in common: options, log,
 * configuration, exit code; reading the configuration again, and the look at
 * the sinks.
 */
#ifndef COMMON_DAEMON_MAIN_H
#define COMMON_DAEMON_MAIN_H

#include <stdbool.h>

#include "common/pipeline.h"

/* An option of one program, --name. */
struct daemon_flag {
	const char *name; /* NULL ends */
	const char *help;
	bool *is_on;
};

#define DAEMON_FLAGS_MAX 8

struct daemon_program {
	const char *name; /* "dmarc-intake-lmtpd" */
	/* ERR_CONF when this program cannot work with conf. */
	int (*check)(const struct conf *conf, struct err *e);
	/*
	 * Serve until the signal to stop. The log is open, conf is checked.
	 * Returns the exit code, or -1 and *e.
	 */
	int (*run)(struct conf *conf, struct err *e);
	const struct daemon_flag *flags; /* NULL: none */
};

/* All of main: -c FILE, -V, -h, then d->run. Returns the exit code. */
int daemon_main(const struct daemon_program *d, int argc, char **argv);

/*
 * Give up what a daemon needs no longer when its sockets are open: the rights
 * of root, and with the cage all but its work. Before the first thread.
 * listen: as cage_close.
 */
int daemon_give_up(const struct conf *conf, const char *listen, struct err *e);

/*
 * Warn of what makes records unsafe at the servers behind the sinks, and,
 * with tells_silence, of those that do not answer. False: one did not. Takes
 * as long as they do: 10 s where one is silent.
 */
bool daemon_look(struct pipeline *p, bool tells_silence);

/*
 * The signal to reload came: read the configuration again, check it, and let
 * the pipeline and the log use it (pipeline_hold_conf gives it to others). Or
 * it stays as it was; the log tells either, and so do we the service manager.
 */
void daemon_reload(
    struct pipeline *p, int (*check)(const struct conf *conf, struct err *e));

#endif
