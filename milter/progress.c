/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - tell the MTA that its mail is still being worked on. The end
 * of message call waits in the pipeline meanwhile, so this thread is the only
 * one that writes to the MTA until it has been joined.
 */
#include <errno.h>
#include <time.h>

#include "common/base/clock.h"
#include "milter/progress.h"

static void *
progress_thread(void *argument)
{
	struct milter_progress *p = argument;
	struct timespec until;
	int64_t at_ms = clock_mono_ms();
	bool is_over;

	do {
		at_ms += p->interval_ms;
		until.tv_sec = at_ms / 1000;
		until.tv_nsec = at_ms % 1000 * 1000000;
		pthread_mutex_lock(&p->lock);
		while (!p->is_over && pthread_cond_timedwait(&p->changed,
					  &p->lock, &until) != ETIMEDOUT)
			;
		is_over = p->is_over;
		pthread_mutex_unlock(&p->lock);
		if (!is_over)
			p->tell(p->context);
	} while (!is_over);
	return NULL;
}

void
milter_progress_start(struct milter_progress *p, int64_t interval_ms,
    void (*tell)(void *context), void *context)
{
	pthread_condattr_t attr;

	*p = (struct milter_progress){
		.tell = tell, .context = context, .interval_ms = interval_ms
	};
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attr);
	pthread_condattr_destroy(&attr);
	p->is_running =
	    pthread_create(&p->thread, NULL, progress_thread, p) == 0;
}

void
milter_progress_stop(struct milter_progress *p)
{
	pthread_mutex_lock(&p->lock);
	p->is_over = true;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
	if (p->is_running)
		(void)pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
}
