/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.c - who wants to know names: the cache, and waiting for what is not
 * in it. resolver_query.c asks.
 *
 * An address is asked for once, whoever wants it (single flight): its entry is
 * pending, and each message that wants it hangs a waiter on it. A resolver
 * that answers nobody is dead: nobody waits for it any more, and from time to
 * time one address is asked for to see whether it is back. Where some answers
 * do not come, each wait in vain halves those that follow, to an eighth.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/enrich/resolver_internal.h"

#define PROBE_MS 15000 /* between two looks at a dead resolver */
#define GIVEN_UP_MS 60000
#define DEAD_MS 1000 /* a shorter silence says nothing */
#define IN_VAIN_MAX 3

struct resolver *
resolver_new(const struct conf_enrich *conf)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	r->conf = conf;
	r->cache = name_cache_new((size_t)conf->cache_size);
	r->wake = -1;
	TAILQ_INIT(&r->front);
	TAILQ_INIT(&r->background);
	LIST_INIT(&r->asks);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

/* Under the lock. Signals are for those who were there before. */
static void
start_thread(struct resolver *r)
{
	sigset_t all, before;

	if (r->wake < 0)
		r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r->is_started = r->wake >= 0 && pthread_create(&r->thread, NULL,
					    resolver_thread, r) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!r->is_started)
		resolver_give_up(r);
}

/* Under the lock. */
static void
wake_thread(struct resolver *r)
{
	const uint64_t one = 1;

	if (r->is_started)
		(void)!write(r->wake, &one, sizeof(one));
	else
		start_thread(r);
}

static struct name_queue *
queue_of(struct resolver *r, const struct name_entry *entry)
{
	return entry->in_background ? &r->background : &r->front;
}

void
resolver_unqueue(struct resolver *r, struct name_entry *entry)
{
	if (!entry->is_queued)
		return;
	TAILQ_REMOVE(queue_of(r, entry), entry, link);
	entry->is_queued = false;
}

static void
enqueue(struct resolver *r, struct name_entry *entry, bool in_background)
{
	resolver_unqueue(r, entry);
	entry->in_background = in_background;
	entry->is_queued = true;
	TAILQ_INSERT_TAIL(queue_of(r, entry), entry, link);
}

static void
waiter_free(struct name_waiter *w)
{
	LIST_REMOVE(w, of_entry);
	LIST_REMOVE(w, of_ask);
	free(w);
}

void
resolver_settle(
    struct resolver *r, struct name_entry *entry, int64_t lifetime_ms)
{
	struct name_waiter *w;
	struct ask *ask;

	resolver_unqueue(r, entry);
	name_cache_settle(r->cache, entry, clock_mono_ms() + lifetime_ms);
	while ((w = LIST_FIRST(&entry->waiters)) != NULL) {
		ask = w->ask;
		waiter_free(w);
		if (LIST_EMPTY(&ask->waiters))
			pthread_cond_signal(&ask->done);
	}
}

void
resolver_give_up(struct resolver *r)
{
	struct name_queue *const queues[] = { &r->front, &r->background };
	struct name_entry *entry;
	struct ask *ask;
	size_t i;

	r->count.is_dead = true;
	r->probe_ms = clock_mono_ms() + PROBE_MS;
	for (i = 0; i < 2; i++)
		while ((entry = TAILQ_FIRST(queues[i])) != NULL)
			resolver_settle(r, entry, GIVEN_UP_MS);
	LIST_FOREACH(ask, &r->asks, link)
	pthread_cond_signal(&ask->done);
}

struct ask *
ask_new(struct resolver *r)
{
	struct ask *ask = xcalloc(1, sizeof(*ask));
	pthread_condattr_t attr;

	ask->resolver = r;
	LIST_INIT(&ask->waiters);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ask->done, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_lock(&r->lock);
	LIST_INSERT_HEAD(&r->asks, ask, link);
	pthread_mutex_unlock(&r->lock);
	return ask;
}

/* Wait for entry too, unless this message does already. */
static void
hang_on(struct ask *ask, struct name_entry *entry)
{
	struct name_waiter *w;

	LIST_FOREACH(w, &entry->waiters, of_entry)
	if (w->ask == ask)
		return;
	w = xcalloc(1, sizeof(*w));
	w->ask = ask;
	w->entry = entry;
	LIST_INSERT_HEAD(&entry->waiters, w, of_entry);
	LIST_INSERT_HEAD(&ask->waiters, w, of_ask);
}

/* Is anybody to be asked? A dead resolver gets one question now and then. */
static bool
may_ask(struct resolver *r, int64_t now)
{
	if (!r->count.is_dead)
		return true;
	if (now < r->probe_ms)
		return false;
	r->probe_ms = now + PROBE_MS;
	return true;
}

