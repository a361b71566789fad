/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - a thread for each mailbox of each account, and the signals.
 * in: the configuration, signals (daemon.c)    out: threads (watch.c)
 *
 * After a reload all threads end and new ones begin: what is in hand is
 * finished, and what is remembered lies in files.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/log.h"
#include "common/daemon_main.h"
#include "imap/server.h"
#include "imap/watch.h"

#define GRACE_MS (590 * 1000) /* for the mails in hand, at the end */

struct server {
	struct pipeline *pipeline; /* foreign */
	const struct imap_run *how;
	int signal_fd; /* foreign */
	int idle_fd;   /* written when the last thread ends */
	struct imap_stop stop;
	pthread_mutex_t lock;
	size_t threads; /* under lock */
	/* under lock: the worst end of all, and what became of mails */
	enum imap_end end;
	uint64_t stored, unreadable;
};

/* What a thread begins with; its own. */
struct seat {
	struct server *server; /* foreign */
	struct imap_box box;
	bool is_first; /* of all; it looks at the sinks before its mails */
};

int
imap_check_conf(const struct conf *conf, struct err *e)
{
	if (conf->imap.count > 0)
		return 0;
	return err_set(e, ERR_CONF, "there is no section [imap NAME]");
}

static void *
seat_thread(void *argument)
{
	struct seat *seat = argument;
	struct server *sr = seat->server;
	enum imap_end end;
	uint64_t one = 1;

	if (seat->is_first)
		(void)daemon_look(sr->pipeline, true);
	end = imap_watch(&seat->box);
	pthread_mutex_lock(&sr->lock);
	if (end > sr->end)
		sr->end = end;
	sr->stored += seat->box.stored;
	sr->unreadable += seat->box.unreadable;
	if (--sr->threads == 0 && write(sr->idle_fd, &one, sizeof(one)) < 0)
		log_err("cannot tell the end: %m");
	pthread_mutex_unlock(&sr->lock);
	conf_free(&seat->box.conf);
	free(seat);
	return NULL;
}

static int
start_thread(struct seat *seat)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, seat_thread, seat);
	pthread_attr_destroy(&attr);
	return rc;
}

static void
start_seat(struct server *sr, struct conf *conf,
    const struct conf_imap *account, const char *folder, bool is_first)
{
	struct seat *seat = xcalloc(1, sizeof(*seat));

	seat->server = sr;
	seat->is_first = is_first;
	seat->box = (struct imap_box){ .pipeline = sr->pipeline,
		.conf = conf_ref(conf),
		.account = account,
		.folder = folder,
		.stop = &sr->stop,
		.is_test = sr->how->is_test,
		.is_once = sr->how->is_once };
	(void)snprintf(seat->box.label, sizeof(seat->box.label), "%.60s/%.60s",
	    *account->name != '\0' ? account->name : account->user, folder);
	pthread_mutex_lock(&sr->lock);
	sr->threads++;
	pthread_mutex_unlock(&sr->lock);
	if (start_thread(seat) == 0)
		return;
	log_err("%s: cannot start a thread", seat->box.label);
	pthread_mutex_lock(&sr->lock);
	sr->threads--;
	sr->end = IMAP_END_LATER;
	pthread_mutex_unlock(&sr->lock);
	conf_free(&seat->box.conf);
	free(seat);
}

static void
start_all(struct server *sr)
{
	struct conf *conf = pipeline_hold_conf(sr->pipeline);
	const struct conf_imap *account;
	size_t i, k;

	sr->stop.asked = false;
	for (i = 0; i < conf->imap.count; i++) {
		account = conf->imap.item[i];
		for (k = 0; k < account->reports_folder.count; k++)
			start_seat(sr, conf, account,
			    account->reports_folder.item[k], i + k == 0);
	}
	conf_free(&conf);
}

static size_t
thread_count(struct server *sr)
{
	size_t n;

	pthread_mutex_lock(&sr->lock);
	n = sr->threads;
	pthread_mutex_unlock(&sr->lock);
	return n;
}

