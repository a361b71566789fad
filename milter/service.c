/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - what all connections share.
 */
#include <sys/random.h>
#include <time.h>

#include "common/base/clock.h"
#include "milter/service.h"

#define ANSWER_MS 1000 /* for an answer to leave */

void
milter_service_init(struct milter_service *sv, struct pipeline *p)
{
	pthread_condattr_t attr;

	*sv = (struct milter_service){ .pipeline = p };
	pthread_mutex_init(&sv->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sv->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* ids of two runs should differ in the log; a guess will do */
	if (getrandom(&sv->next_id, sizeof(sv->next_id), GRND_NONBLOCK) < 0)
		sv->next_id = (uint32_t)clock_now();
}

void
milter_service_clear(struct milter_service *sv)
{
	pthread_cond_destroy(&sv->changed);
	pthread_mutex_destroy(&sv->lock);
}

int
milter_service_check(const struct conf *conf, struct err *e)
{
	if (conf->intake.recipients.count == 0 &&
	    conf->milter.match != CONF_MATCH_CONTENT)
		return err_set(e, ERR_CONF,
		    "[intake] recipients is not set: a milter sees everybody's "
		    "mail and must know which is ours");
	return 0;
}

uint32_t
milter_service_next_id(struct milter_service *sv)
{
	uint32_t id;

	pthread_mutex_lock(&sv->lock);
	id = sv->next_id++;
	pthread_mutex_unlock(&sv->lock);
	return id;
}

bool
milter_service_join(struct milter_service *sv)
{
	bool is_open;

	pthread_mutex_lock(&sv->lock);
	is_open = !sv->is_closed;
	sv->sessions += is_open;
	pthread_mutex_unlock(&sv->lock);
	return is_open;
}

void
milter_service_part(struct milter_service *sv)
{
	pthread_mutex_lock(&sv->lock);
	sv->sessions--;
	pthread_cond_broadcast(&sv->changed);
	pthread_mutex_unlock(&sv->lock);
}

/* Under lock: wait for a change, at most ms. */
static void
wait_change(struct milter_service *sv, int64_t ms)
{
	int64_t until_ms = clock_mono_ms() + ms;
	const struct timespec until = { .tv_sec = until_ms / 1000,
		.tv_nsec = until_ms % 1000 * 1000000 };

	(void)pthread_cond_timedwait(&sv->changed, &sv->lock, &until);
}

bool
milter_service_take(
    struct milter_service *sv, uint64_t limit, const struct deadline *d)
{
	int64_t left_ms;
	bool is_taken;

	pthread_mutex_lock(&sv->lock);
	sv->ending++;
	while (!sv->is_closed && sv->in_hand >= limit &&
	       (left_ms = deadline_left_ms(d, 60000)) > 0)
		wait_change(sv, left_ms);
	is_taken = !sv->is_closed && sv->in_hand < limit;
	sv->in_hand += is_taken;
	pthread_mutex_unlock(&sv->lock);
	return is_taken;
}

void
milter_service_done(struct milter_service *sv, bool was_taken)
{
	pthread_mutex_lock(&sv->lock);
	sv->in_hand -= was_taken;
	sv->ending--;
	sv->done_ms = clock_mono_ms();
	pthread_cond_broadcast(&sv->changed);
	pthread_mutex_unlock(&sv->lock);
}

unsigned
milter_service_wait(struct milter_service *sv)
{
	unsigned left;

	pthread_mutex_lock(&sv->lock);
	if (sv->ending > 0)
		wait_change(sv, 1000);
	left = sv->ending;
	pthread_mutex_unlock(&sv->lock);
	return left;
}

/*
 * libmilter sends an answer after our part, and nobody learns when. What is
 * sure: a peer that has left has had all of its answers, or wants none.
 */
void
milter_service_linger(struct milter_service *sv)
{
	int64_t left_ms;

	pthread_mutex_lock(&sv->lock);
	while (sv->sessions > 0 && sv->done_ms > 0 &&
	       (left_ms = sv->done_ms + ANSWER_MS - clock_mono_ms()) > 0)
		wait_change(sv, left_ms);
	pthread_mutex_unlock(&sv->lock);
}

unsigned
milter_service_close(struct milter_service *sv)
{
	unsigned left;

	pthread_mutex_lock(&sv->lock);
	sv->is_closed = true;
	left = sv->sessions;
	pthread_cond_broadcast(&sv->changed);
	pthread_mutex_unlock(&sv->lock);
	return left;
}
