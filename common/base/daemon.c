/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.c - signals, the service manager, and giving up the rights of root.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "common/base/clock.h"
#include "common/base/daemon.h"

int
daemon_signals_block(sigset_t *set, struct err *e)
{
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return err_set_errno(e, "signals");
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return err_set_errno(e, "signals");
	return 0;
}

int
daemon_signals_open(int *fd, struct err *e)
{
	sigset_t set;
	int new_fd;

	sigemptyset(&set);
	if (daemon_signals_block(&set, e) < 0)
		return -1;
	if ((new_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return err_set_errno(e, "signalfd");
	*fd = new_fd;
	return 0;
}

enum daemon_event
daemon_signal_next(int fd)
{
	struct signalfd_siginfo info;
	ssize_t n;

	do {
		n = read(fd, &info, sizeof(info));
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(info))
		return DAEMON_NOTHING;
	return info.ssi_signo == SIGHUP ? DAEMON_RELOAD : DAEMON_STOP;
}

int
daemon_stop_open(struct daemon_stop *s, struct err *e)
{
	s->asked = false;
	if ((s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return err_set_errno(e, "eventfd");
	return 0;
}

void
daemon_stop_ask(struct daemon_stop *s)
{
	s->asked = true;
	(void)eventfd_write(s->fd, 1); /* can only fail when it is full */
}

void
daemon_stop_close(struct daemon_stop *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

#ifdef HAVE_SYSTEMD
void
daemon_tell_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void
daemon_tell_reloading(void)
{
	/* Type=notify-reload wants to know since when */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)clock_mono_ms() * 1000);
}

void
daemon_tell_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void
daemon_tell_alive(void)
{
	if (daemon_watchdog_ms() >= 0)
		(void)sd_notify(0, "WATCHDOG=1");
}

int
daemon_watchdog_ms(void)
{
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return -1;
	usec /= 2000; /* twice as often as it must be */
	return usec > INT32_MAX ? INT32_MAX : (int)usec;
}
#else
void
daemon_tell_ready(void)
{
}

void
daemon_tell_reloading(void)
{
}

void
daemon_tell_stopping(void)
{
}

void
daemon_tell_alive(void)
{
}

int
daemon_watchdog_ms(void)
{
	return -1;
}
#endif

/* The groups that the user is in, or none but the folder's. */
static int
take_groups(uid_t uid, gid_t gid, struct err *e)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	(void)getpwuid_r(uid, &pw, room, sizeof(room), &found);
	if (found != NULL) {
		if (initgroups(pw.pw_name, pw.pw_gid) < 0)
			return err_set_errno(e, "groups of %s", pw.pw_name);
		gid = pw.pw_gid;
	} else if (setgroups(1, &gid) < 0) {
		return err_set_errno(e, "groups of user %u", (unsigned)uid);
	}
	if (setgid(gid) < 0)
		return err_set_errno(e, "group %u", (unsigned)gid);
	return 0;
}

int
daemon_become_owner(const char *path, struct err *e)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (stat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_set_errno(e, "%s", path);
	}
	if (st.st_uid == 0)
		return 0;
	if (take_groups(st.st_uid, st.st_gid, e) < 0)
		return err_add(e, "cannot become the owner of %s", path);
	if (setuid(st.st_uid) < 0) {
		err_set_errno(e, "user %u", (unsigned)st.st_uid);
		return err_add(e, "cannot become the owner of %s", path);
	}
	if (setuid(0) == 0) /* must not be possible any more */
		return err_set(e, ERR_TEMP,
		    "cannot give up the rights of root for %s", path);
	return 0;
}