static void
ask_to_stop(struct server *sr)
{
	uint64_t one = 1;

	sr->stop.asked = true;
	if (write(sr->stop.fd, &one, sizeof(one)) < 0)
		log_err("cannot tell the threads to stop: %m");
}

static void
drain(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) > 0)
		;
}

/* All threads have ended after a reload: the new configuration's begin. */
static void
start_again(struct server *sr)
{
	drain(sr->stop.fd);
	start_all(sr);
}

/* Signals until the one to stop, or until all is read once. */
static void
serve(struct server *sr)
{
	struct pollfd p[2] = {
		{ .fd = sr->signal_fd, .events = POLLIN },
		{ .fd = sr->idle_fd, .events = POLLIN },
	};
	enum daemon_event ev;
	bool is_reloading = false;

	for (;;) {
		if (poll(p, 2, daemon_watchdog_ms()) < 0 && errno != EINTR)
			log_err("poll: %m");
		daemon_tell_alive();
		while ((ev = daemon_signal_next(sr->signal_fd)) !=
		       DAEMON_NOTHING) {
			if (ev == DAEMON_STOP)
				return;
			daemon_reload(sr->pipeline, imap_check_conf);
			ask_to_stop(sr);
			is_reloading = true;
		}
		drain(sr->idle_fd);
		if (thread_count(sr) > 0)
			continue;
		if (is_reloading)
			start_again(sr); /* a look was cut short, too */
		else if (sr->how->is_once)
			return;
		is_reloading = false;
	}
}

/* For the mails in hand. A second signal ends it. */
static bool
wait_idle(struct server *sr)
{
	struct pollfd p[2] = {
		{ .fd = sr->signal_fd, .events = POLLIN },
		{ .fd = sr->idle_fd, .events = POLLIN },
	};
	int64_t until_ms = clock_mono_ms() + GRACE_MS;
	size_t n;

	while ((n = thread_count(sr)) > 0 && clock_mono_ms() < until_ms) {
		(void)poll(p, 2, 1000);
		daemon_tell_alive();
		if (daemon_signal_next(sr->signal_fd) == DAEMON_STOP)
			break;
	}
	if (n > 0)
		log_err("%zu mailboxes are still at work and end now; their "
			"mails stay where they are",
		    n);
	return n == 0;
}

static int
exit_code_of(const struct server *sr)
{
	static const int codes[] = {
		[IMAP_END_WELL] = EX_OK,
		[IMAP_END_LATER] = EX_TEMPFAIL,
		[IMAP_END_REFUSED] = EX_NOPERM,
		[IMAP_END_CONF] = EX_CONFIG,
	};

	if (!sr->how->is_once)
		return EX_OK;
	if (sr->end == IMAP_END_WELL && sr->unreadable > 0)
		return EX_DATAERR;
	return codes[sr->end];
}

int
imap_serve(struct pipeline *p, const struct imap_run *how, int signal_fd,
    bool *is_idle, struct err *e)
{
	/* on the heap: threads that outlive their time still use it */
	struct server *sr = xcalloc(1, sizeof(*sr));
	int rc;

	*is_idle = true;
	sr->pipeline = p;
	sr->how = how;
	sr->signal_fd = signal_fd;
	pthread_mutex_init(&sr->lock, NULL);
	sr->stop.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sr->idle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sr->stop.fd < 0 || sr->idle_fd < 0)
		return err_set_errno(e, "eventfd");
	start_all(sr);
	daemon_tell_ready();
	serve(sr);
	daemon_tell_stopping();
	ask_to_stop(sr);
	if (!(*is_idle = wait_idle(sr)))
		return EX_TEMPFAIL;
	rc = exit_code_of(sr);
	(void)close(sr->stop.fd);
	(void)close(sr->idle_fd);
	pthread_mutex_destroy(&sr->lock);
	free(sr);
	return rc;
}
