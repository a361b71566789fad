/* SPDX-License-Identifier: Apache-2.0 */
/*
 * house.h - what the daemon does beside libmilter's threads: SIGUSR1 reads
 * the configuration again, and the service manager hears that we live.
 */
#ifndef MILTER_HOUSE_H
#define MILTER_HOUSE_H

#include <pthread.h>

#include "milter/service.h"

struct milter_house {
	struct milter_service *service; /* foreign */
	int signal_fd, stop_fd;         /* owned */
	pthread_t thread;
};

/*
 * Block the signals that libmilter waits for (SIGHUP, SIGTERM, SIGINT) and
 * ours, for this thread and all that it starts. Before the first of them.
 */
int milter_house_block_signals(struct err *e);

int milter_house_open(
    struct milter_house *h, struct milter_service *sv, struct err *e);
void milter_house_close(struct milter_house *h);

/* Did a signal to stop arrive since libmilter stopped to wait for them? */
bool milter_house_is_hurried(void);

#endif
