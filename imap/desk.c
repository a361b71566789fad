/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desk.c - mails that are in hand.
 * in: mails (fetch.c)    out: what became of them (settle.c)
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "imap/desk.h"

/* For each thread one that it works on, and one that waits for it. */
#define MAILS_FOR_THREAD 2

struct queue {
	struct imap_mail *first, **end;
};

struct imap_desk {
	struct pipeline *pipeline; /* foreign */
	const struct conf_imap *account;
	pthread_mutex_t lock;
	pthread_cond_t is_handed, is_judged;
	struct queue handed, judged; /* under lock */
	size_t in_hand;              /* under lock */
	bool is_closed;              /* under lock */
	pthread_t *threads;
	size_t thread_count;
};

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void
queue_add(struct queue *q, struct imap_mail *mail)
{
	mail->next = NULL;
	*q->end = mail;
	q->end = &mail->next;
}

static struct imap_mail *
queue_take(struct queue *q)
{
	struct imap_mail *mail = q->first;

	if (mail != NULL && (q->first = mail->next) == NULL)
		q->end = &q->first;
	return mail;
}

/* Past the limit a mail is not read: kept, which here is to be moved apart. */
static void
judge(struct imap_desk *d, struct imap_mail *mail)
{
	const struct envelope env = { .transport = "imap",
		.session = mail->session,
		.received = clock_now() };
	int64_t start_ms = clock_mono_ms();
	struct outcome *o = &mail->outcome;
	struct deadline deadline;

	if (mail->trouble.kind == ERR_LIMIT) {
		pipeline_keep(
		    d->pipeline, &env, &mail->bytes, &mail->trouble, o);
	} else if (mail->trouble.kind != ERR_NONE) {
		*o = (struct outcome){ .why = mail->trouble,
			.verdict = verdict_of_trouble(&mail->trouble) };
	} else {
		/* nobody waits: what makes progress goes on */
		deadline_start(
		    &deadline, 0, d->account->progress_timeout_s * 1000);
		pipeline_run(d->pipeline, &env, &mail->bytes, &deadline, o);
	}
	spill_clear(&mail->bytes);
	mail->ms = clock_mono_ms() - start_ms;
}

static void *
worker(void *argument)
{
	struct imap_desk *d = argument;
	struct imap_mail *mail;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		while ((mail = queue_take(&d->handed)) == NULL && !d->is_closed)
			pthread_cond_wait(&d->is_handed, &d->lock);
		if (mail == NULL)
			break;
		pthread_mutex_unlock(&d->lock);
		judge(d, mail);
		pthread_mutex_lock(&d->lock);
		queue_add(&d->judged, mail);
		pthread_cond_signal(&d->is_judged);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

struct imap_desk *
imap_desk_new(
    struct pipeline *p, const struct conf_imap *account, struct err *e)
{
	struct imap_desk *d = xcalloc(1, sizeof(*d));
	pthread_condattr_t attr;

	d->pipeline = p;
	d->account = account;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->is_handed, &attr);
	pthread_cond_init(&d->is_judged, &attr);
	pthread_condattr_destroy(&attr);
	queue_init(&d->handed);
	queue_init(&d->judged);
	d->threads = xcalloc(account->mails, sizeof(*d->threads));
	for (; d->thread_count < account->mails; d->thread_count++) {
		if (pthread_create(
			&d->threads[d->thread_count], NULL, worker, d) == 0)
			continue;
		imap_desk_free(&d);
		(void)err_set(e, ERR_TEMP, "cannot start a thread");
		break;
	}
	return d;
}

struct imap_mail *
imap_desk_mail(struct imap_desk *d)
{
	struct imap_mail *mail = xcalloc(1, sizeof(*mail));

	pipeline_mail_init(d->pipeline, &mail->bytes);
	return mail;
}

void
imap_mail_free(struct imap_mail **mail)
{
	if (*mail == NULL)
		return;
	spill_clear(&(*mail)->bytes);
	free(*mail);
	*mail = NULL;
}

size_t
imap_desk_in_hand(struct imap_desk *d)
{
	size_t n;

	pthread_mutex_lock(&d->lock);
	n = d->in_hand;
	pthread_mutex_unlock(&d->lock);
	return n;
}

bool
imap_desk_is_full(struct imap_desk *d)
{
	return imap_desk_in_hand(d) >= d->thread_count * MAILS_FOR_THREAD;
}

void
imap_desk_hand(struct imap_desk *d, struct imap_mail *mail)
{
	pthread_mutex_lock(&d->lock);
	d->in_hand++;
	queue_add(&d->handed, mail);
	pthread_cond_signal(&d->is_handed);
	pthread_mutex_unlock(&d->lock);
}

struct imap_mail *
imap_desk_take(struct imap_desk *d, int64_t wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	const struct timespec ts = { .tv_sec = until / 1000,
		.tv_nsec = until % 1000 * 1000000L };
	struct imap_mail *mail;

	pthread_mutex_lock(&d->lock);
	while ((mail = queue_take(&d->judged)) == NULL && d->in_hand > 0 &&
	       wait_ms > 0 && clock_mono_ms() < until)
		(void)pthread_cond_timedwait(&d->is_judged, &d->lock, &ts);
	if (mail != NULL)
		d->in_hand--;
	pthread_mutex_unlock(&d->lock);
	return mail;
}

void
imap_desk_free(struct imap_desk **d)
{
	struct imap_mail *mail;
	size_t i;

	if (*d == NULL)
		return;
	pthread_mutex_lock(&(*d)->lock);
	(*d)->is_closed = true;
	pthread_cond_broadcast(&(*d)->is_handed);
	pthread_mutex_unlock(&(*d)->lock);
	for (i = 0; i < (*d)->thread_count; i++)
		(void)pthread_join((*d)->threads[i], NULL);
	while ((mail = queue_take(&(*d)->judged)) != NULL)
		imap_mail_free(&mail);
	pthread_cond_destroy(&(*d)->is_handed);
	pthread_cond_destroy(&(*d)->is_judged);
	pthread_mutex_destroy(&(*d)->lock);
	free((*d)->threads);
	free(*d);
	*d = NULL;
}
