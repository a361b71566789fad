/* SPDX-License-Identifier: Apache-2.0 */
/*
 * house.c - what the daemon does beside libmilter's threads. libmilter waits
 * for SIGHUP, SIGTERM and SIGINT itself, and each of them ends smfi_main: so
 * the signal to reload is SIGUSR1.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/daemon.h"
#include "common/base/log.h"
#include "common/daemon_main.h"
#include "common/daemon_replay.h"
#include "milter/house.h"

#define GRACE_S 5 /* for a waiting mail that is just being tried again */

int
milter_house_block_signals(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return daemon_signals_block(&set, e);
}

bool
milter_house_is_hurried(void)
{
	const struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return sigtimedwait(&set, NULL, &now) > 0;
}

static void *
signal_thread(void *argument)
{
	struct milter_house *h = argument;
	struct pollfd p[2] = { { .fd = h->stop.fd, .events = POLLIN },
		{ .fd = h->signal_fd, .events = POLLIN } };
	struct signalfd_siginfo info;

	while (!h->stop.asked) {
		if (poll(p, 2, daemon_watchdog_ms()) < 0 && errno != EINTR)
			log_err("poll: %m");
		daemon_tell_alive();
		if (read(h->signal_fd, &info, sizeof(info)) ==
		    (ssize_t)sizeof(info))
			daemon_reload(
			    h->service->pipeline, milter_service_check);
	}
	return NULL;
}

static void *
replay_thread(void *argument)
{
	struct milter_house *h = argument;

	daemon_replay_run(h->service->pipeline, &h->stop);
	return NULL;
}

static int
start_threads(struct milter_house *h, struct err *e)
{
	if (pthread_create(&h->signals, NULL, signal_thread, h) != 0)
		return err_set(e, ERR_TEMP, "cannot start a thread");
	if (pthread_create(&h->replay, NULL, replay_thread, h) == 0)
		return 0;
	milter_house_stop(h);
	return err_set(e, ERR_TEMP, "cannot start a thread");
}

static void
close_fds(struct milter_house *h)
{
	daemon_stop_close(&h->stop);
	if (h->signal_fd >= 0)
		(void)close(h->signal_fd);
}

int
milter_house_open(
    struct milter_house *h, struct milter_service *sv, struct err *e)
{
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	h->service = sv;
	if (daemon_stop_open(&h->stop, e) < 0)
		return -1;
	h->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	rc = h->signal_fd < 0 ? err_set_errno(e, "signals")
			      : start_threads(h, e);
	if (rc < 0)
		close_fds(h);
	return rc;
}

void
milter_house_stop(struct milter_house *h)
{
	daemon_stop_ask(&h->stop);
	(void)pthread_join(h->signals, NULL);
}

bool
milter_house_close(struct milter_house *h)
{
	const struct timespec until = { .tv_sec = time(NULL) + GRACE_S };

	if (pthread_timedjoin_np(h->replay, NULL, &until) != 0)
		return false;
	close_fds(h);
	return true;
}
