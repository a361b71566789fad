/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - tell the MTA from time to time that its mail is still being
 * worked on, so that it does not give up.
 */
#ifndef MILTER_PROGRESS_H
#define MILTER_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct milter_progress {
	void (*tell)(void *context);
	void *context;
	int64_t interval_ms;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_running, is_over; /* is_over: under lock */
};

/*
 * Call tell(context) every interval_ms, in a thread, until
 * milter_progress_stop: after it returns nothing is told any more. Works
 * without a thread, and silently, where there can be none.
 */
void milter_progress_start(struct milter_progress *p, int64_t interval_ms,
    void (*tell)(void *context), void *context);
void milter_progress_stop(struct milter_progress *p);

#endif
