/* SPDX-License-Identifier: Apache-2.0 */
/*
 * house.c - what the daemon does beside libmilter's threads. libmilter waits
 * for SIGHUP, SIGTERM and SIGINT itself, and each of them ends smfi_main: so
 * the signal to reload is SIGUSR1.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/daemon.h"
#include "common/base/log.h"
#include "common/daemon_main.h"
#include "milter/house.h"

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
house_thread(void *argument)
{
	struct milter_house *h = argument;
	struct pollfd p[2] = { { .fd = h->stop_fd, .events = POLLIN },
		{ .fd = h->signal_fd, .events = POLLIN } };
	struct signalfd_siginfo info;

	while (p[0].revents == 0) {
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

int
milter_house_open(
    struct milter_house *h, struct milter_service *sv, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	h->service = sv;
	h->stop_fd = eventfd(0, EFD_CLOEXEC);
	h->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->stop_fd < 0 || h->signal_fd < 0) {
		err_set_errno(e, "signals");
	} else if (pthread_create(&h->thread, NULL, house_thread, h) != 0) {
		err_set(e, ERR_TEMP, "cannot start a thread");
	} else {
		return 0;
	}
	if (h->stop_fd >= 0)
		(void)close(h->stop_fd);
	if (h->signal_fd >= 0)
		(void)close(h->signal_fd);
	return -1;
}

void
milter_house_close(struct milter_house *h)
{
	if (eventfd_write(h->stop_fd, 1) < 0)
		log_err("cannot stop a thread: %m");
	else
		(void)pthread_join(h->thread, NULL);
	(void)close(h->stop_fd);
	(void)close(h->signal_fd);
}