void
ask_add(struct ask *ask, const struct address *a)
{
	struct resolver *r = ask->resolver;
	struct name_entry *entry;
	int64_t now = clock_mono_ms();

	pthread_mutex_lock(&r->lock);
	entry = name_cache_find(r->cache, a);
	if (entry != NULL && entry->state == NAME_SETTLED &&
	    entry->expires_ms > now)
		goto out;
	if ((entry == NULL || entry->state == NAME_SETTLED) && !may_ask(r, now))
		goto out;
	if (entry == NULL && (entry = name_cache_add(r->cache, a)) == NULL)
		goto out;
	if (entry->state != NAME_PENDING) {
		name_cache_pend(r->cache, entry);
		enqueue(r, entry, false);
		ask->added++;
	} else if (entry->is_queued && entry->in_background) {
		enqueue(r, entry, false);
	}
	if (!r->count.is_dead)
		hang_on(ask, entry);
out:
	pthread_mutex_unlock(&r->lock);
}

/* Under the lock. This message is not there any more. */
static void
let_go(struct ask *ask)
{
	struct name_waiter *w;
	struct name_entry *entry;

	while ((w = LIST_FIRST(&ask->waiters)) != NULL) {
		entry = w->entry;
		waiter_free(w);
		if (entry->is_queued && LIST_EMPTY(&entry->waiters))
			enqueue(ask->resolver, entry, true);
	}
}

/* Under the lock. */
static void
wait_for_all(struct ask *ask, int64_t end_ms)
{
	const struct timespec end = { .tv_sec = end_ms / 1000,
		.tv_nsec = end_ms % 1000 * 1000000 };

	while (!LIST_EMPTY(&ask->waiters) && !ask->resolver->count.is_dead)
		if (pthread_cond_timedwait(
			&ask->done, &ask->resolver->lock, &end) != 0)
			break;
}

/*
 * Under the lock. A whole budget was there from begin_ms on: what of it? Of
 * the waits that were halved some together make a silence that says something.
 */
static void
learn(struct ask *ask, int64_t begin_ms)
{
	struct resolver *r = ask->resolver;

	if (LIST_EMPTY(&ask->waiters)) {
		r->in_vain -= r->in_vain > 0;
		return;
	}
	r->in_vain += r->in_vain < IN_VAIN_MAX;
	if (r->answered_ms >= begin_ms)
		return;
	if (r->quiet_ms <= r->answered_ms) /* not a word, for the first time */
		r->quiet_ms = begin_ms;
	if (clock_mono_ms() - r->quiet_ms >= DEAD_MS)
		resolver_give_up(r);
}

int64_t
ask_wait(struct ask *ask, int64_t left_ms)
{
	struct resolver *r = ask->resolver;
	int64_t begin_ms = clock_mono_ms();

	pthread_mutex_lock(&r->lock);
	if (ask->added > 0 || !LIST_EMPTY(&ask->waiters))
		wake_thread(r);
	ask->added = 0;
	if (!LIST_EMPTY(&ask->waiters) && !r->count.is_dead) {
		wait_for_all(ask, begin_ms + (left_ms >> r->in_vain));
		if (left_ms >= DEAD_MS && !r->count.is_dead)
			learn(ask, begin_ms);
	}
	let_go(ask);
	pthread_mutex_unlock(&r->lock);
	return clock_mono_ms() - begin_ms;
}

void
ask_free(struct ask **ask)
{
	struct resolver *r;

	if (*ask == NULL)
		return;
	r = (*ask)->resolver;
	pthread_mutex_lock(&r->lock);
	let_go(*ask);
	LIST_REMOVE(*ask, link);
	pthread_mutex_unlock(&r->lock);
	pthread_cond_destroy(&(*ask)->done);
	free(*ask);
	*ask = NULL;
}

bool
resolver_name_of(struct resolver *r, const struct address *a,
    char name[ANSWER_NAME_SIZE], int *confirmed)
{
	struct name_entry *entry;
	bool has_name = false;

	pthread_mutex_lock(&r->lock);
	if ((entry = name_cache_find(r->cache, a)) != NULL &&
	    entry->name != NULL) {
		has_name = true;
		*confirmed = entry->confirmed;
		memcpy(name, entry->name, strlen(entry->name) + 1);
	}
	if (entry != NULL)
		name_cache_touch(r->cache, entry);
	pthread_mutex_unlock(&r->lock);
	return has_name;
}

void
resolver_count(struct resolver *r, struct resolver_count *n)
{
	pthread_mutex_lock(&r->lock);
	*n = r->count;
	n->cached = name_cache_count(r->cache);
	pthread_mutex_unlock(&r->lock);
}

void
resolver_close(struct resolver **r)
{
	struct resolver *rs = *r;

	if (rs == NULL)
		return;
	pthread_mutex_lock(&rs->lock);
	rs->is_closing = true;
	if (rs->is_started)
		wake_thread(rs);
	pthread_mutex_unlock(&rs->lock);
	if (rs->is_started)
		pthread_join(rs->thread, NULL);
	if (rs->wake >= 0)
		(void)close(rs->wake);
	name_cache_free(&rs->cache);
	pthread_mutex_destroy(&rs->lock);
	free(rs);
	*r = NULL;
}
