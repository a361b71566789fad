/* SPDX-License-Identifier: Apache-2.0 */
/*
 * house.h - what the daemon does beside libmilter's threads: SIGUSR1 reads
 * the configuration again, the service manager hears that we live, and
 * waiting mails are tried again.
 */
#ifndef MILTER_HOUSE_H
#define MILTER_HOUSE_H

#include <pthread.h>

#include "common/base/daemon.h"
#include "milter/service.h"

struct milter_house {
	struct milter_service *service; /* foreign */
	int signal_fd;                  /* owned */
	struct daemon_stop stop;
	pthread_t signals, replay;
};

/*
 * Block the signals that libmilter waits for (SIGHUP, SIGTERM, SIGINT) and
 * ours, for this thread and all that it starts. Before the first of them.
 */
int milter_house_block_signals(struct err *e);

int milter_house_open(
    struct milter_house *h, struct milter_service *sv, struct err *e);
/* Begin nothing new. */
void milter_house_stop(struct milter_house *h);
/* After it. False: a waiting mail is still in hand, with the pipeline. */
bool milter_house_close(struct milter_house *h);

/* Did a signal to stop arrive since libmilter stopped to wait for them? */
bool milter_house_is_hurried(void);

#endif
